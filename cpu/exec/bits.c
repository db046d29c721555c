/* Bit tests, bit scans, counts, CRC32, BSWAP.
 *
 * Undefined by the manual, and here as processors do it: a scan of zero leaves the whole destination as it was; bit
 * tests leave OF, SF, AF and PF alone; BSF and BSR change ZF alone; LZCNT and TZCNT change CF and ZF alone.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

/* --- BT, BTS, BTR, BTC ------------------------------------------------------------------------------------------- */

static uint64_t change_bit(unsigned opcode, uint64_t value, uint64_t bit) {
  switch (opcode) {
  case IR_BTS: return value | bit;
  case IR_BTR: return value & ~bit;
  case IR_BTC: return value ^ bit;
  default: return value;
  }
}

static uint64_t bit_offset(const struct vcpu *v, const struct ir_op *op, unsigned size) {
  bool in_register = op->operand[1].kind == IR_GPR;
  return in_register ? sign_extend_from(gpr_read(v, &op->operand[1], size), size) : op->immediate & (size * 8 - 1);
}

static void bit_register(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  unsigned number = (unsigned)bit_offset(v, op, size) & (size * 8 - 1);
  uint64_t value = gpr_read(v, &op->operand[0], size);
  flags_replace_carry(v, (value >> number) & 1);
  if (op->opcode != IR_BT) gpr_write(v, &op->operand[0], size, change_bit(op->opcode, value, (uint64_t)1 << number));
  return vcpu_next(v, op);
}

/* The bit string goes on before and after the memory operand: a register offset chooses the word of it. */
static bool bit_memory_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size, shift = size == 2 ? 4 : size == 4 ? 5 : 6;
  uint64_t offset = bit_offset(v, op, size);
  uint64_t address = operand_address(v, op) + (uint64_t)((int64_t)offset >> shift) * size;
  address = truncate_to(address, op->address_size);
  unsigned number = (unsigned)offset & (size * 8 - 1);
  if (op->opcode == IR_BT) {
    struct loaded value = load_at(v, op->memory.segment, address, size);
    if (value.ok) flags_replace_carry(v, (value.value >> number) & 1);
    return value.ok;
  }
  struct mem_rmw rmw;
  uint64_t value;
  if (!mem_rmw_read(v, op->memory.segment, address, size, &value, &rmw)) return false;
  mem_rmw_write(v, &rmw, change_bit(op->opcode, value, (uint64_t)1 << number));
  flags_replace_carry(v, (value >> number) & 1);
  return true;
}

EXEC_HANDLER(bit_memory, bit_memory_step)

static ir_execute *bind_bit_test(const struct ir_op *op) {
  return op->operand[0].kind == IR_MEMORY ? bit_memory : bit_register;
}

/* --- scans and counts -------------------------------------------------------------------------------------------- */

static void replace_flags(struct vcpu *v, uint64_t which, uint64_t flags) {
  flags_write_arithmetic(v, (flags_read(v) & ~which) | flags);
}

static bool scan(struct vcpu *v, const struct ir_op *op, bool forward) {
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  replace_flags(v, FLAG_ZF, from.value ? 0 : FLAG_ZF);
  if (from.value) {
    int index = forward ? __builtin_ctzll(from.value) : 63 - __builtin_clzll(from.value);
    gpr_write(v, &op->operand[0], op->operand[0].size, (uint64_t)index);
  }
  return true;
}

static bool bsf_step(struct vcpu *v, const struct ir_op *op) {
  return scan(v, op, true);
}

static bool bsr_step(struct vcpu *v, const struct ir_op *op) {
  return scan(v, op, false);
}

static bool count_zeros(struct vcpu *v, const struct ir_op *op, bool trailing) {
  unsigned size = op->operand[0].size, bits = size * 8;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  unsigned count = bits;
  if (from.value)
    count = (unsigned)(trailing ? __builtin_ctzll(from.value) : __builtin_clzll(from.value) - (64 - (int)bits));
  gpr_write(v, &op->operand[0], size, count);
  replace_flags(v, FLAG_CF | FLAG_ZF, (count == bits ? FLAG_CF : 0) | (count == 0 ? FLAG_ZF : 0));
  return true;
}

static bool lzcnt_step(struct vcpu *v, const struct ir_op *op) {
  return count_zeros(v, op, false);
}

static bool tzcnt_step(struct vcpu *v, const struct ir_op *op) {
  return count_zeros(v, op, true);
}

static bool popcnt_step(struct vcpu *v, const struct ir_op *op) {
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  gpr_write(v, &op->operand[0], op->operand[0].size, (uint64_t)__builtin_popcountll(from.value));
  flags_write_arithmetic(v, from.value ? 0 : FLAG_ZF);
  return true;
}

/* --- CRC32 ------------------------------------------------------------------------------------------------------- */

/* CRC-32C (polynomial 11EDC6F41H, reflected) of one byte's worth, four bits at a time. */
static uint32_t crc32_nibble(uint32_t crc) {
  for (unsigned i = 0; i < 4; i++) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
  return crc;
}

static bool crc32_step(struct vcpu *v, const struct ir_op *op) {
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  uint32_t crc = (uint32_t)v->s.gpr[op->operand[0].reg];
  for (unsigned i = 0; i < op->operand[1].size; i++)
    crc = crc32_nibble(crc32_nibble(crc ^ (uint8_t)(from.value >> (i * 8))));
  v->s.gpr[op->operand[0].reg] = crc;
  return true;
}

/* --- BSWAP: of 16 bits, undefined, processors give zero ----------------------------------------------------------- */

static void bswap(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  uint64_t value = gpr_read(v, &op->operand[0], size);
  uint64_t swapped = size == 8 ? __builtin_bswap64(value) : size == 4 ? __builtin_bswap32((uint32_t)value) : 0;
  gpr_write(v, &op->operand[0], size, swapped);
  return vcpu_next(v, op);
}

EXEC_HANDLER(bsf, bsf_step)
EXEC_HANDLER(bsr, bsr_step)
EXEC_HANDLER(lzcnt, lzcnt_step)
EXEC_HANDLER(tzcnt, tzcnt_step)
EXEC_HANDLER(popcnt, popcnt_step)
EXEC_HANDLER(crc32, crc32_step)

ir_execute *bind_bits(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_BT:
  case IR_BTS:
  case IR_BTR:
  case IR_BTC: return bind_bit_test(op);
  case IR_BSF: return bsf;
  case IR_BSR: return bsr;
  case IR_LZCNT: return lzcnt;
  case IR_TZCNT: return tzcnt;
  case IR_POPCNT: return popcnt;
  case IR_CRC32: return crc32;
  case IR_BSWAP: return bswap;
  default: return NULL;
  }
}
