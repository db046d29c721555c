/* Values of fields, controls and MSRs in words. */
#include "cli/values.h"

#include <inttypes.h>
#include <string.h>

#include "vmcs/names.h"
#include "vmcs/text.h"

/* The controls of a word that are 1, as "name, name, bit 13". */
static void controls_text(vmxsim_control_word word, uint64_t value, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!((value >> bit) & 1)) continue;
    const struct vmxsim_control *control = vmxsim_control_find(word, bit);
    if (text.length) text_put(&text, ", ");
    if (control) {
      text_put(&text, control->name);
    } else {
      text_put(&text, "bit ");
      text_decimal(&text, bit);
    }
  }
  text_end(&text);
}

void field_value_text(vmxsim_field field, uint64_t value, char *text, size_t size) {
  const vmxsim_control_word word = vmxsim_control_word_of_field(field);
  const vmxsim_layout layout = vmxsim_layout_of_field(field);
  if (size) *text = 0;
  if (word != VMXSIM_WORD_COUNT) {
    controls_text(word, value, text, size);
  } else if (layout != VMXSIM_LAYOUT_COUNT) {
    vmxsim_layout_text(layout, value, text, size);
  }
}

void print_control_word(const struct output *output, vmxsim_control_word word, uint64_t value) {
  const unsigned bits = vmxsim_control_word_bits(word);
  for (unsigned bit = 0; bit < 64; bit++) {
    const bool set = (value >> bit) & 1;
    const struct vmxsim_control *control = bit < bits ? vmxsim_control_find(word, bit) : NULL;
    if (!control && !set) continue;
    output_styled(output, set ? STYLE_PLAIN : STYLE_FAINT, "  %2u  %u  %s\n", bit, set,
                  control ? control->term : "(no name: reserved, or always 1)");
  }
}

static void print_unnamed(const struct output *output, unsigned from, unsigned to, uint64_t value) {
  for (unsigned bit = from; bit < to; bit++) {
    if ((value >> bit) & 1) output_put(output, "  %5u  1             (no name)\n", bit);
  }
}

/* What a sub-field is, without the manual's spelling where that is just the name. */
static const char *about_of(const struct vmxsim_bitfield *bitfield) {
  const size_t word = strcspn(bitfield->about, ": ");
  if (bitfield->about[word] != ':' || !names_equal(bitfield->name, bitfield->about, word)) return bitfield->about;
  return bitfield->about + word + 2;
}

static void print_bitfield(const struct output *output, const struct vmxsim_bitfield *bitfield, uint64_t value) {
  char range[16], shown[64];
  const bool wide = bitfield->high != bitfield->low;
  const uint64_t part = (value >> bitfield->low) & (UINT64_MAX >> (63 - (bitfield->high - bitfield->low)));
  const char *name = wide ? vmxsim_bitfield_value_name(bitfield, part) : NULL;
  if (wide) {
    snprintf(range, sizeof range, "%u:%u", bitfield->high, bitfield->low);
    snprintf(shown, sizeof shown, "0x%" PRIx64, part);
  } else {
    snprintf(range, sizeof range, "%u", bitfield->low);
    snprintf(shown, sizeof shown, "%u", (unsigned)part);
  }
  const bool faint = !part && !name;
  output_styled(output, faint ? STYLE_FAINT : STYLE_PLAIN, "  %5s  %-12s  %s", range, shown, bitfield->name);
  if (name && strcmp(name, "0")) output_put(output, ": %s", name);
  output_styled(output, STYLE_FAINT, "  (%s)\n", about_of(bitfield));
}

void print_layout(const struct output *output, vmxsim_layout layout, uint64_t value) {
  const struct vmxsim_bitfield *bitfield;
  unsigned next = 0;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(layout, n)); n++) {
    print_unnamed(output, next, bitfield->low, value);
    print_bitfield(output, bitfield, value);
    next = bitfield->high + 1;
  }
  print_unnamed(output, next, 64, value);
}

static void print_value_names(const struct output *output, const struct vmxsim_bitfield *bitfield) {
  char text[600];
  size_t length = 0;
  for (uint64_t value = 0; value < 16; value++) {
    const char *name = vmxsim_bitfield_value_name(bitfield, value);
    if (!name || !strcmp(name, "0")) continue;
    const int added =
        snprintf(text + length, sizeof text - length, "%s%" PRIu64 " %s", length ? ", " : "", value, name);
    length += added > 0 ? (size_t)added : 0;
    if (length >= sizeof text) break;
  }
  if (!length) return;
  output_put(output, "         ");
  output_wrapped(output, 9, 9, text);
}

void print_layout_description(const struct output *output, vmxsim_layout layout) {
  const struct vmxsim_bitfield *bitfield;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(layout, n)); n++) {
    char range[16];
    snprintf(range, sizeof range, bitfield->high == bitfield->low ? "%u" : "%u:%u", bitfield->high, bitfield->low);
    output_put(output, "  %5s  %-28s ", range, bitfield->name);
    output_wrapped(output, 38, 38, about_of(bitfield));
    if (bitfield->high != bitfield->low) print_value_names(output, bitfield);
  }
}

/* The MSRs whose values have a layout in bits.def. */
vmxsim_layout layout_of_capability(unsigned capability) {
  switch (capability) {
  case VMXSIM_CAPABILITY_ia32_feature_control: return VMXSIM_LAYOUT_feature_control;
  case VMXSIM_CAPABILITY_ia32_vmx_basic: return VMXSIM_LAYOUT_vmx_basic;
  case VMXSIM_CAPABILITY_ia32_vmx_misc: return VMXSIM_LAYOUT_vmx_misc;
  case VMXSIM_CAPABILITY_ia32_vmx_cr0_fixed0:
  case VMXSIM_CAPABILITY_ia32_vmx_cr0_fixed1: return VMXSIM_LAYOUT_cr0;
  case VMXSIM_CAPABILITY_ia32_vmx_cr4_fixed0:
  case VMXSIM_CAPABILITY_ia32_vmx_cr4_fixed1: return VMXSIM_LAYOUT_cr4;
  case VMXSIM_CAPABILITY_ia32_vmx_vmcs_enum: return VMXSIM_LAYOUT_vmx_vmcs_enum;
  case VMXSIM_CAPABILITY_ia32_vmx_ept_vpid_cap: return VMXSIM_LAYOUT_ept_vpid_cap;
  default: return VMXSIM_LAYOUT_COUNT;
  }
}

static const struct {
  uint32_t msr, true_msr;
  unsigned bits;
} word_msrs[VMXSIM_WORD_COUNT] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) {msr, true_msr, bits},
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

vmxsim_control_word word_of_capability(unsigned capability) {
  const struct vmxsim_capability_info *info = vmxsim_capability_info(capability);
  unsigned word = 0;
  if (!info || info->kind != VMXSIM_CAPABILITY_MSR) return VMXSIM_WORD_COUNT;
  while (word < VMXSIM_WORD_COUNT && word_msrs[word].msr != info->msr && word_msrs[word].true_msr != info->msr) word++;
  return (vmxsim_control_word)word;
}

bool capability_has_two_halves(unsigned capability) {
  const vmxsim_control_word word = word_of_capability(capability);
  return word != VMXSIM_WORD_COUNT && word_msrs[word].bits == 32;
}

const char *exception_mnemonic(uint64_t vector) {
  static const char *const names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
                                      "#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};
  return vector < sizeof names / sizeof *names ? names[vector] : NULL;
}
