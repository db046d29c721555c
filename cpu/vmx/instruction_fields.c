/* VMREAD and VMWRITE. What they do to a VMCS is vmcs/vmcs.c's; here are their operands and failures. */
#include "cpu/vmx/internal.h"

static enum vmxsim_vmx_result end(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                                  uint64_t value) {
  const struct vmxsim_vmx_trace what = {
      .kind = VMXSIM_VMX_TRACE_INSTRUCTION,
      .opcode = instruction->opcode,
      .pointer = vmx->current,
      .encoding = instruction->register_value,
      .value = value,
  };
  vmx_trace(vmx, &what);
  return vmx_succeed(vmx, instruction);
}

enum vmxsim_vmx_result vmx_vmread(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  const unsigned bytes = instruction->operand_bits / 8;
  uint64_t value;
  uint8_t data[8];
  if (vmx->current == VMXSIM_NO_VMCS) return vmx_fail_invalid(vmx, instruction);
  if (vmxsim_vmread(&vmx->vmcs, vmx->capabilities, instruction->register_value, instruction->operand_bits, &value) !=
      VMXSIM_OK) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmread_or_vmwrite_of_unsupported_component);
  }
  vmx_put_bytes(data, value, sizeof data);
  if (!instruction->write(instruction->operand, data, bytes)) return VMXSIM_VMX_PENDING;
  return end(vmx, instruction, value);
}

/* The source is read before the field is looked at: a fault comes before errors 12 and 13. */
enum vmxsim_vmx_result vmx_vmwrite(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  const unsigned bytes = instruction->operand_bits / 8;
  uint8_t data[8];
  if (vmx->current == VMXSIM_NO_VMCS) return vmx_fail_invalid(vmx, instruction);
  if (!instruction->read(instruction->operand, data, bytes)) return VMXSIM_VMX_PENDING;
  const uint64_t value = vmx_get_bytes(data, bytes);
  switch (
      vmxsim_vmwrite(&vmx->vmcs, vmx->capabilities, instruction->register_value, instruction->operand_bits, value)) {
  case VMXSIM_OK: return end(vmx, instruction, value);
  case VMXSIM_ERROR_READ_ONLY_FIELD:
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmwrite_to_read_only_component);
  default: return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmread_or_vmwrite_of_unsupported_component);
  }
}
