/* FSIN, FCOS, FPTAN: reduction to at most pi/4, then Taylor series in fixed point. FPATAN: a table in steps of 1/16,
 * then the series. */
#include "cpu/exec/x87_functions.h"

/* --- reduction ------------------------------------------------------------------------------------------------------
 */

/* The angle is quadrant * pi/2 + rest, with |rest| at most pi/4. */
struct reduced {
  struct float80_parts rest;
  unsigned quadrant;
};

/* In units of 2^-65, where half of the 66-bit pi and every number from 1/2 to 2^63 are integers; no such number is a
 * multiple of it, so the rest is not 0. */
static struct reduced reduce(struct float80_parts angle) {
  const float80_wide half_pi = FLOAT80_WIDE(3, 0x243f6a8885a308d3);
  if (angle.exponent < FLOAT80_BIAS - 1) return (struct reduced){angle, 0};
  const float80_wide x = angle.significand >> (FLOAT80_BIAS + 62 - angle.exponent);
  const float80_wide quotient = x / half_pi, below = x % half_pi;
  const bool rounds = below > half_pi / 2;
  return (struct reduced){float80_normalized(rounds, FLOAT80_BIAS + 62, rounds ? half_pi - below : below),
                          (unsigned)(quotient & 3) + rounds};
}

/* --- series ---------------------------------------------------------------------------------------------------------
 */

enum { TERMS = 17 };

/* 1 - x^2/2.3 + x^4/2.3.4.5 - ... with first = 2: sin(x)/x; 1 - x^2/1.2 + x^4/1.2.3.4 - ... with first = 1: cos(x). */
static struct float80_parts series(struct float80_parts x, unsigned first) {
  const float80_wide square = parts_fraction(parts_multiply(x, x));
  float80_wide less = 0; /* what it is less than 1 */
  for (unsigned n = TERMS; n-- > 0;) {
    const unsigned factor = first + 2 * n;
    less = (square - wide_multiply(square, less)) / (factor * (factor + 1));
  }
  if (less == 0) less = 1;
  return float80_normalized(false, FLOAT80_BIAS - 1, 0 - less);
}

static struct float80_parts sine_of_rest(struct float80_parts x) {
  return parts_multiply(x, series(x, 2));
}

/* The sine of quadrant * pi/2 + rest. */
static struct float80_parts sine_at(struct reduced angle) {
  struct float80_parts result = angle.quadrant & 1 ? series(angle.rest, 1) : sine_of_rest(angle.rest);
  result.sign ^= (angle.quadrant >> 1) & 1;
  return result;
}

static struct float80_parts cosine_at(struct reduced angle) {
  angle.quadrant++;
  return sine_at(angle);
}

/* --- functions ------------------------------------------------------------------------------------------------------
 */

/* What is no number other than 0. True: *result is the answer. */
static bool is_special(struct float80_context *context, float80 a, float80 at_zero, float80 *result) {
  if (float80_nan_operand(context, a, result)) return true;
  const enum float80_class c = float80_classify(a);
  if (c == FLOAT80_INFINITE)
    *result = float80_invalid(context);
  else if (c == FLOAT80_ZERO)
    *result = at_zero;
  else if (float80_denormal_operand(context, a))
    *result = a;
  else
    return false;
  return true;
}

float80 float80_sine(struct float80_context *context, float80 a) {
  float80 result;
  if (is_special(context, a, a, &result)) return result;
  struct float80_parts x = float80_unpack(a);
  const bool sign = x.sign;
  x.sign = false;
  struct float80_parts y = sine_at(reduce(x));
  y.sign ^= sign;
  return parts_pack_inexact(context, y);
}

float80 float80_cosine(struct float80_context *context, float80 a) {
  float80 result;
  if (is_special(context, a, float80_one(false), &result)) return result;
  struct float80_parts x = float80_unpack(a);
  x.sign = false;
  return parts_pack_inexact(context, cosine_at(reduce(x)));
}

float80 float80_tangent(struct float80_context *context, float80 a) {
  float80 result;
  if (is_special(context, a, a, &result)) return result;
  struct float80_parts x = float80_unpack(a);
  const bool sign = x.sign;
  /* x + x^3/3: what is above x is less than half of the last place, and truncated divisions would lose it. */
  if (x.exponent < FLOAT80_BIAS - 40) return parts_pack_inexact(context, x);
  x.sign = false;
  const struct reduced angle = reduce(x);
  struct float80_parts y = parts_divide(sine_at(angle), cosine_at(angle));
  y.sign ^= sign;
  return parts_pack_inexact(context, y);
}

/* --- FPATAN ---------------------------------------------------------------------------------------------------------
 */

static const struct float80_parts pi = {FLOAT80_WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), FLOAT80_BIAS + 1, false};
static const struct float80_parts half_pi = {FLOAT80_WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), FLOAT80_BIAS, false};

