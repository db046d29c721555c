/* Clock and statistics of the benchmarks. */
#define _DEFAULT_SOURCE
#include "bench/measure.h"

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

double median(double *samples, size_t count) {
  qsort(samples, count, sizeof *samples, compare);
  return samples[count / 2];
}

double dependent_add(void) {
  enum { ROUNDS = 3000000, SAMPLES = 9 };
  double samples[SAMPLES];
  for (int i = 0; i < SAMPLES; i++) {
    uint64_t sum = (uint64_t)i;
    const double start = now();
    for (int round = 0; round < ROUNDS; round++) {
      sum += 3;
      __asm__ volatile("" : "+r"(sum));
    }
    samples[i] = (now() - start) / ROUNDS;
  }
  return median(samples, SAMPLES);
}
