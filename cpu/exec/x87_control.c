/* x87 control: FNINIT, FNCLEX, FWAIT, control and status words, FFREE, EMMS. */
#include "cpu/exec/x87.h"

/* FENI, FDISI and FSETPM do nothing, nor do they wait (SDM 3B, "Obsolete Instructions and Undefined Opcodes"). */
static bool fnop_step(struct vcpu *v, const struct ir_op *op) {
  enum { D9_D0 = 0x1d0 };
  return op->immediate == D9_D0 ? x87_available(v, op) : x87_exists(v);
}

/* FWAIT heeds TS only if MP is set, and EM not at all. */
static bool fwait_step(struct vcpu *v, const struct ir_op *op) {
  const decode_mode both = DECODE_CR0_MP | DECODE_CR0_TS;
  (void)op;
  if ((v->mode & both) == both) return exec_raise(v, VECTOR_NM);
  return x87_nothing_pending(v);
}

static bool fninit_step(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (!x87_exists(v)) return false;
  x87_initialize(v);
  return true;
}

static bool fnclex_step(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (!x87_exists(v)) return false;
  x87_set_conditions(v, X87_EXCEPTIONS | X87_SF | X87_ES | X87_B, 0);
  v->ignne = false;
  return true;
}

static bool fldcw_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  const struct loaded l = load_memory(v, op, 2);
  if (l.ok) x87_set_control_word(v, (uint16_t)l.value);
  return l.ok;
}

static bool fnstcw_step(struct vcpu *v, const struct ir_op *op) {
  return x87_exists(v) && store_memory(v, op, 2, v->fpu.control);
}

static bool fnstsw_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_exists(v)) return false;
  if (op->operand[0].kind == IR_MEMORY) return store_memory(v, op, 2, x87_status_word(v));
  gpr_write(v, &op->operand[0], 2, x87_status_word(v));
  return true;
}

/* --- the stack itself ------------------------------------------------------------------------------------------------
 */

static bool move_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  x87_set_conditions(v, X87_C1, 0);
  x87_move_top(v, op->opcode == IR_FINCSTP ? 1 : 7);
  return true;
}

static bool ffree_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  x87_set_conditions(v, X87_C1, 0);
  x87_free(v, op->operand[0].reg);
  if (op->opcode == IR_FFREEP) x87_pop(v);
  return true;
}

/* An MMX instruction: CR0.EM makes it undefined. */
static bool emms_step(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (v->mode & DECODE_CR0_EM) return exec_raise(v, VECTOR_UD);
  if (v->mode & DECODE_CR0_TS) return exec_raise(v, VECTOR_NM);
  if (!x87_nothing_pending(v)) return false;
  v->fpu.top = 0;
  v->fpu.tags = 0;
  return true;
}

EXEC_HANDLER(fnop, fnop_step)
EXEC_HANDLER(fwait, fwait_step)
EXEC_HANDLER(fninit, fninit_step)
EXEC_HANDLER(fnclex, fnclex_step)
EXEC_HANDLER(fldcw, fldcw_step)
EXEC_HANDLER(fnstcw, fnstcw_step)
EXEC_HANDLER(fnstsw, fnstsw_step)
EXEC_HANDLER(move, move_step)
EXEC_HANDLER(ffree, ffree_step)
EXEC_HANDLER(emms, emms_step)

ir_execute *x87_bind_control(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FNOP: return fnop;
  case IR_FWAIT: return fwait;
  case IR_FNINIT: return fninit;
  case IR_FNCLEX: return fnclex;
  case IR_FLDCW: return fldcw;
  case IR_FNSTCW: return fnstcw;
  case IR_FNSTSW: return fnstsw;
  case IR_FINCSTP:
  case IR_FDECSTP: return move;
  case IR_FFREE:
  case IR_FFREEP: return ffree;
  case IR_EMMS: return emms;
  default: return NULL;
  }
}
