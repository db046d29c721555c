/* Explaining NAME=VALUE. */
#include <inttypes.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/values.h"
#include "vmcs/names.h"

static void value_title(struct explainer *explainer, const char *name, uint64_t value, unsigned digits) {
  char title[200];
  snprintf(title, sizeof title, "%s = 0x%0*" PRIx64, name, (int)digits, value);
  explain_title(explainer, "value", title);
}

/* The type of a segment, which depends on the S bit. */
static void print_segment_type(struct explainer *explainer, uint64_t access_rights) {
  static const char *const code_or_data[] = {
      "data, read-only",    "data, read/write",   "data, read-only, expand-down",   "data, read/write, expand-down",
      "code, execute-only", "code, execute/read", "code, execute-only, conforming", "code, execute/read, conforming"};
  static const char *const systems[] = {
      NULL, "16-bit TSS, available",           "LDT", "16-bit TSS, busy",          NULL, NULL, NULL, NULL,
      NULL, "32-bit or 64-bit TSS, available", NULL,  "32-bit or 64-bit TSS, busy"};
  const unsigned type = access_rights & 15;
  if ((access_rights >> 16) & 1) {
    output_put(&explainer->output, "  segment:  unusable\n");
  } else if ((access_rights >> 4) & 1) {
    output_put(&explainer->output, "  segment:  %s%s\n", code_or_data[type >> 1], type & 1 ? ", accessed" : "");
  } else if (type < sizeof systems / sizeof *systems && systems[type]) {
    output_put(&explainer->output, "  segment:  %s\n", systems[type]);
  }
}

static void print_event(struct explainer *explainer, uint64_t information) {
  const unsigned type = (information >> 8) & 7;
  const bool exception = type == 3 || type == 5 || type == 6;
  const char *mnemonic = exception ? exception_mnemonic(information & 0xff) : NULL;
  if (mnemonic) output_put(&explainer->output, "  event:    %s\n", mnemonic);
  if (!((information >> 31) & 1)) output_put(&explainer->output, "  event:    none: bit 31 (valid) is 0\n");
}

static void print_remarks(struct explainer *explainer, vmxsim_layout layout, uint64_t value) {
  switch (layout) {
  case VMXSIM_LAYOUT_access_rights: print_segment_type(explainer, value); break;
  case VMXSIM_LAYOUT_interruption_information:
  case VMXSIM_LAYOUT_exit_interruption_information:
  case VMXSIM_LAYOUT_idt_vectoring_information: print_event(explainer, value); break;
  default: break;
  }
}

static void print_as_layout(struct explainer *explainer, vmxsim_layout layout, uint64_t value) {
  print_layout(&explainer->output, layout, value);
  print_remarks(explainer, layout, value);
}

static int explain_field_value(struct explainer *explainer, vmxsim_field field, bool high, uint64_t value) {
  const unsigned bits = vmxsim_field_bits(field);
  const vmxsim_control_word word = vmxsim_control_word_of_field(field);
  const vmxsim_layout layout = vmxsim_layout_of_field(field);
  if (high) value <<= 32;
  if (bits < 64 && value >> bits) {
    complain("%s has %u bits; 0x%" PRIx64 " is wider", vmxsim_field_name(field), bits, value);
    return 0;
  }
  value_title(explainer, vmxsim_field_name(field), value, bits / 4);
  output_put(&explainer->output, "  %s, encoding 0x%04x\n", vmxsim_field_term(field), vmxsim_field_encoding(field));
  if (word != VMXSIM_WORD_COUNT) {
    print_control_word(&explainer->output, word, value);
  } else if (layout != VMXSIM_LAYOUT_COUNT) {
    print_as_layout(explainer, layout, value);
  } else if (field == VMXSIM_FIELD_exit_qualification) {
    output_put(&explainer->output,
               "  its meaning depends on the exit reason: vmxsim explain exit REASON qualification=0x%" PRIx64 "\n",
               value);
  } else {
    output_put(&explainer->output, "  decimal %" PRIu64 "; its bits have no names\n", value);
  }
  return 1;
}

/* "may be 1" and "must be 1" of a capability MSR. */
static void print_allowed_settings(struct explainer *explainer, unsigned capability, uint64_t value) {
  const vmxsim_control_word word = word_of_capability(capability);
  const bool halves = capability_has_two_halves(capability);
  const uint64_t may = halves ? value >> 32 : value, must = halves ? value & UINT32_MAX : 0;
  for (unsigned bit = 0; bit < vmxsim_control_word_bits(word); bit++) {
    const struct vmxsim_control *control = vmxsim_control_find(word, bit);
    const bool is_fixed_1 = (must >> bit) & 1, is_allowed = (may >> bit) & 1;
    if (!control && !is_fixed_1 && !is_allowed) continue;
    output_styled(&explainer->output, is_allowed ? STYLE_PLAIN : STYLE_FAINT, "  %2u  %-8s  %s\n", bit,
                  is_fixed_1   ? is_allowed ? "always 1" : "neither!"
                  : is_allowed ? "0 or 1"
                               : "always 0",
                  control ? control->term : "(no name)");
  }
}

static int explain_capability_value(struct explainer *explainer, unsigned capability, uint64_t value) {
  const vmxsim_layout layout = layout_of_capability(capability);
  const struct vmxsim_capability_info *info = vmxsim_capability_info(capability);
  value_title(explainer, info->name, value, 16);
  output_put(&explainer->output, "  MSR 0x%x\n", info->msr);
  if (word_of_capability(capability) != VMXSIM_WORD_COUNT) {
    print_allowed_settings(explainer, capability, value);
  } else if (layout != VMXSIM_LAYOUT_COUNT) {
    print_as_layout(explainer, layout, value);
  }
  return 1;
}

static int explain_named_layout(struct explainer *explainer, const char *name, size_t length, uint64_t value) {
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
    if (!names_equal(vmxsim_control_word_name((vmxsim_control_word)word), name, length)) continue;
    return explain_field_value(explainer, vmxsim_control_word_field((vmxsim_control_word)word), false, value);
  }
  for (unsigned layout = 0; layout < VMXSIM_LAYOUT_COUNT; layout++) {
    if (!names_equal(vmxsim_layout_name((vmxsim_layout)layout), name, length)) continue;
    value_title(explainer, vmxsim_layout_title((vmxsim_layout)layout), value, 1);
    print_as_layout(explainer, (vmxsim_layout)layout, value);
    return 1;
  }
  return -1;
}

int explain_value(struct explainer *explainer, const char *name, size_t length, uint64_t value) {
  vmxsim_field field;
  bool high;
  for (unsigned n = 0; vmxsim_capability_info(n); n++) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(n);
    uint64_t msr;
    const bool named = names_equal(info->name, name, length) || (parse_number(name, length, &msr) && msr == info->msr);
    if (info->kind == VMXSIM_CAPABILITY_MSR && named) return explain_capability_value(explainer, n, value);
  }
  if (vmxsim_field_from_name(name, length, &field, &high) == VMXSIM_OK) {
    return explain_field_value(explainer, field, high, value);
  }
  return explain_named_layout(explainer, name, length, value);
}
