/* Encodings that AMD's processors take for another instruction, or for none: the result has to be what the model makes
 * of that one.
 */
#include <string.h>

#include "cpu/exec/flags.h"
#include "tests/conformance/exceptions_internal.h"

/* --- a prefix, or a bit of one, that is ignored ------------------------------------------------------------------ */

/* With REX.W the pointer of a far branch, LSS, LFS and LGS has 64 bits of offset ("m16:64", SDM 2A, "CALL", "JMP",
 * "LDS/LES/LFS/LGS/LSS"). AMD's have no such form (AMD64 Architecture Programmer's Manual 3, "CALL (Far)", "LSS"). */
static bool has_wide_pointer(const struct dispute *d) {
  return d->test->mode == CODE_64 && d->op->operand_size == 8 &&
         IS_ONE_OF(d->op, IR_JMP_FAR, IR_CALL_FAR, IR_LSS, IR_LFS, IR_LGS);
}

static void without_rex_w(const struct dispute *d) {
  enum { W = 8 };
  struct test_case other = *d->test;
  other.code[opcode_bytes(d->test) - d->test->code - 1] &= (uint8_t)~W;
  execute_instead(d, &other);
}

/* VPERMQ and VPERMPD have VEX.W set (SDM 2C: "VEX.256.66.0F3A.W1 00 /r ib"), and are undefined without. AMD's may
 * ignore it. */
static bool is_permutation_without_w(const struct dispute *d) {
  enum { MAP = 0x1f, MAP_0F3A_BITS = 3, W_AND_PREFIX = 0x83, PREFIX_66 = 1 };
  const uint8_t *vex = opcode_bytes(d->test);
  return d->op->opcode == IR_INVALID && d->silicon->vector != VECTOR_UD && vex[0] == 0xc4 &&
         (vex[1] & MAP) == MAP_0F3A_BITS && (vex[2] & W_AND_PREFIX) == PREFIX_66 && vex[3] <= 1;
}

static void with_vex_w(const struct dispute *d) {
  enum { W = 0x80 };
  struct test_case other = *d->test;
  other.code[opcode_bytes(d->test) - d->test->code + 2] |= W;
  execute_instead(d, &other);
}

/* "Use of repeat prefixes ... with other Intel 64 or IA-32 instructions is reserved; such use may cause unpredictable
 * behavior" (SDM 2A, "Instruction Prefixes"). AMD's go by the prefix, REPE or REPNE, in the place of the opcode. */
static bool is_repeated_loop(const struct dispute *d) {
  return (d->op->opcode == IR_LOOPE && d->op->prefixes & IR_REPNE) ||
         (d->op->opcode == IR_LOOPNE && d->op->prefixes & IR_REP);
}

static void other_loop(const struct dispute *d) {
  struct test_case other = *d->test;
  other.code[opcode_bytes(d->test) - d->test->code] ^= 1; /* E0: LOOPNE, E1: LOOPE */
  execute_instead(d, &other);
}

/* --- LOCK, which is #UD with instructions that the manual does not name (SDM 2A, "LOCK") -------------------------- */

static const uint8_t *lock_prefix(const struct test_case *test) {
  return memchr(test->code, 0xf0, (size_t)(opcode_bytes(test) - test->code));
}

/* 0F, the opcode, and reg of ModRM. */
static bool is_locked(const struct dispute *d, uint8_t opcode, unsigned reg) {
  const uint8_t *at = opcode_bytes(d->test);
  return d->op->opcode == IR_INVALID && lock_prefix(d->test) && at[0] == 0x0f && at[1] == opcode &&
         (at[2] >> 3 & 7) == reg;
}

/* To AMD's LOCK MOV CR0 is MOV CR8 (AMD64 Architecture Programmer's Manual 3, "MOV CRn": CPUID's AltMovCr8), which
 * takes CPL 0. */
static bool is_locked_move(const struct dispute *d) {
  return is_locked(d, 0x20, 0) || is_locked(d, 0x22, 0);
}

/* AMD's see LOCK of VERW of memory late, or not at all. */
static bool is_locked_verw(const struct dispute *d) {
  return is_locked(d, 0, 5) && d->silicon->vector != VECTOR_UD;
}

/* The instruction ends where it did, which addresses relative to RIP count from. */
static void without_lock(const struct dispute *d) {
  struct test_case other = *d->test;
  const ptrdiff_t at = lock_prefix(d->test) - d->test->code;
  memmove(other.code + at, other.code + at + 1, (size_t)(CASE_CODE_MAX - at - 1));
  other.length--;
  other.state.rip++;
  execute_instead(d, &other);
}

/* --- undefined opcodes ------------------------------------------------------------------------------------------- */

static void undefined_instead(const struct dispute *d) {
  fault_instead(d, VECTOR_UD, 0);
}

/* 0F 0D takes a register, too ("prefetchw(/1) Ev": SDM 2D, "Opcode Map"), and does nothing; #UD with AMD's (AMD64
 * Architecture Programmer's Manual 3, "PREFETCHx"). */
