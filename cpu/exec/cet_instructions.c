/* The instructions that manage shadow stacks: INCSSP, RDSSP, SAVEPREVSSP, RSTORSSP, WRSS, WRUSS, SETSSBSY, CLRSSBSY.
 *
 * SDM 1, "Shadow Stacks"; SDM 2A to 2C, each by its name. Tokens are changed under a lock: one vCPU executes at a time,
 * so that only the check for writing at the read remains of it.
 */
#include "cpu/exec/cet.h"
#include "cpu/exec/flags.h"
#include "cpu/exec/operand.h"

enum {
  TOKEN_64_BIT = 1,   /* restore and previous-SSP tokens: made in 64-bit mode */
  TOKEN_PREVIOUS = 2, /* a previous-SSP token, not a restore token */
  TOKEN_TYPE = 3
};

enum { READ_STACK = MEM_READ | MEM_SHADOW_STACK, WRITE_STACK = MEM_WRITE | MEM_SHADOW_STACK };

static bool read_stack(struct vcpu *v, uint64_t linear, unsigned size, unsigned access, uint64_t *value) {
  return mem_read_linear(v, exec_wrap_rip(v, linear), size, (enum mem_access)access, value);
}

static bool write_stack(struct vcpu *v, uint64_t linear, unsigned size, unsigned access, uint64_t value) {
  return mem_write_linear(v, exec_wrap_rip(v, linear), size, (enum mem_access)access, value);
}

static unsigned mode_bit(const struct vcpu *v) {
  return vcpu_in_64_bit_mode(v) ? TOKEN_64_BIT : 0;
}

/* Outside 64-bit mode a shadow stack lies below 4 GiB. */
static bool in_reach(const struct vcpu *v, uint64_t ssp) {
  return vcpu_in_64_bit_mode(v) || !(ssp >> 32);
}

/* CR4.CET where it counts: neither real-address nor virtual-8086 mode have these instructions. */
static bool has_enforcement(const struct vcpu *v) {
  return (v->mode & DECODE_PROTECTED) && (v->s.cr4 & CR4_CET);
}

/* The linear address of the memory operand, which has to be aligned to its size. */
static bool operand_linear(struct vcpu *v, const struct ir_op *op, unsigned size, uint64_t *linear) {
  if (!segment_linear(v, op->memory.segment, operand_address(v, op), size, MEM_WRITE, linear)) return false;
  return *linear % size == 0 || exec_raise_with_code(v, VECTOR_GP, 0);
}

/* --- SSP itself -------------------------------------------------------------------------------------------------- */

/* With shadow stacks off it is one of the no-operations that it was made of. */
static void rdssp(struct vcpu *v, const struct ir_op *op) {
  if (cet_shadow_stack(v)) gpr_write(v, &op->operand[0], op->operand_size, truncate_to(v->s.ssp, op->operand_size));
  return vcpu_next(v, op);
}

/* The first and the last entry that are skipped are read, so that it cannot leap over the page beyond the stack. */
static bool incssp_step(struct vcpu *v, const struct ir_op *op) {
  const unsigned size = op->operand_size;
  const unsigned count = (uint8_t)v->s.gpr[op->operand[0].reg];
  uint64_t ignored = 0;
  if (!cet_shadow_stack(v)) return exec_raise(v, VECTOR_UD);
  if (!read_stack(v, v->s.ssp, size, READ_STACK, &ignored)) return false;
  if (count && !read_stack(v, v->s.ssp + (uint64_t)(count - 1) * size, size, READ_STACK, &ignored)) return false;
  v->s.ssp = exec_wrap_rip(v, v->s.ssp + (uint64_t)count * size);
  return true;
}

/* --- changing shadow stacks -------------------------------------------------------------------------------------- */

/* A restore token says where SSP was, right above the token but for an alignment hole, and in which mode. */
static bool restores(const struct vcpu *v, uint64_t token, uint64_t at) {
  const uint64_t ssp = token & ~(uint64_t)TOKEN_64_BIT;
  return (token & TOKEN_TYPE) == mode_bit(v) && in_reach(v, token) && ((ssp - 8) & ~UINT64_C(7)) == at;
}

static bool rstorssp_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t at = 0, token = 0;
  if (!cet_shadow_stack(v)) return exec_raise(v, VECTOR_UD);
  if (!operand_linear(v, op, 8, &at) || !read_stack(v, at, 8, WRITE_STACK, &token)) return false;
  if (!restores(v, token, at)) return exec_raise_with_code(v, VECTOR_CP, CP_RSTORSSP);
  if (!write_stack(v, at, 8, WRITE_STACK, v->s.ssp | mode_bit(v) | TOKEN_PREVIOUS)) return false;
  v->s.ssp = at;
  flags_write_arithmetic(v, token & 4 ? FLAG_CF : 0); /* there is an alignment hole */
  return true;
}

