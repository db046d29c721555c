/* Named bits and sub-fields of registers and VMCS fields: CR0, RFLAGS, access rights, interruption information ...
 *
 * The table is tables/bits.def. Control words are not here: controls.h has them.
 */
#ifndef VMXSIM_BITS_H
#define VMXSIM_BITS_H

#include "vmxsim/fields.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One kind of value: VMXSIM_LAYOUT_cr0, VMXSIM_LAYOUT_access_rights ... */
typedef enum vmxsim_layout {
#define LAYOUT(layout, title) VMXSIM_LAYOUT_##layout,
#define BITFIELD(layout, high, low, name, about)
#define BITFIELD_VALUE(layout, bitfield, value, name, about)
#define LAYOUT_OF_FIELD(field, layout)
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD
#undef BITFIELD_VALUE
#undef LAYOUT_OF_FIELD
  VMXSIM_LAYOUT_COUNT
} vmxsim_layout;

struct vmxsim_bitfield {
  vmxsim_layout layout;
  unsigned high, low; /* bit numbers, inclusive */
  const char *name;   /* "pe", "dpl", "vector" */
  const char *about;
};

const char *vmxsim_layout_name(vmxsim_layout layout);
const char *vmxsim_layout_title(vmxsim_layout layout);
/* The layout of a VMCS field's value, VMXSIM_LAYOUT_COUNT if it has none. */
vmxsim_layout vmxsim_layout_of_field(vmxsim_field field);
/* The n-th sub-field of a layout, in ascending bit order; NULL past the last. */
const struct vmxsim_bitfield *vmxsim_bitfield_at(vmxsim_layout layout, size_t n);
const struct vmxsim_bitfield *vmxsim_bitfield_find(vmxsim_layout layout, const char *name, size_t length);
/* Name of one value of a sub-field ("external_interrupt"), NULL if it has none; and back: false if unknown. */
const char *vmxsim_bitfield_value_name(const struct vmxsim_bitfield *bitfield, uint64_t value);
bool vmxsim_bitfield_value_from_name(const struct vmxsim_bitfield *bitfield, const char *name, size_t length,
                                     uint64_t *value);

/* The names of the bits that are set in `value`, for people: "PE, NE, WP, PG", unnamed ones as "bit 26"; sub-fields
 * wider than a bit as "name=value". Writes at most `size` bytes with the final NUL; returns the length that was wanted.
 */
size_t vmxsim_layout_text(vmxsim_layout layout, uint64_t value, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
