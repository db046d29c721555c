/* The VMCS object: setting fields, VMREAD and VMWRITE. Its region in memory is region.c. */
#include "vmxsim/vmcs.h"

#include "vmcs/architecture.h"

void vmxsim_vmcs_init(struct vmxsim_vmcs *vmcs, uint32_t revision_identifier) {
  *vmcs = (struct vmxsim_vmcs){.revision_identifier = revision_identifier & (uint32_t)VMX_BASIC_REVISION};
}

static uint64_t width_mask(vmxsim_field field) {
  return BITS(vmxsim_field_bits(field) - 1, 0);
}

static void store(struct vmxsim_vmcs *vmcs, vmxsim_field field, uint64_t value) {
  if (vmcs->value[field] != value || !vmxsim_field_set_has(&vmcs->known, field)) {
    vmxsim_field_set_add(&vmcs->changed, field);
  }
  vmcs->value[field] = value;
  vmxsim_field_set_add(&vmcs->known, field);
}

vmxsim_status vmxsim_vmcs_set(struct vmxsim_vmcs *vmcs, vmxsim_field field, uint64_t value) {
  if ((unsigned)field >= VMXSIM_FIELD_COUNT) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  if (value & ~width_mask(field)) return VMXSIM_ERROR_WIDTH;
  store(vmcs, field, value);
  return VMXSIM_OK;
}

uint64_t vmxsim_vmcs_get(const struct vmxsim_vmcs *vmcs, vmxsim_field field) {
  return (unsigned)field < VMXSIM_FIELD_COUNT ? vmcs->value[field] : 0;
}

bool vmxsim_vmcs_is_known(const struct vmxsim_vmcs *vmcs, vmxsim_field field) {
  return (unsigned)field < VMXSIM_FIELD_COUNT && vmxsim_field_set_has(&vmcs->known, field);
}

void vmxsim_vmcs_forget(struct vmxsim_vmcs *vmcs, vmxsim_field field) {
  if ((unsigned)field >= VMXSIM_FIELD_COUNT) return;
  if (vmxsim_field_set_has(&vmcs->known, field)) vmxsim_field_set_add(&vmcs->changed, field);
  vmxsim_field_set_remove(&vmcs->known, field);
  vmcs->value[field] = 0;
}

/* The field that an operand of VMREAD or VMWRITE names on this processor. */
static vmxsim_field operand_field(const struct vmxsim_capabilities *capabilities, uint64_t encoding,
                                  unsigned operand_bits) {
  if (operand_bits == 32) encoding &= UINT32_MAX;
  if (encoding > UINT32_MAX) return VMXSIM_FIELD_COUNT;
  const vmxsim_field field = vmxsim_field_from_encoding((uint32_t)encoding);
  if (field == VMXSIM_FIELD_COUNT || !vmxsim_field_exists(field, capabilities)) return VMXSIM_FIELD_COUNT;
  return field;
}

/* Fields of natural width have 32 bits without Intel 64 architecture. */
static uint64_t field_mask(vmxsim_field field, const struct vmxsim_capabilities *capabilities) {
  const bool narrow =
      vmxsim_field_width_of(field) == VMXSIM_WIDTH_NATURAL && !vmxsim_has_feature(capabilities, VMXSIM_FEATURE_intel64);
  return narrow ? UINT32_MAX : width_mask(field);
}

vmxsim_status vmxsim_vmread(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                            uint64_t encoding, unsigned operand_bits, uint64_t *value) {
  const vmxsim_field field = operand_field(capabilities, encoding, operand_bits);
  if (field == VMXSIM_FIELD_COUNT) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  uint64_t read = vmcs->value[field] & field_mask(field, capabilities);
  if (encoding & 1) read >>= 32;
  *value = operand_bits == 32 ? read & UINT32_MAX : read;
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vmwrite(struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                             uint64_t encoding, unsigned operand_bits, uint64_t value) {
  const vmxsim_field field = operand_field(capabilities, encoding, operand_bits);
  if (field == VMXSIM_FIELD_COUNT) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  if (vmxsim_field_is_read_only(field) && !(capabilities->ia32_vmx_misc & VMX_MISC_VMWRITE_ALL)) {
    return VMXSIM_ERROR_READ_ONLY_FIELD;
  }
  if (operand_bits == 32) value &= UINT32_MAX;
  if (encoding & 1) {
    value = (vmcs->value[field] & UINT32_MAX) | value << 32;
  }
  store(vmcs, field, value & field_mask(field, capabilities));
  return VMXSIM_OK;
}

bool vmxsim_vmcs_fits(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities) {
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    if (vmcs->value[i] & ~field_mask((vmxsim_field)i, capabilities)) return false;
  }
  return true;
}
