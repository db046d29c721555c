/* RFLAGS bits that an instruction leaves undefined: SDM 2, "Flags Affected" of each. */
#include "cpu/exec/flags.h"
#include "tests/conformance/exceptions_internal.h"

struct flags_of {
  uint16_t opcode;
  uint16_t undefined;
};
static const struct flags_of table[] = {
    {IR_AND, FLAG_AF},
    {IR_OR, FLAG_AF},
    {IR_XOR, FLAG_AF},
    {IR_TEST, FLAG_AF},
    {IR_MUL, FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF},
    {IR_IMUL, FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF},
    {IR_DIV, FLAGS_ARITHMETIC},
    {IR_IDIV, FLAGS_ARITHMETIC},
    {IR_BSF, FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_BSR, FLAG_CF | FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_BT, FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_BTS, FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_BTR, FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_BTC, FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF},
    {IR_AAA, FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_PF},
    {IR_AAS, FLAG_OF | FLAG_SF | FLAG_ZF | FLAG_PF},
    {IR_AAM, FLAG_OF | FLAG_AF | FLAG_CF},
    {IR_AAD, FLAG_OF | FLAG_AF | FLAG_CF},
    {IR_DAA, FLAG_OF},
    {IR_DAS, FLAG_OF},
    {IR_ANDN, FLAG_AF | FLAG_PF},
    {IR_BEXTR, FLAG_AF | FLAG_SF | FLAG_PF},
    {IR_BLSI, FLAG_AF | FLAG_PF},
    {IR_BLSR, FLAG_AF | FLAG_PF},
    {IR_BLSMSK, FLAG_AF | FLAG_PF},
    {IR_BZHI, FLAG_AF | FLAG_PF},
    {IR_LZCNT, FLAG_OF | FLAG_SF | FLAG_PF | FLAG_AF},
    {IR_TZCNT, FLAG_OF | FLAG_SF | FLAG_PF | FLAG_AF},
};

/* --- shifts: it depends on the count ----------------------------------------------------------------------------- */

static unsigned shift_count(const struct dispute *d, unsigned operand) {
  const struct ir_operand *count = &d->op->operand[operand];
  const uint64_t value = count->kind == IR_GPR ? d->test->state.gpr[VMXSIM_RCX] : d->op->immediate;
  return (unsigned)(value & (d->op->operand[0].size == 8 ? 63 : 31));
}

/* "The OF flag is affected only on 1-bit shifts"; "for a non-zero count, the AF flag is undefined"; CF "is undefined
 * for SHL and SHR instructions where the count is greater than or equal to the size" (SDM 2B, "SAL/SAR/SHL/SHR"; of OF
 * also "RCL/RCR/ROL/ROR"). */
static uint64_t shift_flags(const struct dispute *d) {
  const struct ir_op *op = d->op;
  const unsigned count = shift_count(d, 1), bits = op->operand[0].size * 8u;
  uint64_t undefined = 0;
  if (count == 0) return 0;
  if (count != 1) undefined |= FLAG_OF;
  if (IS_ONE_OF(op, IR_SHL, IR_SHR, IR_SAR)) undefined |= FLAG_AF;
  if (IS_ONE_OF(op, IR_SHL, IR_SHR) && count >= bits) undefined |= FLAG_CF;
  return undefined;
}

/* "If the count is greater than the operand size, the flags are undefined"; else AF, and OF for more than one bit (SDM
 * 2B, "SHLD", "SHRD"). */
static uint64_t double_shift_flags(const struct dispute *d) {
  const unsigned count = shift_count(d, 2), bits = d->op->operand[0].size * 8u;
  if (count == 0) return 0;
  if (count > bits) return FLAGS_ARITHMETIC;
  return FLAG_AF | (count == 1 ? 0 : FLAG_OF);
}

static uint64_t undefined_flags(const struct dispute *d) {
  if (IS_ONE_OF(d->op, IR_SHL, IR_SHR, IR_SAR, IR_ROL, IR_ROR, IR_RCL, IR_RCR)) return shift_flags(d);
  if (IS_ONE_OF(d->op, IR_SHLD, IR_SHRD)) return double_shift_flags(d);
  for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
    if (table[i].opcode == d->op->opcode) return table[i].undefined;
  }
  return 0;
}

/* --- the rule ---------------------------------------------------------------------------------------------------- */

static bool is_done(const struct dispute *d) {
  return !has_faulted(d->silicon) && !has_faulted(d->model);
}

static void forgive_flags(const struct dispute *d) {
  const uint64_t undefined = undefined_flags(d);
  uint64_t *model = &d->model->state.rflags;
  *model = (*model & ~undefined) | (d->silicon->state.rflags & undefined);
}

const struct exception_rule exceptions_of_flags[] = {
    {"arithmetic, logic, shifts, bit tests: undefined flags", is_done, forgive_flags},
    {NULL, NULL, NULL},
};
