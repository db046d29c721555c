/* Conversions between integers and floating-point formats. */
#include "cpu/exec/sse.h"

enum type { INT_4, INT_8, HALF, SINGLE, DOUBLE };

/* What an instruction converts. INTEGER: as wide as its general register or memory operand. */
struct conversion {
  uint8_t known, from, to;
  bool truncates, is_scalar, keeps_rest;
};

static const struct sse_format *const formats[] = {[HALF] = &sse_half, [SINGLE] = &sse_single, [DOUBLE] = &sse_double};
static const uint8_t type_bytes[] = {[INT_4] = 4, [INT_8] = 8, [HALF] = 2, [SINGLE] = 4, [DOUBLE] = 8};

#define PACKED(from, to) \
  { 1, from, to, false, false, false }
#define TRUNCATED(from, to) \
  { 1, from, to, true, false, false }
#define SCALAR(from, to) \
  { 1, from, to, false, true, true }
#define SCALAR_TRUNCATED(from, to) \
  { 1, from, to, true, true, true }

/* clang-format off */
static const struct conversion conversions[IR_OPCODE_COUNT] = {
  SIMD_BOTH(CVTDQ2PS, PACKED(INT_4, SINGLE)), SIMD_BOTH(CVTDQ2PD, PACKED(INT_4, DOUBLE)),
  SIMD_BOTH(CVTPS2DQ, PACKED(SINGLE, INT_4)), SIMD_BOTH(CVTTPS2DQ, TRUNCATED(SINGLE, INT_4)),
  SIMD_BOTH(CVTPD2DQ, PACKED(DOUBLE, INT_4)), SIMD_BOTH(CVTTPD2DQ, TRUNCATED(DOUBLE, INT_4)),
  SIMD_BOTH(CVTPS2PD, PACKED(SINGLE, DOUBLE)), SIMD_BOTH(CVTPD2PS, PACKED(DOUBLE, SINGLE)),
  SIMD_BOTH(CVTSS2SD, SCALAR(SINGLE, DOUBLE)), SIMD_BOTH(CVTSD2SS, SCALAR(DOUBLE, SINGLE)),
  SIMD_BOTH(CVTSI2SS, SCALAR(INT_4, SINGLE)), SIMD_BOTH(CVTSI2SD, SCALAR(INT_4, DOUBLE)),
  SIMD_BOTH(CVTSS2SI, SCALAR(SINGLE, INT_4)), SIMD_BOTH(CVTSD2SI, SCALAR(DOUBLE, INT_4)),
  SIMD_BOTH(CVTTSS2SI, SCALAR_TRUNCATED(SINGLE, INT_4)), SIMD_BOTH(CVTTSD2SI, SCALAR_TRUNCATED(DOUBLE, INT_4)),
  [IR_CVTPI2PS] = {1, INT_4, SINGLE, false, false, true}, [IR_CVTPI2PD] = PACKED(INT_4, DOUBLE),
  [IR_CVTPS2PI] = PACKED(SINGLE, INT_4), [IR_CVTTPS2PI] = TRUNCATED(SINGLE, INT_4),
  [IR_CVTPD2PI] = PACKED(DOUBLE, INT_4), [IR_CVTTPD2PI] = TRUNCATED(DOUBLE, INT_4),
  [IR_VCVTPH2PS] = PACKED(HALF, SINGLE), [IR_VCVTPS2PH] = PACKED(SINGLE, HALF),
};
/* clang-format on */

static bool is_integer(enum type type) {
  return type == INT_4 || type == INT_8;
}

static uint64_t convert_element(struct sse_context *c, enum type from, enum type to, bool truncates, uint64_t a) {
  if (is_integer(from)) return sse_from_integer(c, formats[to], (int64_t)sign_extend_from(a, type_bytes[from]));
  if (is_integer(to))
    return sse_to_integer(c, formats[from], a, type_bytes[to], truncates ? ROUND_ZERO : sse_rounding_of(c));
  return sse_convert(c, formats[from], formats[to], a);
}

static unsigned smaller(unsigned a, unsigned b) {
  return a < b ? a : b;
}

/* --- packed: what the destination has beyond the results is cleared, but by CVTPI2PS ------------------------------ */

