/* VM exits that instructions cause: the table, and the handler that stands before those of its instructions. */
#include "cpu/exec/vmx_intercepts.h"

#include "cpu/exec/operand.h"
#include "cpu/exec/simd.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/exec/vmx_information.h"

enum when { WHEN_NEVER, WHEN_ALWAYS, WHEN_CONTROL, WHEN_CONDITION };

/* A bit of a control word, or a function. */
struct condition {
  enum when when;
  vmxsim_control_word word;
  unsigned bit;
  vmx_condition *holds;
};

struct intercept {
  ir_execute *(*bind)(const struct ir_op *op);
  struct condition exists, exits;
  vmx_check *before;
  uint16_t reason;
  vmx_qualification *qualification;
  vmx_information *information;
};

#define BY_CONTROL(word, name) \
  { WHEN_CONTROL, VMXSIM_WORD_##word, VMXSIM_BIT_##word##_##name, NULL }
#define ANYWAY \
  { WHEN_ALWAYS, 0, 0, NULL }
#define ALWAYS ANYWAY
#define NEVER \
  { WHEN_NEVER, 0, 0, NULL }
#define IF(condition) \
  { WHEN_CONDITION, 0, 0, condition }
#define ENABLED BY_CONTROL
#define ON BY_CONTROL
#define NOTHING NULL
#define ZERO NULL

static const struct intercept table[] = {
#define INTERCEPT(opcode, binds, exists, exits, before, reason, qualification, information) \
  {binds, exists, exits, before, VMXSIM_EXIT_##reason, qualification, information},
#include "cpu/exec/vmx_intercepts.def"
#undef INTERCEPT
};

enum {
#define INTERCEPT(opcode, binds, exists, exits, before, reason, qualification, information) ROW_##opcode,
#include "cpu/exec/vmx_intercepts.def"
#undef INTERCEPT
};

/* One more than the row of an opcode; 0: it has none. */
static const uint8_t rows[IR_OPCODE_COUNT] = {
#define INTERCEPT(opcode, binds, exists, exits, before, reason, qualification, information) \
  [IR_##opcode] = ROW_##opcode + 1,
#include "cpu/exec/vmx_intercepts.def"
#undef INTERCEPT
};

static bool holds(const struct condition *condition, struct vcpu *v, const struct ir_op *op) {
  switch (condition->when) {
  case WHEN_ALWAYS: return true;
  case WHEN_CONTROL: return vmxsim_vmx_is_on(&v->vmx, condition->word, condition->bit);
  case WHEN_CONDITION: return condition->holds(v, op);
  default: return false;
  }
}

static void exit_for(struct vcpu *v, const struct ir_op *op, const struct intercept *row) {
  const struct vmxsim_vmx_exit exit = {
      .reason = row->reason,
      .qualification = row->qualification ? row->qualification(v, op) : 0,
      .guest_linear_address = vmx_guest_linear_address(v, op),
      .instruction_information = row->information ? row->information(v, op) : 0,
  };
  exec_vm_exit_for(v, op, exit);
}

/* Whether it would exit is asked before what comes first: the ordinary handler makes all checks itself, so that an
 * instruction that does not exit has made them only once. */
static void intercept(struct vcpu *v, const struct ir_op *op) {
  const struct intercept *const row = &table[rows[op->opcode] - 1];
  v->current = op;
  if (!holds(&row->exists, v, op)) {
    vcpu_raise(v, VECTOR_UD);
    return exec_fault(v, op);
  }
  if (!holds(&row->exits, v, op)) return row->bind(op)(v, op);
  if (row->before && !row->before(v, op)) return exec_fault(v, op);
  exit_for(v, op, row);
}

ir_execute *vmx_bind_intercept(const struct ir_op *op) {
  return rows[op->opcode] ? intercept : NULL;
}
