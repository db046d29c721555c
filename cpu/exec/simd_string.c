/* Comparisons that set flags: PCMPESTRI and its family, PTEST, VTESTPS. */
#include "cpu/exec/flags.h"
#include "cpu/exec/simd.h"

/* --- PCMPxSTRx: SDM 2B, "Imm8 Control Byte Operation for PCMPESTRI / ..." ----------------------------------------- */

enum aggregation { EQUAL_ANY, RANGES, EQUAL_EACH, EQUAL_ORDERED };

struct text {
  int32_t element[16];
  unsigned length; /* valid elements */
};

struct comparison {
  struct text a, b;
  unsigned count; /* of elements in a register */
  unsigned control;
};

static int32_t element_of(const union simd *value, unsigned i, unsigned control) {
  switch (control & 3) {
  case 0: return value->u8[i];
  case 1: return value->u16[i];
  case 2: return value->s8[i];
  default: return value->s16[i];
  }
}

/* Up to the first zero. */
static void text_read(struct text *text, const union simd *value, unsigned count, unsigned control) {
  text->length = count;
  for (unsigned i = count; i--;) {
    text->element[i] = element_of(value, i, control);
    if (text->element[i] == 0) text->length = i;
  }
}

/* A length in RAX or RDX: its magnitude, saturated. */
static unsigned explicit_length(const struct vcpu *v, const struct ir_op *op, unsigned reg, unsigned count) {
  const bool wide = op->prefixes & IR_REX_W;
  const int64_t given = wide ? (int64_t)v->s.gpr[reg] : (int32_t)v->s.gpr[reg];
  return given > -(int64_t)count && given < (int64_t)count ? (unsigned)(given < 0 ? -given : given) : count;
}

static bool matches_any(const struct comparison *c, unsigned j) {
  for (unsigned i = 0; i < c->a.length; i++) {
    if (c->a.element[i] == c->b.element[j]) return true;
  }
  return false;
}

static bool in_ranges(const struct comparison *c, unsigned j) {
  for (unsigned i = 0; i + 1 < c->a.length; i += 2) {
    if (c->a.element[i] <= c->b.element[j] && c->b.element[j] <= c->a.element[i + 1]) return true;
  }
  return false;
}

static bool begins_at(const struct comparison *c, unsigned j) {
  for (unsigned i = 0; i < c->a.length && i + j < c->count; i++) {
    if (i + j >= c->b.length || c->a.element[i] != c->b.element[i + j]) return false;
  }
  return true;
}

static bool matches_each(const struct comparison *c, unsigned j) {
  const bool a_valid = j < c->a.length, b_valid = j < c->b.length;
  return a_valid && b_valid ? c->a.element[j] == c->b.element[j] : a_valid == b_valid;
}

static bool result_at(const struct comparison *c, unsigned j) {
  switch (c->control >> 2 & 3) {
  case EQUAL_ANY: return j < c->b.length && matches_any(c, j);
  case RANGES: return j < c->b.length && in_ranges(c, j);
  case EQUAL_EACH: return matches_each(c, j);
  default: return begins_at(c, j);
  }
}

/* IntRes2: after negation, of all bits or of those of valid elements. */
static uint32_t compare_texts(const struct comparison *c) {
  uint32_t result = 0;
  for (unsigned j = 0; j < c->count; j++) result |= (uint32_t)result_at(c, j) << j;
  switch (c->control >> 4 & 3) {
  case 1: return result ^ ((1u << c->count) - 1);
  case 3: return result ^ ((1u << c->b.length) - 1);
  default: return result;
  }
}

static void write_index(struct vcpu *v, const struct comparison *c, uint32_t result) {
  unsigned index = c->count;
  if (result && (c->control & 0x40))
    index = 31 - (unsigned)__builtin_clz(result);
  else if (result)
    index = (unsigned)__builtin_ctz(result);
  gpr_write_number(v, VMXSIM_RCX, 4, index);
}

