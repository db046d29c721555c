#include "tests/conformance/exceptions.h"

#include <math.h>
#include <string.h>

#include "cpu/exec/flags.h"

/* SDM 2, "Flags Affected" of each instruction. */
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

static unsigned shift_count(const struct test_case *test, const struct ir_op *op, unsigned operand) {
  const struct ir_operand *count = &op->operand[operand];
  const uint64_t value = count->kind == IR_GPR ? test->state.gpr[VMXSIM_RCX] : op->immediate;
  return (unsigned)(value & (op->operand[0].size == 8 ? 63 : 31));
}

static uint64_t shift_flags(const struct test_case *test, const struct ir_op *op) {
  const unsigned count = shift_count(test, op, 1), bits = op->operand[0].size * 8u;
  uint64_t undefined = 0;
  if (count == 0) return 0;
  if (count != 1) undefined |= FLAG_OF;
  if (op->opcode == IR_SHL || op->opcode == IR_SHR || op->opcode == IR_SAR) undefined |= FLAG_AF;
  if ((op->opcode == IR_SHL || op->opcode == IR_SHR) && count >= bits) undefined |= FLAG_CF;
  return undefined;
}

static uint64_t double_shift_flags(const struct test_case *test, const struct ir_op *op) {
  const unsigned count = shift_count(test, op, 2), bits = op->operand[0].size * 8u;
  if (count == 0) return 0;
  if (count > bits) return FLAGS_ARITHMETIC;
  return FLAG_AF | (count == 1 ? 0 : FLAG_OF);
}

uint64_t undefined_flags(const struct test_case *test, const struct ir_op *op) {
  switch (op->opcode) {
  case IR_SHL:
  case IR_SHR:
  case IR_SAR:
  case IR_ROL:
  case IR_ROR:
  case IR_RCL:
  case IR_RCR: return shift_flags(test, op);
  case IR_SHLD:
  case IR_SHRD: return double_shift_flags(test, op);
  default: break;
  }
  for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
    if (table[i].opcode == op->opcode) return table[i].undefined;
  }
  return 0;
}

/* --- helpers ----------------------------------------------------------------------------------------------------- */

static bool faulted(const struct test_result *result) {
  return result->vector != VECTOR_DB && result->vector != VECTOR_BP;
}

static bool either_faulted(const struct dispute *d) {
  return faulted(d->silicon) || faulted(d->model);
}

static bool is_one_of(const struct ir_op *op, const uint16_t *opcodes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (opcodes[i] == op->opcode) return true;
  }
  return false;
}
#define IS_ONE_OF(op, ...) \
  is_one_of(op, (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static bool has_register(const struct ir_op *op, unsigned kind) {
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == kind) return true;
  }
  return false;
}

static void forgive_all(const struct dispute *d) {
  const struct test_result *silicon = d->silicon;
  memcpy(d->model, silicon, offsetof(struct test_result, change) + silicon->changes * sizeof silicon->change[0]);
}

static void forgive_x87(const struct dispute *d) {
  d->model->state.x87 = d->silicon->state.x87;
}

/* --- results ----------------------------------------------------------------------------------------------------- */

/* RCPPS and its like are only said to be near: |relative error| <= 1.5 * 2^-12. */
static bool is_approximation(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_RCPPS, IR_RCPSS, IR_RSQRTPS, IR_RSQRTSS, IR_VRCPPS, IR_VRCPSS, IR_VRSQRTPS, IR_VRSQRTSS);
}

static void forgive_approximation(const struct dispute *d) {
  const float bound = 2 * 1.5f / 4096;
  uint8_t *m = d->model->state.ymm[d->op->operand[0].reg];
  const uint8_t *s = d->silicon->state.ymm[d->op->operand[0].reg];
  for (unsigned i = 0; i < 32; i += 4) {
    float model, silicon;
    memcpy(&model, m + i, 4);
    memcpy(&silicon, s + i, 4);
    if (isnormal(model) && isnormal(silicon) && fabsf(model / silicon - 1) <= bound) memcpy(m + i, s + i, 4);
  }
}

