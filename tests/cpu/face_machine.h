/* Small machines for the tests of the public face: 1 MiB of RAM, code in real mode at 1000H, a stack below 8000H. */
#ifndef VMXSIM_TESTS_CPU_FACE_MACHINE_H
#define VMXSIM_TESTS_CPU_FACE_MACHINE_H

#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/machine.h"

enum { RAM_BYTES = 1 << 20, CODE = 0x1000, DATA = 0x5000, STACK = 0x8000 };

static inline vmxsim_machine *machine_with(const struct vmxsim_machine_options *options) {
  vmxsim_machine *machine = NULL;
  assert_int_equal(vmxsim_machine_create(options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(machine, 0, RAM_BYTES, VMXSIM_RAM, NULL), VMXSIM_OK);
  return machine;
}

static inline void start_at(vmxsim_vcpu *vcpu, uint64_t rip) {
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vcpu, &state);
  state.segment[VMXSIM_CS].selector = 0;
  state.segment[VMXSIM_CS].base = 0;
  state.rip = rip;
  state.gpr[VMXSIM_RSP] = STACK;
  state.activity = VMXSIM_ACTIVE;
  assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
}

/* A machine whose vCPU 0 is about to execute `code`. */
static inline vmxsim_machine *machine_running(const uint8_t *code, size_t size) {
  vmxsim_machine *machine = machine_with(NULL);
  assert_int_equal(vmxsim_machine_write(machine, CODE, code, size), VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  return machine;
}
#define MACHINE_RUNNING(code) machine_running(code, sizeof code)

static inline struct vmxsim_run_result run(vmxsim_machine *machine) {
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_run(machine, 10000000, &result), VMXSIM_OK);
  return result;
}

static inline uint64_t gpr(vmxsim_machine *machine, unsigned number) {
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(machine, 0), &state);
  return state.gpr[number];
}

#endif
