/* Shadow stacks and indirect-branch tracking of far transfers and event delivery.
 *
 * SDM 1, "Control-Flow Enforcement Technology (CET)". Nothing here changes SSP or IA32_PL3_SSP: the callers do, when
 * nothing can fault any more. A token that was made busy and frames that were pushed stay when a later step faults.
 */
#ifndef VMXSIM_CPU_EXEC_CET_FAR_H
#define VMXSIM_CPU_EXEC_CET_FAR_H

#include "cpu/vcpu.h"

bool cet_shadow_stack_enabled(const struct vcpu *vcpu, unsigned cpl);
bool cet_endbranch_enabled(const struct vcpu *vcpu, unsigned cpl);
/* The target of a transfer at that level has to be ENDBRANCH, if tracking is enabled. */
void cet_expect_endbranch(struct vcpu *vcpu, unsigned cpl);

/* Where a call or an event came from. */
struct cet_frame {
  uint64_t cs, lip; /* selector; linear address of the return instruction */
  bool target_is_64_bit;
};

/* A transfer within a level: pushes the frame at `from` and gives the new SSP. `from` is SSP, or the new shadow stack
 * of an IST entry. */
bool cet_push_frame(struct vcpu *vcpu, const struct cet_frame *frame, uint64_t from, uint64_t *ssp);
/* Makes the token at `ssp` busy; *taken says whether there was one, and a free one. `system` is MEM_SYSTEM, or 0 for an
 * access at the current level. False: a fault of the access is pending. */
bool cet_take_token(struct vcpu *vcpu, uint64_t ssp, unsigned system, bool *taken);
/* A busy token on a supervisor shadow stack at `ssp`. False: #GP(0), or a fault of the access, pending. */
bool cet_acquire_token(struct vcpu *vcpu, uint64_t ssp, bool target_is_64_bit);
/* A transfer from `old_cpl` to an inner level whose shadow stack begins at `start`. */
bool cet_enter_inner(struct vcpu *vcpu, const struct cet_frame *frame, unsigned old_cpl, uint64_t start, uint64_t *ssp);

/* CS, LIP and SSP of a frame. */
enum { CET_FRAME_SIZE = 24 };
/* The frame at SSP; false: a fault is pending. */
bool cet_read_frame(struct vcpu *vcpu, uint64_t *cs, uint64_t *lip, uint64_t *previous);
/* Far RET and IRET: checks CS and LIP against the frame at SSP; *popped is SSP after it, *previous the SSP that it
 * holds. */
bool cet_pop_frame(struct vcpu *vcpu, uint64_t cs, uint64_t lip, uint64_t *popped, uint64_t *previous);
/* #CP(FAR-RET/IRET) unless SSP is aligned. */
bool cet_check_alignment(struct vcpu *vcpu);
/* SSP for the mode that is returned to: else #GP(0). */
bool cet_check_new_ssp(struct vcpu *vcpu, uint64_t ssp, bool target_is_64_bit);
/* Clears the busy bit of the token at `ssp` if it is one; never faults. */
void cet_release_token(struct vcpu *vcpu, uint64_t ssp, unsigned system);

/* SSP as it is kept in IA32_PL3_SSP. */
uint64_t cet_adjust(const struct vcpu *vcpu, uint64_t ssp);

#endif
