/* The VMX engine over a processor that has no more than state: what entries, exits and VMREAD cost by themselves. */
#include "bench/vmx_engine.h"

#include <string.h>

#include "bench/measure.h"
#include "vmxsim/vmxsim.h"

enum { SAMPLES = 51, CALLS = 2000 };

struct processor {
  struct vmxsim_state state;
  struct vmxsim_vmx vmx;
};

static void read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  (void)context, (void)address;
  memset(bytes, 0, size);
}

static void write_memory(void *context, uint64_t address, const void *bytes, size_t size) {
  (void)context, (void)address, (void)bytes, (void)size;
}

static bool read_msr(void *context, uint32_t msr, uint64_t *value) {
  (void)context, (void)msr, (void)value;
  return false;
}

static bool write_msr(void *context, uint32_t msr, uint64_t value) {
  (void)context, (void)msr, (void)value;
  return false;
}

static uint64_t tsc(void *context) {
  (void)context;
  return 0;
}

static void state_replaced(void *context, bool flush) {
  (void)context, (void)flush;
}

static void deliver(void *context, const struct vmxsim_vmx_event *event) {
  (void)context, (void)event;
}

static bool write_operand(void *operand, const void *value, size_t bytes) {
  memcpy(operand, value, bytes);
  return true;
}

static const struct vmxsim_vmx_port port = {
    .size = sizeof(struct vmxsim_vmx_port),
    .read_memory = read_memory,
    .write_memory = write_memory,
    .read_msr = read_msr,
    .write_msr = write_msr,
    .tsc = tsc,
    .state_replaced = state_replaced,
    .deliver = deliver,
};

/* In VMX root operation, with a 64-bit host and guest whose VMCS is launched. */
static void set_up(struct processor *p) {
  const struct vmxsim_template *base = vmxsim_template_find("long-mode", strlen("long-mode"));
  p->state = (struct vmxsim_state){.cr0 = 0x80050033, .cr4 = 0x2020, .efer = 0x500};
  p->state.segment[VMXSIM_CS].access_rights = 0xa09b;
  vmxsim_vmx_init(&p->vmx, &p->state, &vmxsim_profile_find("skylake-server", 14)->capabilities, &port, p);
  p->vmx.in_vmx_operation = true;
  p->vmx.vmxon_pointer = 0x2000;
  p->vmx.current = 0x1000;
  p->vmx.vmcs = base->vmcs;
  p->vmx.vmcs.launched = true;
}

static void resume(struct processor *p) {
  const struct vmxsim_vmx_instruction instruction = {.opcode = VMXSIM_VMRESUME, .length = 3};
  struct vmxsim_vmx_fault fault;
  (void)vmxsim_vmx_execute(&p->vmx, &instruction, &fault);
}

static void round_trip(struct processor *p) {
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_vmcall, .instruction_length = 3, .saved_rf = VMXSIM_RF_0};
  resume(p);
  p->state.rip += 3;
  vmxsim_vmx_exit(&p->vmx, &exit);
}

static void vmread(struct processor *p) {
  uint64_t value;
  const struct vmxsim_vmx_instruction instruction = {
      .opcode = VMXSIM_VMREAD,
      .operand_bits = 64,
      .register_value = VMXSIM_ENCODING_guest_rip,
      .write = write_operand,
      .operand = &value,
  };
  struct vmxsim_vmx_fault fault;
  (void)vmxsim_vmx_execute(&p->vmx, &instruction, &fault);
}

static double measure(struct processor *p, void (*what)(struct processor *)) {
  double samples[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    const double start = now();
    for (int call = 0; call < CALLS; call++) what(p);
    samples[i] = (now() - start) / CALLS;
  }
  return median(samples, SAMPLES);
}

double vmx_engine_round_trip(void) {
  struct processor p;
  set_up(&p);
  return measure(&p, round_trip);
}

double vmx_engine_failed_entry(void) {
  struct processor p;
  set_up(&p);
  p.vmx.vmcs.value[VMXSIM_FIELD_guest_rflags] = 0;
  return measure(&p, resume);
}

double vmx_engine_vmread(void) {
  struct processor p;
  set_up(&p);
  return measure(&p, vmread);
}
