/* Moves of whole vectors and of single elements of 4 and 8 bytes. */
#include "cpu/exec/simd.h"

/* --- whole vectors, specialised by size --------------------------------------------------------------------------- */

EXEC_INLINE bool load_vector(struct vcpu *v, const struct ir_op *op, unsigned size, unsigned alignment) {
  uint8_t value[32];
  if (!simd_available(v, op) || !simd_load(v, op, value, size, alignment)) return false;
  simd_set(v, op, op->operand[0].reg, value, size);
  return true;
}

EXEC_INLINE bool store_vector(struct vcpu *v, const struct ir_op *op, unsigned size, unsigned alignment) {
  return simd_available(v, op) && simd_store(v, op, v->fpu.ymm[op->operand[1].reg], size, alignment);
}

#define MOVES(size) \
  static bool load_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return load_vector(v, op, size, 0); \
  } \
  static bool load_aligned_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return load_vector(v, op, size, size); \
  } \
  static bool store_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return store_vector(v, op, size, 0); \
  } \
  static bool store_aligned_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return store_vector(v, op, size, size); \
  } \
  EXEC_HANDLER(load_##size, load_step_##size) \
  EXEC_HANDLER(load_aligned_##size, load_aligned_step_##size) \
  EXEC_HANDLER(store_##size, store_step_##size) \
  EXEC_HANDLER(store_aligned_##size, store_aligned_step_##size)

MOVES(16)
MOVES(32)

static bool copy_step(struct vcpu *v, const struct ir_op *op) {
  if (!simd_available(v, op)) return false;
  uint8_t value[32];
  memcpy(value, v->fpu.ymm[op->operand[1].reg], 32);
  simd_set(v, op, op->operand[0].reg, value, op->operand[0].size);
  return true;
}
EXEC_HANDLER(copy, copy_step)

enum whole { NOT_WHOLE, ALIGNED, UNALIGNED };

/* clang-format off */
static const uint8_t whole[IR_OPCODE_COUNT] = {
  SIMD_BOTH(MOVAPS, ALIGNED), SIMD_BOTH(MOVAPD, ALIGNED), SIMD_BOTH(MOVDQA, ALIGNED), SIMD_BOTH(MOVNTPS, ALIGNED),
  SIMD_BOTH(MOVNTPD, ALIGNED), SIMD_BOTH(MOVNTDQ, ALIGNED), SIMD_BOTH(MOVNTDQA, ALIGNED),
  SIMD_BOTH(MOVUPS, UNALIGNED), SIMD_BOTH(MOVUPD, UNALIGNED), SIMD_BOTH(MOVDQU, UNALIGNED), SIMD_BOTH(LDDQU, UNALIGNED),
};
/* clang-format on */

static ir_execute *bind_whole(const struct ir_op *op) {
  /* indexed by: 32 bytes, store, aligned */
  static ir_execute *const handlers[2][2][2] = {{{load_16, load_aligned_16}, {store_16, store_aligned_16}},
                                                {{load_32, load_aligned_32}, {store_32, store_aligned_32}}};
  if (op->operand[0].kind == IR_VECTOR && op->operand[1].kind == IR_VECTOR) return copy;
  const bool store = op->operand[0].kind == IR_MEMORY;
  const bool wide = op->operand[store].size == 32;
  return handlers[wide][store][whole[op->opcode] == ALIGNED];
}

/* --- MOVSS, MOVSD ------------------------------------------------------------------------------------------------- */

/* A load clears the rest of the register. */
EXEC_INLINE bool load_scalar(struct vcpu *v, const struct ir_op *op, unsigned size) {
  if (!simd_available(v, op)) return false;
  const struct loaded from = load_memory(v, op, size);
  if (__builtin_expect(!from.ok, 0)) return false;
  const uint64_t value[2] = {from.value, 0};
  simd_set(v, op, op->operand[0].reg, value, 16);
  return true;
}

EXEC_INLINE bool store_scalar(struct vcpu *v, const struct ir_op *op, unsigned size) {
  return simd_available(v, op) && store_memory(v, op, size, host_load(v->fpu.ymm[op->operand[1].reg], size));
}

/* Between registers, the rest is that of the destination or, in VEX forms, of operand 1. */
EXEC_INLINE bool merge_scalar(struct vcpu *v, const struct ir_op *op, unsigned size) {
  uint8_t value[16];
  if (!simd_available(v, op)) return false;
  const unsigned first = simd_has_three(op);
  memcpy(value, v->fpu.ymm[op->operand[first].reg], 16);
  memcpy(value, v->fpu.ymm[op->operand[first + 1].reg], size);
  simd_set(v, op, op->operand[0].reg, value, 16);
  return true;
}

#define SCALARS(size) \
  static bool load_scalar_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return load_scalar(v, op, size); \
  } \
  static bool store_scalar_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return store_scalar(v, op, size); \
  } \
  static bool merge_scalar_step_##size(struct vcpu *v, const struct ir_op *op) { \
    return merge_scalar(v, op, size); \
  } \
  EXEC_HANDLER(load_scalar_##size, load_scalar_step_##size) \
  EXEC_HANDLER(store_scalar_##size, store_scalar_step_##size) \
  EXEC_HANDLER(merge_scalar_##size, merge_scalar_step_##size)

SCALARS(4)
SCALARS(8)

static ir_execute *bind_scalar(const struct ir_op *op, bool wide) {
  if (op->operand[0].kind == IR_MEMORY) return wide ? store_scalar_8 : store_scalar_4;
  if (op->operand[1].kind == IR_MEMORY) return wide ? load_scalar_8 : load_scalar_4;
  return wide ? merge_scalar_8 : merge_scalar_4;
}

/* --- MOVD, MOVQ, MOVNTQ, MOVQ2DQ, MOVDQ2Q: between registers of any kind and memory ------------------------------- */

static bool write_low(struct vcpu *v, const struct ir_op *op, unsigned size, uint64_t value) {
  const struct ir_operand *to = &op->operand[0];
  const uint64_t extended[2] = {value, 0};
  switch (to->kind) {
  case IR_MEMORY: return store_memory(v, op, size, value);
  case IR_GPR: gpr_write_number(v, to->reg, size, value); break;
  case IR_MMX: x87_write_mmx(v, to->reg, value); break;
  default: simd_set(v, op, to->reg, extended, 16); break;
  }
  return true;
}

static bool move_low(struct vcpu *v, const struct ir_op *op, unsigned size) {
  union simd from = {.u64 = {0}};
  if (!simd_available(v, op) || !simd_read(v, op, 1, 0, &from)) return false;
  if (!write_low(v, op, size, truncate_to(from.u64[0], size))) return false;
  if (simd_uses_mmx(op)) x87_enter_mmx(v);
  return true;
}

static bool move_4_step(struct vcpu *v, const struct ir_op *op) {
  return move_low(v, op, 4);
}
static bool move_8_step(struct vcpu *v, const struct ir_op *op) {
  return move_low(v, op, 8);
}
EXEC_HANDLER(move_4, move_4_step)
EXEC_HANDLER(move_8, move_8_step)

ir_execute *simd_bind_move(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOVSS:
  case IR_VMOVSS: return bind_scalar(op, false);
  case IR_MOVSD_SSE:
  case IR_VMOVSD: return bind_scalar(op, true);
  case IR_MOVD:
  case IR_VMOVD: return move_4;
  case IR_MOVQ:
  case IR_VMOVQ:
  case IR_MOVNTQ:
  case IR_MOVQ2DQ:
  case IR_MOVDQ2Q: return move_8;
  default: return whole[op->opcode] ? bind_whole(op) : NULL;
  }
}
