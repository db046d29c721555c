/* VMREAD and VMWRITE in VMX root operation. What the engine's quick functions do not do is left to exec_vmx(), which
 * begins anew: so is all that is not at CPL 0, that somebody listens to, or whose operand is no memory at hand.
 */
#include "cpu/exec/operand.h"

#include "cpu/exec/flags.h"
#include "cpu/exec/vmx.h"
#include "cpu/observe.h"
#include "cpu/vmx/quick.h"

/* Operands of 64 bits are those of 64-bit mode. Others may be of compatibility mode; virtual-8086 mode has CPL 3. */
EXEC_INLINE bool is_plain(const struct vcpu *v, unsigned size) {
  return v->cpl == 0 && !observes(v, VMXSIM_EVENT_vmx_instruction) && (size == 8 || !vcpu_in_ia32e_mode(v));
}

EXEC_INLINE uint64_t encoding_of(const struct vcpu *v, const struct ir_operand *operand, unsigned size) {
  return truncate_to(v->s.gpr[operand->reg], size);
}

/* VMsucceed. */
EXEC_INLINE void succeed(struct vcpu *v, const struct ir_op *op) {
  flags_set_none(v);
  return vcpu_next(v, op);
}

EXEC_INLINE void read_to_register(struct vcpu *v, const struct ir_op *op, unsigned size) {
  uint64_t value = 0;
  const bool done =
      is_plain(v, size) && vmx_quick_vmread(&v->vmx, encoding_of(v, &op->operand[1], size), size * 8, &value);
  if (!MEM_LIKELY(done)) return exec_vmx(v, op);
  gpr_write_number(v, op->operand[0].reg, size, value);
  return succeed(v, op);
}

EXEC_INLINE void read_to_memory(struct vcpu *v, const struct ir_op *op, unsigned size) {
  uint8_t *const host = host_as(v, op, size, FAST_WRITE, ADDRESS_ANY);
  uint64_t value = 0;
  const bool done =
      host && is_plain(v, size) && vmx_quick_vmread(&v->vmx, encoding_of(v, &op->operand[1], size), size * 8, &value);
  if (!MEM_LIKELY(done)) return exec_vmx(v, op);
  host_store(host, size, value);
  return succeed(v, op);
}

EXEC_INLINE void write_from_register(struct vcpu *v, const struct ir_op *op, unsigned size) {
  const uint64_t value = v->s.gpr[op->operand[1].reg];
  const bool done =
      is_plain(v, size) && vmx_quick_vmwrite(&v->vmx, encoding_of(v, &op->operand[0], size), size * 8, value);
  if (!MEM_LIKELY(done)) return exec_vmx(v, op);
  return succeed(v, op);
}

EXEC_INLINE void write_from_memory(struct vcpu *v, const struct ir_op *op, unsigned size) {
  const uint8_t *const host = host_as(v, op, size, FAST_READ, ADDRESS_ANY);
  const bool done = host && is_plain(v, size) &&
                    vmx_quick_vmwrite(&v->vmx, encoding_of(v, &op->operand[0], size), size * 8, host_load(host, size));
  if (!MEM_LIKELY(done)) return exec_vmx(v, op);
  return succeed(v, op);
}

#define HANDLERS(form) \
  static void form##_32(struct vcpu *v, const struct ir_op *op) { \
    return form(v, op, 4); \
  } \
  static void form##_64(struct vcpu *v, const struct ir_op *op) { \
    return form(v, op, 8); \
  }
HANDLERS(read_to_register)
HANDLERS(read_to_memory)
HANDLERS(write_from_register)
HANDLERS(write_from_memory)
#undef HANDLERS

ir_execute *vmx_bind_field(const struct ir_op *op) {
  /* by VMWRITE, memory, 64 bits */
  static ir_execute *const handlers[2][2][2] = {
      {{read_to_register_32, read_to_register_64}, {read_to_memory_32, read_to_memory_64}},
      {{write_from_register_32, write_from_register_64}, {write_from_memory_32, write_from_memory_64}},
  };
  if (op->opcode != IR_VMREAD && op->opcode != IR_VMWRITE) return NULL;
  const bool writes = op->opcode == IR_VMWRITE;
  const struct ir_operand *const value = &op->operand[writes ? 1 : 0];
  return handlers[writes][value->kind == IR_MEMORY][value->size == 8];
}
