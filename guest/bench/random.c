/* Loads and stores at random places of 64 MiB in 4-KiB pages: 1,000 of each a round. */
#include "bench/kernels.h"
#include "kernel/memory.h"

void random_prepare(void) {
  memset((void *)ARENA_ADDRESS, 0, ARENA_SIZE);
}

uint64_t random_run(uint32_t rounds) {
  volatile uint32_t *const words = (uint32_t *)ARENA_ADDRESS;
  uint32_t x = 1, sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    for (uint32_t access = 0; access < 1000; access++) {
      x = x * 1664525 + 1013904223;
      const uint32_t index = x >> 8; /* 24 bits: 16 Mi words of 4 bytes */
      const uint32_t value = words[index] + x;
      words[index] = value;
      sum ^= value;
    }
  }
  return mix(x, sum);
}
