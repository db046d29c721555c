/* The staging buffer of a VMCS, to the current VMCS and back. SDM 3D, "Field Encoding in VMCS". */
#include "vmm/vmcs.h"

enum { MISC_CR3_TARGETS_BIT = 16, MISC_CR3_TARGETS_MASK = 0x1ff };

/* When a processor has a field: one of two controls may be 1, or there are more CR3-target values than `bit_1`. */
struct existence {
  enum { EXISTS_ALWAYS, EXISTS_WITH_CONTROL, EXISTS_WITH_CR3_TARGETS } kind;
  uint8_t word_1, bit_1, word_2, bit_2;
};

#define ALWAYS \
  { EXISTS_ALWAYS, 0, 0, 0, 0 }
#define IF(word, bit) IF_EITHER(word, bit, word, bit)
#define IF_EITHER(word_1, bit_1, word_2, bit_2) \
  { \
    EXISTS_WITH_CONTROL, VMXSIM_WORD_##word_1, VMXSIM_BIT_##word_1##_##bit_1, VMXSIM_WORD_##word_2, \
        VMXSIM_BIT_##word_2##_##bit_2 \
  }
#define CR3_TARGET(n) \
  { EXISTS_WITH_CR3_TARGETS, 0, n, 0, 0 }

static const struct field {
  uint16_t encoding, offset;
  struct existence exists;
  const char *term;
} table[] = {
#define FIELD(encoding, name, exists, term) {encoding, offsetof(struct vmcs_fields, name), exists, term},
#include "vmxsim/tables/fields.def"
#undef FIELD
};
enum { FIELDS = sizeof table / sizeof *table };

static bool field_exists(const struct existence *exists, const struct capabilities *capabilities) {
  switch (exists->kind) {
  case EXISTS_ALWAYS: return true;
  case EXISTS_WITH_CR3_TARGETS:
    return (capabilities->misc >> MISC_CR3_TARGETS_BIT & MISC_CR3_TARGETS_MASK) > exists->bit_1;
  default:
    return capabilities_allow(capabilities, exists->word_1, exists->bit_1) ||
           capabilities_allow(capabilities, exists->word_2, exists->bit_2);
  }
}

static bool is_chosen(const struct field *field, unsigned kinds, const struct capabilities *capabilities) {
  return kinds >> (field->encoding >> 10 & 3) & 1 && field_exists(&field->exists, capabilities);
}

/* Outside of 64-bit mode a 64-bit field is accessed by halves. */
static bool has_two_halves(const struct field *field) {
  return sizeof(word) == 4 && (field->encoding >> 13 & 3) == VMXSIM_WIDTH_64;
}

static bool write_field(const struct field *field, uint64_t value) {
  if (vmx_write(field->encoding, (word)value) != VMX_SUCCEED) return false;
  return !has_two_halves(field) || vmx_write(field->encoding + 1U, (word)(value >> 32)) == VMX_SUCCEED;
}

static uint64_t read_field(const struct field *field) {
  const uint64_t low = vmx_read(field->encoding);
  return has_two_halves(field) ? low | (uint64_t)vmx_read(field->encoding + 1U) << 32 : low;
}

const char *vmcs_write(const struct vmcs_fields *fields, unsigned kinds, const struct capabilities *capabilities) {
  for (unsigned i = 0; i < FIELDS; i++) {
    if (!is_chosen(&table[i], kinds, capabilities)) continue;
    const uint64_t *value = (const uint64_t *)(const void *)((const uint8_t *)fields + table[i].offset);
    if (!write_field(&table[i], *value)) return table[i].term;
  }
  return NULL;
}

void vmcs_read(struct vmcs_fields *fields, unsigned kinds, const struct capabilities *capabilities) {
  for (unsigned i = 0; i < FIELDS; i++) {
    if (!is_chosen(&table[i], kinds, capabilities)) continue;
    *(uint64_t *)(void *)((uint8_t *)fields + table[i].offset) = read_field(&table[i]);
  }
}
