/* Arithmetic of 32- and 64-bit registers whose flags nobody will see (bind_block.c). */
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

enum flagless {
  FLAGLESS_ADD,
  FLAGLESS_SUB,
  FLAGLESS_AND,
  FLAGLESS_OR,
  FLAGLESS_XOR,
  FLAGLESS_SHL,
  FLAGLESS_SHR,
  FLAGLESS_SAR,
  FLAGLESS_ROL,
  FLAGLESS_ROR,
  FLAGLESS_KINDS
};

/* `b` of shifts is the count as the instruction has it, which counts modulo the width. */
EXEC_INLINE uint64_t compute(enum flagless kind, unsigned size, uint64_t a, uint64_t b) {
  const unsigned bits = size * 8, count = (unsigned)b & (bits - 1), back = (bits - count) & (bits - 1);
  switch (kind) {
  case FLAGLESS_ADD: return a + b;
  case FLAGLESS_SUB: return a - b;
  case FLAGLESS_AND: return a & b;
  case FLAGLESS_OR: return a | b;
  case FLAGLESS_XOR: return a ^ b;
  case FLAGLESS_SHL: return a << count;
  case FLAGLESS_SHR: return a >> count;
  case FLAGLESS_SAR: return (uint64_t)((int64_t)sign_extend_from(a, size) >> count);
  case FLAGLESS_ROL: return a << count | a >> back;
  default: return a >> count | a << back;
  }
}

EXEC_INLINE void flagless(struct vcpu *v, const struct ir_op *op, enum flagless kind, unsigned size, uint64_t b) {
  const unsigned to = op->operand[0].reg;
  const uint64_t a = truncate_to(v->s.gpr[to], size);
  v->s.gpr[to] = truncate_to(compute(kind, size, a, truncate_to(b, size)), size);
  return vcpu_next(v, op);
}

/* The op behind a MOV between registers to its destination, together with it: what compilers make of three operands. */
EXEC_INLINE void moved(struct vcpu *v, const struct ir_op *mov, enum flagless kind, unsigned size, uint64_t b) {
  const uint64_t a = truncate_to(v->s.gpr[mov->operand[1].reg], size);
  v->s.gpr[mov->operand[0].reg] = truncate_to(compute(kind, size, a, truncate_to(b, size)), size);
  return vcpu_next(v, mov + 1);
}

#define FLAGLESS_HANDLERS(name, kind, size) \
  static void name##_##size##_register(struct vcpu *v, const struct ir_op *op) { \
    return flagless(v, op, kind, size, v->s.gpr[op->operand[1].reg]); \
  } \
  static void name##_##size##_immediate(struct vcpu *v, const struct ir_op *op) { \
    return flagless(v, op, kind, size, op->immediate); \
  } \
  static void mov_##name##_##size##_register(struct vcpu *v, const struct ir_op *op) { \
    return moved(v, op, kind, size, v->s.gpr[op[1].operand[1].reg]); \
  } \
  static void mov_##name##_##size##_immediate(struct vcpu *v, const struct ir_op *op) { \
    return moved(v, op, kind, size, op[1].immediate); \
  }
#define FLAGLESS_SIZES(name, kind) FLAGLESS_HANDLERS(name, kind, 4) FLAGLESS_HANDLERS(name, kind, 8)

FLAGLESS_SIZES(add, FLAGLESS_ADD)
FLAGLESS_SIZES(sub, FLAGLESS_SUB)
FLAGLESS_SIZES(and, FLAGLESS_AND)
FLAGLESS_SIZES(or, FLAGLESS_OR)
FLAGLESS_SIZES(xor, FLAGLESS_XOR)
FLAGLESS_SIZES(shl, FLAGLESS_SHL)
FLAGLESS_SIZES(shr, FLAGLESS_SHR)
FLAGLESS_SIZES(sar, FLAGLESS_SAR)
FLAGLESS_SIZES(rol, FLAGLESS_ROL)
FLAGLESS_SIZES(ror, FLAGLESS_ROR)

#define FLAGLESS_ENTRY(name) \
  { \
    name##_4_register, name##_4_immediate, name##_8_register, name##_8_immediate, mov_##name##_4_register, \
        mov_##name##_4_immediate, mov_##name##_8_register, mov_##name##_8_immediate \
  }

