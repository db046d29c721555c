/* Waiting for a store: MONITOR, MWAIT, UMONITOR, UMWAIT, TPAUSE (system_wait.c), for the boundary that ends the wait.
 */
#ifndef VMXSIM_CPU_EXEC_WAIT_H
#define VMXSIM_CPU_EXEC_WAIT_H

#include "cpu/vcpu.h"

enum { WAIT_LINE = 64 };

/* Whether the monitored line holds other bytes than when MONITOR was executed. */
bool wait_line_written(const struct vcpu *vcpu);
/* Back to the active state. */
void wait_end(struct vcpu *vcpu);

#endif
