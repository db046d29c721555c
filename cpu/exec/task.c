/* Task switches. SDM 3A, "Task Switching", whose steps this follows.
 *
 * Up to the point where the new TSS is in TR, faults belong to the old task; from there on to the new one, where they
 * are delivered before its first instruction.
 */
#include "cpu/exec/task.h"

#include "cpu/events/events.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/mmu/memory.h"

bool task_raise(struct vcpu *v, unsigned vector, uint16_t selector, const struct task_switching *w) {
  vcpu_raise_with_code(v, vector, selector_error(selector) | w->external);
  return false;
}

/* --- in the old task -------------------------------------------------------------------------------------------------
 */

/* IRET returns to a busy TSS, everything else goes to one that is not. */
static bool find_tss(struct vcpu *v, struct task_switching *w) {
  const bool is_iret = w->reason == TASK_IRET;
  const unsigned vector = is_iret ? VECTOR_TS : VECTOR_GP;
  if (selector_is_null(w->selector) || (w->selector & SELECTOR_TI)) return task_raise(v, vector, w->selector, w);
  if (!descriptor_get(v, w->selector, &w->tss, vector, selector_error(w->selector) | w->external)) return false;
  const unsigned type = descriptor_type(&w->tss);
  const unsigned busy = is_iret ? 2 : 0;
  if (!descriptor_is_system(&w->tss) || (type != (DESCRIPTOR_TSS | busy) && type != (DESCRIPTOR_TSS_16 | busy)))
    return task_raise(v, vector, w->selector, w);
  if (!descriptor_present(&w->tss)) return task_raise(v, VECTOR_NP, w->selector, w);
  w->wide = type & 8;
  if (descriptor_limit(&w->tss) < (w->wide ? TASK_LIMIT_32 : TASK_LIMIT_16))
    return task_raise(v, VECTOR_TS, w->selector, w);
  return task_shadow_check(v, w);
}

static struct task_state state_to_save(struct vcpu *v, const struct task_switching *w) {
  uint64_t rflags = flags_read(v) & ~RFLAGS_RF;
  if (w->reason == TASK_IRET) rflags &= ~RFLAGS_NT;
  if (w->resume) rflags |= RFLAGS_RF;
  struct task_state t = {.eip = (uint32_t)w->next_rip, .eflags = (uint32_t)rflags};
  for (unsigned i = 0; i < 8; i++) t.gpr[i] = (uint32_t)v->s.gpr[i];
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) t.selector[i] = v->s.segment[i].selector;
  return t;
}

/* JMP and IRET leave the old task, which is then not busy; CALL and events nest. */
static bool leave_old_task(struct vcpu *v, const struct task_switching *w) {
  struct descriptor old;
  if (w->reason != TASK_JMP && w->reason != TASK_IRET) return true;
  if (!descriptor_get(v, v->s.tr.selector, &old, VECTOR_TS, selector_error(v->s.tr.selector) | w->external))
    return false;
  return descriptor_set_busy(v, &old, false);
}

static bool enter_new_tss(struct vcpu *v, struct task_switching *w) {
  const uint64_t base = descriptor_base(&w->tss);
  if (w->reason == TASK_CALL || w->reason == TASK_GATE) {
    if (!mem_write_linear(v, (uint32_t)base, 2, MEM_WRITE | MEM_SYSTEM, v->s.tr.selector)) return false;
    w->to.eflags |= (uint32_t)RFLAGS_NT;
  }
  return w->reason == TASK_IRET || descriptor_set_busy(v, &w->tss, true);
}

/* No task is switched in VMX non-root operation (SDM 3C, "Treatment of Task Switches"). */
static bool exit_for_switch(struct vcpu *v, const struct task_switching *w) {
  static const uint8_t sources[] = {[TASK_CALL] = 0, [TASK_IRET] = 1, [TASK_JMP] = 2, [TASK_GATE] = 3};
  struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_task_switch,
                                 .qualification = w->selector | (uint64_t)sources[w->reason] << 30};
  if (w->reason != TASK_GATE) {
    exit.instruction_length = v->current->length;
    v->s.rip = system_rip(v, v->current);
  }
  exit.saved_rf = w->resume ? VMXSIM_RF_1 : VMXSIM_RF_UNCHANGED;
  exec_vm_exit(v, &exit);
  return false;
}

