/* Where Zydis 4.0.0 knows less than our processors, and where it knows more.
 *
 * Less: ERETS, ERETU, LKGS, WRMSRNS, RDMSRLIST, WRMSRLIST, PBNDKB. All are in 0F 00 and 0F 01, told apart by ModRM and
 * by the last of the prefixes F2 and F3. (WBNOINVD is one prefix away from WBINVD: decode.c.) More: EVEX, XOP, 3DNow!
 * and PadLock, whose first bytes are #UD here whatever follows them. Both are looked at only where Zydis finds no
 * instruction of ours. */
#include "decode/decoder_internal.h"

#include "vmxsim/state.h"

/* --- less -------------------------------------------------------------------------------------------------------- */

struct missing {
  uint8_t opcode, modrm; /* after 0F */
  uint8_t repeat;        /* IR_REP, IR_REPNE or neither */
  bool only_in_64_bit;   /* #UD in every other mode */
  uint16_t name;
  uint8_t feature;
};

static const struct missing table[] = {
    {0x01, 0xc6, 0, false, IR_WRMSRNS, DECODE_FEATURE_WRMSRNS},
    {0x01, 0xc6, IR_REPNE, true, IR_RDMSRLIST, DECODE_FEATURE_MSRLIST},
    {0x01, 0xc6, IR_REP, true, IR_WRMSRLIST, DECODE_FEATURE_MSRLIST},
    {0x01, 0xc7, 0, true, IR_PBNDKB, DECODE_FEATURE_PBNDKB},
    {0x01, 0xca, IR_REPNE, true, IR_ERETS, DECODE_FEATURE_FRED},
    {0x01, 0xca, IR_REP, true, IR_ERETU, DECODE_FEATURE_FRED},
};

/* Bytes as far as they go. */
struct reader {
  const uint8_t *bytes;
  size_t available, at;
};

static bool next(struct reader *reader, uint8_t *byte) {
  if (reader->at == reader->available || reader->at == IR_LENGTH_MAX) return false;
  *byte = reader->bytes[reader->at++];
  return true;
}

/* Prefixes, REX among them, and the byte after. A REX that is not the last of them is void. */
static bool read_prefixes(struct reader *reader, decode_mode mode, struct prefixes *prefixes, uint8_t *rex,
                          uint8_t *byte) {
  *rex = 0;
  while (next(reader, byte)) {
    const bool is_rex = (mode & DECODE_CODE_64) && (*byte & 0xf0) == 0x40;
    if (!is_rex && !prefixes_add(prefixes, mode, *byte)) return true;
    *rex = is_rex ? *byte : 0;
  }
  return false;
}

static const struct missing *find(const struct decoder *decoder, decode_mode mode, uint8_t opcode, uint8_t modrm,
                                  uint8_t repeat) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct missing *entry = &table[i];
    if (entry->opcode != opcode || entry->modrm != modrm || entry->repeat != repeat) continue;
    if (entry->only_in_64_bit && !(mode & DECODE_CODE_64)) return NULL;
    return has_feature(decoder, entry->feature) ? entry : NULL;
  }
  return NULL;
}

static uint8_t effective_size(decode_mode mode, const struct prefixes *prefixes, uint8_t rex) {
  if (rex & 8) return 8;
  const bool is_16 = !(mode & (DECODE_CODE_64 | DECODE_CODE_32));
  return is_16 == !(prefixes->bits & IR_OPERAND_SIZE) ? 2 : 4;
}

static void start(decode_mode mode, const struct prefixes *prefixes, uint8_t rex, struct ir_op *op) {
  const bool is_16 = !(mode & (DECODE_CODE_64 | DECODE_CODE_32));
  const bool override = prefixes->bits & IR_ADDRESS_SIZE;
  *op = (struct ir_op){.memory = {0, IR_NO_REGISTER, IR_NO_REGISTER, 1, VMXSIM_DS, false}};
  op->prefixes = (uint8_t)(prefixes->bits | (rex & 8 ? IR_REX_W : 0));
  op->operand_size = effective_size(mode, prefixes, rex);
  op->address_size = mode & DECODE_CODE_64 ? (override ? 4 : 8) : (is_16 == !override ? 2 : 4);
}

