/* Which handler executes an op: the groups are asked in turn. */
#include "cpu/exec/exec.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/vmx_intercepts.h"

static void undefined(struct vcpu *v, const struct ir_op *op) {
  vcpu_raise(v, VECTOR_UD);
  return exec_fault(v, op);
}

ir_execute *exec_bind(decode_mode mode, const struct ir_op *op) {
  static ir_execute *(*const groups[])(const struct ir_op *) = {
      exec_bind_integer, exec_bind_transfer, exec_bind_string, exec_bind_system, exec_bind_far,
      exec_bind_x87,     exec_bind_sse,      exec_bind_simd,   exec_bind_cet,
  };
  ir_execute *const intercept = mode & DECODE_NON_ROOT ? vmx_bind_intercept(op) : NULL;
  if (intercept) return intercept;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    ir_execute *handler = groups[i](op);
    if (handler) return handler;
  }
  return undefined;
}
