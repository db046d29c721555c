/* Any bytes as code in any mode, with any registers: no crash, no host memory touched. */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/chaos.h"

/* Mode and privilege, seed of the registers, code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct chaos *chaos;
  uint64_t seed;
  if (!chaos) chaos = chaos_create();
  if (!chaos || size < 1 + sizeof seed) return 0;
  memcpy(&seed, data + 1, sizeof seed);
  if (!chaos_run(chaos, data[0] % CHAOS_MODES, data[0] >> 7, seed, data + 1 + sizeof seed, size - 1 - sizeof seed))
    abort();
  return 0;
}
