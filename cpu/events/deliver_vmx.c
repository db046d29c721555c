/* Delivery in VMX non-root operation: exceptions that cause VM exits, and what becomes IDT-vectoring information.
 *
 * SDM 3C, "Other Causes of VM Exits", "Information for VM Exits Due to Vectored Events", "Information for VM Exits That
 * Occur During Event Delivery".
 */
#include "cpu/events/delivery.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"

static uint8_t type_of(const struct delivery *d) {
  switch (d->kind) {
  case EVENT_KIND_EXTERNAL: return VMXSIM_EVENT_EXTERNAL_INTERRUPT;
  case EVENT_KIND_NMI: return VMXSIM_EVENT_NMI;
  case EVENT_KIND_SOFTWARE: return VMXSIM_EVENT_SOFTWARE_INTERRUPT;
  case EVENT_KIND_SOFTWARE_EXCEPTION: return VMXSIM_EVENT_SOFTWARE_EXCEPTION;
  case EVENT_KIND_PRIVILEGED_SOFTWARE: return VMXSIM_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION;
  case EVENT_KIND_EXCEPTION: break;
  }
  return VMXSIM_EVENT_HARDWARE_EXCEPTION;
}

/* The length of the instruction that a software event comes from, injected ones included. */
static struct vmxsim_vmx_event event_of(const struct vcpu *v, const struct delivery *d) {
  const bool is_hardware = d->kind <= EVENT_KIND_EXCEPTION;
  return (struct vmxsim_vmx_event){.type = type_of(d),
                                   .vector = d->vector,
                                   .has_error_code = d->has_error_code,
                                   .error_code = d->error_code,
                                   .instruction_length = is_hardware ? 0 : (uint8_t)(d->return_rip - v->s.rip)};
}

/* The linear address of #PF, the DR6 bits of #DB. */
static uint64_t qualification_of(const struct delivery *d) {
  return delivery_is_exception(d, VECTOR_PF) || delivery_is_exception(d, VECTOR_DB) ? d->address : 0;
}

bool delivery_exits(struct vcpu *v, const struct delivery *d) {
  const bool is_exception = d->kind >= EVENT_KIND_EXCEPTION && d->kind != EVENT_KIND_SOFTWARE;
  if (!v->vmx.in_non_root || d->is_injected || !is_exception) return false;
  if (!vmxsim_vmx_intercepts_exception(&v->vmx, d->vector, d->error_code)) return false;
  const struct vmxsim_vmx_event event = event_of(v, d);
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_exception_or_nmi,
                                       .qualification = qualification_of(d),
                                       .instruction_length = event.instruction_length,
                                       .has_event = true,
                                       .event = event,
                                       .nmi_unblocking = v->nmis_unblocked && !v->vmx.vectoring_valid &&
                                                         !delivery_is_exception(d, VECTOR_DF),
                                       .saved_rf = d->resume ? VMXSIM_RF_1 : VMXSIM_RF_UNCHANGED};
  exec_vm_exit(v, &exit);
  return true;
}

void delivery_begins(struct vcpu *v, const struct delivery *d) {
  if (!v->vmx.in_non_root) return;
  const struct vmxsim_vmx_event event = event_of(v, d);
  vmxsim_vmx_begin_delivery(&v->vmx, &event);
}

/* After an event that is delivered while "monitor trap flag" is 1, an MTF VM exit is pending. */
void delivery_ends(struct vcpu *v) {
  vmxsim_vmx_end_delivery(&v->vmx);
  if (vmxsim_vmx_on(&v->vmx, primary, monitor_trap_flag)) v->vmx.mtf_pending = true;
}
