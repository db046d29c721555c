/* The instructions of VMX: what the engine needs to know of them, and what becomes of its answer.
 *
 * SDM 3C, "VMX Instruction Reference".
 */
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/exec/vmx_information.h"

/* --- operands --------------------------------------------------------------------------------------------------------
 */

enum { NONE = IR_OPERANDS };

/* Operands by number: the one in a register (the encoding of a field, the type of an invalidation), and the other. */
struct form {
  enum vmxsim_vmx_opcode opcode;
  uint8_t in_register, other;
  vmx_information *information;
};

static const struct form forms[] = {
    {VMXSIM_VMXON, NONE, 0, vmx_memory_information},
    {VMXSIM_VMXOFF, NONE, NONE, NULL},
    {VMXSIM_VMPTRLD, NONE, 0, vmx_memory_information},
    {VMXSIM_VMPTRST, NONE, 0, vmx_memory_information},
    {VMXSIM_VMCLEAR, NONE, 0, vmx_memory_information},
    {VMXSIM_VMREAD, 1, 0, vmx_field_information},
    {VMXSIM_VMWRITE, 0, 1, vmx_field_information},
    {VMXSIM_VMLAUNCH, NONE, NONE, NULL},
    {VMXSIM_VMRESUME, NONE, NONE, NULL},
    {VMXSIM_VMCALL, NONE, NONE, NULL},
    {VMXSIM_VMFUNC, NONE, NONE, NULL},
    {VMXSIM_INVEPT, 0, 1, vmx_invalidate_information},
    {VMXSIM_INVVPID, 0, 1, vmx_invalidate_information},
};

/* One more than the row of an opcode in `forms`; 0: it is none of VMX. */
static const uint8_t rows[IR_OPCODE_COUNT] = {
#define ROW(name) [IR_##name] = VMXSIM_##name + 1
    ROW(VMXON),    ROW(VMXOFF),   ROW(VMPTRLD), ROW(VMPTRST), ROW(VMCLEAR), ROW(VMREAD),  ROW(VMWRITE),
    ROW(VMLAUNCH), ROW(VMRESUME), ROW(VMCALL),  ROW(VMFUNC),  ROW(INVEPT),  ROW(INVVPID),
#undef ROW
};

/* The operand that the engine reads or writes when its turn comes. */
struct operand {
  struct vcpu *v;
  const struct ir_op *op;
  uint8_t number;
};

static bool read_operand(void *context, void *bytes, size_t size) {
  const struct operand *const o = context;
  const struct ir_operand *const operand = &o->op->operand[o->number];
  if (operand->kind == IR_MEMORY)
    return mem_read_bytes(o->v, o->op->memory.segment, mem_effective_address(o->v, o->op), bytes, size, 0);
  const uint64_t value = o->v->s.gpr[operand->reg];
  for (size_t i = 0; i < size; i++) ((uint8_t *)bytes)[i] = (uint8_t)(value >> (8 * i));
  return true;
}

static bool write_operand(void *context, const void *bytes, size_t size) {
  const struct operand *const o = context;
  const struct ir_operand *const operand = &o->op->operand[o->number];
  uint64_t value = 0;
  if (operand->kind == IR_MEMORY)
    return mem_write_bytes(o->v, o->op->memory.segment, mem_effective_address(o->v, o->op), bytes, size, 0);
  for (size_t i = 0; i < size; i++) value |= (uint64_t)((const uint8_t *)bytes)[i] << (8 * i);
  gpr_write_number(o->v, operand->reg, (unsigned)size, value);
  return true;
}

/* --- execution -------------------------------------------------------------------------------------------------------
 */

static void raise(struct vcpu *v, const struct vmxsim_vmx_fault *fault) {
  if (fault->has_error_code) return vcpu_raise_with_code(v, fault->vector, fault->error_code);
  vcpu_raise(v, fault->vector);
}

/* VMXOFF unblocks INIT signals and A20M#. */
static void completed(struct vcpu *v, const struct ir_op *op) {
  if (op->opcode == IR_VMXOFF) vcpu_attend(v, ATTENTION_BOUNDARY);
  if (op->opcode == IR_VMXOFF && v->a20_off) mmu_flush_all(v, true);
  if (ir_ends_block(op)) return system_end(v, op);
  exec_next(v, op);
}

/* From the host it was a VM entry, which may have ended in a VM exit at once; from the guest, a VM exit. */
static void charge(struct vcpu *v, bool by_guest, bool exited) {
  if (!by_guest) vcpu_charge_transition(v, TRANSITION_VM_ENTRY);
  if (exited) vcpu_charge_transition(v, TRANSITION_VM_EXIT);
}

void exec_vmx(struct vcpu *v, const struct ir_op *op) {
  const struct form *const form = &forms[rows[op->opcode] - 1];
  const unsigned size = vcpu_in_64_bit_mode(v) ? 8 : 4;
  struct operand operand = {v, op, form->other};
  struct vmxsim_vmx_instruction instruction = {
      .opcode = form->opcode,
      .operand_bits = size * 8,
      .length = op->length,
      .read = read_operand,
      .write = write_operand,
      .operand = &operand,
  };
  struct vmxsim_vmx_fault fault;
  v->current = op;
  v->s.rip = system_rip(v, op);
  flags_read(v);
  if (form->in_register != NONE) instruction.register_value = system_gpr(v, op->operand[form->in_register].reg, size);
  const bool by_guest = v->vmx.in_non_root;
  if (by_guest && form->information) {
    instruction.qualification = vmx_displacement(v, op);
    instruction.instruction_information = form->information(v, op);
  }
  switch (vmxsim_vmx_execute(&v->vmx, &instruction, &fault)) {
  case VMXSIM_VMX_DONE: return completed(v, op);
  case VMXSIM_VMX_FAULT: return raise(v, &fault);
  case VMXSIM_VMX_PENDING: return;
  case VMXSIM_VMX_ENTERED: return charge(v, by_guest, false);
  case VMXSIM_VMX_EXITED: return charge(v, by_guest, true);
  }
}

ir_execute *system_bind_vmx(const struct ir_op *op) {
  ir_execute *const field = vmx_bind_field(op);
  if (field) return field;
  return rows[op->opcode] ? exec_vmx : NULL;
}
