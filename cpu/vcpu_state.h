/* The state of a vCPU as tables, and what is worked out anew after it has been restored. */
#ifndef VMXSIM_CPU_VCPU_STATE_H
#define VMXSIM_CPU_VCPU_STATE_H

#include "cpu/state_table.h"
#include "cpu/vcpu.h"

extern const struct state_table architectural_state; /* struct vmxsim_state */
extern const struct state_table vcpu_state;          /* struct vcpu: what it keeps between two instructions */
extern const struct state_table fpu_state;           /* struct fpu */
extern const struct state_table vmx_state;           /* struct vmxsim_vmx */

/* Before saving: nothing is lazy any more. */
void vcpu_settle(struct vcpu *vcpu);
/* After restoring: the mode, breakpoints; nothing is cached but in the TLB. */
void vcpu_restored(struct vcpu *vcpu);

#endif
