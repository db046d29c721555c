/* VMREAD and VMWRITE as they nearly always are, inline for the processor that executes them: of a full encoding, in VMX
 * root operation, with a current VMCS, and successful.
 *
 * Each returns false, having done nothing, where anything else is the case: vmxsim_vmx_execute() finds out what. The
 * caller has seen to it that the instruction is neither undefined (virtual-8086 and compatibility mode) nor forbidden
 * (CPL above 0), and that nobody wants a trace of it; VMsucceed is its to set.
 */
#ifndef VMXSIM_CPU_VMX_QUICK_H
#define VMXSIM_CPU_VMX_QUICK_H

#include "vmcs/access.h"
#include "vmcs/field_slots.h"
#include "vmxsim/vmx.h"

static inline bool vmx_has_fields(const struct vmxsim_vmx *vmx) {
  return vmx->in_vmx_operation && !vmx->in_non_root && vmx->current != VMXSIM_NO_VMCS;
}

static inline bool vmx_quick_vmread(const struct vmxsim_vmx *vmx, uint64_t encoding, unsigned operand_bits,
                                    uint64_t *value) {
  const vmxsim_field field = field_from_full_encoding(encoding);
  const struct vmxsim_field_access access = vmx->access[field];
  if (!access.readable || !vmx_has_fields(vmx)) return false;
  *value = access_read(&vmx->vmcs, field, access, operand_bits);
  return true;
}

static inline bool vmx_quick_vmwrite(struct vmxsim_vmx *vmx, uint64_t encoding, unsigned operand_bits, uint64_t value) {
  const vmxsim_field field = field_from_full_encoding(encoding);
  const struct vmxsim_field_access access = vmx->access[field];
  if (!access.writable || !vmx_has_fields(vmx)) return false;
  access_write(&vmx->vmcs, field, access, operand_bits, value);
  return true;
}

#endif
