/* VM exits between two instructions.
 *
 * SDM 3C, "Other Causes of VM Exits", "Event Blocking", "Special Features of VM Entry". Each of these wakes the
 * processor from the activity states in which it can be due.
 */
#include "cpu/events/boundary_vmx.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"

static bool is_halted_for_good(const struct vcpu *v) {
  return v->s.activity == VMXSIM_SHUTDOWN || v->s.activity == VMXSIM_WAIT_FOR_SIPI;
}

/* What RF is pushed with between two iterations of a REP string instruction. */
static uint8_t saved_rf(const struct vcpu *v) {
  return v->in_repetition ? VMXSIM_RF_1 : VMXSIM_RF_UNCHANGED;
}

static void exit_for(struct vcpu *v, unsigned reason) {
  exec_vm_exit(v, &(struct vmxsim_vmx_exit){.reason = (uint16_t)reason});
}

/* --- due to controls -------------------------------------------------------------------------------------------------
 */

bool tpr_threshold_due(const struct vcpu *v) {
  return v->tpr_below_threshold && v->vmx.in_non_root && !is_halted_for_good(v);
}

void exit_for_tpr_threshold(struct vcpu *v) {
  v->tpr_below_threshold = false;
  exit_for(v, VMXSIM_EXIT_tpr_below_threshold);
}

bool mtf_due(const struct vcpu *v) {
  return v->vmx.mtf_pending && v->vmx.in_non_root && !is_halted_for_good(v);
}

void exit_for_mtf(struct vcpu *v) {
  exit_for(v, VMXSIM_EXIT_monitor_trap_flag);
}

uint64_t preemption_timer_cycle(const struct vcpu *v) {
  const uint64_t deadline = v->vmx.preemption_deadline, now = v->cycles + v->s.tsc_offset;
  if (!v->vmx.in_non_root || deadline == UINT64_MAX || v->s.activity == VMXSIM_WAIT_FOR_SIPI) return UINT64_MAX;
  return deadline > now ? v->cycles + (deadline - now) : v->cycles;
}

bool preemption_timer_due(const struct vcpu *v) {
  return preemption_timer_cycle(v) <= v->cycles;
}

void exit_for_preemption_timer(struct vcpu *v) {
  exit_for(v, VMXSIM_EXIT_vmx_preemption_timer_expired);
}

/* Here blocking_by_nmi is that of virtual NMIs. Blocked by STI, as NMIs are. */
bool nmi_window_due(const struct vcpu *v) {
  return vmxsim_vmx_on(&v->vmx, primary, nmi_window_exiting) && !v->s.blocking_by_nmi && !v->s.blocking_by_mov_ss &&
         !v->s.blocking_by_sti && v->s.activity != VMXSIM_WAIT_FOR_SIPI;
}

void exit_for_nmi_window(struct vcpu *v) {
  exit_for(v, VMXSIM_EXIT_nmi_window);
}

bool interrupt_window_due(const struct vcpu *v) {
  return vmxsim_vmx_on(&v->vmx, primary, interrupt_window_exiting) && (v->s.rflags & RFLAGS_IF) &&
         !v->s.blocking_by_sti && !v->s.blocking_by_mov_ss && !is_halted_for_good(v);
}

void exit_for_interrupt_window(struct vcpu *v) {
  exit_for(v, VMXSIM_EXIT_interrupt_window);
}

/* --- due to events ---------------------------------------------------------------------------------------------------
 */

bool nmi_exits(struct vcpu *v) {
  if (!vmxsim_vmx_on(&v->vmx, pin_based, nmi_exiting)) return false;
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_exception_or_nmi,
                                       .has_event = true,
                                       .event = {.type = VMXSIM_EVENT_NMI, .vector = VECTOR_NMI},
                                       .saved_rf = saved_rf(v)};
  exec_vm_exit(v, &exit);
  return true;
}

bool interrupt_exits(struct vcpu *v, uint8_t (*acknowledge)(struct vcpu *v)) {
  if (!interrupts_ignore_if(v)) return false;
  struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_external_interrupt, .saved_rf = saved_rf(v)};
  if (vmxsim_vmx_on(&v->vmx, vm_exit, acknowledge_interrupt_on_exit)) {
    exit.has_event = true;
    exit.event = (struct vmxsim_vmx_event){.type = VMXSIM_EVENT_EXTERNAL_INTERRUPT, .vector = acknowledge(v)};
  }
  exec_vm_exit(v, &exit);
  return true;
}

bool init_exits(struct vcpu *v) {
  if (!v->vmx.in_non_root) return false;
  exit_for(v, VMXSIM_EXIT_init_signal);
  return true;
}

bool startup_exits(struct vcpu *v) {
  if (!v->vmx.in_non_root || v->s.activity != VMXSIM_WAIT_FOR_SIPI) return false;
  exec_vm_exit(v, &(struct vmxsim_vmx_exit){.reason = VMXSIM_EXIT_start_up_ipi, .qualification = v->sipi_vector});
  return true;
}
