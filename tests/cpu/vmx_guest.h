/* A machine whose processor is in VMX non-root operation at once, without a VM entry: a flat guest at a chosen CPL, a
 * VMCS from a template, every exception intercepted, so that a fault shows as a VM exit, too. To be included by one
 * test program.
 */
#ifndef VMXSIM_TESTS_CPU_VMX_GUEST_H
#define VMXSIM_TESTS_CPU_VMX_GUEST_H

#include "tests/cmocka_main.h"

#include <string.h>

#include "cpu/exec/system.h"
#include "libvmxsim/machine/machine_internal.h"
#include "vmcs/architecture.h"
#include "vmxsim/machine.h"
#include "vmxsim/templates.h"

enum {
  GUEST_RAM = 2 << 20,
  GUEST_TABLES = 0x10000,
  GUEST_TSS = 0x20000,
  GUEST_DATA = 0x30000,
  GUEST_BITMAPS = 0x40000, /* I/O A and B, MSRs */
  GUEST_VIRTUAL_APIC = 0x50000,
  GUEST_CODE = 0x100000,
  UNMAPPED = 0x40000000,
};

enum guest_mode { GUEST_64, GUEST_32, GUEST_V86 };

static vmxsim_machine *guest_machine;
static struct vcpu *v;

#define GUEST_FIELD(name) (v->vmx.vmcs.value[VMXSIM_FIELD_##name])

static void guest_put(uint64_t address, unsigned size, uint64_t value) {
  uint8_t bytes[8];
  for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  assert_int_equal(vmxsim_machine_write(guest_machine, address, bytes, size), VMXSIM_OK);
}

static inline uint64_t guest_get(uint64_t address, unsigned size) {
  uint8_t bytes[8];
  uint64_t value = 0;
  assert_int_equal(vmxsim_machine_read(guest_machine, address, bytes, size), VMXSIM_OK);
  for (unsigned i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static inline int guest_create(void **state) {
  const struct vmxsim_machine_options options = {.size = sizeof options};
  (void)state;
  assert_int_equal(vmxsim_machine_create(&options, &guest_machine), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(guest_machine, 0, GUEST_RAM, VMXSIM_RAM, NULL), VMXSIM_OK);
  v = &((struct machine *)guest_machine)->vcpu[0]->cpu;
  return 0;
}

static inline int guest_destroy(void **state) {
  (void)state;
  vmxsim_machine_destroy(guest_machine);
  return 0;
}

/* 1 GiB and 4 MiB pages for all of the first GiB, for any CPL. */
static void map_flat(void) {
  enum { PAGE_FLAGS = 0x87, TABLE_FLAGS = 7 };
  guest_put(GUEST_TABLES, 8, (GUEST_TABLES + 0x1000) | TABLE_FLAGS);
  guest_put(GUEST_TABLES + 0x1000, 8, PAGE_FLAGS);
  guest_put(GUEST_TABLES + 0x2000, 4, PAGE_FLAGS);
  for (unsigned i = 0; i < 16; i += 8) guest_put(GUEST_DATA + i, 8, 0);
}

static void set_segments(enum guest_mode mode, unsigned cpl) {
  const uint32_t dpl = cpl << 5, code = 0xc09b | dpl, data = 0xc093 | dpl;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) {
    v->s.segment[i] = (struct vmxsim_segment){(uint16_t)(0x10 | cpl), UINT32_MAX, data, 0};
    if (mode == GUEST_V86) v->s.segment[i] = (struct vmxsim_segment){0, 0xffff, 0xf3, 0};
  }
  if (mode == GUEST_V86) {
    v->s.segment[VMXSIM_CS] = (struct vmxsim_segment){GUEST_DATA >> 4, 0xffff, 0xf3, GUEST_DATA};
  } else {
    v->s.segment[VMXSIM_CS].access_rights = mode == GUEST_64 ? (code & ~0x4000u) | 0x2000 : code;
  }
  guest_put(GUEST_TSS + 102, 2, 0xffff); /* no port for programs */
  v->s.tr = (struct vmxsim_segment){0x18, 0x67, 0x8b, GUEST_TSS};
  v->s.ldtr = (struct vmxsim_segment){.access_rights = 0x10000};
}

static void set_state(enum guest_mode mode, unsigned cpl) {
  memset(v->s.gpr, 0, sizeof v->s.gpr);
  v->s.cr0 = 0x80050033;
  v->s.cr3 = mode == GUEST_64 ? GUEST_TABLES : GUEST_TABLES + 0x2000;
  v->s.cr4 = mode == GUEST_64 ? CR4_PAE | CR4_VMXE : CR4_PSE | CR4_VMXE;
  v->s.efer = mode == GUEST_64 ? EFER_LME | EFER_LMA : 0;
  v->s.xss = 0;
  v->s.rflags = mode == GUEST_V86 ? 2 | RFLAGS_VM : 2;
  v->s.rip = mode == GUEST_V86 ? 0x100 : GUEST_CODE;
  v->s.dr7 = 0x400;
  v->s.activity = VMXSIM_ACTIVE;
  v->s.blocking_by_sti = v->s.blocking_by_mov_ss = v->s.blocking_by_nmi = v->s.in_smm = false;
  v->s.pending_debug = 0;
  set_segments(mode, cpl);
}

/* The words as a VM entry would establish them. */
static void establish(void) {
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++)
    v->vmx.controls[word] = v->vmx.vmcs.value[vmxsim_control_word_field((vmxsim_control_word)word)];
}

