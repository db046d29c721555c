/* What VMREAD and VMWRITE do to the value of a field, once it is known which: for vmcs.c, where any encoding goes, and
 * for the VMX engine, which has the accesses of a processor at hand. */
#ifndef VMXSIM_VMCS_ACCESS_H
#define VMXSIM_VMCS_ACCESS_H

#include "vmxsim/vmcs.h"

static inline void access_store(struct vmxsim_vmcs *vmcs, vmxsim_field field, uint64_t value) {
  if (vmcs->value[field] == value && vmxsim_field_set_has(&vmcs->known, field)) return;
  vmcs->value[field] = value;
  vmxsim_field_set_add(&vmcs->changed, field);
  vmxsim_field_set_add(&vmcs->known, field);
}

static inline uint64_t access_operand(uint64_t value, unsigned operand_bits) {
  return operand_bits == 32 ? value & UINT32_MAX : value;
}

static inline uint64_t access_read(const struct vmxsim_vmcs *vmcs, vmxsim_field field,
                                   struct vmxsim_field_access access, unsigned operand_bits) {
  return access_operand(vmcs->value[field] & access.readable, operand_bits);
}

static inline void access_write(struct vmxsim_vmcs *vmcs, vmxsim_field field, struct vmxsim_field_access access,
                                unsigned operand_bits, uint64_t value) {
  access_store(vmcs, field, access_operand(value, operand_bits) & access.writable);
}

#endif
