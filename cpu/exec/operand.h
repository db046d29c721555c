/* Reading and writing the operands of an op, and the ways in which a handler ends.
 *
 * A handler ends in one of four ways:
 *   vcpu_next(v, op)   it touched registers only;
 *   exec_next(v, op)   it touched memory or a port, or changed what a boundary looks at: stops after the op if
 * something wants attention, with s.rip at the next instruction; exec_jump(v, rip)  it is a branch, or a REP iteration
 * that will be gone on with: s.rip is set as given; exec_fault(v, op)  an exception is pending; s.rip is that of the
 * op. v->current is the op all the while: the run loop and vcpu_next() set it before the op executes.
 */
#ifndef VMXSIM_CPU_EXEC_OPERAND_H
#define VMXSIM_CPU_EXEC_OPERAND_H

#include "cpu/mmu/mmu.h"

/* For the bodies of specialised handlers, whose sizes and kinds are constants. */
#define EXEC_INLINE static inline __attribute__((always_inline))

/* What a handler needs of mmu_fast.h is to be inlined whatever a compiler thinks of its size. */
EXEC_INLINE uint64_t host_load(const uint8_t *host, unsigned size);
EXEC_INLINE void host_store(uint8_t *host, unsigned size, uint64_t value);
EXEC_INLINE uint8_t *fast_host(const struct fast_table *table, uint64_t linear, unsigned size);
EXEC_INLINE bool fast_linear(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t *linear);
EXEC_INLINE uint8_t *mem_fast(const struct vcpu *v, unsigned segment, uint64_t offset, unsigned size,
                              enum fast_kind kind);
#include "cpu/mmu/mmu_fast.h"

/* A handler out of a step, which returns false with an exception pending. Keeping the locals of a step in a function of
 * its own lets the handler end in a jump to the next one. */
#define EXEC_HANDLER(name, step) \
  static void name(struct vcpu *v, const struct ir_op *op) { \
    bool done = step(v, op); \
    return exec_end(v, op, done); \
  }

/* --- how a handler ends ------------------------------------------------------------------------------------------ */

/* RIP is 64 bits wide in 64-bit mode only. */
static inline uint64_t exec_wrap_rip(const struct vcpu *v, uint64_t rip) {
  return v->mode & DECODE_CODE_64 ? rip : (uint32_t)rip;
}

void exec_fault(struct vcpu *v, const struct ir_op *op);
/* What exec_next() does if something wants attention. */
void exec_attend(struct vcpu *v, const struct ir_op *op);

static inline void exec_jump(struct vcpu *v, uint64_t rip) {
  v->s.rip = rip;
}

EXEC_INLINE void exec_next(struct vcpu *v, const struct ir_op *op) {
  if (__builtin_expect(v->attention != 0, 0)) return exec_attend(v, op);
  return vcpu_next(v, op);
}

EXEC_INLINE void exec_end(struct vcpu *v, const struct ir_op *op, bool done) {
  if (__builtin_expect(!done, 0)) return exec_fault(v, op);
  return exec_next(v, op);
}

/* Raises and returns false: the end of a step that cannot go on. */
bool exec_raise(struct vcpu *v, unsigned vector);
bool exec_raise_with_code(struct vcpu *v, unsigned vector, uint32_t error_code);

/* --- values ------------------------------------------------------------------------------------------------------ */

EXEC_INLINE uint64_t truncate_to(uint64_t value, unsigned size) {
  return size == 8 ? value : value & (((uint64_t)1 << (size * 8)) - 1);
}

