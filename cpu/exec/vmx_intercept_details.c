/* Exit qualifications and the guest-linear address of VM exits that instructions cause: SDM 3C, "Basic VM-Exit
 * Information". The instruction-information field is vmx_information.c. */
#include "cpu/exec/operand.h"
#include "cpu/exec/string.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx_intercepts.h"

/* WBNOINVD and WRMSRNS, which share an exit reason with WBINVD and WRMSR. */
uint64_t vmx_one(struct vcpu *v, const struct ir_op *op) {
  (void)v, (void)op;
  return 1;
}

/* MWAIT: a line whose store has been seen is not monitored any more. */
uint64_t vmx_monitor_armed(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return v->monitor_armed && !v->monitor_written;
}

static uint64_t operand_linear_address(const struct vcpu *v, const struct ir_op *op) {
  return system_linear(v, op->memory.segment, mem_effective_address(v, op));
}

uint64_t vmx_invlpg_address(struct vcpu *v, const struct ir_op *op) {
  return operand_linear_address(v, op);
}

uint64_t vmx_guest_linear_address(const struct vcpu *v, const struct ir_op *op) {
  switch (op->opcode) {
  case IR_LMSW: return op->operand[0].kind == IR_MEMORY ? operand_linear_address(v, op) : 0;
  case IR_INS: return system_linear(v, VMXSIM_ES, string_index(v, op, VMXSIM_RDI));
  case IR_OUTS: return system_linear(v, op->memory.segment, string_index(v, op, VMXSIM_RSI));
  default: return 0;
  }
}

/* --- control and debug registers -----------------------------------------------------------------------------------
 */

/* Access types, bits 5:4 */
enum { MOV_TO_CR = 0 << 4, MOV_FROM_CR = 1 << 4, CLTS_ACCESS = 2 << 4, LMSW_ACCESS = 3 << 4, LMSW_OF_MEMORY = 1 << 6 };
enum { REGISTER_SHIFT = 8, LMSW_SOURCE_SHIFT = 16, MOV_FROM_DR = 1 << 4 };

uint64_t vmx_mov_cr_access(struct vcpu *v, const struct ir_op *op) {
  const bool to_cr = op->operand[0].kind == IR_CONTROL;
  const uint64_t cr = op->operand[to_cr ? 0 : 1].reg, gpr = op->operand[to_cr ? 1 : 0].reg;
  (void)v;
  return cr | (to_cr ? MOV_TO_CR : MOV_FROM_CR) | gpr << REGISTER_SHIFT;
}

uint64_t vmx_clts_access(struct vcpu *v, const struct ir_op *op) {
  (void)v, (void)op;
  return CLTS_ACCESS;
}

/* The condition has read the source already, so that this cannot fault. */
uint64_t vmx_lmsw_access(struct vcpu *v, const struct ir_op *op) {
  uint64_t source = 0;
  (void)system_read(v, op, &op->operand[0], 2, &source);
  return LMSW_ACCESS | (op->operand[0].kind == IR_MEMORY ? LMSW_OF_MEMORY : 0) | source << LMSW_SOURCE_SHIFT;
}

uint64_t vmx_mov_dr_access(struct vcpu *v, const struct ir_op *op) {
  const bool to_dr = op->operand[0].kind == IR_DEBUG;
  const uint64_t dr = op->operand[to_dr ? 0 : 1].reg, gpr = op->operand[to_dr ? 1 : 0].reg;
  (void)v;
  return dr | (to_dr ? 0 : MOV_FROM_DR) | gpr << REGISTER_SHIFT;
}

/* --- ports ---------------------------------------------------------------------------------------------------------
 */

enum { IO_IN = 1 << 3, IO_STRING = 1 << 4, IO_REP = 1 << 5, IO_IMMEDIATE = 1 << 6, IO_PORT_SHIFT = 16 };

static bool is_string(const struct ir_op *op) {
  return op->opcode == IR_INS || op->opcode == IR_OUTS;
}

static bool has_immediate_port(const struct ir_op *op) {
  return !is_string(op) && op->operand[op->opcode == IR_IN ? 1 : 0].kind == IR_IMMEDIATE;
}

uint16_t vmx_io_port(const struct vcpu *v, const struct ir_op *op) {
  return has_immediate_port(op) ? (uint8_t)op->immediate : (uint16_t)v->s.gpr[VMXSIM_RDX];
}

unsigned vmx_io_size(const struct ir_op *op) {
  return is_string(op) ? string_size(op) : op->operand[op->opcode == IR_IN ? 0 : 1].size;
}

uint64_t vmx_io_access(struct vcpu *v, const struct ir_op *op) {
  const bool in = op->opcode == IR_IN || op->opcode == IR_INS;
  uint64_t access = (vmx_io_size(op) - 1) | (in ? IO_IN : 0) | (has_immediate_port(op) ? IO_IMMEDIATE : 0);
  if (is_string(op)) access |= IO_STRING | (op->prefixes & (IR_REP | IR_REPNE) ? IO_REP : 0);
  return access | (uint64_t)vmx_io_port(v, op) << IO_PORT_SHIFT;
}
