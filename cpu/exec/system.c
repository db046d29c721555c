/* System instructions: the table that binds them, and what their files share. */
#include "cpu/exec/system.h"

#include "cpu/mmu/memory.h"

bool system_read(struct vcpu *v, const struct ir_op *op, const struct ir_operand *operand, unsigned size,
                 uint64_t *value) {
  if (operand->kind == IR_MEMORY) return mem_read(v, op->memory.segment, mem_effective_address(v, op), size, value);
  *value = system_gpr(v, operand->reg, size);
  return true;
}

bool system_write(struct vcpu *v, const struct ir_op *op, const struct ir_operand *operand, unsigned size,
                  uint64_t value) {
  if (operand->kind == IR_MEMORY)
    return mem_write(v, op->memory.segment, mem_effective_address(v, op), size, value & system_mask(size));
  system_set_gpr(v, operand->reg, size, value);
  return true;
}

void system_end(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  v->s.rip = system_next_rip(v, op);
}

void system_write_flags(struct vcpu *v, uint64_t rflags) {
  const uint64_t changed = (rflags ^ v->s.rflags) & ~FLAGS_ARITHMETIC;
  flags_write(v, rflags);
  if (changed & (RFLAGS_IF | RFLAGS_TF | RFLAGS_RF)) vcpu_attend(v, ATTENTION_BOUNDARY);
  if (changed & RFLAGS_AC) mmu_mode_changed(v);
  if (changed & (RFLAGS_IOPL | RFLAGS_VM)) vcpu_update_mode(v);
}

bool system_privileged(struct vcpu *v) {
  if (v->cpl == 0) return true;
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

bool system_is_canonical(const struct vcpu *v, uint64_t address) {
  const unsigned width = v->capabilities->linear_bits > 48 ? 57 : 48;
  const uint64_t upper = BITS(63, width - 1);
  return (address & upper) == 0 || (address & upper) == upper;
}

ir_execute *exec_bind_system(const struct ir_op *op) {
  static ir_execute *(*const parts[])(const struct ir_op *) = {
      system_bind_control, system_bind_descriptor, system_bind_cache, system_bind_wait,
      system_bind_msr,     system_bind_flag,       system_bind_vmx,   system_bind_switched_off,
  };
  for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    ir_execute *const execute = parts[i](op);
    if (execute) return execute;
  }
  return NULL;
}
