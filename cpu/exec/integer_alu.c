/* Addition, subtraction, logic, comparison, in handlers specialised by operation, size and operand shape. */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST, ALU_KINDS };

EXEC_INLINE uint64_t alu_add(struct vcpu *v, unsigned size, uint64_t a, uint64_t b, bool carry) {
  uint64_t result = truncate_to(a + b + carry, size);
  flags_set(v, carry ? LAZY_ADC : LAZY_ADD, size, result, a, b);
  return result;
}

EXEC_INLINE uint64_t alu_subtract(struct vcpu *v, unsigned size, uint64_t a, uint64_t b, bool borrow) {
  uint64_t result = truncate_to(a - b - borrow, size);
  flags_set(v, borrow ? LAZY_SBB : LAZY_SUB, size, result, a, b);
  return result;
}

EXEC_INLINE uint64_t alu_logic(struct vcpu *v, unsigned size, uint64_t result) {
  flags_set_logic(v, size, result);
  return result;
}

/* Result and flags of one operation; its operands are zero-extended from `size`. */
EXEC_INLINE uint64_t alu(struct vcpu *v, enum alu kind, unsigned size, uint64_t a, uint64_t b) {
  switch (kind) {
  case ALU_ADD: return alu_add(v, size, a, b, false);
  case ALU_ADC: return alu_add(v, size, a, b, flags_lazy_carry(v));
  case ALU_SUB:
  case ALU_CMP: return alu_subtract(v, size, a, b, false);
  case ALU_SBB: return alu_subtract(v, size, a, b, flags_lazy_carry(v));
  case ALU_OR: return alu_logic(v, size, a | b);
  case ALU_XOR: return alu_logic(v, size, a ^ b);
  default: return alu_logic(v, size, a & b);
  }
}

EXEC_INLINE bool alu_writes(enum alu kind) {
  return kind != ALU_CMP && kind != ALU_TEST;
}

EXEC_INLINE void alu_to_register(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size, uint64_t b) {
  uint64_t result = alu(v, kind, size, gpr_read(v, &op->operand[0], size), b);
  if (alu_writes(kind)) gpr_write(v, &op->operand[0], size, result);
}

EXEC_INLINE void alu_register_register(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size) {
  alu_to_register(v, op, kind, size, gpr_read(v, &op->operand[1], size));
  return vcpu_next(v, op);
}

EXEC_INLINE void alu_register_immediate(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size) {
  alu_to_register(v, op, kind, size, truncate_to(op->immediate, size));
  return vcpu_next(v, op);
}

/* Any shape with memory, any size, by the functions that do all checks. */
static bool alu_slow(struct vcpu *v, const struct ir_op *op, enum alu kind) {
  unsigned size = op->operand[0].size;
  struct loaded b = operand_read(v, op, 1);
  if (!b.ok) return false;
  b.value = truncate_to(b.value, size);
  if (!alu_writes(kind)) {
    struct loaded a = operand_read(v, op, 0);
    if (a.ok) alu(v, kind, size, a.value, b.value);
    return a.ok;
  }
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  operand_commit(v, op, 0, &m, alu(v, kind, size, m.value, b.value));
  return true;
}

EXEC_INLINE void alu_register_memory(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size,
                                     enum addressing how, ir_execute *slow) {
  const uint8_t *host = host_as(v, op, size, FAST_READ, how);
  if (!MEM_LIKELY(host)) return slow(v, op);
  alu_to_register(v, op, kind, size, host_load(host, size));
  return vcpu_next(v, op);
}

EXEC_INLINE void alu_to_memory(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size, uint64_t b,
                               enum addressing how, ir_execute *slow) {
  uint8_t *host = host_as(v, op, size, alu_writes(kind) ? FAST_WRITE : FAST_READ, how);
  if (!MEM_LIKELY(host)) return slow(v, op);
  uint64_t result = alu(v, kind, size, host_load(host, size), b);
  if (alu_writes(kind)) host_store(host, size, result);
  return vcpu_next(v, op);
}

EXEC_INLINE void alu_memory_register(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size,
                                     enum addressing how, ir_execute *slow) {
  return alu_to_memory(v, op, kind, size, gpr_read(v, &op->operand[1], size), how, slow);
}

