/* What the files of the decoder share: the only header that knows Zydis. */
#ifndef VMXSIM_DECODE_DECODER_INTERNAL_H
#define VMXSIM_DECODE_DECODER_INTERNAL_H

#include <Zydis/Zydis.h>

#include "decode/decode.h"

/* An instruction on its way from Zydis to the IR. */
struct decoding {
  const struct decoder *decoder;
  decode_mode mode;
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT_VISIBLE];
};

/* Prefixes as the processor takes them. */
struct prefixes {
  uint8_t bits;    /* enum ir_prefix, of IR_LOCK to IR_ADDRESS_SIZE */
  uint8_t segment; /* of the override that counts; IR_NO_REGISTER: none */
  bool last_segment_is_ds;
};

/* prefixes.c; false: the byte is no legacy prefix. */
bool prefixes_add(struct prefixes *prefixes, decode_mode mode, uint8_t byte);
struct prefixes prefixes_of(const struct decoding *decoding);

/* mnemonics.c: IR_INVALID if it is none of ours. */
unsigned opcode_of(const struct decoding *decoding);
unsigned condition_of(const ZydisDecodedInstruction *instruction, unsigned opcode);

/* operands.c */
void decode_operands(const struct decoding *decoding, const struct prefixes *prefixes, struct ir_op *op);

/* validity.c: the op as this processor in this mode has it: itself, what older processors make of it, or IR_INVALID. */
unsigned opcode_in_mode(const struct decoding *decoding, const struct ir_op *op);

/* missing.c: instructions that Zydis does not know. False: it is none of them. */
bool decode_missing(const struct decoder *decoder, decode_mode mode, const uint8_t *bytes, size_t available,
                    struct ir_op *op, enum decode_result *result);

/* missing.c: opcodes that Zydis reads on for, as other vendors' processors do: the bytes that make them #UD, or 0. */
size_t undefined_length(decode_mode mode, const uint8_t *bytes, size_t available);

static inline bool has_feature(const struct decoder *decoder, enum decode_feature feature) {
  return (decoder->features >> feature) & 1;
}

#endif
