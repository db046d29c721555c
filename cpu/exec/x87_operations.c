/* 80-bit numbers: rounding to an integer, FSCALE, FXTRACT, FPREM and FPREM1, comparison. */
#include "cpu/exec/softfloat80.h"

/* --- integers and exponents -----------------------------------------------------------------------------------------
 */

uint64_t float80_round_magnitude(struct float80_context *context, struct float80_parts parts) {
  /* The binary point is put between the two halves. */
  const int32_t shift = FLOAT80_BIAS + 63 - parts.exponent;
  const float80_wide fixed = float80_shift_right(parts.significand, shift);
  const struct float80_rounded r = float80_round_at(context, parts.sign, fixed, 64);
  context->rounded_up = r.up;
  if (r.inexact) float80_raise(context, FLOAT80_INEXACT);
  return r.significand;
}

float80 float80_round_to_integer(struct float80_context *context, float80 a) {
  float80 result;
  if (float80_nan_operand(context, a, &result)) return result;
  if (!float80_is_number(float80_classify(a)) || float80_exponent(a) >= FLOAT80_BIAS + 63) return a;
  if (float80_denormal_operand(context, a)) return a;
  const bool sign = float80_sign(a);
  const uint64_t magnitude = float80_round_magnitude(context, float80_unpack(a));
  if (magnitude == 0) return float80_zero(sign);
  const int zeros = __builtin_clzll(magnitude);
  return float80_make(sign, (unsigned)(FLOAT80_BIAS + 63 - zeros), magnitude << zeros);
}

/* A number's integer part, no larger than moves every exponent out of range. */
static int32_t scale_factor(float80 by) {
  enum { ENOUGH = 0x10000 };
  const int32_t exponent = (int32_t)float80_exponent(by) - FLOAT80_BIAS;
  if (exponent < 0) return 0;
  const int32_t magnitude = exponent > 15 ? ENOUGH : (int32_t)(by.significand >> (63 - exponent));
  return float80_sign(by) ? -magnitude : magnitude;
}

static float80 scale_by_infinity(struct float80_context *context, float80 a, bool down) {
  const enum float80_class c = float80_classify(a);
  if (c == (down ? FLOAT80_INFINITE : FLOAT80_ZERO)) return float80_invalid(context);
  (void)float80_denormal_operand(context, a);
  return down ? float80_zero(float80_sign(a)) : float80_infinity(float80_sign(a));
}

float80 float80_scale(struct float80_context *context, float80 a, float80 by) {
  float80 result;
  if (float80_nan_operands(context, a, by, &result)) return result;
  if (float80_classify(by) == FLOAT80_INFINITE) return scale_by_infinity(context, a, float80_sign(by));
  if (float80_denormal_operands(context, a, by) || !float80_is_number(float80_classify(a))) return a;
  struct float80_parts parts = float80_unpack(a);
  parts.exponent += scale_factor(by);
  return float80_pack(context, parts);
}

float80 float80_extract(struct float80_context *context, float80 a, float80 *exponent) {
  float80 result;
  if (float80_nan_operand(context, a, &result)) {
    *exponent = result;
    return result;
  }
  const enum float80_class c = float80_classify(a);
  *exponent = float80_infinity(c == FLOAT80_ZERO);
  if (c == FLOAT80_ZERO) float80_raise(context, FLOAT80_ZERO_DIVIDE);
  if (!float80_is_number(c) || float80_denormal_operand(context, a)) return a;
  const struct float80_parts parts = float80_unpack(a);
  *exponent = float80_from_integer(parts.exponent - FLOAT80_BIAS);
  return float80_make(parts.sign, FLOAT80_BIAS, (uint64_t)(parts.significand >> 64));
}

/* --- remainders -----------------------------------------------------------------------------------------------------
 */

/* Division in progress: the magnitude of what is left and of the divisor, in units of 2^(exponent - bias - 63). */
struct reduction {
  float80_wide left, divisor;
  uint64_t quotient;
  int32_t exponent;
  bool negated; /* left is to be subtracted */
};

/* So many bits of the quotient, and one before them. */
static void reduce(struct reduction *r, int32_t bits) {
  for (int32_t i = 0; i <= bits; i++) {
    if (i) r->left <<= 1;
    r->quotient <<= 1;
    if (r->left < r->divisor) continue;
    r->left -= r->divisor;
    r->quotient |= 1;
  }
}

