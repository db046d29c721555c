/* VMPTRLD, VMPTRST, VMCLEAR: which VMCS is current.
 *
 * The current VMCS is decoded in vmxsim_vmx. It is read from its region by VMPTRLD, and written back by VMCLEAR, by a
 * VMPTRLD of another one and by VMXOFF.
 */
#include "cpu/vmx/internal.h"

bool vmx_read_pointer(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction, uint64_t *pointer) {
  uint8_t bytes[8];
  if (!instruction->read(instruction->operand, bytes, sizeof bytes)) return false;
  *pointer = vmx->operand = vmx_get_bytes(bytes, sizeof bytes);
  return true;
}

bool vmx_region_may_be_at(const struct vmxsim_vmx *vmx, uint64_t address) {
  return !(address & (PAGE_OFFSET | vmx->capabilities->beyond_vmx_physical));
}

/* The first eight bytes (revision identifier, VMX-abort indicator) are software's to write, not the processor's. */
static void write_back(struct vmxsim_vmx *vmx) {
  enum { DATA = 8 };
  uint8_t region[VMXSIM_VMCS_REGION_BYTES];
  vmxsim_vmcs_to_region(&vmx->vmcs, region);
  vmx->port->write_memory(vmx->context, vmx->current + DATA, region + DATA, sizeof region - DATA);
}

void vmx_release_current(struct vmxsim_vmx *vmx) {
  if (vmx->current == VMXSIM_NO_VMCS) return;
  write_back(vmx);
  vmx->current = VMXSIM_NO_VMCS;
  vmx->verdict_holds = false;
}

static void make_current(struct vmxsim_vmx *vmx, uint64_t pointer) {
  uint8_t region[VMXSIM_VMCS_REGION_BYTES];
  vmx_release_current(vmx);
  vmx->port->read_memory(vmx->context, pointer, region, sizeof region);
  (void)vmxsim_vmcs_from_region(&vmx->vmcs, (uint32_t)(vmx->capabilities->ia32_vmx_basic & VMX_BASIC_REVISION), region);
  vmx->current = pointer;
}

/* The shadow-VMCS indicator (bit 31) may be 1 only where VMCS shadowing is. */
static bool revision_is_right(const struct vmxsim_vmx *vmx, uint64_t revision) {
  if ((revision ^ vmx->capabilities->ia32_vmx_basic) & VMX_BASIC_REVISION) return false;
  return !(revision & BIT(31)) || SUPPORTS(vmx, secondary, vmcs_shadowing);
}

enum vmxsim_vmx_result vmx_vmptrld(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  uint64_t pointer;
  if (!vmx_read_pointer(vmx, instruction, &pointer)) return VMXSIM_VMX_PENDING;
  if (!vmx_region_may_be_at(vmx, pointer)) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmptrld_with_invalid_physical_address);
  }
  if (pointer == vmx->vmxon_pointer) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmptrld_with_vmxon_pointer);
  }
  if (!revision_is_right(vmx, vmx_read_memory(vmx, pointer, 4))) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmptrld_with_incorrect_vmcs_revision_identifier);
  }
  if (pointer != vmx->current) make_current(vmx, pointer);
  return vmx_succeed(vmx, instruction);
}

enum vmxsim_vmx_result vmx_vmptrst(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  uint8_t bytes[8];
  vmx_put_bytes(bytes, vmx->current, sizeof bytes);
  if (!instruction->write(instruction->operand, bytes, sizeof bytes)) return VMXSIM_VMX_PENDING;
  return vmx_succeed(vmx, instruction);
}

/* Of a VMCS that is not current, everything is in its region already. */
static void clear(struct vmxsim_vmx *vmx, uint64_t pointer) {
  if (pointer != vmx->current) {
    vmx_write_memory(vmx, pointer + VMXSIM_VMCS_REGION_LAUNCH_STATE, 0, 4);
    return;
  }
  vmxsim_vmcs_clear(&vmx->vmcs);
  vmx_release_current(vmx);
}

enum vmxsim_vmx_result vmx_vmclear(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  uint64_t pointer;
  if (!vmx_read_pointer(vmx, instruction, &pointer)) return VMXSIM_VMX_PENDING;
  if (!vmx_region_may_be_at(vmx, pointer)) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmclear_with_invalid_physical_address);
  }
  if (pointer == vmx->vmxon_pointer) {
    return vmx_fail(vmx, instruction, VMXSIM_ERROR_NUMBER_vmclear_with_vmxon_pointer);
  }
  clear(vmx, pointer);
  return vmx_succeed(vmx, instruction);
}