/* x87 transcendental functions: an error of less than one unit in the last place (SDM 1, "Transcendental Instruction
 * Accuracy"), so that two processors are two units apart at most, and differ in C1, which says how they rounded. */
static bool is_transcendental(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_F2XM1, IR_FYL2X, IR_FYL2XP1, IR_FPTAN, IR_FPATAN, IR_FSIN, IR_FCOS, IR_FSINCOS);
}

static bool near_each_other(const uint8_t a[10], const uint8_t b[10]) {
  uint64_t x, y;
  uint16_t p, q;
  memcpy(&x, a, 8), memcpy(&y, b, 8);
  memcpy(&p, a + 8, 2), memcpy(&q, b + 8, 2);
  if (p == q) return x - y + 2 <= 4;
  const uint64_t top = UINT64_C(1) << 63; /* one of them is the power of two above the other */
  return (p == q + 1 && x == top && y + 2 == 0) || (q == p + 1 && y == top && x + 2 == 0) ||
         (p == q + 1 && x == top && y + 1 == 0) || (q == p + 1 && y == top && x + 1 == 0);
}

static void forgive_last_place(const struct dispute *d) {
  enum { C1 = 0x200 };
  struct x87_image *m = &d->model->state.x87;
  const struct x87_image *s = &d->silicon->state.x87;
  for (unsigned i = 0; i < 8; i++) {
    if (!memcmp(m->st[i], s->st[i], 10) || !near_each_other(m->st[i], s->st[i])) continue;
    memcpy(m->st[i], s->st[i], 10);
  }
  m->status = (uint16_t)((m->status & ~C1) | (s->status & C1));
}

/* "The ST(0) operand must be in the range ... If it is outside this acceptable range, the result is undefined and
 * software should not rely on an exception being generated" (SDM 2A, "FYL2XP1"); F2XM1 likewise beyond 1. */
static bool is_out_of_range(const struct dispute *d) {
  enum { ONE = 0x3fff, QUARTER = 0x3ffd };
  uint16_t exponent;
  memcpy(&exponent, d->test->state.x87.st[0] + 8, 2);
  exponent &= 0x7fff;
  return (d->op->opcode == IR_FYL2XP1 && exponent >= QUARTER) || (d->op->opcode == IR_F2XM1 && exponent >= ONE);
}

/* "If a count is greater than the operand size, the result is undefined" (SDM 2B, "SHLD", "SHRD"). */
static bool is_undefined_shift(const struct dispute *d) {
  return (d->op->opcode == IR_SHLD || d->op->opcode == IR_SHRD) &&
         shift_count(d->test, d->op, 2) > d->op->operand[0].size * 8u;
}

static void forgive_destination(const struct dispute *d) {
  if (d->op->operand[0].kind == IR_GPR) {
    memcpy(d->model->state.gpr, d->silicon->state.gpr, sizeof d->model->state.gpr);
  } else {
    d->model->changes = d->silicon->changes;
    memcpy(d->model->change, d->silicon->change, d->silicon->changes * sizeof d->silicon->change[0]);
  }
}

/* --- the x87 state ----------------------------------------------------------------------------------------------- */

/* AMD's processors save and restore FOP, FIP and FDP only while an unmasked exception is pending; Intel's always do
 * (AMD64 Architecture Programmer's Manual 5, "FXSAVE": not written if FSW.ES is 0). */
static bool has_no_pointers(const struct dispute *d) {
  enum { SUMMARY = 0x80 };
  return !(d->silicon->state.x87.status & SUMMARY) || !(d->test->state.x87.status & SUMMARY);
}

static void forgive_pointers(const struct dispute *d) {
  struct x87_image *m = &d->model->state.x87;
  const struct x87_image *s = &d->silicon->state.x87;
  m->opcode = s->opcode;
  m->instruction = s->instruction;
  m->data = s->data;
}

