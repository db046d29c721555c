/* Handlers that the neighbours of an op in its block allow: arithmetic whose flags the next op overwrites, MOV together
 * with such arithmetic, and conditions whose flags the op before has set.
 *
 * A block is only ever left behind an op that touches memory, faults or ends it. Between two such ops nobody can look
 * at the flags, so what is overwritten there need not be computed. An op that is executed alone is bound by
 * exec_bind().
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"

enum effect {
  EFFECT_OTHER,  /* flags may be read here, or looked at from outside */
  EFFECT_KEEPS,  /* leaves them, or changes some */
  EFFECT_SUB,    /* sets all of them, as a subtraction */
  EFFECT_LOGIC,  /* sets all of them, as AND does */
  EFFECT_SETS,   /* sets all of them in some other way */
  EFFECT_SHIFTS, /* sets all of them if the count is not 0 */
};

/* Of forms whose operands are general registers and immediates. */
static const uint8_t effects[IR_OPCODE_COUNT] = {
    [IR_MOV] = EFFECT_KEEPS,   [IR_MOVZX] = EFFECT_KEEPS, [IR_MOVSX] = EFFECT_KEEPS, [IR_MOVSXD] = EFFECT_KEEPS,
    [IR_LEA] = EFFECT_KEEPS,   [IR_NOP] = EFFECT_KEEPS,   [IR_BSWAP] = EFFECT_KEEPS, [IR_NOT] = EFFECT_KEEPS,
    [IR_CWDE] = EFFECT_KEEPS,  [IR_CDQE] = EFFECT_KEEPS,  [IR_CDQ] = EFFECT_KEEPS,   [IR_CQO] = EFFECT_KEEPS,
    [IR_INC] = EFFECT_KEEPS,   [IR_DEC] = EFFECT_KEEPS,   [IR_ROL] = EFFECT_KEEPS,   [IR_ROR] = EFFECT_KEEPS,
    [IR_ADD] = EFFECT_SETS,    [IR_SUB] = EFFECT_SUB,     [IR_CMP] = EFFECT_SUB,     [IR_NEG] = EFFECT_SUB,
    [IR_AND] = EFFECT_LOGIC,   [IR_OR] = EFFECT_LOGIC,    [IR_XOR] = EFFECT_LOGIC,   [IR_TEST] = EFFECT_LOGIC,
    [IR_SHL] = EFFECT_SHIFTS,  [IR_SHR] = EFFECT_SHIFTS,  [IR_SAR] = EFFECT_SHIFTS,  [IR_SHLD] = EFFECT_SHIFTS,
    [IR_SHRD] = EFFECT_SHIFTS,
};

static bool touches_registers_only(const struct ir_op *op) {
  for (int i = 0; i < IR_OPERANDS; i++) {
    const struct ir_operand *o = &op->operand[i];
    const bool is_address = o->kind == IR_MEMORY && o->size == 0; /* of LEA */
    if (o->kind != IR_NONE && o->kind != IR_GPR && o->kind != IR_IMMEDIATE && !is_address) return false;
  }
  return true;
}

static enum effect effect_of(const struct ir_op *op) {
  const enum effect effect = op->opcode < IR_OPCODE_COUNT ? effects[op->opcode] : EFFECT_OTHER;
  if (effect == EFFECT_OTHER || !touches_registers_only(op)) return EFFECT_OTHER;
  if (effect != EFFECT_SHIFTS) return effect;
  const bool is_double = op->opcode == IR_SHLD || op->opcode == IR_SHRD;
  const unsigned mask = op->operand[0].size == 8 ? 63 : 31;
  return op->operand[is_double ? 2 : 1].kind == IR_IMMEDIATE && (op->immediate & mask) ? EFFECT_SETS : EFFECT_KEEPS;
}

/* From the end: whether the flags that an op leaves are overwritten before anything can see them. */
static void drop_dead_flags(struct ir_op *ops, unsigned count) {
  bool dead = false;
  for (unsigned i = count; i--;) {
    const enum effect effect = effect_of(&ops[i]);
    ir_execute *const flagless = dead && effect != EFFECT_OTHER ? bind_flagless(&ops[i]) : NULL;
    if (flagless) ops[i].execute = flagless;
    dead = effect != EFFECT_OTHER && (dead || effect != EFFECT_KEEPS);
  }
}

/* Both come before the last op: flags are seen behind that one. */
static void join_moves(struct ir_op *ops, unsigned count) {
  for (unsigned i = 0; i + 2 < count; i++) {
    ir_execute *const joined = bind_moved(&ops[i]);
    if (joined) ops[i++].execute = joined;
  }
}

/* How the op has set the flags, if it has run as an op of this block: CMP and TEST of memory do it in the same way. */
static enum lazy_kind flags_of(const struct ir_op *op) {
  switch (op->opcode < IR_OPCODE_COUNT ? effects[op->opcode] : EFFECT_OTHER) {
  case EFFECT_SUB: return LAZY_SUB;
  case EFFECT_LOGIC: return LAZY_LOGIC;
  default: return LAZY_NONE;
  }
}

void exec_bind_block(struct ir_op *ops, unsigned count) {
  drop_dead_flags(ops, count);
  join_moves(ops, count);
  if (count < 2) return;
  ir_execute *const branch = bind_branch_behind(&ops[count - 1], flags_of(&ops[count - 2]));
  if (branch) ops[count - 1].execute = branch;
}
