/* Changing capabilities: "+feature", "-feature", "phys-bits=N". */
#include "vmcs/architecture.h"
#include "vmcs/names.h"
#include "vmxsim/capabilities.h"

/* The allowed-settings MSRs of a control word. */
struct word_msrs {
  uint64_t *msr, *true_msr; /* true_msr NULL if the word has none */
  unsigned shift;           /* of the allowed 1-settings: 32, or 0 for the words of 64 bits */
};

static struct word_msrs msrs_of(struct vmxsim_capabilities *c, vmxsim_control_word word) {
  switch (word) {
  case VMXSIM_WORD_pin_based:
    return (struct word_msrs){&c->ia32_vmx_pinbased_ctls, &c->ia32_vmx_true_pinbased_ctls, 32};
  case VMXSIM_WORD_primary:
    return (struct word_msrs){&c->ia32_vmx_procbased_ctls, &c->ia32_vmx_true_procbased_ctls, 32};
  case VMXSIM_WORD_vm_exit: return (struct word_msrs){&c->ia32_vmx_exit_ctls, &c->ia32_vmx_true_exit_ctls, 32};
  case VMXSIM_WORD_vm_entry: return (struct word_msrs){&c->ia32_vmx_entry_ctls, &c->ia32_vmx_true_entry_ctls, 32};
  case VMXSIM_WORD_secondary: return (struct word_msrs){&c->ia32_vmx_procbased_ctls2, NULL, 32};
  case VMXSIM_WORD_tertiary: return (struct word_msrs){&c->ia32_vmx_procbased_ctls3, NULL, 0};
  case VMXSIM_WORD_secondary_vm_exit: return (struct word_msrs){&c->ia32_vmx_exit_ctls2, NULL, 0};
  case VMXSIM_WORD_vm_function: return (struct word_msrs){&c->ia32_vmx_vmfunc, NULL, 0};
  case VMXSIM_WORD_COUNT: break;
  }
  return (struct word_msrs){NULL, NULL, 0};
}

/* Controls that make no sense without another: what the manual's checks tie together. */
static const struct {
  uint8_t word, bit, needs_word, needs_bit;
} needs[] = {
#define NEEDS(word, control, other_word, other) \
  { VMXSIM_WORD_##word, VMXSIM_BIT_##word##_##control, VMXSIM_WORD_##other_word, VMXSIM_BIT_##other_word##_##other }
    NEEDS(secondary, unrestricted_guest, secondary, enable_ept),
    NEEDS(secondary, enable_pml, secondary, enable_ept),
    NEEDS(secondary, mode_based_execute_control_for_ept, secondary, enable_ept),
    NEEDS(secondary, sub_page_write_permissions_for_ept, secondary, enable_ept),
    NEEDS(secondary, intel_pt_uses_guest_physical_addresses, secondary, enable_ept),
    NEEDS(secondary, ept_violation_ve, secondary, enable_ept),
    NEEDS(tertiary, enable_hlat, secondary, enable_ept),
    NEEDS(tertiary, ept_paging_write_control, secondary, enable_ept),
    NEEDS(tertiary, guest_paging_verification, secondary, enable_ept),
    NEEDS(vm_function, eptp_switching, secondary, enable_ept),
    NEEDS(secondary, virtualize_x2apic_mode, primary, use_tpr_shadow),
    NEEDS(secondary, apic_register_virtualization, primary, use_tpr_shadow),
    NEEDS(secondary, virtual_interrupt_delivery, primary, use_tpr_shadow),
    NEEDS(tertiary, ipi_virtualization, primary, use_tpr_shadow),
    NEEDS(pin_based, process_posted_interrupts, secondary, virtual_interrupt_delivery),
#undef NEEDS
};

static bool supports(const struct vmxsim_capabilities *c, unsigned word, unsigned bit) {
  return (vmxsim_control_may_be_1(c, (vmxsim_control_word)word) >> bit) & 1;
}

static void write_bit(struct vmxsim_capabilities *c, unsigned word, unsigned bit, bool on) {
  const struct word_msrs msrs = msrs_of(c, (vmxsim_control_word)word);
  if (!msrs.msr) return;
  const uint64_t mask = BIT(bit + msrs.shift);
  *msrs.msr = on ? *msrs.msr | mask : *msrs.msr & ~mask;
  if (msrs.true_msr && (c->ia32_vmx_basic & VMX_BASIC_TRUE_CONTROLS)) {
    *msrs.true_msr = on ? *msrs.true_msr | mask : *msrs.true_msr & ~mask;
  }
  vmxsim_capabilities_derive(c);
}

/* The control that makes a whole word exist. */
static bool activation_of(unsigned word, unsigned *by_word, unsigned *by_bit) {
  switch (word) {
  case VMXSIM_WORD_secondary:
    *by_word = VMXSIM_WORD_primary, *by_bit = VMXSIM_BIT_primary_activate_secondary_controls;
    return true;
  case VMXSIM_WORD_tertiary:
    *by_word = VMXSIM_WORD_primary, *by_bit = VMXSIM_BIT_primary_activate_tertiary_controls;
    return true;
  case VMXSIM_WORD_secondary_vm_exit:
    *by_word = VMXSIM_WORD_vm_exit, *by_bit = VMXSIM_BIT_vm_exit_activate_secondary_controls;
    return true;
  case VMXSIM_WORD_vm_function:
    *by_word = VMXSIM_WORD_secondary, *by_bit = VMXSIM_BIT_secondary_enable_vm_functions;
    return true;
  default: return false;
  }
}

static void add_control(struct vmxsim_capabilities *c, unsigned word, unsigned bit) {
  unsigned by_word, by_bit;
  if (supports(c, word, bit)) return;
  if (activation_of(word, &by_word, &by_bit)) add_control(c, by_word, by_bit);
  write_bit(c, word, bit, true);
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    if (needs[i].word == word && needs[i].bit == bit) add_control(c, needs[i].needs_word, needs[i].needs_bit);
  }
}

