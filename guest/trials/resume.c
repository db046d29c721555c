/* The second entry of a trial: VMRESUME of the state that the first exit saved, behind the instruction that caused it,
 * and with exceptions delivered that caused exits before.
 */
#include "trials/layout.h"
#include "trials/trial.h"

/* What is known to be treated otherwise elsewhere (docs/comparison.md), or would be the same once more. */
static bool is_comparable(const struct trial *t, uint32_t reason) {
  const struct vmcs_fields *f = &t->vm.fields;
  const uint64_t blocking = vmx_read(VMXSIM_ENCODING_guest_interruptibility_state) & BLOCKING_STI_MOV_SS;
  if (reason >> ENTRY_FAILURE_BIT || reason == VMXSIM_EXIT_triple_fault || reason == VMXSIM_EXIT_vmcall) return false;
  if (reason == VMXSIM_EXIT_vmx_preemption_timer_expired || reason == VMXSIM_EXIT_task_switch) return false;
  if (!f->vmx_preemption_timer_value || vmx_read(VMXSIM_ENCODING_guest_activity_state)) return false;
  if (vmx_read(VMXSIM_ENCODING_guest_pending_debug_exceptions)) return false;
  if (!blocking) return true;
  return !(vmx_read(VMXSIM_ENCODING_guest_rflags) & RFLAGS_TF) &&
         !(f->primary_processor_based_vm_execution_controls & INTERRUPT_WINDOW);
}

static void skip_instruction(const struct trial *t) {
  const uint64_t mask = t->kind == GUEST_64 ? UINT64_MAX : 0xffffffff;
  const uint64_t rip = vmx_read(VMXSIM_ENCODING_guest_rip) + vmx_read(VMXSIM_ENCODING_vm_exit_instruction_length);
  vmx_write(VMXSIM_ENCODING_guest_rip, (word)(rip & mask));
  vmx_write(VMXSIM_ENCODING_guest_interruptibility_state,
            vmx_read(VMXSIM_ENCODING_guest_interruptibility_state) & ~(word)BLOCKING_STI_MOV_SS);
}

bool resume_prepare(struct trial *t) {
  if (t->result != VMX_SUCCEED) return false;
  const uint32_t reason = (uint32_t)vmx_read(VMXSIM_ENCODING_exit_reason);
  if (!is_comparable(t, reason)) return false;
  if (exit_is_instruction(reason)) skip_instruction(t);
  vmx_write(VMXSIM_ENCODING_vm_entry_interruption_information, 0);
  vmx_write(VMXSIM_ENCODING_exception_bitmap, 0);
  return true;
}
