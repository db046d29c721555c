/* The host's own addition, subtraction, multiplication and division, where they give the processor's result and flags.
 * Private to sse_arithmetic.c. */
#ifndef VMXSIM_CPU_EXEC_SSE_HOST_H
#define VMXSIM_CPU_EXEC_SSE_HOST_H

#include "cpu/exec/sse.h"

/* Rounding to nearest, PE masked: then normal operands with a normal result raise at most PE, and if that is set
 * already the host's result is all there is. Without it the result has to be exact. */
enum {
  HOST_CARES = 3 << MXCSR_ROUNDING_SHIFT | MXCSR_PE << MXCSR_MASK_SHIFT,
  HOST_WANTS = MXCSR_PE << MXCSR_MASK_SHIFT
};

static inline bool host_may(const struct sse_context *c) {
  return (c->mxcsr & HOST_CARES) == HOST_WANTS;
}

static inline bool good_operand_8(uint64_t a) {
  return (((a >> 52) + 1) & 0x7ff) > 1 || !(a << 1);
}
/* Not so near the least normal number that it could have been rounded up to it. */
static inline bool good_result_8(uint64_t a) {
  return (((a >> 52) + 1) & 0x7ff) > 2;
}
static inline bool good_operand_4(uint32_t a) {
  return (((a >> 23) + 1) & 0xff) > 1 || !(a << 1);
}
static inline bool good_result_4(uint32_t a) {
  return (((a >> 23) + 1) & 0xff) > 2;
}

union real_8 {
  uint64_t bits;
  double value;
};
union real_4 {
  uint32_t bits;
  float value;
};

enum host_operation { HOST_ADD, HOST_SUBTRACT, HOST_MULTIPLY, HOST_DIVIDE };

EXEC_INLINE double host_8(enum host_operation operation, double x, double y) {
  switch (operation) {
  case HOST_ADD: return x + y;
  case HOST_SUBTRACT: return x - y;
  case HOST_MULTIPLY: return x * y;
  default: return x / y;
  }
}
EXEC_INLINE float host_4(enum host_operation operation, float x, float y) {
  switch (operation) {
  case HOST_ADD: return x + y;
  case HOST_SUBTRACT: return x - y;
  case HOST_MULTIPLY: return x * y;
  default: return x / y;
  }
}

/* Whether no rounding took place: the error of a sum is computed exactly; a product fits if its factors' odd parts do.
 */
EXEC_INLINE bool is_exact_8(enum host_operation operation, union real_8 x, union real_8 y, double result) {
  if (operation == HOST_MULTIPLY)
    return __builtin_ctzll(x.bits | UINT64_C(1) << 52) + __builtin_ctzll(y.bits | UINT64_C(1) << 52) >= 53;
  if (operation == HOST_DIVIDE) return false;
  const double b = operation == HOST_SUBTRACT ? -y.value : y.value, back = result - x.value;
  return (x.value - (result - back)) + (b - back) == 0;
}
EXEC_INLINE bool is_exact_4(enum host_operation operation, union real_4 x, union real_4 y, float result) {
  if (operation == HOST_DIVIDE) return false;
  if (operation == HOST_MULTIPLY) return (double)x.value * (double)y.value == (double)result;
  const float b = operation == HOST_SUBTRACT ? -y.value : y.value, back = result - x.value;
  return (x.value - (result - back)) + (b - back) == 0;
}

/* True: *result is what the processor would give, flags included. */
EXEC_INLINE bool host_computes(const struct sse_context *c, const struct sse_format *f, enum host_operation operation,
                               uint64_t a, uint64_t b, uint64_t *result) {
  if (!host_may(c)) return false;
  const bool inexact_allowed = (c->mxcsr | c->flags) & MXCSR_PE;
  if (f->bytes == 8) {
    const union real_8 x = {a}, y = {b};
    if (!good_operand_8(a) || !good_operand_8(b)) return false;
    const union real_8 r = {.value = host_8(operation, x.value, y.value)};
    *result = r.bits;
    return good_result_8(r.bits) && (inexact_allowed || is_exact_8(operation, x, y, r.value));
  }
  const union real_4 x = {(uint32_t)a}, y = {(uint32_t)b};
  if (!good_operand_4(x.bits) || !good_operand_4(y.bits)) return false;
  const union real_4 r = {.value = host_4(operation, x.value, y.value)};
  *result = r.bits;
  return good_result_4(r.bits) && (inexact_allowed || is_exact_4(operation, x, y, r.value));
}

#endif
