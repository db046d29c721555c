/* Exchanging with arithmetic: XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B. A locked one differs in nothing that can be seen
 * here: vCPUs take turns at instruction boundaries. */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

static bool xadd_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  uint64_t b = gpr_read(v, &op->operand[1], size), sum = truncate_to(m.value + b, size);
  gpr_write(v, &op->operand[1], size, m.value);
  operand_commit(v, op, 0, &m, sum);
  flags_set(v, LAZY_ADD, size, sum, m.value, b);
  return true;
}

/* Memory is written in either case; a register only if they are equal (processors leave its upper half alone if not,
 * unlike the manual's pseudocode), the accumulator only if they differ. */
static bool cmpxchg_step(struct vcpu *v, const struct ir_op *op) {
  unsigned size = op->operand[0].size;
  struct modified m;
  if (!operand_modify(v, op, 0, &m)) return false;
  uint64_t accumulator = truncate_to(v->s.gpr[VMXSIM_RAX], size);
  bool equal = accumulator == m.value;
  if (equal || op->operand[0].kind == IR_MEMORY)
    operand_commit(v, op, 0, &m, equal ? gpr_read(v, &op->operand[1], size) : m.value);
  if (!equal) gpr_write_number(v, VMXSIM_RAX, size, m.value);
  flags_set(v, LAZY_SUB, size, truncate_to(accumulator - m.value, size), accumulator, m.value);
  return true;
}

static void set_zero_flag(struct vcpu *v, bool zero) {
  flags_write_arithmetic(v, (flags_read(v) & ~(uint64_t)FLAG_ZF) | (zero ? FLAG_ZF : 0));
}

static bool cmpxchg8b_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t *gpr = v->s.gpr, value;
  struct mem_rmw rmw;
  if (!mem_rmw_read(v, op->memory.segment, operand_address(v, op), 8, &value, &rmw)) return false;
  bool equal = value == (gpr[VMXSIM_RDX] << 32 | (uint32_t)gpr[VMXSIM_RAX]);
  mem_rmw_write(v, &rmw, equal ? gpr[VMXSIM_RCX] << 32 | (uint32_t)gpr[VMXSIM_RBX] : value);
  if (!equal) {
    gpr[VMXSIM_RAX] = (uint32_t)value;
    gpr[VMXSIM_RDX] = value >> 32;
  }
  set_zero_flag(v, equal);
  return true;
}

static bool cmpxchg16b_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t *gpr = v->s.gpr, value[2];
  struct mem_rmw rmw;
  if (!mem_rmw16_read(v, op->memory.segment, operand_address(v, op), value, &rmw)) return false;
  bool equal = value[0] == gpr[VMXSIM_RAX] && value[1] == gpr[VMXSIM_RDX];
  uint64_t replacement[2] = {gpr[VMXSIM_RBX], gpr[VMXSIM_RCX]};
  mem_rmw16_write(v, &rmw, equal ? replacement : value);
  if (!equal) {
    gpr[VMXSIM_RAX] = value[0];
    gpr[VMXSIM_RDX] = value[1];
  }
  set_zero_flag(v, equal);
  return true;
}

EXEC_HANDLER(xadd, xadd_step)
EXEC_HANDLER(cmpxchg, cmpxchg_step)
EXEC_HANDLER(cmpxchg8b, cmpxchg8b_step)
EXEC_HANDLER(cmpxchg16b, cmpxchg16b_step)

ir_execute *bind_exchange(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_XADD: return xadd;
  case IR_CMPXCHG: return cmpxchg;
  case IR_CMPXCHG8B: return cmpxchg8b;
  case IR_CMPXCHG16B: return cmpxchg16b;
  default: return NULL;
  }
}
