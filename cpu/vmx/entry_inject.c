/* Event injection: the last stage of a VM entry (SDM 3C, "Event Injection"). */
#include "cpu/vmx/internal.h"

static struct vmxsim_vmx_event event_of(const struct vmxsim_vmx *vmx, uint64_t information) {
  const bool has_error_code = information & EVENT_DELIVER_ERROR_CODE;
  const uint8_t type = (uint8_t)EVENT_TYPE_OF(information);
  const bool is_software = type >= VMXSIM_EVENT_SOFTWARE_INTERRUPT && type <= VMXSIM_EVENT_SOFTWARE_EXCEPTION;
  return (struct vmxsim_vmx_event){
      .type = type,
      .vector = (uint8_t)(information & EVENT_VECTOR),
      .has_error_code = has_error_code,
      .error_code = has_error_code ? (uint32_t)FIELD(vmx, vm_entry_exception_error_code) : 0,
      .instruction_length = is_software ? (uint8_t)FIELD(vmx, vm_entry_instruction_length) : 0,
  };
}

/* An injected NMI blocks further ones: virtual ones with "virtual NMIs". If the delivery ends in a VM exit, the control
 * reads as 0 after it. */
static void deliver(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_event *event) {
  if (event->type == VMXSIM_EVENT_NMI) vmx->state->blocking_by_nmi = true;
  vmxsim_vmx_begin_delivery(vmx, event);
  vmx->port->deliver(vmx->context, event);
  vmxsim_vmx_end_delivery(vmx);
  vmx->mtf_pending = vmxsim_vmx_on(vmx, primary, monitor_trap_flag);
}

void vmx_inject(struct vmxsim_vmx *vmx) {
  const uint64_t information = FIELD(vmx, vm_entry_interruption_information);
  if (!(information & EVENT_VALID)) return;
  const struct vmxsim_vmx_event event = event_of(vmx, information);
  const struct vmxsim_vmx_trace what = {.kind = VMXSIM_VMX_TRACE_INJECTION, .event = &event};
  vmx_trace(vmx, &what);
  if (event.type == VMXSIM_EVENT_OTHER) {
    vmx->mtf_pending = event.vector == 0;
  } else {
    deliver(vmx, &event);
  }
}
