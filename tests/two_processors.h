/* A machine with two vCPUs and the image of tests/images/two_processors.S in it. */
#ifndef VMXSIM_TESTS_TWO_PROCESSORS_H
#define VMXSIM_TESTS_TWO_PROCESSORS_H

#include <stddef.h>

#include "tests/images/two_processors.h"
#include "vmxsim/snapshot.h"

enum { IMAGE_BASE = 0x1000, IMAGE_RAM = 4 << 20, IMAGE_RESULTS = 0x8000, IMAGE_DONE = 0x8110 };

/* NULL: no memory. Looked at very often for whether it makes progress, which must change nothing. With nothing loaded,
 * as to restore into; and with the image, ready to run. */
static inline vmxsim_machine *two_processors_create(enum vmxsim_timing timing) {
  const struct vmxsim_machine_options options = {.size = sizeof options,
                                                 .vcpus = 2,
                                                 .timing = timing,
                                                 .seed = 2718,
                                                 .tsc_hz = 2000000000,
                                                 .progress_cycles = 20000};
  vmxsim_machine *machine = NULL;
  if (vmxsim_machine_create(&options, &machine)) return NULL;
  if (!vmxsim_machine_map(machine, 0, IMAGE_RAM, VMXSIM_RAM, NULL)) return machine;
  vmxsim_machine_destroy(machine);
  return NULL;
}

static inline vmxsim_machine *two_processors_load(enum vmxsim_timing timing) {
  vmxsim_machine *machine = two_processors_create(timing);
  struct vmxsim_state state;
  if (!machine) return NULL;
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  vmxsim_machine_write(machine, IMAGE_BASE, two_processors, sizeof two_processors);
  vmxsim_vcpu_get_state(vcpu, &state);
  state.segment[VMXSIM_CS].selector = IMAGE_BASE >> 4;
  state.segment[VMXSIM_CS].base = IMAGE_BASE;
  state.rip = 0;
  vmxsim_vcpu_set_state(vcpu, &state);
  return machine;
}

#endif