/* The quotient to the nearest integer. */
static void reduce_to_nearest(struct reduction *r) {
  const float80_wide twice = r->left << 1;
  if (twice < r->divisor || (twice == r->divisor && !(r->quotient & 1))) return;
  r->left = r->divisor - r->left;
  r->negated = true;
  r->quotient++;
}

static struct float80_remainder remainder_of(struct float80_context *context, struct float80_parts a,
                                             struct float80_parts b, bool nearest) {
  const int32_t distance = a.exponent - b.exponent;
  const bool partial = distance >= 64;
  struct reduction r = {a.significand >> 64, b.significand >> 64, 0, b.exponent, false};
  if (distance < (nearest ? -1 : 0)) return (struct float80_remainder){float80_pack(context, a), 0, true, false};
  if (distance < 0) {
    r.exponent = a.exponent;
    r.divisor <<= 1;
  } else {
    /* A partial one takes as many bits as processors do: what is left over is a multiple of 32. */
    const int32_t bits = partial ? 32 + (distance & 31) : distance;
    reduce(&r, bits);
    r.exponent += distance - bits;
  }
  if (nearest && !partial) reduce_to_nearest(&r);
  const unsigned quotient = partial ? 0 : r.quotient & 7;
  if (r.left == 0) return (struct float80_remainder){float80_zero(a.sign), quotient, true, partial};
  const struct float80_parts parts = float80_normalized(a.sign != r.negated, r.exponent, r.left << 64);
  return (struct float80_remainder){float80_pack(context, parts), quotient, true, partial};
}

struct float80_remainder float80_remainder(struct float80_context *context, float80 a, float80 b, bool nearest) {
  struct float80_remainder result = {.value = a};
  if (float80_nan_operands(context, a, b, &result.value)) return result;
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  if (class_a == FLOAT80_INFINITE || class_b == FLOAT80_ZERO) {
    result.value = float80_invalid(context);
    return result;
  }
  if (float80_denormal_operands(context, a, b)) return result;
  result.has_quotient = true;
  if (class_a == FLOAT80_ZERO) return result;
  if (class_b == FLOAT80_INFINITE) {
    result.value = float80_pack(context, float80_unpack(a));
    return result;
  }
  return remainder_of(context, float80_unpack(a), float80_unpack(b), nearest);
}

/* --- comparison -----------------------------------------------------------------------------------------------------
 */

static enum float80_order unordered(struct float80_context *context, enum float80_class class_a,
                                    enum float80_class class_b, bool quiet) {
  const bool only_quiet = class_a <= FLOAT80_QUIET_NAN && class_b <= FLOAT80_QUIET_NAN;
  if (!quiet || !only_quiet) float80_raise(context, FLOAT80_INVALID);
  return FLOAT80_UNORDERED;
}

static enum float80_order magnitude_order(float80 a, float80 b) {
  /* Pseudo-denormals count as what they are worth. */
  const unsigned exponent_a = float80_exponent(a) ? float80_exponent(a) : 1;
  const unsigned exponent_b = float80_exponent(b) ? float80_exponent(b) : 1;
  if (exponent_a != exponent_b && a.significand && b.significand)
    return exponent_a < exponent_b ? FLOAT80_LESS : FLOAT80_GREATER;
  if (a.significand == b.significand) return FLOAT80_EQUAL;
  return a.significand < b.significand ? FLOAT80_LESS : FLOAT80_GREATER;
}

enum float80_order float80_compare(struct float80_context *context, float80 a, float80 b, bool quiet, bool denormal) {
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  if (class_a >= FLOAT80_QUIET_NAN || class_b >= FLOAT80_QUIET_NAN) return unordered(context, class_a, class_b, quiet);
  if (denormal) float80_raise(context, FLOAT80_DENORMAL);
  (void)float80_denormal_operands(context, a, b);
  if (class_a == FLOAT80_ZERO && class_b == FLOAT80_ZERO) return FLOAT80_EQUAL;
  if (float80_sign(a) != float80_sign(b)) return float80_sign(a) ? FLOAT80_LESS : FLOAT80_GREATER;
  return float80_sign(a) ? magnitude_order(b, a) : magnitude_order(a, b);
}