static bool in_old_task(struct vcpu *v, struct task_switching *w) {
  const struct task_state from = state_to_save(v, w);
  const bool old_wide = v->s.tr.access_rights & 8;
  if (!find_tss(v, w)) return false;
  if (v->vmx.in_non_root) return exit_for_switch(v, w);
  /* The new TSS is read before the old one is written, so that a fault of it changes nothing. */
  if (!task_read(v, descriptor_base(&w->tss), w->wide, &w->to)) return false;
  if (!task_shadow_read(v, w)) return false;
  if (!task_write(v, v->s.tr.base, old_wide, &from)) return false;
  /* A task that switches to its own TSS by IRET gets what was just written. */
  if (descriptor_base(&w->tss) == v->s.tr.base && !task_read(v, v->s.tr.base, w->wide, &w->to)) return false;
  if (!leave_old_task(v, w) || !enter_new_tss(v, w)) return false;
  task_shadow_leave(v, w);
  return true;
}

/* --- in the new task -------------------------------------------------------------------------------------------------
 */

static void load_registers(struct vcpu *v, const struct task_switching *w) {
  const struct task_state *const t = &w->to;
  segment_from_descriptor(&v->s.tr, w->selector, w->tss.words);
  v->s.tr.access_rights |= 2;
  v->s.cr0 |= CR0_TS;
  /* Local breakpoints are those of a task. */
  v->s.dr7 &= ~UINT64_C(0x155);
  mem_breakpoints_changed(v);
  for (unsigned i = 0; i < 8; i++) v->s.gpr[i] = t->gpr[i];
  v->s.rip = t->eip;
  system_write_flags(v, (t->eflags & RFLAGS_DEFINED) | RFLAGS_ALWAYS_1);
  v->single_step = false; /* SDM 3B, "Single-Step Exception Condition": TF of a TSS traps after the new task's first */
  v->resume_is_new = t->eflags & RFLAGS_RF;
  v->branch_taken = true;
}

/* Selectors are there even if their descriptors turn out to be bad. */
static void load_selectors(struct vcpu *v, const struct task_switching *w) {
  const unsigned cpl = w->to.selector[VMXSIM_CS] & SELECTOR_RPL;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) segment_load_null(v, i, w->to.selector[i], cpl);
  v->s.ldtr = (struct vmxsim_segment){.selector = w->to.ldt, .access_rights = (uint32_t)AR_UNUSABLE};
  vcpu_update_mode(v);
}

static bool load_cr3(struct vcpu *v, const struct task_switching *w) {
  if (!w->wide || !(v->s.cr0 & CR0_PG)) return true;
  return control_write_cr3(v, w->to.cr3);
}

static bool load_ldt(struct vcpu *v, const struct task_switching *w) {
  const uint16_t selector = w->to.ldt;
  struct descriptor d;
  if (selector_is_null(selector)) return true;
  if (selector & SELECTOR_TI) return task_raise(v, VECTOR_TS, selector, w);
  if (!descriptor_get(v, selector, &d, VECTOR_TS, selector_error(selector) | w->external)) return false;
  if (!descriptor_is_system(&d) || descriptor_type(&d) != DESCRIPTOR_LDT || !descriptor_present(&d))
    return task_raise(v, VECTOR_TS, selector, w);
  segment_from_descriptor(&v->s.ldtr, selector, d.words);
  return true;
}

static bool load_code(struct vcpu *v, const struct task_switching *w) {
  const uint16_t selector = w->to.selector[VMXSIM_CS];
  const unsigned rpl = selector & SELECTOR_RPL;
  struct descriptor d;
  if (selector_is_null(selector)) return task_raise(v, VECTOR_TS, selector, w);
  if (!descriptor_get(v, selector, &d, VECTOR_TS, selector_error(selector) | w->external)) return false;
  const bool allowed = descriptor_is_conforming(&d) ? descriptor_dpl(&d) <= rpl : descriptor_dpl(&d) == rpl;
  if (!descriptor_is_code(&d) || !allowed) return task_raise(v, VECTOR_TS, selector, w);
  if (!descriptor_present(&d)) return task_raise(v, VECTOR_NP, selector, w);
  if (!descriptor_set_accessed(v, &d)) return false;
  segment_from_descriptor(&v->s.segment[VMXSIM_CS], selector, d.words);
  return true;
}

