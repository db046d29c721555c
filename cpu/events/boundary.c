/* What is decided between two instructions: the one priority table, the interrupt shadows, single step, and the waking
 * of processors that wait.
 *
 * SDM 3A, "Prioritization of Concurrent Events"; SDM 3B, "Single-Step Exception Condition".
 */
#include "cpu/apic/apic.h"
#include "cpu/events/boundary_vmx.h"
#include "cpu/exec/system.h"
#include "cpu/exec/wait.h"
#include "cpu/observe.h"

static bool waits_for_startup(const struct vcpu *v) {
  return v->s.activity == VMXSIM_WAIT_FOR_SIPI;
}

/* --- what is due -------------------------------------------------------------------------------------------------- */

static bool machine_check_due(const struct vcpu *v) {
  return v->machine_check_pending && !waits_for_startup(v);
}

static bool task_trap_due(const struct vcpu *v) {
  return v->trap_dr6 & DR6_BT;
}

static bool smi_due(const struct vcpu *v) {
  return v->smi_pending && !v->s.in_smm && !waits_for_startup(v);
}

static bool init_due(const struct vcpu *v) {
  return v->init_pending && !v->s.in_smm && !init_is_blocked(v) && !(v->vmx.in_non_root && waits_for_startup(v));
}

/* A start-up IPI is lost on a processor that does not wait for one: it is taken here and dropped. */
static bool startup_due(const struct vcpu *v) {
  return v->sipi_pending;
}

/* A VM entry can load breakpoints of which none was enabled: they are not delivered. */
static bool debug_trap_due(const struct vcpu *v) {
  return (v->s.pending_debug & PENDING_VALID) && !v->s.blocking_by_mov_ss && v->s.activity != VMXSIM_SHUTDOWN &&
         !waits_for_startup(v);
}

/* STI blocks NMIs for an instruction, too, as processors may do and kvm-unit-tests expects. */
static bool nmi_due(const struct vcpu *v) {
  return v->nmi_pending && !nmis_are_blocked(v) && !v->s.blocking_by_mov_ss && !v->s.blocking_by_sti &&
         !waits_for_startup(v);
}

static bool from_8259(const struct vcpu *v) {
  return v->interrupt_line && v->interrupt_acknowledge && apic_accepts_virtual_wire(v->apic);
}

static bool interrupt_requested(const struct vcpu *v) {
  return apic_pending(v->apic) >= 0 || from_8259(v);
}

static bool interrupt_due(const struct vcpu *v) {
  if (!(v->s.rflags & RFLAGS_IF) && !interrupts_ignore_if(v)) return false;
  if (v->s.blocking_by_sti || v->s.blocking_by_mov_ss) return false;
  if (v->s.activity == VMXSIM_SHUTDOWN || waits_for_startup(v)) return false;
  return interrupt_requested(v);
}

/* MWAIT, UMWAIT and TPAUSE end for reasons of their own: the monitored line was written, time is up, an interrupt that
 * cannot be delivered. */
static bool wake_due(const struct vcpu *v) {
  if (v->s.activity != VMXSIM_MWAIT) return false;
  return v->cycles >= v->wake_cycle || v->monitor_written || (v->wait_ignores_if && interrupt_requested(v));
}

/* --- taking it -----------------------------------------------------------------------------------------------------
 */

/* Without CR4.MCE, or while one is being handled: shutdown. */
static void take_machine_check(struct vcpu *v) {
  const bool fatal = !(v->s.cr4 & CR4_MCE) || (v->s.mcg_status & BIT(2));
  v->machine_check_pending = false;
  if (fatal) {
    v->s.activity = VMXSIM_SHUTDOWN;
    return;
  }
  v->s.mcg_status |= BIT(2) | BIT(0); /* MCIP; RIPV: the program can go on */
  events_deliver(v, EVENT_KIND_EXCEPTION, VECTOR_MC, false, 0, v->s.rip);
}

static void take_debug_trap(struct vcpu *v) {
  const uint64_t bits = v->s.pending_debug & (DR6_BREAKPOINTS | DR6_BS);
  const uint64_t dr6 = bits | v->trap_dr6;
  v->s.pending_debug = v->trap_dr6 = 0;
  events_deliver_debug_trap(v, dr6);
}

