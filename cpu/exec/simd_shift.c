/* Shifts of all elements by one count: an immediate, or the low 64 bits of a register or memory. */
#include "cpu/exec/simd.h"

static void psllw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 2; i++) d->u16[i] = count < 16 ? (uint16_t)(a->u16[i] << count) : 0;
}
static void pslld(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = count < 32 ? a->u32[i] << count : 0;
}
static void psllq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = count < 64 ? a->u64[i] << count : 0;
}
static void psrlw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 2; i++) d->u16[i] = count < 16 ? (uint16_t)(a->u16[i] >> count) : 0;
}
static void psrld(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 4; i++) d->u32[i] = count < 32 ? a->u32[i] >> count : 0;
}
static void psrlq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0];
  for (unsigned i = 0; i < bytes / 8; i++) d->u64[i] = count < 64 ? a->u64[i] >> count : 0;
}
static void psraw(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0] < 15 ? b->u64[0] : 15;
  for (unsigned i = 0; i < bytes / 2; i++) d->s16[i] = (int16_t)(a->s16[i] >> count);
}
static void psrad(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  const uint64_t count = b->u64[0] < 31 ? b->u64[0] : 31;
  for (unsigned i = 0; i < bytes / 4; i++) d->s32[i] = a->s32[i] >> count;
}

/* By bytes, in each lane. */
static void pslldq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes; i++) d->u8[i] = i % 16 >= b->u64[0] ? a->u8[i - (unsigned)b->u64[0]] : 0;
}
static void psrldq(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  SIMD_UNUSED(immediate);
  for (unsigned i = 0; i < bytes; i++) d->u8[i] = i % 16 + b->u64[0] < 16 ? a->u8[i + (unsigned)b->u64[0]] : 0;
}

static simd_compute *const operations[IR_OPCODE_COUNT] = {
    SIMD_BOTH(PSLLW, psllw),   SIMD_BOTH(PSLLD, pslld),   SIMD_BOTH(PSLLQ, psllq), SIMD_BOTH(PSRLW, psrlw),
    SIMD_BOTH(PSRLD, psrld),   SIMD_BOTH(PSRLQ, psrlq),   SIMD_BOTH(PSRAW, psraw), SIMD_BOTH(PSRAD, psrad),
    SIMD_BOTH(PSLLDQ, pslldq), SIMD_BOTH(PSRLDQ, psrldq),
};

/* The count is the last operand, the value the one before it. */
static bool shift_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned last = simd_is_vex(op) ? 2 : 1;
  union simd value, count, d;
  if (!simd_available(v, op)) return false;
  if (op->operand[last].kind == IR_IMMEDIATE)
    count.u64[0] = (uint8_t)op->immediate;
  else if (!simd_read(v, op, last, simd_alignment(op, last), &count))
    return false;
  simd_get(v, &op->operand[last - 1], &value);
  operations[op->opcode](&d, &value, &count, op->operand[0].size, 0);
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(shift, shift_step)

ir_execute *simd_bind_shift(const struct ir_op *op) {
  return operations[op->opcode] ? shift : NULL;
}
