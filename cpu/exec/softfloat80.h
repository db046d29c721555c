/* Arithmetic on 80-bit numbers, exactly as the x87 does it, in integers alone: so every host agrees.
 *
 * Every operation takes a context with the rounding, the precision and the masks, and adds what it raises. It gives the
 * masked answer to invalid operation, zero divide and denormal operand even where these are not masked: its caller
 * then discards the result. Overflow and underflow that are not masked give the result with its exponent wrapped.
 */
#ifndef VMXSIM_CPU_EXEC_SOFTFLOAT80_H
#define VMXSIM_CPU_EXEC_SOFTFLOAT80_H

#include "cpu/vcpu.h"

__extension__ typedef unsigned __int128 float80_wide;

typedef struct x87_register float80;

/* As bits of the status and control words. */
enum float80_exception {
  FLOAT80_INVALID = 1,
  FLOAT80_DENORMAL = 2,
  FLOAT80_ZERO_DIVIDE = 4,
  FLOAT80_OVERFLOW = 8,
  FLOAT80_UNDERFLOW = 16,
  FLOAT80_INEXACT = 32,
  /* Those that are found before there is a result. */
  FLOAT80_BEFORE = FLOAT80_INVALID | FLOAT80_DENORMAL | FLOAT80_ZERO_DIVIDE,
};

/* As RC encodes it. */
enum float80_rounding { FLOAT80_NEAREST, FLOAT80_DOWN, FLOAT80_UP, FLOAT80_TOWARDS_ZERO };

struct float80_context {
  uint8_t rounding;
  uint8_t precision; /* bits of significand: 24, 53, 64 */
  uint8_t masks;     /* enum float80_exception: set if masked */
  uint8_t raised;
  bool rounded_up; /* away from zero, in the last operation */
};

enum { FLOAT80_BIAS = 0x3fff, FLOAT80_MAX_EXPONENT = 0x7fff };
#define FLOAT80_INTEGER_BIT (UINT64_C(1) << 63)

enum float80_class {
  FLOAT80_ZERO,
  FLOAT80_FINITE,
  FLOAT80_SUBNORMAL, /* exponent 0, pseudo-denormals included */
  FLOAT80_INFINITE,
  FLOAT80_QUIET_NAN,
  FLOAT80_SIGNALING_NAN,
  FLOAT80_UNSUPPORTED, /* unnormals, pseudo-infinities, pseudo-NaNs */
};

/* A number other than 0: +-significand * 2^(exponent - bias - 127), the significand's top bit set. The exponent has no
 * bounds; the lowest bit also stands for all that is below it. */
struct float80_parts {
  float80_wide significand;
  int32_t exponent;
  bool sign;
};

/* --- values ---------------------------------------------------------------------------------------------------------
 */

static inline float80 float80_make(bool sign, unsigned exponent, uint64_t significand) {
  return (float80){significand, (uint16_t)(exponent | (sign ? 0x8000u : 0))};
}
static inline bool float80_sign(float80 a) {
  return a.sign_exponent >> 15;
}
static inline unsigned float80_exponent(float80 a) {
  return a.sign_exponent & FLOAT80_MAX_EXPONENT;
}
static inline float80 float80_zero(bool sign) {
  return float80_make(sign, 0, 0);
}
static inline float80 float80_one(bool sign) {
  return float80_make(sign, FLOAT80_BIAS, FLOAT80_INTEGER_BIT);
}
static inline float80 float80_infinity(bool sign) {
  return float80_make(sign, FLOAT80_MAX_EXPONENT, FLOAT80_INTEGER_BIT);
}
/* The real indefinite. */
static inline float80 float80_indefinite(void) {
  return float80_make(true, FLOAT80_MAX_EXPONENT, UINT64_C(3) << 62);
}

enum float80_class float80_classify(float80 a);
static inline bool float80_is_nan(enum float80_class c) {
  return c == FLOAT80_QUIET_NAN || c == FLOAT80_SIGNALING_NAN;
}
static inline bool float80_is_number(enum float80_class c) {
  return c == FLOAT80_FINITE || c == FLOAT80_SUBNORMAL;
}

