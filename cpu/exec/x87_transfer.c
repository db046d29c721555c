/* x87 loads, stores, constants, FXCH, FCMOVcc. */
#include "cpu/exec/flags.h"
#include "cpu/exec/x87.h"

#include <string.h>

/* --- loads ----------------------------------------------------------------------------------------------------------
 */

/* Pushes what an operation without a stack fault has found. */
static bool push_checked(struct vcpu *v, const struct ir_op *op, float80 value, const struct float80_context *context) {
  x87_record(v, op);
  if (!x87_empty(v, 7)) {
    if (x87_stack_overflow(v, op)) x87_push(v, float80_indefinite());
    return true;
  }
  /* A denormal is pushed even if its exception is not masked. */
  const bool invalid = context->raised & ~context->masks & FLOAT80_INVALID;
  (void)x87_note(v, op, context);
  if (!invalid) x87_push(v, value);
  return true;
}

static bool load_80(struct vcpu *v, const struct ir_op *op, uint8_t bytes[10]) {
  return mem_read_bytes(v, op->memory.segment, operand_address(v, op), bytes, 10, 0);
}

static bool fld_narrow_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  const struct loaded l = load_memory(v, op, op->operand[0].size);
  if (!l.ok) return false;
  bool denormal;
  float80 value =
      op->operand[0].size == 4 ? float80_from_32((uint32_t)l.value, &denormal) : float80_from_64(l.value, &denormal);
  struct float80_context context = x87_full_context(v);
  if (denormal) float80_raise(&context, FLOAT80_DENORMAL);
  (void)float80_nan_operand(&context, value, &value);
  return push_checked(v, op, value, &context);
}

static bool fld_80_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[10];
  if (!x87_available(v, op) || !load_80(v, op, bytes)) return false;
  const struct float80_context context = x87_full_context(v);
  return push_checked(v, op, (float80){host_load(bytes, 8), (uint16_t)host_load(bytes + 8, 2)}, &context);
}

static bool fild_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned size = op->operand[0].size;
  if (!x87_available(v, op)) return false;
  const struct loaded l = load_memory(v, op, size);
  if (!l.ok) return false;
  const struct float80_context context = x87_full_context(v);
  return push_checked(v, op, float80_from_integer((int64_t)sign_extend_from(l.value, size)), &context);
}

static bool fbld_step(struct vcpu *v, const struct ir_op *op) {
  uint8_t bytes[10];
  if (!x87_available(v, op) || !load_80(v, op, bytes)) return false;
  const struct float80_context context = x87_full_context(v);
  return push_checked(v, op, float80_from_bcd(bytes), &context);
}

static bool fld_register_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  const unsigned reg = op->operand[0].reg;
  const struct float80_context context = x87_full_context(v);
  if (!x87_empty(v, reg)) return push_checked(v, op, x87_get(v, reg), &context);
  x87_record(v, op);
  if (x87_stack_underflow(v, op)) x87_push(v, float80_indefinite());
  return true;
}

EXEC_HANDLER(fld_narrow, fld_narrow_step)
EXEC_HANDLER(fld_80, fld_80_step)
EXEC_HANDLER(fild, fild_step)
EXEC_HANDLER(fbld, fbld_step)
EXEC_HANDLER(fld_register, fld_register_step)

/* --- constants ------------------------------------------------------------------------------------------------------
 */

/* Rounded down, and by how much the next bits are worth: above a half, so that rounding to nearest gives one more. */
struct constant {
  uint64_t significand;
  uint16_t exponent;
  bool above_half, exact;
};

static struct constant constant_of(unsigned opcode) {
  switch (opcode) {
  case IR_FLD1: return (struct constant){FLOAT80_INTEGER_BIT, FLOAT80_BIAS, false, true};
  case IR_FLDL2T: return (struct constant){0xd49a784bcd1b8afe, 0x4000, false, false};
  case IR_FLDL2E: return (struct constant){0xb8aa3b295c17f0bb, 0x3fff, true, false};
  case IR_FLDPI: return (struct constant){0xc90fdaa22168c234, 0x4000, true, false};
  case IR_FLDLG2: return (struct constant){0x9a209a84fbcff798, 0x3ffd, true, false};
  case IR_FLDLN2: return (struct constant){0xb17217f7d1cf79ab, 0x3ffe, true, false};
  default: return (struct constant){0, 0, false, true};
  }
}

