/* The end of floating-point instructions, and which file executes what. */
#include "cpu/exec/sse.h"

#include "cpu/registers.h"

enum { BEFORE_COMPUTING = MXCSR_IE | MXCSR_DE | MXCSR_ZE };

/* Unmasked exceptions that are found before computing keep the others from happening (SDM 1, "SIMD Floating-Point
 * Exception Conditions"). */
bool sse_unmasked(struct vcpu *v, const struct sse_context *c) {
  const uint32_t unmasked = c->flags & ~(v->fpu.mxcsr >> MXCSR_MASK_SHIFT);
  v->fpu.mxcsr |= unmasked & BEFORE_COMPUTING ? c->flags & BEFORE_COMPUTING : c->flags;
  return exec_raise(v, v->s.cr4 & CR4_OSXMMEXCPT ? VECTOR_XM : VECTOR_UD);
}

ir_execute *exec_bind_sse(const struct ir_op *op) {
  static ir_execute *(*const subjects[])(const struct ir_op *) = {sse_bind_packed, sse_bind_compare, sse_bind_convert,
                                                                  sse_bind_fma};
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    ir_execute *handler = subjects[i](op);
    if (handler) return handler;
  }
  return NULL;
}