EXEC_INLINE void alu_memory_immediate(struct vcpu *v, const struct ir_op *op, enum alu kind, unsigned size,
                                      enum addressing how, ir_execute *slow) {
  return alu_to_memory(v, op, kind, size, truncate_to(op->immediate, size), how, slow);
}

/* The handlers: name_size_shape, and of memory shapes name_size_shape_addressing. */
#define ALU_HANDLER(name, kind, size, shape) \
  static void name##_##size##_##shape(struct vcpu *v, const struct ir_op *op) { \
    return alu_##shape(v, op, kind, size); \
  }
#define ALU_MEMORY_HANDLER(name, kind, size, shape, how) \
  static void name##_##size##_##shape##_##how(struct vcpu *v, const struct ir_op *op) { \
    return alu_##shape(v, op, kind, size, how, name##_slow); \
  }
#define ALU_MEMORY(name, kind, size, how) \
  ALU_MEMORY_HANDLER(name, kind, size, register_memory, how) \
  ALU_MEMORY_HANDLER(name, kind, size, memory_register, how) \
  ALU_MEMORY_HANDLER(name, kind, size, memory_immediate, how)
#define ALU_SHAPES(name, kind, size) \
  ALU_HANDLER(name, kind, size, register_register) \
  ALU_HANDLER(name, kind, size, register_immediate) \
  ALU_MEMORY(name, kind, size, ADDRESS_ANY)
#define ALU_FLAT(name, kind, size) \
  ALU_MEMORY(name, kind, size, ADDRESS_FLAT) \
  ALU_MEMORY(name, kind, size, ADDRESS_BASE)
