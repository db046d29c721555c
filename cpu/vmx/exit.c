/* VM exit: from the guest back to the host. The stages:
 *
 *   exit_record.c      the VM-exit information fields
 *   exit_save_guest.c  processor state into the guest-state area
 *   msr_lists.c        the VM-exit MSR-store and MSR-load areas
 *   exit_load_host.c   host state into the processor
 *   abort.c            what becomes of an exit that cannot be completed
 *
 * SDM 3C, chapter "VM Exits".
 */
#include "cpu/vmx/internal.h"

/* A host whose address space is 32-bit cannot be returned to from IA-32e mode. */
static bool host_is_reachable(const struct vmxsim_vmx *vmx) {
  return !(vmx->state->efer & EFER_LMA) || CONTROL(vmx, vm_exit, host_address_space_size);
}

static uint32_t load_host_msrs(struct vmxsim_vmx *vmx) {
  return vmx_load_msrs(vmx, FIELD(vmx, vm_exit_msr_load_address), (uint32_t)FIELD(vmx, vm_exit_msr_load_count));
}

void vmx_return_to_host(struct vmxsim_vmx *vmx) {
  const bool flush = !CONTROL(vmx, secondary, enable_vpid);
  if (!host_is_reachable(vmx)) return vmx_abort(vmx, ABORT_HOST_NOT_IA32E);
  vmx->in_non_root = false;
  vmx->mtf_pending = false;
  vmx->vectoring_valid = false;
  vmx->preemption_deadline = UINT64_MAX;
  if (!vmx_load_host(vmx)) return vmx_abort(vmx, ABORT_HOST_PDPTES);
  if (load_host_msrs(vmx)) return vmx_abort(vmx, ABORT_LOADING_HOST_MSRS);
  vmx->port->state_replaced(vmx->context, flush);
}

/* SDM 3C, "Updating Non-Register State": NMIs are blocked after an exit that an NMI causes directly; else as they were,
 * and they were not with "virtual NMIs". */
static void update_nmi_blocking(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const bool by_nmi = exit->has_event && exit->event.type == VMXSIM_EVENT_NMI;
  const bool before = vmxsim_vmx_nmis_blocked(vmx);
  vmx->state->blocking_by_nmi = by_nmi || before;
}

void vmxsim_vmx_exit(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const struct vmxsim_vmx_trace what = {.kind = VMXSIM_VMX_TRACE_EXIT, .exit = exit};
  if (!vmx->in_non_root) return;
  vmx_record_exit(vmx, exit);
  vmx_save_guest(vmx, exit);
  vmx_trace(vmx, &what);
  if (vmx_store_msrs(vmx, FIELD(vmx, vm_exit_msr_store_address), (uint32_t)FIELD(vmx, vm_exit_msr_store_count))) {
    vmx_abort(vmx, ABORT_SAVING_GUEST_MSRS);
    return;
  }
  update_nmi_blocking(vmx, exit);
  vmx_return_to_host(vmx);
}
