/* Moves under a mask, and gathers: only elements whose mask bit is set touch memory. */
#include "cpu/exec/simd.h"

/* --- VMASKMOVPS, VPMASKMOVD and so on ----------------------------------------------------------------------------- */

/* None of these checks alignment (SDM 2C, "VMASKMOV": "no AC# reported for any mask bit combinations"). */

static unsigned masked_element(unsigned opcode) {
  return opcode == IR_VMASKMOVPD || opcode == IR_VPMASKMOVQ ? 8 : 4;
}

/* The offset of byte `at` of the memory operand. */
static uint64_t offset_of(const struct vcpu *v, const struct ir_op *op, unsigned at) {
  return truncate_to(operand_address(v, op) + at, op->address_size);
}

static bool is_set(const union simd *mask, unsigned at, unsigned size) {
  return mask->u8[at + size - 1] >> 7;
}

static bool masked_load_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned size = masked_element(op->opcode);
  union simd mask, value = {.u64 = {0}};
  if (!simd_available(v, op)) return false;
  simd_get(v, &op->operand[1], &mask);
  for (unsigned at = 0; at < op->operand[0].size; at += size) {
    if (is_set(&mask, at, size) && !mem_read_bytes(v, op->memory.segment, offset_of(v, op, at), value.u8 + at, size, 1))
      return false;
  }
  simd_write(v, op, &value);
  return true;
}
EXEC_HANDLER(masked_load, masked_load_step)

/* Stores the elements of `size` bytes; all of them can be written before any is. */
static bool store_masked(struct vcpu *v, const struct ir_op *op, const union simd *mask, const union simd *value,
                         unsigned bytes, unsigned size) {
  for (unsigned at = 0; at < bytes; at += size) {
    if (is_set(mask, at, size) && !mem_probe_write(v, op->memory.segment, offset_of(v, op, at), size, 1)) return false;
  }
  for (unsigned at = 0; at < bytes; at += size) {
    if (is_set(mask, at, size) &&
        !mem_write_bytes(v, op->memory.segment, offset_of(v, op, at), value->u8 + at, size, 1))
      return false;
  }
  return true;
}

static bool masked_store_step(struct vcpu *v, const struct ir_op *op) {
  union simd mask, value;
  if (!simd_available(v, op)) return false;
  simd_get(v, &op->operand[1], &mask);
  simd_get(v, &op->operand[2], &value);
  return store_masked(v, op, &mask, &value, op->operand[2].size, masked_element(op->opcode));
}
EXEC_HANDLER(masked_store, masked_store_step)

/* As on silicon all of the operand must be writable, whatever the mask; with a mask of zeros that is "implementation
 * dependent" (SDM 2B, "MASKMOVDQU"). Alignment is that of quadwords, 16 bytes being two of them: #AC "may or may not be
 * generated depending on processor implementation when data addresses are not aligned on an 8-byte boundary" (SDM 3A,
 * "Alignment Check Exception"). */
static bool masked_bytes_writable(struct vcpu *v, const struct ir_op *op) {
  const uint64_t offset = offset_of(v, op, 0);
  return mem_probe_write(v, op->memory.segment, offset, 8, 0) &&
         mem_probe_write(v, op->memory.segment, offset, op->operand[0].size, 1);
}

/* MASKMOVQ, MASKMOVDQU: bytes of operand 0 under operand 1 to [rDI]. */
static bool masked_bytes_step(struct vcpu *v, const struct ir_op *op) {
  union simd mask, value;
  if (!simd_available(v, op) || !masked_bytes_writable(v, op)) return false;
  simd_get(v, &op->operand[0], &value);
  simd_get(v, &op->operand[1], &mask);
  if (!store_masked(v, op, &mask, &value, op->operand[0].size, 1)) return false;
  if (simd_uses_mmx(op)) x87_enter_mmx(v);
  return true;
}
EXEC_HANDLER(masked_bytes, masked_bytes_step)

