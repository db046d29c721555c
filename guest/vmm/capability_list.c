/* The command `vmx=capabilities`: all that the capability MSRs say, with the manual's names. */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "vmm/capabilities.h"
#include "vmm/examples.h"
#include "vmxsim/bits.h"

/* A capability MSR whose bits have names. */
static const struct named_msr {
  const char *name;
  uint32_t msr;
  vmxsim_layout layout;
} named_msrs[] = {
    {"IA32_FEATURE_CONTROL", 0x3a, VMXSIM_LAYOUT_feature_control},
    {"IA32_VMX_BASIC", 0x480, VMXSIM_LAYOUT_vmx_basic},
    {"IA32_VMX_MISC", 0x485, VMXSIM_LAYOUT_vmx_misc},
    {"IA32_VMX_VMCS_ENUM", 0x48a, VMXSIM_LAYOUT_vmx_vmcs_enum},
};
static const struct named_msr ept_vpid_msr = {"IA32_VMX_EPT_VPID_CAP", 0x48c, VMXSIM_LAYOUT_ept_vpid_cap};

static const struct named_bits {
  vmxsim_layout layout;
  uint8_t high, low;
  const char *about;
} named_bits[] = {
#define LAYOUT(layout, title)
#define BITFIELD(layout, high, low, name, about) {VMXSIM_LAYOUT_##layout, high, low, about},
#define BITFIELD_VALUE(layout, bitfield, value, name, about)
#define LAYOUT_OF_FIELD(field, layout)
#include "vmxsim/tables/bits.def"
#undef LAYOUT
#undef BITFIELD
#undef BITFIELD_VALUE
#undef LAYOUT_OF_FIELD
};

static const char *const word_terms[VMXSIM_WORD_COUNT] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) term,
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

static const struct named_control {
  uint8_t word, bit;
  const char *term;
} named_controls[] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term)
#define CONTROL(word, bit, name, term) {VMXSIM_WORD_##word, bit, term},
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

static void list_msr(const struct named_msr *named) {
  const uint64_t value = read_msr(named->msr);
  print("%s (MSR %x): %q\n", named->name, named->msr, value);
  for (unsigned i = 0; i < sizeof named_bits / sizeof *named_bits; i++) {
    const struct named_bits *bits = &named_bits[i];
    if (bits->layout != named->layout) continue;
    const uint64_t mask = (UINT64_C(2) << (bits->high - bits->low)) - 1;
    print("  %s: %x\n", bits->about, (uint32_t)(value >> bits->low & mask));
  }
}

/* The values that a control can have. */
static const char *setting(const struct allowed_settings *allowed, unsigned bit) {
  if (!(allowed->may_be_1 >> bit & 1)) return "0";
  return allowed->must_be_1 >> bit & 1 ? "1" : "0 or 1";
}

static void list_word(const struct capabilities *capabilities, vmxsim_control_word word) {
  const struct allowed_settings *allowed = &capabilities->control[word];
  const uint32_t msr = capabilities_msr(capabilities, word);
  if (!msr) {
    print("%s: none\n", word_terms[word]);
    return;
  }
  print("%s (MSR %x): must be 1 %q, may be 1 %q\n", word_terms[word], msr, allowed->must_be_1, allowed->may_be_1);
  for (unsigned i = 0; i < sizeof named_controls / sizeof *named_controls; i++) {
    const struct named_control *control = &named_controls[i];
    if (control->word == word) print("  %s: %s\n", control->term, setting(allowed, control->bit));
  }
}

static bool has_ept_or_vpid(const struct capabilities *capabilities) {
  return capabilities_allow(capabilities, VMXSIM_WORD_secondary, VMXSIM_BIT_secondary_enable_ept) ||
         capabilities_allow(capabilities, VMXSIM_WORD_secondary, VMXSIM_BIT_secondary_enable_vpid);
}

bool vmx_capabilities(void) {
  struct capabilities capabilities;
  capabilities_read(&capabilities);
  for (unsigned i = 0; i < sizeof named_msrs / sizeof *named_msrs; i++) list_msr(&named_msrs[i]);
  if (has_ept_or_vpid(&capabilities)) list_msr(&ept_vpid_msr);
  print("CR0: must be 1 %q, may be 1 %q\n", capabilities.cr0_fixed_0, capabilities.cr0_fixed_1);
  print("CR4: must be 1 %q, may be 1 %q\n", capabilities.cr4_fixed_0, capabilities.cr4_fixed_1);
  for (vmxsim_control_word word = 0; word < VMXSIM_WORD_COUNT; word++) list_word(&capabilities, word);
  return true;
}
