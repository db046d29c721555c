/* 80-bit numbers: classes, rounding, the four basic operations and the square root. Remainders, scaling and comparison
 * are x87_operations.c's, conversions x87_conversions.c's.
 *
 * SDM 1, "x87 FPU Floating-Point Exception Handling" and "Floating-Point Exception Priority" (4.9.2).
 */
#include "cpu/exec/softfloat80.h"

#define QUIET_BIT (UINT64_C(1) << 62)
#define TOP_BIT ((float80_wide)1 << 127)

enum { WRAP = 0x6000 }; /* what exponents are moved by when overflow or underflow is not masked */

/* --- classes and NaNs -----------------------------------------------------------------------------------------------
 */

enum float80_class float80_classify(float80 a) {
  const unsigned exponent = float80_exponent(a);
  if (exponent == 0) return a.significand ? FLOAT80_SUBNORMAL : FLOAT80_ZERO;
  if (!(a.significand & FLOAT80_INTEGER_BIT)) return FLOAT80_UNSUPPORTED;
  if (exponent != FLOAT80_MAX_EXPONENT) return FLOAT80_FINITE;
  if (a.significand == FLOAT80_INTEGER_BIT) return FLOAT80_INFINITE;
  return a.significand & QUIET_BIT ? FLOAT80_QUIET_NAN : FLOAT80_SIGNALING_NAN;
}

float80 float80_invalid(struct float80_context *context) {
  float80_raise(context, FLOAT80_INVALID);
  return float80_indefinite();
}

static float80 quieted(float80 nan) {
  nan.significand |= QUIET_BIT;
  return nan;
}

bool float80_nan_operand(struct float80_context *context, float80 a, float80 *result) {
  const enum float80_class c = float80_classify(a);
  if (c < FLOAT80_QUIET_NAN) return false;
  if (c != FLOAT80_QUIET_NAN) float80_raise(context, FLOAT80_INVALID);
  *result = c == FLOAT80_UNSUPPORTED ? float80_indefinite() : quieted(a);
  return true;
}

/* SDM 1, "Rules for Handling NaNs": the one with the larger significand, but a quiet one before a signaling one. */
static float80 chosen_nan(float80 a, enum float80_class class_a, float80 b, enum float80_class class_b) {
  if (!float80_is_nan(class_b)) return quieted(a);
  if (!float80_is_nan(class_a)) return quieted(b);
  if (class_a != class_b) return class_a == FLOAT80_QUIET_NAN ? a : b;
  if (a.significand != b.significand) return quieted(a.significand > b.significand ? a : b);
  return quieted(float80_sign(a) ? b : a);
}

bool float80_nan_operands(struct float80_context *context, float80 a, float80 b, float80 *result) {
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  if (class_a < FLOAT80_QUIET_NAN && class_b < FLOAT80_QUIET_NAN) return false;
  if (class_a == FLOAT80_UNSUPPORTED || class_b == FLOAT80_UNSUPPORTED) {
    *result = float80_invalid(context);
    return true;
  }
  if (class_a == FLOAT80_SIGNALING_NAN || class_b == FLOAT80_SIGNALING_NAN) float80_raise(context, FLOAT80_INVALID);
  *result = chosen_nan(a, class_a, b, class_b);
  return true;
}

static bool denormal_if(struct float80_context *context, bool is) {
  if (!is) return false;
  float80_raise(context, FLOAT80_DENORMAL);
  return !(context->masks & FLOAT80_DENORMAL);
}

bool float80_denormal_operand(struct float80_context *context, float80 a) {
  return denormal_if(context, float80_classify(a) == FLOAT80_SUBNORMAL);
}

bool float80_denormal_operands(struct float80_context *context, float80 a, float80 b) {
  return denormal_if(context, float80_classify(a) == FLOAT80_SUBNORMAL || float80_classify(b) == FLOAT80_SUBNORMAL);
}

/* --- parts ----------------------------------------------------------------------------------------------------------
 */

float80_wide float80_shift_right(float80_wide significand, int32_t by) {
  if (by <= 0) return significand;
  if (by >= 128) return significand != 0;
  const bool lost = significand << (128 - by) != 0;
  return significand >> by | lost;
}

static int leading_zeros(float80_wide value) {
  const uint64_t high = (uint64_t)(value >> 64);
  return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)value);
}

struct float80_parts float80_normalized(bool sign, int32_t exponent, float80_wide significand) {
  const int shift = leading_zeros(significand);
  return (struct float80_parts){significand << shift, exponent - shift, sign};
}

struct float80_parts float80_unpack(float80 a) {
  const int32_t exponent = (int32_t)float80_exponent(a);
  return float80_normalized(float80_sign(a), exponent ? exponent : 1, (float80_wide)a.significand << 64);
}

/* --- rounding -------------------------------------------------------------------------------------------------------
 */

bool float80_rounds_up(const struct float80_context *context, bool sign, float80_wide rest, bool odd) {
  switch (context->rounding) {
  case FLOAT80_NEAREST: return rest > TOP_BIT || (rest == TOP_BIT && odd);
  case FLOAT80_DOWN: return sign && rest;
  case FLOAT80_UP: return !sign && rest;
  default: return false;
  }
}

