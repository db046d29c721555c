/* Breakpoints of the embedder: a list of linear addresses. hooks.c has the run end at one. */
#include "libvmxsim/machine/code_marks.h"

vmxsim_status vmxsim_machine_set_breakpoint(vmxsim_machine *handle, uint64_t linear, bool set) {
  struct machine *const machine = &handle->machine;
  size_t kept = 0;
  for (size_t i = 0; i < machine->breakpoints; i++) {
    if (machine->breakpoint[i] != linear) machine->breakpoint[kept++] = machine->breakpoint[i];
  }
  machine->breakpoints = kept;
  drop_decoded(machine);
  if (!set) return VMXSIM_OK;
  if (kept == BREAKPOINTS_MAX) return machine_fail(machine, VMXSIM_ERROR_LIMIT, "there are 64 breakpoints");
  machine->breakpoint[machine->breakpoints++] = linear;
  return VMXSIM_OK;
}

bool breakpoint_is_at(const struct machine *machine, uint64_t linear) {
  for (size_t i = 0; i < machine->breakpoints; i++)
    if (machine->breakpoint[i] == linear) return true;
  return false;
}

bool breakpoint_may_be_at(const struct machine *machine, uint64_t physical) {
  for (size_t i = 0; i < machine->breakpoints; i++)
    if (offset_is_within(machine->breakpoint[i], machine->breakpoint[i], physical)) return true;
  return false;
}
