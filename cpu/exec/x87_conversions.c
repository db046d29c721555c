/* 80-bit numbers from and to the narrower formats, integers and packed decimal. */
#include "cpu/exec/softfloat80.h"

#include <string.h>

/* --- narrower formats -----------------------------------------------------------------------------------------------
 */

struct format {
  unsigned precision; /* bits of significand, the implied one included */
  int32_t maximum;    /* exponent of infinity */
};
static const struct format single_format = {24, 0xff}, double_format = {53, 0x7ff};

static float80 widen(const struct format *format, uint64_t bits, bool *denormal) {
  const unsigned fraction_bits = format->precision - 1;
  const int32_t exponent = (int32_t)(bits >> fraction_bits) & format->maximum;
  const uint64_t fraction = bits << (64 - fraction_bits) >> 1; /* below the integer bit */
  const bool sign = bits >> fraction_bits > (uint64_t)format->maximum;
  const int32_t rebias = FLOAT80_BIAS - format->maximum / 2;
  *denormal = exponent == 0 && fraction;
  if (exponent == format->maximum) return float80_make(sign, FLOAT80_MAX_EXPONENT, FLOAT80_INTEGER_BIT | fraction);
  if (exponent) return float80_make(sign, (unsigned)(exponent + rebias), FLOAT80_INTEGER_BIT | fraction);
  if (!fraction) return float80_zero(sign);
  const int zeros = __builtin_clzll(fraction);
  return float80_make(sign, (unsigned)(1 + rebias - zeros), fraction << zeros);
}

float80 float80_from_32(uint32_t bits, bool *denormal) {
  return widen(&single_format, bits, denormal);
}
float80 float80_from_64(uint64_t bits, bool *denormal) {
  return widen(&double_format, bits, denormal);
}

/* `significand` has its integer bit at the top; the format keeps the bits below it. */
static uint64_t assemble(const struct format *format, bool sign, int32_t exponent, uint64_t significand) {
  const unsigned fraction_bits = format->precision - 1;
  const uint64_t fraction = significand << 1 >> (64 - fraction_bits);
  const uint64_t sign_bit = (uint64_t)sign << (format->precision == 24 ? 31 : 63);
  return sign_bit | (uint64_t)(uint32_t)exponent << fraction_bits | fraction;
}

/* Overflow and underflow that are not masked store nothing and report nothing else. */
static uint64_t narrow_overflow(const struct format *format, struct float80_context *context, bool sign) {
  float80_raise(context, FLOAT80_OVERFLOW);
  if (!(context->masks & FLOAT80_OVERFLOW)) return 0;
  float80_raise(context, FLOAT80_INEXACT);
  context->rounded_up = float80_rounds_up(context, sign, ~(float80_wide)0, true);
  if (context->rounded_up) return assemble(format, sign, format->maximum, 0);
  return assemble(format, sign, format->maximum - 1, UINT64_MAX);
}

static uint64_t narrow_underflow(const struct format *format, struct float80_context *context,
                                 struct float80_parts parts, int32_t exponent) {
  if (!(context->masks & FLOAT80_UNDERFLOW)) {
    float80_raise(context, FLOAT80_UNDERFLOW);
    return 0;
  }
  const float80_wide shifted = float80_shift_right(parts.significand, 1 - exponent);
  const struct float80_rounded r = float80_round_at(context, parts.sign, shifted, format->precision);
  context->rounded_up = r.up;
  if (r.inexact) float80_raise(context, FLOAT80_UNDERFLOW | FLOAT80_INEXACT);
  return assemble(format, parts.sign, r.significand & FLOAT80_INTEGER_BIT ? 1 : 0, r.significand);
}