static void write_mask(struct vcpu *v, const struct ir_op *op, const struct comparison *c, uint32_t result) {
  union simd mask = {.u64 = {0}};
  mask.u32[0] = result;
  for (unsigned i = 0; (c->control & 0x40) && i < 16; i++) mask.u8[i] = result >> i * c->count / 16 & 1 ? 0xff : 0;
  simd_set(v, op, 0, &mask, 16);
}

static uint64_t comparison_flags(const struct comparison *c, uint32_t result) {
  return (result ? FLAG_CF : 0) | (c->b.length < c->count ? FLAG_ZF : 0) | (c->a.length < c->count ? FLAG_SF : 0) |
         (result & 1 ? FLAG_OF : 0);
}

static bool compare_step(struct vcpu *v, const struct ir_op *op) {
  union simd a, b;
  struct comparison c;
  if (!simd_available(v, op) || !simd_read(v, op, 1, 0, &b)) return false;
  simd_get(v, &op->operand[0], &a);
  c.control = (uint8_t)op->immediate;
  c.count = c.control & 1 ? 8 : 16;
  text_read(&c.a, &a, c.count, c.control);
  text_read(&c.b, &b, c.count, c.control);
  const bool is_explicit = op->opcode == IR_PCMPESTRI || op->opcode == IR_PCMPESTRM || op->opcode == IR_VPCMPESTRI ||
                           op->opcode == IR_VPCMPESTRM;
  if (is_explicit) {
    c.a.length = explicit_length(v, op, VMXSIM_RAX, c.count);
    c.b.length = explicit_length(v, op, VMXSIM_RDX, c.count);
  }
  const uint32_t result = compare_texts(&c);
  const bool to_mask = op->opcode == IR_PCMPESTRM || op->opcode == IR_PCMPISTRM || op->opcode == IR_VPCMPESTRM ||
                       op->opcode == IR_VPCMPISTRM;
  if (to_mask)
    write_mask(v, op, &c, result);
  else
    write_index(v, &c, result);
  flags_write_arithmetic(v, comparison_flags(&c, result));
  return true;
}
EXEC_HANDLER(compare, compare_step)

/* --- PTEST, VTESTPS, VTESTPD: ZF if a AND b is zero, CF if b AND NOT a is, in the bits that count ----------------- */

static uint64_t bits_tested(unsigned opcode) {
  switch (opcode) {
  case IR_VTESTPS: return UINT64_C(0x8000000080000000);
  case IR_VTESTPD: return UINT64_C(1) << 63;
  default: return UINT64_MAX;
  }
}

static bool test_step(struct vcpu *v, const struct ir_op *op) {
  union simd a, b;
  if (!simd_available(v, op) || !simd_read(v, op, 1, simd_alignment(op, 1), &b)) return false;
  simd_get(v, &op->operand[0], &a);
  uint64_t both = 0, only_b = 0;
  for (unsigned i = 0; i < op->operand[0].size / 8; i++) {
    both |= a.u64[i] & b.u64[i];
    only_b |= ~a.u64[i] & b.u64[i];
  }
  const uint64_t bits = bits_tested(op->opcode);
  flags_write_arithmetic(v, (both & bits ? 0 : FLAG_ZF) | (only_b & bits ? 0 : FLAG_CF));
  return true;
}
EXEC_HANDLER(test, test_step)

static ir_execute *const handlers[IR_OPCODE_COUNT] = {
    SIMD_BOTH(PCMPESTRI, compare), SIMD_BOTH(PCMPESTRM, compare), SIMD_BOTH(PCMPISTRI, compare),
    SIMD_BOTH(PCMPISTRM, compare), SIMD_BOTH(PTEST, test),        [IR_VTESTPS] = test,
    [IR_VTESTPD] = test,
};

ir_execute *simd_bind_string(const struct ir_op *op) {
  return handlers[op->opcode];
}
