/* A PC with two vCPUs and the platform guest in it, whose processors work on the same memory. */
#ifndef VMXSIM_TESTS_GUEST_MACHINE_H
#define VMXSIM_TESTS_GUEST_MACHINE_H

#include <stdio.h>
#include <stdlib.h>

#include "vmxsim/machine.h"
#include "vmxsim/platform.h"

enum { GUEST_KERNEL = 1 << 20, GUEST_RAM = 96 << 20, GUEST_IMAGE_MAX = 1 << 20 };

static struct {
  uint8_t *image;
  size_t size;
  vmxsim_pc *pc; /* of the machine that there is: one at a time */
} guest;

/* False: there is none. */
static inline bool guest_machine_read(const char *path) {
  FILE *const file = fopen(path, "rb");
  if (!file) return false;
  guest.image = malloc(GUEST_IMAGE_MAX);
  if (guest.image) guest.size = fread(guest.image, 1, GUEST_IMAGE_MAX, file);
  fclose(file);
  return guest.size && guest.size < GUEST_IMAGE_MAX;
}

static inline void guest_machine_forget(void) {
  free(guest.image);
}

static inline void guest_machine_destroy(vmxsim_machine *machine) {
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(guest.pc);
  guest.pc = NULL;
}

/* NULL: no memory. */
static inline vmxsim_machine *guest_machine_load(enum vmxsim_timing timing) {
  const struct vmxsim_machine_options options = {.size = sizeof options, .vcpus = 2, .timing = timing, .seed = 2718};
  const struct vmxsim_pc_options pc_options = {.size = sizeof pc_options, .memory = GUEST_RAM};
  const struct vmxsim_pc_boot boot = {.size = sizeof boot, .command_line = "guest smp shared=20"};
  vmxsim_machine *machine = NULL;
  if (vmxsim_machine_create(&options, &machine)) return NULL;
  if (!vmxsim_pc_create(machine, &pc_options, &guest.pc) &&
      !vmxsim_pc_load_multiboot(guest.pc, guest.image, guest.size, &boot))
    return machine;
  guest_machine_destroy(machine);
  return NULL;
}

/* What the guest wrote to the exit port; negative: nothing. */
static inline int guest_machine_status(void) {
  uint32_t value;
  return vmxsim_pc_exited(guest.pc, &value) ? (int)value : -1;
}

#endif
