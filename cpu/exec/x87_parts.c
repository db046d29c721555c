/* Arithmetic on 128-bit significands, for the transcendental functions. */
#include "cpu/exec/x87_functions.h"

struct float80_parts parts_multiply(struct float80_parts a, struct float80_parts b) {
  const float80_wide product = wide_multiply(a.significand, b.significand);
  return float80_normalized(a.sign != b.sign, a.exponent + b.exponent - FLOAT80_BIAS + 1, product);
}

struct float80_parts parts_divide(struct float80_parts a, struct float80_parts b) {
  float80_wide left = a.significand, quotient = 0;
  bool carry = false;
  for (unsigned i = 0; i < 128; i++) {
    const bool fits = carry || left >= b.significand;
    if (fits) left -= b.significand;
    quotient = quotient << 1 | fits;
    carry = left >> 127;
    left <<= 1;
  }
  return float80_normalized(a.sign != b.sign, a.exponent - b.exponent + FLOAT80_BIAS, quotient);
}

struct float80_parts parts_add(struct float80_parts a, struct float80_parts b) {
  if (b.exponent > a.exponent) {
    const struct float80_parts swap = a;
    a = b, b = swap;
  }
  const float80_wide x = float80_shift_right(a.significand, 1);
  const float80_wide y = float80_shift_right(b.significand, a.exponent - b.exponent + 1);
  if (a.sign == b.sign) return float80_normalized(a.sign, a.exponent + 1, x + y);
  const bool less = x < y;
  return float80_normalized(a.sign != less, a.exponent + 1, less ? y - x : x - y);
}

float80 parts_pack_inexact(struct float80_context *context, struct float80_parts a) {
  a.significand |= 1;
  return float80_pack(context, a);
}
