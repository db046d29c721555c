/* What x87 instructions share: exceptions and their deferral, the last instruction, which file executes what.
 *
 * An exception that is not masked is pending (ES) until the next waiting instruction raises #MF, or, with CR0.NE = 0,
 * signals FERR# (SDM 1, "x87 FPU Exception Synchronization" and "Software Exception Handling").
 */
#include "cpu/exec/x87.h"

#include "cpu/exec/system.h"

/* --- before an instruction ------------------------------------------------------------------------------------------
 */

bool x87_nothing_pending(struct vcpu *v) {
  if (!(v->fpu.status & X87_ES)) return true;
  if (v->s.cr0 & CR0_NE) return exec_raise(v, VECTOR_MF);
  if (!v->float_error || v->ignne) return true;
  v->float_error(v->float_error_context);
  vcpu_attend(v, ATTENTION_BOUNDARY); /* it waits for an interrupt */
  return false;
}

bool x87_available(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (v->mode & (DECODE_CR0_EM | DECODE_CR0_TS)) return exec_raise(v, VECTOR_NM);
  return x87_nothing_pending(v);
}

void x87_record(struct vcpu *v, const struct ir_op *op) {
  struct fpu *f = &v->fpu;
  f->instruction = exec_wrap_rip(v, vcpu_rip(v, op));
  f->instruction_selector = v->s.segment[VMXSIM_CS].selector;
  if (op->operand[0].kind != IR_MEMORY) return;
  f->data = operand_address(v, op);
  f->data_selector = v->s.segment[op->memory.segment].selector;
}

/* --- exceptions -----------------------------------------------------------------------------------------------------
 */

struct float80_context x87_full_context(const struct vcpu *v) {
  return (struct float80_context){(v->fpu.control >> 10) & 3, 64, v->fpu.control & X87_EXCEPTIONS, 0, false};
}

struct float80_context x87_context(const struct vcpu *v) {
  static const uint8_t precision[4] = {24, 64, 53, 64};
  struct float80_context context = x87_full_context(v);
  context.precision = precision[(v->fpu.control >> 8) & 3];
  return context;
}

/* Notes exceptions; the opcode is kept of those that are not masked only (SDM 1, "Fopcode Compatibility Sub-mode"). */
static bool signal(struct vcpu *v, const struct ir_op *op, unsigned raised) {
  v->fpu.status = (uint16_t)(v->fpu.status | raised);
  const unsigned unmasked = raised & ~(unsigned)v->fpu.control & X87_EXCEPTIONS;
  if (!unmasked) return true;
  v->fpu.status |= X87_ES | X87_B;
  v->fpu.opcode = (uint16_t)(op->immediate & 0x7ff);
  return !(unmasked & FLOAT80_BEFORE);
}

bool x87_note(struct vcpu *v, const struct ir_op *op, const struct float80_context *context) {
  const unsigned before = context->raised & ~context->masks & FLOAT80_BEFORE;
  /* What stops the instruction keeps it from raising what follows a result. */
  const unsigned raised = before ? context->raised & FLOAT80_BEFORE : context->raised;
  x87_set_conditions(v, X87_C1, context->rounded_up && !before ? X87_C1 : 0);
  return signal(v, op, raised);
}

bool x87_stack_underflow(struct vcpu *v, const struct ir_op *op) {
  x87_set_conditions(v, X87_C1, 0);
  return signal(v, op, FLOAT80_INVALID | X87_SF);
}

bool x87_stack_overflow(struct vcpu *v, const struct ir_op *op) {
  x87_set_conditions(v, X87_C1, X87_C1);
  return signal(v, op, FLOAT80_INVALID | X87_SF);
}

/* --- ST(0) and ST(1) ------------------------------------------------------------------------------------------------
 */

bool x87_of_two(struct vcpu *v, const struct ir_op *op, x87_function_of_two *f, float80 *result) {
  x87_record(v, op);
  *result = float80_indefinite();
  if (x87_empty(v, 0) || x87_empty(v, 1)) return x87_stack_underflow(v, op);
  struct float80_context context = x87_full_context(v);
  *result = f(&context, x87_get(v, 0), x87_get(v, 1));
  return x87_note(v, op, &context);
}

/* --- all of it ------------------------------------------------------------------------------------------------------
 */

ir_execute *exec_bind_x87(const struct ir_op *op) {
  ir_execute *handler = x87_bind_arithmetic(op);
  if (!handler) handler = x87_bind_transfer(op);
  if (!handler) handler = x87_bind_compare(op);
  if (!handler) handler = x87_bind_control(op);
  if (!handler) handler = x87_bind_environment(op);
  return handler ? handler : x87_bind_transcendental(op);
}
