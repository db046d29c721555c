/* Shadow stacks and indirect-branch tracking of task switches. SDM 3A, "Task Switching"; SDM 1, "Shadow Stack Usage on
 * Task Switch".
 *
 * A task's shadow stack begins at a token, whose address is in its TSS. A nested task has the frame of a far call on
 * it, which IRET checks. JMP leaves the old task's shadow stack as it is, its token busy.
 */
#include "cpu/exec/cet_far.h"
#include "cpu/exec/task.h"
#include "cpu/registers.h"

bool task_shadow_check(struct vcpu *v, const struct task_switching *w) {
  const bool misaligned = v->s.ssp & 7;
  if (w->reason == TASK_IRET && cet_shadow_stack_enabled(v, v->cpl) && misaligned)
    return task_raise(v, VECTOR_TS, v->s.tr.selector, w);
  if ((v->s.cr4 & CR4_CET) && (!w->wide || descriptor_limit(&w->tss) < TASK_LIMIT_SSP))
    return task_raise(v, VECTOR_TS, w->selector, w);
  return true;
}

static unsigned new_cpl(const struct task_switching *w) {
  return w->to.eflags & RFLAGS_VM ? 3 : w->to.selector[VMXSIM_CS] & SELECTOR_RPL;
}

static uint64_t linear_ip(const struct vcpu *v, uint64_t eip) {
  return (uint32_t)(v->s.segment[VMXSIM_CS].base + eip);
}

static bool leaves_user(const struct vcpu *v, const struct task_switching *w) {
  return v->cpl == 3 && new_cpl(w) < 3;
}

bool task_shadow_read(struct vcpu *v, struct task_switching *w) {
  struct task_shadow *const s = &w->shadow;
  if (!cet_shadow_stack_enabled(v, v->cpl)) return true;
  if (w->reason == TASK_CALL || w->reason == TASK_GATE) {
    s->nested = !leaves_user(v, w);
    s->cs = v->s.segment[VMXSIM_CS].selector;
    s->lip = linear_ip(v, w->next_rip);
  }
  if (w->reason != TASK_IRET) return true;
  s->returned = new_cpl(w) == v->cpl || new_cpl(w) < 3;
  s->token = v->s.ssp;
  if (!s->returned) return true;
  s->token += CET_FRAME_SIZE;
  return cet_read_frame(v, &s->cs, &s->lip, &s->previous);
}

void task_shadow_leave(struct vcpu *v, const struct task_switching *w) {
  if (!cet_shadow_stack_enabled(v, v->cpl)) return;
  if ((w->reason == TASK_CALL || w->reason == TASK_GATE) && leaves_user(v, w)) v->s.pl_ssp[3] = v->s.ssp;
  if (w->reason != TASK_IRET) return;
  cet_release_token(v, w->shadow.token, 0);
  v->s.ssp = 0;
}

/* The token has to be where the TSS says. */
static bool enter_new_stack(struct vcpu *v, const struct task_switching *w) {
  const struct cet_frame frame = {.cs = w->shadow.cs, .lip = w->shadow.lip};
  uint64_t ssp = w->to.ssp;
  bool taken;
  if (ssp & 7) return task_raise(v, VECTOR_TS, w->selector, w);
  if (!cet_take_token(v, ssp, 0, &taken)) return false;
  if (!taken) return task_raise(v, VECTOR_TS, w->selector, w);
  if (w->shadow.nested && !cet_push_frame(v, &frame, ssp, &ssp)) return false;
  v->s.ssp = ssp;
  return true;
}

static bool bad_return(struct vcpu *v) {
  vcpu_raise_with_code(v, VECTOR_CP, CP_FAR_RET_IRET);
  return false;
}

static bool return_to_old_stack(struct vcpu *v, const struct task_switching *w) {
  const struct task_shadow *const s = &w->shadow;
  const uint64_t ssp = s->returned ? s->previous : v->s.pl_ssp[3];
  if (s->returned && (s->cs != v->s.segment[VMXSIM_CS].selector || s->lip != linear_ip(v, v->s.rip)))
    return bad_return(v);
  if (!cet_shadow_stack_enabled(v, v->cpl)) return true;
  if ((ssp & 3) || ssp >> 32) return bad_return(v);
  v->s.ssp = ssp;
  return true;
}

bool task_shadow_enter(struct vcpu *v, const struct task_switching *w) {
  const bool shadow_stack = cet_shadow_stack_enabled(v, v->cpl);
  if ((v->s.rflags & RFLAGS_VM) && (shadow_stack || cet_endbranch_enabled(v, v->cpl)))
    return task_raise(v, VECTOR_TS, w->selector, w);
  if (w->reason == TASK_IRET) return return_to_old_stack(v, w);
  if (shadow_stack && !enter_new_stack(v, w)) return false;
  cet_expect_endbranch(v, v->cpl);
  return true;
}
