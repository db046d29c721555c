/* Random VMCSs and random guest code: what has to hold at every VM entry and VM exit does (vmx_chaos.c). */
#include "tests/cmocka_main.h"

#include <stdlib.h>

#include "libvmxsim/random.h"
#include "tests/vmx_chaos.h"
#include "vmxsim/fields.h"

/* VMX_CHAOS_ROUNDS in the environment asks for more. */
static unsigned rounds(void) {
  const char *const wanted = getenv("VMX_CHAOS_ROUNDS");
  return wanted ? (unsigned)strtoul(wanted, NULL, 10) : 1500;
}

/* One bit, a few, or all: entries that pass are as much wanted as those that fail. */
static uint64_t flip(uint64_t *seed) {
  const uint64_t bits = random_next(seed), bit = UINT64_C(1) << (random_next(seed) & 63);
  switch (random_next(seed) % 3) {
  case 0: return bit;
  case 1: return bits & random_next(seed) & random_next(seed);
  default: return bits;
  }
}

static void what_has_to_hold_holds(void **test) {
  (void)test;
  struct vmx_chaos *chaos = vmx_chaos_create();
  uint64_t seed = 1, entries, failures, exits;
  assert_non_null(chaos);
  for (unsigned round = 0; round < rounds(); round++) {
    struct vmx_chaos_change changes[6];
    uint8_t code[48];
    const uint64_t first = seed;
    const size_t count = random_next(&seed) % 6;
    for (size_t i = 0; i < count; i++)
      changes[i] = (struct vmx_chaos_change){(uint16_t)random_next(&seed), flip(&seed)};
    for (size_t i = 0; i < sizeof code; i++) code[i] = (uint8_t)random_next(&seed);
    if (!vmx_chaos_run(chaos, (unsigned)random_next(&seed), changes, count, code, sizeof code)) {
      fail_msg("seed %llx: %s", (unsigned long long)first, vmx_chaos_complaint(chaos));
    }
  }
  vmx_chaos_counts(chaos, &entries, &failures, &exits);
  print_message("%llu entries, %llu failures, %llu exits\n", (unsigned long long)entries, (unsigned long long)failures,
                (unsigned long long)exits);
  assert_true(entries > rounds() && failures > rounds());
  vmx_chaos_destroy(chaos);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_has_to_hold_holds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