static bool load_stack(struct vcpu *v, const struct task_switching *w) {
  const uint16_t selector = w->to.selector[VMXSIM_SS];
  struct descriptor d;
  if (!segment_check_stack(v, selector, w->to.selector[VMXSIM_CS] & SELECTOR_RPL, VECTOR_TS, w->external, &d))
    return false;
  if (!descriptor_set_accessed(v, &d)) return false;
  segment_from_descriptor(&v->s.segment[VMXSIM_SS], selector, d.words);
  vcpu_update_mode(v);
  return true;
}

static bool load_data(struct vcpu *v, const struct task_switching *w, unsigned segment) {
  const uint16_t selector = w->to.selector[segment];
  struct descriptor d;
  if (selector_is_null(selector)) return true;
  if (!descriptor_get(v, selector, &d, VECTOR_TS, selector_error(selector) | w->external)) return false;
  const unsigned rpl = selector & SELECTOR_RPL;
  const unsigned needed = rpl > v->cpl ? rpl : v->cpl;
  const bool readable = !descriptor_is_system(&d) && (descriptor_type(&d) & 10) != 8;
  if (!readable || (!descriptor_is_conforming(&d) && needed > descriptor_dpl(&d)))
    return task_raise(v, VECTOR_TS, selector, w);
  if (!descriptor_present(&d)) return task_raise(v, VECTOR_NP, selector, w);
  if (!descriptor_set_accessed(v, &d)) return false;
  segment_from_descriptor(&v->s.segment[segment], selector, d.words);
  return true;
}

static bool load_segments(struct vcpu *v, const struct task_switching *w) {
  static const uint8_t data[] = {VMXSIM_DS, VMXSIM_ES, VMXSIM_FS, VMXSIM_GS};
  if (v->s.rflags & RFLAGS_VM) {
    for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) segment_load_real(v, i, w->to.selector[i]);
    return true;
  }
  if (!load_code(v, w) || !load_stack(v, w)) return false;
  for (unsigned i = 0; i < sizeof data; i++)
    if (!load_data(v, w, data[i])) return false;
  return true;
}

static bool push_error_code(struct vcpu *v, const struct task_switching *w, uint32_t error_code) {
  struct far_stack stack = far_stack_current(v);
  stack.error = w->external;
  if (!far_stack_push(v, &stack, w->wide ? 4 : 2, error_code)) return false;
  v->s.gpr[VMXSIM_RSP] = stack.sp;
  return true;
}

static bool in_new_task(struct vcpu *v, const struct task_switching *w, bool has_error_code, uint32_t error_code) {
  load_registers(v, w);
  load_selectors(v, w);
  if (!load_cr3(v, w) || !load_ldt(v, w) || !load_segments(v, w) || !task_shadow_enter(v, w)) return false;
  vcpu_update_mode(v);
  if (has_error_code && !push_error_code(v, w, error_code)) return false;
  if (w->to.trap) v->trap_dr6 |= DR6_BT;
  if (v->s.rip > v->s.segment[VMXSIM_CS].limit) return task_raise(v, VECTOR_GP, 0, w);
  return true;
}

static bool run(struct vcpu *v, struct task_switching *w, bool has_error_code, uint32_t error_code) {
  const bool was_non_root = v->vmx.in_non_root;
  if (!in_old_task(v, w)) return was_non_root && !v->vmx.in_non_root;
  vcpu_charge_transition(v, TRANSITION_TASK_SWITCH);
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
  if (in_new_task(v, w, has_error_code, error_code)) return true;
  vcpu_update_mode(v);
  events_deliver_exception(v);
  return true;
}

bool task_switch(struct vcpu *v, enum task_switch reason, uint16_t selector, uint64_t next_rip, bool has_error_code,
                 uint32_t error_code) {
  struct task_switching w = {.reason = reason, .selector = selector, .next_rip = next_rip};
  return run(v, &w, has_error_code, error_code);
}

bool task_switch_event(struct vcpu *v, uint16_t selector, uint64_t return_rip, bool has_error_code, uint32_t error_code,
                       uint32_t external, bool resume) {
  struct task_switching w = {
      .reason = TASK_GATE, .selector = selector, .next_rip = return_rip, .external = external, .resume = resume};
  return run(v, &w, has_error_code, error_code);
}
