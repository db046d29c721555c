/* A processor that has state, memory and MSRs and executes nothing: what drives the VMX engine in its tests. */
#ifndef VMXSIM_TESTS_FAKE_VMX_CPU_H
#define VMXSIM_TESTS_FAKE_VMX_CPU_H

#include "tests/cmocka_main.h"

#include <string.h>

#include "cpu/registers.h"
#include "cpu/vectors.h"
#include "vmxsim/vmxsim.h"

enum {
  FAKE_MEMORY = 0x100000,
  FAKE_MSRS = 32,
  VMXON_REGION = 0x80000,
  VMCS_A = 0x81000,
  VMCS_B = 0x82000,
  STORE_AREA = 0x83000,
  EXIT_LOAD_AREA = 0x84000,
  ENTRY_LOAD_AREA = 0x85000,
  BITMAP_A = 0x86000,
  BITMAP_B = 0x87000,
  BITMAP_MSR = 0x88000,
};

struct fake_cpu {
  struct vmxsim_state state;
  struct vmxsim_vmx vmx;
  struct vmxsim_capabilities capabilities;
  uint8_t memory[FAKE_MEMORY];
  struct {
    uint32_t index;
    uint64_t value;
  } msr[FAKE_MSRS];
  size_t msr_count;
  uint64_t tsc;
  bool a20_masked;
  unsigned replaced, flushed;         /* calls of state_replaced() */
  unsigned delivered;                 /* calls of deliver() */
  struct vmxsim_vmx_event event;      /* the last one delivered */
  struct vmxsim_vmx_exit nested_exit; /* deliver() ends in this exit if `nested` */
  bool nested;
  unsigned traced[5]; /* by kind */
  struct vmxsim_vmx_trace last_trace;
  /* The memory operand of an instruction */
  uint8_t operand[16];
  bool operand_faults;
  struct vmxsim_vmx_fault fault;
};

static inline void fake_read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct fake_cpu *cpu = context;
  memset(bytes, 0xff, size);
  if (address < FAKE_MEMORY && size <= FAKE_MEMORY - address) memcpy(bytes, cpu->memory + address, size);
}

static inline void fake_write_memory(void *context, uint64_t address, const void *bytes, size_t size) {
  struct fake_cpu *cpu = context;
  if (address < FAKE_MEMORY && size <= FAKE_MEMORY - address) memcpy(cpu->memory + address, bytes, size);
}

static inline uint64_t *fake_msr(struct fake_cpu *cpu, uint32_t index) {
  for (size_t i = 0; i < cpu->msr_count; i++) {
    if (cpu->msr[i].index == index) return &cpu->msr[i].value;
  }
  return NULL;
}

static inline void fake_add_msr(struct fake_cpu *cpu, uint32_t index, uint64_t value) {
  assert_true(cpu->msr_count < FAKE_MSRS);
  cpu->msr[cpu->msr_count].index = index;
  cpu->msr[cpu->msr_count++].value = value;
}

static inline bool fake_read_msr(void *context, uint32_t index, uint64_t *value) {
  const uint64_t *found = fake_msr(context, index);
  if (found) *value = *found;
  return found != NULL;
}

static inline bool fake_write_msr(void *context, uint32_t index, uint64_t value) {
  uint64_t *found = fake_msr(context, index);
  if (found) *found = value;
  return found != NULL;
}

static inline uint64_t fake_tsc(void *context) {
  return ((const struct fake_cpu *)context)->tsc;
}

static inline void fake_state_replaced(void *context, bool flush) {
  struct fake_cpu *cpu = context;
  cpu->replaced++;
  cpu->flushed += flush;
}

static inline void fake_deliver(void *context, const struct vmxsim_vmx_event *event) {
  struct fake_cpu *cpu = context;
  cpu->delivered++;
  cpu->event = *event;
  if (cpu->nested) vmxsim_vmx_exit(&cpu->vmx, &cpu->nested_exit);
}

static inline bool fake_a20_masked(void *context) {
  return ((const struct fake_cpu *)context)->a20_masked;
}

static inline void fake_trace(void *context, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_trace *what) {
  struct fake_cpu *cpu = context;
  (void)vmx;
  cpu->traced[what->kind]++;
  cpu->last_trace = *what;
}