static void take_smi(struct vcpu *v) {
  v->smi_pending = false;
  observe(v, VMXSIM_EVENT_smm_enter);
  smm_enter(v);
}

static void take_init(struct vcpu *v) {
  v->init_pending = false;
  if (init_exits(v)) return;
  observe(v, VMXSIM_EVENT_init);
  vcpu_init_signal(v);
}

static void take_startup(struct vcpu *v) {
  v->sipi_pending = false;
  if (startup_exits(v) || !waits_for_startup(v)) return;
  vcpu_startup(v, v->sipi_vector);
  observe(v, VMXSIM_EVENT_startup);
}

static void take_nmi(struct vcpu *v) {
  v->nmi_pending = v->nmi_pending_2;
  v->nmi_pending_2 = false;
  if (nmi_exits(v)) return;
  v->s.blocking_by_nmi = true;
  events_deliver(v, EVENT_KIND_NMI, VECTOR_NMI, false, 0, v->s.rip);
}

static uint8_t acknowledge(struct vcpu *v) {
  if (from_8259(v)) return v->interrupt_acknowledge(v->interrupt_acknowledge_context);
  return (uint8_t)apic_acknowledge(v->apic);
}

static void take_interrupt(struct vcpu *v) {
  if (interrupt_exits(v, acknowledge)) return;
  events_deliver(v, EVENT_KIND_EXTERNAL, acknowledge(v), false, 0, v->s.rip);
}

static void take_wake(struct vcpu *v) {
  const bool by_limit = v->wait_has_limit && v->cycles >= v->wake_cycle;
  wait_end(v);
  if (by_limit) v->s.rflags |= RFLAGS_CF; /* UMWAIT and TPAUSE have cleared it: nothing is lazy */
}

/* --- the table: events, and VM exits without one
 * ------------------------------------------------------------------------------------------------------
 */

static const struct {
  bool (*due)(const struct vcpu *v);
  void (*take)(struct vcpu *v);
} priorities[] = {
    {machine_check_due, take_machine_check},
    {task_trap_due, take_debug_trap},
    {tpr_threshold_due, exit_for_tpr_threshold},
    {smi_due, take_smi},
    {init_due, take_init},
    {startup_due, take_startup},
    {mtf_due, exit_for_mtf},
    {debug_trap_due, take_debug_trap},
    {preemption_timer_due, exit_for_preemption_timer},
    {nmi_window_due, exit_for_nmi_window},
    {nmi_due, take_nmi},
    {interrupt_window_due, exit_for_interrupt_window},
    {interrupt_due, take_interrupt},
    {wake_due, take_wake},
};

/* After a VMX abort nothing is: only a reset ends that. */
bool events_any(const struct vcpu *v) {
  const bool signalled = v->machine_check_pending | v->smi_pending | v->init_pending | v->sipi_pending | v->nmi_pending;
  if (v->vmx.aborted) return false;
  if (signalled || v->s.pending_debug || v->trap_dr6 || v->vmx.in_non_root) {
    for (unsigned i = 0; i < sizeof priorities / sizeof priorities[0]; i++)
      if (priorities[i].due(v)) return true;
    return false;
  }
  return interrupt_due(v) || wake_due(v);
}

bool events_take(struct vcpu *v) {
  for (unsigned i = 0; i < sizeof priorities / sizeof priorities[0]; i++) {
    if (!priorities[i].due(v)) continue;
    priorities[i].take(v);
    v->in_repetition = v->state_replaced = false;
    events_rearm(v);
    return true;
  }
  return false;
}

/* --- after an instruction -------------------------------------------------------------------------------------------
 */

void events_rearm(struct vcpu *v) {
  v->single_step = v->s.rflags & RFLAGS_TF;
  v->resume_is_new = false;
}

uint64_t events_next(const struct vcpu *v) {
  const uint64_t timer = preemption_timer_cycle(v);
  return v->s.activity == VMXSIM_MWAIT && v->wake_cycle < timer ? v->wake_cycle : timer;
}

static bool is_near_branch(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_JMP_NEAR:
  case IR_CALL_NEAR:
  case IR_RET_NEAR: return true;
  default: return false;
  }
}

