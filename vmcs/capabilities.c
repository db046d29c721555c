/* Capabilities: the derived members, and looking at them one by one. Changing them is capability_changes.c. */
#include "vmxsim/capabilities.h"

#include "vmcs/architecture.h"

static const struct vmxsim_capability_info infos[VMXSIM_CAPABILITY_COUNT] = {
#define CAPABILITY_MSR(name, index, title) {#name, VMXSIM_CAPABILITY_MSR, index, title},
#define CAPABILITY_NUMBER(name, unit) {#name, VMXSIM_CAPABILITY_NUMBER, 0, unit},
#define CAPABILITY_DERIVED(name, about) {#name, VMXSIM_CAPABILITY_DERIVED, 0, about},
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
};

static const struct {
  const char *name, *about;
} features[VMXSIM_FEATURE_COUNT] = {
#define FEATURE(name, about) {#name, about},
#include "vmxsim/tables/features.def"
#undef FEATURE
};

_Static_assert(sizeof(struct vmxsim_capabilities) == VMXSIM_CAPABILITY_COUNT * sizeof(uint64_t),
               "capabilities are an array of 64-bit values");

const struct vmxsim_capability_info *vmxsim_capability_info(unsigned capability) {
  return capability < VMXSIM_CAPABILITY_COUNT ? &infos[capability] : NULL;
}

uint64_t *vmxsim_capability_value(struct vmxsim_capabilities *capabilities, unsigned capability) {
  return (uint64_t *)(void *)capabilities + capability;
}

uint64_t vmxsim_capability_get(const struct vmxsim_capabilities *capabilities, unsigned capability) {
  return ((const uint64_t *)(const void *)capabilities)[capability];
}

bool vmxsim_has_feature(const struct vmxsim_capabilities *capabilities, enum vmxsim_feature feature) {
  return (capabilities->features >> feature) & 1;
}

const char *vmxsim_feature_name(unsigned feature) {
  return feature < VMXSIM_FEATURE_COUNT ? features[feature].name : NULL;
}

const char *vmxsim_feature_about(unsigned feature) {
  return feature < VMXSIM_FEATURE_COUNT ? features[feature].about : NULL;
}

uint64_t vmxsim_control_must_be_1(const struct vmxsim_capabilities *c, vmxsim_control_word word) {
  switch (word) {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) \
  case VMXSIM_WORD_##word: \
    return c->word##_must_be_1;
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
  case VMXSIM_WORD_COUNT: break;
  }
  return 0;
}

uint64_t vmxsim_control_may_be_1(const struct vmxsim_capabilities *c, vmxsim_control_word word) {
  switch (word) {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) \
  case VMXSIM_WORD_##word: \
    return c->word##_may_be_1;
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
  case VMXSIM_WORD_COUNT: break;
  }
  return 0;
}

/* Bits 31:0 of an allowed-settings MSR are what must be 1, bits 63:32 what may be 1. */
static void derive_pair(uint64_t msr, uint64_t true_msr, bool has_true, uint64_t *must_be_1, uint64_t *may_be_1) {
  const uint64_t settings = has_true ? true_msr : msr;
  *must_be_1 = settings & UINT32_MAX;
  *may_be_1 = settings >> 32;
}

#define MAY_BE_1(word, control) ((c->word##_may_be_1 >> VMXSIM_BIT_##word##_##control) & 1)

static void derive_controls(struct vmxsim_capabilities *c) {
  const bool has_true = c->ia32_vmx_basic & VMX_BASIC_TRUE_CONTROLS;
  derive_pair(c->ia32_vmx_pinbased_ctls, c->ia32_vmx_true_pinbased_ctls, has_true, &c->pin_based_must_be_1,
              &c->pin_based_may_be_1);
  derive_pair(c->ia32_vmx_procbased_ctls, c->ia32_vmx_true_procbased_ctls, has_true, &c->primary_must_be_1,
              &c->primary_may_be_1);
  derive_pair(c->ia32_vmx_exit_ctls, c->ia32_vmx_true_exit_ctls, has_true, &c->vm_exit_must_be_1, &c->vm_exit_may_be_1);
  derive_pair(c->ia32_vmx_entry_ctls, c->ia32_vmx_true_entry_ctls, has_true, &c->vm_entry_must_be_1,
              &c->vm_entry_may_be_1);
  const bool secondary = MAY_BE_1(primary, activate_secondary_controls);
  derive_pair(secondary ? c->ia32_vmx_procbased_ctls2 : 0, 0, false, &c->secondary_must_be_1, &c->secondary_may_be_1);
  c->tertiary_may_be_1 = MAY_BE_1(primary, activate_tertiary_controls) ? c->ia32_vmx_procbased_ctls3 : 0;
  c->secondary_vm_exit_may_be_1 = MAY_BE_1(vm_exit, activate_secondary_controls) ? c->ia32_vmx_exit_ctls2 : 0;
  c->vm_function_may_be_1 = MAY_BE_1(secondary, enable_vm_functions) ? c->ia32_vmx_vmfunc : 0;
  c->tertiary_must_be_1 = c->secondary_vm_exit_must_be_1 = c->vm_function_must_be_1 = 0;
}

static uint64_t bits_from(uint64_t width) {
  return width >= 64 ? 0 : ~UINT64_C(0) << width;
}

/* "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 3C, "Physical-Address Width": key-ID bits of
 * TME are no address bits to VM entry. At least 32 bits of width remain: no check looks below them. */
