/* Floating point of SSE and AVX on the bits of numbers, in integers: every host gives the same results and flags. Where
 * the host's own arithmetic is known to give the same (sse_arithmetic.c) it is used.
 */
#ifndef VMXSIM_CPU_EXEC_SSE_H
#define VMXSIM_CPU_EXEC_SSE_H

#include "cpu/exec/simd.h"

/* MXCSR */
enum {
  MXCSR_IE = 1,
  MXCSR_DE = 2,
  MXCSR_ZE = 4,
  MXCSR_OE = 8,
  MXCSR_UE = 16,
  MXCSR_PE = 32,
  MXCSR_FLAGS = 63,
  MXCSR_DAZ = 1 << 6,
  MXCSR_MASK_SHIFT = 7,
  MXCSR_ROUNDING_SHIFT = 13,
  MXCSR_FTZ = 1 << 15,
};
enum sse_rounding { ROUND_NEAREST, ROUND_DOWN, ROUND_UP, ROUND_ZERO };

struct sse_format {
  uint8_t bytes, fraction, exponent; /* fraction and exponent in bits */
};
extern const struct sse_format sse_half, sse_single, sse_double;

/* One instruction's work: MXCSR as it found it, and the flags that it raises. */
struct sse_context {
  uint32_t mxcsr, flags;
};

typedef uint64_t sse_operation(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b);
sse_operation sse_add, sse_subtract, sse_multiply, sse_divide, sse_minimum, sse_maximum;
sse_operation sse_square_root; /* of b */

/* a * b + addend, with one rounding. */
uint64_t sse_multiply_add(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b, uint64_t addend,
                          bool negate_product, bool negate_addend);

enum sse_relation { SSE_LESS, SSE_EQUAL, SSE_GREATER, SSE_UNORDERED };
/* `signaling`: a quiet NaN is invalid as well. */
enum sse_relation sse_compare(struct sse_context *c, const struct sse_format *f, uint64_t a, uint64_t b,
                              bool signaling);

/* To an integer of 4 or 8 bytes, 80...0 if there is none; to an integral value; out of an integer; between formats. */
uint64_t sse_to_integer(struct sse_context *c, const struct sse_format *f, uint64_t a, unsigned bytes,
                        enum sse_rounding rounding);
uint64_t sse_round(struct sse_context *c, const struct sse_format *f, uint64_t a, enum sse_rounding rounding);
uint64_t sse_from_integer(struct sse_context *c, const struct sse_format *f, int64_t value);
uint64_t sse_convert(struct sse_context *c, const struct sse_format *from, const struct sse_format *to, uint64_t a);

uint64_t sse_reciprocal(uint32_t a);
uint64_t sse_reciprocal_root(uint32_t a);

static inline enum sse_rounding sse_rounding_of(const struct sse_context *c) {
  return (enum sse_rounding)(c->mxcsr >> MXCSR_ROUNDING_SHIFT & 3);
}

/* --- elements and the end of an instruction -------------------------------------------------------------------------
 */

EXEC_INLINE uint64_t sse_element(const union simd *value, unsigned i, unsigned bytes) {
  return host_load(value->u8 + i * bytes, bytes);
}
EXEC_INLINE void sse_set_element(union simd *value, unsigned i, unsigned bytes, uint64_t element) {
  host_store(value->u8 + i * bytes, bytes, element);
}

static inline struct sse_context sse_begin(const struct vcpu *v) {
  return (struct sse_context){v->fpu.mxcsr, 0};
}

bool sse_unmasked(struct vcpu *v, const struct sse_context *c);
/* Puts the flags into MXCSR. False: one is unmasked, and #XM or #UD is pending. */
static inline bool sse_end(struct vcpu *v, const struct sse_context *c) {
  if (__builtin_expect(c->flags & ~(v->fpu.mxcsr >> MXCSR_MASK_SHIFT), 0)) return sse_unmasked(v, c);
  v->fpu.mxcsr |= c->flags;
  return true;
}

/* --- the subjects of exec_bind_sse() ------------------------------------------------------------------------------ */

ir_execute *sse_bind_packed(const struct ir_op *op);  /* ADDPS ... MAXSD, HADD, DPPS, ROUND, RCP */
ir_execute *sse_bind_compare(const struct ir_op *op); /* CMPPS, COMISS */
ir_execute *sse_bind_convert(const struct ir_op *op);
ir_execute *sse_bind_fma(const struct ir_op *op);

#endif
