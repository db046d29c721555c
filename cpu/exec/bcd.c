/* Decimal arithmetic: DAA, DAS, AAA, AAS, AAM, AAD.
 *
 * Flags that the manual leaves undefined: OF is clear; after AAA and AAS, SF, ZF and PF follow AL before it is masked
 * to four bits; after AAM and AAD, CF and AF are clear.
 */
#include "cpu/exec/flags.h"
#include "cpu/exec/integer.h"
#include "cpu/exec/operand.h"

static void set_al(struct vcpu *v, unsigned al) {
  gpr_write_number(v, VMXSIM_RAX, 1, al & 0xff);
}

static void set_ax(struct vcpu *v, unsigned ax) {
  gpr_write_number(v, VMXSIM_RAX, 2, ax & 0xffff);
}

/* SDM 2A, "DAA" and "DAS": the two differ in the direction, and in that DAS notes a borrow of the low digit. */
static void adjust_packed(struct vcpu *v, bool subtract) {
  uint64_t flags = flags_read(v);
  unsigned old = (uint8_t)v->s.gpr[VMXSIM_RAX], al = old;
  bool carry = flags & FLAG_CF, adjust = (old & 15) > 9 || (flags & FLAG_AF), carry_out = false;
  if (adjust) {
    al = subtract ? al - 6 : al + 6;
    carry_out = subtract && (carry || old < 6);
  }
  if (old > 0x99 || carry) {
    al = subtract ? al - 0x60 : al + 0x60;
    carry_out = true;
  }
  set_al(v, al);
  flags_set_result(v, 1, al & 0xff, (carry_out ? FLAG_CF : 0) | (adjust ? FLAG_AF : 0));
}

static void daa(struct vcpu *v, const struct ir_op *op) {
  adjust_packed(v, false);
  return vcpu_next(v, op);
}

static void das(struct vcpu *v, const struct ir_op *op) {
  adjust_packed(v, true);
  return vcpu_next(v, op);
}

static void adjust_unpacked(struct vcpu *v, bool subtract) {
  unsigned ax = (uint16_t)v->s.gpr[VMXSIM_RAX];
  bool adjust = (ax & 15) > 9 || (flags_read(v) & FLAG_AF);
  if (adjust) ax = subtract ? ax - 0x106 : ax + 0x106;
  set_ax(v, ax & 0xff0f);
  flags_set_result(v, 1, ax & 0xff, adjust ? FLAG_CF | FLAG_AF : 0);
}

static void aaa(struct vcpu *v, const struct ir_op *op) {
  adjust_unpacked(v, false);
  return vcpu_next(v, op);
}

static void aas(struct vcpu *v, const struct ir_op *op) {
  adjust_unpacked(v, true);
  return vcpu_next(v, op);
}

static bool aam_step(struct vcpu *v, const struct ir_op *op) {
  unsigned base = (uint8_t)op->immediate, al = (uint8_t)v->s.gpr[VMXSIM_RAX];
  if (base == 0) return exec_raise(v, VECTOR_DE);
  set_ax(v, (al / base) << 8 | al % base);
  flags_set_result(v, 1, al % base, 0);
  return true;
}

EXEC_HANDLER(aam, aam_step)

static void aad(struct vcpu *v, const struct ir_op *op) {
  unsigned base = (uint8_t)op->immediate, ax = (uint16_t)v->s.gpr[VMXSIM_RAX];
  unsigned al = ((ax & 0xff) + (ax >> 8) * base) & 0xff;
  set_ax(v, al);
  flags_set_result(v, 1, al, 0);
  return vcpu_next(v, op);
}

ir_execute *bind_bcd(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_DAA: return daa;
  case IR_DAS: return das;
  case IR_AAA: return aaa;
  case IR_AAS: return aas;
  case IR_AAM: return aam;
  case IR_AAD: return aad;
  default: return NULL;
  }
}
