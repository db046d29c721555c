/* RCPPS and RSQRTPS: what the manual leaves to each processor, here the exact value rounded to 14 bits, so that every
 * host agrees. Denormals are zeros, results that would be denormal are zero. */
#include "cpu/exec/sse.h"

#include "cpu/registers.h"

#define SIGN UINT32_C(0x80000000)
#define INFINITY_BITS UINT32_C(0x7f800000)
#define QUIET UINT32_C(0x00400000)
#define DEFAULT_NAN UINT32_C(0xffc00000)
#define LEAST_NORMAL UINT32_C(0x00800000)

/* Nearest, away from zero: bits 9:0 of the fraction become 0, 13 of it stay. */
static uint32_t to_14_bits(uint32_t a) {
  return (a + 0x200) & ~UINT32_C(0x3ff);
}

static const struct sse_context nearest = {MXCSR_INITIAL, 0};

static uint32_t narrow(uint64_t a) {
  struct sse_context c = nearest;
  return (uint32_t)sse_convert(&c, &sse_double, &sse_single, a);
}
static uint64_t widen(uint32_t a) {
  struct sse_context c = nearest;
  return sse_convert(&c, &sse_single, &sse_double, a);
}
static uint64_t inverse(uint64_t a) {
  struct sse_context c = nearest;
  return sse_divide(&c, &sse_double, UINT64_C(0x3ff0000000000000), a);
}

uint64_t sse_reciprocal(uint32_t a) {
  const uint32_t magnitude = a & ~SIGN, sign = a & SIGN;
  if (magnitude > INFINITY_BITS) return a | QUIET;
  if (magnitude == INFINITY_BITS) return sign;
  if (magnitude < LEAST_NORMAL) return sign | INFINITY_BITS;
  const uint32_t result = to_14_bits(narrow(inverse(widen(magnitude))));
  return result < LEAST_NORMAL ? sign : sign | result;
}

uint64_t sse_reciprocal_root(uint32_t a) {
  const uint32_t magnitude = a & ~SIGN, sign = a & SIGN;
  struct sse_context c = nearest;
  if (magnitude > INFINITY_BITS) return a | QUIET;
  if (magnitude < LEAST_NORMAL) return sign | INFINITY_BITS;
  if (sign) return DEFAULT_NAN;
  if (magnitude == INFINITY_BITS) return 0;
  return to_14_bits(narrow(inverse(sse_square_root(&c, &sse_double, 0, widen(a)))));
}
