/* F2XM1, FYL2X, FYL2XP1: series in fixed point. */
#include "cpu/exec/x87_functions.h"

static const struct float80_parts ln_2 = {FLOAT80_WIDE(0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af), FLOAT80_BIAS - 1,
                                          false};
static const struct float80_parts log2_e = {FLOAT80_WIDE(0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89), FLOAT80_BIAS, false};

#define ONE ((float80_wide)1 << 127) /* in fixed point with one bit before the binary point */

/* --- 2^x - 1 --------------------------------------------------------------------------------------------------------
 */

/* (e^x - 1)/x = 1 + x/2 (1 + x/3 (1 + ...)) for |x| below ln 2. */
static struct float80_parts exponential_series(struct float80_parts x) {
  const float80_wide fraction = parts_fraction(x);
  float80_wide sum = ONE;
  for (unsigned n = 34; n >= 2; n--) {
    const float80_wide term = wide_multiply(fraction, sum) / n;
    sum = x.sign ? ONE - term : ONE + term;
  }
  return float80_normalized(false, FLOAT80_BIAS, sum);
}

float80 float80_power_of_2_less_1(struct float80_context *context, float80 a) {
  float80 result;
  if (float80_nan_operand(context, a, &result)) return result;
  const enum float80_class c = float80_classify(a);
  const bool sign = float80_sign(a);
  if (c == FLOAT80_INFINITE) return sign ? float80_one(true) : a;
  if (c == FLOAT80_ZERO || float80_denormal_operand(context, a)) return a;
  if (float80_exponent(a) >= FLOAT80_BIAS) {
    float80_raise(context, FLOAT80_INEXACT); /* as processors do, exact or not */
    const bool minus_1 = sign && a.significand == FLOAT80_INTEGER_BIT && float80_exponent(a) == FLOAT80_BIAS;
    return minus_1 ? float80_make(true, FLOAT80_BIAS - 1, FLOAT80_INTEGER_BIT) : a;
  }
  const struct float80_parts x = parts_multiply(float80_unpack(a), ln_2);
  return parts_pack_inexact(context, parts_multiply(x, exponential_series(x)));
}

/* --- log2 -----------------------------------------------------------------------------------------------------------
 */

/* log2((1 + s)/(1 - s)) = 2 log2(e) (s + s^3/3 + s^5/5 + ...) for |s| up to 0.172. */
static struct float80_parts logarithm_series(struct float80_parts s) {
  const float80_wide square = parts_fraction(parts_multiply(s, s));
  float80_wide sum = 0;
  for (unsigned n = 27; n-- > 0;) sum = ONE / (2 * n + 1) + wide_multiply(square, sum);
  struct float80_parts result = parts_multiply(s, float80_normalized(false, FLOAT80_BIAS, sum));
  result.exponent++;
  return parts_multiply(result, log2_e);
}

static struct float80_parts parts_of_integer(int32_t value) {
  return float80_normalized(value < 0, FLOAT80_BIAS + 127, (float80_wide)(value < 0 ? -value : value));
}

/* A logarithm; an exact one may be 0, which parts cannot be. */
struct logarithm {
  struct float80_parts value;
  bool is_zero, exact;
};

/* x = m * 2^k with m between sqrt(1/2) and sqrt(2). */
static struct logarithm logarithm_of(struct float80_parts x) {
  const float80_wide root_2 = FLOAT80_WIDE(0xb504f333f9de6484, 0);
  const bool upper = x.significand > root_2;
  const int32_t k = x.exponent - FLOAT80_BIAS + upper;
  if (x.significand == ONE) {
    struct logarithm l = {.is_zero = k == 0, .exact = true};
    if (k) l.value = parts_of_integer(k);
    return l;
  }
  /* (m - 1)/(m + 1), both in the same units */
  const float80_wide difference = upper ? 0 - x.significand : x.significand - ONE;
  const struct float80_parts numerator = float80_normalized(upper, FLOAT80_BIAS - upper, difference);
  struct float80_parts m = x;
  m.exponent = FLOAT80_BIAS - upper;
  const struct float80_parts denominator = parts_add(m, parts_of_integer(1));
  struct float80_parts value = logarithm_series(parts_divide(numerator, denominator));
  if (k) value = parts_add(parts_of_integer(k), value);
  return (struct logarithm){value, false, false};
}