/* --- gathers ------------------------------------------------------------------------------------------------------ */

struct gather {
  uint8_t index, data; /* bytes of an index and of an element */
};

static struct gather gather_of(unsigned opcode) {
  switch (opcode) {
  case IR_VGATHERDPS:
  case IR_VPGATHERDD: return (struct gather){4, 4};
  case IR_VGATHERDPD:
  case IR_VPGATHERDQ: return (struct gather){4, 8};
  case IR_VGATHERQPS:
  case IR_VPGATHERQD: return (struct gather){8, 4};
  default: return (struct gather){8, 8};
  }
}

static uint64_t gather_offset(const struct vcpu *v, const struct ir_op *op, const union simd *indices, unsigned i,
                              unsigned index_size) {
  const struct ir_memory *m = &op->memory;
  const int64_t index = index_size == 4 ? indices->s32[i] : indices->s64[i];
  uint64_t offset = (uint64_t)m->displacement + (uint64_t)index * m->scale;
  if (m->base < 16) offset += v->s.gpr[m->base];
  return truncate_to(offset, op->address_size);
}

/* What has been gathered when an element faults stays, with its mask bits cleared, so that the instruction goes on from
 * there; alignment is not checked (SDM 2C, "VGATHERDPS/VGATHERDPD"). */
static bool gather_elements(struct vcpu *v, const struct ir_op *op, struct gather shape, unsigned count) {
  union simd indices;
  uint8_t *value = v->fpu.ymm[op->operand[0].reg], *mask = v->fpu.ymm[op->operand[2].reg];
  memcpy(&indices, v->fpu.ymm[op->memory.index & 15], 32);
  for (unsigned i = 0; i < count; i++) {
    const unsigned at = i * shape.data;
    const uint64_t offset = gather_offset(v, op, &indices, i, shape.index);
    if (mask[at + shape.data - 1] >> 7 && !mem_read_bytes(v, op->memory.segment, offset, value + at, shape.data, 1))
      return false;
    memset(mask + at, 0, shape.data);
  }
  return true;
}

/* The mask is one of sign bits: each becomes all of its element. */
static void spread_mask(uint8_t *mask, unsigned bytes, unsigned size) {
  for (unsigned at = 0; at < bytes; at += size) memset(mask + at, mask[at + size - 1] >> 7 ? 0xff : 0, size);
}

static bool gather_step(struct vcpu *v, const struct ir_op *op) {
  const struct gather shape = gather_of(op->opcode);
  const unsigned to = op->operand[0].reg, mask = op->operand[2].reg, index = op->memory.index & 15;
  const unsigned widest = shape.index > shape.data ? shape.index : shape.data;
  const unsigned count = op->vector_length / widest, bytes = count * shape.data;
  if (to == mask || to == index || mask == index) return exec_raise(v, VECTOR_UD);
  if (!simd_available(v, op)) return false;
  spread_mask(v->fpu.ymm[mask], bytes, shape.data);
  if (!gather_elements(v, op, shape, count)) return false;
  memset(v->fpu.ymm[to] + bytes, 0, 32 - bytes);
  memset(v->fpu.ymm[mask], 0, 32);
  return true;
}
EXEC_HANDLER(gather, gather_step)

ir_execute *simd_bind_masked(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_VMASKMOVPS:
  case IR_VMASKMOVPD:
  case IR_VPMASKMOVD:
  case IR_VPMASKMOVQ: return op->operand[0].kind == IR_MEMORY ? masked_store : masked_load;
  case IR_MASKMOVQ:
  case IR_MASKMOVDQU:
  case IR_VMASKMOVDQU: return masked_bytes;
  case IR_VGATHERDPS:
  case IR_VGATHERDPD:
  case IR_VGATHERQPS:
  case IR_VGATHERQPD:
  case IR_VPGATHERDD:
  case IR_VPGATHERDQ:
  case IR_VPGATHERQD:
  case IR_VPGATHERQQ: return gather;
  default: return NULL;
  }
}
