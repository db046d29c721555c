/* The VM-exit information fields (SDM 3C, "Recording VM-Exit Information and Updating VM-Entry Control Fields").
 * Where the manual calls a field undefined it is 0 here. */
#include "cpu/vmx/internal.h"

#define NMI_UNBLOCKING_DUE_TO_IRET BIT(12)

static uint64_t information_of(const struct vmxsim_vmx_event *event, bool error_code) {
  return EVENT_VALID | (error_code ? EVENT_DELIVER_ERROR_CODE : 0) | (uint64_t)event->type << 8 | event->vector;
}

static bool is_double_fault(const struct vmxsim_vmx_exit *exit) {
  return exit->has_event && exit->event.type == VMXSIM_EVENT_HARDWARE_EXCEPTION && exit->event.vector == VECTOR_DF;
}

/* In real-address mode no exception has an error code. */
static void record_event(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const bool error_code = exit->has_event && exit->event.has_error_code && (vmx->state->cr0 & CR0_PE);
  uint64_t information = 0;
  if (exit->has_event) {
    information = information_of(&exit->event, error_code) | (exit->nmi_unblocking ? NMI_UNBLOCKING_DUE_TO_IRET : 0);
  }
  SET_FIELD(vmx, vm_exit_interruption_information, information);
  SET_FIELD(vmx, vm_exit_interruption_error_code, error_code ? exit->event.error_code : 0);
}

/* SDM 3C, "Information for VM Exits During Event Delivery": a double or triple fault is not part of the delivery that
 * led to it. */
static void record_vectoring(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const struct vmxsim_vmx_event *event = &vmx->vectoring;
  const bool valid = vmx->vectoring_valid && exit->reason != VMXSIM_EXIT_triple_fault && !is_double_fault(exit);
  const bool error_code = valid && event->has_error_code;
  SET_FIELD(vmx, idt_vectoring_information, valid ? information_of(event, error_code) : 0);
  SET_FIELD(vmx, idt_vectoring_error_code, error_code ? event->error_code : 0);
}

/* Delivery of a software event has the length of the instruction that caused it. */
static uint8_t instruction_length(const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const uint8_t type = vmx->vectoring.type;
  if (!vmx->vectoring_valid || exit->instruction_length) return exit->instruction_length;
  return type >= VMXSIM_EVENT_SOFTWARE_INTERRUPT && type <= VMXSIM_EVENT_SOFTWARE_EXCEPTION
             ? vmx->vectoring.instruction_length
             : 0;
}

void vmx_record_exit(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  SET_FIELD(vmx, exit_reason, exit->reason_flags | exit->reason);
  SET_FIELD(vmx, exit_qualification, exit->qualification);
  SET_FIELD(vmx, guest_linear_address, exit->guest_linear_address);
  SET_FIELD(vmx, guest_physical_address, exit->guest_physical_address);
  record_event(vmx, exit);
  record_vectoring(vmx, exit);
  SET_FIELD(vmx, vm_exit_instruction_length, instruction_length(vmx, exit));
  SET_FIELD(vmx, vm_exit_instruction_information, exit->instruction_information);
  SET_FIELD(vmx, vm_entry_interruption_information, FIELD(vmx, vm_entry_interruption_information) & ~EVENT_VALID);
}
