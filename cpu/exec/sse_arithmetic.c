/* Arithmetic on the bits of floating-point numbers: IEEE 754 with x86's NaNs, DAZ and FTZ. */
#include "cpu/exec/sse.h"
#include "cpu/exec/sse_host.h"

__extension__ typedef unsigned __int128 wide;

const struct sse_format sse_half = {2, 10, 5}, sse_single = {4, 23, 8}, sse_double = {8, 52, 11};

/* --- taking numbers apart ----------------------------------------------------------------------------------------- */

enum kind { ZERO, FINITE, INFINITE };

/* FINITE: significand * 2^exponent, with bit 62 the significand's highest. */
struct number {
  bool sign;
  bool denormal;
  enum kind kind;
  int exponent;
  uint64_t significand;
};

enum { TOP_BIT = 62 };

static uint64_t fraction_mask(const struct sse_format *f) {
  return (UINT64_C(1) << f->fraction) - 1;
}
static unsigned exponent_mask(const struct sse_format *f) {
  return (1u << f->exponent) - 1;
}
static uint64_t sign_bit(const struct sse_format *f) {
  return UINT64_C(1) << (f->fraction + f->exponent);
}
static uint64_t quiet_bit(const struct sse_format *f) {
  return UINT64_C(1) << (f->fraction - 1);
}
static uint64_t infinity(const struct sse_format *f) {
  return (uint64_t)exponent_mask(f) << f->fraction;
}
/* Of the least normal number. */
static int least_exponent(const struct sse_format *f) {
  return 2 - (1 << (f->exponent - 1));
}
static uint64_t signed_bits(const struct sse_format *f, bool sign, uint64_t magnitude) {
  return (sign ? sign_bit(f) : 0) | magnitude;
}
static uint64_t default_nan(const struct sse_format *f) {
  return sign_bit(f) | infinity(f) | quiet_bit(f);
}

static bool is_nan(const struct sse_format *f, uint64_t a) {
  return (a & ~sign_bit(f)) > infinity(f);
}
static bool is_signaling(const struct sse_format *f, uint64_t a) {
  return is_nan(f, a) && !(a & quiet_bit(f));
}

static uint64_t invalid(struct sse_context *c, const struct sse_format *f) {
  c->flags |= MXCSR_IE;
  return default_nan(f);
}

static void normalize(struct number *n) {
  const int shift = TOP_BIT - (63 - __builtin_clzll(n->significand));
  n->significand <<= shift;
  n->exponent -= shift;
}

/* No NaN. With DAZ denormals are zeros. */
static struct number take_apart(const struct sse_context *c, const struct sse_format *f, uint64_t a) {
  const unsigned exponent = (unsigned)(a >> f->fraction) & exponent_mask(f);
  const uint64_t fraction = a & fraction_mask(f);
  struct number n = {(a & sign_bit(f)) != 0, false, FINITE, 0, fraction};
  if (exponent == exponent_mask(f)) {
    n.kind = INFINITE;
  } else if (exponent == 0) {
    n.denormal = fraction && !(c->mxcsr & MXCSR_DAZ);
    n.kind = n.denormal ? FINITE : ZERO;
    n.exponent = least_exponent(f) - f->fraction;
  } else {
    n.significand |= UINT64_C(1) << f->fraction;
    n.exponent = least_exponent(f) - f->fraction + (int)exponent - 1;
  }
  if (n.kind == FINITE) normalize(&n);
  return n;
}

static void note_denormal(struct sse_context *c, bool denormal) {
  if (denormal) c->flags |= MXCSR_DE;
}

/* --- NaNs: the first that is one, made quiet ---------------------------------------------------------------------- */

static uint64_t propagate(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  if (is_signaling(f, a) || is_signaling(f, b)) c->flags |= MXCSR_IE;
  return (is_nan(f, a) ? a : b) | quiet_bit(f);
}

/* --- putting numbers together: rounding --------------------------------------------------------------------------- */

static int width_of(wide m) {
  const uint64_t high = (uint64_t)(m >> 64), low = (uint64_t)m;
  return high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(low);
}

struct rounded {
  uint64_t value;
  bool inexact;
};

