/* Multiplication and division.
 *
 * SF and PF after a multiplication, undefined by the manual, follow the low half of the product, ZF and AF are clear,
 * as on Intel processors; division leaves all flags alone.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

EXEC_INLINE void set_multiply_flags(struct vcpu *v, unsigned size, uint64_t low, bool overflow) {
  uint64_t flags = overflow ? FLAG_CF | FLAG_OF : 0;
  flags |= low & flags_sign_mask(size) ? FLAG_SF : 0;
  flags |= flags_even_parity(low) ? FLAG_PF : 0;
  flags_write_arithmetic(v, flags);
}

/* Writes a double-width value to AX, or rDX and rAX. */
static void write_pair(struct vcpu *v, unsigned size, uint64_t low, uint64_t high) {
  if (size == 1) return gpr_write_number(v, VMXSIM_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
  gpr_write_number(v, VMXSIM_RAX, size, low);
  gpr_write_number(v, VMXSIM_RDX, size, high);
}

static bool mul_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded b = operand_read(v, op, 0);
  if (!b.ok) return false;
  wide product = (wide)truncate_to(v->s.gpr[VMXSIM_RAX], size) * b.value;
  uint64_t low = truncate_to((uint64_t)product, size), high = (uint64_t)(product >> (size * 8));
  write_pair(v, size, low, high);
  set_multiply_flags(v, size, low, high != 0);
  return true;
}

/* A signed product: low half, high half, and whether the high half says anything. */
struct product {
  uint64_t low, high;
  bool overflow;
};

EXEC_INLINE struct product multiply_signed(unsigned size, uint64_t a, uint64_t b) {
  signed_wide whole = (signed_wide)(int64_t)sign_extend_from(a, size) * (int64_t)sign_extend_from(b, size);
  uint64_t low = truncate_to((uint64_t)whole, size);
  return (struct product){low, (uint64_t)(whole >> (size * 8)), (int64_t)sign_extend_from(low, size) != whole};
}

static bool imul_1_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded b = operand_read(v, op, 0);
  if (!b.ok) return false;
  struct product p = multiply_signed(size, v->s.gpr[VMXSIM_RAX], b.value);
  write_pair(v, size, p.low, p.high);
  set_multiply_flags(v, size, p.low, p.overflow);
  return true;
}

/* Two operands multiply the first by the second, three put the product of the last two in the first. */
static bool imul_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  bool three = op->operand[2].kind != IR_NONE;
  struct loaded b = operand_read(v, op, 1);
  if (!b.ok) return false;
  struct product p = multiply_signed(size, three ? op->immediate : v->s.gpr[op->operand[0].reg], b.value);
  gpr_write(v, &op->operand[0], size, p.low);
  set_multiply_flags(v, size, p.low, p.overflow);
  return true;
}

EXEC_INLINE void imul_registers(struct vcpu *v, const struct ir_op *op, unsigned size) {
  struct product p = multiply_signed(size, v->s.gpr[op->operand[0].reg], v->s.gpr[op->operand[1].reg]);
  gpr_write(v, &op->operand[0], size, p.low);
  set_multiply_flags(v, size, p.low, p.overflow);
  return vcpu_next(v, op);
}

static void imul_4_registers(struct vcpu *v, const struct ir_op *op) {
  return imul_registers(v, op, 4);
}

static void imul_8_registers(struct vcpu *v, const struct ir_op *op) {
  return imul_registers(v, op, 8);
}

/* The dividend: AX, or rDX:rAX. */
static wide read_dividend(const struct vcpu *v, unsigned size) {
  if (size == 1) return (uint16_t)v->s.gpr[VMXSIM_RAX];
  uint64_t low = truncate_to(v->s.gpr[VMXSIM_RAX], size), high = truncate_to(v->s.gpr[VMXSIM_RDX], size);
  return (wide)high << (size * 8) | low;
}

static bool div_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct loaded divisor = operand_read(v, op, 0);
  if (!divisor.ok) return false;
  wide dividend = read_dividend(v, size);
  if ((dividend >> (size * 8)) >= divisor.value) return exec_raise(v, VECTOR_DE);
  if (size < 8) /* both fit: the host's 64-bit division is much faster */
    write_pair(v, size, (uint64_t)dividend / divisor.value, (uint64_t)dividend % divisor.value);
  else
    write_pair(v, size, (uint64_t)(dividend / divisor.value), (uint64_t)(dividend % divisor.value));
  return true;
}

/* Signed, by magnitudes: the quotient truncates towards zero and the remainder has the dividend's sign. */
static bool idiv_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size, bits = size * 8;
  struct loaded loaded = operand_read(v, op, 0);
  if (!loaded.ok) return false;
  uint64_t divisor = sign_extend_from(loaded.value, size);
  wide dividend = read_dividend(v, size);
  bool negative = (dividend >> (2 * bits - 1)) & 1, opposite = negative != (divisor >> 63);
  wide magnitude = negative ? -dividend : dividend;
  if (size < 8) magnitude &= ((wide)1 << (2 * bits)) - 1;
  uint64_t by = divisor >> 63 ? -divisor : divisor;
  uint64_t limit = flags_sign_mask(size) - !opposite; /* the largest quotient */
  if (by == 0 || (magnitude >> bits) >= by) return exec_raise(v, VECTOR_DE);
  uint64_t quotient = (uint64_t)(magnitude / by), remainder = (uint64_t)(magnitude % by);
  if (quotient > limit) return exec_raise(v, VECTOR_DE);
  write_pair(v, size, opposite ? -quotient : quotient, negative ? -remainder : remainder);
  return true;
}

EXEC_HANDLER(mul, mul_step)
EXEC_HANDLER(imul_1, imul_1_step)
EXEC_HANDLER(imul, imul_step)
EXEC_HANDLER(div_unsigned, div_step)
EXEC_HANDLER(div_signed, idiv_step)

static ir_execute *bind_imul(const struct ir_op *op) {
  if (op->operand[1].kind == IR_NONE) return imul_1;
  if (op->operand[1].kind == IR_GPR && op->operand[2].kind == IR_NONE && op->operand[0].size >= 4)
    return op->operand[0].size == 8 ? imul_8_registers : imul_4_registers;
  return imul;
}

ir_execute *bind_muldiv(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MUL: return mul;
  case IR_IMUL: return bind_imul(op);
  case IR_DIV: return div_unsigned;
  case IR_IDIV: return div_signed;
  default: return NULL;
  }
}
