/* What a field is, by its encoding (SDM 3D, "Field Encoding in VMCS"). Names are in field_names.c. */
#include "vmcs/architecture.h"
#include "vmcs/field_slots.h"
#include "vmcs/text.h"
#include "vmxsim/capabilities.h"

enum existence_kind { EXISTS_ALWAYS, EXISTS_IF, EXISTS_IF_CR3_TARGET };

struct field_record {
  uint16_t encoding;
  uint8_t existence;
  uint8_t word[2], bit[2]; /* of one or two controls; or word[0] is the number of a CR3-target value */
  uint8_t controls;
  const char *term;
};

#define ALWAYS EXISTS_ALWAYS, {0, 0}, {0, 0}, 0
#define IF(w, b) EXISTS_IF, {VMXSIM_WORD_##w, 0}, {VMXSIM_BIT_##w##_##b, 0}, 1
#define IF_EITHER(w, b, v, c) \
  EXISTS_IF, {VMXSIM_WORD_##w, VMXSIM_WORD_##v}, {VMXSIM_BIT_##w##_##b, VMXSIM_BIT_##v##_##c}, 2
#define CR3_TARGET(n) EXISTS_IF_CR3_TARGET, {n, 0}, {0, 0}, 0
#define RECORD(encoding, term, ...) \
  { encoding, __VA_ARGS__, term }
static const struct field_record records[VMXSIM_FIELD_COUNT] = {
#define FIELD(encoding, name, exists, term) RECORD(encoding, term, exists),
#include "vmxsim/tables/fields.def"
#undef FIELD
};

const uint8_t field_slots[FIELD_SLOTS] = {
#define FIELD(encoding, name, exists, term) [FIELD_SLOT_OF(encoding)] = VMXSIM_FIELD_##name + 1,
#include "vmxsim/tables/fields.def"
#undef FIELD
};
_Static_assert(VMXSIM_FIELD_COUNT < 255, "field numbers fit into the slots");

vmxsim_field vmxsim_field_from_encoding(uint32_t encoding) {
  if ((encoding & 1) && ((encoding >> 13) & 3) != VMXSIM_WIDTH_64) return VMXSIM_FIELD_COUNT;
  return field_from_full_encoding(encoding & ~UINT32_C(1));
}

uint32_t vmxsim_field_encoding(vmxsim_field field) {
  return records[field].encoding;
}

const char *vmxsim_field_term(vmxsim_field field) {
  return records[field].term;
}

vmxsim_field_width vmxsim_field_width_of(vmxsim_field field) {
  return (vmxsim_field_width)((records[field].encoding >> 13) & 3);
}

vmxsim_field_kind vmxsim_field_kind_of(vmxsim_field field) {
  return (vmxsim_field_kind)((records[field].encoding >> 10) & 3);
}

unsigned vmxsim_field_bits(vmxsim_field field) {
  static const unsigned char bits[] = {16, 64, 32, 64};
  return bits[vmxsim_field_width_of(field)];
}

bool vmxsim_field_is_read_only(vmxsim_field field) {
  return vmxsim_field_kind_of(field) == VMXSIM_KIND_VM_EXIT_INFORMATION;
}

bool vmxsim_field_has_high_half(vmxsim_field field) {
  return vmxsim_field_width_of(field) == VMXSIM_WIDTH_64;
}

const char *vmxsim_field_width_text(vmxsim_field_width width) {
  static const char *const texts[] = {"16-bit", "64-bit", "32-bit", "natural-width"};
  return texts[width];
}

const char *vmxsim_field_kind_text(vmxsim_field_kind kind) {
  static const char *const texts[] = {"control", "VM-exit information", "guest state", "host state"};
  return texts[kind];
}

bool vmxsim_field_exists(vmxsim_field field, const struct vmxsim_capabilities *capabilities) {
  const struct field_record *record = &records[field];
  switch (record->existence) {
  case EXISTS_IF_CR3_TARGET: return VMX_MISC_CR3_TARGETS_OF(capabilities->ia32_vmx_misc) > record->word[0];
  case EXISTS_IF:
    for (unsigned i = 0; i < record->controls; i++) {
      const uint64_t may_be_1 = vmxsim_control_may_be_1(capabilities, (vmxsim_control_word)record->word[i]);
      if ((may_be_1 >> record->bit[i]) & 1) return true;
    }
    return false;
  default: return true;
  }
}

size_t vmxsim_field_existence_text(vmxsim_field field, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  const struct field_record *record = &records[field];
  if (record->existence == EXISTS_IF_CR3_TARGET) {
    text_put(&text, "more than ");
    text_decimal(&text, record->word[0]);
    text_put(&text, " CR3-target values");
  }
  for (unsigned i = 0; i < record->controls; i++) {
    const vmxsim_control_word word = (vmxsim_control_word)record->word[i];
    text_put(&text, i ? " or of \"" : "1-setting of \"");
    text_put(&text, vmxsim_control_find(word, record->bit[i])->term);
    text_put(&text, "\" (");
    text_put(&text, vmxsim_control_word_name(word));
    text_char(&text, ')');
  }
  return text_end(&text);
}

/* The highest index of a field that exists, in bits 9:1 (SDM 3D, "VMCS Enumeration"). */
uint64_t vmxsim_vmcs_enum_of_fields(const struct vmxsim_capabilities *capabilities) {
  uint64_t highest = 0;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const uint64_t index = records[i].encoding & 0x3fe;
    if (index > highest && vmxsim_field_exists((vmxsim_field)i, capabilities)) highest = index;
  }
  return highest;
}