/* m / 2^shift. */
static struct rounded shift_and_round(wide m, int shift, bool sign, enum sse_rounding rounding) {
  if (shift <= 0) return (struct rounded){(uint64_t)(m << -shift), false};
  if (shift > 127) {
    m = m != 0;
    shift = 2;
  }
  const wide rest = m & (((wide)1 << shift) - 1), half = (wide)1 << (shift - 1);
  uint64_t value = (uint64_t)(m >> shift);
  bool up = false;
  switch (rounding) {
  case ROUND_NEAREST: up = rest > half || (rest == half && (value & 1)); break;
  case ROUND_DOWN: up = rest && sign; break;
  case ROUND_UP: up = rest && !sign; break;
  default: break;
  }
  return (struct rounded){value + up, rest != 0};
}

static uint64_t overflow(struct sse_context *c, const struct sse_format *f, bool sign, enum sse_rounding rounding) {
  const bool to_infinity = rounding == ROUND_NEAREST || rounding == (sign ? ROUND_DOWN : ROUND_UP);
  c->flags |= MXCSR_OE;
  if (c->mxcsr & (MXCSR_OE << MXCSR_MASK_SHIFT)) c->flags |= MXCSR_PE;
  return signed_bits(f, sign, infinity(f) - !to_infinity);
}

struct target {
  const struct sse_format *format;
  enum sse_rounding rounding;
  bool flush; /* FTZ counts */
};

/* m * 2^exponent, m not 0 and below 2^127; `sticky`: and a little more. Tininess is detected after rounding. Where
 * underflow or overflow is unmasked, the result is inexact only if it would be so with an unbounded exponent. */
static uint64_t put_together_for(struct sse_context *c, const struct target *t, bool sign, int exponent, wide m,
                                 bool sticky) {
  const struct sse_format *f = t->format;
  const int precision = f->fraction + 1;
  m = m << 1 | sticky;
  exponent--;
  const int width = width_of(m), top = exponent + width - 1, least = least_exponent(f);
  const bool masked = c->mxcsr & (MXCSR_UE << MXCSR_MASK_SHIFT);
  const bool below = top < least;
  const struct rounded free = shift_and_round(m, width - precision, sign, t->rounding);
  const bool tiny = below && !(top == least - 1 && free.value == UINT64_C(1) << precision);
  if (tiny && masked && t->flush && (c->mxcsr & MXCSR_FTZ)) {
    c->flags |= MXCSR_UE | MXCSR_PE;
    return signed_bits(f, sign, 0);
  }
  const int quantum = (below ? least : top) - precision + 1;
  const struct rounded r = shift_and_round(m, quantum - exponent, sign, t->rounding);
  if (tiny && !masked ? free.inexact : r.inexact) c->flags |= MXCSR_PE;
  if (tiny && (r.inexact || !masked)) c->flags |= MXCSR_UE;
  if (below) return signed_bits(f, sign, r.value);
  if (top - least + 1 >= (int)exponent_mask(f)) return overflow(c, f, sign, t->rounding);
  const uint64_t magnitude = ((uint64_t)(top - least) << f->fraction) + r.value;
  return magnitude >= infinity(f) ? overflow(c, f, sign, t->rounding) : signed_bits(f, sign, magnitude);
}

static uint64_t put_together(struct sse_context *c, const struct sse_format *f, bool sign, int exponent, wide m,
                             bool sticky) {
  const struct target t = {f, sse_rounding_of(c), true};
  return put_together_for(c, &t, sign, exponent, m, sticky);
}

/* --- sums --------------------------------------------------------------------------------------------------------- */

/* A term of a sum: significand * 2^exponent, with bit 125 the highest. */
struct term {
  bool sign;
  int exponent;
  wide significand;
};

/* Terms have 106 bits at most, so that nothing is lost where much cancels. */
static uint64_t add_terms(struct sse_context *c, const struct sse_format *f, struct term x, struct term y) {
  if (x.exponent < y.exponent || (x.exponent == y.exponent && x.significand < y.significand)) {
    const struct term swapped = x;
    x = y;
    y = swapped;
  }
  const int distance = x.exponent - y.exponent;
  const wide aligned = distance > 127 ? 0 : y.significand >> distance;
  const bool sticky = distance > 127 || aligned << distance != y.significand;
  if (x.sign == y.sign) return put_together(c, f, x.sign, x.exponent, x.significand + aligned, sticky);
  const wide difference = x.significand - aligned - sticky;
  if (difference == 0 && !sticky) return signed_bits(f, sse_rounding_of(c) == ROUND_DOWN, 0);
  return put_together(c, f, x.sign, x.exponent, difference, sticky);
}