/* "C1: Set to 0" (SDM 2A, "FCOMI/FCOMIP/FUCOMI/FUCOMIP"). AMD's leave it. */
static bool is_compare_to_flags(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_FCOMI, IR_FCOMIP, IR_FUCOMI, IR_FUCOMIP);
}

static void forgive_c1(const struct dispute *d) {
  enum { C1 = 0x200 };
  uint16_t *m = &d->model->state.x87.status;
  *m = (uint16_t)((*m & ~C1) | (d->silicon->state.x87.status & C1));
}

/* AMD's processors make the registers those of MMX (TOP 0, all valid) before they find the fault of such an
 * instruction; Intel's manual lets a fault change nothing (SDM 3A, "Exception Classifications"). */
static bool is_faulting_mmx(const struct dispute *d) {
  return either_faulted(d) && has_register(d->op, IR_MMX);
}

/* --- memory images ----------------------------------------------------------------------------------------------- */

/* FXSAVE, XSAVE: FOP, FIP and FDP as above; MXCSR_MASK has bit 17 on AMD's, which have misaligned SSE (SDM 1, "Checking
 * for SSE/SSE2 Support ... MXCSR_MASK": it depends on the processor). */
static bool saves_state(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_FXSAVE, IR_XSAVE, IR_XSAVEC, IR_XSAVEOPT) && d->silicon->vector == d->model->vector;
}

static uint64_t operand_linear(const struct dispute *d) {
  const struct ir_memory *m = &d->op->memory;
  const struct user_state *s = &d->test->state;
  uint64_t offset = (uint64_t)m->displacement, base = d->test->mode == CODE_16 ? ARENA_BASE : 0;
  if (m->base < 16) offset += s->gpr[m->base];
  if (m->base == IR_RIP) offset += s->rip + d->op->length;
  if (m->index < 16) offset += s->gpr[m->index] * m->scale;
  if (d->op->address_size < 8) offset &= (UINT64_C(1) << 8 * d->op->address_size) - 1;
  if (d->test->mode == CODE_64 && m->segment == VMXSIM_FS) base = s->fs_base;
  if (d->test->mode == CODE_64 && m->segment == VMXSIM_GS) base = s->gs_base;
  return base + offset;
}

/* What stands at 6 to 23 and 28 to 31 of the image. */
static void forgive_image(const struct dispute *d) {
  enum { POINTERS_END = 32 };
  const uint32_t first = (uint32_t)(operand_linear(d) - ARENA_BASE) / 8;
  for (unsigned i = 0; i < d->model->changes; i++) {
    struct memory_change *m = &d->model->change[i];
    if (m->word - first >= POINTERS_END / 8) continue;
    for (unsigned j = 0; j < d->silicon->changes; j++) {
      if (d->silicon->change[j].word == m->word) m->value = d->silicon->change[j].value;
    }
  }
}

/* --- debugging --------------------------------------------------------------------------------------------------- */

/* "The processor sets RF for any ... between iterations of a repeated string instruction" (SDM 3B, "Instruction-
 * Breakpoint Exception Condition"). AMD's leave it in the image of a single-step trap. */
static bool is_between_iterations(const struct dispute *d) {
  return (d->op->prefixes & (IR_REP | IR_REPNE)) && d->silicon->vector == VECTOR_DB && d->model->vector == VECTOR_DB;
}

static void forgive_resume_flag(const struct dispute *d) {
  uint64_t *m = &d->model->state.rflags;
  *m = (*m & ~(uint64_t)FLAG_RF) | (d->silicon->state.rflags & FLAG_RF);
}

/* --- faults: which of several ---------------------------------------------------------------------------------------
 */

/* "Elements may be gathered in any order, but faults must be delivered in a right-to-left order ... individual elements
 * closer to the MSB may or may not be completed", and a trap may be taken before (SDM 2C, "VGATHERDPS/VGATHERDPD"). */
