/* The x87 unit's state, as the files of the unit, MMX and the saving of state need it. The numbers themselves are
 * softfloat80.h's. */
#ifndef VMXSIM_CPU_EXEC_X87_H
#define VMXSIM_CPU_EXEC_X87_H

#include "cpu/exec/operand.h"
#include "cpu/exec/softfloat80.h"

/* The status word; TOP is kept apart from it. */
enum x87_status {
  X87_SF = 1 << 6,
  X87_ES = 1 << 7,
  X87_C0 = 1 << 8,
  X87_C1 = 1 << 9,
  X87_C2 = 1 << 10,
  X87_TOP = 7 << 11,
  X87_C3 = 1 << 14,
  X87_B = 1 << 15,
};
enum { X87_EXCEPTIONS = 0x3f, X87_CONTROL_DEFINED = 0x1f7f, X87_CONTROL_FIXED = 0x40, X87_CONTROL_INITIAL = 0x37f };

/* --- for others: FXSAVE, XSAVE, the embedder ------------------------------------------------------------------------
 */

uint16_t x87_status_word(const struct vcpu *vcpu);
/* They keep ES and B in step with what is pending. */
void x87_set_status_word(struct vcpu *vcpu, uint16_t status);
void x87_set_control_word(struct vcpu *vcpu, uint16_t control);
/* All tags in two bits each, as FSTENV stores them; and from such a word to the abridged form. */
uint16_t x87_tag_word(const struct vcpu *vcpu);
void x87_set_tag_word(struct vcpu *vcpu, uint16_t tags);
/* What FNINIT does, and XRSTOR with x87 state in its initial configuration. */
void x87_initialize(struct vcpu *vcpu);

/* #NM by CR0.EM and TS, then #MF of an earlier instruction. False: an exception is pending, or the op is to be executed
 * again (v->s.rip says so). MMX instructions, for which EM means #UD, use the second part alone. */
bool x87_available(struct vcpu *vcpu, const struct ir_op *op);
bool x87_nothing_pending(struct vcpu *vcpu);
/* For instructions that do not wait: only #NM stands against them. */
static inline bool x87_exists(struct vcpu *v) {
  return v->mode & (DECODE_CR0_EM | DECODE_CR0_TS) ? exec_raise(v, VECTOR_NM) : true;
}

/* What every MMX instruction but EMMS does: TOP = 0, all registers valid. */
static inline void x87_enter_mmx(struct vcpu *v) {
  v->fpu.top = 0;
  v->fpu.tags = 0xff;
}
/* A write to an MMX register: sign and exponent become ones. */
static inline void x87_write_mmx(struct vcpu *v, unsigned reg, uint64_t value) {
  v->fpu.st[reg & 7] = (struct x87_register){value, 0xffff};
}

/* --- the stack ------------------------------------------------------------------------------------------------------
 */

static inline unsigned x87_physical(const struct vcpu *v, unsigned i) {
  return (v->fpu.top + i) & 7;
}
static inline bool x87_empty(const struct vcpu *v, unsigned i) {
  return !((v->fpu.tags >> x87_physical(v, i)) & 1);
}
static inline float80 x87_get(const struct vcpu *v, unsigned i) {
  return v->fpu.st[x87_physical(v, i)];
}
static inline void x87_set(struct vcpu *v, unsigned i, float80 value) {
  const unsigned physical = x87_physical(v, i);
  v->fpu.st[physical] = value;
  v->fpu.tags = (uint8_t)(v->fpu.tags | 1u << physical);
}
static inline void x87_free(struct vcpu *v, unsigned i) {
  v->fpu.tags = (uint8_t)(v->fpu.tags & ~(1u << x87_physical(v, i)));
}
static inline void x87_move_top(struct vcpu *v, unsigned by) {
  v->fpu.top = (v->fpu.top + by) & 7;
}
static inline void x87_pop(struct vcpu *v) {
  x87_free(v, 0);
  x87_move_top(v, 1);
}
static inline void x87_push(struct vcpu *v, float80 value) {
  x87_move_top(v, 7);
  x87_set(v, 0, value);
}

/* --- exceptions -----------------------------------------------------------------------------------------------------
 */

/* Rounding, precision and masks of the control word; nothing raised. Only FADD, FSUB, FMUL, FDIV and FSQRT heed the
 * precision: all others use the second. */
struct float80_context x87_context(const struct vcpu *vcpu);
struct float80_context x87_full_context(const struct vcpu *vcpu);

/* Notes what an operation raised, C1 included. True: the result is to be stored; false: an unmasked exception keeps
 * the operands as they are. */
bool x87_note(struct vcpu *vcpu, const struct ir_op *op, const struct float80_context *context);
/* An empty register was to be read, a full one to be pushed on. True: the masked answer is to be stored. */
bool x87_stack_underflow(struct vcpu *vcpu, const struct ir_op *op);
bool x87_stack_overflow(struct vcpu *vcpu, const struct ir_op *op);

static inline void x87_set_conditions(struct vcpu *v, unsigned which, unsigned values) {
  v->fpu.status = (uint16_t)((v->fpu.status & ~which) | values);
}

/* Notes the op as the last one (FIP, FCS, and FDP, FDS if it has memory). For all but control instructions, when it can
 * no longer fault. */
void x87_record(struct vcpu *vcpu, const struct ir_op *op);

/* Notes the op and computes `f` of ST(0) and ST(1), or answers that one of them is empty. True: *result is to be
 * stored. */
typedef float80 x87_function_of_two(struct float80_context *context, float80 st0, float80 st1);
bool x87_of_two(struct vcpu *vcpu, const struct ir_op *op, x87_function_of_two *f, float80 *result);

/* --- the parts of exec_bind_x87() ------------------------------------------------------------------------------------
 */

ir_execute *x87_bind_arithmetic(const struct ir_op *op);     /* FADD ... FDIVR, FSQRT, FPREM, FSCALE ... */
ir_execute *x87_bind_transfer(const struct ir_op *op);       /* FLD ... FBSTP, constants, FXCH, FCMOVcc */
ir_execute *x87_bind_compare(const struct ir_op *op);        /* FCOM ... FXAM */
ir_execute *x87_bind_control(const struct ir_op *op);        /* FINIT, FLDCW ..., FFREE, EMMS */
ir_execute *x87_bind_environment(const struct ir_op *op);    /* FSTENV, FSAVE ... */
ir_execute *x87_bind_transcendental(const struct ir_op *op); /* FSIN ... FYL2XP1 */

#endif
