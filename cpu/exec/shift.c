/* Shifts and rotates, SHLD and SHRD.
 *
 * Flags that the manual leaves undefined are as processors have them: OF after any count is what the rule for a count
 * of 1 gives when applied to the last step; AF is cleared by shifts; CF of a shift by more than the operand's width is
 * that of the bits shifted in. SHLD and SHRD of 16 bits by more than 16 go on with the destination's bits again,
 * as on Intel processors.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

enum shift { SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAR, SHIFT_KINDS };

EXEC_INLINE unsigned shift_count(unsigned size, uint64_t count) {
  return (unsigned)count & (size == 8 ? 63 : 31);
}

EXEC_INLINE bool top_bit(uint64_t value, unsigned size) {
  return (value >> (size * 8 - 1)) & 1;
}

/* Whether the top two bits differ. */
EXEC_INLINE bool top_bits_differ(uint64_t value, unsigned size) {
  return ((value >> (size * 8 - 1)) ^ (value >> (size * 8 - 2))) & 1;
}

EXEC_INLINE void set_shift_flags(struct vcpu *v, unsigned size, uint64_t result, bool carry, bool overflow) {
  flags_set_result(v, size, result, (uint64_t)carry | (uint64_t)overflow << 11);
}

/* Each with a count of at least 1. */
EXEC_INLINE uint64_t shift_left(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  uint64_t result = truncate_to(a << count, size);
  flags_set(v, LAZY_SHL, size, result, a, count);
  return result;
}

EXEC_INLINE uint64_t shift_right(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  uint64_t result = a >> count;
  flags_set(v, LAZY_SHR, size, result, a, count);
  return result;
}

EXEC_INLINE uint64_t shift_right_signed(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  uint64_t result = truncate_to((uint64_t)((int64_t)sign_extend_from(a, size) >> count), size);
  flags_set(v, LAZY_SAR, size, result, a, count);
  return result;
}

EXEC_INLINE uint64_t rotate_left(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  unsigned bits = size * 8, by = count & (bits - 1);
  uint64_t result = by ? truncate_to(a << by | a >> (bits - by), size) : a;
  flags_replace_carry_overflow(v, result & 1, (result & 1) != top_bit(result, size));
  return result;
}

EXEC_INLINE uint64_t rotate_right(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  unsigned bits = size * 8, by = count & (bits - 1);
  uint64_t result = by ? truncate_to(a >> by | a << (bits - by), size) : a;
  flags_replace_carry_overflow(v, top_bit(result, size), top_bits_differ(result, size));
  return result;
}

/* Through carry, bit by bit: rare, and the ring has an odd width. */
static uint64_t rotate_left_carry(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  bool carry = flags_lazy_carry(v);
  for (unsigned i = count % (size * 8 + 1); i; i--) {
    bool out = top_bit(a, size);
    a = truncate_to(a << 1 | carry, size);
    carry = out;
  }
  flags_replace_carry_overflow(v, carry, carry != top_bit(a, size));
  return a;
}

static uint64_t rotate_right_carry(struct vcpu *v, unsigned size, uint64_t a, unsigned count) {
  bool carry = flags_lazy_carry(v);
  for (unsigned i = count % (size * 8 + 1); i; i--) {
    bool out = a & 1;
    a = a >> 1 | (uint64_t)carry << (size * 8 - 1);
    carry = out;
  }
  flags_replace_carry_overflow(v, carry, top_bits_differ(a, size));
  return a;
}

EXEC_INLINE uint64_t shift(struct vcpu *v, enum shift kind, unsigned size, uint64_t a, unsigned count) {
  if (count == 0) return a;
  switch (kind) {
  case SHIFT_ROL: return rotate_left(v, size, a, count);
  case SHIFT_ROR: return rotate_right(v, size, a, count);
  case SHIFT_RCL: return rotate_left_carry(v, size, a, count);
  case SHIFT_RCR: return rotate_right_carry(v, size, a, count);
  case SHIFT_SHR: return shift_right(v, size, a, count);
  case SHIFT_SAR: return shift_right_signed(v, size, a, count);
  default: return shift_left(v, size, a, count);
  }
}

/* The count: an immediate or CL. */
EXEC_INLINE unsigned count_operand(const struct vcpu *v, const struct ir_op *op, unsigned index, unsigned size) {
  bool in_register = op->operand[index].kind == IR_GPR;
  return shift_count(size, in_register ? v->s.gpr[VMXSIM_RCX] : op->immediate);
}

EXEC_INLINE void shift_register_immediate(struct vcpu *v, const struct ir_op *op, enum shift kind, unsigned size) {
  uint64_t a = gpr_read(v, &op->operand[0], size);
  gpr_write(v, &op->operand[0], size, shift(v, kind, size, a, shift_count(size, op->immediate)));
  return vcpu_next(v, op);
}

EXEC_INLINE void shift_register_cl(struct vcpu *v, const struct ir_op *op, enum shift kind, unsigned size) {
  uint64_t a = gpr_read(v, &op->operand[0], size);
  gpr_write(v, &op->operand[0], size, shift(v, kind, size, a, shift_count(size, v->s.gpr[VMXSIM_RCX])));
  return vcpu_next(v, op);
}

/* Memory, and registers of 8 and 16 bits. */
EXEC_INLINE bool shift_any(struct vcpu *v, const struct ir_op *op, enum shift kind) {
  unsigned size = op->operand[0].size;
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  operand_commit(v, op, 0, &m, shift(v, kind, size, m.value, count_operand(v, op, 1, size)));
  return true;
}

