/* What the host's CPUID announces, as bits for decoder_init(); none where the host is no x86-64. */
#ifndef VMXSIM_TESTS_CPU_HOST_FEATURES_H
#define VMXSIM_TESTS_CPU_HOST_FEATURES_H

#include "decode/decode.h"

#if defined(__x86_64__)
#include <cpuid.h>

static inline uint64_t host_features(void) {
  enum { EAX, EBX, ECX, EDX };
  uint64_t features = 0;
  unsigned r[4];
#define DECODE_FEATURE(name, leaf, subleaf, register, bit) \
  if (__get_cpuid_count(leaf, subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) && (r[register] >> (bit)&1)) \
    features |= UINT64_C(1) << DECODE_FEATURE_##name;
#include "decode/features.def"
#undef DECODE_FEATURE
  return features;
}
#else
static inline uint64_t host_features(void) {
  return 0;
}
#endif

#endif
