/* Whether an instruction causes a VM exit, where that is more than the bit of a control: SDM 3C, "Instructions That
 * Cause VM Exits Conditionally". What the VMCS says is asked of the engine (include/vmxsim/vmx.h). */
#include "cpu/exec/operand.h"
#include "cpu/exec/string.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx_intercepts.h"

/* GETSEC and XSETBV exit where they are enabled, whatever the CPL and the operands. */
bool vmx_getsec_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return v->s.cr4 & CR4_SMXE;
}

bool vmx_xsetbv_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return v->s.cr4 & CR4_OSXSAVE;
}

bool vmx_rsm_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return v->s.in_smm;
}

bool vmx_pause_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return vmxsim_vmx_intercepts_pause(&v->vmx);
}

/* --- MSRs ----------------------------------------------------------------------------------------------------------
 */

bool vmx_rdmsr_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return vmxsim_vmx_intercepts_msr(&v->vmx, (uint32_t)v->s.gpr[VMXSIM_RCX], false);
}

bool vmx_wrmsr_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return vmxsim_vmx_intercepts_msr(&v->vmx, (uint32_t)v->s.gpr[VMXSIM_RCX], true);
}

/* With bitmaps it is decided MSR by MSR, by who executes the list. */
bool vmx_msr_list_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return !vmxsim_vmx_on(&v->vmx, primary, use_msr_bitmaps);
}

/* --- control registers ---------------------------------------------------------------------------------------------
 */

static bool mov_to_cr_exits(const struct vcpu *v, unsigned cr, uint64_t value) {
  switch (cr) {
  case 0:
  case 4: return vmxsim_vmx_intercepts_cr(&v->vmx, cr, value);
  case 3: return vmxsim_vmx_intercepts_cr3(&v->vmx, value);
  case 8: return vmxsim_vmx_on(&v->vmx, primary, cr8_load_exiting);
  default: return false;
  }
}

static bool mov_from_cr_exits(const struct vcpu *v, unsigned cr) {
  switch (cr) {
  case 3: return vmxsim_vmx_on(&v->vmx, primary, cr3_store_exiting);
  case 8: return vmxsim_vmx_on(&v->vmx, primary, cr8_store_exiting);
  default: return false;
  }
}

bool vmx_mov_cr_exits(struct vcpu *v, const struct ir_op *op) {
  const struct ir_operand *const to = &op->operand[0], *const from = &op->operand[1];
  if (to->kind != IR_CONTROL) return mov_from_cr_exits(v, from->reg);
  return mov_to_cr_exits(v, to->reg, system_gpr(v, from->reg, vcpu_in_64_bit_mode(v) ? 8 : 4));
}

bool vmx_clts_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return vmxsim_vmx_intercepts_clts(&v->vmx);
}

/* A source that cannot be read is the ordinary handler's to fault on: that comes first. So does the CPL, before any
 * access. */
bool vmx_lmsw_exits(struct vcpu *v, const struct ir_op *op) {
  uint64_t source;
  if (v->cpl > 0) return false;
  if (system_read(v, op, &op->operand[0], 2, &source)) return vmxsim_vmx_intercepts_lmsw(&v->vmx, (uint16_t)source);
  v->exception.pending = false;
  return false;
}

/* --- ports ---------------------------------------------------------------------------------------------------------
 */

/* With REP and a count of zero nothing is accessed. */
bool vmx_io_exits(struct vcpu *v, const struct ir_op *op) {
  const bool repeats = op->prefixes & (IR_REP | IR_REPNE), is_string = op->opcode == IR_INS || op->opcode == IR_OUTS;
  if (is_string && repeats && string_index(v, op, VMXSIM_RCX) == 0) return false;
  return vmxsim_vmx_intercepts_io(&v->vmx, vmx_io_port(v, op), vmx_io_size(op));
}

/* --- bitmaps of the VMCS -------------------------------------------------------------------------------------------
 */

#define BITMAP(v, name) ((v)->vmx.vmcs.value[VMXSIM_FIELD_##name])

bool vmx_xss_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  const uint64_t requested = system_gpr(v, VMXSIM_RDX, 4) << 32 | system_gpr(v, VMXSIM_RAX, 4);
  return requested & v->s.xss & BITMAP(v, xss_exiting_bitmap);
}

/* Leaves from 63 on share the last bit. */
static bool leaf_exits(const struct vcpu *v, uint64_t bitmap) {
  const uint64_t leaf = system_gpr(v, VMXSIM_RAX, 4);
  return (bitmap >> (leaf < 63 ? leaf : 63)) & 1;
}

bool vmx_encls_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return vmxsim_vmx_on(&v->vmx, secondary, enable_encls_exiting) && leaf_exits(v, BITMAP(v, encls_exiting_bitmap));
}

bool vmx_enclv_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return leaf_exits(v, BITMAP(v, enclv_exiting_bitmap));
}

bool vmx_pconfig_exits(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return leaf_exits(v, BITMAP(v, pconfig_exiting_bitmap));
}
