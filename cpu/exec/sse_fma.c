/* Fused multiply-add: VFMADD132PS and its like. */
#include "cpu/exec/sse.h"

enum sign { PLUS, MINUS, ADD_SUB, SUB_ADD };

/* The digits of a mnemonic: which operands are multiplied, and which is added. */
struct fma {
  uint8_t order;  /* 1: 132, 2: 213, 3: 231 */
  uint8_t addend; /* enum sign: of the addend; with ADD_SUB odd elements are added */
  bool negates, is_double, is_scalar;
};

#define ORDERS(name, suffix, ...) \
  [IR_V##name##132##suffix] = {1, __VA_ARGS__}, [IR_V##name##213##suffix] = {2, __VA_ARGS__}, \
  [IR_V##name##231##suffix] = {3, __VA_ARGS__}
#define PACKED(name, addend, negates) \
  ORDERS(name, PS, addend, negates, false, false), ORDERS(name, PD, addend, negates, true, false)
#define ALL_FOUR(name, addend, negates) \
  PACKED(name, addend, negates), ORDERS(name, SS, addend, negates, false, true), \
      ORDERS(name, SD, addend, negates, true, true)

static const struct fma forms[IR_OPCODE_COUNT] = {
    ALL_FOUR(FMADD, PLUS, false),  ALL_FOUR(FMSUB, MINUS, false),    ALL_FOUR(FNMADD, PLUS, true),
    ALL_FOUR(FNMSUB, MINUS, true), PACKED(FMADDSUB, ADD_SUB, false), PACKED(FMSUBADD, SUB_ADD, false),
};

static bool subtracts(enum sign sign, unsigned i) {
  switch (sign) {
  case PLUS: return false;
  case MINUS: return true;
  case ADD_SUB: return !(i & 1);
  default: return i & 1;
  }
}

/* What is multiplied, by what, and what is added, as numbers of operands. */
static void order_of(const struct fma *form, unsigned order[3]) {
  static const uint8_t orders[3][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0}};
  for (unsigned i = 0; i < 3; i++) order[i] = orders[form->order - 1][i];
}

static bool fma_step(struct vcpu *v, const struct ir_op *op) {
  const struct fma *form = &forms[op->opcode];
  const struct sse_format *f = form->is_double ? &sse_double : &sse_single;
  union simd value[3];
  unsigned order[3];
  struct sse_context c = sse_begin(v);
  if (!simd_available(v, op) || !simd_read(v, op, 2, 0, &value[2])) return false;
  simd_get(v, &op->operand[0], &value[0]);
  simd_get(v, &op->operand[1], &value[1]);
  order_of(form, order);
  union simd d = value[0];
  const unsigned count = form->is_scalar ? 1 : op->operand[0].size / f->bytes;
  for (unsigned i = 0; i < count; i++) {
    const uint64_t a = sse_element(&value[order[0]], i, f->bytes), b = sse_element(&value[order[1]], i, f->bytes),
                   addend = sse_element(&value[order[2]], i, f->bytes);
    const bool minus = subtracts((enum sign)form->addend, i);
    sse_set_element(&d, i, f->bytes, sse_multiply_add(&c, f, a, b, addend, form->negates, minus));
  }
  if (!sse_end(v, &c)) return false;
  simd_write(v, op, &d);
  return true;
}
EXEC_HANDLER(fma_elements, fma_step)

ir_execute *sse_bind_fma(const struct ir_op *op) {
  return forms[op->opcode].order ? fma_elements : NULL;
}
