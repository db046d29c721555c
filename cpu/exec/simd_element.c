/* Single elements and sign masks: inserts, extracts, MOVMSK. */
#include "cpu/exec/simd.h"

/* Bytes of the element that an instruction inserts or extracts. */
static unsigned element_bytes(unsigned opcode) {
  switch (opcode) {
  case IR_PINSRB:
  case IR_VPINSRB:
  case IR_PEXTRB:
  case IR_VPEXTRB: return 1;
  case IR_PINSRW:
  case IR_VPINSRW:
  case IR_PEXTRW:
  case IR_VPEXTRW: return 2;
  case IR_PINSRD:
  case IR_VPINSRD:
  case IR_PEXTRD:
  case IR_VPEXTRD:
  case IR_EXTRACTPS:
  case IR_VEXTRACTPS: return 4;
  default: return 8;
  }
}

/* Where element `immediate` is in a register of `bytes`. */
static unsigned element_at(const struct ir_op *op, unsigned bytes, unsigned size) {
  return ((unsigned)op->immediate & (bytes / size - 1)) * size;
}

static bool insert_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned size = element_bytes(op->opcode);
  union simd value, element;
  if (!simd_available(v, op) || !simd_sources(v, op, &value, &element)) return false;
  memcpy(value.u8 + element_at(op, op->operand[0].size, size), &element, size);
  simd_write(v, op, &value);
  return true;
}
EXEC_HANDLER(insert, insert_step)

static bool extract_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned size = element_bytes(op->opcode);
  union simd value;
  if (!simd_available(v, op)) return false;
  simd_get(v, &op->operand[1], &value);
  const uint64_t element = host_load(value.u8 + element_at(op, op->operand[1].size, size), size);
  if (op->operand[0].kind == IR_MEMORY) return store_memory(v, op, size, element);
  gpr_write_number(v, op->operand[0].reg, 8, element); /* zero-extended as far as the register goes */
  if (simd_uses_mmx(op)) x87_enter_mmx(v);
  return true;
}
EXEC_HANDLER(extract, extract_step)

/* Immediate: 7:6 which element of a register (memory has one), 5:4 where to, 3:0 what becomes zero. */
static void insertps(union simd *d, const union simd *a, const union simd *b, unsigned bytes, unsigned immediate) {
  memcpy(d, a, bytes);
  d->u32[immediate >> 4 & 3] = b->u32[immediate >> 6];
  for (unsigned i = 0; i < 4; i++) {
    if (immediate >> i & 1) d->u32[i] = 0;
  }
}
static void insertps_memory(union simd *d, const union simd *a, const union simd *b, unsigned bytes,
                            unsigned immediate) {
  insertps(d, a, b, bytes, immediate & 0x3f);
}
static bool insertps_step(struct vcpu *v, const struct ir_op *op) {
  const bool memory = op->operand[1 + simd_has_three(op)].kind == IR_MEMORY;
  return simd_two(v, op, memory ? insertps_memory : insertps);
}
EXEC_HANDLER(insert_single, insertps_step)

static bool extract_half_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t half[16];
  if (!simd_available(v, op)) return false;
  memcpy(half, v->fpu.ymm[op->operand[1].reg] + 16 * (op->immediate & 1), 16);
  if (op->operand[0].kind == IR_MEMORY) return simd_store(v, op, half, 16, 0);
  simd_set(v, op, op->operand[0].reg, half, 16);
  return true;
}
EXEC_HANDLER(extract_half, extract_half_step)

/* --- sign masks -----------------------------------------------------------------------------------------------------
 */

static bool mask_of(struct vcpu *v, const struct ir_op *op, unsigned element) {
  union simd value;
  uint32_t mask = 0;
  if (!simd_available(v, op)) return false;
  simd_get(v, &op->operand[1], &value);
  for (unsigned i = 0; i < op->operand[1].size / element; i++)
    mask |= (uint32_t)(value.u8[i * element + element - 1] >> 7) << i;
  gpr_write_number(v, op->operand[0].reg, 8, mask);
  if (simd_uses_mmx(op)) x87_enter_mmx(v);
  return true;
}
static bool mask_1_step(struct vcpu *v, const struct ir_op *op) {
  return mask_of(v, op, 1);
}
static bool mask_4_step(struct vcpu *v, const struct ir_op *op) {
  return mask_of(v, op, 4);
}
static bool mask_8_step(struct vcpu *v, const struct ir_op *op) {
  return mask_of(v, op, 8);
}
EXEC_HANDLER(mask_1, mask_1_step)
EXEC_HANDLER(mask_4, mask_4_step)
EXEC_HANDLER(mask_8, mask_8_step)

/* clang-format off */
static ir_execute *const handlers[IR_OPCODE_COUNT] = {
  SIMD_BOTH(PINSRB, insert), SIMD_BOTH(PINSRW, insert), SIMD_BOTH(PINSRD, insert), SIMD_BOTH(PINSRQ, insert),
  SIMD_BOTH(PEXTRB, extract), SIMD_BOTH(PEXTRW, extract), SIMD_BOTH(PEXTRD, extract), SIMD_BOTH(PEXTRQ, extract),
  SIMD_BOTH(EXTRACTPS, extract), SIMD_BOTH(INSERTPS, insert_single),
  [IR_VEXTRACTF128] = extract_half, [IR_VEXTRACTI128] = extract_half,
  SIMD_BOTH(PMOVMSKB, mask_1), SIMD_BOTH(MOVMSKPS, mask_4), SIMD_BOTH(MOVMSKPD, mask_8),
};
/* clang-format on */

ir_execute *simd_bind_element(const struct ir_op *op) {
  return handlers[op->opcode];
}