/* log2(1 + x), x not -1 and above it. */
static struct logarithm logarithm_of_plus_1(struct float80_parts x) {
  if (x.exponent >= FLOAT80_BIAS - 2) return logarithm_of(parts_add(x, parts_of_integer(1)));
  const struct float80_parts s = parts_divide(x, parts_add(x, parts_of_integer(2)));
  return (struct logarithm){logarithm_series(s), false, false};
}

static float80 times_logarithm(struct float80_context *context, float80 y, const struct logarithm *l) {
  if (l->is_zero) return float80_zero(float80_sign(y));
  const struct float80_parts product = parts_multiply(float80_unpack(y), l->value);
  if (!l->exact) return parts_pack_inexact(context, product);
  /* Processors call an exact product inexact, and so a tiny one an underflow. */
  const float80 result = float80_pack(context, product);
  float80_raise(context, FLOAT80_INEXACT);
  if (float80_classify(result) == FLOAT80_SUBNORMAL) float80_raise(context, FLOAT80_UNDERFLOW);
  return result;
}

/* Where x or y is 0 or infinite: y times a logarithm of that sign, itself 0 or infinite or neither. */
static float80 times_special(struct float80_context *context, float80 y, enum float80_class logarithm, bool sign) {
  const enum float80_class c = float80_classify(y);
  const bool infinite = c == FLOAT80_INFINITE || logarithm == FLOAT80_INFINITE;
  const bool zero = c == FLOAT80_ZERO || logarithm == FLOAT80_ZERO;
  if (infinite && zero) return float80_invalid(context);
  sign = sign != float80_sign(y);
  return infinite ? float80_infinity(sign) : float80_zero(sign);
}

/* log2(0) times a number is a division by zero. */
static float80 times_minus_infinity(struct float80_context *context, float80 y) {
  if (float80_is_number(float80_classify(y))) float80_raise(context, FLOAT80_ZERO_DIVIDE);
  return times_special(context, y, FLOAT80_INFINITE, true);
}

/* The class and the sign of log2(x). */
static enum float80_class class_of_logarithm(float80 x, bool *sign) {
  *sign = float80_exponent(x) < FLOAT80_BIAS;
  if (float80_classify(x) == FLOAT80_INFINITE) return FLOAT80_INFINITE;
  const bool is_one = float80_exponent(x) == FLOAT80_BIAS && x.significand == FLOAT80_INTEGER_BIT;
  return is_one ? FLOAT80_ZERO : FLOAT80_FINITE;
}

float80 float80_logarithm(struct float80_context *context, float80 x, float80 y) {
  float80 result;
  if (float80_nan_operands(context, x, y, &result)) return result;
  if (float80_classify(x) == FLOAT80_ZERO) return times_minus_infinity(context, y);
  if (float80_sign(x)) return float80_invalid(context);
  bool sign;
  const enum float80_class logarithm = class_of_logarithm(x, &sign);
  const bool numbers = float80_is_number(float80_classify(x)) && float80_is_number(float80_classify(y));
  if (!numbers) result = times_special(context, y, logarithm, sign);
  if (context->raised & FLOAT80_INVALID) return result;
  if (float80_denormal_operands(context, x, y) || !numbers) return result;
  const struct logarithm l = logarithm_of(float80_unpack(x));
  return times_logarithm(context, y, &l);
}

float80 float80_logarithm_plus_1(struct float80_context *context, float80 x, float80 y) {
  float80 result;
  if (float80_nan_operands(context, x, y, &result)) return result;
  const enum float80_class class_x = float80_classify(x);
  const bool sign = float80_sign(x), below_1 = float80_exponent(x) < FLOAT80_BIAS;
  if (sign && !below_1) {
    const bool minus_1 = float80_exponent(x) == FLOAT80_BIAS && x.significand == FLOAT80_INTEGER_BIT;
    return minus_1 ? times_minus_infinity(context, y) : float80_invalid(context);
  }
  const bool numbers = float80_is_number(class_x) && float80_is_number(float80_classify(y));
  if (!numbers) result = times_special(context, y, class_x, sign);
  if (context->raised & FLOAT80_INVALID) return result;
  if (float80_denormal_operands(context, x, y) || !numbers) return result;
  const struct logarithm l = logarithm_of_plus_1(float80_unpack(x));
  return times_logarithm(context, y, &l);
}
