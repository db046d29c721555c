/* Random bytes executed in every mode, with and without privilege: no crash, and nothing beside the guest's memory
 * written. CHAOS_ROUNDS in the environment: how many byte strings a mode with privilege, 1000 if it is not set; for
 * four of these there is one without. */
#include "tests/cmocka_main.h"

#include <stdlib.h>

#include "tests/conformance/chaos.h"
#include "tests/conformance/random.h"

static unsigned rounds(void) {
  const char *text = getenv("CHAOS_ROUNDS");
  return text ? (unsigned)strtoul(text, NULL, 0) : 1000;
}

/* Bytes of no structure, or opcodes of the two-byte map now and then. */
static void random_code(struct rng *rng, uint8_t code[64]) {
  for (unsigned i = 0; i < 64; i++) code[i] = rng_chance(rng, 60) ? 0x0f : (uint8_t)rng_next(rng);
}

static void test_every_mode(void **unused) {
  (void)unused;
  struct chaos *chaos = chaos_create();
  assert_non_null(chaos);
  for (unsigned mode = 0; mode < CHAOS_MODES; mode++) {
    const unsigned all = rounds() / 4 * 5;
    for (unsigned i = 0; i < all; i++) {
      struct rng rng = {(uint64_t)mode << 40 | i};
      uint8_t code[64];
      random_code(&rng, code);
      assert_true(chaos_run(chaos, mode, i % 5 != 0, rng_next(&rng), code, sizeof code));
    }
  }
  chaos_destroy(chaos);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_mode)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
