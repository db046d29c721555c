/* From an encoding to its field in one step. Private to vmcs/ and to those who build on it. */
#ifndef VMXSIM_VMCS_FIELD_SLOTS_H
#define VMXSIM_VMCS_FIELD_SLOTS_H

#include "vmxsim/fields.h"

/* Encodings have an index in bits 9:1, a kind in bits 11:10 and a width in bits 14:13. No index is above 63. */
enum { FIELD_INDEX_BITS = 6, FIELD_SLOTS = 16 << FIELD_INDEX_BITS };
#define FIELD_SLOT_OF(encoding) \
  (((((encoding) >> 13) & 3) << (FIELD_INDEX_BITS + 2)) | ((((encoding) >> 10) & 3) << FIELD_INDEX_BITS) | \
   (((encoding) >> 1) & 0x3f))
#define FIELD_SLOT_BITS UINT64_C(0x6c7e) /* of a full encoding: what is in its slot; all others are 0 */

/* The number of a field plus 1, by the slot of its encoding; 0: there is no field. fields.c */
extern const uint8_t field_slots[FIELD_SLOTS];

/* The field that a full encoding names; VMXSIM_FIELD_COUNT: none, or it is a high one. */
static inline vmxsim_field field_from_full_encoding(uint64_t encoding) {
  if (encoding & ~FIELD_SLOT_BITS) return VMXSIM_FIELD_COUNT;
  const unsigned number = field_slots[FIELD_SLOT_OF(encoding)];
  return number ? (vmxsim_field)(number - 1) : VMXSIM_FIELD_COUNT;
}

#endif
