/* A VMCS in its region of memory. docs/vmcs-region.md documents the layout.
 *
 * Fields stand at 64 + 8 * (number in fields.def); the layout number changes when that table does, so that a region
 * of another layout is never taken for one of this. */
#include "vmcs/architecture.h"
#include "vmxsim/vmcs.h"

enum {
  AT_REVISION = 0,
  AT_ABORT = VMXSIM_VMCS_REGION_ABORT,
  AT_MAGIC = 8,
  AT_LAYOUT = 12,
  AT_LAUNCHED = VMXSIM_VMCS_REGION_LAUNCH_STATE,
  AT_FIELD_COUNT = 20,
  AT_FIELDS = 64,
};
#define REGION_MAGIC UINT32_C(0x584d5673) /* "sVMX" */

_Static_assert(AT_FIELDS + 8 * VMXSIM_FIELD_COUNT <= VMXSIM_VMCS_REGION_BYTES, "all fields fit into a region");

static void put(uint8_t *at, uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

void vmxsim_vmcs_to_region(const struct vmxsim_vmcs *vmcs, uint8_t region[VMXSIM_VMCS_REGION_BYTES]) {
  for (unsigned i = 0; i < VMXSIM_VMCS_REGION_BYTES; i++) region[i] = 0;
  put(region + AT_REVISION, (vmcs->revision_identifier & VMX_BASIC_REVISION) | (vmcs->shadow ? BIT(31) : 0), 4);
  put(region + AT_ABORT, vmcs->abort_indicator, 4);
  put(region + AT_MAGIC, REGION_MAGIC, 4);
  put(region + AT_LAYOUT, VMXSIM_VMCS_REGION_LAYOUT, 4);
  put(region + AT_LAUNCHED, vmcs->launched, 4);
  put(region + AT_FIELD_COUNT, VMXSIM_FIELD_COUNT, 4);
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) put(region + AT_FIELDS + 8 * i, vmcs->value[i], 8);
}

vmxsim_status vmxsim_vmcs_from_region(struct vmxsim_vmcs *vmcs, uint32_t revision_identifier,
                                      const uint8_t region[VMXSIM_VMCS_REGION_BYTES]) {
  const uint64_t revision = get(region + AT_REVISION, 4);
  if ((revision & VMX_BASIC_REVISION) != revision_identifier) return VMXSIM_ERROR_REVISION;
  vmxsim_vmcs_init(vmcs, revision_identifier);
  vmcs->shadow = revision & BIT(31);
  vmcs->abort_indicator = (uint32_t)get(region + AT_ABORT, 4);
  /* Data that VMCLEAR did not write there is whatever software left: as on a processor, no more than bytes. */
  const bool ours = get(region + AT_MAGIC, 4) == REGION_MAGIC &&
                    get(region + AT_LAYOUT, 4) == VMXSIM_VMCS_REGION_LAYOUT &&
                    get(region + AT_FIELD_COUNT, 4) == VMXSIM_FIELD_COUNT;
  vmcs->launched = ours && get(region + AT_LAUNCHED, 4) == 1;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const vmxsim_field field = (vmxsim_field)i;
    const uint64_t value = ours ? get(region + AT_FIELDS + 8 * i, 8) : 0;
    vmcs->value[i] = value & BITS(vmxsim_field_bits(field) - 1, 0);
    vmxsim_field_set_add(&vmcs->known, field);
  }
  return VMXSIM_OK;
}

void vmxsim_vmcs_clear(struct vmxsim_vmcs *vmcs) {
  vmcs->launched = false;
}
