/* Instructions about the flags themselves, and SETcc, CMOVcc, which ask for a condition.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

static void clc(struct vcpu *v, const struct ir_op *op) {
  flags_replace_carry(v, false);
  return vcpu_next(v, op);
}

static void stc(struct vcpu *v, const struct ir_op *op) {
  flags_replace_carry(v, true);
  return vcpu_next(v, op);
}

static void cmc(struct vcpu *v, const struct ir_op *op) {
  flags_replace_carry(v, !flags_lazy_carry(v));
  return vcpu_next(v, op);
}

static void cld(struct vcpu *v, const struct ir_op *op) {
  v->s.rflags &= ~(uint64_t)FLAG_DF;
  return vcpu_next(v, op);
}

static void std(struct vcpu *v, const struct ir_op *op) {
  v->s.rflags |= FLAG_DF;
  return vcpu_next(v, op);
}

static uint64_t *rax(struct vcpu *v) {
  return &v->s.gpr[VMXSIM_RAX];
}

static void lahf(struct vcpu *v, const struct ir_op *op) {
  uint64_t ah = (flags_read(v) & 0xd5) | 2;
  *rax(v) = (*rax(v) & ~(uint64_t)0xff00) | ah << 8;
  return vcpu_next(v, op);
}

static void sahf(struct vcpu *v, const struct ir_op *op) {
  uint64_t ah = *rax(v) >> 8 & 0xd5;
  flags_write_arithmetic(v, (flags_read(v) & FLAG_OF) | ah);
  return vcpu_next(v, op);
}

/* AL = all ones if CF, else 0: in no manual, in every processor. */
static void salc(struct vcpu *v, const struct ir_op *op) {
  *rax(v) = (*rax(v) & ~(uint64_t)0xff) | (flags_lazy_carry(v) ? 0xff : 0);
  return vcpu_next(v, op);
}

static void setcc_register(struct vcpu *v, const struct ir_op *op) {
  gpr_write(v, &op->operand[0], 1, flags_condition(v, op->condition));
  return vcpu_next(v, op);
}

static bool setcc_memory_step(struct vcpu *v, const struct ir_op *op) {
  return store_memory(v, op, 1, flags_condition(v, op->condition));
}

EXEC_HANDLER(setcc_memory, setcc_memory_step)

/* Memory is read and a 32-bit destination is zero-extended whatever the condition. */
static bool cmovcc_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  bool holds = flags_condition(v, op->condition);
  gpr_write(v, &op->operand[0], size, holds ? from.value : gpr_read(v, &op->operand[0], size));
  return true;
}

EXEC_HANDLER(cmovcc, cmovcc_step)

EXEC_INLINE void cmovcc_registers(struct vcpu *v, const struct ir_op *op, unsigned size) {
  bool holds = flags_condition(v, op->condition);
  gpr_write(v, &op->operand[0], size, gpr_read(v, &op->operand[holds ? 1 : 0], size));
  return vcpu_next(v, op);
}

static void cmovcc_4_registers(struct vcpu *v, const struct ir_op *op) {
  return cmovcc_registers(v, op, 4);
}

static void cmovcc_8_registers(struct vcpu *v, const struct ir_op *op) {
  return cmovcc_registers(v, op, 8);
}

static ir_execute *bind_cmovcc(const struct ir_op *op) {
  if (op->operand[1].kind != IR_GPR || op->operand[0].size < 4) return cmovcc;
  return op->operand[0].size == 8 ? cmovcc_8_registers : cmovcc_4_registers;
}

ir_execute *bind_flags(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_CLC: return clc;
  case IR_STC: return stc;
  case IR_CMC: return cmc;
  case IR_CLD: return cld;
  case IR_STD: return std;
  case IR_LAHF: return lahf;
  case IR_SAHF: return sahf;
  case IR_SALC: return salc;
  case IR_SETCC: return op->operand[0].kind == IR_MEMORY ? setcc_memory : setcc_register;
  case IR_CMOVCC: return bind_cmovcc(op);
  default: return NULL;
  }
}
