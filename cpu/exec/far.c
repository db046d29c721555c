/* Far JMP and CALL in every mode, and loads of segment registers. Gates and task switches: far_gate.c, task.c; returns:
 * far_return.c, iret.c; INT: far_interrupt.c; SYSCALL, SYSENTER: syscall.c.
 *
 * SDM 2A, "CALL--Call Procedure", "JMP--Jump".
 */
#include "cpu/exec/far.h"

#include "cpu/exec/cet_far.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

bool far_target_is_64_bit(const struct vcpu *v, const struct far_target *target) {
  return vcpu_in_ia32e_mode(v) && descriptor_long(&target->descriptor);
}

bool far_check_rip(struct vcpu *v, const struct far_target *target, uint32_t error) {
  const bool good = far_target_is_64_bit(v, target) ? mmu_is_canonical(v, target->rip)
                                                    : target->rip <= descriptor_limit(&target->descriptor);
  if (!good) vcpu_raise_with_code(v, VECTOR_GP, error);
  return good;
}

void far_commit_target(struct vcpu *v, const struct far_target *target) {
  segment_from_descriptor(&v->s.segment[VMXSIM_CS], target->selector, target->descriptor.words);
  v->s.rip = target->rip;
  v->branch_taken = true;
}

void far_load_flat(struct vcpu *v, unsigned segment, uint16_t selector, uint32_t access_rights) {
  v->s.segment[segment] =
      (struct vmxsim_segment){.selector = selector, .limit = UINT32_MAX, .access_rights = access_rights};
}

/* --- targets -------------------------------------------------------------------------------------------------------
 */

static bool read_target(struct vcpu *v, const struct ir_op *op, uint16_t *selector, uint64_t *rip) {
  if (op->operand[0].kind == IR_FAR) {
    *selector = (uint16_t)op->immediate2;
    *rip = op->immediate & system_mask(op->operand_size);
    return true;
  }
  const uint64_t offset = mem_effective_address(v, op);
  uint64_t value;
  if (!mem_read(v, op->memory.segment, offset, op->operand_size, rip)) return false;
  if (!mem_read(v, op->memory.segment, (offset + op->operand_size) & system_mask(op->address_size), 2, &value))
    return false;
  *selector = (uint16_t)value;
  return true;
}

static bool code_segment_allowed(const struct vcpu *v, uint16_t selector, const struct descriptor *d) {
  if (vcpu_in_ia32e_mode(v) && descriptor_long(d) && descriptor_default_big(d)) return false;
  if (descriptor_is_conforming(d)) return descriptor_dpl(d) <= v->cpl;
  return (selector & SELECTOR_RPL) <= v->cpl && descriptor_dpl(d) == v->cpl;
}

void far_jump(struct vcpu *v, const struct ir_op *op, struct far_target *target) {
  (void)op;
  if (!far_check_rip(v, target, 0) || !descriptor_set_accessed(v, &target->descriptor)) return;
  if (cet_shadow_stack_enabled(v, v->cpl) && !far_target_is_64_bit(v, target) && v->s.ssp >> 32)
    return vcpu_raise_with_code(v, VECTOR_GP, 0);
  far_commit_target(v, target);
  cet_expect_endbranch(v, v->cpl);
  vcpu_update_mode(v);
}

void far_call_same_level(struct vcpu *v, const struct ir_op *op, struct far_target *target, unsigned size) {
  const struct cet_frame frame = {.cs = v->s.segment[VMXSIM_CS].selector,
                                  .lip = vcpu_code_linear(v, system_next_rip(v, op)),
                                  .target_is_64_bit = far_target_is_64_bit(v, target)};
  struct far_stack stack = far_stack_current(v);
  uint64_t ssp = v->s.ssp;
  if (!far_stack_room(v, &stack, 2 * size) || !far_check_rip(v, target, 0)) return;
  if (!descriptor_set_accessed(v, &target->descriptor)) return;
  if (!far_stack_push(v, &stack, size, frame.cs) || !far_stack_push(v, &stack, size, system_next_rip(v, op))) return;
  if (cet_shadow_stack_enabled(v, v->cpl) && !cet_push_frame(v, &frame, ssp, &ssp)) return;
  v->s.gpr[VMXSIM_RSP] = stack.sp;
  v->s.ssp = ssp;
  far_commit_target(v, target);
  cet_expect_endbranch(v, v->cpl);
  vcpu_update_mode(v);
}

static void transfer_real(struct vcpu *v, const struct ir_op *op, enum far_kind kind, uint16_t selector, uint64_t rip) {
  struct far_stack stack = far_stack_current(v);
  if (kind == FAR_CALL && !far_stack_room(v, &stack, 2U * op->operand_size)) return;
  if (rip > v->s.segment[VMXSIM_CS].limit) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (kind == FAR_CALL) {
    if (!far_stack_push(v, &stack, op->operand_size, v->s.segment[VMXSIM_CS].selector) ||
        !far_stack_push(v, &stack, op->operand_size, system_next_rip(v, op)))
      return;
    v->s.gpr[VMXSIM_RSP] = stack.sp;
  }
  segment_load_real(v, VMXSIM_CS, selector);
  v->s.rip = rip;
  v->branch_taken = true;
  vcpu_update_mode(v);
}

