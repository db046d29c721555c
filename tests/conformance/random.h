/* Numbers that a seed decides. */
#ifndef VMXSIM_TESTS_CONFORMANCE_RANDOM_H
#define VMXSIM_TESTS_CONFORMANCE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "libvmxsim/random.h"

struct rng {
  uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng) {
  return random_next(&rng->state);
}

static inline unsigned rng_below(struct rng *rng, unsigned limit) {
  return (unsigned)((rng_next(rng) >> 32) * limit >> 32);
}

/* True `of_1000` times in a thousand. */
static inline bool rng_chance(struct rng *rng, unsigned of_1000) {
  return rng_below(rng, 1000) < of_1000;
}

#endif
