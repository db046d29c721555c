/* One request to Zydis' encoder, and what has to be prepared for it. */
#include <string.h>

#include "assembler_instruction.h"
#include "decode/decode.h"

static const struct {
  ZydisRegister segment;
  ZydisInstructionAttributes prefix;
} segment_prefixes[] = {
    {ZYDIS_REGISTER_CS, ZYDIS_ATTRIB_HAS_SEGMENT_CS}, {ZYDIS_REGISTER_SS, ZYDIS_ATTRIB_HAS_SEGMENT_SS},
    {ZYDIS_REGISTER_DS, ZYDIS_ATTRIB_HAS_SEGMENT_DS}, {ZYDIS_REGISTER_ES, ZYDIS_ATTRIB_HAS_SEGMENT_ES},
    {ZYDIS_REGISTER_FS, ZYDIS_ATTRIB_HAS_SEGMENT_FS}, {ZYDIS_REGISTER_GS, ZYDIS_ATTRIB_HAS_SEGMENT_GS},
};

static ZydisMachineMode machine_mode(unsigned bits) {
  if (bits == 16) return ZYDIS_MACHINE_MODE_LEGACY_16;
  return bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LONG_64;
}

static const struct operand *memory_of(const struct instruction *instruction) {
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    if (instruction->operands[i].kind == OPERAND_MEMORY) return &instruction->operands[i];
  }
  return NULL;
}

unsigned address_bits_of(const struct instruction *instruction, unsigned bits) {
  const struct operand *memory = memory_of(instruction);
  if (instruction->address_bits) return instruction->address_bits;
  if (!memory || memory->relative) return bits;
  const ZydisRegister reg = memory->base != ZYDIS_REGISTER_NONE ? memory->base : memory->index;
  if (reg != ZYDIS_REGISTER_NONE && ZydisRegisterGetClass(reg) <= ZYDIS_REGCLASS_GPR64) {
    return ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg);
  }
  return bits == 16 && memory->value > UINT16_MAX ? 32 : bits;
}

bool is_relative_branch(const struct instruction *instruction) {
  if (instruction->operand_count != 1 || instruction->operands[0].kind != OPERAND_IMMEDIATE) return false;
  switch (instruction->mnemonic) {
  case ZYDIS_MNEMONIC_CALL:
  case ZYDIS_MNEMONIC_JMP:
  case ZYDIS_MNEMONIC_LOOP:
  case ZYDIS_MNEMONIC_LOOPE:
  case ZYDIS_MNEMONIC_LOOPNE:
  case ZYDIS_MNEMONIC_XBEGIN: return true;
  default: return *ZydisMnemonicGetString(instruction->mnemonic) == 'j';
  }
}

/* In two's complement of so many bits, as the encoder wants values. */
static int64_t sign_extended(uint64_t value, unsigned bits) {
  if (bits >= 64) return (int64_t)value;
  const uint64_t sign = UINT64_C(1) << (bits - 1);
  value &= (sign << 1) - 1;
  return (int64_t)((value ^ sign) - sign);
}

unsigned immediate_size(const struct encode_request *wanted) {
  const struct instruction *instruction = wanted->instruction;
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    const struct operand *operand = &instruction->operands[i];
    if (operand->kind == OPERAND_REGISTER && operand->size) return operand->size;
    if (operand->kind == OPERAND_MEMORY) return wanted->memory_size;
  }
  if (instruction->mnemonic != ZYDIS_MNEMONIC_PUSH) return 0;
  return (instruction->operand_bits ? instruction->operand_bits : wanted->bits) / 8;
}

static void prepare_memory(const struct encode_request *wanted, const struct operand *from, ZydisEncoderOperand *to) {
  const unsigned bits = address_bits_of(wanted->instruction, wanted->bits);
  to->type = ZYDIS_OPERAND_TYPE_MEMORY;
  to->mem.base = from->base;
  to->mem.index = from->index;
  to->mem.scale = from->index != ZYDIS_REGISTER_NONE ? from->scale : 0;
  to->mem.size = (ZyanU16)wanted->memory_size;
  to->mem.displacement = from->relative ? 0 : sign_extended(from->value, bits);
}

