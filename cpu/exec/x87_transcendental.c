/* The transcendental instructions: operands, stack, conditions. The functions are x87_functions.h's. */
#include "cpu/exec/x87.h"
#include "cpu/exec/x87_functions.h"

/* --- of ST(0) -------------------------------------------------------------------------------------------------------
 */

typedef float80 function(struct float80_context *context, float80 a);

static bool replace_top(struct vcpu *v, const struct ir_op *op, function *f) {
  struct float80_context context = x87_full_context(v);
  const float80 result = f(&context, x87_get(v, 0));
  if (x87_note(v, op, &context)) x87_set(v, 0, result);
  return true;
}

/* C2 tells that the argument is too large and stays as it is. */
static bool has_angle(struct vcpu *v) {
  const bool out_of_range = float80_out_of_range(x87_get(v, 0));
  x87_set_conditions(v, X87_C1 | X87_C2, out_of_range ? X87_C2 : 0);
  return !out_of_range;
}

static bool of_angle(struct vcpu *v, const struct ir_op *op, function *f) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  if (x87_empty(v, 0)) {
    x87_set_conditions(v, X87_C2, 0);
    if (x87_stack_underflow(v, op)) x87_set(v, 0, float80_indefinite());
    return true;
  }
  return has_angle(v) ? replace_top(v, op, f) : true;
}

static bool fsin_step(struct vcpu *v, const struct ir_op *op) {
  return of_angle(v, op, float80_sine);
}
static bool fcos_step(struct vcpu *v, const struct ir_op *op) {
  return of_angle(v, op, float80_cosine);
}

static bool f2xm1_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  if (!x87_empty(v, 0)) return replace_top(v, op, float80_power_of_2_less_1);
  if (x87_stack_underflow(v, op)) x87_set(v, 0, float80_indefinite());
  return true;
}

/* --- two results ----------------------------------------------------------------------------------------------------
 */

static float80 one(struct float80_context *context, float80 a) {
  float80 result = float80_one(false);
  (void)float80_nan_operand(context, a, &result);
  if (float80_classify(a) == FLOAT80_INFINITE) result = float80_invalid(context);
  return result;
}

/* Replaces ST(0) by one function of it and pushes another. */
static bool two_results(struct vcpu *v, const struct ir_op *op, function *first, function *second) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  const bool empty = x87_empty(v, 0);
  float80 a = float80_indefinite(), b = float80_indefinite();
  bool stores;
  if (empty || !x87_empty(v, 7)) {
    x87_set_conditions(v, X87_C2, 0);
    stores = empty ? x87_stack_underflow(v, op) : x87_stack_overflow(v, op);
  } else {
    if (!has_angle(v)) return true;
    struct float80_context context = x87_full_context(v);
    a = first(&context, x87_get(v, 0));
    b = second(&context, x87_get(v, 0));
    stores = x87_note(v, op, &context);
  }
  if (!stores) return true;
  x87_set(v, 0, a);
  x87_push(v, b);
  return true;
}

static bool fsincos_step(struct vcpu *v, const struct ir_op *op) {
  return two_results(v, op, float80_sine, float80_cosine);
}
static bool fptan_step(struct vcpu *v, const struct ir_op *op) {
  return two_results(v, op, float80_tangent, one);
}

/* --- of ST(0) and ST(1), one of which is popped ----------------------------------------------------------------------
 */

static bool of_two(struct vcpu *v, const struct ir_op *op, x87_function_of_two *f) {
  float80 result;
  if (!x87_available(v, op)) return false;
  if (!x87_of_two(v, op, f, &result)) return true;
  x87_set(v, 1, result);
  x87_pop(v);
  return true;
}

static bool fpatan_step(struct vcpu *v, const struct ir_op *op) {
  return of_two(v, op, float80_arctangent);
}
static bool fyl2x_step(struct vcpu *v, const struct ir_op *op) {
  return of_two(v, op, float80_logarithm);
}
static bool fyl2xp1_step(struct vcpu *v, const struct ir_op *op) {
  return of_two(v, op, float80_logarithm_plus_1);
}

EXEC_HANDLER(fsin, fsin_step)
EXEC_HANDLER(fcos, fcos_step)
EXEC_HANDLER(f2xm1, f2xm1_step)
EXEC_HANDLER(fsincos, fsincos_step)
EXEC_HANDLER(fptan, fptan_step)
EXEC_HANDLER(fpatan, fpatan_step)
EXEC_HANDLER(fyl2x, fyl2x_step)
EXEC_HANDLER(fyl2xp1, fyl2xp1_step)

ir_execute *x87_bind_transcendental(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FSIN: return fsin;
  case IR_FCOS: return fcos;
  case IR_F2XM1: return f2xm1;
  case IR_FSINCOS: return fsincos;
  case IR_FPTAN: return fptan;
  case IR_FPATAN: return fpatan;
  case IR_FYL2X: return fyl2x;
  case IR_FYL2XP1: return fyl2xp1;
  default: return NULL;
  }
}
