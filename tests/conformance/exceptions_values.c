/* Results that the manual calls approximate or undefined, and state that processors save, or show, in different ways.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "cpu/exec/flags.h"
#include "tests/conformance/exceptions_internal.h"

enum { C1 = 0x200, SUMMARY = 0x80, PRECISION = 0x20, INVALID = 1, ROUNDING = 0xc00 };

/* --- approximations ---------------------------------------------------------------------------------------------- */

/* "|Relative error| <= 1.5 * 2^-12" of each of the two; inputs about 2^126 "may or may not produce tiny results,
 * depending on the implementation", which are flushed to 0 (SDM 2B, "RCPPS", "RSQRTPS"). */
static bool is_approximation(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_RCPPS, IR_RCPSS, IR_RSQRTPS, IR_RSQRTSS, IR_VRCPPS, IR_VRCPSS, IR_VRSQRTPS, IR_VRSQRTSS);
}

static bool approximate_the_same(float a, float b) {
  const float bound = 2 * 1.5f / 4096;
  if (isnormal(a) && isnormal(b)) return fabsf(a / b - 1) <= bound;
  return (a == 0 || b == 0) && fabsf(a + b) <= FLT_MIN * (1 + bound) && signbit(a) == signbit(b);
}

static void forgive_approximation(const struct dispute *d) {
  const bool scalar = IS_ONE_OF(d->op, IR_RCPSS, IR_RSQRTSS, IR_VRCPSS, IR_VRSQRTSS);
  const unsigned bytes = scalar ? 4 : d->op->operand[0].size;
  uint8_t *m = d->model->state.ymm[d->op->operand[0].reg];
  const uint8_t *s = d->silicon->state.ymm[d->op->operand[0].reg];
  for (unsigned i = 0; i < bytes; i += 4) {
    float model, silicon;
    memcpy(&model, m + i, 4);
    memcpy(&silicon, s + i, 4);
    if (approximate_the_same(model, silicon)) memcpy(m + i, s + i, 4);
  }
}

/* The error is "less than 1 ulp when rounding to the nearest (even) and less than 1.5 ulps when rounding in other
 * modes" (SDM 1, "Transcendental Instruction Accuracy"): two processors are one unit of the last place apart at most,
 * or two, and differ in C1, which says of an inexact result how it was rounded. */
static bool is_transcendental(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_F2XM1, IR_FYL2X, IR_FYL2XP1, IR_FPTAN, IR_FPATAN, IR_FSIN, IR_FCOS, IR_FSINCOS) &&
         !has_faulted(d->silicon) && !has_faulted(d->model);
}

/* Numbers by magnitude: the significand below the exponent goes on where that ends. */
static bool near_each_other(const uint8_t a[10], const uint8_t b[10], uint64_t places) {
  uint64_t x, y;
  uint16_t p, q;
  memcpy(&x, a, 8), memcpy(&y, b, 8);
  memcpy(&p, a + 8, 2), memcpy(&q, b + 8, 2);
  if (p == q) return x - y + places <= 2 * places;
  const uint64_t top = UINT64_C(1) << 63; /* one of them is the power of two above the other */
  return (p == q + 1 && x == top && y + places < places) || (q == p + 1 && y == top && x + places < places);
}

/* The results are in ST(0) and ST(1). */
static void forgive_last_place(const struct dispute *d) {
  struct x87_image *m = &d->model->state.x87;
  const struct x87_image *s = &d->silicon->state.x87;
  const uint64_t places = d->test->state.x87.control & ROUNDING ? 2 : 1;
  for (unsigned i = 0; i < 2; i++) {
    if (near_each_other(m->st[i], s->st[i], places)) memcpy(m->st[i], s->st[i], 10);
  }
  if (m->status & s->status & PRECISION) m->status = (uint16_t)((m->status & ~C1) | (s->status & C1));
}

/* --- undefined results ------------------------------------------------------------------------------------------- */

static double magnitude(const uint8_t st[10]) {
  enum { BIAS = 16383, FRACTION_BITS = 63 };
  uint64_t significand;
  uint16_t exponent;
  memcpy(&significand, st, 8);
  memcpy(&exponent, st + 8, 2);
  return ldexp((double)significand, (exponent & 0x7fff) - BIAS - FRACTION_BITS);
}

static bool is_number(const uint8_t st[10]) {
  uint16_t exponent;
  memcpy(&exponent, st + 8, 2);
  return (exponent & 0x7fff) != 0x7fff && st[7] >> 7;
}

/* ST(0) of FYL2XP1 must be in the range of -(1 - sqrt(2)/2) to (1 - sqrt(2)/2). "If the ST(0) operand is outside of its
 * acceptable range, the result is undefined and software should not rely on an exception being generated. Under some
 * circumstances exceptions may be generated"; of F2XM1 between -1 and 1: "if the source value is outside this range,
 * the result is undefined" (SDM 2A). A NaN or an unsupported format is an invalid operand as ever. */
