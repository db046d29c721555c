/* The stack: PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE. POP to a segment register is elsewhere (exec_bind_far).
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"
#include "cpu/registers.h"

/* --- PUSH, POP --------------------------------------------------------------------------------------------------- */

static bool push_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  if (op->operand[0].kind == IR_GPR) return stack_push(v, size, gpr_read(v, &op->operand[0], size));
  if (op->operand[0].kind != IR_MEMORY) return stack_push(v, size, op->immediate);
  struct loaded value = load_memory(v, op, size);
  return value.ok && stack_push(v, size, value.value);
}

EXEC_HANDLER(push, push_step)

EXEC_INLINE void push_64(struct vcpu *v, const struct ir_op *op, uint64_t value) {
  uint64_t sp = v->s.gpr[VMXSIM_RSP] - 8;
  uint8_t *host = stack_host(v, sp, FAST_WRITE);
  if (!MEM_LIKELY(host)) return push(v, op);
  host_store(host, 8, value);
  v->s.gpr[VMXSIM_RSP] = sp;
  return vcpu_next(v, op);
}

static void push_64_register(struct vcpu *v, const struct ir_op *op) {
  return push_64(v, op, v->s.gpr[op->operand[0].reg]);
}

static void push_64_immediate(struct vcpu *v, const struct ir_op *op) {
  return push_64(v, op, op->immediate);
}

EXEC_INLINE void push_32(struct vcpu *v, const struct ir_op *op, uint64_t value) {
  const uint32_t sp = (uint32_t)v->s.gpr[VMXSIM_RSP] - 4;
  uint8_t *host = stack_host_32(v, sp, FAST_WRITE);
  if (!MEM_LIKELY(host)) return push(v, op);
  host_store(host, 4, value);
  v->s.gpr[VMXSIM_RSP] = sp;
  return vcpu_next(v, op);
}

static void push_32_register(struct vcpu *v, const struct ir_op *op) {
  return push_32(v, op, v->s.gpr[op->operand[0].reg]);
}

static void push_32_immediate(struct vcpu *v, const struct ir_op *op) {
  return push_32(v, op, op->immediate);
}

/* Of 32 bits only the lower half is written, as all but the oldest processors do. */
static bool push_segment_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  uint64_t sp = stack_moved(v, -(int64_t)size);
  if (!store_at(v, VMXSIM_SS, sp, size == 8 ? 8 : 2, v->s.segment[op->operand[0].reg].selector)) return false;
  stack_set(v, sp);
  return true;
}

/* The address of a destination in memory is computed with the stack pointer after the pop. */
static bool pop_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  uint64_t rsp = v->s.gpr[VMXSIM_RSP];
  struct loaded value = stack_top(v, size);
  if (!value.ok) return false;
  stack_set(v, stack_moved(v, size));
  if (op->operand[0].kind == IR_GPR) {
    gpr_write_number(v, op->operand[0].reg, size, value.value);
    return true;
  }
  if (store_memory(v, op, size, value.value)) return true;
  v->s.gpr[VMXSIM_RSP] = rsp;
  return false;
}

EXEC_HANDLER(pop, pop_step)

static void pop_64_register(struct vcpu *v, const struct ir_op *op) {
  const uint8_t *host = stack_host(v, v->s.gpr[VMXSIM_RSP], FAST_READ);
  if (!MEM_LIKELY(host)) return pop(v, op);
  v->s.gpr[VMXSIM_RSP] += 8;
  v->s.gpr[op->operand[0].reg] = host_load(host, 8); /* POP RSP: the value stands */
  return vcpu_next(v, op);
}

static void pop_32_register(struct vcpu *v, const struct ir_op *op) {
  const uint32_t sp = (uint32_t)v->s.gpr[VMXSIM_RSP];
  const uint8_t *host = stack_host_32(v, sp, FAST_READ);
  if (!MEM_LIKELY(host)) return pop(v, op);
  v->s.gpr[VMXSIM_RSP] = sp + 4;
  v->s.gpr[op->operand[0].reg] = host_load(host, 4);
  return vcpu_next(v, op);
}

