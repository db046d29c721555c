/* Instructions that part 3 has to be able to intercept, on a processor on which what they need is switched off: SMX
 * without CR4.SMXE, SGX, key locker, MSR lists, PCONFIG, ENQCMD without a PASID ...
 *
 * The decoder gives only what CPUID announces (else #UD); what comes here answers as the manual has it for "not
 * enabled".
 */
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

static void system_undefined(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  vcpu_raise(v, VECTOR_UD);
}

/* #UD in real-address and virtual-8086 mode, #GP(0) above CPL 0, and #GP(0) because no leaf, list or key is there. */
static void system_refused(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!vcpu_in_protected_mode(v)) return vcpu_raise(v, VECTOR_UD);
  vcpu_raise_with_code(v, VECTOR_GP, 0);
}

/* GETSEC: #UD without CR4.SMXE; with it leaf 0 (CAPABILITIES) says that there is no chipset for it, others are #GP(0).
 */
static void system_getsec(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!(v->s.cr4 & CR4_SMXE)) return vcpu_raise(v, VECTOR_UD);
  if ((uint32_t)v->s.gpr[VMXSIM_RAX]) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  system_set_gpr(v, VMXSIM_RAX, 4, 0);
  exec_next(v, op);
}

ir_execute *system_bind_switched_off(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_ENCLS:
  case IR_ENCLU:
  case IR_ENCLV:
  case IR_LOADIWKEY:
  case IR_SEAMCALL:
  case IR_TDCALL:
  case IR_XBEGIN:
  case IR_XEND:
  case IR_XABORT:
  case IR_XTEST:
  case IR_XSUSLDTRK:
  case IR_XRESLDTRK:
  case IR_HRESET:
  case IR_PTWRITE:
  case IR_WRMSRNS:
  case IR_RDMSRLIST:
  case IR_WRMSRLIST:
  case IR_LKGS:
  case IR_ERETS:
  case IR_ERETU: return system_undefined;
  case IR_PCONFIG:
  case IR_PBNDKB:
  case IR_ENQCMD:
  case IR_ENQCMDS: return system_refused;
  case IR_GETSEC: return system_getsec;
  default: return NULL;
  }
}
