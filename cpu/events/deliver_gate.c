/* Delivery through the IDT: interrupt, trap and task gates of 16, 32 and 64 bits.
 *
 * SDM 2A, "INT n/INTO/INT3/INT1--Call to Interrupt Procedure"; SDM 3A, "Exception- or Interrupt-Handler Procedures",
 * "64-Bit Mode Stack Frame", "Interrupt Stack Table".
 */
#include "cpu/events/delivery.h"
#include "cpu/exec/cet_far.h"
#include "cpu/exec/far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

struct gate {
  struct descriptor descriptor;
  struct far_target target;
  unsigned size; /* of what is pushed */
  unsigned ist;
  unsigned new_cpl;
  bool inner; /* to a more privileged level */
  bool is_interrupt_gate;
  uint32_t external;
};

/* --- the gate ----------------------------------------------------------------------------------------------------- */

static bool raise_for_vector(struct vcpu *v, unsigned exception, const struct delivery *d, uint32_t external) {
  vcpu_raise_with_code(v, exception, d->vector * 8U + 2 + external);
  return false;
}

static bool raise_for_selector(struct vcpu *v, unsigned exception, uint16_t selector, const struct gate *g) {
  vcpu_raise_with_code(v, exception, selector_error(selector) | g->external);
  return false;
}

static bool read_idt(struct vcpu *v, uint32_t offset, uint32_t words[2]) {
  const uint64_t linear = v->s.idtr.base + offset;
  uint64_t value;
  if (!mem_read_linear(v, vcpu_in_ia32e_mode(v) ? linear : (uint32_t)linear, 8, MEM_READ | MEM_SYSTEM, &value))
    return false;
  words[0] = (uint32_t)value;
  words[1] = (uint32_t)(value >> 32);
  return true;
}

static bool gate_type_allowed(const struct vcpu *v, const struct descriptor *d) {
  if (!descriptor_is_system(d)) return false;
  switch (descriptor_type(d)) {
  case DESCRIPTOR_INTERRUPT_GATE:
  case DESCRIPTOR_TRAP_GATE: return true;
  case DESCRIPTOR_TASK_GATE:
  case DESCRIPTOR_INTERRUPT_GATE_16:
  case DESCRIPTOR_TRAP_GATE_16: return !vcpu_in_ia32e_mode(v);
  default: return false;
  }
}

static bool read_gate(struct vcpu *v, const struct delivery *d, struct gate *g) {
  const unsigned size = vcpu_in_ia32e_mode(v) ? 16 : 8;
  const uint32_t offset = d->vector * size;
  if (offset + size - 1 > v->s.idtr.limit) return raise_for_vector(v, VECTOR_GP, d, g->external);
  if (!read_idt(v, offset, g->descriptor.words)) return false;
  if (size == 16 && !read_idt(v, offset + 8, g->descriptor.words + 2)) return false;
  if (!gate_type_allowed(v, &g->descriptor)) return raise_for_vector(v, VECTOR_GP, d, g->external);
  if (delivery_is_software(d) && descriptor_dpl(&g->descriptor) < v->cpl) return raise_for_vector(v, VECTOR_GP, d, 0);
  if (!descriptor_present(&g->descriptor)) return raise_for_vector(v, VECTOR_NP, d, g->external);
  return true;
}

static void unpack_gate(const struct vcpu *v, struct gate *g) {
  const uint32_t *const words = g->descriptor.words;
  const bool wide = descriptor_type(&g->descriptor) & 8;
  const bool ia32e = vcpu_in_ia32e_mode(v);
  g->target.selector = (uint16_t)(words[0] >> 16);
  g->target.rip = (words[0] & 0xffffU) | (wide ? words[1] & 0xffff0000U : 0) | (ia32e ? (uint64_t)words[2] << 32 : 0);
  g->size = ia32e ? 8 : wide ? 4 : 2;
  g->ist = ia32e ? words[1] & 7 : 0;
  g->is_interrupt_gate = !(descriptor_type(&g->descriptor) & 1);
}