/* --- PUSHA, POPA ------------------------------------------------------------------------------------------------- */

/* All eight are probed first, one by one: 16-bit stacks wrap between two of them. */
static bool pusha_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  for (int i = 1; i <= 8; i++)
    if (!mem_probe_write(v, VMXSIM_SS, stack_moved(v, -i * (int)size), size, 0)) return false;
  for (int i = 0; i < 8; i++)
    if (!store_at(v, VMXSIM_SS, stack_moved(v, -(i + 1) * (int)size), size, truncate_to(v->s.gpr[i], size)))
      return false;
  stack_set(v, stack_moved(v, -8 * (int)size));
  return true;
}

static bool popa_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  uint64_t values[8];
  for (int i = 0; i < 8; i++)
    if (!mem_read(v, VMXSIM_SS, stack_moved(v, i * (int)size), size, &values[i])) return false;
  stack_set(v, stack_moved(v, 8 * (int)size));
  for (unsigned i = 0; i < 8; i++)
    if (i != 7 - VMXSIM_RSP) /* the stack pointer's place is skipped */
      gpr_write_number(v, 7 - i, size, values[i]);
  return true;
}

/* --- PUSHF, POPF ------------------------------------------------------------------------------------------------- */

static unsigned io_privilege(const struct vcpu *v) {
  return RFLAGS_IOPL_OF(v->s.rflags);
}

/* Virtual-8086 mode below IOPL 3: #GP(0), unless CR4.VME lets the 16-bit forms work on VIF in place of IF. */
static bool needs_vme(const struct vcpu *v) {
  return (v->mode & DECODE_V86) && io_privilege(v) < 3;
}

static bool has_vme(const struct vcpu *v, const struct ir_op *op) {
  return op->operand_size == 2 && (v->s.cr4 & CR4_VME);
}

static bool pushf_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t image = flags_read(v) & ~(uint64_t)(FLAG_RF | FLAG_VM);
  if (needs_vme(v)) {
    if (!has_vme(v, op)) return exec_raise_with_code(v, VECTOR_GP, 0);
    image = (image & ~(uint64_t)FLAG_IF) | FLAG_IOPL | (image & FLAG_VIF ? FLAG_IF : 0);
  }
  return stack_push(v, op->operand_size, image);
}

/* What POPF may change at this privilege. */
static uint64_t popf_mask(const struct vcpu *v, unsigned size) {
  uint64_t mask = FLAGS_ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT;
  bool virtual_8086 = v->mode & DECODE_V86;
  if (v->cpl == 0 && !virtual_8086) mask |= FLAG_IOPL;
  if (virtual_8086 ? io_privilege(v) == 3 : v->cpl <= io_privilege(v)) mask |= FLAG_IF;
  if (size != 2) mask |= FLAG_AC | FLAG_ID;
  return mask;
}

static void write_flags(struct vcpu *v, uint64_t mask, uint64_t image) {
  uint64_t old = flags_read(v);
  uint64_t flags = (old & ~mask & ~(uint64_t)FLAG_RF) | (image & mask);
  flags_write(v, flags);
  if ((old ^ flags) & FLAG_AC) mmu_mode_changed(v);
  if ((old ^ flags) & FLAG_IOPL) vcpu_update_mode(v);
  if ((old ^ flags) & (FLAG_TF | FLAG_IF | FLAG_RF)) vcpu_attend(v, ATTENTION_BOUNDARY);
}

/* SDM 2B, "POPF": with VME, the image's IF goes to VIF; a trap flag or a virtual interrupt to be taken is #GP(0). */
static bool popf_vme(struct vcpu *v, const struct ir_op *op, uint64_t image) {
  bool interrupts = image & FLAG_IF;
  if (!has_vme(v, op) || (image & FLAG_TF) || (interrupts && (v->s.rflags & FLAG_VIP)))
    return exec_raise_with_code(v, VECTOR_GP, 0);
  image = (image & ~(uint64_t)FLAG_VIF) | (interrupts ? FLAG_VIF : 0);
  write_flags(v, (popf_mask(v, 2) & ~(uint64_t)FLAG_IF) | FLAG_VIF, image);
  return true;
}