static bool is_out_of_range(const struct dispute *d) {
  const uint8_t *st = d->test->state.x87.st[0];
  if (!is_number(st) || has_faulted(d->silicon) || has_faulted(d->model)) return false;
  return (d->op->opcode == IR_FYL2XP1 && magnitude(st) > 1 - sqrt(0.5)) ||
         (d->op->opcode == IR_F2XM1 && magnitude(st) > 1);
}

/* ST(0) and ST(1) before the instruction. Which exceptions it raises says whether there is a result, and whether
 * FYL2XP1 pops; the other registers stay, whatever their numbers. */
static void forgive_x87_result(const struct dispute *d) {
  struct x87_image *m = &d->model->state.x87, old = *m;
  const struct x87_image *s = &d->silicon->state.x87;
  const unsigned operands = d->test->state.x87.status >> 11, to = s->status >> 11, from = m->status >> 11;
  m->status = s->status;
  m->tags = s->tags;
  m->opcode = s->opcode; /* of the last instruction with an exception that is not masked */
  for (unsigned i = 0; i < 8; i++) {
    const bool is_operand = ((i - operands) & 7) < 2;
    memcpy(m->st[(i - to) & 7], is_operand ? s->st[(i - to) & 7] : old.st[(i - from) & 7], 10);
  }
}

/* "If a count is greater than the operand size, the result is undefined" (SDM 2B, "SHLD", "SHRD"): of 16 bits only, as
 * larger counts are taken modulo 32 or 64. */
static bool is_undefined_shift(const struct dispute *d) {
  const struct ir_operand *count = &d->op->operand[2];
  const uint64_t value = count->kind == IR_GPR ? d->test->state.gpr[VMXSIM_RCX] : d->op->immediate;
  return IS_ONE_OF(d->op, IR_SHLD, IR_SHRD) && d->op->operand[0].size == 2 && (value & 31) > 16;
}

static void forgive_word_destination(const struct dispute *d) {
  const struct ir_operand *to = &d->op->operand[0];
  if (to->kind != IR_GPR) {
    forgive_bytes(d, operand_linear(d), 2);
    return;
  }
  uint64_t *m = &d->model->state.gpr[to->reg];
  *m = (*m & ~UINT64_C(0xffff)) | (d->silicon->state.gpr[to->reg] & 0xffff);
}

/* --- x87 state --------------------------------------------------------------------------------------------------- */

/* FOP, FIP and FDP, which results are read from an image of XSAVE for: AMD's processors save zeros while no unmasked
 * exception is pending (AMD64 Architecture Programmer's Manual 2, "FXSAVE and FXRSTOR Instructions"); Intel's what they
 * are (SDM 1, "x87 State"). */
static bool has_no_pointers(const struct dispute *d) {
  return !(d->silicon->state.x87.status & SUMMARY);
}

static void forgive_pointers(const struct dispute *d) {
  struct x87_image *m = &d->model->state.x87;
  m->opcode = 0;
  m->instruction = m->data = 0;
}

/* "C1: Set to 0" (SDM 2A, "FCOMI/FCOMIP/FUCOMI/FUCOMIP"). AMD's leave it. */
static bool is_compare_to_flags(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_FCOMI, IR_FCOMIP, IR_FUCOMI, IR_FUCOMIP) && !(d->model->state.x87.status & C1);
}

static void forgive_c1(const struct dispute *d) {
  d->model->state.x87.status |= d->silicon->state.x87.status & d->test->state.x87.status & C1;
}

/* "Flags not set if unmasked invalid-arithmetic-operand (#IA) exception is generated" (SDM 2A, "FCOMI", table of
 * results). AMD's set them to unordered. */
static bool is_invalid_compare(const struct dispute *d) {
  const struct x87_image *before = &d->test->state.x87;
  return IS_ONE_OF(d->op, IR_FCOMI, IR_FCOMIP, IR_FUCOMI, IR_FUCOMIP) && !(before->control & INVALID) &&
         (d->model->state.x87.status & ~before->status & SUMMARY);
}

static void forgive_unordered(const struct dispute *d) {
  const uint64_t unordered = FLAG_ZF | FLAG_PF | FLAG_CF, before = d->test->state.rflags;
  uint64_t *m = &d->model->state.rflags;
  if (!((*m ^ before) & FLAGS_ARITHMETIC) && (d->silicon->state.rflags & FLAGS_ARITHMETIC) == unordered)
    *m = (*m & ~FLAGS_ARITHMETIC) | unordered;
}

/* TOP and the tags by a fault: "the processor restores the machine state to the state prior to the beginning of
 * execution of the faulting instruction" (SDM 3A, "Exception Classifications"). AMD's make the registers those of MMX
 * (TOP 0, all valid) before they find the fault of an instruction that names one of these. */
static void as_for_mmx(const struct x87_image *before, struct x87_image *after) {
  enum { TOP = 7 << 11 };
  const unsigned top = before->status >> 11 & 7;
  *after = *before;
  after->status &= (uint16_t)~TOP;
  after->tags = 0xff;
  for (unsigned i = 0; i < 8; i++) memcpy(after->st[i], before->st[(i - top) & 7], 10);
}

