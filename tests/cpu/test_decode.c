/* The decoder and the block cache. Encodings and what they decode to are in decode_cases.def, written as text by op_text();
 * lengths, truncation and prefixes are tried on all of them. */
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
  add_number(text, number < 0 ? "-%llx" : "+%llx", number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number);
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
    bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
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

/* What is cut off anywhere is truncated; what comes after does not matter. An invalid one is as long as what it takes to
 * see that. */
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