/* Takes the previous-SSP token off, and the alignment hole that CF tells of; *ssp is what SSP becomes. */
static bool pop_previous(struct vcpu *v, uint64_t *token, uint64_t *ssp) {
  const bool hole = flags_carry(v);
  uint64_t zero = 0;
  if (!read_stack(v, v->s.ssp, 8, READ_STACK, token)) return false;
  if (hole && vcpu_in_64_bit_mode(v)) return exec_raise_with_code(v, VECTOR_GP, 0);
  if (hole && !read_stack(v, v->s.ssp + 8, 4, READ_STACK, &zero)) return false;
  *ssp = exec_wrap_rip(v, v->s.ssp + (hole ? 12 : 8));
  const bool good = zero == 0 && (*token & TOKEN_PREVIOUS) && in_reach(v, *token);
  return good || exec_raise_with_code(v, VECTOR_GP, 0);
}

static bool saveprevssp_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t token = 0, ssp = 0;
  (void)op;
  if (!cet_shadow_stack(v)) return exec_raise(v, VECTOR_UD);
  if (v->s.ssp & 7) return exec_raise_with_code(v, VECTOR_GP, 0);
  if (!pop_previous(v, &token, &ssp)) return false;
  const uint64_t old = token & ~(uint64_t)TOKEN_TYPE;
  /* What lies between SSP and the aligned token is zero. */
  if (!write_stack(v, old - 4, 4, WRITE_STACK, 0)) return false;
  if (!write_stack(v, (old & ~UINT64_C(7)) - 8, 8, WRITE_STACK, old | mode_bit(v))) return false;
  v->s.ssp = ssp;
  return true;
}

/* --- writing to shadow stacks ------------------------------------------------------------------------------------ */

static bool write_operand(struct vcpu *v, const struct ir_op *op, unsigned access) {
  const unsigned size = op->operand_size;
  uint64_t at = 0;
  return operand_linear(v, op, size, &at) && write_stack(v, at, size, access, gpr_read(v, &op->operand[1], size));
}

static bool wrss_step(struct vcpu *v, const struct ir_op *op) {
  if (!cet_shadow_stack(v) || !(*cet_control(v) & CET_WR_SHSTK_EN)) return exec_raise(v, VECTOR_UD);
  return write_operand(v, op, WRITE_STACK);
}

static bool wruss_step(struct vcpu *v, const struct ir_op *op) {
  if (!has_enforcement(v)) return exec_raise(v, VECTOR_UD);
  if (v->cpl > 0) return exec_raise_with_code(v, VECTOR_GP, 0);
  return write_operand(v, op, WRITE_STACK | MEM_USER);
}

/* --- busy tokens of supervisor shadow stacks --------------------------------------------------------------------- */

static bool may_change_busy(struct vcpu *v) {
  if (!has_enforcement(v) || !(v->s.s_cet & CET_SH_STK_EN)) return exec_raise(v, VECTOR_UD);
  return v->cpl == 0 || exec_raise_with_code(v, VECTOR_GP, 0);
}

static bool setssbsy_step(struct vcpu *v, const struct ir_op *op) {
  const uint64_t at = v->s.pl_ssp[0];
  uint64_t token = 0;
  (void)op;
  if (!may_change_busy(v)) return false;
  if (at & 7) return exec_raise_with_code(v, VECTOR_GP, 0);
  if (!in_reach(v, at)) return exec_raise_with_code(v, VECTOR_CP, CP_SETSSBSY);
  if (!read_stack(v, at, 8, WRITE_STACK, &token)) return false;
  if (token != at) return exec_raise_with_code(v, VECTOR_CP, CP_SETSSBSY);
  if (!write_stack(v, at, 8, WRITE_STACK, at | TOKEN_BUSY)) return false;
  v->s.ssp = at;
  return true;
}

/* CF tells that there was no busy token; SSP is gone either way. */
static bool clrssbsy_step(struct vcpu *v, const struct ir_op *op) {
  uint64_t at = 0, token = 0;
  if (!may_change_busy(v)) return false;
  if (!operand_linear(v, op, 8, &at) || !read_stack(v, at, 8, WRITE_STACK, &token)) return false;
  const bool busy = token == (at | TOKEN_BUSY);
  if (busy && !write_stack(v, at, 8, WRITE_STACK, at)) return false;
  flags_write_arithmetic(v, busy ? 0 : FLAG_CF);
  v->s.ssp = 0;
  return true;
}

EXEC_HANDLER(incssp, incssp_step)
EXEC_HANDLER(saveprevssp, saveprevssp_step)
EXEC_HANDLER(rstorssp, rstorssp_step)
EXEC_HANDLER(wrss, wrss_step)
EXEC_HANDLER(wruss, wruss_step)
EXEC_HANDLER(setssbsy, setssbsy_step)
EXEC_HANDLER(clrssbsy, clrssbsy_step)

ir_execute *exec_bind_cet(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_RDSSP: return rdssp;
  case IR_INCSSP: return incssp;
  case IR_SAVEPREVSSP: return saveprevssp;
  case IR_RSTORSSP: return rstorssp;
  case IR_WRSS: return wrss;
  case IR_WRUSS: return wruss;
  case IR_SETSSBSY: return setssbsy;
  case IR_CLRSSBSY: return clrssbsy;
  default: return NULL;
  }
}
