/* Operands of vector instructions, and which file executes what. */
#include "cpu/exec/simd.h"
#include "cpu/exec/x87.h"
#include "cpu/registers.h"

/* VEX forms do not look at CR0.EM. */
bool simd_available_slow(struct vcpu *v, const struct ir_op *op) {
  if ((v->s.cr0 & CR0_EM) && !simd_is_vex(op)) return exec_raise(v, VECTOR_UD);
  if (v->s.cr0 & CR0_TS) return exec_raise(v, VECTOR_NM);
  return !simd_uses_mmx(op) || x87_nothing_pending(v);
}

void simd_get(const struct vcpu *v, const struct ir_operand *operand, union simd *value) {
  switch (operand->kind) {
  case IR_VECTOR: memcpy(value, v->fpu.ymm[operand->reg], 32); break;
  case IR_MMX: value->u64[0] = v->fpu.st[operand->reg & 7].significand; break;
  default: value->u64[0] = v->s.gpr[operand->reg & 15]; break;
  }
}

bool simd_read(struct vcpu *v, const struct ir_op *op, unsigned index, unsigned alignment, union simd *value) {
  const struct ir_operand *operand = &op->operand[index];
  if (operand->kind == IR_MEMORY) return simd_load(v, op, value, operand->size, alignment);
  simd_get(v, operand, value);
  return true;
}

void simd_write(struct vcpu *v, const struct ir_op *op, const union simd *value) {
  const struct ir_operand *to = &op->operand[0];
  if (simd_uses_mmx(op)) x87_enter_mmx(v);
  if (to->kind == IR_MMX)
    x87_write_mmx(v, to->reg, value->u64[0]);
  else
    simd_set(v, op, to->reg, value, to->size);
}

bool simd_sources(struct vcpu *v, const struct ir_op *op, union simd *a, union simd *b) {
  const unsigned first = simd_has_three(op);
  simd_get(v, &op->operand[first], a);
  return simd_read(v, op, first + 1, simd_alignment(op, first + 1), b);
}

bool simd_two(struct vcpu *v, const struct ir_op *op, simd_compute *compute) {
  union simd a, b, d;
  if (!simd_available(v, op) || !simd_sources(v, op, &a, &b)) return false;
  compute(&d, &a, &b, op->operand[0].size, (uint8_t)op->immediate);
  simd_write(v, op, &d);
  return true;
}

ir_execute *exec_bind_simd(const struct ir_op *op) {
  static ir_execute *(*const subjects[])(const struct ir_op *) = {
      simd_bind_move,   simd_bind_arithmetic, simd_bind_shift,   simd_bind_shuffle, simd_bind_element,
      simd_bind_masked, simd_bind_string,     simd_bind_control, bind_aes,          bind_sha,
      bind_pclmul,      bind_fxsave,          bind_xsave,
  };
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    ir_execute *handler = subjects[i](op);
    if (handler) return handler;
  }
  return NULL;
}