static bool find_handler(struct vcpu *v, struct gate *g) {
  struct descriptor *const code = &g->target.descriptor;
  const uint16_t selector = g->target.selector;
  const bool v86 = system_in_v86_mode(v);
  if (selector_is_null(selector)) return raise_for_selector(v, VECTOR_GP, 0, g);
  if (!descriptor_get(v, selector, code, VECTOR_GP, selector_error(selector) | g->external)) return false;
  const unsigned dpl = descriptor_dpl(code);
  if (!descriptor_is_code(code) || dpl > v->cpl) return raise_for_selector(v, VECTOR_GP, selector, g);
  if (vcpu_in_ia32e_mode(v) && (!descriptor_long(code) || descriptor_default_big(code)))
    return raise_for_selector(v, VECTOR_GP, selector, g);
  if (!descriptor_present(code)) return raise_for_selector(v, VECTOR_NP, selector, g);
  g->inner = !descriptor_is_conforming(code) && dpl < v->cpl;
  g->new_cpl = g->inner ? dpl : v->cpl;
  /* From virtual-8086 mode only to level 0, through non-conforming code. */
  if (v86 && (!g->inner || dpl != 0)) return raise_for_selector(v, VECTOR_GP, selector, g);
  return true;
}

/* --- the stack -------------------------------------------------------------------------------------------------------
 */

static bool ist_stack(struct vcpu *v, const struct gate *g, struct far_stack *stack) {
  const uint32_t offset = g->ist * 8 + 28;
  if (offset + 7 > v->s.tr.limit) return raise_for_selector(v, VECTOR_TS, v->s.tr.selector, g);
  return mem_read_linear(v, v->s.tr.base + offset, 8, MEM_READ | MEM_SYSTEM, &stack->sp);
}

static bool choose_stack(struct vcpu *v, const struct gate *g, struct far_stack *stack, struct descriptor *ss) {
  const bool ia32e = vcpu_in_ia32e_mode(v);
  if (g->inner && !g->ist) {
    if (!far_inner_stack(v, g->new_cpl, g->external, stack, ss)) return false;
  } else {
    *stack = far_stack_current(v);
    stack->error = g->external;
    if (ia32e) stack->is_64_bit = true, stack->mask = UINT64_MAX;
    if (g->ist && !ist_stack(v, g, stack)) return false;
  }
  if (g->inner && g->ist) {
    stack->inner = true;
    stack->ss = (struct vmxsim_segment){.selector = (uint16_t)g->new_cpl,
                                        .access_rights = (uint32_t)AR_UNUSABLE | g->new_cpl << 5};
  }
  if (!ia32e) return true;
  if (!mmu_is_canonical(v, stack->sp)) return vcpu_raise_with_code(v, VECTOR_SS, g->external), false;
  stack->sp &= ~UINT64_C(15);
  return true;
}

static unsigned frame_slots(const struct vcpu *v, const struct delivery *d, const struct gate *g) {
  const unsigned stack = g->inner || vcpu_in_ia32e_mode(v) ? 2 : 0;
  return 3 + stack + (system_in_v86_mode(v) ? 4 : 0) + (d->has_error_code ? 1 : 0);
}

static bool push_v86_segments(struct vcpu *v, const struct gate *g, struct far_stack *stack) {
  static const uint8_t order[] = {VMXSIM_GS, VMXSIM_FS, VMXSIM_DS, VMXSIM_ES};
  for (unsigned i = 0; i < sizeof order; i++)
    if (!far_stack_push(v, stack, g->size, v->s.segment[order[i]].selector)) return false;
  return true;
}

static bool push_frame(struct vcpu *v, const struct delivery *d, const struct gate *g, struct far_stack *stack) {
  const uint64_t flags = flags_read(v) | (d->resume ? RFLAGS_RF : 0);
  const unsigned size = g->size;
  if (system_in_v86_mode(v) && !push_v86_segments(v, g, stack)) return false;
  if (g->inner || vcpu_in_ia32e_mode(v)) {
    if (!far_stack_push(v, stack, size, v->s.segment[VMXSIM_SS].selector) ||
        !far_stack_push(v, stack, size, v->s.gpr[VMXSIM_RSP]))
      return false;
  }
  if (!far_stack_push(v, stack, size, flags) || !far_stack_push(v, stack, size, v->s.segment[VMXSIM_CS].selector) ||
      !far_stack_push(v, stack, size, d->return_rip))
    return false;
  return !d->has_error_code || far_stack_push(v, stack, size, d->error_code);
}

