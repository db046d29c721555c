/* The product of two matrices of 64 x 64 doubles a round: scalar SSE2. */
#include "bench/kernels.h"
#include "kernel/memory.h"

enum { N = 64 };

static double left[N][N], right[N][N], product[N][N];

/* Small whole numbers: every sum is exact, in whatever order it is added up. */
void matrix_prepare(void) {
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      left[i][j] = (i * 7 + j * 3) % 17 - 8;
      right[i][j] = (i * 5 + j * 11) % 19 - 9;
    }
  }
}

static void multiply(void) {
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < N; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
  }
}

static uint64_t checksum_of_product(void) {
  uint64_t checksum = 0, bits;
  for (int i = 0; i < N * N; i++) {
    memcpy(&bits, &product[i / N][i % N], sizeof bits);
    checksum = mix(checksum, bits);
  }
  return checksum;
}

uint64_t matrix_run(uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++) {
    left[round % N][0] += 1;
    multiply();
  }
  return checksum_of_product();
}