static void derive_addresses(struct vmxsim_capabilities *c) {
  const uint64_t keyid_bits_max = c->phys_bits > 32 ? c->phys_bits - 32 : 0;
  const uint64_t keyid_bits = c->keyid_bits < keyid_bits_max ? c->keyid_bits : keyid_bits_max;
  c->beyond_cpuid_physical = bits_from(c->phys_bits);
  c->beyond_physical = bits_from(c->phys_bits - keyid_bits);
  c->beyond_vmx_physical = c->beyond_physical;
  if (c->ia32_vmx_basic & VMX_BASIC_32_BIT_ADDRESSES) c->beyond_vmx_physical |= BITS(63, 32);
}

#define IF_FEATURE(feature, bits) ((c->features >> VMXSIM_FEATURE_##feature) & 1 ? (bits) : 0)

/* SDM 4, "Architectural MSRs". Where a bit depends on more than CPUID facts that profiles hold, it counts as supported.
 */
static void derive_msrs(struct vmxsim_capabilities *c) {
  c->efer_supported =
      IF_FEATURE(syscall, EFER_SCE) | IF_FEATURE(intel64, EFER_LME | EFER_LMA) | IF_FEATURE(nx, EFER_NXE);
  /* Bit 13 (uncore PMI) is model-specific; IA32_TSX_CTRL can hide RTM, bit 15, from CPUID. */
  c->debugctl_supported = BIT(0) | BIT(1) | BIT(6) | BIT(13) | IF_FEATURE(bus_lock_detect, BIT(2)) |
                          IF_FEATURE(ds, BITS(10, 7)) | IF_FEATURE(pdcm, BITS(12, 11)) |
                          IF_FEATURE(freeze_in_smm, BIT(14)) | IF_FEATURE(rtm, BIT(15)) | IF_FEATURE(tsx_ctrl, BIT(15));
  const uint64_t general = c->general_counters < 32 ? c->general_counters : 32;
  const uint64_t fixed = c->fixed_counters < 16 ? c->fixed_counters : 16;
  /* CPUID leaf 0AH of a hybrid processor gives what all its cores have; one kind of core may have up to ten general and
   * seven fixed counters, and the performance metrics. */
  c->perf_global_ctrl_supported = (BIT(general) - 1) | (BIT(fixed) - 1) << 32 | IF_FEATURE(perf_metrics, BIT(48)) |
                                  IF_FEATURE(hybrid, BITS(9, 0) | BITS(38, 32) | BIT(48));
  c->s_cet_supported = IF_FEATURE(cet_ss, BITS(1, 0)) | IF_FEATURE(cet_ibt, BITS(5, 2) | BITS(63, 10));
  c->rtit_ctl_supported = IF_FEATURE(pt, BITS(17, 0) | BITS(22, 19) | BITS(27, 24) | BITS(47, 31) | BITS(56, 55));
  c->lbr_ctl_supported = IF_FEATURE(arch_lbr, BITS(3, 0) | BITS(22, 16));
  c->spec_ctrl_supported = IF_FEATURE(spec_ctrl, BITS(1, 0)) | IF_FEATURE(stibp, BIT(1)) | IF_FEATURE(ssbd, BIT(2)) |
                           IF_FEATURE(ipred_ctrl, BITS(4, 3)) | IF_FEATURE(rrsba_ctrl, BITS(6, 5)) |
                           IF_FEATURE(psfd, BIT(7)) | IF_FEATURE(ddpd, BIT(8)) | IF_FEATURE(bhi_ctrl, BIT(10));
  c->xss_supported = IF_FEATURE(xsaves, BIT(10) | BIT(13) | BIT(16)) | IF_FEATURE(pt, BIT(8)) |
                     IF_FEATURE(cet_ss, BITS(12, 11)) | IF_FEATURE(cet_ibt, BITS(12, 11)) | IF_FEATURE(uintr, BIT(14)) |
                     IF_FEATURE(arch_lbr, BIT(15));
}

void vmxsim_capabilities_derive(struct vmxsim_capabilities *capabilities) {
  derive_controls(capabilities);
  derive_addresses(capabilities);
  derive_msrs(capabilities);
}

/* When a VMX capability MSR exists (SDM 3D, "VMX Capability Reporting Facility"). */
static bool msr_exists(const struct vmxsim_capabilities *c, uint32_t msr) {
  switch (msr) {
  case 0x48b: return MAY_BE_1(primary, activate_secondary_controls);
  case 0x48c: return MAY_BE_1(secondary, enable_ept) || MAY_BE_1(secondary, enable_vpid);
  case 0x48d:
  case 0x48e:
  case 0x48f:
  case 0x490: return c->ia32_vmx_basic & VMX_BASIC_TRUE_CONTROLS;
  case 0x491: return MAY_BE_1(secondary, enable_vm_functions);
  case 0x492: return MAY_BE_1(primary, activate_tertiary_controls);
  case 0x493: return MAY_BE_1(vm_exit, activate_secondary_controls);
  default: return true;
  }
}

/* "VMCS Enumeration" calls it the highest index of any field. Many processors report less (and VMREAD of fields beyond
 * it works), so the value of a profile counts only if no field that exists is above it. */
static uint64_t vmcs_enum(const struct vmxsim_capabilities *c) {
  const uint64_t implied = vmxsim_vmcs_enum_of_fields(c);
  return implied > c->ia32_vmx_vmcs_enum ? implied : c->ia32_vmx_vmcs_enum;
}

bool vmxsim_capability_rdmsr(const struct vmxsim_capabilities *capabilities, uint32_t msr, uint64_t *value) {
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    if (infos[i].kind != VMXSIM_CAPABILITY_MSR || infos[i].msr != msr) continue;
    if (!msr_exists(capabilities, msr)) return false;
    *value = vmxsim_capability_get(capabilities, i);
    if (i == VMXSIM_CAPABILITY_ia32_vmx_vmcs_enum) *value = vmcs_enum(capabilities);
    return true;
  }
  return false;
}