#define ALU_SIZES(name, kind) \
  static bool name##_step(struct vcpu *v, const struct ir_op *op) { \
    return alu_slow(v, op, kind); \
  } \
  EXEC_HANDLER(name##_slow, name##_step) \
  ALU_SHAPES(name, kind, 1) \
  ALU_SHAPES(name, kind, 2) \
  ALU_SHAPES(name, kind, 4) \
  ALU_SHAPES(name, kind, 8) \
  ALU_FLAT(name, kind, 1) \
  ALU_FLAT(name, kind, 4) \
  ALU_FLAT(name, kind, 8)

ALU_SIZES(add, ALU_ADD)
ALU_SIZES(or, ALU_OR)
ALU_SIZES(adc, ALU_ADC)
ALU_SIZES(sbb, ALU_SBB)
ALU_SIZES(and, ALU_AND)
ALU_SIZES(sub, ALU_SUB)
ALU_SIZES(xor, ALU_XOR)
ALU_SIZES(cmp, ALU_CMP)
ALU_SIZES(test, ALU_TEST)

enum shape { REGISTER_REGISTER, REGISTER_IMMEDIATE, REGISTER_MEMORY, MEMORY_REGISTER, MEMORY_IMMEDIATE, SHAPES };

#define ALU_ROW(name, size) \
  { \
    name##_##size##_register_register, name##_##size##_register_immediate, \
        name##_##size##_register_memory_ADDRESS_ANY, name##_##size##_memory_register_ADDRESS_ANY, \
        name##_##size##_memory_immediate_ADDRESS_ANY \
  }
#define ALU_ENTRY(name) \
  { ALU_ROW(name, 1), ALU_ROW(name, 2), ALU_ROW(name, 4), ALU_ROW(name, 8) }

static ir_execute *const alu_handlers[ALU_KINDS][4][SHAPES] = {
    [ALU_ADD] = ALU_ENTRY(add), [ALU_OR] = ALU_ENTRY(or),   [ALU_ADC] = ALU_ENTRY(adc),
    [ALU_SBB] = ALU_ENTRY(sbb), [ALU_AND] = ALU_ENTRY(and), [ALU_SUB] = ALU_ENTRY(sub),
    [ALU_XOR] = ALU_ENTRY(xor), [ALU_CMP] = ALU_ENTRY(cmp), [ALU_TEST] = ALU_ENTRY(test),
};

#define FLAT_ROW(name, size, how) \
  { \
    name##_##size##_register_memory_##how, name##_##size##_memory_register_##how, \
        name##_##size##_memory_immediate_##how \
  }
#define FLAT_ENTRY(name) \
  { \
    {FLAT_ROW(name, 1, ADDRESS_FLAT), FLAT_ROW(name, 1, ADDRESS_BASE)}, \
        {FLAT_ROW(name, 4, ADDRESS_FLAT), FLAT_ROW(name, 4, ADDRESS_BASE)}, \
        {FLAT_ROW(name, 8, ADDRESS_FLAT), FLAT_ROW(name, 8, ADDRESS_BASE)}, \
  }

/* By operation, size (1, 4, 8), addressing (from ADDRESS_FLAT), shape (from REGISTER_MEMORY). */
static ir_execute *const flat_handlers[ALU_KINDS][3][2][3] = {
    [ALU_ADD] = FLAT_ENTRY(add), [ALU_OR] = FLAT_ENTRY(or),   [ALU_ADC] = FLAT_ENTRY(adc),
    [ALU_SBB] = FLAT_ENTRY(sbb), [ALU_AND] = FLAT_ENTRY(and), [ALU_SUB] = FLAT_ENTRY(sub),
    [ALU_XOR] = FLAT_ENTRY(xor), [ALU_CMP] = FLAT_ENTRY(cmp), [ALU_TEST] = FLAT_ENTRY(test),
};

/* XOR r, r: the idiom for zero. */
static void zero_4(struct vcpu *v, const struct ir_op *op) {
  v->s.gpr[op->operand[0].reg] = 0;
  flags_set_logic(v, 4, 0);
  return vcpu_next(v, op);
}

/* TEST r, r: no AND needed. */
static void test_self_4(struct vcpu *v, const struct ir_op *op) {
  flags_set_logic(v, 4, (uint32_t)v->s.gpr[op->operand[0].reg]);
  return vcpu_next(v, op);
}

static void test_self_8(struct vcpu *v, const struct ir_op *op) {
  flags_set_logic(v, 8, v->s.gpr[op->operand[0].reg]);
  return vcpu_next(v, op);
}

static unsigned size_index(unsigned size) {
  return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

static enum shape shape_of(const struct ir_op *op) {
  if (op->operand[0].kind == IR_MEMORY) return op->operand[1].kind == IR_GPR ? MEMORY_REGISTER : MEMORY_IMMEDIATE;
  if (op->operand[1].kind == IR_MEMORY) return REGISTER_MEMORY;
  return op->operand[1].kind == IR_GPR ? REGISTER_REGISTER : REGISTER_IMMEDIATE;
}

static bool same_register(const struct ir_op *op) {
  return op->operand[0].kind == IR_GPR && op->operand[1].kind == IR_GPR && op->operand[0].reg == op->operand[1].reg;
}

static ir_execute *bind_idiom(const struct ir_op *op) {
  if (!same_register(op)) return NULL;
  unsigned size = op->operand[0].size;
  if (op->opcode == IR_XOR && size == 4) return zero_4;
  if (op->opcode == IR_TEST && size == 4) return test_self_4;
  return op->opcode == IR_TEST && size == 8 ? test_self_8 : NULL;
}

static ir_execute *bind_two_operands(const struct ir_op *op, enum alu kind) {
  ir_execute *idiom = bind_idiom(op);
  if (idiom) return idiom;
  unsigned size = op->operand[0].size;
  enum shape shape = shape_of(op);
  enum addressing how = addressing_of(op);
  if (size != 2 && shape >= REGISTER_MEMORY && how != ADDRESS_ANY)
    return flat_handlers[kind][size / 4][how - ADDRESS_FLAT][shape - REGISTER_MEMORY];
  return alu_handlers[kind][size_index(size)][shape];
}

/* --- one operand ------------------------------------------------------------------------------------------------- */

enum unary { UNARY_INC, UNARY_DEC, UNARY_NEG, UNARY_NOT, UNARY_KINDS };

/* INC and DEC keep CF, so it has to be in RFLAGS. */
EXEC_INLINE void settle_carry(struct vcpu *v) {
  uint8_t kind = v->lazy.kind;
  if (kind != LAZY_INC && kind != LAZY_DEC)
    v->s.rflags = (v->s.rflags & ~(uint64_t)FLAG_CF) | (uint64_t)flags_lazy_carry(v);
}

EXEC_INLINE uint64_t unary(struct vcpu *v, enum unary kind, unsigned size, uint64_t a) {
  if (kind == UNARY_NOT) return truncate_to(~a, size);
  if (kind == UNARY_NEG) return alu_subtract(v, size, 0, a, false);
  settle_carry(v);
  uint64_t result = truncate_to(kind == UNARY_INC ? a + 1 : a - 1, size);
  flags_set(v, kind == UNARY_INC ? LAZY_INC : LAZY_DEC, size, result, a, 1);
  return result;
}

EXEC_INLINE void unary_register(struct vcpu *v, const struct ir_op *op, enum unary kind, unsigned size) {
  gpr_write(v, &op->operand[0], size, unary(v, kind, size, gpr_read(v, &op->operand[0], size)));
  return vcpu_next(v, op);
}

EXEC_INLINE bool unary_slow(struct vcpu *v, const struct ir_op *op, enum unary kind, unsigned size) {
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  operand_commit(v, op, 0, &m, unary(v, kind, size, m.value));
  return true;
}

EXEC_INLINE void unary_memory(struct vcpu *v, const struct ir_op *op, enum unary kind, unsigned size) {
  bool done = unary_slow(v, op, kind, size);
  return exec_end(v, op, done);
}

#define UNARY_HANDLER(name, kind, size, shape) \
  static void name##_##size##_##shape(struct vcpu *v, const struct ir_op *op) { \
    return unary_##shape(v, op, kind, size); \
  }
#define UNARY_SIZE(name, kind, size) UNARY_HANDLER(name, kind, size, register) UNARY_HANDLER(name, kind, size, memory)
#define UNARY_SIZES(name, kind) \
  UNARY_SIZE(name, kind, 1) UNARY_SIZE(name, kind, 2) UNARY_SIZE(name, kind, 4) UNARY_SIZE(name, kind, 8)

UNARY_SIZES(inc, UNARY_INC)
UNARY_SIZES(dec, UNARY_DEC)
UNARY_SIZES(neg, UNARY_NEG)
UNARY_SIZES(not, UNARY_NOT)

#define UNARY_ENTRY(name) \
  { \
    {name##_1_register, name##_1_memory}, {name##_2_register, name##_2_memory}, {name##_4_register, name##_4_memory}, \
    { \
      name##_8_register, name##_8_memory \
    } \
  }

static ir_execute *const unary_handlers[UNARY_KINDS][4][2] = {
    [UNARY_INC] = UNARY_ENTRY(inc),
    [UNARY_DEC] = UNARY_ENTRY(dec),
    [UNARY_NEG] = UNARY_ENTRY(neg),
    [UNARY_NOT] = UNARY_ENTRY(not ),
};

static ir_execute *bind_one_operand(const struct ir_op *op, enum unary kind) {
  return unary_handlers[kind][size_index(op->operand[0].size)][op->operand[0].kind == IR_MEMORY];
}

ir_execute *bind_alu(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ADD: return bind_two_operands(op, ALU_ADD);
  case IR_OR: return bind_two_operands(op, ALU_OR);
  case IR_ADC: return bind_two_operands(op, ALU_ADC);
  case IR_SBB: return bind_two_operands(op, ALU_SBB);
  case IR_AND: return bind_two_operands(op, ALU_AND);
  case IR_SUB: return bind_two_operands(op, ALU_SUB);
  case IR_XOR: return bind_two_operands(op, ALU_XOR);
  case IR_CMP: return bind_two_operands(op, ALU_CMP);
  case IR_TEST: return bind_two_operands(op, ALU_TEST);
  case IR_INC: return bind_one_operand(op, UNARY_INC);
  case IR_DEC: return bind_one_operand(op, UNARY_DEC);
  case IR_NEG: return bind_one_operand(op, UNARY_NEG);
  case IR_NOT: return bind_one_operand(op, UNARY_NOT);
  default: return NULL;
  }
}