static bool constant_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  const struct float80_context context = x87_full_context(v);
  struct constant c = constant_of(op->opcode);
  const bool up = context.rounding == FLOAT80_UP || (context.rounding == FLOAT80_NEAREST && c.above_half);
  if (!c.exact && up) c.significand++;
  return push_checked(v, op, float80_make(false, c.exponent, c.significand), &context);
}
EXEC_HANDLER(fld_constant, constant_step)

/* --- stores ---------------------------------------------------------------------------------------------------------
 */

/* What a store is going to write, as bytes, and whether it is to be written at all. */
struct image {
  uint8_t bytes[10];
  unsigned size;
  struct float80_context context;
};

typedef void conversion(struct image *image, float80 value);

static void to_float(struct image *image, float80 value) {
  if (image->size == 4)
    host_store(image->bytes, 4, float80_to_32(&image->context, value));
  else
    host_store(image->bytes, 8, float80_to_64(&image->context, value));
}
static void to_80(struct image *image, float80 value) {
  host_store(image->bytes, 8, value.significand);
  host_store(image->bytes + 8, 2, value.sign_exponent);
}
static void to_integer(struct image *image, float80 value) {
  host_store(image->bytes, image->size, (uint64_t)float80_to_integer(&image->context, value, image->size));
}
static void to_integer_truncated(struct image *image, float80 value) {
  image->context.rounding = FLOAT80_TOWARDS_ZERO;
  to_integer(image, value);
}
static void to_bcd(struct image *image, float80 value) {
  float80_to_bcd(&image->context, value, image->bytes);
}

/* Nothing is stored by an exception that is not masked, inexact alone excepted. */
static bool is_stored(const struct image *image) {
  const unsigned unmasked = image->context.raised & ~image->context.masks;
  return !(unmasked & ~(unsigned)FLOAT80_INEXACT);
}

/* The address is to be good, whether or not anything is stored: so it is on silicon, the manual does not say. */
static bool write_image(struct vcpu *v, const struct ir_op *op, const struct image *image, bool stored) {
  const uint64_t offset = operand_address(v, op);
  if (!stored) return mem_probe_write(v, op->memory.segment, offset, image->size, 0);
  if (image->size == 10) return mem_write_bytes(v, op->memory.segment, offset, image->bytes, 10, 0);
  return store_at(v, op->memory.segment, offset, image->size, host_load(image->bytes, image->size));
}

EXEC_INLINE bool store(struct vcpu *v, const struct ir_op *op, conversion *convert, bool pops) {
  if (!x87_available(v, op)) return false;
  const bool empty = x87_empty(v, 0);
  struct image image = {.size = op->operand[0].size, .context = x87_full_context(v)};
  convert(&image, empty ? float80_indefinite() : x87_get(v, 0));
  if (empty) image.context.raised = FLOAT80_INVALID;
  const bool stored = is_stored(&image);
  if (!write_image(v, op, &image, stored)) return false;
  x87_record(v, op);
  if (empty)
    (void)x87_stack_underflow(v, op);
  else
    (void)x87_note(v, op, &image.context);
  if (stored && pops) x87_pop(v);
  return true;
}