static const struct vmxsim_vmx_port fake_port = {
    .size = sizeof(struct vmxsim_vmx_port),
    .read_memory = fake_read_memory,
    .write_memory = fake_write_memory,
    .read_msr = fake_read_msr,
    .write_msr = fake_write_msr,
    .tsc = fake_tsc,
    .state_replaced = fake_state_replaced,
    .deliver = fake_deliver,
    .a20_masked = fake_a20_masked,
    .trace = fake_trace,
};

static inline void fake_put(struct fake_cpu *cpu, uint64_t address, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) cpu->memory[address + i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t fake_get(const struct fake_cpu *cpu, uint64_t address, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)cpu->memory[address + i] << (8 * i);
  return value;
}

static inline bool fake_read_operand(void *operand, void *value, size_t bytes) {
  struct fake_cpu *cpu = operand;
  if (!cpu->operand_faults) memcpy(value, cpu->operand, bytes);
  return !cpu->operand_faults;
}

static inline bool fake_write_operand(void *operand, const void *value, size_t bytes) {
  struct fake_cpu *cpu = operand;
  if (!cpu->operand_faults) memcpy(cpu->operand, value, bytes);
  return !cpu->operand_faults;
}

static inline uint64_t fake_operand(const struct fake_cpu *cpu) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) value |= (uint64_t)cpu->operand[i] << (8 * i);
  return value;
}

/* Executes; `operand` is the memory operand, `value` the register operand. */
static inline enum vmxsim_vmx_result fake_execute(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode, uint64_t operand,
                                                  uint64_t value) {
  const struct vmxsim_vmx_instruction instruction = {
      .opcode = opcode,
      .operand_bits = 64,
      .register_value = value,
      .length = 3,
      .qualification = 0x55,
      .instruction_information = 0x77,
      .read = fake_read_operand,
      .write = fake_write_operand,
      .operand = cpu,
  };
  for (unsigned i = 0; i < 8; i++) cpu->operand[i] = (uint8_t)(operand >> (8 * i));
  return vmxsim_vmx_execute(&cpu->vmx, &instruction, &cpu->fault);
}

static inline uint64_t fake_vmread(struct fake_cpu *cpu, vmxsim_field field) {
  assert_int_equal(fake_execute(cpu, VMXSIM_VMREAD, 0, vmxsim_field_encoding(field)), VMXSIM_VMX_DONE);
  assert_int_equal(cpu->state.rflags & RFLAGS_ARITHMETIC, 0);
  return fake_operand(cpu);
}

