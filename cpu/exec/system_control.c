/* Control and debug registers: MOV CR, MOV DR, CLTS, LMSW, SMSW, XGETBV, XSETBV.
 *
 * SDM 2B, "MOV--Move to/from Control Registers", "MOV--Move to/from Debug Registers". What a write does is
 * system_cr.c's.
 */
#include "cpu/exec/cpuid.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/observe.h"
#include "cpu/mmu/memory.h"

static unsigned register_size(const struct vcpu *v) {
  return vcpu_in_64_bit_mode(v) ? 8 : 4;
}

/* --- CR -------------------------------------------------------------------------------------------------------------
 */

static bool read_control(struct vcpu *v, unsigned reg, uint64_t *value) {
  switch (reg) {
  case 0:
  case 4: *value = vmxsim_vmx_read_cr(&v->vmx, reg); return true;
  case 2: *value = v->s.cr2; return true;
  case 3: *value = v->s.cr3; return true;
  case 8: *value = exec_tpr_read(v); return true;
  default: return vcpu_raise(v, VECTOR_UD), false;
  }
}

static bool write_tpr(struct vcpu *v, uint64_t value) {
  if (value & ~UINT64_C(15)) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  exec_tpr_write(v, value);
  return true;
}

static bool write_control(struct vcpu *v, unsigned reg, uint64_t value) {
  switch (reg) {
  case 0: return control_write_cr0(v, vmxsim_vmx_written_cr(&v->vmx, 0, value));
  case 2: v->s.cr2 = value; return true;
  case 3: return control_write_cr3(v, value);
  case 4: return control_write_cr4(v, vmxsim_vmx_written_cr(&v->vmx, 4, value));
  case 8: return write_tpr(v, value);
  default: return vcpu_raise(v, VECTOR_UD), false;
  }
}

static void system_mov_from_cr(struct vcpu *v, const struct ir_op *op) {
  uint64_t value;
  v->current = op;
  if (!system_privileged(v) || !read_control(v, op->operand[1].reg, &value)) return;
  system_set_gpr(v, op->operand[0].reg, register_size(v), value);
  exec_next(v, op);
}

static void system_mov_to_cr(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_privileged(v)) return;
  const uint64_t next = system_next_rip(v, op); /* by the mode that the instruction was fetched in */
  const uint64_t value = system_gpr(v, op->operand[1].reg, register_size(v));
  if (!write_control(v, op->operand[0].reg, value)) return;
  observe_register(v, VMXSIM_EVENT_control_write, op->operand[0].reg, value, false);
  v->s.rip = next;
}

static void system_clts(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_privileged(v)) return;
  const uint64_t value = vmxsim_vmx_written_cr(&v->vmx, 0, v->s.cr0 & ~CR0_TS);
  if (!vmxsim_vmx_allows_cr(&v->vmx, 0, value)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.cr0 = value;
  observe_register(v, VMXSIM_EVENT_control_write, 0, v->s.cr0, false);
  vcpu_update_mode(v);
  system_end(v, op);
}

/* PE can be set but not cleared. */
static void system_lmsw(struct vcpu *v, const struct ir_op *op) {
  const uint64_t loaded = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
  uint64_t value;
  v->current = op;
  if (!system_privileged(v) || !system_read(v, op, &op->operand[0], 2, &value)) return;
  const uint64_t next = system_next_rip(v, op);
  value = vmxsim_vmx_written_cr(&v->vmx, 0, (v->s.cr0 & ~(loaded & ~CR0_PE)) | (value & loaded));
  if (!control_write_cr0(v, value)) return;
  observe_register(v, VMXSIM_EVENT_control_write, 0, value, false);
  v->s.rip = next;
}

static void system_smsw(struct vcpu *v, const struct ir_op *op) {
  const bool memory = op->operand[0].kind == IR_MEMORY;
  v->current = op;
  if (!system_umip_allows(v, op)) return;
  const uint64_t value = vmxsim_vmx_read_cr(&v->vmx, 0);
  if (!system_write(v, op, &op->operand[0], memory ? 2 : op->operand_size, value)) return;
  exec_next(v, op);
}