static bool is_faulting_gather(const struct dispute *d) {
  return d->op->memory.vsib && either_faulted(d);
}

/* With AC set, SIMD operands beyond 8 bytes: "signaling of #AC ... may vary with implementation" (SDM 2B, "MOVUPS");
 * and with a page fault or general protection as well the order is not said (SDM 3A, "Priority Among Concurrent
 * Events": both are faults on executing an instruction). */
static bool is_alignment_check(const struct dispute *d) {
  return (d->test->state.rflags & FLAG_AC) && (d->silicon->vector == VECTOR_AC || d->model->vector == VECTOR_AC);
}

/* Two pages of one instruction's operands fault: the order of its accesses is not said. */
static bool is_other_page(const struct dispute *d) {
  return d->silicon->vector == VECTOR_PF && d->model->vector == VECTOR_PF;
}

static void forgive_address(const struct dispute *d) {
  d->model->cr2 = d->silicon->cr2;
  d->model->error_code = d->silicon->error_code;
}

/* A misaligned operand at a non-canonical address or beyond a limit in the stack segment: #GP and #SS both apply. */
static bool is_general_or_stack(const struct dispute *d) {
  return (d->silicon->vector == VECTOR_GP && d->model->vector == VECTOR_SS) ||
         (d->silicon->vector == VECTOR_SS && d->model->vector == VECTOR_GP);
}

static void forgive_vector(const struct dispute *d) {
  d->model->vector = d->silicon->vector;
}

/* SHA instructions are of exception type 4 (SDM 2C, "SHA1MSG1"), whose legacy forms want alignment; AMD's do not. */
static bool is_misaligned_sha(const struct dispute *d) {
  return d->model->vector == VECTOR_GP && d->op->opcode >= IR_SHA1MSG1 && d->op->opcode <= IR_SHA256RNDS2;
}

/* "Faults with a mask of zeros may be signaled: implementation dependent" (SDM 2B, "MASKMOVDQU"); AMD's check the whole
 * operand, whatever its mask. */
static bool is_masked_store(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_MASKMOVQ, IR_MASKMOVDQU, IR_VMASKMOVDQU) && faulted(d->silicon);
}

/* Nothing is stored with an unmasked exception of the value (SDM 1, "x87 FPU Floating-Point Exception Conditions"):
 * whether the address is translated before that is not said. */
static bool is_store_of_exception(const struct dispute *d) {
  enum { SUMMARY = 0x80 };
  return IS_ONE_OF(d->op, IR_FIST, IR_FISTP, IR_FISTTP, IR_FST, IR_FSTP, IR_FBSTP) && faulted(d->silicon) &&
         !faulted(d->model) && (d->model->state.x87.status & ~d->test->state.x87.status & SUMMARY);
}

/* "If the invalid operation exception is unmasked, the status flags are not set" (SDM 2A, "FCOMI"). AMD's set them. */
static bool is_invalid_compare(const struct dispute *d) {
  enum { INVALID = 1 };
  return IS_ONE_OF(d->op, IR_FCOMI, IR_FCOMIP, IR_FUCOMI, IR_FUCOMIP) && !(d->test->state.x87.control & INVALID) &&
         (d->silicon->state.x87.status & INVALID);
}

static void forgive_flags(const struct dispute *d) {
  uint64_t *m = &d->model->state.rflags;
  *m = (*m & ~FLAGS_ARITHMETIC) | (d->silicon->state.rflags & FLAGS_ARITHMETIC);
}

/* A repeated string instruction with 32-bit addresses and a count of 0 in 64-bit mode: whether registers that nothing
 * was done with count as written, which clears their upper halves, is not said. */
static bool is_empty_string(const struct dispute *d) {
  return d->test->mode == CODE_64 && d->op->address_size == 4 && (d->op->prefixes & (IR_REP | IR_REPNE)) &&
         IS_ONE_OF(d->op, IR_MOVS, IR_CMPS, IR_SCAS, IR_LODS, IR_STOS, IR_INS, IR_OUTS) &&
         (uint32_t)d->test->state.gpr[VMXSIM_RCX] == 0;
}

