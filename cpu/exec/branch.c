/* Near transfers of control: Jcc, JMP, CALL, RET, LOOP, JRCXZ, BOUND, ENDBR. Every one ends its block.
 *
 * SDM 2, "JMP", "CALL", "RET": a target beyond the code segment's limit, or not canonical, is #GP(0) of the branch,
 * which has then changed nothing.
 */
#include "cpu/exec/cet.h"
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

/* --- targets ----------------------------------------------------------------------------------------------------- */

/* What is canonical with 48 bits is so with 57. */
EXEC_INLINE bool is_canonical_48(uint64_t rip) {
  return (uint64_t)((int64_t)(rip << 16) >> 16) == rip;
}

EXEC_INLINE bool is_canonical(const struct vcpu *v, uint64_t rip) {
  return is_canonical_48(rip) || mmu_is_canonical(v, rip);
}

/* Truncated to the operand size, which is 8 in 64-bit mode only; false: #GP(0) pending. */
EXEC_INLINE bool target_allowed(struct vcpu *v, uint64_t rip, unsigned size) {
  bool allowed = size == 8 ? is_canonical(v, rip) : rip <= v->s.segment[VMXSIM_CS].limit;
  return __builtin_expect(allowed, 1) || exec_raise_with_code(v, VECTOR_GP, 0);
}

EXEC_INLINE uint64_t relative_target(const struct vcpu *v, const struct ir_op *op, unsigned size) {
  return truncate_to(vcpu_next_rip(v, op) + op->immediate, size);
}

EXEC_INLINE void jump(struct vcpu *v, const struct ir_op *op, uint64_t rip, unsigned size) {
  if (!target_allowed(v, rip, size)) return exec_fault(v, op);
  return exec_jump(v, rip);
}

EXEC_INLINE void jump_if(struct vcpu *v, const struct ir_op *op, bool taken, unsigned size) {
  if (!taken) return exec_jump(v, size == 8 ? vcpu_next_rip(v, op) : exec_wrap_rip(v, vcpu_next_rip(v, op)));
  return jump(v, op, relative_target(v, op, size), size);
}

/* --- Jcc: a handler a condition, so that only what it needs of the flags is computed ---------------------------------
 */

/* The same where the op before it is known to have set the flags in that way. */
EXEC_INLINE void jump_if_after(struct vcpu *v, const struct ir_op *op, unsigned condition, unsigned size,
                               enum lazy_kind kind) {
  if (v->lazy.kind != kind) __builtin_unreachable();
  return jump_if(v, op, flags_lazy_condition(v, condition), size);
}

#define JCC_AFTER(condition, size, name, kind) \
  static void jcc_##size##_after_##name##_##condition(struct vcpu *v, const struct ir_op *op) { \
    return jump_if_after(v, op, condition, size, kind); \
  }
#define JCC_HANDLERS(condition) \
  JCC_AFTER(condition, 8, sub, LAZY_SUB) \
  JCC_AFTER(condition, 8, logic, LAZY_LOGIC) \
  JCC_AFTER(condition, 4, sub, LAZY_SUB) \
  JCC_AFTER(condition, 4, logic, LAZY_LOGIC) \
  static void jcc_64_##condition(struct vcpu *v, const struct ir_op *op) { \
    return jump_if(v, op, flags_lazy_condition(v, condition), 8); \
  } \
  static void jcc_##condition(struct vcpu *v, const struct ir_op *op) { \
    return jump_if(v, op, flags_lazy_condition(v, condition), op->operand_size); \
  }

JCC_HANDLERS(0)
JCC_HANDLERS(1)
JCC_HANDLERS(2)
JCC_HANDLERS(3)
JCC_HANDLERS(4)
JCC_HANDLERS(5)
JCC_HANDLERS(6)
JCC_HANDLERS(7)
JCC_HANDLERS(8)
JCC_HANDLERS(9)
JCC_HANDLERS(10)
JCC_HANDLERS(11)
JCC_HANDLERS(12)
JCC_HANDLERS(13)
JCC_HANDLERS(14)
JCC_HANDLERS(15)

#define JCC_ENTRY(condition) \
  { \
    jcc_64_##condition, jcc_##condition, jcc_8_after_sub_##condition, jcc_8_after_logic_##condition, \
        jcc_4_after_sub_##condition, jcc_4_after_logic_##condition \
  }

enum jcc { JCC_64, JCC_ANY, JCC_64_AFTER_SUB, JCC_64_AFTER_LOGIC, JCC_32_AFTER_SUB, JCC_32_AFTER_LOGIC, JCC_KINDS };

