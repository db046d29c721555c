/* The table behind CPUID. Private to cpuid.c and its parts. */
#ifndef VMXSIM_CPU_EXEC_CPUID_TABLE_H
#define VMXSIM_CPU_EXEC_CPUID_TABLE_H

#include "cpu/exec/cpuid.h"

enum { CPUID_ENTRIES_MAX = 48, CPUID_BRAND = 48 };

struct cpuid_entry {
  uint32_t leaf, subleaf;
  uint32_t reg[4];
};

struct cpuid_table {
  uint64_t instructions; /* 1 << DECODE_FEATURE_... */
  uint64_t xcr0, xss;
  uint32_t signature;
  uint32_t max_basic;
  unsigned count;
  struct cpuid_entry entry[CPUID_ENTRIES_MAX];
};

/* cpuid_decode.c */
uint64_t cpuid_choose_instructions(const struct vmxsim_capabilities *capabilities);

/* cpuid_identity.c: signature and brand of a profile. */
void cpuid_identify(const struct vmxsim_profile *profile, uint32_t *signature, char brand[CPUID_BRAND]);

/* cpuid_xsave.c: size of the XSAVE area for these components, compacted or not. */
uint32_t cpuid_xsave_size(uint64_t components, bool compacted);
/* Offset in the standard form and size of a component from 2 up; size 0: none. */
uint32_t cpuid_xsave_component(unsigned component, uint32_t *offset);

#endif