/* Whether control went anywhere but to the next instruction. */
static bool took_branch(struct vcpu *v) {
  const bool far_transfer = v->branch_taken;
  v->branch_taken = false;
  if (far_transfer || !v->current || v->in_repetition) return far_transfer;
  return is_near_branch(v->current) || v->s.rip != system_next_rip(v, v->current);
}

static bool repeats(const struct vcpu *v) {
  const struct ir_op *const op = v->current;
  return op && (op->prefixes & (IR_REP | IR_REPNE)) && v->s.rip == system_rip(v, op);
}

/* Shadows last one instruction after the one that made them. */
static void end_shadows(struct vcpu *v) {
  if (v->shadow_is_new) {
    v->shadow_is_new = false;
    return;
  }
  if (v->s.blocking_by_sti || v->s.blocking_by_mov_ss) vcpu_attend(v, ATTENTION_BOUNDARY);
  v->s.blocking_by_sti = v->s.blocking_by_mov_ss = false;
}

/* What traps after this instruction. Behind MOV SS breakpoints wait for the next boundary and single step is lost. */
static void collect_traps(struct vcpu *v, bool branched) {
  const bool steps = v->single_step && (branched || !(v->s.debugctl & DEBUGCTL_BTF));
  debug_collect_breakpoints(v);
  if (steps && !v->s.blocking_by_mov_ss) v->s.pending_debug |= DR6_BS;
  if (v->s.pending_debug | v->trap_dr6) vcpu_attend(v, ATTENTION_BOUNDARY);
}

static bool is_far_transfer(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_JMP_FAR:
  case IR_CALL_FAR:
  case IR_RET_FAR:
  case IR_IRET:
  case IR_SYSCALL:
  case IR_SYSRET:
  case IR_SYSENTER:
  case IR_SYSEXIT:
  case IR_RSM: return true;
  default: return false;
  }
}

/* RIP is that of what follows already. */
static void tell_of_transfer(struct vcpu *v) {
  if (!v->current || !is_far_transfer(v->current)) return;
  struct vmxsim_event event = observe_begin(v, VMXSIM_EVENT_far_transfer);
  event.u.far_transfer.from_rip = event.rip;
  event.rip = v->s.rip;
  observe_tell(v, &event);
}

/* RSM is none of the guest that it returns to; an MTF VM exit that was pending at the SMI is again by now. */
static bool counts_for_mtf(const struct vcpu *v) {
  return vmxsim_vmx_on(&v->vmx, primary, monitor_trap_flag) && !(v->current && v->current->opcode == IR_RSM);
}

void events_instruction_done(struct vcpu *v) {
  if (v->state_replaced) {
    v->state_replaced = false;
    return;
  }
  v->in_repetition = repeats(v);
  if (observes(v, VMXSIM_EVENT_far_transfer)) tell_of_transfer(v);
  if (v->s.activity != VMXSIM_ACTIVE) observe(v, VMXSIM_EVENT_halt);
  const bool branched = took_branch(v);
  end_shadows(v);
  collect_traps(v, branched);
  if (counts_for_mtf(v)) v->vmx.mtf_pending = true;
  v->nmis_unblocked = false;
  if (!v->resume_is_new) v->s.rflags &= ~RFLAGS_RF;
  events_rearm(v);
}

/* --- signals --------------------------------------------------------------------------------------------------------
 */

/* One in service and one pending; outside a handler two are held. */
void events_signal_nmi(struct vcpu *v) {
  if (v->nmi_pending && !v->s.blocking_by_nmi) v->nmi_pending_2 = true;
  v->nmi_pending = true;
  vcpu_signal(v);
}

void events_signal_smi(struct vcpu *v) {
  v->smi_pending = true;
  vcpu_signal(v);
}

/* A start-up IPI before it is for nothing, one behind it is what it then waits for. */
void events_signal_init(struct vcpu *v) {
  v->init_pending = true;
  v->sipi_pending = false;
  vcpu_signal(v);
}

void events_signal_sipi(struct vcpu *v, uint8_t vector) {
  v->sipi_pending = true;
  v->sipi_vector = vector;
  vcpu_signal(v);
}

void events_signal_machine_check(struct vcpu *v) {
  v->machine_check_pending = true;
  vcpu_signal(v);
}
