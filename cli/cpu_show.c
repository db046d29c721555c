/* A processor's capabilities, decoded. */
#include "cli/cpu.h"

#include <inttypes.h>
#include <string.h>

#include "cli/json.h"
#include "cli/values.h"
#include "vmcs/text.h"

static bool is_fixed_0_msr(unsigned capability) {
  return capability == VMXSIM_CAPABILITY_ia32_vmx_cr0_fixed0 || capability == VMXSIM_CAPABILITY_ia32_vmx_cr4_fixed0;
}

static bool is_fixed_1_msr(unsigned capability) {
  return capability == VMXSIM_CAPABILITY_ia32_vmx_cr0_fixed1 || capability == VMXSIM_CAPABILITY_ia32_vmx_cr4_fixed1;
}

/* The named controls among the bits of `value`. */
static void named_controls(vmxsim_control_word word, uint64_t value, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  for (unsigned bit = 0; bit < vmxsim_control_word_bits(word); bit++) {
    const struct vmxsim_control *control = vmxsim_control_find(word, bit);
    if (!control || !((value >> bit) & 1)) continue;
    if (text.length) text_put(&text, ", ");
    text_put(&text, control->name);
  }
  text_end(&text);
}

/* The bits of `value` that a layout names: IA32_VMX_CR0_FIXED1 says 1 for many that mean nothing. */
static void named_bits(vmxsim_layout layout, uint64_t value, char *buffer, size_t size) {
  const struct vmxsim_bitfield *bitfield;
  uint64_t known = 0;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(layout, n)); n++) {
    known |= (UINT64_MAX >> (63 - (bitfield->high - bitfield->low))) << bitfield->low;
  }
  vmxsim_layout_text(layout, value & known, buffer, size);
}

static void print_line(const struct output *output, const char *what, const char *text) {
  if (!*text) return;
  output_put(output, "    %-11s ", what);
  output_wrapped(output, 16, 16, text);
}

static void print_controls(const struct output *output, unsigned capability, uint64_t value) {
  char text[VALUE_TEXT_BYTES];
  const vmxsim_control_word word = word_of_capability(capability);
  if (!capability_has_two_halves(capability)) {
    named_controls(word, value, text, sizeof text);
    print_line(output, "may be 1:", text);
    return;
  }
  const uint64_t may = value >> 32, must = value & UINT32_MAX;
  named_controls(word, must, text, sizeof text);
  print_line(output, "always 1:", text);
  named_controls(word, may & ~must, text, sizeof text);
  print_line(output, "may be 1:", text);
  named_controls(word, ~may, text, sizeof text);
  print_line(output, "always 0:", text);
}

static void print_meaning(const struct output *output, unsigned capability, uint64_t value) {
  char text[VALUE_TEXT_BYTES];
  const vmxsim_layout layout = layout_of_capability(capability);
  if (!value) return;
  if (word_of_capability(capability) != VMXSIM_WORD_COUNT) {
    print_controls(output, capability, value);
    return;
  }
  if (layout == VMXSIM_LAYOUT_COUNT) return;
  named_bits(layout, value, text, sizeof text);
  print_line(output, is_fixed_0_msr(capability) ? "always 1:" : is_fixed_1_msr(capability) ? "may be 1:" : "", text);
}

static void print_msrs(const struct output *output, const struct vmxsim_capabilities *capabilities) {
  const struct vmxsim_capability_info *info;
  for (unsigned n = 0; (info = vmxsim_capability_info(n)); n++) {
    if (info->kind != VMXSIM_CAPABILITY_MSR) continue;
    const uint64_t value = vmxsim_capability_get(capabilities, n);
    uint64_t read;
    output_put(output, "0x%03x  ", info->msr);
    output_styled(output, STYLE_TITLE, "%-30s", info->name);
    if (vmxsim_capability_rdmsr(capabilities, info->msr, &read)) {
      output_put(output, " 0x%016" PRIx64 "\n", value);
      print_meaning(output, n, value);
    } else {
      output_styled(output, STYLE_FAINT, " does not exist\n");
    }
  }
}

static void print_numbers(const struct output *output, const struct vmxsim_capabilities *capabilities) {
  char text[VALUE_TEXT_BYTES];
  struct text list = text_begin(text, sizeof text);
  output_put(output,
             "\nphys-bits:        %" PRIu64 "\nlinear-bits:      %" PRIu64 "\nkeyid-bits:       %" PRIu64
             "\ngeneral-counters: %" PRIu64 "\nfixed-counters:   %" PRIu64 "\n",
             capabilities->phys_bits, capabilities->linear_bits, capabilities->keyid_bits,
             capabilities->general_counters, capabilities->fixed_counters);
  for (unsigned n = 0; vmxsim_feature_name(n); n++) {
    if (!vmxsim_has_feature(capabilities, (enum vmxsim_feature)n)) continue;
    if (list.length) text_put(&list, ", ");
    text_put(&list, vmxsim_feature_name(n));
  }
  text_end(&list);
  /* On one line, however long: `vmxsim cpu import` reads this back. */
  output_put(output, "features:         %s\n", text);
}

void cpu_show(const struct output *output, const char *name, const struct vmxsim_profile *profile,
              const struct vmxsim_capabilities *capabilities) {
  output_styled(output, STYLE_TITLE, "%s\n", name);
  if (profile) {
    output_put(output, "about    ");
    output_wrapped(output, 9, 9, profile->about);
    output_put(output, "source   ");
    output_wrapped(output, 9, 9, profile->source);
    if (*profile->derived) {
      output_put(output, "derived  ");
      output_wrapped(output, 9, 9, profile->derived);
    }
  }
  output_put(output, "\n");
  print_msrs(output, capabilities);
  print_numbers(output, capabilities);
}

void cpu_show_json(const char *name, const struct vmxsim_profile *profile,
                   const struct vmxsim_capabilities *capabilities) {
  struct json json = json_begin(stdout);
  const struct vmxsim_capability_info *info;
  json_object(&json, NULL);
  json_string(&json, "schema", "vmxsim-cpu");
  json_number(&json, "schema_version", 1);
  json_string(&json, "name", name);
  json_string(&json, "about", profile ? profile->about : NULL);
  json_string(&json, "source", profile ? profile->source : NULL);
  json_string(&json, "derived", profile ? profile->derived : NULL);
  json_array(&json, "msrs");
  for (unsigned n = 0; (info = vmxsim_capability_info(n)); n++) {
    uint64_t value;
    if (info->kind != VMXSIM_CAPABILITY_MSR || !vmxsim_capability_rdmsr(capabilities, info->msr, &value)) continue;
    json_object(&json, NULL);
    json_string(&json, "name", info->name);
    json_hex(&json, "index", info->msr, 3);
    json_hex(&json, "value", value, 16);
    json_close(&json, '}');
  }
  json_close(&json, ']');
  json_number(&json, "phys_bits", capabilities->phys_bits);
  json_number(&json, "linear_bits", capabilities->linear_bits);
  json_number(&json, "keyid_bits", capabilities->keyid_bits);
  json_number(&json, "general_counters", capabilities->general_counters);
  json_number(&json, "fixed_counters", capabilities->fixed_counters);
  json_array(&json, "features");
  for (unsigned n = 0; vmxsim_feature_name(n); n++) {
    if (vmxsim_has_feature(capabilities, (enum vmxsim_feature)n)) json_string(&json, NULL, vmxsim_feature_name(n));
  }
  json_close(&json, ']');
  json_close(&json, '}');
  json_end(&json);
}
