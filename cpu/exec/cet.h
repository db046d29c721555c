/* Control-flow enforcement of near transfers: the shadow stack of CALL and RET, and indirect-branch tracking. Far
 * transfers and event delivery have their own rules: cet_far.h. */
#ifndef VMXSIM_CPU_EXEC_CET_H
#define VMXSIM_CPU_EXEC_CET_H

#include "cpu/registers.h"
#include "cpu/vcpu.h"

/* Whether shadow stacks or tracking are in effect at the current privilege: part of the mode. */
static inline bool cet_shadow_stack(const struct vcpu *v) {
  return v->mode & DECODE_SHADOW_STACK;
}
static inline bool cet_tracking(const struct vcpu *v) {
  return v->mode & DECODE_INDIRECT_BRANCH;
}

/* IA32_U_CET at CPL 3, else IA32_S_CET. */
uint64_t *cet_control(struct vcpu *vcpu);

/* Near CALL: pushes the return address (nothing if shadow stacks are off). */
bool cet_call(struct vcpu *vcpu, uint64_t return_address);
/* Near RET: compares the return address with the shadow stack's and takes it off; false: #CP or a fault pending. Called
 * when nothing else can fail any more. */
bool cet_return(struct vcpu *vcpu, uint64_t return_address);

/* Indirect near JMP or CALL: the next instruction has to be ENDBR. */
void cet_indirect_branch(struct vcpu *vcpu, const struct ir_op *op);
/* ENDBR32 or ENDBR64 of the right width was executed, or a far transfer ends tracking. */
void cet_track_idle(struct vcpu *vcpu);

/* Whether the next instruction has to be ENDBR: the run loop asks before a block. */
static inline bool cet_waits_for_endbranch(const struct vcpu *v) {
  return cet_tracking(v) && ((v->cpl == 3 ? v->s.u_cet : v->s.s_cet) & CET_TRACKER);
}
/* And if so, whether `op`, at s.rip, may execute; false: #CP(ENDBRANCH) or a fault pending. */
bool cet_check_endbranch(struct vcpu *vcpu, const struct ir_op *op);

#endif