/* "hlt_exiting secondary.enable_rdtscp": sets controls. */
static void guest_set(const char *controls) {
  while (controls && *controls) {
    const struct vmxsim_control *control;
    const size_t length = strcspn(controls, " ");
    assert_int_equal(vmxsim_control_from_name(controls, length, &control), VMXSIM_OK);
    v->vmx.controls[control->word] |= UINT64_C(1) << control->bit;
    controls += length + (controls[length] == ' ');
  }
}

/* Into the guest, with the controls that the template has (none of those that intercept) and those named. */
static void guest_enter(enum guest_mode mode, unsigned cpl, const char *controls) {
  map_flat();
  vmxsim_vmx_reset(&v->vmx);
  v->vmx.in_vmx_operation = v->vmx.in_non_root = true;
  v->vmx.current = 0;
  v->vmx.vmcs = vmxsim_template_find("long-mode", 9)->vmcs;
  GUEST_FIELD(primary_processor_based_vm_execution_controls) = 0x10000000; /* MSR bitmaps, of zeros */
  GUEST_FIELD(msr_bitmap_address) = GUEST_BITMAPS + 0x2000;
  GUEST_FIELD(io_bitmap_a_address) = GUEST_BITMAPS;
  GUEST_FIELD(io_bitmap_b_address) = GUEST_BITMAPS + 0x1000;
  GUEST_FIELD(virtual_apic_address) = GUEST_VIRTUAL_APIC;
  GUEST_FIELD(exception_bitmap) = UINT32_MAX;
  GUEST_FIELD(exit_reason) = UINT32_MAX;
  v->vmx.ple_last = UINT64_MAX;
  establish();
  guest_set(controls);
  set_state(mode, cpl);
  v->exception.pending = false;
  v->monitor_armed = v->single_step = false;
  vcpu_update_mode(v);
  mmu_flush_all(v, true);
}

/* One instruction. */
static void guest_run(const void *code, size_t size) {
  struct vmxsim_run_result result;
  uint8_t padded[32];
  memset(padded, 0x90, sizeof padded);
  memcpy(padded, code, size);
  const uint64_t at = v->s.segment[VMXSIM_CS].base + v->s.rip;
  assert_int_equal(vmxsim_machine_write(guest_machine, at, padded, sizeof padded), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_step(vmxsim_machine_vcpu(guest_machine, 0), &result), VMXSIM_OK);
}

/* What came of it: COMPLETES, a vector, or EXITS plus the exit reason. */
enum { COMPLETES = -1, EXITS = 0x100 };
static inline int guest_outcome(void) {
  if (v->vmx.in_non_root) return COMPLETES;
  const uint64_t reason = GUEST_FIELD(exit_reason);
  return reason ? EXITS + (int)reason : (int)(GUEST_FIELD(vm_exit_interruption_information) & 0xff);
}

enum { UD = VECTOR_UD, GP = VECTOR_GP };
#define CODE(bytes) (bytes), sizeof(bytes) - 1
#define RUN(bytes) guest_run(CODE(bytes))
#define EXPECT(outcome) assert_int_equal(guest_outcome(), (outcome))

/* RDMSR or WRMSR */
static inline void run_msr(bool write, uint32_t msr) {
  v->s.gpr[VMXSIM_RCX] = msr;
  if (write) {
    RUN("\x0f\x30");
  } else {
    RUN("\x0f\x32");
  }
}

#endif
