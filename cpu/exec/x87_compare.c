/* x87 comparisons: FCOM, FUCOM, FICOM, FCOMI families, FTST, FXAM. */
#include "cpu/exec/flags.h"
#include "cpu/exec/x87.h"

enum { CONDITIONS = X87_C0 | X87_C2 | X87_C3 };

static const uint16_t condition_bits[] = {
    [FLOAT80_GREATER] = 0, [FLOAT80_LESS] = X87_C0, [FLOAT80_EQUAL] = X87_C3, [FLOAT80_UNORDERED] = CONDITIONS};
static const uint16_t flag_bits[] = {[FLOAT80_GREATER] = 0,
                                     [FLOAT80_LESS] = FLAG_CF,
                                     [FLOAT80_EQUAL] = FLAG_ZF,
                                     [FLOAT80_UNORDERED] = FLAG_CF | FLAG_ZF | FLAG_PF};

/* What ST(0) is compared with. */
struct other {
  float80 value;
  bool empty, denormal;
};

static bool memory_other(struct vcpu *v, const struct ir_op *op, struct other *b) {
  const unsigned size = op->operand[0].size;
  const struct loaded l = load_memory(v, op, size);
  if (!l.ok) return false;
  const bool is_integer = op->opcode == IR_FICOM || op->opcode == IR_FICOMP;
  if (is_integer)
    b->value = float80_from_integer((int64_t)sign_extend_from(l.value, size));
  else if (size == 4)
    b->value = float80_from_32((uint32_t)l.value, &b->denormal);
  else
    b->value = float80_from_64(l.value, &b->denormal);
  return true;
}

/* One operand: ST(i) or memory; two: ST(0), ST(i); none: ST(1), of FTST 0. */
static bool find_other(struct vcpu *v, const struct ir_op *op, struct other *b) {
  unsigned reg = 1;
  *b = (struct other){.value = float80_zero(false)};
  if (op->opcode == IR_FTST) return true;
  if (op->operand[0].kind == IR_MEMORY) return memory_other(v, op, b);
  if (op->operand[1].kind == IR_ST)
    reg = op->operand[1].reg;
  else if (op->operand[0].kind == IR_ST)
    reg = op->operand[0].reg;
  b->value = x87_get(v, reg);
  b->empty = x87_empty(v, reg);
  return true;
}

/* True: whatever pops is to pop. The conditions are set even if an exception is not masked: the manual has it otherwise
 * of invalid operations, processors do it so. */
static bool compare(struct vcpu *v, const struct ir_op *op, const struct other *b, bool quiet,
                    enum float80_order *order) {
  *order = FLOAT80_UNORDERED;
  if (x87_empty(v, 0) || b->empty) return x87_stack_underflow(v, op);
  struct float80_context context = x87_full_context(v);
  *order = float80_compare(&context, x87_get(v, 0), b->value, quiet, b->denormal);
  return x87_note(v, op, &context);
}

static void pop_times(struct vcpu *v, unsigned times) {
  while (times--) x87_pop(v);
}

EXEC_INLINE bool to_conditions(struct vcpu *v, const struct ir_op *op, bool quiet, unsigned pops) {
  struct other b;
  enum float80_order order;
  if (!x87_available(v, op) || !find_other(v, op, &b)) return false;
  x87_record(v, op);
  if (compare(v, op, &b, quiet, &order)) pop_times(v, pops);
  x87_set_conditions(v, CONDITIONS, condition_bits[order]);
  return true;
}

/* An invalid operation that is not masked leaves EFLAGS (SDM 2, "FCOMI/FCOMIP/FUCOMI/FUCOMIP"). */
EXEC_INLINE bool to_flags(struct vcpu *v, const struct ir_op *op, bool quiet, unsigned pops) {
  struct other b;
  enum float80_order order;
  if (!x87_available(v, op) || !find_other(v, op, &b)) return false;
  x87_record(v, op);
  const bool completes = compare(v, op, &b, quiet, &order);
  if (completes) pop_times(v, pops);
  if (completes || order != FLOAT80_UNORDERED) flags_write_arithmetic(v, flag_bits[order]);
  return true;
}

#define COMPARISON(name, how, quiet, pops) \
  static bool name##_step(struct vcpu *v, const struct ir_op *op) { \
    return how(v, op, quiet, pops); \
  } \
  EXEC_HANDLER(name, name##_step)

COMPARISON(fcom, to_conditions, false, 0)
COMPARISON(fcomp, to_conditions, false, 1)
COMPARISON(fcompp, to_conditions, false, 2)
COMPARISON(fucom, to_conditions, true, 0)
COMPARISON(fucomp, to_conditions, true, 1)
COMPARISON(fucompp, to_conditions, true, 2)
COMPARISON(fcomi, to_flags, false, 0)
COMPARISON(fcomip, to_flags, false, 1)
COMPARISON(fucomi, to_flags, true, 0)
COMPARISON(fucomip, to_flags, true, 1)

/* --- FXAM -----------------------------------------------------------------------------------------------------------
 */

static unsigned examined(const struct vcpu *v) {
  if (x87_empty(v, 0)) return X87_C3 | X87_C0;
  switch (float80_classify(x87_get(v, 0))) {
  case FLOAT80_ZERO: return X87_C3;
  case FLOAT80_FINITE: return X87_C2;
  case FLOAT80_SUBNORMAL: return X87_C3 | X87_C2;
  case FLOAT80_INFINITE: return X87_C2 | X87_C0;
  case FLOAT80_UNSUPPORTED: return 0;
  default: return X87_C0;
  }
}

static bool fxam_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  const unsigned sign = float80_sign(x87_get(v, 0)) ? X87_C1 : 0;
  x87_set_conditions(v, CONDITIONS | X87_C1, examined(v) | sign);
  return true;
}
EXEC_HANDLER(fxam, fxam_step)

ir_execute *x87_bind_compare(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FCOM:
  case IR_FICOM:
  case IR_FTST: return fcom;
  case IR_FCOMP:
  case IR_FICOMP: return fcomp;
  case IR_FCOMPP: return fcompp;
  case IR_FUCOM: return fucom;
  case IR_FUCOMP: return fucomp;
  case IR_FUCOMPP: return fucompp;
  case IR_FCOMI: return fcomi;
  case IR_FCOMIP: return fcomip;
  case IR_FUCOMI: return fucomi;
  case IR_FUCOMIP: return fucomip;
  case IR_FXAM: return fxam;
  default: return NULL;
  }
}