static void prepare_operand(const struct encode_request *wanted, const struct operand *from, bool as_signed,
                            ZydisEncoderOperand *to) {
  const unsigned size = immediate_size(wanted);
  switch (from->kind) {
  case OPERAND_REGISTER:
    to->type = ZYDIS_OPERAND_TYPE_REGISTER;
    to->reg.value = from->reg;
    break;
  case OPERAND_MEMORY: prepare_memory(wanted, from, to); break;
  case OPERAND_IMMEDIATE:
    to->type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
    if (is_relative_branch(wanted->instruction)) break; /* set_relative() */
    to->imm.u = from->value;
    if (size && size < 8) {
      to->imm.s = as_signed ? sign_extended(from->value, 8 * size) : to->imm.s;
      if (!as_signed) to->imm.u &= (UINT64_C(1) << (8 * size)) - 1;
    }
    break;
  case OPERAND_FAR:
    to->type = ZYDIS_OPERAND_TYPE_POINTER;
    to->ptr.segment = from->selector;
    to->ptr.offset = (ZyanU32)from->value;
    break;
  }
}

static void prepare_branch(const struct encode_request *wanted, ZydisEncoderRequest *request) {
  const struct instruction *instruction = wanted->instruction;
  const struct operand *first = &instruction->operands[0];
  if (instruction->far || (instruction->operand_count && (first->far || first->kind == OPERAND_FAR))) {
    request->branch_type = ZYDIS_BRANCH_TYPE_FAR;
  } else if (instruction->mnemonic == ZYDIS_MNEMONIC_RET) {
    request->branch_type = ZYDIS_BRANCH_TYPE_NEAR;
  }
  const unsigned bits = instruction->operand_bits ? instruction->operand_bits : wanted->bits;
  if (instruction->operand_count && first->kind == OPERAND_FAR) {
    request->branch_width = bits == 16 ? ZYDIS_BRANCH_WIDTH_16 : ZYDIS_BRANCH_WIDTH_32;
  }
  if (!is_relative_branch(instruction)) return;
  if (wanted->form == BRANCH_SHORT) {
    request->branch_type = ZYDIS_BRANCH_TYPE_SHORT;
    request->branch_width = ZYDIS_BRANCH_WIDTH_8;
    return;
  }
  if (instruction->mnemonic != ZYDIS_MNEMONIC_XBEGIN) request->branch_type = ZYDIS_BRANCH_TYPE_NEAR;
  request->branch_width = bits == 16 ? ZYDIS_BRANCH_WIDTH_16 : ZYDIS_BRANCH_WIDTH_32;
}

static void prepare_prefixes(const struct encode_request *wanted, ZydisEncoderRequest *request) {
  const struct instruction *instruction = wanted->instruction;
  const struct operand *memory = memory_of(instruction);
  const unsigned bits = address_bits_of(instruction, wanted->bits);
  request->prefixes = instruction->prefixes;
  for (size_t i = 0; memory && i < sizeof segment_prefixes / sizeof *segment_prefixes; i++) {
    if (memory->segment == segment_prefixes[i].segment) request->prefixes |= segment_prefixes[i].prefix;
  }
  if (memory || instruction->address_bits) {
    request->address_size_hint = bits == 16   ? ZYDIS_ADDRESS_SIZE_HINT_16
                                 : bits == 32 ? ZYDIS_ADDRESS_SIZE_HINT_32
                                              : ZYDIS_ADDRESS_SIZE_HINT_64;
  }
  switch (instruction->operand_bits) {
  case 16: request->operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_16; break;
  case 32: request->operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_32; break;
  case 64: request->operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_64; break;
  default: break;
  }
}

/* MOV of control and debug registers: the processor does not look at ModRM.mod, people expect 11B there. */
static void tidy_modrm(const ZydisEncoderRequest *request, struct encoding *encoding) {
  if (request->mnemonic != ZYDIS_MNEMONIC_MOV) return;
  for (unsigned i = 0; i < request->operand_count; i++) {
    const ZydisRegisterClass kind = ZydisRegisterGetClass(request->operands[i].reg.value);
    if (kind == ZYDIS_REGCLASS_CONTROL || kind == ZYDIS_REGCLASS_DEBUG) encoding->bytes[encoding->size - 1] |= 0xc0;
  }
}

static bool call_encoder(const ZydisEncoderRequest *request, struct encoding *encoding) {
  ZyanUSize size = ZYDIS_MAX_INSTRUCTION_LENGTH;
  encoding->size = 0;
  if (!ZYAN_SUCCESS(ZydisEncoderEncodeInstruction(request, encoding->bytes, &size))) return false;
  encoding->size = (unsigned)size;
  tidy_modrm(request, encoding);
  return true;
}

