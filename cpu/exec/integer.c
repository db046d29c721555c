/* General-purpose instructions that compute: which file has which, and the few that fit nowhere else (sign extension of
 * the accumulator, random numbers). */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/io.h"
#include "cpu/exec/operand.h"

/* CBW, CWDE, CDQE: rAX from its lower half, to op's operand size. */
EXEC_INLINE void extend_accumulator(struct vcpu *v, const struct ir_op *op, unsigned size) {
  gpr_write_number(v, VMXSIM_RAX, size, sign_extend_from(v->s.gpr[VMXSIM_RAX], size / 2));
  return vcpu_next(v, op);
}

static void cbw(struct vcpu *v, const struct ir_op *op) {
  return extend_accumulator(v, op, 2);
}

static void cwde(struct vcpu *v, const struct ir_op *op) {
  return extend_accumulator(v, op, 4);
}

static void cdqe(struct vcpu *v, const struct ir_op *op) {
  return extend_accumulator(v, op, 8);
}

/* CWD, CDQ, CQO: rDX all copies of the sign of rAX. */
EXEC_INLINE void extend_into_rdx(struct vcpu *v, const struct ir_op *op, unsigned size) {
  gpr_write_number(v, VMXSIM_RDX, size, (uint64_t)((int64_t)sign_extend_from(v->s.gpr[VMXSIM_RAX], size) >> 63));
  return vcpu_next(v, op);
}

static void cwd(struct vcpu *v, const struct ir_op *op) {
  return extend_into_rdx(v, op, 2);
}

static void cdq(struct vcpu *v, const struct ir_op *op) {
  return extend_into_rdx(v, op, 4);
}

static void cqo(struct vcpu *v, const struct ir_op *op) {
  return extend_into_rdx(v, op, 8);
}

/* RDRAND, RDSEED: always a number. */
static void random_number(struct vcpu *v, const struct ir_op *op) {
  gpr_write(v, &op->operand[0], op->operand[0].size, machine_random(v->machine));
  flags_write_arithmetic(v, FLAG_CF);
  return vcpu_next(v, op);
}

static ir_execute *bind_rest(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_CBW: return cbw;
  case IR_CWDE: return cwde;
  case IR_CDQE: return cdqe;
  case IR_CWD: return cwd;
  case IR_CDQ: return cdq;
  case IR_CQO: return cqo;
  case IR_RDRAND:
  case IR_RDSEED: return random_number;
  default: return NULL;
  }
}

ir_execute *exec_bind_integer(const struct ir_op *op) {
  static ir_execute *(*const subjects[])(const struct ir_op *) = {
      bind_alu, bind_shift, bind_muldiv, bind_bits, bind_bcd, bind_bmi, bind_exchange, bind_flags, bind_rest,
  };
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    ir_execute *handler = subjects[i](op);
    if (handler) return handler;
  }
  return NULL;
}