static inline void fake_vmwrite(struct fake_cpu *cpu, vmxsim_field field, uint64_t value) {
  assert_int_equal(fake_execute(cpu, VMXSIM_VMWRITE, value, vmxsim_field_encoding(field)), VMXSIM_VMX_DONE);
  assert_int_equal(cpu->state.rflags & RFLAGS_ARITHMETIC, 0);
}
#define VMREAD(cpu, field) fake_vmread((cpu), VMXSIM_FIELD_##field)
#define VMWRITE(cpu, field, value) fake_vmwrite((cpu), VMXSIM_FIELD_##field, (value))
/* Sets bits that controls.def names. */
#define SET_CONTROL(cpu, word, field, name) \
  VMWRITE((cpu), field, VMREAD((cpu), field) | BIT(VMXSIM_BIT_##word##_##name))
#define SET_PIN(cpu, name) SET_CONTROL(cpu, pin_based, pin_based_vm_execution_controls, name)
#define SET_PRIMARY(cpu, name) SET_CONTROL(cpu, primary, primary_processor_based_vm_execution_controls, name)
#define SET_SECONDARY(cpu, name) \
  do { \
    SET_PRIMARY(cpu, activate_secondary_controls); \
    SET_CONTROL(cpu, secondary, secondary_processor_based_vm_execution_controls, name); \
  } while (0)
#define SET_ENTRY(cpu, name) SET_CONTROL(cpu, vm_entry, vm_entry_controls, name)
#define SET_EXIT(cpu, name) SET_CONTROL(cpu, vm_exit, vm_exit_controls, name)

/* A 64-bit kernel outside VMX operation, ready for VMXON. */
static inline void fake_reset(struct fake_cpu *cpu, const char *processor) {
  memset(cpu, 0, sizeof *cpu);
  const struct vmxsim_profile *profile = vmxsim_profile_find(processor, strlen(processor));
  assert_non_null(profile);
  cpu->capabilities = profile->capabilities;
  cpu->state = (struct vmxsim_state){
      .rip = 0x1000,
      .rflags = 2 | RFLAGS_ARITHMETIC,
      .cr0 = 0x80050033,
      .cr3 = 0x11000,
      .cr4 = CR4_PAE | CR4_VMXE,
      .efer = EFER_LMA | EFER_LME,
      .feature_control = 5,
      .apic_base = 0xfee00900,
      .dr7 = 0x400,
  };
  cpu->state.segment[VMXSIM_CS] = (struct vmxsim_segment){.selector = 8, .access_rights = 0xa09b, .limit = UINT32_MAX};
  cpu->state.segment[VMXSIM_SS] = (struct vmxsim_segment){.selector = 16, .access_rights = 0xc093, .limit = UINT32_MAX};
  vmxsim_vmx_init(&cpu->vmx, &cpu->state, &cpu->capabilities, &fake_port, cpu);
  cpu->vmx.verdict_audit = true;
  const uint64_t revision = cpu->capabilities.ia32_vmx_basic & VMX_BASIC_REVISION;
  fake_put(cpu, VMXON_REGION, revision, 4);
  fake_put(cpu, VMCS_A, revision, 4);
  fake_put(cpu, VMCS_B, revision, 4);
}

static inline void fake_succeeds(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode, uint64_t operand) {
  assert_int_equal(fake_execute(cpu, opcode, operand, 0), VMXSIM_VMX_DONE);
  assert_int_equal(cpu->state.rflags & RFLAGS_ARITHMETIC, 0);
}

/* VMXON, VMPTRLD of VMCS_A, and every field of a template by VMWRITE. */
static inline void fake_set_up(struct fake_cpu *cpu, const char *processor, const char *name) {
  const struct vmxsim_template *base = vmxsim_template_find(name, strlen(name));
  assert_non_null(base);
  fake_reset(cpu, processor);
  fake_succeeds(cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_succeeds(cpu, VMXSIM_VMCLEAR, VMCS_A);
  fake_succeeds(cpu, VMXSIM_VMPTRLD, VMCS_A);
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const vmxsim_field field = (vmxsim_field)i;
    if (vmxsim_field_is_read_only(field) || !vmxsim_field_exists(field, &cpu->capabilities)) continue;
    fake_vmwrite(cpu, field, base->vmcs.value[i]);
  }
}

/* A VM entry that succeeds, and a VM exit. */
static inline void fake_enter(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode) {
  const enum vmxsim_vmx_result result = fake_execute(cpu, opcode, 0, 0);
  if (result == VMXSIM_VMX_EXITED) {
    fail_msg("exit %x, qualification %x", (unsigned)VMREAD(cpu, exit_reason),
             (unsigned)VMREAD(cpu, exit_qualification));
  }
  if (result == VMXSIM_VMX_DONE) fail_msg("error %u", (unsigned)VMREAD(cpu, vm_instruction_error));
  assert_int_equal(result, VMXSIM_VMX_ENTERED);
  assert_true(cpu->vmx.in_non_root);
}

static inline void fake_exit(struct fake_cpu *cpu, uint16_t reason) {
  const struct vmxsim_vmx_exit exit = {.reason = reason, .instruction_length = 3};
  vmxsim_vmx_exit(&cpu->vmx, &exit);
  assert_false(cpu->vmx.in_non_root);
}

static inline void fake_fails_valid(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode, uint64_t operand,
                                    uint64_t value, unsigned error) {
  assert_int_equal(fake_execute(cpu, opcode, operand, value), VMXSIM_VMX_DONE);
  assert_int_equal(cpu->state.rflags & RFLAGS_ARITHMETIC, RFLAGS_ZF);
  assert_int_equal(VMREAD(cpu, vm_instruction_error), error);
}

static inline void fake_fails_invalid(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode, uint64_t operand) {
  assert_int_equal(fake_execute(cpu, opcode, operand, 0), VMXSIM_VMX_DONE);
  assert_int_equal(cpu->state.rflags & RFLAGS_ARITHMETIC, RFLAGS_CF);
}

static inline void fake_faults(struct fake_cpu *cpu, enum vmxsim_vmx_opcode opcode, uint64_t operand, unsigned vector) {
  const uint64_t flags = cpu->state.rflags;
  assert_int_equal(fake_execute(cpu, opcode, operand, 0), VMXSIM_VMX_FAULT);
  assert_int_equal(cpu->fault.vector, vector);
  assert_int_equal(cpu->fault.has_error_code, vector == 13);
  assert_int_equal(cpu->fault.error_code, 0);
  assert_true(cpu->state.rflags == flags);
}

#endif
