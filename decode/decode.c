/* From bytes to an op: Zydis for the syntax, then operands.c, validity.c and missing.c for what it does not do. */
#include "decode/decode.h"

#include <string.h>

#include "decode/decoder_internal.h"

/* What struct decoder holds. */
struct decoders {
  ZydisDecoder code_16, code_32, code_64;
};
_Static_assert(sizeof(struct decoders) <= sizeof(((struct decoder *)0)->state), "struct decoder has room");

static void init_one(ZydisDecoder *decoder, ZydisMachineMode mode, ZydisStackWidth stack_width) {
  ZydisDecoderInit(decoder, mode, stack_width);
  ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE); /* no-operations on every processor of ours */
}

void decoder_init(struct decoder *decoder, uint64_t features) {
  struct decoders *decoders = (struct decoders *)(void *)decoder->state;
  memset(decoder, 0, sizeof *decoder);
  decoder->features = features;
  init_one(&decoders->code_16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
  init_one(&decoders->code_32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
  init_one(&decoders->code_64, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

static const ZydisDecoder *zydis_for(const struct decoder *decoder, decode_mode mode) {
  const struct decoders *decoders = (const struct decoders *)(const void *)decoder->state;
  if (mode & DECODE_CODE_64) return &decoders->code_64;
  return mode & DECODE_CODE_32 ? &decoders->code_32 : &decoders->code_16;
}

/* --- what is no instruction -------------------------------------------------------------------------------------- */

/* How many bytes it took to see that these are no instruction: fewer would have been too few to tell. */
static size_t bytes_looked_at(const ZydisDecoder *zydis, const uint8_t *bytes, size_t available) {
  ZydisDecodedInstruction instruction;
  size_t count = 1;
  while (count < available &&
         ZydisDecoderDecodeInstruction(zydis, NULL, bytes, count, &instruction) == ZYDIS_STATUS_NO_MORE_DATA) {
    count++;
  }
  return count;
}

static void make_invalid(struct ir_op *op, size_t length) {
  *op = (struct ir_op){.opcode = IR_INVALID, .length = (uint8_t)length};
  op->memory.base = op->memory.index = IR_NO_REGISTER;
}

static enum decode_result decode_failed(const struct decoder *decoder, decode_mode mode, const uint8_t *bytes,
                                        size_t available, ZyanStatus status, struct ir_op *op) {
  enum decode_result result;
  const size_t undefined = undefined_length(mode, bytes, available);
  if (undefined) {
    make_invalid(op, undefined);
    return DECODE_OK;
  }
  if (status == ZYDIS_STATUS_NO_MORE_DATA) return DECODE_TRUNCATED;
  if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) return DECODE_TOO_LONG;
  if (decode_missing(decoder, mode, bytes, available, op, &result)) return result;
  make_invalid(op, bytes_looked_at(zydis_for(decoder, mode), bytes, available));
  return DECODE_OK;
}

/* --- what is one ------------------------------------------------------------------------------------------------- */

static uint8_t prefix_bits(const struct decoding *decoding, const struct prefixes *prefixes, unsigned opcode) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  const bool is_vex = instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
  const bool is_indirect = decoding->operand[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE;
  unsigned bits = prefixes->bits;
  if (is_vex) bits |= IR_VEX;
  if (is_vex ? instruction->raw.vex.W : instruction->raw.rex.W) bits |= IR_REX_W;
  if ((opcode == IR_JMP_NEAR || opcode == IR_CALL_NEAR) && is_indirect && prefixes->last_segment_is_ds) {
    bits |= IR_NOTRACK;
  }
  return (uint8_t)bits;
}

/* Zydis calls the size of byte instructions 8; ours is what the prefixes say. VEX has no 16 bits. */
static uint8_t operand_size(const struct decoding *decoding, const struct prefixes *prefixes) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  if (instruction->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX && instruction->operand_width == 16) return 4;
  if (instruction->operand_width != 8) return (uint8_t)(instruction->operand_width / 8);
  if (instruction->attributes & ZYDIS_ATTRIB_HAS_REX && instruction->raw.rex.W) return 8;
  const bool is_16 = !(decoding->mode & (DECODE_CODE_64 | DECODE_CODE_32));
  return is_16 == !(prefixes->bits & IR_OPERAND_SIZE) ? 2 : 4;
}

static uint8_t vector_length(const ZydisDecodedInstruction *instruction) {
  if (instruction->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX) return 0;
  return instruction->raw.vex.L ? 32 : 16;
}

static unsigned opcode_with_prefixes(const struct decoding *decoding, const struct prefixes *prefixes) {
  const unsigned opcode = opcode_of(decoding);
  return opcode == IR_WBINVD && (prefixes->bits & IR_REP) ? IR_WBNOINVD : opcode;
}

static void make_op(const struct decoding *decoding, struct ir_op *op) {
  const ZydisDecodedInstruction *instruction = &decoding->instruction;
  const struct prefixes prefixes = prefixes_of(decoding);
  memset(op, 0, sizeof *op);
  op->opcode = (uint16_t)opcode_with_prefixes(decoding, &prefixes);
  op->length = instruction->length;
  op->prefixes = prefix_bits(decoding, &prefixes, op->opcode);
  op->operand_size = operand_size(decoding, &prefixes);
  op->address_size = (uint8_t)(instruction->address_width / 8);
  op->condition = (uint8_t)condition_of(instruction, op->opcode);
  op->vector_length = vector_length(instruction);
  decode_operands(decoding, &prefixes, op);
  op->opcode = (uint16_t)opcode_in_mode(decoding, op);
}

enum decode_result decode_instruction(const struct decoder *decoder, decode_mode mode, const uint8_t *bytes,
                                      size_t available, struct ir_op *op) {
  const ZydisDecoder *zydis = zydis_for(decoder, mode);
  struct decoding decoding;
  ZydisDecoderContext context;
  if (available == 0) return DECODE_TRUNCATED;
  decoding.decoder = decoder;
  decoding.mode = mode;
  ZyanStatus status = ZydisDecoderDecodeInstruction(zydis, &context, bytes, available, &decoding.instruction);
  if (!ZYAN_SUCCESS(status)) return decode_failed(decoder, mode, bytes, available, status, op);
  status = ZydisDecoderDecodeOperands(zydis, &context, &decoding.instruction, decoding.operand,
                                      decoding.instruction.operand_count_visible);
  if (ZYAN_SUCCESS(status)) make_op(&decoding, op);
  if (!ZYAN_SUCCESS(status) || op->opcode == IR_INVALID) {
    const size_t undefined = undefined_length(mode, bytes, available);
    make_invalid(op, undefined ? undefined : decoding.instruction.length);
  }
  return DECODE_OK;
}