EXEC_INLINE uint64_t sign_extend_from(uint64_t value, unsigned size) {
  unsigned shift = 64 - size * 8;
  return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* --- registers --------------------------------------------------------------------------------------------------- */

EXEC_INLINE uint64_t gpr_read(const struct vcpu *v, const struct ir_operand *operand, unsigned size) {
  uint64_t value = v->s.gpr[operand->reg];
  return size == 1 ? (uint8_t)(value >> (operand->high8 ? 8 : 0)) : truncate_to(value, size);
}

/* Writing 32 bits clears the upper half, 16 and 8 leave the rest. */
EXEC_INLINE void gpr_write_number(struct vcpu *v, unsigned reg, unsigned size, uint64_t value) {
  uint64_t *gpr = &v->s.gpr[reg];
  switch (size) {
  case 8: *gpr = value; break;
  case 4: *gpr = (uint32_t)value; break;
  case 2: *gpr = (*gpr & ~(uint64_t)0xffff) | (uint16_t)value; break;
  default: *gpr = (*gpr & ~(uint64_t)0xff) | (uint8_t)value; break;
  }
}

EXEC_INLINE void gpr_write(struct vcpu *v, const struct ir_operand *operand, unsigned size, uint64_t value) {
  if (size != 1) return gpr_write_number(v, operand->reg, size, value);
  unsigned shift = operand->high8 ? 8 : 0;
  uint64_t *gpr = &v->s.gpr[operand->reg];
  *gpr = (*gpr & ~((uint64_t)0xff << shift)) | (uint64_t)(uint8_t)value << shift;
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

EXEC_INLINE uint64_t operand_address(const struct vcpu *v, const struct ir_op *op) {
  return mem_effective_address_inline(v, op);
}

/* What a read gives: in registers, so that no local of a handler has its address taken. */
struct loaded {
  uint64_t value;
  bool ok;
};

/* The same for the stack in 64-bit mode. */
EXEC_INLINE uint8_t *stack_host(const struct vcpu *v, uint64_t sp, enum fast_kind kind) {
  return fast_host(&v->mmu->bank->table[kind], sp, 8);
}

/* The same for a stack pointer of 32 bits, outside 64-bit mode; NULL for others. */
EXEC_INLINE uint8_t *stack_host_32(const struct vcpu *v, uint32_t sp, enum fast_kind kind) {
  return MEM_LIKELY(v->mode & DECODE_STACK_32) ? mem_fast(v, VMXSIM_SS, sp, 4, kind) : NULL;
}

struct loaded load_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size);

EXEC_INLINE struct loaded load_at(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size) {
  const uint8_t *host = mem_fast(v, segment, offset, size, FAST_READ);
  if (MEM_LIKELY(host)) return (struct loaded){host_load(host, size), true};
  return load_slow(v, segment, offset, size);
}

EXEC_INLINE bool store_at(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size, uint64_t value) {
  uint8_t *host = mem_fast(v, segment, offset, size, FAST_WRITE);
  if (!MEM_LIKELY(host)) return mem_write_slow(v, segment, offset, size, value);
  host_store(host, size, value);
  return true;
}

/* What is known of a memory operand when a handler is bound. 64-bit addressing is 64-bit mode, where only FS and GS
 * have a base: the offset is the linear address. */
enum addressing {
  ADDRESS_ANY,
  ADDRESS_FLAT, /* 64-bit, not of FS or GS */
  ADDRESS_BASE, /* that, and a register plus a displacement */
  ADDRESSINGS
};

static inline enum addressing addressing_of(const struct ir_op *op) {
  if (op->address_size != 8 || op->memory.segment >= VMXSIM_FS) return ADDRESS_ANY;
  return op->memory.base < 16 && op->memory.index == IR_NO_REGISTER ? ADDRESS_BASE : ADDRESS_FLAT;
}

EXEC_INLINE uint64_t address_as(const struct vcpu *v, const struct ir_op *op, enum addressing how) {
  const struct ir_memory *m = &op->memory;
  if (how == ADDRESS_BASE) return v->s.gpr[m->base] + (uint64_t)m->displacement;
  return how == ADDRESS_FLAT ? mem_effective_address_64(v, op) : operand_address(v, op);
}

/* Where the memory operand is in the host, NULL if that is not at hand. A handler that has it touches plain memory, and
 * goes on with vcpu_next(); otherwise it leaves the op to a slow handler, by a jump, so that it needs no stack frame
 * itself. */
EXEC_INLINE uint8_t *host_as(const struct vcpu *v, const struct ir_op *op, unsigned size, enum fast_kind kind,
                             enum addressing how) {
  uint64_t offset = address_as(v, op, how);
  if (how == ADDRESS_ANY) return mem_fast(v, op->memory.segment, offset, size, kind);
  return fast_host(&v->mmu->bank->table[kind], offset, size);
}

EXEC_INLINE struct loaded load_memory(struct vcpu *v, const struct ir_op *op, unsigned size) {
  return load_at(v, op->memory.segment, operand_address(v, op), size);
}

EXEC_INLINE bool store_memory(struct vcpu *v, const struct ir_op *op, unsigned size, uint64_t value) {
  return store_at(v, op->memory.segment, operand_address(v, op), size, value);
}

/* --- operands of any kind, for what is not hot -------------------------------------------------------------------- */

/* A register, memory or immediate operand, zero-extended from its size. */
struct loaded operand_read(struct vcpu *v, const struct ir_op *op, unsigned index);
bool operand_write(struct vcpu *v, const struct ir_op *op, unsigned index, uint64_t value);

/* A destination that is read first: after operand_modify() the write cannot fail. */
struct modified {
  uint64_t value;
  struct mem_rmw rmw;
};
bool operand_modify(struct vcpu *v, const struct ir_op *op, unsigned index, struct modified *modified);
void operand_commit(struct vcpu *v, const struct ir_op *op, unsigned index, const struct modified *modified,
                    uint64_t value);

/* Size of operand `index`; the operand size for immediates that have none of their own. */
static inline unsigned operand_bytes(const struct ir_op *op, unsigned index) {
  return op->operand[index].size ? op->operand[index].size : op->operand_size;
}

/* --- the stack --------------------------------------------------------------------------------------------------- */

/* The width of the stack pointer: 2, 4 or 8 bytes. */
static inline unsigned stack_width(const struct vcpu *v) {
  if (v->mode & DECODE_CODE_64) return 8;
  return v->mode & DECODE_STACK_32 ? 4 : 2;
}

/* Where the stack pointer gets to, truncated to its width; and setting it, which leaves the bits above in 16-bit
 * stacks. */
static inline uint64_t stack_moved(const struct vcpu *v, int64_t by) {
  return truncate_to(v->s.gpr[VMXSIM_RSP] + (uint64_t)by, stack_width(v));
}
static inline void stack_set(struct vcpu *v, uint64_t sp) {
  gpr_write_number(v, VMXSIM_RSP, stack_width(v), sp);
}

bool stack_push(struct vcpu *v, unsigned size, uint64_t value);
/* Reads the top without moving the pointer. */
struct loaded stack_top(struct vcpu *v, unsigned size);

#endif
