/* An integer loop: a shift-register generator, 1,000,000 steps a round. */
#include "bench/kernels.h"

uint64_t xorshift_run(uint32_t rounds) {
  uint64_t x = UINT64_C(88172645463325252);
  for (uint32_t round = 0; round < rounds; round++) {
    for (uint32_t step = 0; step < 1000000; step++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
    }
  }
  return x;
}
