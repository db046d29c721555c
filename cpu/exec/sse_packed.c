/* Floating-point arithmetic over the elements of vectors: ADDPS and its like, HADD, DPPS, ROUND, RCP, RSQRT. */
#include "cpu/exec/sse.h"

/* --- ADD, SUB, MUL, DIV, SQRT, MIN, MAX: packed and scalar -------------------------------------------------------- */

EXEC_INLINE bool packed(struct vcpu *v, const struct ir_op *op, sse_operation *operation, const struct sse_format *f) {
  union simd a, b, d;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  const unsigned bytes = f->bytes, count = op->operand[0].size / bytes;
  for (unsigned i = 0; i < count; i++)
    sse_set_element(&d, i, bytes, operation(&c, f, sse_element(&a, i, bytes), sse_element(&b, i, bytes)));
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &d);
  return true;
}

/* The rest is that of the first source. Registers and memory are accessed in the element's size. */
EXEC_INLINE bool scalar(struct vcpu *v, const struct ir_op *op, sse_operation *operation, const struct sse_format *f) {
  const unsigned bytes = f->bytes, first = simd_has_three(op);
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op)) return false;
  const struct ir_operand *second = &op->operand[first + 1];
  const struct loaded b = second->kind == IR_MEMORY ? load_memory(v, op, bytes)
                                                    : (struct loaded){host_load(v->fpu.ymm[second->reg], bytes), true};
  if (!b.ok) return false;
  const uint8_t *a = v->fpu.ymm[op->operand[first].reg];
  const uint64_t result = operation(&c, f, host_load(a, bytes), b.value);
  if (!sse_end(v, &c)) return false;
  uint8_t *to = v->fpu.ymm[op->operand[0].reg];
  if (to != a) memcpy(to, a, 16);
  host_store(to, bytes, result);
  if (simd_is_vex(op)) memset(to + 16, 0, 16);
  return true;
}

