/* Finding a name among thousands: hashes in ascending order, made by the build from the tables. */
#ifndef VMXSIM_VMCS_NAME_INDEX_H
#define VMXSIM_VMCS_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct name_entry {
  uint32_t hash;  /* names_hash() */
  uint16_t item;  /* what the name names */
  uint16_t place; /* where its text is in the list of names */
};

extern const struct name_entry field_name_index[];
extern const size_t field_name_index_count;

#endif
