/* Recursive calls: the 25th Fibonacci number a round, 242,785 calls. */
#include "bench/kernels.h"

__attribute__((noinline)) static uint32_t fib(uint32_t n) {
  if (n < 2) return n;
  return fib(n - 1) + fib(n - 2);
}

uint64_t fib_run(uint32_t rounds) {
  volatile uint32_t n = 25; /* read each time: no two calls are the same to the compiler */
  uint64_t checksum = 0;
  for (uint32_t round = 0; round < rounds; round++) checksum = mix(checksum, fib(n));
  return checksum;
}