static void forgive_upper_halves(const struct dispute *d) {
  static const uint8_t used[] = {VMXSIM_RCX, VMXSIM_RSI, VMXSIM_RDI};
  for (unsigned i = 0; i < sizeof used; i++) {
    uint64_t *m = &d->model->state.gpr[used[i]];
    *m = (uint32_t)*m | (d->silicon->state.gpr[used[i]] & ~(uint64_t)UINT32_MAX);
  }
}

/* The manual's pseudocode checks a target before it touches the stack; AMD's processors do it the other way round, and
 * what they have pushed when they find the fault stays in memory. */
static bool is_faulting_transfer(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_CALL_NEAR, IR_CALL_FAR, IR_RET_NEAR, IR_RET_FAR, IR_IRET, IR_ENTER) &&
         faulted(d->silicon) && faulted(d->model);
}

/* "REP: WHILE CountReg is not 0" (SDM 2B, "REP"): no iteration, no access to a port; AMD's check the permission. */
static bool is_empty_port_string(const struct dispute *d) {
  return (d->op->opcode == IR_INS || d->op->opcode == IR_OUTS) && d->silicon->vector == VECTOR_GP && !faulted(d->model);
}

/* CMPS reads two operands, and the manual does not say which first. */
static bool is_other_operand(const struct dispute *d) {
  return d->op->opcode == IR_CMPS && faulted(d->silicon) && faulted(d->model);
}

/* A bit offset in a register moves the address before anything is accessed (SDM 2A, "BT"); AMD's also want the address
 * without it to be canonical. */
static bool is_bit_beside(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_BT, IR_BTS, IR_BTR, IR_BTC) && d->op->operand[1].kind == IR_GPR &&
         d->op->operand[0].kind == IR_MEMORY && faulted(d->silicon) && d->silicon->vector != VECTOR_PF;
}

/* The first byte that is no prefix. */
static const uint8_t *opcode_bytes(const struct test_case *test, bool *locked) {
  static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  const uint8_t *at = test->code, *end = test->code + CASE_CODE_MAX - 2;
  *locked = false;
  while (at < end && (memchr(prefixes, *at, sizeof prefixes) || (test->mode == CODE_64 && (*at & 0xf0) == 0x40)))
    *locked |= *at++ == 0xf0;
  return at;
}

/* UD0 and UD1 have a ModRM byte (SDM 2B, "UD"), AMD's have none. */
static bool is_ud_without_modrm(const struct dispute *d) {
  bool locked;
  const uint8_t *opcode = opcode_bytes(d->test, &locked);
  return opcode[0] == 0x0f && (opcode[1] == 0xff || opcode[1] == 0xb9) && d->silicon->vector == VECTOR_UD;
}

/* LOCK is #UD where nothing is locked (SDM 2A, "LOCK"), before anything else; AMD's processors see it late in groups 6
 * and 7, and take LOCK MOV CR0 for MOV CR8. */
static bool is_locked_system_instruction(const struct test_case *test) {
  bool locked;
  const uint8_t *opcode = opcode_bytes(test, &locked);
  return locked && opcode[0] == 0x0f && (opcode[1] <= 1 || (opcode[1] & 0xfc) == 0x20);
}

/* Bit 17 of MXCSR is AMD's misaligned SSE; reserved in the manual (SDM 1, "MXCSR Control and Status Register"). */
static bool loads_misaligned_mode(const struct dispute *d) {
  enum { MISALIGNED = 1 << 17 };
  return (d->silicon->state.mxcsr & MISALIGNED) && d->model->vector == VECTOR_GP;
}

/* --- segments ---------------------------------------------------------------------------------------------------- */

/* The way back to user code from the system clears the RPL of a null selector (SDM 2A, "IRET": a data segment register
 * whose descriptor is beyond the outer level is loaded with the null selector). It is what the comparison reads. */