/* Operands that are relative to the end of the instruction, now that its length is known. */
static bool set_relative(const struct encode_request *wanted, const struct encoding *encoding,
                         ZydisEncoderRequest *request) {
  const struct instruction *instruction = wanted->instruction;
  const uint64_t end = wanted->address + encoding->size;
  bool any = false;
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    const struct operand *operand = &instruction->operands[i];
    const int64_t distance = (int64_t)(operand->value - end);
    if (operand->kind == OPERAND_MEMORY && operand->relative) {
      request->operands[i].mem.displacement = distance;
      any = true;
    } else if (is_relative_branch(instruction)) {
      const bool narrow = request->branch_width == ZYDIS_BRANCH_WIDTH_16 || wanted->bits == 16;
      request->operands[i].imm.s = sign_extended((uint64_t)distance, narrow ? 16 : wanted->bits);
      any = true;
    }
  }
  return any;
}

static bool has_prefix(const struct encoding *encoding, uint8_t prefix) {
  for (unsigned i = 0; i < encoding->size && decode_is_legacy_prefix(encoding->bytes[i]); i++) {
    if (encoding->bytes[i] == prefix) return true;
  }
  return false;
}

static bool put_prefix(struct encoding *encoding, uint8_t prefix) {
  if (has_prefix(encoding, prefix)) return true;
  if (encoding->size == ZYDIS_MAX_INSTRUCTION_LENGTH) return false;
  memmove(encoding->bytes + 1, encoding->bytes, encoding->size++);
  encoding->bytes[0] = prefix;
  return true;
}

/* REX.W of a far return, which the encoder leaves out: it stands right before the opcode. */
static bool put_wide_return(const struct instruction *instruction, struct encoding *encoding) {
  const unsigned opcode_and_immediate = instruction->operand_count ? 3 : 1;
  if (encoding->size == ZYDIS_MAX_INSTRUCTION_LENGTH) return false;
  uint8_t *const opcode = encoding->bytes + encoding->size++ - opcode_and_immediate;
  memmove(opcode + 1, opcode, opcode_and_immediate);
  *opcode = 0x48;
  return true;
}

/* o16 to a64 where the encoder saw no use for them. */
static bool put_asked_prefixes(const struct encode_request *wanted, struct encoding *encoding) {
  const unsigned operand = wanted->instruction->operand_bits, address = wanted->instruction->address_bits;
  const unsigned usual = wanted->bits == 16 ? 16 : 32;
  if (operand == 64 && wanted->instruction->far && !put_wide_return(wanted->instruction, encoding)) return false;
  if (operand && operand != 64 && operand != usual && !put_prefix(encoding, 0x66)) return false;
  return !address || address == wanted->bits || put_prefix(encoding, 0x67);
}

static bool encode_request(const struct encode_request *wanted, ZydisEncoderRequest *request,
                           struct encoding *encoding) {
  if (!call_encoder(request, encoding)) {
    /* Some instructions take no hint, and have the prefix all the same. */
    request->operand_size_hint = ZYDIS_OPERAND_SIZE_HINT_NONE;
    if (!call_encoder(request, encoding)) return false;
  }
  if (!put_asked_prefixes(wanted, encoding)) return false;
  if (set_relative(wanted, encoding, request)) {
    const unsigned size = encoding->size;
    if (!call_encoder(request, encoding) || !put_asked_prefixes(wanted, encoding)) return false;
    if (encoding->size != size) return false;
  }
  return verify(wanted, request, encoding);
}

bool encode(const struct encode_request *wanted, struct encoding *encoding) {
  const struct instruction *instruction = wanted->instruction;
  for (unsigned as_signed = 2; as_signed-- > 0;) {
    ZydisEncoderRequest request;
    memset(&request, 0, sizeof request);
    request.machine_mode = machine_mode(wanted->bits);
    request.mnemonic = instruction->mnemonic;
    request.operand_count = (ZyanU8)instruction->operand_count;
    for (unsigned i = 0; i < instruction->operand_count; i++) {
      prepare_operand(wanted, &instruction->operands[i], as_signed, &request.operands[i]);
    }
    prepare_branch(wanted, &request);
    prepare_prefixes(wanted, &request);
    if (encode_request(wanted, &request, encoding)) return true;
  }
  return false;
}
