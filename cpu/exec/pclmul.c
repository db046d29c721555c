/* PCLMULQDQ: the product of two polynomials over GF(2). */
#include "cpu/exec/simd.h"

static void pclmulqdq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(bytes);
  const uint64_t x = a->u64[immediate & 1], y = b->u64[immediate >> 4 & 1];
  d->u64[0] = d->u64[1] = 0;
  for (unsigned i = 0; i < 64; i++) {
    if (!(y >> i & 1)) continue;
    d->u64[0] ^= x << i;
    d->u64[1] ^= i ? x >> (64 - i) : 0;
  }
}

static bool pclmul_step(struct vcpu *v, const struct ir_op *op) {
  return simd_two(v, op, pclmulqdq);
}
EXEC_HANDLER(pclmul, pclmul_step)

ir_execute *bind_pclmul(const struct ir_op *op) {
  return op->opcode == IR_PCLMULQDQ || op->opcode == IR_VPCLMULQDQ ? pclmul : NULL;
}