/* --- DR -------------------------------------------------------------------------------------------------------------
 */

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE makes them undefined. */
static bool debug_register(struct vcpu *v, unsigned *reg) {
  if (*reg == 4 || *reg == 5) {
    if (v->s.cr4 & CR4_DE) return vcpu_raise(v, VECTOR_UD), false;
    *reg += 2;
  }
  if (!system_privileged(v)) return false;
  if (!(v->s.dr7 & DR7_GD)) return true;
  vcpu_raise(v, VECTOR_DB);
  v->exception.address = DR6_BD;
  return false;
}

static void system_mov_from_dr(struct vcpu *v, const struct ir_op *op) {
  unsigned reg = op->operand[1].reg;
  v->current = op;
  if (!debug_register(v, &reg)) return;
  const uint64_t value = reg == 7 ? v->s.dr7 : reg == 6 ? v->s.dr6 : v->s.dr[reg & 3];
  system_set_gpr(v, op->operand[0].reg, register_size(v), value);
  exec_next(v, op);
}

static void system_mov_to_dr(struct vcpu *v, const struct ir_op *op) {
  const uint64_t value = system_gpr(v, op->operand[1].reg, register_size(v));
  unsigned reg = op->operand[0].reg;
  v->current = op;
  if (!debug_register(v, &reg)) return;
  if (reg >= 6 && value >> 32) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (reg == 7) {
    v->s.dr7 = (value & UINT64_C(0xffff23ff)) | DR7_FIXED;
  } else if (reg == 6) {
    v->s.dr6 = (value & (DR6_BREAKPOINTS | DR6_BD | DR6_BS | DR6_BT)) | DR6_FIXED;
  } else {
    v->s.dr[reg & 3] = value;
  }
  mem_breakpoints_changed(v);
  vcpu_attend(v, ATTENTION_BOUNDARY);
  system_end(v, op);
}

/* --- XCR0 -----------------------------------------------------------------------------------------------------------
 */

static void system_xgetbv(struct vcpu *v, const struct ir_op *op) {
  const uint32_t index = (uint32_t)v->s.gpr[VMXSIM_RCX];
  v->current = op;
  if (!(v->s.cr4 & CR4_OSXSAVE)) return vcpu_raise(v, VECTOR_UD);
  /* Index 1, the components in use: all that are enabled count as such. */
  if (index > 1 || (index == 1 && !system_decodes(v, DECODE_FEATURE_XSAVEC)))
    return vcpu_raise_with_code(v, VECTOR_GP, 0);
  system_set_gpr(v, VMXSIM_RAX, 4, v->s.xcr0);
  system_set_gpr(v, VMXSIM_RDX, 4, v->s.xcr0 >> 32);
  exec_next(v, op);
}

static bool xcr0_allowed(const struct vcpu *v, uint64_t value) {
  enum { X87 = 1, SSE = 2, AVX = 4 };
  return (value & X87) && !((value & AVX) && !(value & SSE)) && !(value & ~cpuid_xcr0(v->cpuid));
}

static void system_xsetbv(struct vcpu *v, const struct ir_op *op) {
  const uint64_t value = system_gpr(v, VMXSIM_RDX, 4) << 32 | system_gpr(v, VMXSIM_RAX, 4);
  v->current = op;
  if (!(v->s.cr4 & CR4_OSXSAVE)) return vcpu_raise(v, VECTOR_UD);
  if (!system_privileged(v)) return;
  if ((uint32_t)v->s.gpr[VMXSIM_RCX] != 0 || !xcr0_allowed(v, value)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.xcr0 = value;
  vcpu_update_mode(v);
  system_end(v, op);
}

ir_execute *system_bind_control(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_MOV_CR: return op->operand[0].kind == IR_CONTROL ? system_mov_to_cr : system_mov_from_cr;
  case IR_MOV_DR: return op->operand[0].kind == IR_DEBUG ? system_mov_to_dr : system_mov_from_dr;
  case IR_CLTS: return system_clts;
  case IR_LMSW: return system_lmsw;
  case IR_SMSW: return system_smsw;
  case IR_XGETBV: return system_xgetbv;
  case IR_XSETBV: return system_xsetbv;
  default: return NULL;
  }
}