static uint64_t narrow_number(const struct format *format, struct float80_context *context,
                              struct float80_parts parts) {
  const int32_t exponent = parts.exponent - FLOAT80_BIAS + format->maximum / 2;
  const struct float80_rounded r = float80_round_at(context, parts.sign, parts.significand, format->precision);
  if (exponent + r.carry >= format->maximum) return narrow_overflow(format, context, parts.sign);
  if (exponent + r.carry <= 0) return narrow_underflow(format, context, parts, exponent);
  context->rounded_up = r.up;
  if (r.inexact) float80_raise(context, FLOAT80_INEXACT);
  return assemble(format, parts.sign, exponent + r.carry, r.significand);
}

static uint64_t narrow(const struct format *format, struct float80_context *context, float80 a) {
  if (float80_nan_operand(context, a, &a)) return assemble(format, float80_sign(a), format->maximum, a.significand);
  switch (float80_classify(a)) {
  case FLOAT80_ZERO: return assemble(format, float80_sign(a), 0, 0);
  case FLOAT80_INFINITE: return assemble(format, float80_sign(a), format->maximum, 0);
  default: return narrow_number(format, context, float80_unpack(a));
  }
}

uint32_t float80_to_32(struct float80_context *context, float80 a) {
  return (uint32_t)narrow(&single_format, context, a);
}
uint64_t float80_to_64(struct float80_context *context, float80 a) {
  return narrow(&double_format, context, a);
}

/* --- integers -------------------------------------------------------------------------------------------------------
 */

static float80 from_magnitude(bool sign, uint64_t magnitude) {
  if (!magnitude) return float80_zero(sign);
  const int zeros = __builtin_clzll(magnitude);
  return float80_make(sign, (unsigned)(FLOAT80_BIAS + 63 - zeros), magnitude << zeros);
}

float80 float80_from_integer(int64_t value) {
  return from_magnitude(value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* False: there is no magnitude, or it is above the limit; then nothing but invalid is raised. */
static bool to_magnitude(struct float80_context *context, float80 a, uint64_t limit, uint64_t *magnitude) {
  struct float80_context attempt = *context;
  const enum float80_class c = float80_classify(a);
  *magnitude = 0;
  if (c == FLOAT80_ZERO) return true;
  const bool fits = float80_is_number(c) && float80_exponent(a) <= FLOAT80_BIAS + 63;
  if (fits) *magnitude = float80_round_magnitude(&attempt, float80_unpack(a));
  if (!fits || *magnitude > limit) {
    float80_raise(context, FLOAT80_INVALID);
    return false;
  }
  *context = attempt;
  return true;
}

int64_t float80_to_integer(struct float80_context *context, float80 a, unsigned size) {
  const uint64_t minimum = UINT64_C(1) << (size * 8 - 1); /* its magnitude */
  const bool sign = float80_sign(a);
  uint64_t magnitude;
  if (!to_magnitude(context, a, sign ? minimum : minimum - 1, &magnitude))
    magnitude = minimum;
  else if (!sign)
    return (int64_t)magnitude;
  return (int64_t)(0 - magnitude);
}

/* --- packed decimal -------------------------------------------------------------------------------------------------
 */

float80 float80_from_bcd(const uint8_t bytes[10]) {
  uint64_t magnitude = 0;
  for (int i = 8; i >= 0; i--) magnitude = magnitude * 100 + (bytes[i] >> 4) * 10u + (bytes[i] & 15u);
  return from_magnitude(bytes[9] >> 7, magnitude);
}

void float80_to_bcd(struct float80_context *context, float80 a, uint8_t bytes[10]) {
  static const uint8_t indefinite[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff};
  uint64_t magnitude;
  if (!to_magnitude(context, a, UINT64_C(999999999999999999), &magnitude)) {
    memcpy(bytes, indefinite, sizeof indefinite);
    return;
  }
  for (unsigned i = 0; i < 9; i++, magnitude /= 100) bytes[i] = (uint8_t)(magnitude % 10 | magnitude / 10 % 10 << 4);
  bytes[9] = float80_sign(a) ? 0x80 : 0;
}
