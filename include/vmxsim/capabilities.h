/* What a processor can do in VMX operation: its capability MSRs, the CPUID facts that rules need, and
 * profiles of real processors.
 *
 * SDM 3D, appendix "VMX Capability Reporting Facility".
 */
#ifndef VMXSIM_CAPABILITIES_H
#define VMXSIM_CAPABILITIES_H

#include "vmxsim/controls.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of vmxsim_capabilities.features: 1 << VMXSIM_FEATURE_intel64 and so on. */
enum vmxsim_feature {
#define FEATURE(name, about) VMXSIM_FEATURE_##name,
#include "vmxsim/tables/features.def"
#undef FEATURE
  VMXSIM_FEATURE_COUNT
};

/* All members are 64 bits wide; tables/capabilities.def says what each means. The derived ones are set by
 * vmxsim_capabilities_derive() and by every function here that changes one of the others. */
struct vmxsim_capabilities {
#define CAPABILITY_MSR(name, index, title) uint64_t name;
#define CAPABILITY_NUMBER(name, unit) uint64_t name;
#define CAPABILITY_DERIVED(name, about) uint64_t name;
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
};

/* Index of a capability, for the functions that go over all of them. */
enum vmxsim_capability {
#define CAPABILITY_MSR(name, index, title) VMXSIM_CAPABILITY_##name,
#define CAPABILITY_NUMBER(name, unit) VMXSIM_CAPABILITY_##name,
#define CAPABILITY_DERIVED(name, about) VMXSIM_CAPABILITY_##name,
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
  VMXSIM_CAPABILITY_COUNT
};

enum vmxsim_capability_kind { VMXSIM_CAPABILITY_MSR, VMXSIM_CAPABILITY_NUMBER, VMXSIM_CAPABILITY_DERIVED };

struct vmxsim_capability_info {
  const char *name;
  enum vmxsim_capability_kind kind;
  uint32_t msr; /* index of the MSR, 0 if it is none */
  const char *about;
};

const struct vmxsim_capability_info *vmxsim_capability_info(unsigned capability); /* NULL past the last */
uint64_t *vmxsim_capability_value(struct vmxsim_capabilities *capabilities, unsigned capability);
uint64_t vmxsim_capability_get(const struct vmxsim_capabilities *capabilities, unsigned capability);

/* Works out the derived members from the others. */
void vmxsim_capabilities_derive(struct vmxsim_capabilities *capabilities);

bool vmxsim_has_feature(const struct vmxsim_capabilities *capabilities, enum vmxsim_feature feature);
const char *vmxsim_feature_name(unsigned feature);  /* NULL past the last */
const char *vmxsim_feature_about(unsigned feature); /* NULL past the last */
uint64_t vmxsim_control_must_be_1(const struct vmxsim_capabilities *capabilities, vmxsim_control_word word);
uint64_t vmxsim_control_may_be_1(const struct vmxsim_capabilities *capabilities, vmxsim_control_word word);

/* The value that RDMSR of a capability MSR gives; false where the processor does not have it (#GP). It is the member of
 * that name, but for IA32_VMX_VMCS_ENUM, which is at least what the fields that exist imply. */
bool vmxsim_capability_rdmsr(const struct vmxsim_capabilities *capabilities, uint32_t msr, uint64_t *value);

/* IA32_VMX_VMCS_ENUM as the fields that exist with these capabilities imply it. */
uint64_t vmxsim_vmcs_enum_of_fields(const struct vmxsim_capabilities *capabilities);

/* Changes one thing: "+name" or "-name" of a feature or a control ("+unrestricted_guest",
 * "-secondary.enable_ept"), or "phys-bits=N", "linear-bits=N", "keyid-bits=N", "general-counters=N",
 * "fixed-counters=N", or "ia32_vmx_misc=0x..." for an MSR as a whole. What depends on a capability MSR that
 * comes or goes with it (for example IA32_VMX_EPT_VPID_CAP with EPT) is adjusted. On failure nothing changed. */
vmxsim_status vmxsim_capabilities_change(struct vmxsim_capabilities *capabilities, const char *change, size_t length);

/* One profile: a real processor, or `max`. All are constant data inside the library. */
struct vmxsim_profile {
  const char *name;    /* "skylake-server" */
  const char *about;   /* the processor, in a line */
  const char *source;  /* the public dump that the MSR values are from */
  const char *derived; /* what was not in that dump, and how it was established */
  struct vmxsim_capabilities capabilities;
};

size_t vmxsim_profile_count(void);
const struct vmxsim_profile *vmxsim_profile_at(size_t index); /* oldest processor first, `max` last; NULL past it */
const struct vmxsim_profile *vmxsim_profile_find(const char *name, size_t length);
/* The profile that has most capabilities in common with a processor, which may have been changed. */
const struct vmxsim_profile *vmxsim_profile_nearest(const struct vmxsim_capabilities *capabilities);

/* A processor by "NAME" or "NAME,+feature,-feature,phys-bits=N,...". On failure *capabilities is unchanged and
 * *error_at (may be NULL) is the offset in `spec` of the part that was wrong. */
vmxsim_status vmxsim_capabilities_from_spec(struct vmxsim_capabilities *capabilities, const char *spec, size_t length,
                                            size_t *error_at);

#ifdef __cplusplus
}
#endif
#endif