/* --- the shadow stack ------------------------------------------------------------------------------------------------
 */

static bool ist_shadow_stack(struct vcpu *v, const struct gate *g, uint64_t *start) {
  return mem_read_linear(v, v->s.interrupt_ssp_table + g->ist * 8, 8, MEM_READ | MEM_SYSTEM, start);
}

static bool enter_shadow_stack(struct vcpu *v, const struct delivery *d, const struct gate *g, uint64_t *ssp) {
  if (!cet_shadow_stack_enabled(v, g->new_cpl)) return true;
  const struct cet_frame frame = {.cs = v->s.segment[VMXSIM_CS].selector,
                                  .lip = vcpu_code_linear(v, d->return_rip),
                                  .target_is_64_bit = far_target_is_64_bit(v, &g->target)};
  uint64_t start = g->inner ? v->s.pl_ssp[g->new_cpl] : v->s.ssp;
  if (g->ist && !ist_shadow_stack(v, g, &start)) return false;
  if (g->inner) return cet_enter_inner(v, &frame, v->cpl, start, ssp);
  if (g->ist && !cet_acquire_token(v, start, frame.target_is_64_bit)) return false;
  return cet_push_frame(v, &frame, start, ssp);
}

/* --- commit ----------------------------------------------------------------------------------------------------------
 */

static void clear_v86_segments(struct vcpu *v) {
  static const uint8_t data[] = {VMXSIM_GS, VMXSIM_FS, VMXSIM_DS, VMXSIM_ES};
  for (unsigned i = 0; i < sizeof data; i++) segment_load_null(v, data[i], 0, 0);
}

static void commit(struct vcpu *v, struct gate *g, const struct far_stack *stack, uint64_t ssp) {
  const bool v86 = system_in_v86_mode(v);
  if (g->inner && v->cpl == 3 && cet_shadow_stack_enabled(v, 3) && !v86) v->s.pl_ssp[3] = cet_adjust(v, v->s.ssp);
  v->s.ssp = ssp;
  if (g->inner) v->s.segment[VMXSIM_SS] = stack->ss;
  v->s.gpr[VMXSIM_RSP] = stack->sp;
  g->target.selector = (uint16_t)(selector_error(g->target.selector) | g->new_cpl);
  far_commit_target(v, &g->target);
  if (v86) clear_v86_segments(v);
  if (g->inner) vcpu_charge_transition(v, TRANSITION_PRIVILEGE);
  cet_expect_endbranch(v, g->new_cpl);
  const uint64_t cleared = RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | (g->is_interrupt_gate ? RFLAGS_IF : 0);
  system_write_flags(v, flags_read(v) & ~cleared);
  vcpu_update_mode(v);
}

static bool through_gate(struct vcpu *v, const struct delivery *d, struct gate *g) {
  struct far_stack stack;
  struct descriptor ss;
  uint64_t ssp = v->s.ssp;
  unpack_gate(v, g);
  if (!find_handler(v, g) || !choose_stack(v, g, &stack, &ss)) return false;
  if (!far_stack_room(v, &stack, frame_slots(v, d, g) * g->size)) return false;
  if (!far_check_rip(v, &g->target, g->external)) return false;
  if (!descriptor_set_accessed(v, &g->target.descriptor)) return false;
  if (g->inner && !far_inner_stack_accessed(v, &stack, &ss)) return false;
  if (!push_frame(v, d, g, &stack) || !enter_shadow_stack(v, d, g, &ssp)) return false;
  commit(v, g, &stack, ssp);
  return true;
}

bool deliver_protected(struct vcpu *v, const struct delivery *d) {
  struct gate g = {.external = delivery_external(d)};
  if (!read_gate(v, d, &g)) return false;
  if (descriptor_type(&g.descriptor) == DESCRIPTOR_TASK_GATE)
    return task_switch_event(v, (uint16_t)(g.descriptor.words[0] >> 16), d->return_rip, d->has_error_code,
                             d->error_code, g.external, d->resume);
  return through_gate(v, d, &g);
}
