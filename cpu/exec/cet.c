/* Control-flow enforcement of near transfers. SDM 1, "Control-flow Enforcement Technology (CET)". */
#include "cpu/exec/cet.h"
#include "cpu/exec/operand.h"

uint64_t *cet_control(struct vcpu *v) {
  return v->cpl == 3 ? &v->s.u_cet : &v->s.s_cet;
}

/* Entries of near transfers are 8 bytes in 64-bit mode, else 4. */
static unsigned entry_size(const struct vcpu *v) {
  return v->mode & DECODE_CODE_64 ? 8 : 4;
}

/* One entry of 4 or 8 bytes on the current shadow stack; false: exception pending, SSP unchanged. */
static bool push(struct vcpu *v, unsigned size, uint64_t value) {
  uint64_t ssp = exec_wrap_rip(v, v->s.ssp - size);
  if (!mem_write_linear(v, ssp, size, MEM_WRITE | MEM_SHADOW_STACK, value)) return false;
  v->s.ssp = ssp;
  return true;
}

static bool top(struct vcpu *v, unsigned size, uint64_t *value) {
  return mem_read_linear(v, v->s.ssp, size, MEM_READ | MEM_SHADOW_STACK, value);
}

bool cet_call(struct vcpu *v, uint64_t return_address) {
  return !cet_shadow_stack(v) || push(v, entry_size(v), return_address);
}

bool cet_return(struct vcpu *v, uint64_t return_address) {
  uint64_t expected = 0;
  if (!cet_shadow_stack(v)) return true;
  if (!top(v, entry_size(v), &expected)) return false;
  if (expected != return_address) return exec_raise_with_code(v, VECTOR_CP, CP_NEAR_RET);
  v->s.ssp = exec_wrap_rip(v, v->s.ssp + entry_size(v));
  return true;
}

void cet_indirect_branch(struct vcpu *v, const struct ir_op *op) {
  uint64_t *control = cet_control(v);
  bool untracked = (op->prefixes & IR_NOTRACK) && (*control & CET_NO_TRACK_EN);
  if (cet_tracking(v) && !untracked && !(*control & CET_SUPPRESS)) *control |= CET_TRACKER;
}

void cet_track_idle(struct vcpu *v) {
  if (cet_tracking(v)) *cet_control(v) &= ~(uint64_t)(CET_TRACKER | CET_SUPPRESS);
}

/* SDM 1, "Legacy Compatibility Treatment": code of pages that the bitmap marks may do without ENDBR. */
static bool check_legacy(struct vcpu *v) {
  uint64_t *control = cet_control(v), bits = 0;
  uint64_t linear = vcpu_code_linear(v, v->s.rip);
  if (!(*control & CET_LEG_IW_EN)) return exec_raise_with_code(v, VECTOR_CP, CP_ENDBRANCH);
  uint64_t byte = exec_wrap_rip(v, (*control & PAGE_MASK) + (linear & 0xffffffffffffu) / 0x8000);
  if (!mem_read_linear(v, byte, 1, MEM_READ, &bits)) return false;
  if (!((bits >> ((linear >> 12) & 7)) & 1)) return exec_raise_with_code(v, VECTOR_CP, CP_ENDBRANCH);
  *control &= ~(uint64_t)CET_TRACKER;
  if (!(*control & CET_SUPPRESS_DIS)) *control |= CET_SUPPRESS;
  return true;
}

/* INT1 and INT3 are let through, so that a debugger can put its breakpoint over ENDBR; the tracker goes on waiting. */
bool cet_check_endbranch(struct vcpu *v, const struct ir_op *op) {
  unsigned expected = v->mode & DECODE_CODE_64 ? IR_ENDBR64 : IR_ENDBR32;
  if (!cet_waits_for_endbranch(v) || op->opcode == expected || op->opcode == IR_INT1 || op->opcode == IR_INT3)
    return true;
  return check_legacy(v);
}
