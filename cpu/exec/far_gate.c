/* Far JMP and CALL through call gates, task gates and TSS descriptors, and the stacks of inner levels.
 *
 * SDM 3A, "Gate Descriptors", "Stack Switching"; SDM 2A, "CALL--Call Procedure".
 */
#include "cpu/exec/far.h"

#include "cpu/exec/cet_far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

/* --- stacks of inner levels --------------------------------------------------------------------------------------- */

static bool read_tss(struct vcpu *v, uint32_t offset, unsigned size, uint64_t *value) {
  const uint64_t linear = v->s.tr.base + offset;
  return mem_read_linear(v, vcpu_in_ia32e_mode(v) ? linear : (uint32_t)linear, size, MEM_READ | MEM_SYSTEM, value);
}

static bool check_tss_limit(struct vcpu *v, uint32_t last, uint32_t external) {
  if (last <= v->s.tr.limit) return true;
  vcpu_raise_with_code(v, VECTOR_TS, selector_error(v->s.tr.selector) | external);
  return false;
}

static bool inner_stack_64(struct vcpu *v, unsigned cpl, uint32_t external, struct far_stack *stack) {
  const uint32_t offset = cpl * 8 + 4;
  uint64_t rsp;
  if (!check_tss_limit(v, offset + 7, external) || !read_tss(v, offset, 8, &rsp)) return false;
  *stack = (struct far_stack){.ss = {.selector = (uint16_t)cpl, .access_rights = (uint32_t)AR_UNUSABLE | cpl << 5},
                              .sp = rsp,
                              .mask = UINT64_MAX,
                              .is_64_bit = true,
                              .inner = true,
                              .error = external};
  return true;
}

bool far_inner_stack(struct vcpu *v, unsigned cpl, uint32_t external, struct far_stack *stack, struct descriptor *d) {
  if (vcpu_in_ia32e_mode(v)) return inner_stack_64(v, cpl, external, stack);
  const bool wide = v->s.tr.access_rights & 8;
  const uint32_t offset = wide ? cpl * 8 + 4 : cpl * 4 + 2;
  const unsigned size = wide ? 4 : 2;
  uint64_t esp, ss;
  if (!check_tss_limit(v, offset + size + 1, external)) return false;
  if (!read_tss(v, offset, size, &esp) || !read_tss(v, offset + size, 2, &ss)) return false;
  if (!segment_check_stack(v, (uint16_t)ss, cpl, VECTOR_TS, external, d)) return false;
  *stack = (struct far_stack){.sp = esp,
                              .mask = descriptor_default_big(d) ? UINT32_MAX : UINT16_MAX,
                              .inner = true,
                              .error = selector_error((uint16_t)ss) | external};
  segment_from_descriptor(&stack->ss, (uint16_t)ss, d->words);
  return true;
}

bool far_inner_stack_accessed(struct vcpu *v, struct far_stack *stack, struct descriptor *d) {
  if (stack->is_64_bit) return true;
  stack->ss.access_rights |= 1;
  return descriptor_set_accessed(v, d);
}

/* --- call gates ----------------------------------------------------------------------------------------------------
 */

struct gate {
  struct far_target target;
  unsigned size;       /* of what is pushed: 2, 4, 8 */
  unsigned parameters; /* words of that size */
};

static uint64_t gate_offset(const struct vcpu *v, const struct descriptor *d, bool wide) {
  const uint64_t low = (d->words[0] & 0xffffU) | (wide ? d->words[1] & 0xffff0000U : 0);
  return vcpu_in_ia32e_mode(v) ? low | (uint64_t)d->words[2] << 32 : low;
}

static bool gate_allowed(struct vcpu *v, uint16_t selector, const struct descriptor *d) {
  const uint32_t error = selector_error(selector);
  const unsigned dpl = descriptor_dpl(d);
  if (v->cpl > dpl || (selector & SELECTOR_RPL) > dpl) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(d)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  return true;
}

/* Only CALL to non-conforming code may go to an inner level. */
static bool gate_code_allowed(const struct vcpu *v, enum far_kind kind, const struct descriptor *code) {
  if (!descriptor_is_code(code) || descriptor_dpl(code) > v->cpl) return false;
  if (vcpu_in_ia32e_mode(v) && (!descriptor_long(code) || descriptor_default_big(code))) return false;
  return kind == FAR_CALL || descriptor_is_conforming(code) || descriptor_dpl(code) == v->cpl;
}

static bool read_gate(struct vcpu *v, enum far_kind kind, const struct descriptor *d, struct gate *gate) {
  const bool wide = descriptor_type(d) == DESCRIPTOR_CALL_GATE;
  const uint16_t selector = (uint16_t)(d->words[0] >> 16);
  const uint32_t error = selector_error(selector);
  struct descriptor *const code = &gate->target.descriptor;
  if (selector_is_null(selector)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!descriptor_get(v, selector, code, VECTOR_GP, error)) return false;
  if (!gate_code_allowed(v, kind, code)) return vcpu_raise_with_code(v, VECTOR_GP, error), false;
  if (!descriptor_present(code)) return vcpu_raise_with_code(v, VECTOR_NP, error), false;
  gate->target.selector = selector;
  gate->target.rip = gate_offset(v, d, wide);
  gate->size = vcpu_in_ia32e_mode(v) ? 8 : wide ? 4 : 2;
  gate->parameters = vcpu_in_ia32e_mode(v) ? 0 : d->words[1] & 31;
  return true;
}