static bool is_faulting_mmx(const struct dispute *d) {
  bool mmx = false;
  for (unsigned i = 0; i < IR_OPERANDS; i++) mmx |= d->op->operand[i].kind == IR_MMX;
  return mmx && has_faulted(d->silicon) && d->silicon->vector == d->model->vector;
}

static void forgive_mmx_state(const struct dispute *d) {
  struct x87_image *m = &d->model->state.x87, expected;
  const struct x87_image *s = &d->silicon->state.x87;
  as_for_mmx(&d->test->state.x87, &expected);
  if (s->status != expected.status || s->tags != expected.tags || memcmp(s->st, expected.st, sizeof s->st)) return;
  m->status = s->status;
  m->tags = s->tags;
  memcpy(m->st, s->st, sizeof m->st);
}

/* --- images in memory -------------------------------------------------------------------------------------------- */

static bool saves_state(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_FXSAVE, IR_XSAVE, IR_XSAVEC, IR_XSAVEOPT) && d->silicon->vector == d->model->vector;
}

/* Which bits MXCSR has depends on the processor, and MXCSR_MASK says so (SDM 1, "Guidelines for Writing to the MXCSR
 * Register"); bit 17 is AMD's misaligned SSE mode, which cases do not set. */
static void forgive_mxcsr_mask(const struct dispute *d) {
  enum { BIT_17_OF_28 = 1 << 1, BYTE = 30 };
  const uint64_t at = operand_linear(d) + BYTE;
  for (unsigned byte = 0; byte < UINT8_MAX; byte++) {
    if (byte & BIT_17_OF_28 && silicon_holds(d, at, byte, 1)) forgive_bytes(d, at, 1);
  }
}

/* --- other state ------------------------------------------------------------------------------------------------- */

/* RF in the image of RFLAGS: "for any trap-class exception generated by any iteration of a repeated string instruction
 * but the last iteration, the value pushed for RF is 1" (SDM 3B, "Instruction-Breakpoint Exception Condition"). AMD's
 * push 0. */
static bool is_between_iterations(const struct dispute *d) {
  return (d->op->prefixes & (IR_REP | IR_REPNE)) && d->silicon->vector == VECTOR_DB && d->model->vector == VECTOR_DB &&
         d->model->state.rip == d->test->state.rip && (d->model->state.rflags & FLAG_RF);
}

static void forgive_resume_flag(const struct dispute *d) {
  d->model->state.rflags &= ~(uint64_t)FLAG_RF;
}

/* Bits 63:32 of the registers of a repeated string instruction with 32-bit addresses and a count of 0 in 64-bit mode:
 * the manual does not say whether they are written with nothing done. Intel's clear those that fast strings would have
 * written, AMD's none: emulators that follow both have a switch for it (Linux KVM, "string_registers_quirk"). */
static bool is_empty_string(const struct dispute *d) {
  return d->test->mode == CODE_64 && d->op->address_size == 4 && (d->op->prefixes & (IR_REP | IR_REPNE)) &&
         IS_ONE_OF(d->op, IR_MOVS, IR_CMPS, IR_SCAS, IR_LODS, IR_STOS, IR_INS, IR_OUTS) &&
         (uint32_t)d->test->state.gpr[VMXSIM_RCX] == 0;
}

static void forgive_upper_halves(const struct dispute *d) {
  static const uint8_t used[] = {VMXSIM_RCX, VMXSIM_RSI, VMXSIM_RDI};
  for (unsigned i = 0; i < sizeof used; i++) {
    uint64_t *m = &d->model->state.gpr[used[i]];
    const uint64_t before = d->test->state.gpr[used[i]];
    if (*m == (uint32_t)before && d->silicon->state.gpr[used[i]] == before) *m = before;
  }
}

const struct exception_rule exceptions_of_values[] = {
    {"RCP, RSQRT: result within the error of each", is_approximation, forgive_approximation},
    {"F2XM1, FYL2XP1 out of range: result, status, FOP", is_out_of_range, forgive_x87_result},
    {"x87 transcendental: last places, C1", is_transcendental, forgive_last_place},
    {"SHLD, SHRD of 16 bits by more: result", is_undefined_shift, forgive_word_destination},
    {"x87 without ES: FOP, FIP, FDP", has_no_pointers, forgive_pointers},
    {"FCOMI: C1", is_compare_to_flags, forgive_c1},
    {"FCOMI with #IA unmasked: ZF, PF, CF", is_invalid_compare, forgive_unordered},
    {"fault of an MMX instruction: TOP, tags", is_faulting_mmx, forgive_mmx_state},
    {"FXSAVE, XSAVE: bit 17 of MXCSR_MASK", saves_state, forgive_mxcsr_mask},
    {"trap between iterations of REP: RF", is_between_iterations, forgive_resume_flag},
    {"REP with ECX = 0 in 64-bit mode: bits 63:32", is_empty_string, forgive_upper_halves},
    {NULL, NULL, NULL},
};
