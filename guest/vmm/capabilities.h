/* What the processor's VMX can do, by its capability MSRs. SDM 3D, "VMX Capability Reporting Facility". */
#ifndef GUEST_VMM_CAPABILITIES_H
#define GUEST_VMM_CAPABILITIES_H

#include "kernel/types.h"
#include "vmxsim/controls.h"

/* Which settings a control word may have. */
struct allowed_settings {
  uint64_t must_be_1, may_be_1;
};

struct capabilities {
  uint32_t revision, region_size;
  uint64_t basic, misc;
  uint64_t cr0_fixed_0, cr0_fixed_1, cr4_fixed_0, cr4_fixed_1; /* bits that are 1 in _0 must be 1, 0 in _1 must be 0 */
  struct allowed_settings control[VMXSIM_WORD_COUNT];
};

/* CPUID.1:ECX.VMX. Without it there are no capability MSRs. */
bool vmx_announced(void);
void capabilities_read(struct capabilities *capabilities);

/* A control word with the wanted bits, and those that the processor insists on. */
uint64_t capabilities_adjust(const struct capabilities *capabilities, vmxsim_control_word word, uint64_t wanted);
bool capabilities_allow(const struct capabilities *capabilities, vmxsim_control_word word, unsigned bit);

/* The capability MSR that describes a control word; 0 if the processor has none. */
uint32_t capabilities_msr(const struct capabilities *capabilities, vmxsim_control_word word);

#endif
