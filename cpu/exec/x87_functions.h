/* The transcendental functions of the x87 on 80-bit numbers, and the 128-bit arithmetic below them.
 *
 * Their intermediate results have about 120 good bits, so that what is rounded to 64 is nearly always the correctly
 * rounded result, in every rounding mode. Arguments of sine, cosine and tangent are reduced by a pi of 66 bits, as
 * processors do it (SDM 1, "Approximation of Pi").
 */
#ifndef VMXSIM_CPU_EXEC_X87_FUNCTIONS_H
#define VMXSIM_CPU_EXEC_X87_FUNCTIONS_H

#include "cpu/exec/softfloat80.h"

/* --- functions ------------------------------------------------------------------------------------------------------
 */

/* Whether sine, cosine and tangent have to leave it as it is: 2^63 and above. */
static inline bool float80_out_of_range(float80 a) {
  return float80_classify(a) == FLOAT80_FINITE && float80_exponent(a) >= FLOAT80_BIAS + 63;
}
float80 float80_sine(struct float80_context *context, float80 a);
float80 float80_cosine(struct float80_context *context, float80 a);
float80 float80_tangent(struct float80_context *context, float80 a);
/* The angle of the point (x, y). */
float80 float80_arctangent(struct float80_context *context, float80 x, float80 y);
float80 float80_power_of_2_less_1(struct float80_context *context, float80 a); /* -1 to 1; what is outside stays */
/* y * log2(x), y * log2(x + 1). */
float80 float80_logarithm(struct float80_context *context, float80 x, float80 y);
float80 float80_logarithm_plus_1(struct float80_context *context, float80 x, float80 y);

/* --- 128 bits -------------------------------------------------------------------------------------------------------
 */

#define FLOAT80_WIDE(high, low) ((float80_wide)(high) << 64 | (low))

/* The upper half of the product. */
static inline float80_wide wide_multiply(float80_wide a, float80_wide b) {
  const uint64_t a1 = (uint64_t)(a >> 64), a0 = (uint64_t)a, b1 = (uint64_t)(b >> 64), b0 = (uint64_t)b;
  const float80_wide low = (float80_wide)a0 * b0, cross = (float80_wide)a1 * b0, other = (float80_wide)a0 * b1;
  const float80_wide middle = (low >> 64) + (uint64_t)cross + (uint64_t)other;
  return (float80_wide)a1 * b1 + (cross >> 64) + (other >> 64) + (middle >> 64);
}

/* A number below 1 as a fraction of 2^128. */
static inline float80_wide parts_fraction(struct float80_parts a) {
  return float80_shift_right(a.significand, FLOAT80_BIAS - 1 - a.exponent);
}

struct float80_parts parts_multiply(struct float80_parts a, struct float80_parts b);
struct float80_parts parts_divide(struct float80_parts a, struct float80_parts b);
struct float80_parts parts_add(struct float80_parts a, struct float80_parts b); /* not of opposite numbers */
/* Of a result that has no end: the bits below the last are not all 0. */
float80 parts_pack_inexact(struct float80_context *context, struct float80_parts a);

#endif
