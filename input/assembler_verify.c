/* What was encoded, decoded again: the encoder of Zydis 4.0.0 cuts some displacements and immediates silently. */
#include "assembler_instruction.h"

static ZydisStackWidth stack_width(unsigned bits) {
  return bits == 16 ? ZYDIS_STACK_WIDTH_16 : bits == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_64;
}

static uint64_t mask_of(unsigned bits) {
  return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static bool same_memory(const struct encode_request *wanted, const struct operand *asked,
                        const ZydisEncoderOperand *request, const ZydisDecodedOperand *decoded) {
  const unsigned bits = address_bits_of(wanted->instruction, wanted->bits);
  const uint64_t displacement = (uint64_t)request->mem.displacement;
  if (!asked->relative && asked->value != (asked->value & mask_of(bits)) &&
      (int64_t)asked->value != request->mem.displacement) {
    return false;
  }
  if (decoded->mem.base != request->mem.base || decoded->mem.index != request->mem.index) return false;
  if (request->mem.index != ZYDIS_REGISTER_NONE && decoded->mem.scale != request->mem.scale) return false;
  if (asked->segment != ZYDIS_REGISTER_NONE && decoded->mem.segment != asked->segment &&
      !(wanted->bits == 64 && asked->segment < ZYDIS_REGISTER_FS)) {
    return false;
  }
  return (((uint64_t)decoded->mem.disp.value ^ displacement) & mask_of(bits)) == 0;
}

/* Sign-extended from the bits that the instruction has for it, or as it is. */
static bool same_number(uint64_t asked, const ZydisDecodedOperand *decoded, unsigned size) {
  const uint64_t got = decoded->imm.value.u;
  if (size && size < 8) {
    const uint64_t mask = mask_of(8 * size);
    const bool fits = asked == (asked & mask) || asked >= ~(mask >> 1);
    return fits && ((asked ^ got) & mask) == 0;
  }
  if (asked == got) return true;
  const unsigned bits = decoded->size;
  if (decoded->imm.is_signed || bits >= 64) return false;
  return asked >= ~(mask_of(bits) >> 1) && ((asked ^ got) & mask_of(bits)) == 0;
}

static bool same_operand(const struct encode_request *wanted, const struct operand *asked,
                         const ZydisEncoderOperand *request, const ZydisDecodedOperand *decoded) {
  switch (asked->kind) {
  case OPERAND_REGISTER: return decoded->type == ZYDIS_OPERAND_TYPE_REGISTER && decoded->reg.value == asked->reg;
  case OPERAND_MEMORY:
    return decoded->type == ZYDIS_OPERAND_TYPE_MEMORY && same_memory(wanted, asked, request, decoded);
  case OPERAND_FAR:
    return decoded->type == ZYDIS_OPERAND_TYPE_POINTER && decoded->ptr.segment == asked->selector &&
           decoded->ptr.offset == asked->value;
  case OPERAND_IMMEDIATE: break;
  }
  /* SHL r/m, 1 and INT3 have their number in the opcode, and Zydis shows it. */
  if (decoded->type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return false;
  if (is_relative_branch(wanted->instruction)) return decoded->imm.value.s == request->imm.s;
  return same_number(asked->value, decoded, immediate_size(wanted));
}

bool verify(const struct encode_request *wanted, const ZydisEncoderRequest *request, const struct encoding *encoding) {
  const struct instruction *instruction = wanted->instruction;
  ZydisDecoder decoder;
  ZydisDecodedInstruction decoded;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, request->machine_mode, stack_width(wanted->bits)))) return false;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, encoding->bytes, encoding->size, &decoded, operands))) {
    return false;
  }
  if (decoded.mnemonic != instruction->mnemonic || decoded.length != encoding->size) return false;
  if (decoded.operand_count_visible < instruction->operand_count) return false;
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    if (!same_operand(wanted, &instruction->operands[i], &request->operands[i], &operands[i])) return false;
  }
  return true;
}