static struct term term_of(const struct number *n) {
  return (struct term){n->sign, n->exponent - 63, (wide)n->significand << 63};
}

static uint64_t add_numbers(struct sse_context *c, const struct sse_format *f, const struct number *x,
                            const struct number *y) {
  if (x->kind == INFINITE && y->kind == INFINITE && x->sign != y->sign) return invalid(c, f);
  note_denormal(c, x->denormal || y->denormal);
  if (x->kind == INFINITE || y->kind == INFINITE)
    return signed_bits(f, x->kind == INFINITE ? x->sign : y->sign, infinity(f));
  if (x->kind == ZERO && y->kind == ZERO)
    return signed_bits(f, x->sign == y->sign ? x->sign : sse_rounding_of(c) == ROUND_DOWN, 0);
  if (x->kind == ZERO) return put_together(c, f, y->sign, y->exponent, y->significand, false);
  if (y->kind == ZERO) return put_together(c, f, x->sign, x->exponent, x->significand, false);
  return add_terms(c, f, term_of(x), term_of(y));
}

static uint64_t add_soft(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b, bool negate) {
  if (is_nan(f, a) || is_nan(f, b)) return propagate(c, f, a, b);
  const struct number x = take_apart(c, f, a);
  struct number y = take_apart(c, f, b);
  y.sign ^= negate;
  return add_numbers(c, f, &x, &y);
}

/* --- products ----------------------------------------------------------------------------------------------------- */

static uint64_t multiply_soft(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  if (is_nan(f, a) || is_nan(f, b)) return propagate(c, f, a, b);
  const struct number x = take_apart(c, f, a), y = take_apart(c, f, b);
  const bool sign = x.sign != y.sign;
  if ((x.kind == INFINITE && y.kind == ZERO) || (x.kind == ZERO && y.kind == INFINITE)) return invalid(c, f);
  note_denormal(c, x.denormal || y.denormal);
  if (x.kind == INFINITE || y.kind == INFINITE) return signed_bits(f, sign, infinity(f));
  if (x.kind == ZERO || y.kind == ZERO) return signed_bits(f, sign, 0);
  return put_together(c, f, sign, x.exponent + y.exponent, (wide)x.significand * y.significand, false);
}

static struct term product_term(const struct number *x, const struct number *y, bool sign) {
  struct term t = {sign, x->exponent + y->exponent, (wide)x->significand * y->significand};
  const int shift = 126 - width_of(t.significand);
  t.significand <<= shift;
  t.exponent -= shift;
  return t;
}

/* NaNs come before the invalid 0 * infinity, which a quiet NaN as addend hides. */
static uint64_t multiply_add_nan(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b,
                                 uint64_t addend) {
  if (is_signaling(f, a) || is_signaling(f, b) || is_signaling(f, addend)) c->flags |= MXCSR_IE;
  return (is_nan(f, a) ? a : is_nan(f, b) ? b : addend) | quiet_bit(f);
}

uint64_t sse_multiply_add(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b, uint64_t addend,
                          bool negate_product, bool negate_addend) {
  if (is_nan(f, a) || is_nan(f, b) || is_nan(f, addend)) return multiply_add_nan(c, f, a, b, addend);
  const struct number x = take_apart(c, f, a), y = take_apart(c, f, b);
  struct number z = take_apart(c, f, addend);
  const bool sign = (x.sign != y.sign) != negate_product;
  z.sign ^= negate_addend;
  if ((x.kind == INFINITE && y.kind == ZERO) || (x.kind == ZERO && y.kind == INFINITE)) return invalid(c, f);
  const bool denormal = x.denormal || y.denormal;
  if (x.kind == FINITE && y.kind == FINITE && z.kind == FINITE) {
    note_denormal(c, denormal || z.denormal);
    return add_terms(c, f, product_term(&x, &y, sign), term_of(&z));
  }
  struct number product = {sign, denormal, FINITE, 0, 0};
  if (x.kind == INFINITE || y.kind == INFINITE) product.kind = INFINITE;
  if (x.kind == ZERO || y.kind == ZERO) product.kind = ZERO;
  if (product.kind != FINITE || z.kind == INFINITE) return add_numbers(c, f, &product, &z);
  note_denormal(c, denormal);
  return put_together(c, f, sign, x.exponent + y.exponent, (wide)x.significand * y.significand, false);
}