/* LKGS r/m16, F2 0F 00 /6, the only one with an operand, has it where LLDT, 0F 00 /2, has its: so it is decoded as
 * that. */
static enum decode_result decode_lkgs(const struct decoder *decoder, decode_mode mode, const struct reader *code,
                                      struct ir_op *op) {
  enum { REG = 7 << 3, LLDT_REG = 2 << 3 };
  uint8_t bytes[IR_LENGTH_MAX];
  const size_t count = code->available < IR_LENGTH_MAX ? code->available : IR_LENGTH_MAX;
  for (size_t i = 0; i < count; i++) bytes[i] = code->bytes[i];
  bytes[code->at - 1] = (uint8_t)((bytes[code->at - 1] & ~REG) | LLDT_REG);
  const enum decode_result result = decode_instruction(decoder, mode, bytes, count, op);
  if (result == DECODE_OK && op->opcode == IR_LLDT) op->opcode = IR_LKGS;
  return result;
}

bool decode_missing(const struct decoder *decoder, decode_mode mode, const uint8_t *bytes, size_t available,
                    struct ir_op *op, enum decode_result *result) {
  enum { LKGS_REG = 6 };
  struct reader reader = {bytes, available, 0};
  struct prefixes prefixes = {0, IR_NO_REGISTER, false};
  uint8_t rex, escape, opcode, modrm;
  if (!read_prefixes(&reader, mode, &prefixes, &rex, &escape) || escape != 0x0f) return false;
  if (!next(&reader, &opcode) || !next(&reader, &modrm) || (prefixes.bits & IR_LOCK)) return false;
  const uint8_t repeat = prefixes.bits & (IR_REP | IR_REPNE);
  if (opcode == 0 && (modrm >> 3 & 7) == LKGS_REG && repeat == IR_REPNE && (mode & DECODE_CODE_64)) {
    if (!has_feature(decoder, DECODE_FEATURE_LKGS)) return false;
    *result = decode_lkgs(decoder, mode, &reader, op);
    return true;
  }
  const struct missing *entry = find(decoder, mode, opcode, modrm, repeat);
  if (!entry) return false;
  start(mode, &prefixes, rex, op);
  op->opcode = entry->name;
  op->length = (uint8_t)reader.at;
  *result = DECODE_OK;
  return true;
}

/* --- more -------------------------------------------------------------------------------------------------------- */

/* Length of the opcode with the ModRM byte if that has what makes it undefined, else 0. */
static size_t undefined_modrm(struct reader reader, unsigned mask, unsigned value, bool if_equal) {
  uint8_t modrm;
  if (!next(&reader, &modrm)) return 0;
  return ((modrm & mask) == value) == if_equal ? reader.at : 0;
}

static size_t undefined_in_map_0f(struct reader reader) {
  uint8_t opcode;
  if (!next(&reader, &opcode)) return 0;
  const bool is_undefined = opcode == 0x0f || opcode == 0xa6 || opcode == 0xa7; /* 3DNow!, PadLock */
  return is_undefined ? reader.at : 0;
}

size_t undefined_length(decode_mode mode, const uint8_t *bytes, size_t available) {
  enum { MOD = 0xc0, REG = 0x38 };
  struct reader reader = {bytes, available, 0};
  struct prefixes prefixes = {0, IR_NO_REGISTER, false};
  uint8_t rex, opcode;
  if (!read_prefixes(&reader, mode, &prefixes, &rex, &opcode)) return 0;
  switch (opcode) {
  case 0x0f: return undefined_in_map_0f(reader);
  case 0x62: return mode & DECODE_CODE_64 ? reader.at : undefined_modrm(reader, MOD, MOD, true); /* EVEX, not BOUND */
  case 0x8f: return undefined_modrm(reader, REG, 0, false);                                      /* XOP, not POP */
  case 0xc4:
  case 0xc5: return mode & DECODE_PROTECTED ? 0 : undefined_modrm(reader, MOD, MOD, true); /* VEX, not LES, LDS */
  default: return 0;
  }
}