static void remove_control(struct vmxsim_capabilities *c, unsigned word, unsigned bit) {
  unsigned by_word, by_bit;
  write_bit(c, word, bit, false);
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    if (needs[i].needs_word == word && needs[i].needs_bit == bit && supports(c, needs[i].word, needs[i].bit)) {
      remove_control(c, needs[i].word, needs[i].bit);
    }
  }
  for (unsigned other = 0; other < VMXSIM_WORD_COUNT; other++) {
    if (!activation_of(other, &by_word, &by_bit) || by_word != word || by_bit != bit) continue;
    for (unsigned i = 0; i < 64; i++) {
      if (supports(c, other, i)) remove_control(c, other, i);
    }
    *msrs_of(c, (vmxsim_control_word)other).msr = 0;
  }
}

/* IA32_VMX_EPT_VPID_CAP comes and goes with EPT and VPID: 4-level walks, UC and WB, INVEPT and INVVPID of all types. */
static void adjust_ept_vpid_cap(struct vmxsim_capabilities *c) {
  const uint64_t ept_part = BITS(31, 0), vpid_part = BITS(43, 32);
  const uint64_t ept_default = EPT_CAP_WALK_4 | EPT_CAP_UC | EPT_CAP_WB | BITS(17, 16) | BIT(20) | BITS(26, 25);
  const bool ept = supports(c, VMXSIM_WORD_secondary, VMXSIM_BIT_secondary_enable_ept);
  const bool vpid = supports(c, VMXSIM_WORD_secondary, VMXSIM_BIT_secondary_enable_vpid);
  uint64_t cap = c->ia32_vmx_ept_vpid_cap;
  if (!ept) cap &= ~(ept_part | BITS(53, 48));
  if (ept && !(cap & ept_part)) cap |= ept_default;
  if (!vpid) cap &= ~vpid_part;
  if (vpid && !(cap & vpid_part)) cap |= BIT(32) | BITS(43, 40);
  c->ia32_vmx_ept_vpid_cap = cap;
}

/* Bits of CR4 that a feature brings. */
static const struct {
  uint8_t feature, cr4_bit;
} cr4_bits[] = {
    {VMXSIM_FEATURE_umip, 11}, {VMXSIM_FEATURE_la57, 12},   {VMXSIM_FEATURE_smx, 14},     {VMXSIM_FEATURE_fsgsbase, 16},
    {VMXSIM_FEATURE_pcid, 17}, {VMXSIM_FEATURE_smep, 20},   {VMXSIM_FEATURE_smap, 21},    {VMXSIM_FEATURE_pku, 22},
    {VMXSIM_FEATURE_pks, 24},  {VMXSIM_FEATURE_cet_ss, 23}, {VMXSIM_FEATURE_cet_ibt, 23}, {VMXSIM_FEATURE_uintr, 25},
    {VMXSIM_FEATURE_lass, 27}, {VMXSIM_FEATURE_lam, 28},    {VMXSIM_FEATURE_fred, 32},
};

