/* x87 arithmetic: the four basic operations in all their forms, and what works on ST(0), or ST(0) and ST(1). */
#include "cpu/exec/x87.h"

/* --- FADD, FMUL, FSUB, FSUBR, FDIV, FDIVR; with P; with an integer ---------------------------------------------------
 */

/* Where the operands are: a = ST(0) or the destination, b = the source. */
struct sources {
  float80 b;
  unsigned destination, source; /* stack registers */
  bool denormal;                /* b was one in memory */
  bool in_memory, is_integer;
};

static bool memory_source(struct vcpu *v, const struct ir_op *op, struct sources *s) {
  const struct loaded l = load_memory(v, op, op->operand[0].size);
  if (!l.ok) return false;
  s->in_memory = true;
  if (s->is_integer)
    s->b = float80_from_integer((int64_t)sign_extend_from(l.value, op->operand[0].size));
  else if (op->operand[0].size == 4)
    s->b = float80_from_32((uint32_t)l.value, &s->denormal);
  else
    s->b = float80_from_64(l.value, &s->denormal);
  return true;
}

static bool find_sources(struct vcpu *v, const struct ir_op *op, struct sources *s) {
  if (op->operand[0].kind == IR_MEMORY) return memory_source(v, op, s);
  s->destination = op->operand[0].reg;
  s->source = op->operand[1].reg;
  s->b = x87_get(v, s->source);
  return true;
}

EXEC_INLINE bool binary(struct vcpu *v, const struct ir_op *op, float80_operation *operation, bool reversed,
                        bool is_integer, bool pops) {
  struct sources s = {.is_integer = is_integer};
  if (!x87_available(v, op) || !find_sources(v, op, &s)) return false;
  x87_record(v, op);
  float80 result = float80_indefinite();
  bool stores;
  if (x87_empty(v, s.destination) || (!s.in_memory && x87_empty(v, s.source))) {
    stores = x87_stack_underflow(v, op);
  } else {
    struct float80_context context = x87_context(v);
    const float80 a = x87_get(v, s.destination);
    result = reversed ? operation(&context, s.b, a, s.denormal) : operation(&context, a, s.b, s.denormal);
    stores = x87_note(v, op, &context);
  }
  if (!stores) return true;
  x87_set(v, s.destination, result);
  if (pops) x87_pop(v);
  return true;
}

#define BINARY(name, operation, reversed, is_integer, pops) \
  static bool name##_step(struct vcpu *v, const struct ir_op *op) { \
    return binary(v, op, operation, reversed, is_integer, pops); \
  } \
  EXEC_HANDLER(name, name##_step)

BINARY(fadd, float80_add, false, false, false)
BINARY(fmul, float80_multiply, false, false, false)
BINARY(fsub, float80_subtract, false, false, false)
BINARY(fsubr, float80_subtract, true, false, false)
BINARY(fdiv, float80_divide, false, false, false)
BINARY(fdivr, float80_divide, true, false, false)
BINARY(faddp, float80_add, false, false, true)
BINARY(fmulp, float80_multiply, false, false, true)
BINARY(fsubp, float80_subtract, false, false, true)
BINARY(fsubrp, float80_subtract, true, false, true)
BINARY(fdivp, float80_divide, false, false, true)
BINARY(fdivrp, float80_divide, true, false, true)
BINARY(fiadd, float80_add, false, true, false)
BINARY(fimul, float80_multiply, false, true, false)
BINARY(fisub, float80_subtract, false, true, false)
BINARY(fisubr, float80_subtract, true, true, false)
BINARY(fidiv, float80_divide, false, true, false)
BINARY(fidivr, float80_divide, true, true, false)

/* --- on ST(0) -------------------------------------------------------------------------------------------------------
 */

/* FSQRT is what heeds the precision. */
static bool unary(struct vcpu *v, const struct ir_op *op, float80 (*operation)(struct float80_context *, float80),
                  struct float80_context context) {
  x87_record(v, op);
  float80 result = float80_indefinite();
  bool stores;
  if (x87_empty(v, 0)) {
    stores = x87_stack_underflow(v, op);
  } else {
    result = operation(&context, x87_get(v, 0));
    stores = x87_note(v, op, &context);
  }
  if (stores) x87_set(v, 0, result);
  return true;
}

static bool fsqrt_step(struct vcpu *v, const struct ir_op *op) {
  return x87_available(v, op) && unary(v, op, float80_square_root, x87_context(v));
}
static bool frndint_step(struct vcpu *v, const struct ir_op *op) {
  return x87_available(v, op) && unary(v, op, float80_round_to_integer, x87_full_context(v));
}

static float80 absolute(struct float80_context *context, float80 a) {
  (void)context;
  a.sign_exponent &= 0x7fff;
  return a;
}
static float80 negated(struct float80_context *context, float80 a) {
  (void)context;
  a.sign_exponent ^= 0x8000;
  return a;
}

static bool fabs_step(struct vcpu *v, const struct ir_op *op) {
  return x87_available(v, op) && unary(v, op, absolute, x87_full_context(v));
}
static bool fchs_step(struct vcpu *v, const struct ir_op *op) {
  return x87_available(v, op) && unary(v, op, negated, x87_full_context(v));
}

EXEC_HANDLER(fsqrt, fsqrt_step)
EXEC_HANDLER(frndint, frndint_step)
EXEC_HANDLER(fabs_, fabs_step)
EXEC_HANDLER(fchs, fchs_step)

/* --- on ST(0) and ST(1) ---------------------------------------------------------------------------------------------
 */

static bool fscale_step(struct vcpu *v, const struct ir_op *op) {
  float80 result;
  if (!x87_available(v, op)) return false;
  if (x87_of_two(v, op, float80_scale, &result)) x87_set(v, 0, result);
  return true;
}
EXEC_HANDLER(fscale, fscale_step)

/* Full where a value is to be pushed, or empty where one is to be replaced. */
static bool extract_stack_fault(struct vcpu *v, const struct ir_op *op) {
  if (!(x87_empty(v, 0) ? x87_stack_underflow(v, op) : x87_stack_overflow(v, op))) return true;
  x87_set(v, 0, float80_indefinite());
  x87_push(v, float80_indefinite());
  return true;
}

static bool fxtract_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  if (x87_empty(v, 0) || !x87_empty(v, 7)) return extract_stack_fault(v, op);
  struct float80_context context = x87_full_context(v);
  float80 exponent;
  const float80 significand = float80_extract(&context, x87_get(v, 0), &exponent);
  if (!x87_note(v, op, &context)) return true;
  x87_set(v, 0, exponent);
  x87_push(v, significand);
  return true;
}
EXEC_HANDLER(fxtract, fxtract_step)

