/* CMPPS and its like with all predicates, COMISS, UCOMISS. */
#include "cpu/exec/flags.h"
#include "cpu/exec/sse.h"

/* For each predicate: which relations are true (bits of enum sse_relation), and whether quiet NaNs are invalid. */
#define L (1 << SSE_LESS)
#define E (1 << SSE_EQUAL)
#define G (1 << SSE_GREATER)
#define U (1 << SSE_UNORDERED)
#define S (1 << 4)
static const uint8_t predicates[32] = {
    E,         L | S,     L | E | S,     U,     G | L | U,     E | G | U | S, G | U | S, L | E | G,
    E | U,     L | U | S, L | E | U | S, 0,     G | L,         E | G | S,     G | S,     L | E | G | U,
    E | S,     L,         L | E,         U | S, G | L | U | S, E | G | U,     G | U,     L | E | G | S,
    E | U | S, L | U,     L | E | U,     S,     G | L | S,     E | G,         G,         L | E | G | U | S,
};

static bool holds(struct sse_context *c, const struct sse_format *f, unsigned predicate, uint64_t a, uint64_t b) {
  return predicates[predicate] >> sse_compare(c, f, a, b, predicates[predicate] & S) & 1;
}

static bool compare(struct vcpu *v, const struct ir_op *op, const struct sse_format *f, bool scalar) {
  union simd a, b;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  const unsigned predicate = (unsigned)op->immediate & (simd_is_vex(op) ? 31 : 7);
  const unsigned count = scalar ? 1 : op->operand[0].size / f->bytes;
  for (unsigned i = 0; i < count; i++) {
    const bool true_of = holds(&c, f, predicate, sse_element(&a, i, f->bytes), sse_element(&b, i, f->bytes));
    sse_set_element(&a, i, f->bytes, true_of ? UINT64_MAX : 0);
  }
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &a);
  return true;
}

static bool cmpps_step(struct vcpu *v, const struct ir_op *op) {
  return compare(v, op, &sse_single, false);
}
static bool cmppd_step(struct vcpu *v, const struct ir_op *op) {
  return compare(v, op, &sse_double, false);
}
static bool cmpss_step(struct vcpu *v, const struct ir_op *op) {
  return compare(v, op, &sse_single, true);
}
static bool cmpsd_step(struct vcpu *v, const struct ir_op *op) {
  return compare(v, op, &sse_double, true);
}
EXEC_HANDLER(cmpps, cmpps_step)
EXEC_HANDLER(cmppd, cmppd_step)
EXEC_HANDLER(cmpss, cmpss_step)
EXEC_HANDLER(cmpsd, cmpsd_step)

/* Into ZF, PF, CF. */
static bool compare_to_flags(struct vcpu *v, const struct ir_op *op, const struct sse_format *f, bool signaling) {
  static const uint8_t flags[] = {
      [SSE_LESS] = FLAG_CF, [SSE_EQUAL] = FLAG_ZF, [SSE_GREATER] = 0, [SSE_UNORDERED] = FLAG_ZF | FLAG_PF | FLAG_CF};
  union simd a, b;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_read(v, op, 1, 0, &b)) return false;
  simd_get(v, &op->operand[0], &a);
  const enum sse_relation relation =
      sse_compare(&c, f, sse_element(&a, 0, f->bytes), sse_element(&b, 0, f->bytes), signaling);
  if (!sse_end(v, &c)) return false;
  flags_write_arithmetic(v, flags[relation]);
  return true;
}

static bool comiss_step(struct vcpu *v, const struct ir_op *op) {
  return compare_to_flags(v, op, &sse_single, true);
}
static bool comisd_step(struct vcpu *v, const struct ir_op *op) {
  return compare_to_flags(v, op, &sse_double, true);
}
static bool ucomiss_step(struct vcpu *v, const struct ir_op *op) {
  return compare_to_flags(v, op, &sse_single, false);
}
static bool ucomisd_step(struct vcpu *v, const struct ir_op *op) {
  return compare_to_flags(v, op, &sse_double, false);
}
EXEC_HANDLER(comiss, comiss_step)
EXEC_HANDLER(comisd, comisd_step)
EXEC_HANDLER(ucomiss, ucomiss_step)
EXEC_HANDLER(ucomisd, ucomisd_step)

static ir_execute *const handlers[IR_OPCODE_COUNT] = {
    SIMD_BOTH(CMPPS, cmpps),   SIMD_BOTH(CMPPD, cmppd),     SIMD_BOTH(CMPSS, cmpss),
    [IR_CMPSD_SSE] = cmpsd,    [IR_VCMPSD] = cmpsd,         SIMD_BOTH(COMISS, comiss),
    SIMD_BOTH(COMISD, comisd), SIMD_BOTH(UCOMISS, ucomiss), SIMD_BOTH(UCOMISD, ucomisd),
};

ir_execute *sse_bind_compare(const struct ir_op *op) {
  return handlers[op->opcode];
}