static ir_execute *const jcc_handlers[16][JCC_KINDS] = {
    JCC_ENTRY(0),  JCC_ENTRY(1),  JCC_ENTRY(2),  JCC_ENTRY(3),  JCC_ENTRY(4),  JCC_ENTRY(5),
    JCC_ENTRY(6),  JCC_ENTRY(7),  JCC_ENTRY(8),  JCC_ENTRY(9),  JCC_ENTRY(10), JCC_ENTRY(11),
    JCC_ENTRY(12), JCC_ENTRY(13), JCC_ENTRY(14), JCC_ENTRY(15),
};

/* --- JRCXZ, LOOP ------------------------------------------------------------------------------------------------- */

static void jrcxz(struct vcpu *v, const struct ir_op *op) {
  return jump_if(v, op, truncate_to(v->s.gpr[VMXSIM_RCX], op->address_size) == 0, op->operand_size);
}

/* The count is written only when the branch cannot fault any more. */
static void loop(struct vcpu *v, const struct ir_op *op) {
  uint64_t count = truncate_to(v->s.gpr[VMXSIM_RCX] - 1, op->address_size);
  bool taken = count != 0;
  if (op->opcode == IR_LOOPE) taken = taken && flags_lazy_zero(v);
  if (op->opcode == IR_LOOPNE) taken = taken && !flags_lazy_zero(v);
  if (taken && !target_allowed(v, relative_target(v, op, op->operand_size), op->operand_size)) return exec_fault(v, op);
  gpr_write_number(v, VMXSIM_RCX, op->address_size, count);
  return jump_if(v, op, taken, op->operand_size);
}

/* --- JMP --------------------------------------------------------------------------------------------------------- */

static void jmp_64_relative(struct vcpu *v, const struct ir_op *op) {
  return jump_if(v, op, true, 8);
}

static void jmp_relative(struct vcpu *v, const struct ir_op *op) {
  return jump_if(v, op, true, op->operand_size);
}

static struct loaded indirect_target(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  if (op->operand[0].kind == IR_GPR) return (struct loaded){truncate_to(v->s.gpr[op->operand[0].reg], size), true};
  return load_memory(v, op, size);
}

static void jmp_indirect(struct vcpu *v, const struct ir_op *op) {
  struct loaded target = indirect_target(v, op);
  if (!target.ok || !target_allowed(v, target.value, op->operand_size)) return exec_fault(v, op);
  cet_indirect_branch(v, op);
  return exec_jump(v, target.value);
}

/* --- CALL, RET --------------------------------------------------------------------------------------------------- */

/* Pushes the return address on both stacks, or on none. */
static bool call_push(struct vcpu *v, const struct ir_op *op, bool shadowed) {
  unsigned size = op->operand_size;
  uint64_t sp = stack_moved(v, -(int64_t)size), return_address = truncate_to(vcpu_next_rip(v, op), size);
  if (shadowed && cet_shadow_stack(v)) {
    if (!mem_probe_write(v, VMXSIM_SS, sp, size, 0) || !cet_call(v, return_address)) return false;
  }
  if (!store_at(v, VMXSIM_SS, sp, size, return_address)) return false;
  stack_set(v, sp);
  return true;
}

/* A call of the next instruction only wants its address: it leaves the shadow stack alone. */
static void call_relative(struct vcpu *v, const struct ir_op *op) {
  uint64_t target = relative_target(v, op, op->operand_size);
  if (!target_allowed(v, target, op->operand_size) || !call_push(v, op, op->immediate != 0)) return exec_fault(v, op);
  return exec_jump(v, target);
}

static void call_64_relative(struct vcpu *v, const struct ir_op *op) {
  uint64_t target = relative_target(v, op, 8), sp = v->s.gpr[VMXSIM_RSP] - 8;
  uint8_t *host = stack_host(v, sp, FAST_WRITE);
  if (__builtin_expect(!host || cet_shadow_stack(v) || !is_canonical_48(target), 0)) return call_relative(v, op);
  host_store(host, 8, vcpu_next_rip(v, op));
  v->s.gpr[VMXSIM_RSP] = sp;
  return exec_jump(v, target);
}

static void call_32_relative(struct vcpu *v, const struct ir_op *op) {
  const uint32_t target = (uint32_t)relative_target(v, op, 4), sp = (uint32_t)v->s.gpr[VMXSIM_RSP] - 4;
  uint8_t *host = stack_host_32(v, sp, FAST_WRITE);
  if (__builtin_expect(!host || cet_shadow_stack(v) || target > v->s.segment[VMXSIM_CS].limit, 0))
    return call_relative(v, op);
  host_store(host, 4, vcpu_next_rip(v, op));
  v->s.gpr[VMXSIM_RSP] = sp;
  return exec_jump(v, target);
}

static void call_indirect(struct vcpu *v, const struct ir_op *op) {
  struct loaded target = indirect_target(v, op);
  if (!target.ok || !target_allowed(v, target.value, op->operand_size) || !call_push(v, op, true))
    return exec_fault(v, op);
  cet_indirect_branch(v, op);
  return exec_jump(v, target.value);
}

