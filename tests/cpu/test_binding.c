/* Every instruction that is decoded has a handler, also those that a processor of ours has switched off: all opcodes of
 * all maps, with each of the prefixes that choose between instructions, all ModRM.reg, memory and registers. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <string.h>

#include "cpu/exec/exec.h"
#include "decode/decode.h"

enum {
  ENABLED = DECODE_OSFXSR | DECODE_OSXSAVE_AVX | DECODE_FSGSBASE | DECODE_PROTECTED,
  MODE_32 = ENABLED | DECODE_CODE_32 | DECODE_STACK_32,
  MODE_64 = ENABLED | DECODE_CODE_64,
};

static bool missing[IR_OPCODE_COUNT];
static struct decoder decoder;

/* #UD is what they are for. */
static bool is_undefined(unsigned opcode) {
  return opcode == IR_INVALID || opcode == IR_UD0 || opcode == IR_UD1 || opcode == IR_UD2;
}

static void try_bytes(decode_mode mode, const uint8_t *bytes) {
  static const struct ir_op invalid = {.opcode = IR_INVALID};
  struct ir_op op;
  if (decode_instruction(&decoder, mode, bytes, 15, &op) != DECODE_OK) return;
  if (!is_undefined(op.opcode) && exec_bind(mode, &op) == exec_bind(mode, &invalid)) missing[op.opcode] = true;
}

/* What follows an opcode: every ModRM byte, and zeros. */
static void try_operands(decode_mode mode, const uint8_t *first, size_t size) {
  uint8_t bytes[16] = {0};
  memcpy(bytes, first, size);
  for (unsigned modrm = 0; modrm < 256; modrm++) {
    if (modrm >> 6 == 1 || modrm >> 6 == 2) continue;
    bytes[size] = (uint8_t)modrm;
    try_bytes(mode, bytes);
  }
}

static void try_map(decode_mode mode, const uint8_t *escape, size_t size) {
  static const uint8_t prefixes[][2] = {{0x90}, {0x66}, {0xf2}, {0xf3}, {0x66, 0xf2}}; /* 90H: none */
  for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
    for (unsigned wide = 0; wide <= (mode == MODE_64); wide++) {
      uint8_t bytes[8];
      size_t at = 0;
      for (unsigned i = 0; i < 2; i++)
        if (prefixes[p][i] && prefixes[p][i] != 0x90) bytes[at++] = prefixes[p][i];
      if (wide) bytes[at++] = 0x48;
      memcpy(bytes + at, escape, size);
      for (unsigned opcode = 0; opcode < 256; opcode++) {
        bytes[at + size] = (uint8_t)opcode;
        try_operands(mode, bytes, at + size + 1);
      }
    }
  }
}

/* Three bytes of VEX: map, W, L and pp; vvvv is register 0 or none. */
static void try_vex(void) {
  for (unsigned map = 1; map <= 3; map++) {
    for (unsigned choice = 0; choice < 32; choice++) {
      const uint8_t vvvv = choice & 16 ? 0x78 : 0;
      for (unsigned opcode = 0; opcode < 256; opcode++) {
        const uint8_t bytes[] = {0xc4, (uint8_t)(0xe0 | map), (uint8_t)((choice & 8) << 4 | vvvv | (choice & 7)),
                                 (uint8_t)opcode};
        try_operands(MODE_64, bytes, sizeof bytes);
      }
    }
  }
}

static void all_have_handlers(void **test) {
  (void)test;
  static const uint8_t escapes[][2] = {{0}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}};
  decoder_init(&decoder, (UINT64_C(1) << DECODE_FEATURE_COUNT) - 1);
  for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
    try_map(MODE_32, escapes[i], i < 2 ? i : 2);
    try_map(MODE_64, escapes[i], i < 2 ? i : 2);
  }
  try_vex();
  bool any = false;
  for (unsigned i = 0; i < IR_OPCODE_COUNT; i++) {
    if (missing[i]) fprintf(stderr, "%s has no handler\n", ir_opcode_name(i));
    any |= missing[i];
  }
  assert_false(any);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_have_handlers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