#define SHIFT_HANDLERS(name, kind) \
  static void name##_4_immediate(struct vcpu *v, const struct ir_op *op) { \
    return shift_register_immediate(v, op, kind, 4); \
  } \
  static void name##_8_immediate(struct vcpu *v, const struct ir_op *op) { \
    return shift_register_immediate(v, op, kind, 8); \
  } \
  static void name##_4_cl(struct vcpu *v, const struct ir_op *op) { \
    return shift_register_cl(v, op, kind, 4); \
  } \
  static void name##_8_cl(struct vcpu *v, const struct ir_op *op) { \
    return shift_register_cl(v, op, kind, 8); \
  } \
  static bool name##_step(struct vcpu *v, const struct ir_op *op) { \
    return shift_any(v, op, kind); \
  } \
  EXEC_HANDLER(name##_any, name##_step)

SHIFT_HANDLERS(rol, SHIFT_ROL)
SHIFT_HANDLERS(ror, SHIFT_ROR)
SHIFT_HANDLERS(rcl, SHIFT_RCL)
SHIFT_HANDLERS(rcr, SHIFT_RCR)
SHIFT_HANDLERS(shl, SHIFT_SHL)
SHIFT_HANDLERS(shr, SHIFT_SHR)
SHIFT_HANDLERS(sar, SHIFT_SAR)

#define SHIFT_ENTRY(name) \
  { name##_4_immediate, name##_4_cl, name##_8_immediate, name##_8_cl, name##_any }

static ir_execute *const shift_handlers[SHIFT_KINDS][5] = {
    [SHIFT_ROL] = SHIFT_ENTRY(rol), [SHIFT_ROR] = SHIFT_ENTRY(ror), [SHIFT_RCL] = SHIFT_ENTRY(rcl),
    [SHIFT_RCR] = SHIFT_ENTRY(rcr), [SHIFT_SHL] = SHIFT_ENTRY(shl), [SHIFT_SHR] = SHIFT_ENTRY(shr),
    [SHIFT_SAR] = SHIFT_ENTRY(sar),
};

static ir_execute *bind_kind(const struct ir_op *op, enum shift kind) {
  const struct ir_operand *to = &op->operand[0];
  if (to->kind != IR_GPR || to->size < 4) return shift_handlers[kind][4];
  return shift_handlers[kind][(to->size == 8 ? 2 : 0) + (op->operand[1].kind == IR_GPR)];
}

/* --- SHLD, SHRD -------------------------------------------------------------------------------------------------- */

struct shifted {
  uint64_t result;
  bool carry;
};

/* 16 and 32 bits in 64: destination, source and, of 16, the destination again, side by side. */
static struct shifted double_left(unsigned size, uint64_t to, uint64_t from, unsigned count) {
  unsigned bits = size * 8;
  if (size == 8) return (struct shifted){to << count | from >> (64 - count), (to >> (64 - count)) & 1};
  if (size == 4) return (struct shifted){(uint32_t)(to << count | from >> (32 - count)), (to >> (32 - count)) & 1};
  uint64_t row = to << 32 | from << 16 | to;
  return (struct shifted){(row >> (32 - count)) & 0xffff, (row >> (32 + bits - count)) & 1};
}

static struct shifted double_right(unsigned size, uint64_t to, uint64_t from, unsigned count) {
  bool carry = (to >> (count - 1)) & 1;
  if (size == 8) return (struct shifted){to >> count | from << (64 - count), carry};
  if (size == 4) return (struct shifted){(uint32_t)(to >> count | from << (32 - count)), carry};
  uint64_t row = to << 32 | from << 16 | to;
  return (struct shifted){(row >> count) & 0xffff, (row >> (count - 1)) & 1};
}

static bool double_shift(struct vcpu *v, const struct ir_op *op, bool left) {
  unsigned size = op->operand[0].size;
  unsigned count = count_operand(v, op, 2, size);
  uint64_t from = gpr_read(v, &op->operand[1], size);
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  struct shifted s = {m.value, false};
  if (count) {
    s = left ? double_left(size, m.value, from, count) : double_right(size, m.value, from, count);
    bool overflow = left ? s.carry != top_bit(s.result, size) : top_bits_differ(s.result, size);
    set_shift_flags(v, size, s.result, s.carry, overflow);
  }
  operand_commit(v, op, 0, &m, s.result);
  return true;
}

static bool shld_step(struct vcpu *v, const struct ir_op *op) {
  return double_shift(v, op, true);
}

static bool shrd_step(struct vcpu *v, const struct ir_op *op) {
  return double_shift(v, op, false);
}

EXEC_HANDLER(shld, shld_step)
EXEC_HANDLER(shrd, shrd_step)

ir_execute *bind_shift(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ROL: return bind_kind(op, SHIFT_ROL);
  case IR_ROR: return bind_kind(op, SHIFT_ROR);
  case IR_RCL: return bind_kind(op, SHIFT_RCL);
  case IR_RCR: return bind_kind(op, SHIFT_RCR);
  case IR_SHL: return bind_kind(op, SHIFT_SHL);
  case IR_SHR: return bind_kind(op, SHIFT_SHR);
  case IR_SAR: return bind_kind(op, SHIFT_SAR);
  case IR_SHLD: return shld;
  case IR_SHRD: return shrd;
  default: return NULL;
  }
}
