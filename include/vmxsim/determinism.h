/* A hash of all that a machine does, to show that two runs are the same: over (vCPU, cycle, RIP) of each instruction
 * that completes (of a REP, when it is through) and of each event that is delivered.
 *
 * It does not depend on how a run is cut, on hooks, on what is cached, or on the host. A snapshot has it; a restored
 * machine goes on with it.
 */
#ifndef VMXSIM_DETERMINISM_H
#define VMXSIM_DETERMINISM_H

#include "vmxsim/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begins anew, or ends. While it is on, a machine is a little slower. VMXSIM_ERROR_BUSY: called from a callback of the
 * running machine. */
vmxsim_status vmxsim_machine_hash_trace(vmxsim_machine *machine, bool on);
uint64_t vmxsim_machine_trace_hash(const vmxsim_machine *machine);
/* Forgets everything that is cached of the guest: decoded blocks, host pointers. Nothing that the guest does changes.
 * May be called from callbacks. */
void vmxsim_machine_drop_caches(vmxsim_machine *machine);

#ifdef __cplusplus
}
#endif
#endif