static ir_execute *const handlers[FLAGLESS_KINDS][8] = {
    [FLAGLESS_ADD] = FLAGLESS_ENTRY(add), [FLAGLESS_SUB] = FLAGLESS_ENTRY(sub), [FLAGLESS_AND] = FLAGLESS_ENTRY(and),
    [FLAGLESS_OR] = FLAGLESS_ENTRY(or),   [FLAGLESS_XOR] = FLAGLESS_ENTRY(xor), [FLAGLESS_SHL] = FLAGLESS_ENTRY(shl),
    [FLAGLESS_SHR] = FLAGLESS_ENTRY(shr), [FLAGLESS_SAR] = FLAGLESS_ENTRY(sar), [FLAGLESS_ROL] = FLAGLESS_ENTRY(rol),
    [FLAGLESS_ROR] = FLAGLESS_ENTRY(ror),
};

/* SHLD and SHRD; the count is from 1 to the width less 1. */
EXEC_INLINE void flagless_double(struct vcpu *v, const struct ir_op *op, bool left, unsigned size) {
  const unsigned to = op->operand[0].reg, bits = size * 8, count = (unsigned)op->immediate & (bits - 1);
  const uint64_t a = truncate_to(v->s.gpr[to], size), b = truncate_to(v->s.gpr[op->operand[1].reg], size);
  const uint64_t result = left ? a << count | b >> (bits - count) : a >> count | b << (bits - count);
  v->s.gpr[to] = truncate_to(result, size);
  return vcpu_next(v, op);
}

static void shld_4(struct vcpu *v, const struct ir_op *op) {
  return flagless_double(v, op, true, 4);
}
static void shld_8(struct vcpu *v, const struct ir_op *op) {
  return flagless_double(v, op, true, 8);
}
static void shrd_4(struct vcpu *v, const struct ir_op *op) {
  return flagless_double(v, op, false, 4);
}
static void shrd_8(struct vcpu *v, const struct ir_op *op) {
  return flagless_double(v, op, false, 8);
}

static ir_execute *bind_double(const struct ir_op *op) {
  const unsigned size = op->operand[0].size;
  if (size < 4 || op->operand[2].kind != IR_IMMEDIATE || !(op->immediate & (size * 8 - 1))) return NULL;
  if (op->opcode == IR_SHLD) return size == 8 ? shld_8 : shld_4;
  return size == 8 ? shrd_8 : shrd_4;
}

static int kind_of(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ADD: return FLAGLESS_ADD;
  case IR_SUB: return FLAGLESS_SUB;
  case IR_AND: return FLAGLESS_AND;
  case IR_OR: return FLAGLESS_OR;
  case IR_XOR: return FLAGLESS_XOR;
  case IR_SHL: return FLAGLESS_SHL;
  case IR_SHR: return FLAGLESS_SHR;
  case IR_SAR: return FLAGLESS_SAR;
  case IR_ROL: return FLAGLESS_ROL;
  case IR_ROR: return FLAGLESS_ROR;
  default: return -1;
  }
}

static ir_execute *bind(const struct ir_op *op, bool behind_mov) {
  const int kind = kind_of(op);
  const unsigned size = op->operand[0].size;
  const bool by_register = op->operand[1].kind == IR_GPR;
  if (kind < 0 || size < 4 || op->operand[0].kind != IR_GPR) return NULL;
  if (kind >= FLAGLESS_SHL && by_register) return NULL; /* the count is CL */
  return handlers[kind][(behind_mov ? 4 : 0) + (size == 8 ? 2 : 0) + !by_register];
}

ir_execute *bind_flagless(const struct ir_op *op) {
  if (op->opcode == IR_SHLD || op->opcode == IR_SHRD) return bind_double(op);
  return bind(op, false);
}

ir_execute *bind_moved(const struct ir_op *mov) {
  const struct ir_operand *const to = &mov->operand[0], *const destination = &mov[1].operand[0],
                                 *const source = &mov[1].operand[1];
  if (mov->opcode != IR_MOV || to->kind != IR_GPR || mov->operand[1].kind != IR_GPR) return NULL;
  if (destination->kind != IR_GPR || destination->reg != to->reg || destination->size != to->size) return NULL;
  if (source->kind == IR_GPR && source->reg == to->reg) return NULL; /* what MOV has written */
  return mov[1].execute == bind(&mov[1], false) ? bind(&mov[1], true) : NULL;
}
