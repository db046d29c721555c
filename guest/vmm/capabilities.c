/* What the processor's VMX can do, by its capability MSRs. */
#include "vmm/capabilities.h"

#include "kernel/cpu.h"

enum { CPUID_1_ECX_VMX = 1 << 5 };
enum { IA32_VMX_BASIC = 0x480, IA32_VMX_MISC = 0x485, IA32_VMX_CR0_FIXED0 = 0x486 }; /* the other fixed bits follow */
enum { BASIC_SIZE_BIT = 32, BASIC_SIZE_MASK = 0x1fff, BASIC_TRUE_CONTROLS_BIT = 55 };

/* The capability MSRs of each control word. */
struct word_source {
  uint32_t msr, true_msr;
  uint8_t bits;
};

static const struct word_source sources[VMXSIM_WORD_COUNT] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) {msr, true_msr, bits},
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

/* A word exists where the control that activates it may be 1. */
static const struct activation {
  uint8_t word, by_word, bit;
} activations[] = {
    {VMXSIM_WORD_secondary, VMXSIM_WORD_primary, VMXSIM_BIT_primary_activate_secondary_controls},
    {VMXSIM_WORD_tertiary, VMXSIM_WORD_primary, VMXSIM_BIT_primary_activate_tertiary_controls},
    {VMXSIM_WORD_secondary_vm_exit, VMXSIM_WORD_vm_exit, VMXSIM_BIT_vm_exit_activate_secondary_controls},
    {VMXSIM_WORD_vm_function, VMXSIM_WORD_secondary, VMXSIM_BIT_secondary_enable_vm_functions},
};

bool vmx_announced(void) {
  return cpuid(1).ecx & CPUID_1_ECX_VMX;
}

bool capabilities_allow(const struct capabilities *capabilities, vmxsim_control_word word, unsigned bit) {
  return capabilities->control[word].may_be_1 >> bit & 1;
}

uint32_t capabilities_msr(const struct capabilities *capabilities, vmxsim_control_word word) {
  for (unsigned i = 0; i < sizeof activations / sizeof *activations; i++) {
    const struct activation *by = &activations[i];
    if (by->word == word && !capabilities_allow(capabilities, by->by_word, by->bit)) return 0;
  }
  const bool true_controls = capabilities->basic >> BASIC_TRUE_CONTROLS_BIT & 1;
  return true_controls && sources[word].true_msr ? sources[word].true_msr : sources[word].msr;
}

/* SDM 3D, "Reserved Controls and Default Settings": the MSR of a 32-bit word has both settings, that of a 64-bit word
 * those that may be 1. */
static struct allowed_settings read_settings(const struct capabilities *capabilities, vmxsim_control_word word) {
  const uint32_t msr = capabilities_msr(capabilities, word);
  if (!msr) return (struct allowed_settings){0, 0};
  const uint64_t value = read_msr(msr);
  if (sources[word].bits == 64) return (struct allowed_settings){0, value};
  return (struct allowed_settings){(uint32_t)value, value >> 32};
}

void capabilities_read(struct capabilities *capabilities) {
  const uint64_t basic = read_msr(IA32_VMX_BASIC);
  *capabilities = (struct capabilities){
      .revision = (uint32_t)basic & 0x7fffffff,
      .region_size = (uint32_t)(basic >> BASIC_SIZE_BIT) & BASIC_SIZE_MASK,
      .basic = basic,
      .misc = read_msr(IA32_VMX_MISC),
      .cr0_fixed_0 = read_msr(IA32_VMX_CR0_FIXED0),
      .cr0_fixed_1 = read_msr(IA32_VMX_CR0_FIXED0 + 1),
      .cr4_fixed_0 = read_msr(IA32_VMX_CR0_FIXED0 + 2),
      .cr4_fixed_1 = read_msr(IA32_VMX_CR0_FIXED0 + 3),
  };
  /* In the order of the table: a word comes after the one that activates it. */
  for (vmxsim_control_word word = 0; word < VMXSIM_WORD_COUNT; word++) {
    capabilities->control[word] = read_settings(capabilities, word);
  }
}

uint64_t capabilities_adjust(const struct capabilities *capabilities, vmxsim_control_word word, uint64_t wanted) {
  return (wanted | capabilities->control[word].must_be_1) & capabilities->control[word].may_be_1;
}
