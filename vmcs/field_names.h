/* Every name of every field as one list: canonical names, the manual's terms, then aliases. */
#ifndef VMXSIM_VMCS_FIELD_NAMES_H
#define VMXSIM_VMCS_FIELD_NAMES_H

#include <stdint.h>

#include "vmxsim/fields.h"

struct field_name {
  const char *text;
  const char *source; /* "vmxsim" for the canonical name */
  uint8_t field;
};

static const struct field_name field_names[] = {
#define FIELD(encoding, name, exists, term) {#name, "vmxsim", VMXSIM_FIELD_##name},
#include "vmxsim/tables/fields.def"
#undef FIELD
#define FIELD(encoding, name, exists, term) {term, "manual", VMXSIM_FIELD_##name},
#include "vmxsim/tables/fields.def"
#undef FIELD
#define ALIAS(name, source, alias) {alias, #source, VMXSIM_FIELD_##name},
#include "vmcs/field_aliases.def"
#undef ALIAS
};

enum { FIELD_NAMES = sizeof field_names / sizeof *field_names, FIELD_NAMES_FIRST_ALIAS = 2 * VMXSIM_FIELD_COUNT };

#endif