/* The arctangents of 1/16 ... 16/16. */
static const struct float80_parts arctangents[16] = {
    {FLOAT80_WIDE(0xffaaddb967ef4e36, 0xcb2792dc0e2e0d51), FLOAT80_BIAS - 5, false},
    {FLOAT80_WIDE(0xfeadd4d5617b6e32, 0xc897989f3e888ef8), FLOAT80_BIAS - 4, false},
    {FLOAT80_WIDE(0xbdcbda5e72d81134, 0x7b0b4f881c9c7488), FLOAT80_BIAS - 3, false},
    {FLOAT80_WIDE(0xfadbafc96406eb15, 0x6dc79ef5f7a217e6), FLOAT80_BIAS - 3, false},
    {FLOAT80_WIDE(0x9b13b9b83f5e5e69, 0xc5abb498d27af328), FLOAT80_BIAS - 2, false},
    {FLOAT80_WIDE(0xb7b0ca0f26f78473, 0x8aa32122dcfe4483), FLOAT80_BIAS - 2, false},
    {FLOAT80_WIDE(0xd327761e611fe5b6, 0x427c95e9001e7136), FLOAT80_BIAS - 2, false},
    {FLOAT80_WIDE(0xed63382b0dda7b45, 0x6fe445ecbc3a8d03), FLOAT80_BIAS - 2, false},
    {FLOAT80_WIDE(0x832bf4a6d9867e2a, 0x4b6a09cb61a515c1), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0x8f005d5ef7f59f9b, 0x5c835e1665c43748), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0x9a2f80e671bdda20, 0x4226f8e2204ff3bd), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0xa4bc7d1934f70924, 0x19a87f2a457dac9f), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0xaeac4c38b4d8c080, 0x14725e2f3e52070a), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0xb8053e2bc2319e73, 0xcb2da55210a4443d), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0xc0ce85b8ac526640, 0x89dd62c46e92fa25), FLOAT80_BIAS - 1, false},
    {FLOAT80_WIDE(0xc90fdaa22168c234, 0xc4c6628b80dc1cd1), FLOAT80_BIAS - 1, false},
};

/* x - x^3/3 + x^5/5 - ... for |x| up to 1/32. */
static struct float80_parts arctangent_series(struct float80_parts x) {
  const float80_wide square = parts_fraction(parts_multiply(x, x));
  float80_wide sum = 0;
  for (unsigned n = 14; n > 0; n--) sum = ~(float80_wide)0 / (2 * n + 1) - wide_multiply(square, sum);
  float80_wide less = wide_multiply(square, sum);
  if (less == 0) less = 1;
  return parts_multiply(x, float80_normalized(false, FLOAT80_BIAS - 1, 0 - less));
}

/* Of y/x, 0 < y <= x: arctan(k/16) + arctan((y - k/16 x) / (x + k/16 y)), k/16 the nearest to y/x. */
static struct float80_parts arctangent_of_ratio(struct float80_parts y, struct float80_parts x) {
  enum { SPARE = 6 };
  const int32_t distance = x.exponent - y.exponent;
  if (distance >= SPARE) return arctangent_series(parts_divide(y, x));
  const float80_wide v = (y.significand >> 64 << SPARE) >> distance, u = x.significand >> 64 << SPARE;
  const unsigned k = (unsigned)((32 * v / u + 1) / 2);
  if (k == 0) return arctangent_series(parts_divide(y, x));
  const bool below = 16 * v < k * u;
  const float80_wide numerator = below ? k * u - 16 * v : 16 * v - k * u;
  if (numerator == 0) return arctangents[k - 1];
  const struct float80_parts rest = parts_divide(float80_normalized(below, FLOAT80_BIAS, numerator),
                                                 float80_normalized(false, FLOAT80_BIAS, 16 * u + k * v));
  return parts_add(arctangents[k - 1], arctangent_series(rest));
}

static struct float80_parts minus(struct float80_parts a, struct float80_parts b) {
  b.sign = !b.sign;
  return parts_add(a, b);
}

static float80 signed_angle(struct float80_context *context, struct float80_parts angle, bool left, bool sign) {
  if (left) angle = minus(pi, angle);
  angle.sign = sign;
  return parts_pack_inexact(context, angle);
}

static float80 arctangent_of_numbers(struct float80_context *context, struct float80_parts x, struct float80_parts y) {
  const bool left = x.sign, sign = y.sign;
  x.sign = y.sign = false;
  const bool steep = y.exponent != x.exponent ? y.exponent > x.exponent : y.significand > x.significand;
  struct float80_parts angle = steep ? arctangent_of_ratio(x, y) : arctangent_of_ratio(y, x);
  if (steep) angle = minus(half_pi, angle);
  return signed_angle(context, angle, left, sign);
}

float80 float80_arctangent(struct float80_context *context, float80 x, float80 y) {
  float80 result;
  if (float80_nan_operands(context, x, y, &result)) return result;
  if (float80_denormal_operands(context, x, y)) return y;
  const enum float80_class class_x = float80_classify(x), class_y = float80_classify(y);
  const bool left = float80_sign(x), sign = float80_sign(y);
  struct float80_parts angle = half_pi;
  if (class_x == FLOAT80_INFINITE && class_y == FLOAT80_INFINITE) {
    angle.exponent--;
    return signed_angle(context, angle, left, sign);
  }
  if (class_y == FLOAT80_ZERO || class_x == FLOAT80_INFINITE) {
    if (!left) return float80_zero(sign);
    angle = pi;
    angle.sign = sign;
    return parts_pack_inexact(context, angle);
  }
  if (class_x == FLOAT80_ZERO || class_y == FLOAT80_INFINITE) return signed_angle(context, angle, false, sign);
  return arctangent_of_numbers(context, float80_unpack(x), float80_unpack(y));
}
