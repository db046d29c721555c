/* VMXON, VMXOFF, and VMCALL in VMX root operation. */
#include "cpu/vmx/internal.h"

#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX BIT(2)

/* What VMXON requires on pain of #GP(0), but the CPL. */
bool vmx_may_enter_operation(const struct vmxsim_vmx *vmx) {
  const struct vmxsim_state *state = vmx->state;
  const uint64_t needed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
  if (vmx->port->a20_masked && vmx->port->a20_masked(vmx->context)) return false;
  return vmx_cr_is_allowed(vmx->capabilities, 0, state->cr0) && vmx_cr_is_allowed(vmx->capabilities, 4, state->cr4) &&
         (state->feature_control & needed) == needed;
}

enum vmxsim_vmx_result vmx_vmxon(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  uint64_t pointer;
  if (vmx->in_vmx_operation) return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmxon_in_vmx_root_operation);
  if (!vmx_read_pointer(vmx, instruction, &pointer)) return VMXSIM_VMX_PENDING;
  if (!vmx_region_may_be_at(vmx, pointer)) return vmx_fail_invalid(vmx, instruction);
  /* Bit 31 must be 0 too. */
  if (vmx_read_memory(vmx, pointer, 4) != (vmx->capabilities->ia32_vmx_basic & VMX_BASIC_REVISION)) {
    return vmx_fail_invalid(vmx, instruction);
  }
  vmx->in_vmx_operation = true;
  vmx->vmxon_pointer = pointer;
  vmx->current = VMXSIM_NO_VMCS;
  if (!vmx_allows_trace(vmx)) vmx_end_trace(vmx);
  return vmx_succeed(vmx, instruction);
}

enum vmxsim_vmx_result vmx_vmxoff(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  vmx_release_current(vmx);
  vmx->in_vmx_operation = false;
  vmx->vmxon_pointer = VMXSIM_NO_VMCS;
  return vmx_succeed(vmx, instruction);
}

/* Without the dual-monitor treatment of SMIs and SMM, VMCALL has no use here. */
enum vmxsim_vmx_result vmx_vmcall(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmcall_in_vmx_root_operation);
}
