/* The decoder and the block cache. Encodings and what they decode to are in decode_cases.def, written as text by
 * op_text(); lengths, truncation and prefixes are tried on all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cmocka_main.h"

#include "decode/blocks.h"
#include "vmxsim/state.h"

/* --- ops as text ------------------------------------------------------------------------------------------------- */

struct text {
  char bytes[200];
  size_t length;
};

static void add(struct text *text, const char *more) {
  const size_t length = strlen(more);
  assert_true(text->length + length < sizeof text->bytes);
  memcpy(text->bytes + text->length, more, length + 1);
  text->length += length;
}

static void add_number(struct text *text, const char *format, unsigned long long number) {
  char buffer[40];
  snprintf(buffer, sizeof buffer, format, number);
  add(text, buffer);
}

static void add_signed(struct text *text, int64_t number) {
  add_number(text, number < 0 ? "-%llx" : "+%llx",
             number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number);
}

static void add_gpr(struct text *text, unsigned reg, unsigned size, bool high8) {
  static const char *const low[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
  static const char *const high[] = {"ah", "ch", "dh", "bh"};
  static const char *const word[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
  if (reg >= 8) {
    add_number(text, "r%llu", reg);
    add(text, size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "");
  } else if (size == 1) {
    add(text, high8 ? high[reg & 3] : low[reg]);
  } else {
    add(text, size == 2 ? "" : size == 4 ? "e" : "r");
    add(text, word[reg]);
  }
}

static const char *segment_name(unsigned segment) {
  static const char *const names[] = {"es", "cs", "ss", "ds", "fs", "gs"};
  return segment < 6 ? names[segment] : "?s";
}

/* seg:base+index*scale+displacement, registers as wide as the address. */
static void add_memory(struct text *text, const struct ir_op *op) {
  const struct ir_memory *memory = &op->memory;
  add(text, "[");
  add(text, segment_name(memory->segment));
  add(text, ":");
  if (memory->base == IR_RIP) add(text, "rip");
  if (memory->base < 16) add_gpr(text, memory->base, op->address_size, false);
  if (memory->index != IR_NO_REGISTER) {
    add(text, "+");
    if (memory->vsib) {
      add_number(text, "v%llu", memory->index);
    } else {
      add_gpr(text, memory->index, op->address_size, false);
    }
    add_number(text, "*%llu", memory->scale);
  }
  if (memory->displacement) add_signed(text, memory->displacement);
  add(text, "]");
}

static void add_operand(struct text *text, const struct ir_op *op, unsigned position) {
  const struct ir_operand *operand = &op->operand[position];
  unsigned immediates = 0;
  for (unsigned i = 0; i < position; i++) immediates += op->operand[i].kind == IR_IMMEDIATE;
  switch (operand->kind) {
  case IR_GPR: add_gpr(text, operand->reg, operand->size, operand->high8); break;
  case IR_MEMORY:
    add_number(text, "%llu", operand->size);
    add_memory(text, op);
    break;
  case IR_IMMEDIATE: add_number(text, "#%llx", immediates ? op->immediate2 : op->immediate); break;
  case IR_VECTOR: add_number(text, operand->size == 32 ? "ymm%llu" : "xmm%llu", operand->reg); break;
  case IR_MMX: add_number(text, "mm%llu", operand->reg); break;
  case IR_ST: add_number(text, "st%llu", operand->reg); break;
  case IR_SEGMENT: add(text, segment_name(operand->reg)); break;
  case IR_CONTROL: add_number(text, "cr%llu", operand->reg); break;
  case IR_DEBUG: add_number(text, "dr%llu", operand->reg); break;
  case IR_RELATIVE: add_signed(text, (int64_t)op->immediate); break;
  case IR_FAR:
    add_number(text, "%llx:", op->immediate2);
    add_number(text, "%llx", op->immediate);
    break;
  default: add(text, "?"); break;
  }
}

static bool has_memory_operand(const struct ir_op *op) {
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    if (op->operand[i].kind == IR_MEMORY) return true;
  }
  return false;
}

static void add_prefixes(struct text *text, unsigned prefixes) {
  static const char *const names[8] = {" lock", " rep", " repne", " 66", " 67", " w", " vex", " notrack"};
  for (unsigned i = 0; i < 8; i++) {
    if (prefixes >> i & 1) add(text, names[i]);
  }
}

/* NAME(condition) operand, ... operand size/address size/vector length prefixes */
static void op_text(const struct ir_op *op, struct text *text) {
  text->length = 0;
  add(text, ir_opcode_name(op->opcode));
  if (op->opcode == IR_INVALID) return;
  if (op->condition) add_number(text, "(%llu)", op->condition);
  for (unsigned i = 0; i < IR_OPERANDS && op->operand[i].kind != IR_NONE; i++) {
    add(text, i ? ", " : " ");
    add_operand(text, op, i);
  }
  if (!has_memory_operand(op) && op->memory.base != IR_NO_REGISTER) {
    add(text, " ");
    add_memory(text, op);
  }
  add_number(text, " %llu", op->operand_size);
  add_number(text, "/%llu", op->address_size);
  if (op->vector_length) add_number(text, "/%llu", op->vector_length);
  add_prefixes(text, op->prefixes);
}

/* --- the cases --------------------------------------------------------------------------------------------------- */

enum {
  ENABLED = DECODE_OSFXSR | DECODE_OSXSAVE_AVX | DECODE_FSGSBASE,
  MODE_REAL = ENABLED,
  MODE_V86 = ENABLED | DECODE_V86 | DECODE_CPL_3,
  MODE_16 = ENABLED | DECODE_PROTECTED,
  MODE_32 = ENABLED | DECODE_PROTECTED | DECODE_CODE_32 | DECODE_STACK_32,
  MODE_64 = ENABLED | DECODE_PROTECTED | DECODE_CODE_64,
};

struct decode_case {
  decode_mode mode;
  const char *bytes, *text;
};

static const struct decode_case cases[] = {
#define CASE(mode, bytes, text) {MODE_##mode, bytes, text},
#include "tests/cpu/decode_cases.def"
#undef CASE
};
enum { CASES = sizeof cases / sizeof *cases };

static struct decoder everything(void) {
  struct decoder decoder;
  decoder_init(&decoder, (UINT64_C(1) << DECODE_FEATURE_COUNT) - 1);
  return decoder;
}

static struct decoder everything_but(enum decode_feature feature) {
  struct decoder decoder;
  decoder_init(&decoder, ((UINT64_C(1) << DECODE_FEATURE_COUNT) - 1) & ~(UINT64_C(1) << feature));
  return decoder;
}

/* Hexadecimal digits, blanks between them as one likes. */
static size_t bytes_of(const char *text, uint8_t bytes[32]) {
  size_t digits = 0;
  memset(bytes, 0, 32);
  for (; *text; text++) {
    if (*text == ' ') continue;
    const unsigned digit = *text <= '9' ? (unsigned)(*text - '0') : (unsigned)(*text - 'a' + 10);
    assert_true(digit < 16 && digits < 64);
    bytes[digits / 2] = (uint8_t)((unsigned)bytes[digits / 2] << 4 | digit);
    digits++;
  }
  assert_true(digits && digits % 2 == 0);
  return digits / 2;
}

static void expect(const struct decoder *decoder, decode_mode mode, const char *hex, const char *expected) {
  uint8_t bytes[32];
  struct ir_op op;
  struct text text;
  const size_t size = bytes_of(hex, bytes);
  const enum decode_result result = decode_instruction(decoder, mode, bytes, size, &op);
  if (result != DECODE_OK) fail_msg("%s: result %d", hex, result);
  op_text(&op, &text);
  if (strcmp(text.bytes, expected)) fail_msg("%s in mode %x:\n  %s\nnot\n  %s", hex, mode, text.bytes, expected);
  if (op.opcode != IR_INVALID && op.length != size) fail_msg("%s: length %u", hex, op.length);
  if (op.length == 0 || op.length > size) fail_msg("%s: length %u", hex, op.length);
}

static void decodes_the_cases(void **state) {
  (void)state;
  const struct decoder decoder = everything();
  for (size_t i = 0; i < CASES; i++) expect(&decoder, cases[i].mode, cases[i].bytes, cases[i].text);
}

static bool same_op(const struct ir_op *a, const struct ir_op *b) {
  struct text left, right;
  op_text(a, &left);
  op_text(b, &right);
  return a->length == b->length && !strcmp(left.bytes, right.bytes);
}

/* What is cut off anywhere is truncated; what comes after does not matter. An invalid one is as long as what it takes
 * to see that. */
static void lengths_are_exact(void **state) {
  (void)state;
  const struct decoder decoder = everything();
  for (size_t i = 0; i < CASES; i++) {
    uint8_t bytes[32];
    struct ir_op op, again;
    const size_t size = bytes_of(cases[i].bytes, bytes);
    assert_int_equal(decode_instruction(&decoder, cases[i].mode, bytes, size, &op), DECODE_OK);
    memset(bytes + size, 0xf0, sizeof bytes - size);
    assert_int_equal(decode_instruction(&decoder, cases[i].mode, bytes, sizeof bytes, &again), DECODE_OK);
    if (!same_op(&op, &again)) fail_msg("%s: what follows matters", cases[i].bytes);
    assert_int_equal(decode_instruction(&decoder, cases[i].mode, bytes, op.length, &again), DECODE_OK);
    for (size_t cut = 0; cut < op.length; cut++) {
      const enum decode_result result = decode_instruction(&decoder, cases[i].mode, bytes, cut, &again);
      if (result != DECODE_TRUNCATED) fail_msg("%s: %zu bytes: %d", cases[i].bytes, cut, result);
    }
  }
}

/* Padded with prefixes that change nothing: 15 bytes are an instruction, 16 are not. */
static void more_than_fifteen_bytes_are_too_long(void **state) {
  (void)state;
  const struct decoder decoder = everything();
  for (size_t i = 0; i < CASES; i++) {
    uint8_t bytes[64], plain[32];
    struct ir_op op;
    const size_t size = bytes_of(cases[i].bytes, plain);
    if (!strcmp(cases[i].text, "(invalid)")) continue;
    for (size_t padding = 15 - size; padding <= 16 - size; padding++) {
      memset(bytes, cases[i].mode & DECODE_CODE_64 ? 0x26 : plain[0] == 0x64 ? 0x64 : 0x3e, padding);
      memcpy(bytes + padding, plain, size);
      const enum decode_result result = decode_instruction(&decoder, cases[i].mode, bytes, padding + size, &op);
      const enum decode_result expected = padding + size > 15 ? DECODE_TOO_LONG : DECODE_OK;
      if (result != expected) fail_msg("%s: %zu bytes: %d", cases[i].bytes, padding + size, result);
      if (result == DECODE_OK) assert_int_equal(op.length, 15);
    }
  }
  uint8_t prefixes[16];
  struct ir_op op;
  memset(prefixes, 0x66, sizeof prefixes);
  assert_int_equal(decode_instruction(&decoder, MODE_64, prefixes, 14, &op), DECODE_TRUNCATED);
  assert_int_equal(decode_instruction(&decoder, MODE_64, prefixes, 16, &op), DECODE_TOO_LONG);
}

/* --- what the processor has and has switched on ------------------------------------------------------------------ */

/* Each feature with an encoding that needs it, and what the bytes are without it. */
static void features_can_be_absent(void **state) {
  (void)state;
  static const struct {
    enum decode_feature feature;
    const char *bytes, *with, *without;
  } rules[] = {
      {DECODE_FEATURE_SEP, "0f34", "SYSENTER 4/8", "(invalid)"},
      {DECODE_FEATURE_CLFSH, "0fae38", "CLFLUSH 64[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_MMX, "0ffec1", "PADDD mm0, mm1 4/8", "(invalid)"},
      {DECODE_FEATURE_FXSR, "0fae00", "FXSAVE 0[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_SSE, "0f58c1", "ADDPS xmm0, xmm1 4/8", "(invalid)"},
      {DECODE_FEATURE_SSE, "0fe0c1", "PAVGB mm0, mm1 4/8", "(invalid)"},
      {DECODE_FEATURE_SSE, "0f1800", "NOP 1[ds:rax] 4/8", "NOP 1[ds:rax] 4/8"},
      {DECODE_FEATURE_SSE2, "660f58c1", "ADDPD xmm0, xmm1 4/8 66", "(invalid)"},
      {DECODE_FEATURE_SSE2, "0fd4c1", "PADDQ mm0, mm1 4/8", "(invalid)"},
      {DECODE_FEATURE_SSE2, "0faee8", "LFENCE 4/8", "(invalid)"},
      {DECODE_FEATURE_SSE3, "f20f7cc1", "HADDPS xmm0, xmm1 4/8 repne", "(invalid)"},
      {DECODE_FEATURE_SSE3, "db08", "FISTTP 4[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_PCLMULQDQ, "660f3a44c111", "PCLMULQDQ xmm0, xmm1, #11 4/8 66", "(invalid)"},
      {DECODE_FEATURE_PCLMULQDQ, "c4e37144c101", "VPCLMULQDQ xmm0, xmm1, xmm1, #1 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_MONITOR, "0f01c9", "MWAIT 4/8", "(invalid)"},
      {DECODE_FEATURE_VMX, "0f01c1", "VMCALL 4/8", "(invalid)"},
      {DECODE_FEATURE_VMX, "0f01d4", "VMFUNC 4/8", "(invalid)"},
      {DECODE_FEATURE_SMX, "0f37", "GETSEC 4/8", "(invalid)"},
      {DECODE_FEATURE_SSSE3, "0f3800c1", "PSHUFB mm0, mm1 4/8", "(invalid)"},
      {DECODE_FEATURE_FMA, "c4e275b8c1", "VFMADD231PS ymm0, ymm1, ymm1 4/8/32 vex", "(invalid)"},
      {DECODE_FEATURE_CMPXCHG16B, "480fc708", "CMPXCHG16B 16[ds:rax] 8/8 w", "(invalid)"},
      {DECODE_FEATURE_SSE4_1, "660f3817c1", "PTEST xmm0, xmm1 4/8 66", "(invalid)"},
      {DECODE_FEATURE_SSE4_2, "f20f38f1c0", "CRC32 eax, eax 4/8 repne", "(invalid)"},
      {DECODE_FEATURE_MOVBE, "0f38f000", "MOVBE eax, 4[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_POPCNT, "f30fb8c1", "POPCNT eax, ecx 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_AES, "660f38dcc1", "AESENC xmm0, xmm1 4/8 66", "(invalid)"},
      {DECODE_FEATURE_AES, "c4e271dcc1", "VAESENC xmm0, xmm1, xmm1 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_XSAVE, "0f01d0", "XGETBV 4/8", "(invalid)"},
      {DECODE_FEATURE_AVX, "c5f858c1", "VADDPS xmm0, xmm0, xmm1 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_AVX, "c4e275b8c1", "VFMADD231PS ymm0, ymm1, ymm1 4/8/32 vex", "(invalid)"},
      {DECODE_FEATURE_F16C, "c4e27913c1", "VCVTPH2PS xmm0, xmm1 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_RDRAND, "0fc7f0", "RDRAND eax 4/8", "(invalid)"},
      {DECODE_FEATURE_FSGSBASE, "f30faec0", "RDFSBASE eax 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_SGX, "0f01cf", "ENCLS 8/8", "(invalid)"},
      {DECODE_FEATURE_BMI1, "c4e278f2c1", "ANDN eax, eax, ecx 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_BMI1, "f30fbcc1", "TZCNT eax, ecx 4/8 rep", "BSF eax, ecx 4/8 rep"},
      {DECODE_FEATURE_AVX2, "c5fdfec1", "VPADDD ymm0, ymm0, ymm1 4/8/32 vex", "(invalid)"},
      {DECODE_FEATURE_AVX2, "c5f9fec1", "VPADDD xmm0, xmm0, xmm1 4/8/16 vex", "VPADDD xmm0, xmm0, xmm1 4/8/16 vex"},
      {DECODE_FEATURE_AVX2, "c4e27918c1", "VBROADCASTSS xmm0, xmm1 4/8/16 vex", "(invalid)"},
      {DECODE_FEATURE_BMI2, "c4e2f1f7c0", "SHLX rax, rax, rcx 8/8/16 w vex", "(invalid)"},
      {DECODE_FEATURE_INVPCID, "660f388200", "INVPCID rax, 16[ds:rax] 8/8 66", "(invalid)"},
      {DECODE_FEATURE_RTM, "0f01d5", "XEND 4/8", "(invalid)"},
      {DECODE_FEATURE_RDSEED, "0fc7f8", "RDSEED eax 4/8", "(invalid)"},
      {DECODE_FEATURE_ADX, "660f38f6c1", "ADCX eax, ecx 4/8 66", "(invalid)"},
      {DECODE_FEATURE_SMAP, "0f01ca", "CLAC 4/8", "(invalid)"},
      {DECODE_FEATURE_CLFLUSHOPT, "660fae38", "CLFLUSHOPT 64[ds:rax] 4/8 66", "(invalid)"},
      {DECODE_FEATURE_CLWB, "660fae30", "CLWB 64[ds:rax] 4/8 66", "(invalid)"},
      {DECODE_FEATURE_SHA, "0f38cbc1", "SHA256RNDS2 xmm0, xmm1 4/8", "(invalid)"},
      {DECODE_FEATURE_PKU, "0f01ee", "RDPKRU 4/8", "(invalid)"},
      {DECODE_FEATURE_WAITPKG, "660faef0", "TPAUSE eax 4/8 66", "(invalid)"},
      {DECODE_FEATURE_CET_SS, "f30f1ec8", "RDSSP eax 4/8 rep", "NOP eax 4/8 rep"},
      {DECODE_FEATURE_CET_SS, "f30faee8", "INCSSP eax 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_CET_IBT, "f30f1efa", "ENDBR64 4/8 rep", "NOP 4/8 rep"},
      {DECODE_FEATURE_RDPID, "f30fc7f8", "RDPID rax 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_CLDEMOTE, "0f1c00", "CLDEMOTE 1[ds:rax] 4/8", "NOP 1[ds:rax] 4/8"},
      {DECODE_FEATURE_KEY_LOCKER, "f30f38dcc1", "LOADIWKEY xmm0, xmm1 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_MOVDIRI, "0f38f900", "MOVDIRI 4[ds:rax], eax 4/8", "(invalid)"},
      {DECODE_FEATURE_MOVDIR64B, "660f38f800", "MOVDIR64B rax, 64[ds:rax] 4/8 66", "(invalid)"},
      {DECODE_FEATURE_ENQCMD, "f20f38f800", "ENQCMD rax, 64[ds:rax] 4/8 repne", "(invalid)"},
      {DECODE_FEATURE_SERIALIZE, "0f01e8", "SERIALIZE 4/8", "(invalid)"},
      {DECODE_FEATURE_PCONFIG, "0f01c5", "PCONFIG 4/8", "(invalid)"},
      {DECODE_FEATURE_FRED, "f20f01ca", "ERETS 4/8 repne", "(invalid)"},
      {DECODE_FEATURE_LKGS, "f20f00f0", "LKGS ax 4/8 repne", "(invalid)"},
      {DECODE_FEATURE_WRMSRNS, "0f01c6", "WRMSRNS 4/8", "(invalid)"},
      {DECODE_FEATURE_MSRLIST, "f30f01c6", "WRMSRLIST 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_PBNDKB, "0f01c7", "PBNDKB 4/8", "(invalid)"},
      {DECODE_FEATURE_XSAVEOPT, "0fae30", "XSAVEOPT 0[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_XSAVEC, "0fc720", "XSAVEC 0[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_XSAVES, "0fc728", "XSAVES 0[ds:rax] 4/8", "(invalid)"},
      {DECODE_FEATURE_PTWRITE, "f30fae20", "PTWRITE 4[ds:rax] 4/8 rep", "(invalid)"},
      {DECODE_FEATURE_LAHF_SAHF, "9f", "LAHF 4/8", "(invalid)"},
      {DECODE_FEATURE_LZCNT, "f30fbdc1", "LZCNT eax, ecx 4/8 rep", "BSR eax, ecx 4/8 rep"},
      {DECODE_FEATURE_SYSCALL, "0f05", "SYSCALL 8/8", "(invalid)"},
      {DECODE_FEATURE_RDTSCP, "0f01f9", "RDTSCP 4/8", "(invalid)"},
      {DECODE_FEATURE_WBNOINVD, "f30f09", "WBNOINVD 4/8 rep", "WBINVD 4/8 rep"},
  };
  const struct decoder all = everything();
  uint64_t tried = 0;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const struct decoder less = everything_but(rules[i].feature);
    expect(&all, MODE_64, rules[i].bytes, rules[i].with);
    expect(&less, MODE_64, rules[i].bytes, rules[i].without);
    tried |= UINT64_C(1) << rules[i].feature;
  }
  assert_int_equal(tried, (UINT64_C(1) << DECODE_FEATURE_COUNT) - 1);
  const struct decoder no_lahf = everything_but(DECODE_FEATURE_LAHF_SAHF);
  expect(&no_lahf, MODE_32, "9f", "LAHF 4/4");
}

/* CR4.OSFXSR, CR4.OSXSAVE with XCR0, CR4.FSGSBASE: without them #UD, for exactly the instructions that need them. */
static void control_bits_switch_sets_off(void **state) {
  (void)state;
  const struct decoder decoder = everything();
  const decode_mode no_sse = MODE_64 & ~(decode_mode)DECODE_OSFXSR;
  expect(&decoder, no_sse, "0f58c1", "(invalid)");
  expect(&decoder, no_sse, "0f2ac0", "(invalid)");
  expect(&decoder, no_sse, "0fae10", "(invalid)");
  expect(&decoder, no_sse, "660f38dcc1", "(invalid)");
  expect(&decoder, no_sse, "f30fd6c1", "(invalid)");
  expect(&decoder, no_sse, "0fd4c1", "PADDQ mm0, mm1 4/8");
  expect(&decoder, no_sse, "0fae00", "FXSAVE 0[ds:rax] 4/8");
  expect(&decoder, no_sse, "0fc300", "MOVNTI 4[ds:rax], eax 4/8");
  expect(&decoder, no_sse, "0faef8", "SFENCE 4/8");
  expect(&decoder, no_sse, "f20f38f1c0", "CRC32 eax, eax 4/8 repne");
  expect(&decoder, no_sse, "c5f858c1", "VADDPS xmm0, xmm0, xmm1 4/8/16 vex");
  const decode_mode no_avx = MODE_64 & ~(decode_mode)DECODE_OSXSAVE_AVX;
  expect(&decoder, no_avx, "c5f858c1", "(invalid)");
  expect(&decoder, no_avx, "c5f877", "(invalid)");
  expect(&decoder, no_avx, "c5f8ae10", "(invalid)");
  expect(&decoder, no_avx, "c4e278f2c1", "ANDN eax, eax, ecx 4/8/16 vex");
  expect(&decoder, no_avx, "0f58c1", "ADDPS xmm0, xmm1 4/8");
  expect(&decoder, MODE_64 & ~(decode_mode)DECODE_FSGSBASE, "f30faec0", "(invalid)");
}

static void truncation_knows_what_is_undefined(void **state) {
  (void)state;
  const struct decoder decoder = everything();
  const uint8_t bytes[] = {0x8f, 0x62, 0xf0, 0x0f};
  struct ir_op op;
  assert_int_equal(decode_instruction(&decoder, MODE_64, bytes, 0, &op), DECODE_TRUNCATED);
  assert_int_equal(decode_instruction(&decoder, MODE_64, bytes, 1, &op), DECODE_TRUNCATED);
  assert_int_equal(decode_instruction(&decoder, MODE_32, bytes + 1, 1, &op), DECODE_TRUNCATED);
  assert_int_equal(decode_instruction(&decoder, MODE_64, bytes + 1, 1, &op), DECODE_OK);
  assert_int_equal(op.opcode, IR_INVALID);
  assert_int_equal(decode_instruction(&decoder, MODE_64, bytes + 2, 2, &op), DECODE_TRUNCATED);
}

/* --- any bytes --------------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

static void check_op(const struct ir_op *op, size_t available) {
  static const uint8_t registers[] = {0, 16, 0, 0, 16, 8, 8, 6, 16, 8, 0, 0};
  assert_true(op->length >= 1 && op->length <= IR_LENGTH_MAX && op->length <= available);
  assert_true(op->opcode < IR_OPCODE_COUNT);
  if (op->opcode == IR_INVALID) return;
  assert_true(op->operand_size == 2 || op->operand_size == 4 || op->operand_size == 8);
  assert_true(op->address_size == 2 || op->address_size == 4 || op->address_size == 8);
  assert_true(op->condition < 16);
  for (unsigned i = 0; i < IR_OPERANDS; i++) {
    const struct ir_operand *operand = &op->operand[i];
    assert_true(operand->kind <= IR_FAR);
    if (registers[operand->kind]) assert_true(operand->reg < registers[operand->kind]);
    if (operand->high8) assert_true(operand->kind == IR_GPR && operand->size == 1 && operand->reg < 4);
    if (i && operand->kind != IR_NONE) assert_true(op->operand[i - 1].kind != IR_NONE);
  }
  const struct ir_memory *memory = &op->memory;
  assert_true(memory->base < 16 || memory->base == IR_NO_REGISTER || memory->base == IR_RIP);
  assert_true(memory->index < 16 || memory->index == IR_NO_REGISTER);
  assert_true(memory->segment < VMXSIM_SEGMENTS);
}

static void random_bytes_never_surprise(void **state) {
  (void)state;
  static const decode_mode modes[] = {MODE_REAL, MODE_V86, MODE_16, MODE_32, MODE_64};
  static const uint8_t starts[] = {0x0f, 0x66, 0xf2, 0xf3, 0xc4, 0xc5, 0x48, 0x67};
  const struct decoder decoder = everything();
  uint64_t seed = 1;
  for (unsigned i = 0; i < 200000; i++) {
    uint64_t words[2] = {next_random(&seed), next_random(&seed)};
    uint8_t bytes[16];
    struct ir_op op, again;
    memcpy(bytes, words, sizeof bytes);
    if (i & 1) bytes[0] = starts[i / 2 % 8];
    if ((i & 3) == 3) bytes[1] = starts[i / 16 % 8];
    const decode_mode mode = modes[i % 5];
    const enum decode_result result = decode_instruction(&decoder, mode, bytes, sizeof bytes, &op);
    assert_true(result == DECODE_OK || result == DECODE_TOO_LONG);
    if (result != DECODE_OK) continue;
    check_op(&op, sizeof bytes);
    assert_int_equal(decode_instruction(&decoder, mode, bytes, op.length, &again), DECODE_OK);
    assert_true(same_op(&op, &again));
    assert_int_equal(decode_instruction(&decoder, mode, bytes, op.length - 1u, &again), DECODE_TRUNCATED);
  }
}

/* --- the IR's own knowledge -------------------------------------------------------------------------------------- */

static void opcodes_have_names(void **state) {
  (void)state;
  assert_string_equal(ir_opcode_name(IR_INVALID), "(invalid)");
  assert_string_equal(ir_opcode_name(IR_ADD), "ADD");
  assert_string_equal(ir_opcode_name(IR_OPCODE_COUNT - 1), "VCVTPS2PH");
  assert_string_equal(ir_opcode_name(IR_OPCODE_COUNT), "(unknown)");
}

static bool ends(const char *hex) {
  const struct decoder decoder = everything();
  uint8_t bytes[32];
  struct ir_op op;
  const size_t size = bytes_of(hex, bytes);
  assert_int_equal(decode_instruction(&decoder, MODE_64, bytes, size, &op), DECODE_OK);
  return ir_ends_block(&op);
}

static void blocks_end_where_control_may_turn(void **state) {
  (void)state;
  static const char *const last[] = {
      "ebfe", "7480",   "e800000000", "ffd0",   "c3",   "cf",     "cc",     "0f05",   "f4",      "fb",   "9d",
      "8ed0", "0f22c0", "0f23f8",     "0f06",   "0f30", "0f01c1", "0f01c2", "0f0138", "0f01d1",  "0fa2", "06",
      "0f0b", "0f01ca", "0f01c6",     "0fae28", "0faa", "48cb",   "0f01c9", "0f01e8", "f20f01ca"};
  static const char *const not_last[] = {"90",     "01c8",   "8ed8",   "0f20c0", "0f21f8", "fa", "f3a4",
                                         "0f7801", "0f79c1", "0fae20", "8cd0",   "50",     "ec", "f390"};
  for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
    if (!ends(last[i])) fail_msg("%s", last[i]);
  }
  for (size_t i = 0; i < sizeof not_last / sizeof *not_last; i++) {
    if (ends(not_last[i])) fail_msg("%s", not_last[i]);
  }
}

/* --- the block cache --------------------------------------------------------------------------------------------- */

static void blocks_are_found_by_address_and_mode(void **state) {
  (void)state;
  struct block_cache *cache = block_cache_create();
  assert_null(block_cache_find(cache, 0x1000, MODE_64));
  struct block *a = block_cache_add(cache, 0x1000, MODE_64, 3);
  struct block *b = block_cache_add(cache, 0x1000, MODE_32, 3);
  struct block *c = block_cache_add(cache, 0x1001, MODE_64, BLOCK_OPS_MAX + 1);
  assert_non_null(a);
  assert_non_null(b);
  assert_non_null(c);
  assert_null(block_cache_add(cache, 0x1002, MODE_64, BLOCK_OPS_MAX + 2));
  memset(a->ops, 0x11, 3 * sizeof *a->ops);
  memset(b->ops, 0x22, 3 * sizeof *b->ops);
  assert_ptr_equal(block_cache_find(cache, 0x1000, MODE_64), a);
  assert_ptr_equal(block_cache_find(cache, 0x1000, MODE_32), b);
  assert_ptr_equal(block_cache_find(cache, 0x1001, MODE_64), c);
  assert_null(block_cache_find(cache, 0x1001, MODE_32));
  assert_int_equal(c->second_page, BLOCK_NO_PAGE);
  block_cache_drop_all(cache);
  assert_null(block_cache_find(cache, 0x1000, MODE_64));
  block_cache_destroy(cache);
}

static void a_dropped_page_takes_its_blocks(void **state) {
  (void)state;
  struct block_cache *cache = block_cache_create();
  for (unsigned i = 0; i < 5000; i++) assert_non_null(block_cache_add(cache, i * 0x400, MODE_64, 2));
  struct block *crossing = block_cache_add_crossing(cache, 0x4fff, 0x9abc, MODE_64, 2);
  assert_int_equal(crossing->second_page, 0x9000);
  const uint64_t generation = block_cache_generation(cache);
  block_cache_drop_page(cache, UINT64_C(1) << 40);
  assert_int_equal(block_cache_generation(cache), generation);
  assert_true(block_cache_has_page(cache, 0x3123));
  block_cache_drop_page(cache, 0x3000);
  assert_int_not_equal(block_cache_generation(cache), generation);
  assert_false(block_cache_has_page(cache, 0x3123));
  for (unsigned i = 0; i < 5000; i++) {
    assert_int_equal(block_cache_find(cache, i * 0x400, MODE_64) == NULL, i / 4 == 3);
  }
  block_cache_drop_page(cache, 0x9000);
  assert_null(block_cache_find(cache, 0x4fff, MODE_64));
  assert_non_null(block_cache_find(cache, 0x4c00, MODE_64));
  block_cache_drop_page(cache, 0x4000);
  assert_null(block_cache_find(cache, 0x4c00, MODE_64));
  block_cache_destroy(cache);
}

static void crossing_blocks_depend_on_the_second_page(void **state) {
  (void)state;
  struct block_cache *cache = block_cache_create();
  struct block *first = block_cache_add_crossing(cache, 0x1fff, 0x5000, MODE_64, 2);
  struct block *second = block_cache_add_crossing(cache, 0x1fff, 0x7000, MODE_64, 2);
  assert_ptr_equal(block_cache_find_crossing(cache, 0x1fff, 0x5000, MODE_64), first);
  assert_ptr_equal(block_cache_find_crossing(cache, 0x1fff, 0x7fff, MODE_64), second);
  assert_null(block_cache_find_crossing(cache, 0x1fff, 0x2000, MODE_64));
  assert_non_null(block_cache_find(cache, 0x1fff, MODE_64));
  block_cache_drop_page(cache, 0x7000);
  assert_ptr_equal(block_cache_find(cache, 0x1fff, MODE_64), first);
  block_cache_destroy(cache);
}

/* Counts what is allocated, and can run out. */
struct account {
  size_t blocks, left;
};

static void *counted(void *context, void *pointer, size_t size) {
  struct account *account = context;
  if (!size) {
    account->blocks--;
    free(pointer);
    return NULL;
  }
  if (!account->left) return NULL;
  account->left--;
  account->blocks++;
  return malloc(size);
}

static void the_cache_is_bounded_and_survives_want_of_memory(void **state) {
  (void)state;
  struct account account = {0, 0};
  assert_null(block_cache_create_with(counted, &account));
  account.left = 1;
  struct block_cache *cache = block_cache_create_with(counted, &account);
  assert_non_null(cache);
  assert_null(block_cache_add(cache, 0, MODE_64, 4));
  account.left = 1000;
  const uint64_t generation = block_cache_generation(cache);
  for (unsigned i = 0; i < 60000; i++) {
    struct block *block = block_cache_add(cache, (uint64_t)i << 6, MODE_64, 16);
    assert_non_null(block);
    memset(block->ops, 0x33, 16 * sizeof *block->ops);
    assert_ptr_equal(block_cache_find(cache, (uint64_t)i << 6, MODE_64), block);
  }
  assert_true(account.blocks <= 40);
  assert_int_not_equal(block_cache_generation(cache), generation);
  block_cache_destroy(cache);
  assert_int_equal(account.blocks, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decodes_the_cases),
      cmocka_unit_test(lengths_are_exact),
      cmocka_unit_test(more_than_fifteen_bytes_are_too_long),
      cmocka_unit_test(features_can_be_absent),
      cmocka_unit_test(control_bits_switch_sets_off),
      cmocka_unit_test(truncation_knows_what_is_undefined),
      cmocka_unit_test(random_bytes_never_surprise),
      cmocka_unit_test(opcodes_have_names),
      cmocka_unit_test(blocks_end_where_control_may_turn),
      cmocka_unit_test(blocks_are_found_by_address_and_mode),
      cmocka_unit_test(a_dropped_page_takes_its_blocks),
      cmocka_unit_test(crossing_blocks_depend_on_the_second_page),
      cmocka_unit_test(the_cache_is_bounded_and_survives_want_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
