/* The VMCS object: setting fields, VMREAD and VMWRITE. Its region in memory is region.c. */
#include "vmcs/access.h"
#include "vmcs/architecture.h"

void vmxsim_vmcs_init(struct vmxsim_vmcs *vmcs, uint32_t revision_identifier) {
  *vmcs = (struct vmxsim_vmcs){.revision_identifier = revision_identifier & (uint32_t)VMX_BASIC_REVISION};
}

static uint64_t width_mask(vmxsim_field field) {
  return BITS(vmxsim_field_bits(field) - 1, 0);
}

vmxsim_status vmxsim_vmcs_set(struct vmxsim_vmcs *vmcs, vmxsim_field field, uint64_t value) {
  if ((unsigned)field >= VMXSIM_FIELD_COUNT) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  if (value & ~width_mask(field)) return VMXSIM_ERROR_WIDTH;
  access_store(vmcs, field, value);
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

/* Fields of natural width have 32 bits without Intel 64 architecture. */
static uint64_t field_mask(vmxsim_field field, const struct vmxsim_capabilities *capabilities) {
  const bool narrow =
      vmxsim_field_width_of(field) == VMXSIM_WIDTH_NATURAL && !vmxsim_has_feature(capabilities, VMXSIM_FEATURE_intel64);
  return narrow ? UINT32_MAX : width_mask(field);
}

struct vmxsim_field_access vmxsim_field_access_of(vmxsim_field field, const struct vmxsim_capabilities *capabilities) {
  const bool exists = (unsigned)field < VMXSIM_FIELD_COUNT && vmxsim_field_exists(field, capabilities);
  if (!exists) return (struct vmxsim_field_access){0, 0};
  const uint64_t mask = field_mask(field, capabilities);
  const bool read_only = vmxsim_field_is_read_only(field) && !(capabilities->ia32_vmx_misc & VMX_MISC_VMWRITE_ALL);
  return (struct vmxsim_field_access){.readable = mask, .writable = read_only ? 0 : mask};
}

/* The field that an operand of VMREAD or VMWRITE names. */
static vmxsim_field operand_field(uint64_t encoding, unsigned operand_bits) {
  encoding = access_operand(encoding, operand_bits);
  return encoding > UINT32_MAX ? VMXSIM_FIELD_COUNT : vmxsim_field_from_encoding((uint32_t)encoding);
}

vmxsim_status vmxsim_vmread(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                            uint64_t encoding, unsigned operand_bits, uint64_t *value) {
  const vmxsim_field field = operand_field(encoding, operand_bits);
  const struct vmxsim_field_access access = vmxsim_field_access_of(field, capabilities);
  if (!access.readable) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  *value = encoding & 1 ? access_read(vmcs, field, access, 64) >> 32 : access_read(vmcs, field, access, operand_bits);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vmwrite(struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                             uint64_t encoding, unsigned operand_bits, uint64_t value) {
  const vmxsim_field field = operand_field(encoding, operand_bits);
  const struct vmxsim_field_access access = vmxsim_field_access_of(field, capabilities);
  if (!access.readable) return VMXSIM_ERROR_UNSUPPORTED_FIELD;
  if (!access.writable) return VMXSIM_ERROR_READ_ONLY_FIELD;
  if (encoding & 1) {
    access_write(vmcs, field, access, 64, (vmcs->value[field] & UINT32_MAX) | value << 32);
  } else {
    access_write(vmcs, field, access, operand_bits, value);
  }
  return VMXSIM_OK;
}

bool vmxsim_vmcs_fits(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities) {
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    if (vmcs->value[i] & ~field_mask((vmxsim_field)i, capabilities)) return false;
  }
  return true;
}
