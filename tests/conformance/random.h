/* Numbers that a seed decides. */
#ifndef VMXSIM_TESTS_CONFORMANCE_RANDOM_H
#define VMXSIM_TESTS_CONFORMANCE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
  uint64_t state;
};

/* splitmix64 */
static inline uint64_t rng_next(struct rng *rng) {
  uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline unsigned rng_below(struct rng *rng, unsigned limit) {
  return (unsigned)((rng_next(rng) >> 32) * limit >> 32);
}

/* True `of_1000` times in a thousand. */
static inline bool rng_chance(struct rng *rng, unsigned of_1000) {
  return rng_below(rng, 1000) < of_1000;
}

#endif