static bool is_prefetch_of_register(const struct dispute *d) {
  const uint8_t *opcode = opcode_bytes(d->test);
  return d->op->opcode == IR_NOP && opcode[0] == 0x0f && opcode[1] == 0x0d && opcode[2] >= 0xc0;
}

/* "Some processors decode the UD0 instruction without a ModR/M byte. As a result, those processors would deliver an
 * invalid-opcode exception instead of a fault on instruction fetch" (SDM 2B, "UD"); AMD's UD1, too. */
static bool is_ud_without_modrm(const struct dispute *d) {
  const uint8_t *opcode = opcode_bytes(d->test);
  return opcode[0] == 0x0f && (opcode[1] == 0xff || opcode[1] == 0xb9) &&
         (d->model->vector == VECTOR_PF || d->model->vector == VECTOR_GP);
}

/* --- operands ---------------------------------------------------------------------------------------------------- */

/* "Either a zero-extended value is pushed on the stack or the segment selector is written on the stack using a 16-bit
 * move" (SDM 2B, "PUSH", of a segment register with an operand size of 32 bits). The first is as if EAX held it. */
static bool pushes_segment(const struct dispute *d) {
  return d->op->opcode == IR_PUSH && d->op->operand[0].kind == IR_SEGMENT && d->op->operand_size == 4;
}

static void push_register(const struct dispute *d) {
  static const uint8_t short_form[] = {0x50}, long_form[] = {0xff, 0xf0};
  struct test_case other = *d->test;
  uint8_t *opcode = other.code + (opcode_bytes(d->test) - d->test->code);
  if (opcode[0] == 0x0f)
    memcpy(opcode, long_form, sizeof long_form);
  else
    memcpy(opcode, short_form, sizeof short_form);
  other.state.gpr[VMXSIM_RAX] = d->test->state.selector[d->op->operand[0].reg];
  execute_instead(d, &other);
  d->model->state.gpr[VMXSIM_RAX] = d->test->state.gpr[VMXSIM_RAX];
}

/* SHA instructions are of exception class 4 (SDM 2B, "SHA1MSG1"), whose legacy forms want 16 bytes aligned (SDM 2A,
 * "Type 4 Class Exception Conditions"). AMD's take any memory, as if a register held it, or fault for another reason.
 */
static bool is_misaligned_sha(const struct dispute *d) {
  return IS_ONE_OF(d->op, IR_SHA1MSG1, IR_SHA1MSG2, IR_SHA1NEXTE, IR_SHA1RNDS4, IR_SHA256MSG1, IR_SHA256MSG2,
                   IR_SHA256RNDS2) &&
         d->op->operand[1].kind == IR_MEMORY && operand_linear(d) % 16 && d->model->vector == VECTOR_GP;
}

static void sha_of_register(const struct dispute *d) {
  struct test_case other = *d->test;
  const uint8_t *opcode = opcode_bytes(d->test);
  const unsigned to = d->op->operand[0].reg, from = to == 1 ? 2 : 1; /* XMM0 is an operand of SHA256RNDS2 */
  other.length = 0;
  if (d->test->mode == CODE_64) other.code[other.length++] = (uint8_t)(0x40 | to >> 3 << 2);
  memcpy(other.code + other.length, opcode, 3);
  other.code[other.length + 3] = (uint8_t)(0xc0 | (to & 7) << 3 | from);
  other.length += 4;
  if (opcode[1] == 0x3a) other.code[other.length++] = d->test->code[d->test->length - 1];
  read_before(d, operand_linear(d), other.state.ymm[from], 16);
  execute_instead(d, &other);
  memcpy(d->model->state.ymm[from], d->test->state.ymm[from], 16);
  d->model->state.rip += (uint64_t)d->test->length - other.length;
}

static void sha_of_memory(const struct dispute *d) {
  const uint64_t cr2 = d->silicon->cr2;
  const unsigned vector = d->silicon->vector;
  if (!has_faulted(d->silicon)) {
    sha_of_register(d);
  } else if (vector == VECTOR_AC || vector == VECTOR_SS) {
    fault_instead(d, vector, 0);
  } else if (vector == VECTOR_PF && cr2 - operand_linear(d) < 16) {
    fault_instead(d, vector, d->silicon->error_code);
    d->model->cr2 = cr2;
  }
}

const struct exception_rule exceptions_of_encodings[] = {
    {"far pointer with REX.W: as without", has_wide_pointer, without_rex_w},
    {"VPERMQ, VPERMPD with W = 0: as with 1", is_permutation_without_w, with_vex_w},
    {"LOOPE with REPNE, LOOPNE with REPE: as the other", is_repeated_loop, other_loop},
    {"LOCK MOV CR0: #GP, as of MOV CR8", is_locked_move, protection_fault_instead},
    {"LOCK VERW: as without", is_locked_verw, without_lock},
    {"0F 0D of a register: #UD", is_prefetch_of_register, undefined_instead},
    {"UD0, UD1: #UD before a fault of fetching ModRM", is_ud_without_modrm, undefined_instead},
    {"PUSH of a segment, 32 bits: as of a register", pushes_segment, push_register},
    {"SHA of misaligned memory: as of a register", is_misaligned_sha, sha_of_memory},
    {NULL, NULL, NULL},
};