static bool convert_packed_step(struct vcpu *v, const struct ir_op *op) {
  const struct conversion *k = &conversions[op->opcode];
  union simd from, to = {.u64 = {0}};
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_read(v, op, 1, simd_alignment(op, 1), &from)) return false;
  const unsigned from_bytes = type_bytes[k->from], to_bytes = type_bytes[k->to];
  const unsigned count = smaller(op->operand[1].size / from_bytes, op->operand[0].size / to_bytes);
  if (k->keeps_rest) simd_get(v, &op->operand[0], &to);
  for (unsigned i = 0; i < count; i++) {
    const uint64_t element = sse_element(&from, i, from_bytes);
    sse_set_element(&to, i, to_bytes, convert_element(&c, (enum type)k->from, (enum type)k->to, k->truncates, element));
  }
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &to);
  return true;
}
EXEC_HANDLER(convert_packed, convert_packed_step)

/* --- scalars: integers are in general registers or memory --------------------------------------------------------- */

static enum type integer_of(const struct ir_operand *operand) {
  return operand->size == 8 ? INT_8 : INT_4;
}

static bool convert_scalar_step(struct vcpu *v, const struct ir_op *op) {
  const struct conversion *k = &conversions[op->opcode];
  const struct ir_operand *source = &op->operand[1 + simd_has_three(op)];
  union simd a, b;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  const enum type from = is_integer((enum type)k->from) ? integer_of(source) : (enum type)k->from;
  const uint64_t value = sse_element(&b, 0, type_bytes[from]);
  const uint64_t result = convert_element(&c, from, (enum type)k->to, false, value);
  if (!sse_end(v, &c)) return false;
  sse_set_element(&a, 0, type_bytes[k->to], result);
  simd_write(v, op, &a);
  return true;
}
EXEC_HANDLER(convert_scalar, convert_scalar_step)

static bool convert_to_register_step(struct vcpu *v, const struct ir_op *op) {
  const struct conversion *k = &conversions[op->opcode];
  union simd from;
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_read(v, op, 1, 0, &from)) return false;
  const uint64_t value = sse_element(&from, 0, type_bytes[k->from]);
  const uint64_t result = convert_element(&c, (enum type)k->from, integer_of(&op->operand[0]), k->truncates, value);
  if (!sse_end(v, &c)) return false;
  gpr_write_number(v, op->operand[0].reg, op->operand[0].size, result);
  return true;
}
EXEC_HANDLER(convert_to_register, convert_to_register_step)

/* --- VCVTPS2PH: the immediate rounds, the destination may be memory ----------------------------------------------- */

static bool to_half_step(struct vcpu *v, const struct ir_op *op) {
  union simd from, to = {.u64 = {0}};
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op)) return false;
  simd_get(v, &op->operand[1], &from);
  struct sse_context rounding = c;
  if (!(op->immediate & 4))
    rounding.mxcsr = (c.mxcsr & ~(UINT32_C(3) << MXCSR_ROUNDING_SHIFT)) | (uint32_t)(op->immediate & 3)
                                                                              << MXCSR_ROUNDING_SHIFT;
  const unsigned count = op->operand[1].size / 4u;
  for (unsigned i = 0; i < count; i++)
    to.u16[i] = (uint16_t)sse_convert(&rounding, &sse_single, &sse_half, from.u32[i]);
  c.flags = rounding.flags;
  const bool to_memory = op->operand[0].kind == IR_MEMORY;
  if (to_memory && !mem_probe_write(v, op->memory.segment, operand_address(v, op), count * 2, 0)) return false;
  if (!sse_end(v, &c)) return false;
  if (to_memory) return simd_store(v, op, &to, count * 2, 0);
  simd_set(v, op, op->operand[0].reg, &to, 16);
  return true;
}
EXEC_HANDLER(to_half, to_half_step)

ir_execute *sse_bind_convert(const struct ir_op *op) {
  const struct conversion *k = &conversions[op->opcode];
  if (!k->known) return NULL;
  if (op->opcode == IR_VCVTPS2PH) return to_half;
  if (!k->is_scalar) return convert_packed;
  return op->operand[0].kind == IR_GPR ? convert_to_register : convert_scalar;
}
