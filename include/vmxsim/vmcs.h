/* The VMCS as data: VMREAD, VMWRITE, launch state, and its region in memory.
 *
 * SDM 3C, chapter "Virtual Machine Control Structures", sections "Overview", "Organization of VMCS Data",
 * "Software Use of Virtual-Machine Control Structures".
 */
#ifndef VMXSIM_VMCS_H
#define VMXSIM_VMCS_H

#include "vmxsim/capabilities.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMXSIM_FIELD_WORDS ((VMXSIM_FIELD_COUNT + 63) / 64)

/* A set of fields, one bit each. */
struct vmxsim_field_set {
  uint64_t word[VMXSIM_FIELD_WORDS];
};

static inline bool vmxsim_field_set_has(const struct vmxsim_field_set *set, vmxsim_field field) {
  return (set->word[(unsigned)field / 64] >> ((unsigned)field % 64)) & 1;
}

static inline void vmxsim_field_set_add(struct vmxsim_field_set *set, vmxsim_field field) {
  set->word[(unsigned)field / 64] |= UINT64_C(1) << ((unsigned)field % 64);
}

static inline void vmxsim_field_set_remove(struct vmxsim_field_set *set, vmxsim_field field) {
  set->word[(unsigned)field / 64] &= ~(UINT64_C(1) << ((unsigned)field % 64));
}

/* A VMCS, decoded. Plain data: copy it, keep it on the stack. 16- and 32-bit fields hold zeros above their width. */
struct vmxsim_vmcs {
  uint64_t value[VMXSIM_FIELD_COUNT];
  struct vmxsim_field_set known;   /* fields that have been given a value */
  struct vmxsim_field_set changed; /* fields whose value differs since the set was last cleared */
  uint32_t revision_identifier;    /* 31 bits */
  bool shadow;                     /* shadow-VMCS indicator */
  bool launched;                   /* launch state: false is clear */
  uint32_t abort_indicator;        /* VMX-abort indicator */
};

/* An empty VMCS: no field known, all values 0, launch state clear. */
void vmxsim_vmcs_init(struct vmxsim_vmcs *vmcs, uint32_t revision_identifier);

/* Sets a field by index; bits beyond the field's width are an error (VMXSIM_ERROR_WIDTH). Any field can be set,
 * read-only ones too: this is how a dump or a test builds a VMCS. */
vmxsim_status vmxsim_vmcs_set(struct vmxsim_vmcs *vmcs, vmxsim_field field, uint64_t value);
uint64_t vmxsim_vmcs_get(const struct vmxsim_vmcs *vmcs, vmxsim_field field);
bool vmxsim_vmcs_is_known(const struct vmxsim_vmcs *vmcs, vmxsim_field field);
/* Whether the VMCS can be one of this processor: without Intel 64 architecture, fields of natural width have 32 bits.
 */
bool vmxsim_vmcs_fits(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities);
void vmxsim_vmcs_forget(struct vmxsim_vmcs *vmcs, vmxsim_field field); /* makes it unknown, value 0 */

/* VMREAD and VMWRITE of a full or high encoding, as the processor does them (SDM 3C, "VMREAD", "VMWRITE").
 * `encoding` is the whole source operand, of which bits above 14 and bit 12 must be 0 for a field to be named;
 * `operand_bits` is 64 in 64-bit mode and 32 outside it. A high access reads and writes bits 63:32. A VMREAD
 * zero-extends a short field and truncates a long one to the operand; a VMWRITE ignores operand bits beyond the
 * field, and clears field bits beyond the operand.
 *   VMXSIM_ERROR_UNSUPPORTED_FIELD  VM-instruction error 12
 *   VMXSIM_ERROR_READ_ONLY_FIELD    VM-instruction error 13: IA32_VMX_MISC[29] is 0 */
vmxsim_status vmxsim_vmread(const struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                            uint64_t encoding, unsigned operand_bits, uint64_t *value);
vmxsim_status vmxsim_vmwrite(struct vmxsim_vmcs *vmcs, const struct vmxsim_capabilities *capabilities,
                             uint64_t encoding, unsigned operand_bits, uint64_t value);

/* What a processor lets VMREAD and VMWRITE see of a field: the bits of its value that they read and write. */
struct vmxsim_field_access {
  uint64_t readable; /* 0: the processor has no such field */
  uint64_t writable; /* 0: nor can it be written */
};
struct vmxsim_field_access vmxsim_field_access_of(vmxsim_field field, const struct vmxsim_capabilities *capabilities);

/* The region: 4096 bytes. docs/vmcs-region.md documents the layout, version VMXSIM_VMCS_REGION_LAYOUT.
 * The SDM fixes only bytes 0 to 7 (revision identifier with the shadow indicator in bit 31, VMX-abort indicator);
 * software may copy a whole region after VMCLEAR and VMPTRLD the copy. */
#define VMXSIM_VMCS_REGION_BYTES 4096
#define VMXSIM_VMCS_REGION_LAYOUT 1
#define VMXSIM_VMCS_REGION_LAUNCH_STATE 16 /* offset of the launch state: 4 bytes, 1 is launched */
#define VMXSIM_VMCS_REGION_ABORT 4         /* offset of the VMX-abort indicator, 4 bytes */

void vmxsim_vmcs_to_region(const struct vmxsim_vmcs *vmcs, uint8_t region[VMXSIM_VMCS_REGION_BYTES]);
/* Reads a region that vmxsim_vmcs_to_region() wrote, or one of which software only set the revision identifier:
 * such a VMCS has every field 0. VMXSIM_ERROR_REVISION if the identifier is not `revision_identifier`. */
vmxsim_status vmxsim_vmcs_from_region(struct vmxsim_vmcs *vmcs, uint32_t revision_identifier,
                                      const uint8_t region[VMXSIM_VMCS_REGION_BYTES]);
/* VMCLEAR at data level: launch state clear. */
void vmxsim_vmcs_clear(struct vmxsim_vmcs *vmcs);

#ifdef __cplusplus
}
#endif
#endif