static bool popf_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size;
  if (needs_vme(v) && !has_vme(v, op)) return exec_raise_with_code(v, VECTOR_GP, 0);
  struct loaded image = stack_top(v, size);
  if (!image.ok || (needs_vme(v) && !popf_vme(v, op, image.value))) return false;
  if (!needs_vme(v)) write_flags(v, popf_mask(v, size), image.value);
  stack_set(v, stack_moved(v, size));
  return true;
}

/* --- ENTER, LEAVE ------------------------------------------------------------------------------------------------ */

/* The frame pointers of the enclosing levels, copied from the frame that rBP points to. */
static bool copy_display(struct vcpu *v, unsigned size, unsigned levels) {
  uint64_t frame = v->s.gpr[VMXSIM_RBP];
  for (unsigned i = 1; i < levels; i++) {
    uint64_t from = truncate_to(frame - (uint64_t)i * size, stack_width(v));
    struct loaded value = load_at(v, VMXSIM_SS, from, size);
    if (!value.ok || !stack_push(v, size, value.value)) return false;
  }
  return true;
}

static bool enter_frame(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size, level = op->immediate2 & 31;
  if (!stack_push(v, size, v->s.gpr[VMXSIM_RBP])) return false;
  uint64_t frame = v->s.gpr[VMXSIM_RSP];
  if (level && !(copy_display(v, size, level) && stack_push(v, size, frame))) return false;
  uint64_t sp = stack_moved(v, -(int64_t)(uint16_t)op->immediate);
  if (!mem_probe_write(v, VMXSIM_SS, sp, size, 0)) /* the new top of the stack must be writable */
    return false;
  gpr_write_number(v, VMXSIM_RBP, size, frame);
  stack_set(v, sp);
  return true;
}

/* Stack memory below the pointer may have changed when it faults, registers may not. */
static bool enter_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t rsp = v->s.gpr[VMXSIM_RSP];
  if (enter_frame(v, op)) return true;
  v->s.gpr[VMXSIM_RSP] = rsp;
  return false;
}

static bool leave_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand_size, width = stack_width(v);
  uint64_t frame = truncate_to(v->s.gpr[VMXSIM_RBP], width);
  struct loaded value = load_at(v, VMXSIM_SS, frame, size);
  if (!value.ok) return false;
  stack_set(v, frame + size);
  gpr_write_number(v, VMXSIM_RBP, size, value.value);
  return true;
}

EXEC_HANDLER(push_segment, push_segment_step)
EXEC_HANDLER(pusha, pusha_step)
EXEC_HANDLER(popa, popa_step)
EXEC_HANDLER(pushf, pushf_step)
EXEC_HANDLER(popf, popf_step)
EXEC_HANDLER(enter, enter_step)
EXEC_HANDLER(leave, leave_step)

/* An operand size of 8 is 64-bit mode. */
static ir_execute *bind_push(const struct ir_op *op) {
  if (op->operand[0].kind == IR_SEGMENT) return push_segment;
  if (op->operand_size < 4 || op->operand[0].kind == IR_MEMORY) return push;
  const bool is_register = op->operand[0].kind == IR_GPR;
  if (op->operand_size == 8) return is_register ? push_64_register : push_64_immediate;
  return is_register ? push_32_register : push_32_immediate;
}

static ir_execute *bind_pop(const struct ir_op *op) {
  if (op->operand[0].kind == IR_SEGMENT) return NULL;
  if (op->operand_size < 4 || op->operand[0].kind != IR_GPR) return pop;
  return op->operand_size == 8 ? pop_64_register : pop_32_register;
}

ir_execute *bind_stack(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_PUSH: return bind_push(op);
  case IR_POP: return bind_pop(op);
  case IR_PUSHA: return pusha;
  case IR_POPA: return popa;
  case IR_PUSHF: return pushf;
  case IR_POPF: return popf;
  case IR_ENTER: return enter;
  case IR_LEAVE: return leave;
  default: return NULL;
  }
}