/* RET, and RET imm16, which takes arguments off the stack. */
static void ret(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  struct loaded target = stack_top(v, size);
  if (!target.ok || !target_allowed(v, target.value, size) || !cet_return(v, target.value)) return exec_fault(v, op);
  uint64_t arguments = op->operand[0].kind == IR_NONE ? 0 : (uint16_t)op->immediate;
  stack_set(v, stack_moved(v, (int64_t)(size + arguments)));
  return exec_jump(v, target.value);
}

static void ret_64(struct vcpu *v, const struct ir_op *op) {
  uint64_t sp = v->s.gpr[VMXSIM_RSP];
  const uint8_t *host = stack_host(v, sp, FAST_READ);
  if (__builtin_expect(!host || cet_shadow_stack(v), 0)) return ret(v, op);
  uint64_t target = host_load(host, 8);
  if (__builtin_expect(!is_canonical_48(target), 0)) return ret(v, op);
  v->s.gpr[VMXSIM_RSP] = sp + 8;
  return exec_jump(v, target);
}

static void ret_32(struct vcpu *v, const struct ir_op *op) {
  const uint32_t sp = (uint32_t)v->s.gpr[VMXSIM_RSP];
  const uint8_t *host = stack_host_32(v, sp, FAST_READ);
  if (__builtin_expect(!host || cet_shadow_stack(v), 0)) return ret(v, op);
  const uint64_t target = host_load(host, 4);
  if (__builtin_expect(target > v->s.segment[VMXSIM_CS].limit, 0)) return ret(v, op);
  v->s.gpr[VMXSIM_RSP] = sp + 4;
  return exec_jump(v, target);
}

/* --- BOUND, ENDBR ------------------------------------------------------------------------------------------------ */

static bool bound_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  uint64_t offset = operand_address(v, op);
  struct loaded lower = load_at(v, op->memory.segment, offset, size);
  if (!lower.ok) return false;
  struct loaded upper = load_at(v, op->memory.segment, truncate_to(offset + size, op->address_size), size);
  if (!upper.ok) return false;
  int64_t index = (int64_t)sign_extend_from(gpr_read(v, &op->operand[0], size), size);
  if (index < (int64_t)sign_extend_from(lower.value, size) || index > (int64_t)sign_extend_from(upper.value, size))
    return exec_raise(v, VECTOR_BR);
  return true;
}

EXEC_HANDLER(bound, bound_step)

/* Of the other width it is a NOP (and where ENDBR is waited for, it never gets here). */
static void endbr(struct vcpu *v, const struct ir_op *op) {
  if ((op->opcode == IR_ENDBR64) == vcpu_in_64_bit_mode(v)) cet_track_idle(v);
  return vcpu_next(v, op);
}

static ir_execute *bind_jmp(const struct ir_op *op) {
  if (op->operand[0].kind != IR_RELATIVE) return jmp_indirect;
  return op->operand_size == 8 ? jmp_64_relative : jmp_relative;
}

/* A call of the next instruction only wants its address. */
static ir_execute *bind_call(const struct ir_op *op) {
  if (op->operand[0].kind != IR_RELATIVE) return call_indirect;
  if (op->immediate == 0 || op->operand_size < 4) return call_relative;
  return op->operand_size == 8 ? call_64_relative : call_32_relative;
}

static ir_execute *bind_ret(const struct ir_op *op) {
  if (op->operand[0].kind != IR_NONE || op->operand_size < 4) return ret;
  return op->operand_size == 8 ? ret_64 : ret_32;
}

ir_execute *bind_branch(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_JCC: return jcc_handlers[op->condition & 15][op->operand_size == 8 ? JCC_64 : JCC_ANY];
  case IR_JRCXZ: return jrcxz;
  case IR_LOOP:
  case IR_LOOPE:
  case IR_LOOPNE: return loop;
  case IR_JMP_NEAR: return bind_jmp(op);
  case IR_CALL_NEAR: return bind_call(op);
  case IR_RET_NEAR: return bind_ret(op);
  case IR_BOUND: return bound;
  case IR_ENDBR32:
  case IR_ENDBR64: return endbr;
  default: return NULL;
  }
}

ir_execute *bind_branch_behind(const struct ir_op *op, enum lazy_kind flags) {
  if (op->opcode != IR_JCC || op->operand_size < 4) return NULL;
  ir_execute *const *handlers = jcc_handlers[op->condition & 15];
  switch (flags) {
  case LAZY_SUB: return handlers[op->operand_size == 8 ? JCC_64_AFTER_SUB : JCC_32_AFTER_SUB];
  case LAZY_LOGIC: return handlers[op->operand_size == 8 ? JCC_64_AFTER_LOGIC : JCC_32_AFTER_LOGIC];
  default: return NULL;
  }
}
