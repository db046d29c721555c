/* The fields of a VMCS: their encodings, names and properties.
 *
 * SDM 3D, appendix "Field Encoding in VMCS". The table itself is tables/fields.def; everything that
 * the encoding says (width, kind, high half, read-only) is worked out from the encoding.
 */
#ifndef VMXSIM_FIELDS_H
#define VMXSIM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Index of a field: dense, in ascending order of encoding. VMXSIM_FIELD_guest_cr0 and so on. */
typedef enum vmxsim_field {
#define FIELD(encoding, name, exists, term) VMXSIM_FIELD_##name,
#include "vmxsim/tables/fields.def"
#undef FIELD
  VMXSIM_FIELD_COUNT
} vmxsim_field;

/* Encodings as VMREAD and VMWRITE take them: VMXSIM_ENCODING_guest_cr0 = 0x6800 and so on. */
enum vmxsim_encoding {
#define FIELD(encoding, name, exists, term) VMXSIM_ENCODING_##name = (encoding),
#include "vmxsim/tables/fields.def"
#undef FIELD
};

/* Bits 14:13 of an encoding. */
typedef enum vmxsim_field_width {
  VMXSIM_WIDTH_16 = 0,
  VMXSIM_WIDTH_64 = 1,
  VMXSIM_WIDTH_32 = 2,
  VMXSIM_WIDTH_NATURAL = 3, /* 64 bits on processors with Intel 64 architecture, else 32 */
} vmxsim_field_width;

/* Bits 11:10 of an encoding. */
typedef enum vmxsim_field_kind {
  VMXSIM_KIND_CONTROL = 0,
  VMXSIM_KIND_VM_EXIT_INFORMATION = 1, /* read-only */
  VMXSIM_KIND_GUEST_STATE = 2,
  VMXSIM_KIND_HOST_STATE = 3,
} vmxsim_field_kind;

struct vmxsim_capabilities;

/* The field that an encoding names, VMXSIM_FIELD_COUNT if none. High encodings (bit 0 set) name the
 * 64-bit field they are a half of; bit 0 of any other width's encoding names nothing. */
vmxsim_field vmxsim_field_from_encoding(uint32_t encoding);

uint32_t vmxsim_field_encoding(vmxsim_field field);
const char *vmxsim_field_name(vmxsim_field field); /* "guest_cr0" */
const char *vmxsim_field_term(vmxsim_field field); /* the manual's: "Guest CR0" */
vmxsim_field_width vmxsim_field_width_of(vmxsim_field field);
vmxsim_field_kind vmxsim_field_kind_of(vmxsim_field field);
unsigned vmxsim_field_bits(vmxsim_field field); /* 16, 32 or 64 (natural width counts as 64) */
bool vmxsim_field_is_read_only(vmxsim_field field);
bool vmxsim_field_has_high_half(vmxsim_field field);
const char *vmxsim_field_width_text(vmxsim_field_width width); /* "16-bit" ... "natural-width" */
const char *vmxsim_field_kind_text(vmxsim_field_kind kind);    /* "control" ... */

/* Whether a processor with these capabilities has the field. */
bool vmxsim_field_exists(vmxsim_field field, const struct vmxsim_capabilities *capabilities);

/* In words, what makes the field exist, for example `1-setting of "enable EPT"`; "" if always.
 * Writes at most `size` bytes with the final NUL; returns the length that was wanted. */
size_t vmxsim_field_existence_text(vmxsim_field field, char *text, size_t size);

/* The field that a name means: a canonical name, the manual's term, the macro name of one of the
 * sources in vmcs/field_aliases.def, or an encoding in hexadecimal. Case, '_', '-', '.', ' ' do not count.
 * `high` (may be NULL) says whether the name means the high half ("..._high", "..._hi", odd encoding).
 * The name need not be NUL-terminated. VMXSIM_ERROR_UNKNOWN_NAME leaves *field alone. */
vmxsim_status vmxsim_field_from_name(const char *name, size_t length, vmxsim_field *field, bool *high);

/* The n-th alias of a field with the source that uses it, NULL past the last. */
const char *vmxsim_field_alias(vmxsim_field field, unsigned n, const char **source);

/* The known names nearest to a mistyped one, nearest first; at most `max`, returns how many. */
size_t vmxsim_field_nearest(const char *name, size_t length, const char **nearest, size_t max);

#ifdef __cplusplus
}
#endif
#endif
