/* BMI1, BMI2 and ADX.
 *
 * Flags: AF and PF, undefined after the BMI1 instructions and BZHI, are clear (so is SF after BEXTR).
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

__extension__ typedef unsigned __int128 wide;

/* ZF and SF from the result, CF as given, the rest clear. */
static void set_flags(struct vcpu *v, unsigned size, uint64_t result, bool carry) {
  uint64_t sign = result & flags_sign_mask(size) ? FLAG_SF : 0;
  flags_write_arithmetic(v, (uint64_t)carry | (result ? 0 : (uint64_t)FLAG_ZF) | sign);
}

static bool andn_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded b = operand_read(v, op, 2);
  if (!b.ok) return false;
  uint64_t result = ~gpr_read(v, &op->operand[1], size) & b.value;
  gpr_write(v, &op->operand[0], size, result);
  set_flags(v, size, result, false);
  return true;
}

static uint64_t low_bits(uint64_t value, unsigned count) {
  return count >= 64 ? value : value & (((uint64_t)1 << count) - 1);
}

static bool bextr_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  unsigned control = (uint16_t)v->s.gpr[op->operand[2].reg], start = control & 0xff, length = control >> 8;
  uint64_t result = start < 64 ? low_bits(from.value >> start, length) : 0;
  gpr_write(v, &op->operand[0], size, result);
  flags_write_arithmetic(v, result ? 0 : FLAG_ZF);
  return true;
}

/* BLSI: CF tells that the source was not zero; BLSMSK and BLSR: that it was. */
static bool lowest_bit_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  uint64_t a = from.value, result = 0;
  switch (op->opcode) {
  case IR_BLSI: result = a & (0 - a); break;
  case IR_BLSMSK: result = truncate_to(a ^ (a - 1), size); break;
  default: result = a & (a - 1); break;
  }
  gpr_write(v, &op->operand[0], size, result);
  set_flags(v, size, result, op->opcode == IR_BLSI ? a != 0 : a == 0);
  return true;
}

static bool bzhi_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  unsigned index = (uint8_t)v->s.gpr[op->operand[2].reg];
  uint64_t result = low_bits(from.value, index);
  gpr_write(v, &op->operand[0], size, result);
  set_flags(v, size, result, index > size * 8 - 1);
  return true;
}

/* The low half is written first: with one register for both, it holds the high half. */
static bool mulx_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded b = operand_read(v, op, 2);
  if (!b.ok) return false;
  wide product = (wide)truncate_to(v->s.gpr[VMXSIM_RDX], size) * b.value;
  gpr_write(v, &op->operand[1], size, (uint64_t)product);
  gpr_write(v, &op->operand[0], size, (uint64_t)(product >> (size * 8)));
  return true;
}

static uint64_t deposit(uint64_t from, uint64_t mask) {
  uint64_t result = 0;
  for (; mask; mask &= mask - 1, from >>= 1)
    if (from & 1) result |= mask & (0 - mask);
  return result;
}

static uint64_t extract(uint64_t from, uint64_t mask) {
  uint64_t result = 0;
  for (uint64_t bit = 1; mask; mask &= mask - 1, bit <<= 1)
    if (from & mask & (0 - mask)) result |= bit;
  return result;
}

static bool pdep_pext_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded mask = operand_read(v, op, 2);
  if (!mask.ok) return false;
  uint64_t from = gpr_read(v, &op->operand[1], size);
  uint64_t result = op->opcode == IR_PDEP ? deposit(from, mask.value) : extract(from, mask.value);
  gpr_write(v, &op->operand[0], size, result);
  return true;
}

static uint64_t shift_without_flags(unsigned opcode, unsigned size, uint64_t a, unsigned count) {
  switch (opcode) {
  case IR_SARX: return (uint64_t)((int64_t)sign_extend_from(a, size) >> count);
  case IR_SHLX: return a << count;
  case IR_SHRX: return a >> count;
  default: return count ? a >> count | a << (size * 8 - count) : a; /* RORX */
  }
}

static bool shiftx_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded from = operand_read(v, op, 1);
  if (!from.ok) return false;
  uint64_t count = op->opcode == IR_RORX ? op->immediate : v->s.gpr[op->operand[2].reg];
  uint64_t result = shift_without_flags(op->opcode, size, from.value, (unsigned)count & (size * 8 - 1));
  gpr_write(v, &op->operand[0], size, result);
  return true;
}

/* ADCX adds with CF and changes CF alone, ADOX with OF. */
static bool adx_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  uint64_t flag = op->opcode == IR_ADCX ? FLAG_CF : FLAG_OF;
  struct loaded b = operand_read(v, op, 1);
  if (!b.ok) return false;
  uint64_t flags = flags_read(v);
  wide sum = (wide)gpr_read(v, &op->operand[0], size) + b.value + ((flags & flag) != 0);
  bool carry = (sum >> (size * 8)) != 0;
  gpr_write(v, &op->operand[0], size, (uint64_t)sum);
  flags_write_arithmetic(v, (flags & ~flag) | (carry ? flag : 0));
  return true;
}

EXEC_HANDLER(andn, andn_step)
EXEC_HANDLER(bextr, bextr_step)
EXEC_HANDLER(lowest_bit, lowest_bit_step)
EXEC_HANDLER(bzhi, bzhi_step)
EXEC_HANDLER(mulx, mulx_step)
EXEC_HANDLER(pdep_pext, pdep_pext_step)
EXEC_HANDLER(shiftx, shiftx_step)
EXEC_HANDLER(adx, adx_step)

ir_execute *bind_bmi(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ANDN: return andn;
  case IR_BEXTR: return bextr;
  case IR_BLSI:
  case IR_BLSMSK:
  case IR_BLSR: return lowest_bit;
  case IR_BZHI: return bzhi;
  case IR_MULX: return mulx;
  case IR_PDEP:
  case IR_PEXT: return pdep_pext;
  case IR_RORX:
  case IR_SARX:
  case IR_SHLX:
  case IR_SHRX: return shiftx;
  case IR_ADCX:
  case IR_ADOX: return adx;
  default: return NULL;
  }
}
