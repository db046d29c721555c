/* VM entry: VMLAUNCH and VMRESUME from the checks to the first boundary in the guest. The stages:
 *
 *   entry_checks.c      every check of the chapter "VM Entries", as far as something changed since the last entry
 *   entry_load_guest.c  guest state into the processor
 *   msr_lists.c         the VM-entry MSR-load area
 *   timer.c             the VMX-preemption timer starts
 *   entry_inject.c      event injection
 *
 * SDM 3C, chapter "VM Entries".
 */
#include "cpu/vmx/internal.h"

#define ENTRY_FAILURE BIT(31) /* of the exit-reason field */

/* SDM 3C, "VM-Entry Failures During or After Loading Guest State". */
static enum vmxsim_vmx_result fail_late(struct vmxsim_vmx *vmx, uint16_t reason, uint64_t qualification) {
  const struct vmxsim_vmx_exit exit = {
      .reason = reason, .reason_flags = (uint32_t)ENTRY_FAILURE, .qualification = qualification};
  const struct vmxsim_vmx_trace what = {.kind = VMXSIM_VMX_TRACE_EXIT, .exit = &exit};
  SET_FIELD(vmx, exit_reason, exit.reason_flags | exit.reason);
  SET_FIELD(vmx, exit_qualification, qualification);
  vmx_trace(vmx, &what);
  vmx_return_to_host(vmx);
  return VMXSIM_VMX_EXITED;
}

static bool flushes_translations(const struct vmxsim_vmx *vmx) {
  return !CONTROL(vmx, secondary, enable_vpid);
}

/* Everything of the guest is loaded: VMX non-root operation begins. */
static enum vmxsim_vmx_result complete(struct vmxsim_vmx *vmx, bool vmresume) {
  if (!vmresume) vmx->vmcs.launched = true;
  vmx->in_non_root = true;
  vmx->mtf_pending = false;
  vmx->vectoring_valid = false;
  vmx->ple_first = vmx->ple_last = VMX_NO_PAUSE;
  vmx_start_timer(vmx);
  vmx->port->state_replaced(vmx->context, flushes_translations(vmx));
  vmx_inject(vmx);
  return vmx->in_non_root ? VMXSIM_VMX_ENTERED : VMXSIM_VMX_EXITED;
}

/* Entries of the MSR-load area before the one that fails have been loaded, and stay. `failing` is 0 if the checks found
 * none; the processor may still refuse one. */
static enum vmxsim_vmx_result load(struct vmxsim_vmx *vmx, bool vmresume, uint32_t failing) {
  const bool blocking_by_nmi = vmx->state->blocking_by_nmi;
  const uint32_t count = failing ? failing - 1 : (uint32_t)FIELD(vmx, vm_entry_msr_load_count);
  vmx_load_guest(vmx);
  const uint32_t refused = vmx_load_msrs(vmx, FIELD(vmx, vm_entry_msr_load_address), count);
  if (refused) failing = refused;
  if (!failing) return complete(vmx, vmresume);
  vmx->state->blocking_by_nmi = blocking_by_nmi;
  return fail_late(vmx, VMXSIM_EXIT_entry_failure_msr_loading, failing);
}

enum vmxsim_vmx_result vmx_enter(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  const enum vmxsim_vmx_opcode opcode = instruction->opcode;
  if (vmx->current == VMXSIM_NO_VMCS) return vmx_fail_invalid(vmx, instruction);
  const struct vmxsim_outcome outcome = vmx_evaluate_entry(vmx, opcode == VMXSIM_VMRESUME);
  const struct vmxsim_vmx_trace what = {.kind = VMXSIM_VMX_TRACE_ENTRY, .opcode = opcode, .outcome = &outcome};
  vmx_trace(vmx, &what);
  switch (outcome.kind) {
  case VMXSIM_ENTRY_FAIL_VALID: return vmx_fail(vmx, instruction, outcome.number);
  case VMXSIM_ENTRY_EXIT_33:
    vmx_establish_controls(vmx);
    return fail_late(vmx, VMXSIM_EXIT_entry_failure_invalid_guest_state, outcome.number);
  case VMXSIM_ENTRY_EXIT_34:
  case VMXSIM_ENTRY_SUCCEEDS: vmx_establish_controls(vmx); return load(vmx, opcode == VMXSIM_VMRESUME, outcome.number);
  case VMXSIM_ENTRY_UD: /* these three were decided before */
  case VMXSIM_ENTRY_GP:
  case VMXSIM_ENTRY_VM_EXIT:
  case VMXSIM_ENTRY_FAIL_INVALID: break;
  }
  return vmx_fail_invalid(vmx, instruction);
}