struct float80_rounded float80_round_at(const struct float80_context *context, bool sign, float80_wide significand,
                                        unsigned bits) {
  const uint64_t unit = UINT64_C(1) << (64 - bits);
  const float80_wide rest = significand << bits;
  const uint64_t kept = (uint64_t)(significand >> 64) & ~(unit - 1);
  struct float80_rounded r = {kept, rest != 0, float80_rounds_up(context, sign, rest, kept & unit), false};
  if (r.up) r.significand += unit;
  r.carry = r.up && r.significand < kept;
  return r;
}

static float80 finish(struct float80_context *context, bool sign, int32_t exponent, struct float80_rounded r) {
  context->rounded_up = r.up;
  if (r.inexact) float80_raise(context, FLOAT80_INEXACT);
  return float80_make(sign, (unsigned)exponent, r.significand);
}

static float80 overflow(struct float80_context *context, bool sign, int32_t exponent, struct float80_rounded r) {
  float80_raise(context, FLOAT80_OVERFLOW);
  const bool wraps = !(context->masks & FLOAT80_OVERFLOW);
  if (wraps && exponent - WRAP < FLOAT80_MAX_EXPONENT) return finish(context, sign, exponent - WRAP, r);
  float80_raise(context, FLOAT80_INEXACT);
  const bool to_infinity = wraps || float80_rounds_up(context, sign, TOP_BIT | 1, true);
  context->rounded_up = to_infinity;
  if (to_infinity) return float80_infinity(sign);
  return float80_make(sign, FLOAT80_MAX_EXPONENT - 1, ~(uint64_t)0 << (64 - context->precision));
}

/* The number has no normal form. Its bits are cut off where a normal number's of the same precision are. */
static float80 underflow(struct float80_context *context, struct float80_parts parts) {
  const float80_wide shifted = float80_shift_right(parts.significand, 1 - parts.exponent);
  const struct float80_rounded r = float80_round_at(context, parts.sign, shifted, context->precision);
  if (r.inexact) float80_raise(context, FLOAT80_UNDERFLOW);
  return finish(context, parts.sign, r.significand & FLOAT80_INTEGER_BIT ? 1 : 0, r);
}

float80 float80_pack(struct float80_context *context, struct float80_parts parts) {
  struct float80_rounded r = float80_round_at(context, parts.sign, parts.significand, context->precision);
  int32_t exponent = parts.exponent;
  if (r.carry) {
    r.significand = FLOAT80_INTEGER_BIT;
    exponent++;
  }
  if (exponent >= FLOAT80_MAX_EXPONENT) return overflow(context, parts.sign, exponent, r);
  if (exponent > 0) return finish(context, parts.sign, exponent, r);
  if (context->masks & FLOAT80_UNDERFLOW) return underflow(context, parts);
  float80_raise(context, FLOAT80_UNDERFLOW);
  if (exponent + WRAP > 0) return finish(context, parts.sign, exponent + WRAP, r);
  float80_raise(context, FLOAT80_INEXACT);
  return float80_zero(parts.sign);
}

/* --- addition -------------------------------------------------------------------------------------------------------
 */

static float80 add_infinities(struct float80_context *context, float80 a, float80 b, bool denormal) {
  const bool both = float80_classify(a) == FLOAT80_INFINITE && float80_classify(b) == FLOAT80_INFINITE;
  if (both && float80_sign(a) != float80_sign(b)) return float80_invalid(context);
  if (!denormal_if(context, denormal)) (void)float80_denormal_operands(context, a, b);
  return float80_classify(a) == FLOAT80_INFINITE ? a : b;
}

static float80 exact_zero(const struct float80_context *context) {
  return float80_zero(context->rounding == FLOAT80_DOWN);
}

static float80 add_zeros(const struct float80_context *context, float80 a, float80 b) {
  return float80_sign(a) == float80_sign(b) ? a : exact_zero(context);
}

static float80 add_numbers(struct float80_context *context, struct float80_parts a, struct float80_parts b) {
  if (b.exponent > a.exponent) {
    const struct float80_parts swap = a;
    a = b, b = swap;
  }
  const float80_wide x = a.significand >> 1;
  const float80_wide y = float80_shift_right(b.significand >> 1, a.exponent - b.exponent);
  if (a.sign == b.sign) return float80_pack(context, float80_normalized(a.sign, a.exponent + 1, x + y));
  if (x == y) return exact_zero(context);
  const bool less = x < y;
  return float80_pack(context, float80_normalized(a.sign != less, a.exponent + 1, less ? y - x : x - y));
}

float80 float80_add(struct float80_context *context, float80 a, float80 b, bool denormal) {
  float80 result;
  if (float80_nan_operands(context, a, b, &result)) return result;
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  if (class_a == FLOAT80_INFINITE || class_b == FLOAT80_INFINITE) return add_infinities(context, a, b, denormal);
  if (denormal_if(context, denormal) || float80_denormal_operands(context, a, b)) return a;
  if (class_a == FLOAT80_ZERO && class_b == FLOAT80_ZERO) return add_zeros(context, a, b);
  if (class_a == FLOAT80_ZERO) return float80_pack(context, float80_unpack(b));
  if (class_b == FLOAT80_ZERO) return float80_pack(context, float80_unpack(a));
  return add_numbers(context, float80_unpack(a), float80_unpack(b));
}