/* --- for operations, also those in other files ----------------------------------------------------------------------
 */

struct float80_parts float80_unpack(float80 a); /* of FINITE and SUBNORMAL */
/* Rounds to the context's precision. */
float80 float80_pack(struct float80_context *context, struct float80_parts parts);
struct float80_parts float80_normalized(bool sign, int32_t exponent, float80_wide significand); /* not 0 */
/* significand >> by, with what is lost in the lowest bit. */
float80_wide float80_shift_right(float80_wide significand, int32_t by);

/* A significand of which so many bits from the top are kept. */
struct float80_rounded {
  uint64_t significand; /* the kept bits, at the top */
  bool inexact, up, carry;
};
struct float80_rounded float80_round_at(const struct float80_context *context, bool sign, float80_wide significand,
                                        unsigned bits);
/* Whether what is cut off (`rest`, its top bit worth half of the last place) makes the magnitude one larger. */
bool float80_rounds_up(const struct float80_context *context, bool sign, float80_wide rest, bool odd);
/* The magnitude of a number below 2^64 as an integer. Raises inexact. */
uint64_t float80_round_magnitude(struct float80_context *context, struct float80_parts parts);

static inline void float80_raise(struct float80_context *context, unsigned exceptions) {
  context->raised = (uint8_t)(context->raised | exceptions);
}
float80 float80_invalid(struct float80_context *context); /* raises it, gives the indefinite */
/* An operand that is no number: answers with *result and returns true. Raises invalid. */
bool float80_nan_operand(struct float80_context *context, float80 a, float80 *result);
bool float80_nan_operands(struct float80_context *context, float80 a, float80 b, float80 *result);
/* Raises denormal if one of them is subnormal. True: it is not masked, so nothing more may be raised. */
bool float80_denormal_operand(struct float80_context *context, float80 a);
bool float80_denormal_operands(struct float80_context *context, float80 a, float80 b);

/* --- operations -----------------------------------------------------------------------------------------------------
 */

/* `denormal`: an operand was a denormal before it was converted from a narrower format. */
typedef float80 float80_operation(struct float80_context *context, float80 a, float80 b, bool denormal);
float80_operation float80_add, float80_subtract, float80_multiply, float80_divide;
float80 float80_square_root(struct float80_context *context, float80 a);
float80 float80_round_to_integer(struct float80_context *context, float80 a);
float80 float80_scale(struct float80_context *context, float80 a, float80 by);
/* The significand; the exponent goes to *exponent. */
float80 float80_extract(struct float80_context *context, float80 a, float80 *exponent);

/* FPREM, or FPREM1 with `nearest`. `quotient`: its low three bits, if there is one; `partial`: the reduction has to be
 * gone on with. */
struct float80_remainder {
  float80 value;
  unsigned quotient;
  bool has_quotient, partial;
};
struct float80_remainder float80_remainder(struct float80_context *context, float80 a, float80 b, bool nearest);

enum float80_order { FLOAT80_GREATER, FLOAT80_LESS, FLOAT80_EQUAL, FLOAT80_UNORDERED };
/* Quiet: a quiet NaN is no invalid operation. */
enum float80_order float80_compare(struct float80_context *context, float80 a, float80 b, bool quiet, bool denormal);

/* --- conversions ----------------------------------------------------------------------------------------------------
 */

/* Without any exception: a signaling NaN stays one, *denormal tells of a denormal. */
float80 float80_from_32(uint32_t bits, bool *denormal);
float80 float80_from_64(uint64_t bits, bool *denormal);
float80 float80_from_integer(int64_t value);
uint32_t float80_to_32(struct float80_context *context, float80 a);
uint64_t float80_to_64(struct float80_context *context, float80 a);
/* To 2, 4 or 8 bytes; invalid gives the integer indefinite. */
int64_t float80_to_integer(struct float80_context *context, float80 a, unsigned size);
/* Ten bytes of packed decimal. */
float80 float80_from_bcd(const uint8_t bytes[10]);
void float80_to_bcd(struct float80_context *context, float80 a, uint8_t bytes[10]);

#endif