static bool always(const struct dispute *d) {
  return d->test != NULL;
}

static void forgive_null_selectors(const struct dispute *d) {
  for (unsigned i = 0; i < 6; i++) {
    uint16_t *m = &d->model->state.selector[i];
    if (*m < 4 && d->silicon->state.selector[i] < 4) *m = d->silicon->state.selector[i];
  }
}

/* "If the source operand is a segment register ... either a zero-extended value is pushed on the stack or the segment
 * selector is written on the stack using a 16-bit move" (SDM 2B, "PUSH"). */
static bool pushes_segment(const struct dispute *d) {
  return d->op->opcode == IR_PUSH && d->op->operand[0].kind == IR_SEGMENT && d->op->operand_size > 2 &&
         d->silicon->vector == d->model->vector;
}

static void forgive_memory(const struct dispute *d) {
  d->model->changes = d->silicon->changes;
  memcpy(d->model->change, d->silicon->change, d->silicon->changes * sizeof d->silicon->change[0]);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static const struct exception_rule {
  bool (*applies)(const struct dispute *);
  void (*forgive)(const struct dispute *);
} rules[] = {
    {is_approximation, forgive_approximation},
    {is_out_of_range, forgive_x87},
    {is_transcendental, forgive_last_place},
    {is_undefined_shift, forgive_destination},
    {has_no_pointers, forgive_pointers},
    {is_compare_to_flags, forgive_c1},
    {is_faulting_mmx, forgive_x87},
    {saves_state, forgive_image},
    {is_between_iterations, forgive_resume_flag},
    {is_faulting_gather, forgive_all},
    {is_alignment_check, forgive_all},
    {is_other_page, forgive_address},
    {is_general_or_stack, forgive_vector},
    {is_misaligned_sha, forgive_all},
    {is_masked_store, forgive_all},
    {is_store_of_exception, forgive_all},
    {is_invalid_compare, forgive_flags},
    {is_empty_string, forgive_upper_halves},
    {is_faulting_transfer, forgive_all},
    {is_empty_port_string, forgive_all},
    {is_ud_without_modrm, forgive_all},
    {is_other_operand, forgive_all},
    {is_bit_beside, forgive_all},
    {loads_misaligned_mode, forgive_all},
    {always, forgive_null_selectors},
    {pushes_segment, forgive_memory},
};

void exceptions_forgive(const struct dispute *d) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    if (rules[i].applies(d)) rules[i].forgive(d);
  }
}

bool exceptions_skip(const struct test_case *test, const struct ir_op *op) {
  const uint8_t *code = test->code;
  if (op->opcode == IR_INVALID) return is_locked_system_instruction(test);
  /* 0F 0D with a register is a no-operation (SDM 2D, "Opcode Map"); #UD with AMD's PREFETCH. */
  if (op->opcode == IR_NOP) {
    const uint8_t *escape = memchr(code, 0x0f, test->length);
    return escape && escape[1] == 0x0d && escape[2] >= 0xc0;
  }
  /* "Use of repeat prefixes with other than string instructions is reserved" (SDM 2A, "Instruction Prefixes"): AMD's
   * take LOOPE for LOOPNE then. */
  if (IS_ONE_OF(op, IR_LOOPE, IR_LOOPNE)) return op->prefixes & (IR_REP | IR_REPNE);
  /* D9 D8+i, and what were FENI, FDISI and FSETPM, are not in the manual's list of instructions. */
  if (op->opcode == IR_FNOP) return op->immediate != 0x1d0;
  if (op->opcode == IR_FSTP && op->operand[0].kind == IR_ST) return (op->immediate & 0x7f8) == 0x1d8;
  /* With REX.W far pointers have a 64-bit offset (SDM 2A, "JMP"); AMD's have none of that. */
  return op->operand_size == 8 && IS_ONE_OF(op, IR_JMP_FAR, IR_CALL_FAR, IR_LSS, IR_LFS, IR_LGS);
}
