/* Waiting for a store: MONITOR, MWAIT, UMONITOR, UMWAIT, TPAUSE (system_wait.c), for the boundary that ends the wait.
 */
#ifndef VMXSIM_CPU_EXEC_WAIT_H
#define VMXSIM_CPU_EXEC_WAIT_H

#include "cpu/vcpu.h"

enum { WAIT_LINE = 64 };

/* Stores to the monitored line are to be seen; a store that was seen, to whatever is watched. */
void wait_watch(struct vcpu *vcpu);
void wait_note_store(struct vcpu *vcpu, uint64_t address, size_t size);
/* Back to the active state. */
void wait_end(struct vcpu *vcpu);

#endif