/* --- quotients and roots ------------------------------------------------------------------------------------------ */

static uint64_t divide_soft(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  if (is_nan(f, a) || is_nan(f, b)) return propagate(c, f, a, b);
  const struct number x = take_apart(c, f, a), y = take_apart(c, f, b);
  const bool sign = x.sign != y.sign;
  if (x.kind == y.kind && x.kind != FINITE) return invalid(c, f);
  if (x.kind == FINITE && y.kind == ZERO) {
    c->flags |= MXCSR_ZE;
    return signed_bits(f, sign, infinity(f));
  }
  note_denormal(c, x.denormal || y.denormal);
  if (x.kind == INFINITE || y.kind == ZERO) return signed_bits(f, sign, infinity(f));
  if (x.kind == ZERO || y.kind == INFINITE) return signed_bits(f, sign, 0);
  const wide dividend = (wide)x.significand << 64;
  return put_together(c, f, sign, x.exponent - y.exponent - 64, dividend / y.significand,
                      dividend % y.significand != 0);
}

/* The root of m < 2^126, bit by bit. */
static uint64_t integer_root(wide m, bool *exact) {
  wide root = 0, rest = 0;
  for (int shift = 124; shift >= 0; shift -= 2) {
    rest = rest << 2 | (m >> shift & 3);
    const wide trial = root << 2 | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  *exact = rest == 0;
  return (uint64_t)root;
}

uint64_t sse_square_root(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  SIMD_UNUSED(a);
  if (is_nan(f, b)) return propagate(c, f, b, b);
  const struct number x = take_apart(c, f, b);
  if (x.kind == ZERO) return signed_bits(f, x.sign, 0);
  if (x.sign) return invalid(c, f);
  if (x.kind == INFINITE) return infinity(f);
  note_denormal(c, x.denormal);
  const int odd = (x.exponent - 62) & 1; /* bit 62 is the highest; the exponent has to become even */
  bool exact;
  const uint64_t root = integer_root((wide)x.significand << (62 + odd), &exact);
  return put_together(c, f, false, (x.exponent - 62 - odd) / 2, root, !exact);
}

/* --- the four operations: on the host where it gives the same result
 * --------------------------------------------------
 */

uint64_t sse_add(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  uint64_t result;
  return host_computes(c, f, HOST_ADD, a, b, &result) ? result : add_soft(c, f, a, b, false);
}
uint64_t sse_subtract(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  uint64_t result;
  return host_computes(c, f, HOST_SUBTRACT, a, b, &result) ? result : add_soft(c, f, a, b, true);
}
uint64_t sse_multiply(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  uint64_t result;
  return host_computes(c, f, HOST_MULTIPLY, a, b, &result) ? result : multiply_soft(c, f, a, b);
}
uint64_t sse_divide(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  uint64_t result;
  return host_computes(c, f, HOST_DIVIDE, a, b, &result) ? result : divide_soft(c, f, a, b);
}

/* --- comparisons -------------------------------------------------------------------------------------------------- */

static uint64_t without_denormal(const struct sse_context *c, const struct sse_format *f, uint64_t a) {
  const bool denormal = !(a & infinity(f)) && (c->mxcsr & MXCSR_DAZ);
  return denormal ? a & sign_bit(f) : a;
}

static bool is_denormal(const struct sse_format *f, uint64_t a) {
  return !(a & infinity(f)) && (a & fraction_mask(f));
}

enum sse_relation sse_compare(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b,
                              bool signaling) {
  if (is_nan(f, a) || is_nan(f, b)) {
    if (signaling || is_signaling(f, a) || is_signaling(f, b)) c->flags |= MXCSR_IE;
    return SSE_UNORDERED;
  }
  const uint64_t x = without_denormal(c, f, a), y = without_denormal(c, f, b), sign = sign_bit(f);
  note_denormal(c, is_denormal(f, x) || is_denormal(f, y));
  if (x == y || !((x | y) & ~sign)) return SSE_EQUAL;
  if ((x ^ y) & sign) return x & sign ? SSE_LESS : SSE_GREATER;
  return (x < y) != ((x & sign) != 0) ? SSE_LESS : SSE_GREATER;
}

/* The second operand unless the first is less (or greater): also of equals and with NaNs, which are all invalid. */
uint64_t sse_minimum(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  const bool first = sse_compare(c, f, a, b, true) == SSE_LESS;
  return without_denormal(c, f, first ? a : b);
}
uint64_t sse_maximum(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b) {
  const bool first = sse_compare(c, f, a, b, true) == SSE_GREATER;
  return without_denormal(c, f, first ? a : b);
}

/* --- conversions -------------------------------------------------------------------------------------------------- */

uint64_t sse_to_integer(struct sse_context *c, const struct sse_format *f, uint64_t a, unsigned bytes,
                        enum sse_rounding rounding) {
  const uint64_t least = UINT64_C(1) << (bytes * 8 - 1);
  if (is_nan(f, a)) return c->flags |= MXCSR_IE, least;
  const struct number n = take_apart(c, f, a);
  if (n.kind == ZERO) return 0;
  if (n.kind == INFINITE || n.exponent > 1) return c->flags |= MXCSR_IE, least;
  const struct rounded r = shift_and_round(n.significand, -n.exponent, n.sign, rounding);
  if (r.value > least - !n.sign) return c->flags |= MXCSR_IE, least;
  if (r.inexact) c->flags |= MXCSR_PE;
  return truncate_to(n.sign ? 0 - r.value : r.value, bytes);
}

uint64_t sse_round(struct sse_context *c, const struct sse_format *f, uint64_t a, enum sse_rounding rounding) {
  if (is_nan(f, a)) return propagate(c, f, a, a);
  const struct number n = take_apart(c, f, a);
  if (n.kind == ZERO) return signed_bits(f, n.sign, 0);
  if (n.kind == INFINITE || n.exponent + TOP_BIT >= f->fraction) return a;
  const struct rounded r = shift_and_round(n.significand, -n.exponent, n.sign, rounding);
  if (r.inexact) c->flags |= MXCSR_PE;
  if (r.value == 0) return signed_bits(f, n.sign, 0);
  struct sse_context exact = {0, 0};
  return put_together(&exact, f, n.sign, 0, r.value, false);
}

uint64_t sse_from_integer(struct sse_context *c, const struct sse_format *f, int64_t value) {
  if (value == 0) return 0;
  return put_together(c, f, value < 0, 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, false);
}

static uint64_t convert_nan(struct sse_context *c, const struct sse_format *from, const struct sse_format *to,
                            uint64_t a) {
  const uint64_t fraction = a & fraction_mask(from);
  const int shift = to->fraction - from->fraction;
  if (is_signaling(from, a)) c->flags |= MXCSR_IE;
  return signed_bits(to, a & sign_bit(from), infinity(to)) | quiet_bit(to) |
         (shift < 0 ? fraction >> -shift : fraction << shift);
}

/* Half precision knows neither DAZ (as a source) nor FTZ (as a result), and its denormals are no exceptions. */
uint64_t sse_convert(struct sse_context *c, const struct sse_format *from, const struct sse_format *to, uint64_t a) {
  if (is_nan(from, a)) return convert_nan(c, from, to, a);
  const struct sse_context no_daz = {0, 0};
  const struct number n = take_apart(from->bytes == 2 ? &no_daz : c, from, a);
  if (n.kind == ZERO) return signed_bits(to, n.sign, 0);
  if (n.kind == INFINITE) return signed_bits(to, n.sign, infinity(to));
  note_denormal(c, n.denormal && from->bytes != 2);
  const struct target t = {to, sse_rounding_of(c), to->bytes != 2};
  return put_together_for(c, &t, n.sign, n.exponent, n.significand, false);
}
