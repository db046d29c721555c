/* Flags that belong to the system: CLI, STI (with VIF), CLAC, STAC; and protection keys: RDPKRU, WRPKRU.
 *
 * SDM 2A, "CLI--Clear Interrupt Flag"; SDM 2B, "STI--Set Interrupt Flag", decision tables.
 */
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

enum flag_choice { FLAG_REAL, FLAG_VIRTUAL, FLAG_FAULT };

/* Whether CLI and STI concern IF or VIF: by IOPL, and by CR4.PVI at CPL 3 or CR4.VME in virtual-8086 mode. */
static enum flag_choice choose_flag(const struct vcpu *v) {
  const unsigned iopl = RFLAGS_IOPL_OF(v->s.rflags);
  if (system_in_v86_mode(v)) return iopl == 3 ? FLAG_REAL : v->s.cr4 & CR4_VME ? FLAG_VIRTUAL : FLAG_FAULT;
  if (v->cpl <= iopl) return FLAG_REAL;
  return v->cpl == 3 && (v->s.cr4 & CR4_PVI) ? FLAG_VIRTUAL : FLAG_FAULT;
}

static void system_cli(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  switch (choose_flag(v)) {
  case FLAG_FAULT: return vcpu_raise_with_code(v, VECTOR_GP, 0);
  case FLAG_REAL: v->s.rflags &= ~RFLAGS_IF; break;
  case FLAG_VIRTUAL: v->s.rflags &= ~RFLAGS_VIF; break;
  }
  exec_next(v, op);
}

/* If IF was 0, interrupts stay blocked for one instruction more. */
static void system_sti(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  switch (choose_flag(v)) {
  case FLAG_FAULT: return vcpu_raise_with_code(v, VECTOR_GP, 0);
  case FLAG_VIRTUAL:
    if (v->s.rflags & RFLAGS_VIP) return vcpu_raise_with_code(v, VECTOR_GP, 0);
    v->s.rflags |= RFLAGS_VIF;
    return system_end(v, op);
  case FLAG_REAL: break;
  }
  if (!(v->s.rflags & RFLAGS_IF)) {
    v->s.blocking_by_sti = v->shadow_is_new = true;
    v->s.blocking_by_mov_ss = false; /* of the instruction before; its one instruction is over */
  }
  v->s.rflags |= RFLAGS_IF;
  vcpu_attend(v, ATTENTION_BOUNDARY);
  system_end(v, op);
}

static void set_ac(struct vcpu *v, const struct ir_op *op, bool ac) {
  v->current = op;
  if (v->cpl != 0) return vcpu_raise(v, VECTOR_UD);
  v->s.rflags = ac ? v->s.rflags | RFLAGS_AC : v->s.rflags & ~RFLAGS_AC;
  mmu_mode_changed(v);
  exec_next(v, op);
}

static void system_clac(struct vcpu *v, const struct ir_op *op) {
  set_ac(v, op, false);
}

static void system_stac(struct vcpu *v, const struct ir_op *op) {
  set_ac(v, op, true);
}

static bool keys_usable(struct vcpu *v) {
  if (!(v->s.cr4 & CR4_PKE)) return vcpu_raise(v, VECTOR_UD), false;
  if ((uint32_t)v->s.gpr[VMXSIM_RCX]) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  return true;
}

static void system_rdpkru(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!keys_usable(v)) return;
  system_set_gpr(v, VMXSIM_RAX, 4, v->s.pkru);
  system_set_gpr(v, VMXSIM_RDX, 4, 0);
  exec_next(v, op);
}

static void system_wrpkru(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!keys_usable(v)) return;
  if ((uint32_t)v->s.gpr[VMXSIM_RDX]) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.pkru = (uint32_t)v->s.gpr[VMXSIM_RAX];
  mmu_mode_changed(v);
  exec_next(v, op);
}

ir_execute *system_bind_flag(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_CLI: return system_cli;
  case IR_STI: return system_sti;
  case IR_CLAC: return system_clac;
  case IR_STAC: return system_stac;
  case IR_RDPKRU: return system_rdpkru;
  case IR_WRPKRU: return system_wrpkru;
  default: return NULL;
  }
}
