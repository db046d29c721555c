/* Instructions as text, by Zydis' formatter. */
#include "decode/disassemble.h"

#include <string.h>

#include "decode/decoder_internal.h"

static void set_mode(ZydisDecoder *decoder, unsigned bits) {
  switch (bits) {
  case 64: ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); break;
  case 32: ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32); break;
  default: ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16); break;
  }
}

/* 0x1f, not 0x000000000000001F. */
static void set_style(ZydisFormatter *formatter) {
  ZydisFormatterInit(formatter, ZYDIS_FORMATTER_STYLE_INTEL);
  ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
  ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED);
  ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_RELATIVE, ZYDIS_PADDING_DISABLED);
  ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED);
  ZydisFormatterSetProperty(formatter, ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
}

size_t decode_disassemble(unsigned bits, uint64_t address, const uint8_t *bytes, size_t count, char *text,
                          size_t size) {
  static const char bad[] = "(bad)";
  ZydisDecoder decoder;
  ZydisDecoderContext context;
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  ZydisFormatter formatter;
  set_mode(&decoder, bits);
  set_style(&formatter);
  if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, bytes, count, &instruction)) &&
      ZYAN_SUCCESS(
          ZydisDecoderDecodeOperands(&decoder, &context, &instruction, operands, instruction.operand_count_visible)) &&
      ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                                   instruction.operand_count_visible, text, size, address, NULL))) {
    return instruction.length;
  }
  if (size >= sizeof bad) memcpy(text, bad, sizeof bad);
  return 0;
}