static void transfer_protected(struct vcpu *v, const struct ir_op *op, enum far_kind kind, uint16_t selector,
                               uint64_t rip) {
  const uint32_t error = selector_error(selector);
  struct far_target target = {.selector = (uint16_t)((selector & 0xfffcU) | v->cpl), .rip = rip};
  if (selector_is_null(selector)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (!descriptor_get(v, selector, &target.descriptor, VECTOR_GP, error)) return;
  if (descriptor_is_system(&target.descriptor))
    return far_through_system_descriptor(v, op, kind, selector, &target.descriptor);
  if (!descriptor_is_code(&target.descriptor) || !code_segment_allowed(v, selector, &target.descriptor))
    return vcpu_raise_with_code(v, VECTOR_GP, error);
  if (!descriptor_present(&target.descriptor)) return vcpu_raise_with_code(v, VECTOR_NP, error);
  if (!far_target_is_64_bit(v, &target)) target.rip = (uint32_t)target.rip;
  if (kind == FAR_CALL) return far_call_same_level(v, op, &target, op->operand_size);
  far_jump(v, op, &target);
}

static void transfer(struct vcpu *v, const struct ir_op *op, enum far_kind kind) {
  uint16_t selector;
  uint64_t rip;
  v->current = op;
  if (!read_target(v, op, &selector, &rip)) return;
  if (vcpu_in_protected_mode(v)) return transfer_protected(v, op, kind, selector, rip);
  transfer_real(v, op, kind, selector, rip);
}

static void far_jmp(struct vcpu *v, const struct ir_op *op) {
  transfer(v, op, FAR_JMP);
}

static void far_call(struct vcpu *v, const struct ir_op *op) {
  transfer(v, op, FAR_CALL);
}

/* --- segment registers
 * ------------------------------------------------------------------------------------------------ */

/* A load of SS holds off interrupts and debug traps until the next instruction is done, but not if the one before was
 * such a load too: SDM 3A, "Masking Exceptions and Interrupts When Switching Stacks". */
static void shadow_of_stack_switch(struct vcpu *v) {
  vcpu_attend(v, ATTENTION_BOUNDARY);
  if (v->s.blocking_by_mov_ss) return;
  v->s.blocking_by_mov_ss = true;
  v->s.blocking_by_sti = false; /* of the instruction before; its one instruction is over */
  v->shadow_is_new = true;
}

static void far_mov_to_segment(struct vcpu *v, const struct ir_op *op) {
  const unsigned segment = op->operand[0].reg;
  uint64_t selector;
  v->current = op;
  if (!system_read(v, op, &op->operand[1], 2, &selector)) return;
  if (!segment_load(v, segment, (uint16_t)selector)) return;
  if (segment == VMXSIM_SS) shadow_of_stack_switch(v);
  system_end(v, op);
}

/* To memory always 16 bits; a register gets them zero-extended to the operand size. */
static void far_mov_from_segment(struct vcpu *v, const struct ir_op *op) {
  const bool memory = op->operand[0].kind == IR_MEMORY;
  v->current = op;
  if (!system_write(v, op, &op->operand[0], memory ? 2 : op->operand_size, v->s.segment[op->operand[1].reg].selector))
    return;
  exec_next(v, op);
}

static void far_pop_segment(struct vcpu *v, const struct ir_op *op) {
  const unsigned segment = op->operand[0].reg;
  /* The stack pointer moves by the size of the stack that was popped from. */
  struct far_stack stack = far_stack_current(v);
  uint64_t selector;
  v->current = op;
  if (!far_stack_peek(v, 0, op->operand_size, &selector)) return;
  if (!segment_load(v, segment, (uint16_t)selector)) return;
  v->s.gpr[VMXSIM_RSP] = (stack.sp & ~stack.mask) | ((stack.sp + op->operand_size) & stack.mask);
  if (segment == VMXSIM_SS) shadow_of_stack_switch(v);
  system_end(v, op);
}

static unsigned segment_of_load(unsigned opcode) {
  switch (opcode) {
  case IR_LDS: return VMXSIM_DS;
  case IR_LES: return VMXSIM_ES;
  case IR_LFS: return VMXSIM_FS;
  case IR_LGS: return VMXSIM_GS;
  default: return VMXSIM_SS;
  }
}

static void far_load_pointer(struct vcpu *v, const struct ir_op *op) {
  const uint64_t address = mem_effective_address(v, op);
  uint64_t offset, selector;
  v->current = op;
  if (!mem_read(v, op->memory.segment, address, op->operand_size, &offset) ||
      !mem_read(v, op->memory.segment, (address + op->operand_size) & system_mask(op->address_size), 2, &selector))
    return;
  if (!segment_load(v, segment_of_load(op->opcode), (uint16_t)selector)) return;
  system_set_gpr(v, op->operand[0].reg, op->operand_size, offset);
  system_end(v, op);
}

ir_execute *exec_bind_far(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_JMP_FAR: return far_jmp;
  case IR_CALL_FAR: return far_call;
  case IR_RET_FAR: return far_ret;
  case IR_IRET: return far_iret;
  case IR_SYSCALL: return far_syscall;
  case IR_SYSRET: return far_sysret;
  case IR_SYSENTER: return far_sysenter;
  case IR_SYSEXIT: return far_sysexit;
  case IR_LDS:
  case IR_LES:
  case IR_LFS:
  case IR_LGS:
  case IR_LSS: return far_load_pointer;
  case IR_MOV:
    if (op->operand[0].kind == IR_SEGMENT) return far_mov_to_segment;
    return op->operand[1].kind == IR_SEGMENT ? far_mov_from_segment : NULL;
  case IR_POP: return op->operand[0].kind == IR_SEGMENT ? far_pop_segment : NULL;
  default: return far_bind_interrupt(op);
  }
}
