/* Random numbers of one test program, the same in every run: xorshift64*. */
#ifndef VMXSIM_TESTS_CPU_NEXT_RANDOM_H
#define VMXSIM_TESTS_CPU_NEXT_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 0x9e3779b97f4a7c15;

static inline uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545f4914f6cdd1d;
}

#endif
