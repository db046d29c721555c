/* VMX abort: a VM exit that cannot be completed (SDM 3C, "VMX Aborts"). Only RESET ends the shutdown. */
#include "cpu/vmx/internal.h"

void vmx_abort(struct vmxsim_vmx *vmx, enum vmx_abort_indicator indicator) {
  const struct vmxsim_vmx_trace what = {.kind = VMXSIM_VMX_TRACE_ABORT, .error = indicator};
  vmx_write_memory(vmx, vmx->current + VMXSIM_VMCS_REGION_ABORT, indicator, 4);
  vmx->vmcs.abort_indicator = indicator;
  vmx->aborted = true;
  vmx->in_non_root = false;
  vmx->mtf_pending = false;
  vmx->vectoring_valid = false;
  vmx->preemption_deadline = UINT64_MAX;
  vmx->state->activity = VMXSIM_SHUTDOWN;
  vmx_trace(vmx, &what);
  vmx->port->state_replaced(vmx->context, true);
}
