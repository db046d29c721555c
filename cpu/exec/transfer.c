/* Moving data: MOV, MOVZX, MOVSX, LEA, XCHG, MOVBE, XLAT. MOV of segment registers is elsewhere
 * (exec_bind_far). */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

/* --- MOV --------------------------------------------------------------------------------------------------------- */

EXEC_INLINE void mov_register_register(struct vcpu *v, const struct ir_op *op, unsigned size) {
  gpr_write(v, &op->operand[0], size, gpr_read(v, &op->operand[1], size));
  return vcpu_next(v, op);
}

EXEC_INLINE void mov_register_immediate(struct vcpu *v, const struct ir_op *op, unsigned size) {
  gpr_write(v, &op->operand[0], size, op->immediate);
  return vcpu_next(v, op);
}

static bool mov_step(struct vcpu *v, const struct ir_op *op) {
  struct loaded from = operand_read(v, op, 1);
  return from.ok && operand_write(v, op, 0, truncate_to(from.value, op->operand[0].size));
}

EXEC_HANDLER(mov_slow, mov_step)

EXEC_INLINE void mov_register_memory(struct vcpu *v, const struct ir_op *op, unsigned size, enum addressing how) {
  const uint8_t *host = host_as(v, op, size, FAST_READ, how);
  if (!MEM_LIKELY(host)) return mov_slow(v, op);
  gpr_write(v, &op->operand[0], size, host_load(host, size));
  return vcpu_next(v, op);
}

EXEC_INLINE void mov_memory_register(struct vcpu *v, const struct ir_op *op, unsigned size, enum addressing how) {
  uint8_t *host = host_as(v, op, size, FAST_WRITE, how);
  if (!MEM_LIKELY(host)) return mov_slow(v, op);
  host_store(host, size, gpr_read(v, &op->operand[1], size));
  return vcpu_next(v, op);
}

EXEC_INLINE void mov_memory_immediate(struct vcpu *v, const struct ir_op *op, unsigned size, enum addressing how) {
  uint8_t *host = host_as(v, op, size, FAST_WRITE, how);
  if (!MEM_LIKELY(host)) return mov_slow(v, op);
  host_store(host, size, op->immediate);
  return vcpu_next(v, op);
}

#define MOV_HANDLER(size, shape) \
  static void mov_##size##_##shape(struct vcpu *v, const struct ir_op *op) { \
    return mov_##shape(v, op, size); \
  }
#define MOV_MEMORY_HANDLER(size, shape, how) \
  static void mov_##size##_##shape##_##how(struct vcpu *v, const struct ir_op *op) { \
    return mov_##shape(v, op, size, how); \
  }
#define MOV_MEMORY(size, how) \
  MOV_MEMORY_HANDLER(size, register_memory, how) \
  MOV_MEMORY_HANDLER(size, memory_register, how) \
  MOV_MEMORY_HANDLER(size, memory_immediate, how)
#define MOV_SHAPES(size) \
  MOV_HANDLER(size, register_register) \
  MOV_HANDLER(size, register_immediate) \
  MOV_MEMORY(size, ADDRESS_ANY) \
  MOV_MEMORY(size, ADDRESS_FLAT) \
  MOV_MEMORY(size, ADDRESS_BASE)

MOV_SHAPES(1)
MOV_SHAPES(2)
MOV_SHAPES(4)
MOV_SHAPES(8)

static ir_execute *const mov_register_handlers[4][2] = {
    {mov_1_register_register, mov_1_register_immediate},
    {mov_2_register_register, mov_2_register_immediate},
    {mov_4_register_register, mov_4_register_immediate},
    {mov_8_register_register, mov_8_register_immediate},
};

enum mov_shape { REGISTER_MEMORY, MEMORY_REGISTER, MEMORY_IMMEDIATE, MOV_MEMORY_SHAPES };

#define MOV_ROW(size, how) \
  { mov_##size##_register_memory_##how, mov_##size##_memory_register_##how, mov_##size##_memory_immediate_##how }
#define MOV_ENTRY(size) \
  { MOV_ROW(size, ADDRESS_ANY), MOV_ROW(size, ADDRESS_FLAT), MOV_ROW(size, ADDRESS_BASE) }

static ir_execute *const mov_memory_handlers[4][ADDRESSINGS][MOV_MEMORY_SHAPES] = {MOV_ENTRY(1), MOV_ENTRY(2),
                                                                                   MOV_ENTRY(4), MOV_ENTRY(8)};

static ir_execute *bind_mov(const struct ir_op *op) {
  const struct ir_operand *to = &op->operand[0], *from = &op->operand[1];
  if (to->kind == IR_SEGMENT || from->kind == IR_SEGMENT) return NULL;
  unsigned size = to->size == 8 ? 3 : to->size / 2;
  ir_execute *const *memory = mov_memory_handlers[size][addressing_of(op)];
  if (to->kind == IR_MEMORY) return memory[from->kind == IR_GPR ? MEMORY_REGISTER : MEMORY_IMMEDIATE];
  if (from->kind == IR_MEMORY) return memory[REGISTER_MEMORY];
  return mov_register_handlers[size][from->kind != IR_GPR];
}

/* MOVNTI, MOVDIRI. */
static bool store_register_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[1].size;
  return store_memory(v, op, size, gpr_read(v, &op->operand[1], size));
}

EXEC_HANDLER(store_register, store_register_step)

/* --- MOVZX, MOVSX, MOVSXD ---------------------------------------------------------------------------------------- */

EXEC_INLINE uint64_t extend(bool is_signed, unsigned from, uint64_t value) {
  return is_signed ? sign_extend_from(value, from) : value;
}

