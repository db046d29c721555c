/* Far RET in every mode, and what IRET does in the same way.
 *
 * SDM 2B, "RET--Return from Procedure"; SDM 2A, "IRET/IRETD/IRETQ--Interrupt Return".
 */
#include "cpu/exec/far.h"

#include "cpu/exec/cet_far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

static bool code_allowed(const struct vcpu *v, const struct far_return *r) {
  const struct descriptor *const d = &r->target.descriptor;
  const unsigned rpl = r->target.selector & SELECTOR_RPL;
  if (!descriptor_is_code(d) || rpl < v->cpl) return false;
  if (vcpu_in_ia32e_mode(v) && descriptor_long(d) && descriptor_default_big(d)) return false;
  return descriptor_is_conforming(d) ? descriptor_dpl(d) <= rpl : descriptor_dpl(d) == rpl;
}

bool far_return_check_code(struct vcpu *v, struct far_return *r) {
  const uint16_t selector = r->target.selector;
  const uint32_t error = selector_error(selector);
  if (selector_is_null(selector)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!descriptor_get(v, selector, &r->target.descriptor, VECTOR_GP, error)) return false;
  if (!code_allowed(v, r)) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(&r->target.descriptor)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  r->cpl = selector & SELECTOR_RPL;
  r->outer = r->cpl > v->cpl;
  return true;
}

bool far_return_check_stack(struct vcpu *v, struct far_return *r) {
  /* SS may be null only for 64-bit code below CPL 3. */
  r->null_ss =
      selector_is_null(r->ss) && far_target_is_64_bit(v, &r->target) && r->cpl < 3 && (r->ss & SELECTOR_RPL) == r->cpl;
  if (r->null_ss) return true;
  return segment_check_stack(v, r->ss, r->cpl, VECTOR_GP, 0, &r->ss_descriptor);
}

/* --- shadow stack ---------------------------------------------------------------------------------------------------
 */

struct shadow {
  bool switched; /* SSP becomes `ssp` */
  uint64_t ssp;
  bool release; /* the token at `old` is no longer busy */
  uint64_t old;
};

static bool shadow_same_level(struct vcpu *v, const struct far_return *r, bool is_iret, struct shadow *s) {
  if (!cet_shadow_stack_enabled(v, v->cpl)) return true;
  const bool long_target = far_target_is_64_bit(v, &r->target);
  const uint64_t lip = (long_target ? 0 : descriptor_base(&r->target.descriptor)) + r->target.rip;
  if (!cet_check_alignment(v) || !cet_pop_frame(v, r->target.selector, lip, &s->old, &s->ssp)) return false;
  s->switched = true;
  /* An IRET within a level may come from another shadow stack (IST): that one's token is released. */
  s->release = is_iret && vcpu_in_ia32e_mode(v) && s->ssp != s->old;
  return cet_check_new_ssp(v, s->ssp, long_target);
}

static bool shadow_outer_level(struct vcpu *v, const struct far_return *r, struct shadow *s) {
  const bool long_target = far_target_is_64_bit(v, &r->target);
  const uint64_t lip = (long_target ? 0 : descriptor_base(&r->target.descriptor)) + r->target.rip;
  s->old = v->s.ssp;
  if (cet_shadow_stack_enabled(v, v->cpl)) {
    s->release = true;
    if (!cet_check_alignment(v)) return false;
    if (r->cpl != 3 && !cet_pop_frame(v, r->target.selector, lip, &s->old, &s->ssp)) return false;
  }
  if (!cet_shadow_stack_enabled(v, r->cpl)) return true;
  s->switched = true;
  if (r->cpl == 3) s->ssp = v->s.pl_ssp[3];
  return cet_check_new_ssp(v, s->ssp, long_target);
}

/* --- commit ---------------------------------------------------------------------------------------------------------
 */

static bool set_accessed(struct vcpu *v, struct far_return *r) {
  if (!descriptor_set_accessed(v, &r->target.descriptor)) return false;
  return !r->has_stack || r->null_ss || descriptor_set_accessed(v, &r->ss_descriptor);
}

static void commit_stack(struct vcpu *v, const struct far_return *r, unsigned popped) {
  if (!r->has_stack) return far_stack_release(v, popped);
  if (r->null_ss) {
    segment_load_null(v, VMXSIM_SS, r->ss, r->cpl);
  } else {
    segment_from_descriptor(&v->s.segment[VMXSIM_SS], r->ss, r->ss_descriptor.words);
  }
  /* By the size of the stack that is returned to: CS and SS are already those. */
  vcpu_update_mode(v);
  far_stack_set_pointer(v, r->rsp + r->extra);
}

bool far_return_commit(struct vcpu *v, struct far_return *r, unsigned popped, bool is_iret) {
  struct shadow shadow = {.ssp = v->s.ssp};
  if (!set_accessed(v, r)) return false;
  if (r->outer ? !shadow_outer_level(v, r, &shadow) : !shadow_same_level(v, r, is_iret, &shadow)) return false;
  if (shadow.release) cet_release_token(v, shadow.old, MEM_SYSTEM);
  if (shadow.switched) v->s.ssp = shadow.ssp;
  if (!r->has_stack) commit_stack(v, r, popped); /* still by the size of the stack that was popped from */
  far_commit_target(v, &r->target);
  if (r->has_stack) commit_stack(v, r, popped);
  vcpu_update_mode(v);
  if (!r->outer) return true;
  segment_drop_inner(v);
  vcpu_charge_transition(v, TRANSITION_PRIVILEGE);
  return true;
}

/* --- RET -------------------------------------------------------------------------------------------------------------
 */

static unsigned released_bytes(const struct ir_op *op) {
  return op->operand[0].kind == IR_IMMEDIATE ? (unsigned)(op->immediate & 0xffff) : 0;
}

static bool pop_target(struct vcpu *v, const struct ir_op *op, struct far_return *r) {
  uint64_t cs;
  if (!far_stack_peek(v, op->operand_size, op->operand_size, &cs)) return false;
  if (!far_stack_peek(v, 0, op->operand_size, &r->target.rip)) return false;
  r->target.selector = (uint16_t)cs;
  return true;
}

static void ret_real(struct vcpu *v, const struct ir_op *op, const struct far_return *r) {
  if (r->target.rip > v->s.segment[VMXSIM_CS].limit) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  far_stack_release(v, 2U * op->operand_size + released_bytes(op));
  segment_load_real(v, VMXSIM_CS, r->target.selector);
  v->s.rip = r->target.rip;
  v->branch_taken = true;
  vcpu_update_mode(v);
}

static bool pop_outer_stack(struct vcpu *v, const struct ir_op *op, struct far_return *r) {
  const unsigned size = op->operand_size;
  const unsigned offset = 2 * size + released_bytes(op);
  uint64_t ss;
  if (!far_stack_peek(v, offset + size, size, &ss) || !far_stack_peek(v, offset, size, &r->rsp)) return false;
  r->ss = (uint16_t)ss;
  r->has_stack = true;
  r->extra = released_bytes(op);
  return far_return_check_stack(v, r);
}

void far_ret(struct vcpu *v, const struct ir_op *op) {
  struct far_return r = {0};
  v->current = op;
  if (!pop_target(v, op, &r)) return;
  if (!vcpu_in_protected_mode(v)) return ret_real(v, op, &r);
  if (!far_return_check_code(v, &r)) return;
  if (r.outer && !pop_outer_stack(v, op, &r)) return;
  if (!far_check_rip(v, &r.target, 0)) return;
  far_return_commit(v, &r, 2U * op->operand_size + released_bytes(op), false);
}
