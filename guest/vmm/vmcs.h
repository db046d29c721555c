/* The staging buffer: all fields of a VMCS as members of a struct, to be filled in C and written in one go. */
#ifndef GUEST_VMM_VMCS_H
#define GUEST_VMM_VMCS_H

#include "vmm/capabilities.h"
#include "vmm/vmx.h"

struct vmcs_fields {
#define FIELD(encoding, name, exists, term) uint64_t name;
#include "vmxsim/tables/fields.def"
#undef FIELD
};

/* Bits 11:10 of an encoding say what kind of field it is; a set of kinds has bit 1 << kind. */
enum {
  VMCS_CONTROLS = 1 << VMXSIM_KIND_CONTROL,
  VMCS_EXIT_INFORMATION = 1 << VMXSIM_KIND_VM_EXIT_INFORMATION,
  VMCS_GUEST_STATE = 1 << VMXSIM_KIND_GUEST_STATE,
  VMCS_HOST_STATE = 1 << VMXSIM_KIND_HOST_STATE,
};

/* Writes the fields of these kinds that the processor has to the current VMCS. NULL, or the term of the field that
 * VMWRITE did not take. */
const char *vmcs_write(const struct vmcs_fields *fields, unsigned kinds, const struct capabilities *capabilities);

/* Reads them back from the current VMCS. */
void vmcs_read(struct vmcs_fields *fields, unsigned kinds, const struct capabilities *capabilities);

#endif
