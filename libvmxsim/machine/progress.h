/* Whether a run still makes progress: fed by the run loop. */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_PROGRESS_H
#define VMXSIM_LIBVMXSIM_MACHINE_PROGRESS_H

#include "libvmxsim/machine/machine_internal.h"

/* Before a run, and behind it: what the embedder does in between is not looked at. */
void progress_begin_run(struct machine *machine);
void progress_end_run(struct machine *machine);

/* A look at the running vCPU has begun, or is to begin. */
static inline bool progress_is_due(const struct machine *machine) {
  return machine_running(machine)->cycles >= machine->progress.look_at;
}

/* Before and behind one instruction of the running vCPU while a look is due. The second says whether it is certain now
 * that no vCPU will ever do anything else. */
void progress_before(struct machine *machine);
bool progress_has_ended(struct machine *machine);

#endif