/* C2, and where there is a quotient its low bits. */
static void set_quotient(struct vcpu *v, const struct float80_remainder *r) {
  x87_set_conditions(v, X87_C2, r->partial ? X87_C2 : 0);
  if (!r->has_quotient) return;
  const unsigned bits =
      (r->quotient & 4 ? X87_C0 : 0u) | (r->quotient & 2 ? X87_C3 : 0u) | (r->quotient & 1 ? X87_C1 : 0u);
  x87_set_conditions(v, X87_C0 | X87_C1 | X87_C3, bits);
}

static bool remainder_step(struct vcpu *v, const struct ir_op *op) {
  if (!x87_available(v, op)) return false;
  x87_record(v, op);
  struct float80_remainder r = {.value = float80_indefinite()};
  bool stores;
  if (x87_empty(v, 0) || x87_empty(v, 1)) {
    stores = x87_stack_underflow(v, op);
  } else {
    struct float80_context context = x87_full_context(v);
    r = float80_remainder(&context, x87_get(v, 0), x87_get(v, 1), op->opcode == IR_FPREM1);
    stores = x87_note(v, op, &context);
  }
  set_quotient(v, &r);
  if (stores) x87_set(v, 0, r.value);
  return true;
}
EXEC_HANDLER(fprem, remainder_step)

ir_execute *x87_bind_arithmetic(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_FADD: return fadd;
  case IR_FMUL: return fmul;
  case IR_FSUB: return fsub;
  case IR_FSUBR: return fsubr;
  case IR_FDIV: return fdiv;
  case IR_FDIVR: return fdivr;
  case IR_FADDP: return faddp;
  case IR_FMULP: return fmulp;
  case IR_FSUBP: return fsubp;
  case IR_FSUBRP: return fsubrp;
  case IR_FDIVP: return fdivp;
  case IR_FDIVRP: return fdivrp;
  case IR_FIADD: return fiadd;
  case IR_FIMUL: return fimul;
  case IR_FISUB: return fisub;
  case IR_FISUBR: return fisubr;
  case IR_FIDIV: return fidiv;
  case IR_FIDIVR: return fidivr;
  case IR_FSQRT: return fsqrt;
  case IR_FRNDINT: return frndint;
  case IR_FABS: return fabs_;
  case IR_FCHS: return fchs;
  case IR_FSCALE: return fscale;
  case IR_FXTRACT: return fxtract;
  case IR_FPREM:
  case IR_FPREM1: return fprem;
  default: return NULL;
  }
}
