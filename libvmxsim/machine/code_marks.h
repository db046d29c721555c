/* What hooks (hooks.c) and breakpoints (breakpoints.c) share. Both are found when code is decoded: a block ends before
 * an instruction that may have one, and the block that begins there is marked. Which blocks that are is decided by the
 * page offset alone, because decoded code is found by its physical address and may be executed at several linear ones;
 * what is really there is looked at before a marked block is executed.
 */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_CODE_MARKS_H
#define VMXSIM_LIBVMXSIM_MACHINE_CODE_MARKS_H

#include "libvmxsim/machine/machine_internal.h"

/* What has been decoded is no longer right. */
static inline void drop_decoded(struct machine *machine) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    block_cache_drop_all(machine->vcpu[i]->blocks);
    vcpu_code_changed(&machine->vcpu[i]->cpu);
  }
}

/* Whether an address with the page offset of `physical` is in first ... last. */
static inline bool offset_is_within(uint64_t first, uint64_t last, uint64_t physical) {
  enum { LAST = 4095 };
  if (last - first >= LAST) return true;
  return ((physical - first) & LAST) <= last - first;
}

bool breakpoint_may_be_at(const struct machine *machine, uint64_t physical);
bool breakpoint_is_at(const struct machine *machine, uint64_t linear);

#endif
