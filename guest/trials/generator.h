/* The pseudo-random numbers of trials: splitmix64. The same seed gives the same trial on every machine, so no
 * expression takes two numbers in an order that C leaves to the compiler. */
#ifndef GUEST_TRIALS_GENERATOR_H
#define GUEST_TRIALS_GENERATOR_H

#include "kernel/types.h"

struct generator {
  uint64_t state;
};

static inline uint64_t next(struct generator *g) {
  uint64_t x = g->state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* A number with one bit in four. */
static inline uint64_t few_bits(struct generator *g) {
  const uint64_t some = next(g);
  return some & next(g);
}

/* 0 to bound - 1. */
static inline uint32_t below(struct generator *g, uint32_t bound) {
  return (uint32_t)((next(g) >> 32) * bound >> 32);
}

static inline bool chance(struct generator *g, uint32_t percent) {
  return below(g, 100) < percent;
}

static inline uint64_t one_bit(struct generator *g, uint32_t bits) {
  return UINT64_C(1) << below(g, bits);
}

#define COUNT_OF(array) (uint32_t)(sizeof(array) / sizeof *(array))
/* An element of an array. */
#define ANY_OF(g, array) ((array)[below(g, COUNT_OF(array))])

#endif