#define STORE(name, convert, pops) \
  static bool name##_step(struct vcpu *v, const struct ir_op *op) { \
    return store(v, op, convert, pops); \
  } \
  EXEC_HANDLER(name, name##_step)

STORE(fst_narrow, to_float, false)
STORE(fstp_narrow, to_float, true)
STORE(fstp_80, to_80, true)
STORE(fist, to_integer, false)
STORE(fistp, to_integer, true)
STORE(fisttp, to_integer_truncated, true)
STORE(fbstp, to_bcd, true)

/* D9 D8+i, which the manual has not: on silicon it moves nothing from an empty register, and pops all the same. */
static bool is_unchecked(const struct ir_op *op) {
  enum { D9_D8 = 0x1d8, OPCODE = 0x7f8 };
  return (op->immediate & OPCODE) == D9_D8;
}

static bool fst_register(struct vcpu *v, const struct ir_op *op, bool pops) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  x87_set_conditions(v, X87_C1, 0);
  const bool empty = x87_empty(v, 0), unchecked = empty && is_unchecked(op);
  if (empty && !unchecked && !x87_stack_underflow(v, op)) return true;
  if (!unchecked) x87_set(v, op->operand[0].reg, empty ? float80_indefinite() : x87_get(v, 0));
  if (pops) x87_pop(v);
  return true;
}
static bool fst_step(struct vcpu *v, const struct ir_op *op) {
  return fst_register(v, op, false);
}
static bool fstp_step(struct vcpu *v, const struct ir_op *op) {
  return fst_register(v, op, true);
}
EXEC_HANDLER(fst, fst_step)
EXEC_HANDLER(fstp, fstp_step)

/* --- between registers ----------------------------------------------------------------------------------------------
 */

static bool fxch_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  x87_set_conditions(v, X87_C1, 0);
  /* FXCH without an operand is with ST(1); some encodings name both. */
  const unsigned reg = op->operand[1].kind == IR_ST ? op->operand[1].reg : op->operand[0].reg;
  const bool empty_0 = x87_empty(v, 0), empty_i = x87_empty(v, reg);
  if ((empty_0 || empty_i) && !x87_stack_underflow(v, op)) return true;
  const float80 value_0 = empty_0 ? float80_indefinite() : x87_get(v, 0);
  const float80 value_i = empty_i ? float80_indefinite() : x87_get(v, reg);
  x87_set(v, reg, value_0);
  x87_set(v, 0, value_i);
  return true;
}
EXEC_HANDLER(fxch, fxch_step)

/* B, E, BE, U and their opposites as conditions of Jcc: 2, 4, 6, 10, and 3, 5, 7, 11. */
static bool fcmov_condition(struct vcpu *v, unsigned condition) {
  static const uint8_t of_jcc[4] = {2, 4, 6, 10};
  return flags_condition(v, of_jcc[condition & 3] | condition >> 2);
}

static bool fcmov_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  const unsigned reg = op->operand[1].reg;
  if (x87_empty(v, 0) || x87_empty(v, reg)) {
    if (x87_stack_underflow(v, op)) x87_set(v, 0, float80_indefinite());
    return true;
  }
  if (fcmov_condition(v, op->condition)) x87_set(v, 0, x87_get(v, reg));
  return true;
}
EXEC_HANDLER(fcmov, fcmov_step)

ir_execute *x87_bind_transfer(const struct ir_op *op) {
  const bool in_memory = op->operand[0].kind == IR_MEMORY;
  const bool is_80 = op->operand[0].size == 10;
  switch (op->opcode) {
  case IR_FLD:
    if (!in_memory) return fld_register;
    return is_80 ? fld_80 : fld_narrow;
  case IR_FILD: return fild;
  case IR_FBLD: return fbld;
  case IR_FLD1:
  case IR_FLDL2T:
  case IR_FLDL2E:
  case IR_FLDPI:
  case IR_FLDLG2:
  case IR_FLDLN2:
  case IR_FLDZ: return fld_constant;
  case IR_FST: return in_memory ? fst_narrow : fst;
  case IR_FSTP:
    if (!in_memory) return fstp;
    return is_80 ? fstp_80 : fstp_narrow;
  case IR_FIST: return fist;
  case IR_FISTP: return fistp;
  case IR_FISTTP: return fisttp;
  case IR_FBSTP: return fbstp;
  case IR_FXCH: return fxch;
  case IR_FCMOVCC: return fcmov;
  default: return NULL;
  }
}
