/* Operands of any kind and the stack, for handlers that are not specialised by shape. */
#include "cpu/exec/operand.h"

void exec_fault(struct vcpu *v, const struct ir_op *op) {
  v->s.rip = exec_wrap_rip(v, vcpu_rip(v, op));
}

void exec_attend(struct vcpu *v, const struct ir_op *op) {
  v->s.rip = exec_wrap_rip(v, vcpu_next_rip(v, op));
}

bool exec_raise(struct vcpu *v, unsigned vector) {
  vcpu_raise(v, vector);
  return false;
}

bool exec_raise_with_code(struct vcpu *v, unsigned vector, uint32_t error_code) {
  vcpu_raise_with_code(v, vector, error_code);
  return false;
}

struct loaded load_slow(struct vcpu *v, unsigned segment, uint64_t offset, unsigned size) {
  uint64_t value = 0;
  bool ok = mem_read_slow(v, segment, offset, size, &value);
  return (struct loaded){value, ok};
}

struct loaded operand_read(struct vcpu *v, const struct ir_op *op, unsigned index) {
  const struct ir_operand *operand = &op->operand[index];
  unsigned size = operand_bytes(op, index);
  switch (operand->kind) {
  case IR_GPR: return (struct loaded){gpr_read(v, operand, size), true};
  case IR_MEMORY: return load_memory(v, op, size);
  case IR_SEGMENT: return (struct loaded){v->s.segment[operand->reg].selector, true};
  default: return (struct loaded){op->immediate, true};
  }
}

bool operand_write(struct vcpu *v, const struct ir_op *op, unsigned index, uint64_t value) {
  const struct ir_operand *operand = &op->operand[index];
  if (operand->kind == IR_MEMORY) return store_memory(v, op, operand->size, value);
  gpr_write(v, operand, operand->size, value);
  return true;
}

bool operand_modify(struct vcpu *v, const struct ir_op *op, unsigned index, struct modified *modified) {
  const struct ir_operand *operand = &op->operand[index];
  if (operand->kind == IR_MEMORY)
    return mem_rmw_read(v, op->memory.segment, operand_address(v, op), operand->size, &modified->value, &modified->rmw);
  modified->value = gpr_read(v, operand, operand->size);
  return true;
}

void operand_commit(struct vcpu *v, const struct ir_op *op, unsigned index, const struct modified *modified,
                    uint64_t value) {
  const struct ir_operand *operand = &op->operand[index];
  if (operand->kind == IR_MEMORY)
    mem_rmw_write(v, &modified->rmw, truncate_to(value, operand->size));
  else
    gpr_write(v, operand, operand->size, value);
}

bool stack_push(struct vcpu *v, unsigned size, uint64_t value) {
  uint64_t sp = stack_moved(v, -(int64_t)size);
  if (!store_at(v, VMXSIM_SS, sp, size, truncate_to(value, size))) return false;
  stack_set(v, sp);
  return true;
}

struct loaded stack_top(struct vcpu *v, unsigned size) {
  return load_at(v, VMXSIM_SS, stack_moved(v, 0), size);
}