float80 float80_subtract(struct float80_context *context, float80 a, float80 b, bool denormal) {
  if (float80_classify(b) < FLOAT80_QUIET_NAN) b.sign_exponent ^= 0x8000;
  return float80_add(context, a, b, denormal);
}

/* --- multiplication and division -------------------------------------------------------------------------------------
 */

float80 float80_multiply(struct float80_context *context, float80 a, float80 b, bool denormal) {
  float80 result;
  if (float80_nan_operands(context, a, b, &result)) return result;
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  const bool sign = float80_sign(a) != float80_sign(b);
  const bool infinite = class_a == FLOAT80_INFINITE || class_b == FLOAT80_INFINITE;
  const bool zero = class_a == FLOAT80_ZERO || class_b == FLOAT80_ZERO;
  if (infinite && zero) return float80_invalid(context);
  if (denormal_if(context, denormal) || float80_denormal_operands(context, a, b)) return a;
  if (infinite) return float80_infinity(sign);
  if (zero) return float80_zero(sign);
  const struct float80_parts x = float80_unpack(a), y = float80_unpack(b);
  const float80_wide product = (x.significand >> 64) * (y.significand >> 64);
  return float80_pack(context, float80_normalized(sign, x.exponent + y.exponent - FLOAT80_BIAS + 1, product));
}

static float80 divide_numbers(struct float80_context *context, struct float80_parts a, struct float80_parts b) {
  const uint64_t y = (uint64_t)(b.significand >> 64);
  const bool less = a.significand < b.significand;
  const float80_wide x = a.significand >> (less ? 0 : 1);
  const uint64_t high = (uint64_t)(x / y);
  const float80_wide rest = (x % y) << 64;
  const float80_wide low = rest / y;
  const struct float80_parts parts = {(float80_wide)high << 64 | low | (rest % y != 0),
                                      a.exponent - b.exponent + FLOAT80_BIAS - less, a.sign != b.sign};
  return float80_pack(context, parts);
}

float80 float80_divide(struct float80_context *context, float80 a, float80 b, bool denormal) {
  float80 result;
  if (float80_nan_operands(context, a, b, &result)) return result;
  const enum float80_class class_a = float80_classify(a), class_b = float80_classify(b);
  const bool sign = float80_sign(a) != float80_sign(b);
  if (class_a == class_b && (class_a == FLOAT80_ZERO || class_a == FLOAT80_INFINITE)) return float80_invalid(context);
  if (class_b == FLOAT80_ZERO && class_a != FLOAT80_INFINITE) {
    float80_raise(context, FLOAT80_ZERO_DIVIDE);
    return float80_infinity(sign);
  }
  if (denormal_if(context, denormal) || float80_denormal_operands(context, a, b)) return a;
  if (class_a == FLOAT80_INFINITE) return float80_infinity(sign);
  if (class_a == FLOAT80_ZERO || class_b == FLOAT80_INFINITE) return float80_zero(sign);
  return divide_numbers(context, float80_unpack(a), float80_unpack(b));
}

/* --- square root ----------------------------------------------------------------------------------------------------
 */

/* The integer root of a number whose top or second bit is set, so that the root has 64 bits; *rest is what is left. */
static uint64_t integer_root(float80_wide number, float80_wide *rest) {
  float80_wide root = 0, left = number;
  for (int bit = 63; bit >= 0; bit--) {
    const float80_wide trial = (root << 1 | (float80_wide)1 << bit) << bit; /* (root + 2^bit)^2 - root^2 */
    if (left < trial) continue;
    left -= trial;
    root |= (float80_wide)1 << bit;
  }
  *rest = left;
  return (uint64_t)root;
}

float80 float80_square_root(struct float80_context *context, float80 a) {
  float80 result;
  if (float80_nan_operand(context, a, &result)) return result;
  const enum float80_class c = float80_classify(a);
  if (c == FLOAT80_ZERO) return a;
  if (float80_sign(a)) return float80_invalid(context);
  if (c == FLOAT80_INFINITE || float80_denormal_operand(context, a)) return a;
  struct float80_parts parts = float80_unpack(a);
  const int32_t exponent = parts.exponent - FLOAT80_BIAS;
  const bool odd = exponent & 1;
  float80_wide rest;
  const uint64_t root = integer_root(parts.significand >> (odd ? 0 : 1), &rest);
  /* The next bit of the root is 1 if (root + 1/2)^2 is not more than the number. */
  const float80_wide below = rest > root ? TOP_BIT >> 64 : 0;
  parts.significand = (float80_wide)root << 64 | below | (rest != 0);
  parts.exponent = (exponent - odd) / 2 + FLOAT80_BIAS;
  return float80_pack(context, parts);
}