/* The destination's 16 and 64 bits, or 32 zero-extended: sizes at run time, but for the load. */
EXEC_INLINE void extend_register(struct vcpu *v, const struct ir_op *op, bool is_signed, unsigned from) {
  uint64_t value = extend(is_signed, from, gpr_read(v, &op->operand[1], from));
  gpr_write_number(v, op->operand[0].reg, op->operand[0].size, value);
  return vcpu_next(v, op);
}

static bool extend_step(struct vcpu *v, const struct ir_op *op) {
  struct loaded value = operand_read(v, op, 1);
  if (value.ok)
    gpr_write_number(v, op->operand[0].reg, op->operand[0].size,
                     extend(op->opcode != IR_MOVZX, op->operand[1].size, value.value));
  return value.ok;
}

EXEC_HANDLER(extend_slow, extend_step)

EXEC_INLINE void extend_memory(struct vcpu *v, const struct ir_op *op, bool is_signed, unsigned from,
                               enum addressing how) {
  const uint8_t *host = host_as(v, op, from, FAST_READ, how);
  if (!MEM_LIKELY(host)) return extend_slow(v, op);
  gpr_write_number(v, op->operand[0].reg, op->operand[0].size, extend(is_signed, from, host_load(host, from)));
  return vcpu_next(v, op);
}

#define EXTEND_HANDLERS(name, is_signed, from) \
  static void name##_##from##_register(struct vcpu *v, const struct ir_op *op) { \
    return extend_register(v, op, is_signed, from); \
  } \
  static void name##_##from##_memory(struct vcpu *v, const struct ir_op *op) { \
    return extend_memory(v, op, is_signed, from, ADDRESS_ANY); \
  } \
  static void name##_##from##_flat(struct vcpu *v, const struct ir_op *op) { \
    return extend_memory(v, op, is_signed, from, ADDRESS_FLAT); \
  } \
  static ir_execute *bind_##name##_##from(const struct ir_op *op) { \
    if (op->operand[1].kind != IR_MEMORY) return name##_##from##_register; \
    return addressing_of(op) == ADDRESS_ANY ? name##_##from##_memory : name##_##from##_flat; \
  }

EXTEND_HANDLERS(movzx, false, 1)
EXTEND_HANDLERS(movzx, false, 2)
EXTEND_HANDLERS(movsx, true, 1)
EXTEND_HANDLERS(movsx, true, 2)
EXTEND_HANDLERS(movsx, true, 4)

static ir_execute *bind_movzx(const struct ir_op *op) {
  return op->operand[1].size == 1 ? bind_movzx_1(op) : bind_movzx_2(op);
}

static ir_execute *bind_movsx(const struct ir_op *op) {
  switch (op->operand[1].size) {
  case 1: return bind_movsx_1(op);
  case 2: return bind_movsx_2(op);
  default: return bind_movsx_4(op);
  }
}

/* --- LEA --------------------------------------------------------------------------------------------------------- */

static void lea(struct vcpu *v, const struct ir_op *op) {
  gpr_write_number(v, op->operand[0].reg, op->operand[0].size, operand_address(v, op));
  return vcpu_next(v, op);
}

static void lea_8(struct vcpu *v, const struct ir_op *op) {
  v->s.gpr[op->operand[0].reg] = operand_address(v, op);
  return vcpu_next(v, op);
}

/* --- XCHG, MOVBE, XLAT ------------------------------------------------------------------------------------------- */

static bool xchg_step(struct vcpu *v, const struct ir_op *op) {
  unsigned memory = op->operand[1].kind == IR_MEMORY, other = 1 - memory, size = op->operand[0].size;
  struct modified m;
  if (!operand_modify(v, op, memory, &m)) return false;
  uint64_t value = gpr_read(v, &op->operand[other], size);
  operand_commit(v, op, memory, &m, value);
  gpr_write(v, &op->operand[other], size, m.value);
  return true;
}

static uint64_t swap_bytes(uint64_t value, unsigned size) {
  return __builtin_bswap64(value) >> (64 - size * 8);
}

static bool movbe_step(struct vcpu *v, const struct ir_op *op) {
  struct loaded from = operand_read(v, op, 1);
  return from.ok && operand_write(v, op, 0, swap_bytes(from.value, op->operand[0].size));
}

static bool xlat_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t offset = v->s.gpr[VMXSIM_RBX] + (uint8_t)v->s.gpr[VMXSIM_RAX];
  struct loaded from = load_at(v, op->memory.segment, truncate_to(offset, op->address_size), 1);
  if (from.ok) gpr_write_number(v, VMXSIM_RAX, 1, from.value);
  return from.ok;
}

EXEC_HANDLER(xchg, xchg_step)
EXEC_HANDLER(movbe, movbe_step)
EXEC_HANDLER(xlat, xlat_step)

static void nop(struct vcpu *v, const struct ir_op *op) {
  return vcpu_next(v, op);
}

static ir_execute *bind_move(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOV: return bind_mov(op);
  case IR_MOVNTI:
  case IR_MOVDIRI: return store_register;
  case IR_MOVZX: return bind_movzx(op);
  case IR_MOVSX:
  case IR_MOVSXD: return bind_movsx(op);
  case IR_LEA: return op->operand[0].size == 8 ? lea_8 : lea;
  case IR_XCHG: return xchg;
  case IR_MOVBE: return movbe;
  case IR_XLAT: return xlat;
  case IR_NOP: return nop;
  default: return NULL;
  }
}

ir_execute *exec_bind_transfer(const struct ir_op *op) {
  ir_execute *handler = bind_move(op);
  if (!handler) handler = bind_stack(op);
  return handler ? handler : bind_branch(op);
}