#define ARITHMETIC(name, operation) \
  static bool name##ps_step(struct vcpu *v, const struct ir_op *op) { \
    return packed(v, op, operation, &sse_single); \
  } \
  static bool name##pd_step(struct vcpu *v, const struct ir_op *op) { \
    return packed(v, op, operation, &sse_double); \
  } \
  static bool name##ss_step(struct vcpu *v, const struct ir_op *op) { \
    return scalar(v, op, operation, &sse_single); \
  } \
  static bool name##sd_step(struct vcpu *v, const struct ir_op *op) { \
    return scalar(v, op, operation, &sse_double); \
  } \
  EXEC_HANDLER(name##ps, name##ps_step) \
  EXEC_HANDLER(name##pd, name##pd_step) \
  EXEC_HANDLER(name##ss, name##ss_step) \
  EXEC_HANDLER(name##sd, name##sd_step)

ARITHMETIC(add, sse_add)
ARITHMETIC(sub, sse_subtract)
ARITHMETIC(mul, sse_multiply)
ARITHMETIC(div, sse_divide)
ARITHMETIC(min, sse_minimum)
ARITHMETIC(max, sse_maximum)
ARITHMETIC(sqrt, sse_square_root)

/* --- ADDSUB, HADD, HSUB ------------------------------------------------------------------------------------------- */

static const struct sse_format *format_of(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ADDSUBPD:
  case IR_VADDSUBPD:
  case IR_HADDPD:
  case IR_VHADDPD:
  case IR_HSUBPD:
  case IR_VHSUBPD:
  case IR_DPPD:
  case IR_VDPPD:
  case IR_ROUNDPD:
  case IR_VROUNDPD:
  case IR_ROUNDSD:
  case IR_VROUNDSD: return &sse_double;
  default: return &sse_single;
  }
}

/* Subtracts the even elements, adds the odd ones. */
static bool addsub_step(struct vcpu *v, const struct ir_op *op) {
  const struct sse_format *f = format_of(op);
  union simd a, b, d;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  for (unsigned i = 0; i < op->operand[0].size / f->bytes; i++) {
    sse_operation *operation = i & 1 ? sse_add : sse_subtract;
    sse_set_element(&d, i, f->bytes, operation(&c, f, sse_element(&a, i, f->bytes), sse_element(&b, i, f->bytes)));
  }
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(addsub, addsub_step)

/* Neighbours, in each lane first those of a, then those of b. */
static bool horizontal(struct vcpu *v, const struct ir_op *op, sse_operation *operation) {
  const struct sse_format *f = format_of(op);
  const unsigned lane = 16u / f->bytes, half = lane / 2;
  union simd a, b, d;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  for (unsigned i = 0; i < op->operand[0].size / f->bytes; i++) {
    const unsigned within = i % lane, at = i - within + 2 * (within % half);
    const union simd *from = within < half ? &a : &b;
    const uint64_t x = sse_element(from, at, f->bytes), y = sse_element(from, at + 1, f->bytes);
    sse_set_element(&d, i, f->bytes, operation(&c, f, x, y));
  }
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &d);
  return true;
}
static bool hadd_step(struct vcpu *v, const struct ir_op *op) {
  return horizontal(v, op, sse_add);
}
static bool hsub_step(struct vcpu *v, const struct ir_op *op) {
  return horizontal(v, op, sse_subtract);
}
EXEC_HANDLER(hadd, hadd_step)
EXEC_HANDLER(hsub, hsub_step)

/* --- DPPS, DPPD --------------------------------------------------------------------------------------------------- */

/* The products that immediate 7:4 names in each lane, zeros for the others. */
static void dot_products(struct sse_context *c, const struct sse_format *f, union simd *d, const union simd *a,
                         const union simd *b, unsigned elements, unsigned immediate) {
  const unsigned lane = 16u / f->bytes;
  for (unsigned i = 0; i < elements; i++) {
    const bool counts = immediate >> (4 + i % lane) & 1;
    const uint64_t x = sse_element(a, i, f->bytes), y = sse_element(b, i, f->bytes);
    sse_set_element(d, i, f->bytes, counts ? sse_multiply(c, f, x, y) : 0);
  }
}

/* Element i becomes the sum of elements 2i and 2i + 1. */
static void add_pairs(struct sse_context *c, const struct sse_format *f, union simd *d, unsigned sums) {
  for (unsigned i = 0; i < sums; i++) {
    const uint64_t x = sse_element(d, 2 * i, f->bytes), y = sse_element(d, 2 * i + 1, f->bytes);
    sse_set_element(d, i, f->bytes, sse_add(c, f, x, y));
  }
}

/* Exceptions are those of the first step that raises one unmasked: products, sums of pairs, sums of these. Immediate
 * 3:0 is where in its lane a sum goes. */
static bool dot_step(struct vcpu *v, const struct ir_op *op) {
  const struct sse_format *f = format_of(op);
  const unsigned lane = 16u / f->bytes, elements = op->operand[0].size / f->bytes;
  union simd a, b, sum, d;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  dot_products(&c, f, &sum, &a, &b, elements, (uint8_t)op->immediate);
  if (!sse_end(v, &c)) return false;
  for (unsigned sums = elements / 2; sums >= elements / lane; sums /= 2) {
    add_pairs(&c, f, &sum, sums);
    if (!sse_end(v, &c)) return false;
  }
  for (unsigned i = 0; i < elements; i++)
    sse_set_element(&d, i, f->bytes, op->immediate >> i % lane & 1 ? sse_element(&sum, i / lane, f->bytes) : 0);
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(dot, dot_step)

/* --- ROUND -------------------------------------------------------------------------------------------------------- */

enum { ROUND_BY_MXCSR = 4, ROUND_QUIETLY = 8 };

static bool is_scalar(unsigned opcode) {
  return opcode == IR_ROUNDSS || opcode == IR_ROUNDSD || opcode == IR_VROUNDSS || opcode == IR_VROUNDSD ||
         opcode == IR_RCPSS || opcode == IR_VRCPSS || opcode == IR_RSQRTSS || opcode == IR_VRSQRTSS;
}

static bool round_step(struct vcpu *v, const struct ir_op *op) {
  const struct sse_format *f = format_of(op);
  union simd a, b;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  const bool by_mxcsr = op->immediate & ROUND_BY_MXCSR;
  const enum sse_rounding rounding = by_mxcsr ? sse_rounding_of(&c) : (enum sse_rounding)(op->immediate & 3);
  const unsigned count = is_scalar(op->opcode) ? 1 : op->operand[0].size / f->bytes;
  for (unsigned i = 0; i < count; i++)
    sse_set_element(&a, i, f->bytes, sse_round(&c, f, sse_element(&b, i, f->bytes), rounding));
  if (op->immediate & ROUND_QUIETLY) c.flags &= ~(uint32_t)MXCSR_PE;
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &a);
  return true;
}
EXEC_HANDLER(round_elements, round_step)

/* --- RCP, RSQRT: no exceptions, whatever MXCSR says --------------------------------------------------------------- */

static bool approximate(struct vcpu *v, const struct ir_op *op, uint64_t (*function)(uint32_t)) {
  union simd a, b;
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  const unsigned count = is_scalar(op->opcode) ? 1 : op->operand[0].size / 4u;
  for (unsigned i = 0; i < count; i++) a.u32[i] = (uint32_t)function(b.u32[i]);
  simd_write(v, op, &a);
  return true;
}
static bool rcp_step(struct vcpu *v, const struct ir_op *op) {
  return approximate(v, op, sse_reciprocal);
}
static bool rsqrt_step(struct vcpu *v, const struct ir_op *op) {
  return approximate(v, op, sse_reciprocal_root);
}
EXEC_HANDLER(rcp, rcp_step)
EXEC_HANDLER(rsqrt, rsqrt_step)

#define ALL_FOUR(NAME, name) \
  SIMD_BOTH(NAME##PS, name##ps), SIMD_BOTH(NAME##PD, name##pd), SIMD_BOTH(NAME##SS, name##ss), \
      SIMD_BOTH(NAME##SD, name##sd)

/* clang-format off */
static ir_execute *const handlers[IR_OPCODE_COUNT] = {
  ALL_FOUR(ADD, add), ALL_FOUR(SUB, sub), ALL_FOUR(MUL, mul), ALL_FOUR(DIV, div), ALL_FOUR(MIN, min), ALL_FOUR(MAX, max),
  ALL_FOUR(SQRT, sqrt),
  SIMD_BOTH(ADDSUBPS, addsub), SIMD_BOTH(ADDSUBPD, addsub), SIMD_BOTH(HADDPS, hadd), SIMD_BOTH(HADDPD, hadd),
  SIMD_BOTH(HSUBPS, hsub), SIMD_BOTH(HSUBPD, hsub), SIMD_BOTH(DPPS, dot), SIMD_BOTH(DPPD, dot),
  SIMD_BOTH(ROUNDPS, round_elements), SIMD_BOTH(ROUNDPD, round_elements), SIMD_BOTH(ROUNDSS, round_elements),
  SIMD_BOTH(ROUNDSD, round_elements),
  SIMD_BOTH(RCPPS, rcp), SIMD_BOTH(RCPSS, rcp), SIMD_BOTH(RSQRTPS, rsqrt), SIMD_BOTH(RSQRTSS, rsqrt),
};
/* clang-format on */

ir_execute *sse_bind_packed(const struct ir_op *op) {
  return handlers[op->opcode];
}
