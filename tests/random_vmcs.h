/* Random VMCSs near valid ones: a template with some fields changed in the ways that rules look at. */
#ifndef VMXSIM_TESTS_RANDOM_VMCS_H
#define VMXSIM_TESTS_RANDOM_VMCS_H

#include <stdint.h>

#include "libvmxsim/random.h"
#include "vmxsim/vmxsim.h"

static inline uint64_t field_limit(vmxsim_field field) {
  return ~UINT64_C(0) >> (64 - vmxsim_field_bits(field));
}

/* One of: a flipped bit, a small number, all ones, a page-aligned or canonical address, anything. */
static inline uint64_t random_value(uint64_t *seed, uint64_t old) {
  const uint64_t r = random_next(seed), bits = random_next(seed);
  switch (r % 8) {
  case 0:
  case 1:
  case 2: return old ^ (UINT64_C(1) << (bits % 64));
  case 3: return bits % 32;
  case 4: return ~UINT64_C(0);
  case 5: return (bits & UINT64_C(0xfffff)) << 12;
  case 6: return bits | UINT64_C(0xffff800000000000);
  default: return bits;
  }
}

static inline vmxsim_field random_field(uint64_t *seed) {
  return (vmxsim_field)(random_next(seed) % VMXSIM_FIELD_COUNT);
}

static inline void random_change(uint64_t *seed, struct vmxsim_vmcs *vmcs) {
  const vmxsim_field field = random_field(seed);
  vmxsim_vmcs_set(vmcs, field, random_value(seed, vmcs->value[field]) & field_limit(field));
}

/* Memory whose bytes depend on the address: any address reads the same value each time. */
static inline bool random_memory(void *context, uint64_t address, void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    uint64_t seed = (address + i) / 8 ^ *(const uint64_t *)context;
    ((uint8_t *)bytes)[i] = seed % 3 ? 0 : (uint8_t)(random_next(&seed) >> (8 * ((address + i) % 8)));
  }
  return true;
}

#endif