static void change_feature(struct vmxsim_capabilities *c, unsigned feature, bool on) {
  const uint64_t before = c->features;
  c->features = on ? before | BIT(feature) : before & ~BIT(feature);
  for (size_t i = 0; i < sizeof cr4_bits / sizeof *cr4_bits; i++) {
    const uint64_t bit = BIT(cr4_bits[i].cr4_bit);
    if (cr4_bits[i].feature != feature) continue;
    const bool cet_stays = bit == CR4_CET && (c->features & (BIT(VMXSIM_FEATURE_cet_ss) | BIT(VMXSIM_FEATURE_cet_ibt)));
    if (on) c->ia32_vmx_cr4_fixed1 |= bit;
    if (!on && !cet_stays) c->ia32_vmx_cr4_fixed1 &= ~bit;
  }
  if (feature == VMXSIM_FEATURE_la57) c->linear_bits = on ? 57 : 48;
  if (feature == VMXSIM_FEATURE_intel64) {
    c->linear_bits = on ? 48 : 32;
    write_bit(c, VMXSIM_WORD_vm_entry, VMXSIM_BIT_vm_entry_ia_32e_mode_guest, on);
    write_bit(c, VMXSIM_WORD_vm_exit, VMXSIM_BIT_vm_exit_host_address_space_size, on);
  }
  vmxsim_capabilities_derive(c);
}

static vmxsim_status switch_on_or_off(struct vmxsim_capabilities *c, const char *name, size_t length, bool on) {
  const struct vmxsim_control *control;
  for (unsigned i = 0; i < VMXSIM_FEATURE_COUNT; i++) {
    if (!names_equal(vmxsim_feature_name(i), name, length)) continue;
    change_feature(c, i, on);
    return VMXSIM_OK;
  }
  const vmxsim_status status = vmxsim_control_from_name(name, length, &control);
  if (status != VMXSIM_OK) return status;
  if (!on && ((vmxsim_control_must_be_1(c, control->word) >> control->bit) & 1)) return VMXSIM_ERROR_ARGUMENT;
  if (on) {
    add_control(c, control->word, control->bit);
  } else {
    remove_control(c, control->word, control->bit);
  }
  adjust_ept_vpid_cap(c);
  return VMXSIM_OK;
}

static bool read_number(const char *text, size_t length, uint64_t *value) {
  uint64_t sum = 0;
  if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return names_hexadecimal(text, length, value);
  if (!length || length > 18) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    sum = 10 * sum + (uint64_t)(text[i] - '0');
  }
  *value = sum;
  return true;
}

static bool number_in_range(unsigned capability, uint64_t value) {
  switch (capability) {
  case VMXSIM_CAPABILITY_phys_bits: return value >= 32 && value <= 52;
  case VMXSIM_CAPABILITY_linear_bits: return value == 32 || value == 48 || value == 57;
  case VMXSIM_CAPABILITY_keyid_bits: return value <= 15;
  case VMXSIM_CAPABILITY_general_counters: return value <= 32;
  case VMXSIM_CAPABILITY_fixed_counters: return value <= 16;
  default: return true;
  }
}

static vmxsim_status assign(struct vmxsim_capabilities *c, const char *name, size_t length, const char *text,
                            size_t text_length) {
  uint64_t value;
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(i);
    if (info->kind == VMXSIM_CAPABILITY_DERIVED || !names_equal(info->name, name, length)) continue;
    if (!read_number(text, text_length, &value) || !number_in_range(i, value)) return VMXSIM_ERROR_ARGUMENT;
    *vmxsim_capability_value(c, i) = value;
    vmxsim_capabilities_derive(c);
    return VMXSIM_OK;
  }
  return VMXSIM_ERROR_UNKNOWN_NAME;
}

vmxsim_status vmxsim_capabilities_change(struct vmxsim_capabilities *capabilities, const char *change, size_t length) {
  struct vmxsim_capabilities changed = *capabilities;
  vmxsim_status status = VMXSIM_ERROR_SYNTAX;
  bool fields_may_change = true;
  if (length > 1 && (change[0] == '+' || change[0] == '-')) {
    status = switch_on_or_off(&changed, change + 1, length - 1, change[0] == '+');
  } else {
    size_t equals = 0;
    while (equals < length && change[equals] != '=') equals++;
    if (equals < length) status = assign(&changed, change, equals, change + equals + 1, length - equals - 1);
    fields_may_change = false;
  }
  if (status != VMXSIM_OK) return status;
  const uint64_t before = vmxsim_vmcs_enum_of_fields(capabilities), after = vmxsim_vmcs_enum_of_fields(&changed);
  if (fields_may_change && before != after) changed.ia32_vmx_vmcs_enum = after;
  *capabilities = changed;
  return VMXSIM_OK;
}
