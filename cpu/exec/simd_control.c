/* MXCSR, VZEROALL, VZEROUPPER. */
#include "cpu/exec/simd.h"
#include "cpu/registers.h"

static bool ldmxcsr_step(struct vcpu *v, const struct ir_op *op) {
  if (!simd_available(v, op)) return false;
  const struct loaded value = load_memory(v, op, 4);
  if (!value.ok) return false;
  if (value.value & ~(uint64_t)MXCSR_MASK) return exec_raise_with_code(v, VECTOR_GP, 0);
  v->fpu.mxcsr = (uint32_t)value.value;
  return true;
}
EXEC_HANDLER(ldmxcsr, ldmxcsr_step)

static bool stmxcsr_step(struct vcpu *v, const struct ir_op *op) {
  return simd_available(v, op) && store_memory(v, op, 4, v->fpu.mxcsr);
}
EXEC_HANDLER(stmxcsr, stmxcsr_step)

/* Outside 64-bit mode there are eight registers, and the others stay. */
static bool vzero_step(struct vcpu *v, const struct ir_op *op) {
  if (!simd_available(v, op)) return false;
  const unsigned from = op->opcode == IR_VZEROALL ? 0 : 16;
  const unsigned registers = v->mode & DECODE_CODE_64 ? 16 : 8;
  for (unsigned i = 0; i < registers; i++) memset(v->fpu.ymm[i] + from, 0, 32 - from);
  return true;
}
EXEC_HANDLER(vzero, vzero_step)

ir_execute *simd_bind_control(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_LDMXCSR:
  case IR_VLDMXCSR: return ldmxcsr;
  case IR_STMXCSR:
  case IR_VSTMXCSR: return stmxcsr;
  case IR_VZEROALL:
  case IR_VZEROUPPER: return vzero;
  default: return NULL;
  }
}
