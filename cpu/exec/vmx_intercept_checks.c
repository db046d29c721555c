/* Faults that come before a VM exit for the instruction: SDM 3C, "Relative Priority of Faults and VM Exits". #UD, what
 * depends on the privilege level, and the I/O permission bitmap; all else comes after. */
#include "cpu/exec/io.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx_intercepts.h"

bool vmx_needs_privilege(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return system_privileged(v);
}

bool vmx_needs_supervisor(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return (vcpu_in_protected_mode(v) && v->cpl == 0) || exec_raise(v, VECTOR_UD);
}

bool vmx_needs_port(struct vcpu *v, const struct ir_op *op) {
  return io_permitted(v, vmx_io_port(v, op), vmx_io_size(op));
}

bool vmx_needs_xsave(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (!(v->s.cr4 & CR4_OSXSAVE)) return exec_raise(v, VECTOR_UD);
  return system_privileged(v);
}