/* Old SS:RSP, the parameters, old CS:RIP. */
static bool push_inner_frame(struct vcpu *v, const struct ir_op *op, const struct gate *gate, struct far_stack *stack) {
  const unsigned size = gate->size;
  if (!far_stack_push(v, stack, size, v->s.segment[VMXSIM_SS].selector) ||
      !far_stack_push(v, stack, size, v->s.gpr[VMXSIM_RSP]))
    return false;
  for (unsigned i = gate->parameters; i-- > 0;) {
    uint64_t parameter;
    if (!far_stack_peek(v, i * size, size, &parameter) || !far_stack_push(v, stack, size, parameter)) return false;
  }
  return far_stack_push(v, stack, size, v->s.segment[VMXSIM_CS].selector) &&
         far_stack_push(v, stack, size, system_next_rip(v, op));
}

static bool enter_shadow_stack(struct vcpu *v, const struct ir_op *op, const struct gate *gate, unsigned cpl,
                               uint64_t *ssp) {
  if (!cet_shadow_stack_enabled(v, cpl)) return true;
  const struct cet_frame frame = {.cs = v->s.segment[VMXSIM_CS].selector,
                                  .lip = vcpu_code_linear(v, system_next_rip(v, op)),
                                  .target_is_64_bit = far_target_is_64_bit(v, &gate->target)};
  return cet_enter_inner(v, &frame, v->cpl, v->s.pl_ssp[cpl], ssp);
}

static void call_inner(struct vcpu *v, const struct ir_op *op, struct gate *gate) {
  const unsigned cpl = descriptor_dpl(&gate->target.descriptor);
  struct far_stack stack;
  struct descriptor ss;
  uint64_t ssp = v->s.ssp;
  if (!far_inner_stack(v, cpl, 0, &stack, &ss)) return;
  if (!far_stack_room(v, &stack, (4 + gate->parameters) * gate->size) || !far_check_rip(v, &gate->target, 0)) return;
  if (!descriptor_set_accessed(v, &gate->target.descriptor) || !far_inner_stack_accessed(v, &stack, &ss)) return;
  if (!push_inner_frame(v, op, gate, &stack) || !enter_shadow_stack(v, op, gate, cpl, &ssp)) return;
  if (v->cpl == 3 && cet_shadow_stack_enabled(v, 3)) v->s.pl_ssp[3] = cet_adjust(v, v->s.ssp);
  v->s.ssp = ssp;
  v->s.segment[VMXSIM_SS] = stack.ss;
  v->s.gpr[VMXSIM_RSP] = stack.sp;
  gate->target.selector = (uint16_t)(selector_error(gate->target.selector) | cpl);
  far_commit_target(v, &gate->target);
  vcpu_charge_transition(v, TRANSITION_PRIVILEGE);
  cet_expect_endbranch(v, cpl);
  vcpu_update_mode(v);
}

static void through_call_gate(struct vcpu *v, const struct ir_op *op, enum far_kind kind, uint16_t selector,
                              const struct descriptor *d) {
  struct gate gate;
  if (!gate_allowed(v, selector, d) || !read_gate(v, kind, d, &gate)) return;
  const struct descriptor *const code = &gate.target.descriptor;
  if (!descriptor_is_conforming(code) && descriptor_dpl(code) < v->cpl) return call_inner(v, op, &gate);
  gate.target.selector = (uint16_t)(selector_error(gate.target.selector) | v->cpl);
  if (kind == FAR_CALL) return far_call_same_level(v, op, &gate.target, gate.size);
  far_jump(v, op, &gate.target);
}

/* --- tasks ---------------------------------------------------------------------------------------------------------
 */

static void to_task(struct vcpu *v, const struct ir_op *op, enum far_kind kind, uint16_t tss) {
  task_switch(v, kind == FAR_CALL ? TASK_CALL : TASK_JMP, tss, system_next_rip(v, op), false, 0);
}

void far_through_system_descriptor(struct vcpu *v, const struct ir_op *op, enum far_kind kind, uint16_t selector,
                                   const struct descriptor *d) {
  const unsigned type = descriptor_type(d);
  const bool ia32e = vcpu_in_ia32e_mode(v);
  /* In IA-32e mode there are only 64-bit call gates, of 16 bytes, whose upper type field is 0. */
  const bool call_gate = ia32e ? type == DESCRIPTOR_CALL_GATE && !(d->words[3] & 0x1f00U)
                               : type == DESCRIPTOR_CALL_GATE || type == DESCRIPTOR_CALL_GATE_16;
  const bool tss = !ia32e && (type == DESCRIPTOR_TSS || type == DESCRIPTOR_TSS_16);
  const bool task_gate = !ia32e && type == DESCRIPTOR_TASK_GATE;
  if (call_gate) return through_call_gate(v, op, kind, selector, d);
  if (!tss && !task_gate) return vcpu_raise_with_code(v, VECTOR_GP, selector_error(selector));
  if (!gate_allowed(v, selector, d)) return;
  to_task(v, op, kind, tss ? selector : (uint16_t)(d->words[0] >> 16));
}
