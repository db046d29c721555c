/* The sieve of Eratosthenes over 1 MiB, once a round. */
#include "bench/kernels.h"

enum { SIZE = 1 << 20 };

static uint32_t count_primes(uint8_t *composite) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < SIZE; i++) composite[i] = 0;
  for (uint32_t i = 2; i < SIZE; i++) {
    if (composite[i]) continue;
    count++;
    for (uint32_t multiple = 2 * i; multiple < SIZE; multiple += i) composite[multiple] = 1;
  }
  return count;
}

uint64_t sieve_run(uint32_t rounds) {
  uint64_t checksum = 0;
  for (uint32_t round = 0; round < rounds; round++) checksum = mix(checksum, count_primes((uint8_t *)ARENA_ADDRESS));
  return checksum;
}
