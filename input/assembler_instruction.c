/* An instruction: prefixes, mnemonic, operands, and which of its encodings is meant. */
#include "assembler_instruction.h"

#include <stdio.h>
#include <string.h>

#include "vmcs/characters.h"
#include "vmcs/names.h"

/* --- mnemonics --- */

static const struct alias {
  const char *name, *mnemonic;
} aliases[] = {
    {"sal", "shl"},     {"wait", "fwait"}, {"icebp", "int1"},    {"xlatb", "xlat"}, {"movabs", "mov"},
    {"loopz", "loope"}, {"retn", "ret"},   {"loopnz", "loopne"}, {"ud2a", "ud2"},
};

/* Other names of conditions; Zydis has b, nb, z, nz, be, nbe, p, np, l, nl, le, nle. */
static const struct alias conditions[] = {
    {"c", "b"},   {"nae", "b"}, {"nc", "nb"}, {"ae", "nb"}, {"e", "z"},   {"ne", "nz"}, {"na", "be"},
    {"a", "nbe"}, {"pe", "p"},  {"po", "np"}, {"nge", "l"}, {"ge", "nl"}, {"ng", "le"}, {"g", "nle"},
};

/* What the encoder lacks: instructions without operands. SDM 2, "Instruction Set Reference". */
static const struct plain_bytes {
  const char *name;
  uint8_t bytes[4], size;
  bool only_64;
} plain[] = {
    {"wrmsrns", {0x0f, 0x01, 0xc6}, 3, false},        {"rdmsrlist", {0xf2, 0x0f, 0x01, 0xc6}, 4, true},
    {"wrmsrlist", {0xf3, 0x0f, 0x01, 0xc6}, 4, true}, {"pbndkb", {0x0f, 0x01, 0xc7}, 3, true},
    {"erets", {0xf2, 0x0f, 0x01, 0xca}, 4, true},     {"eretu", {0xf3, 0x0f, 0x01, 0xca}, 4, true},
    {"wbnoinvd", {0xf3, 0x0f, 0x09}, 3, false},       {"seamcall", {0x66, 0x0f, 0x01, 0xcf}, 4, true},
};

static const struct plain_bytes *plain_of(const char *word, size_t length) {
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    if (word_is(word, length, plain[i].name)) return &plain[i];
  }
  return NULL;
}

/* Zydis numbers mnemonics in the order of the alphabet. */
static ZydisMnemonic find_mnemonic(const char *name) {
  int low = 1, high = ZYDIS_MNEMONIC_MAX_VALUE;
  while (low <= high) {
    const int middle = (low + high) / 2;
    const int order = strcmp(name, ZydisMnemonicGetString((ZydisMnemonic)middle));
    if (!order) return (ZydisMnemonic)middle;
    if (order < 0)
      high = middle - 1;
    else
      low = middle + 1;
  }
  return ZYDIS_MNEMONIC_INVALID;
}

static ZydisMnemonic find_condition(const char *name) {
  static const char *const stems[] = {"j", "set", "cmov"};
  char full[16];
  for (size_t s = 0; s < sizeof stems / sizeof *stems; s++) {
    const size_t length = strlen(stems[s]);
    if (strncmp(name, stems[s], length) != 0) continue;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
      if (strcmp(name + length, conditions[i].name) != 0) continue;
      snprintf(full, sizeof full, "%s%s", stems[s], conditions[i].mnemonic);
      return find_mnemonic(full);
    }
  }
  return ZYDIS_MNEMONIC_INVALID;
}

/* Names with an operand size in them that Zydis has without. */
static ZydisMnemonic find_quadword(const char *word, size_t length, struct instruction *instruction) {
  const ZydisMnemonic found = word_is(word, length, "sysretq")    ? ZYDIS_MNEMONIC_SYSRET
                              : word_is(word, length, "sysexitq") ? ZYDIS_MNEMONIC_SYSEXIT
                              : word_is(word, length, "retfq")    ? ZYDIS_MNEMONIC_RET
                                                                  : ZYDIS_MNEMONIC_INVALID;
  if (found != ZYDIS_MNEMONIC_INVALID) instruction->operand_bits = 64;
  return found;
}

/* Names that stand for the operand size of the code; Zydis' are those of 16 bits. */
static const struct sized_name {
  const char *name;
  ZydisMnemonic for_16, for_32, for_64;
} sized_names[] = {
    {"iret", ZYDIS_MNEMONIC_IRET, ZYDIS_MNEMONIC_IRETD, ZYDIS_MNEMONIC_IRETD},
    {"pushf", ZYDIS_MNEMONIC_PUSHF, ZYDIS_MNEMONIC_PUSHFD, ZYDIS_MNEMONIC_PUSHFQ},
    {"popf", ZYDIS_MNEMONIC_POPF, ZYDIS_MNEMONIC_POPFD, ZYDIS_MNEMONIC_POPFQ},
    {"pusha", ZYDIS_MNEMONIC_PUSHA, ZYDIS_MNEMONIC_PUSHAD, ZYDIS_MNEMONIC_INVALID},
    {"popa", ZYDIS_MNEMONIC_POPA, ZYDIS_MNEMONIC_POPAD, ZYDIS_MNEMONIC_INVALID},
};

static ZydisMnemonic find_sized(const char *word, size_t length, unsigned bits, struct instruction *instruction) {
  const unsigned used = instruction->operand_bits ? instruction->operand_bits : bits;
  for (size_t i = 0; i < sizeof sized_names / sizeof *sized_names; i++) {
    if (!word_is(word, length, sized_names[i].name)) continue;
    return used == 16 ? sized_names[i].for_16 : used == 32 ? sized_names[i].for_32 : sized_names[i].for_64;
  }
  return ZYDIS_MNEMONIC_INVALID;
}

static ZydisMnemonic mnemonic_of(const char *word, size_t length, unsigned bits, struct instruction *instruction) {
  char name[24];
  instruction->far = word_is(word, length, "retf") || word_is(word, length, "retfq");
  const ZydisMnemonic quadword = find_quadword(word, length, instruction);
  if (quadword != ZYDIS_MNEMONIC_INVALID) return quadword;
  if (instruction->far) return ZYDIS_MNEMONIC_RET;
  const ZydisMnemonic sized = find_sized(word, length, bits, instruction);
  if (sized != ZYDIS_MNEMONIC_INVALID) return sized;
  if (length >= sizeof name) return ZYDIS_MNEMONIC_INVALID;
  for (size_t i = 0; i < length; i++) name[i] = text_fold(word[i]);
  name[length] = 0;
  const ZydisMnemonic found = find_mnemonic(name);
  if (found != ZYDIS_MNEMONIC_INVALID) return found;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
    if (!strcmp(name, aliases[i].name)) return find_mnemonic(aliases[i].mnemonic);
  }
  return find_condition(name);
}

/* Of several that are as near, one that begins alike. */
static bool unknown_mnemonic(struct assembler *as, const char *word, size_t length) {
  struct nearest list, alike;
  nearest_begin(&list, 1);
  nearest_begin(&alike, 1);
  for (int i = 1; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++) {
    const char *name = ZydisMnemonicGetString((ZydisMnemonic)i);
    nearest_offer(*name == text_fold(*word) ? &alike : &list, name, word, length);
  }
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) nearest_offer(&list, plain[i].name, word, length);
  if (alike.count && (!list.count || alike.distance[0] <= list.distance[0])) list = alike;
  return assembler_unknown(as, word, word, length, "an instruction, a label with \":\" or a directive", &list);
}

/* --- prefixes --- */

static const struct prefix_word {
  const char *name;
  ZydisInstructionAttributes attribute;
  unsigned operand_bits, address_bits;
} prefix_words[] = {
    {"lock", ZYDIS_ATTRIB_HAS_LOCK, 0, 0},
    {"rep", ZYDIS_ATTRIB_HAS_REP, 0, 0},
    {"repe", ZYDIS_ATTRIB_HAS_REPE, 0, 0},
    {"repz", ZYDIS_ATTRIB_HAS_REPE, 0, 0},
    {"repne", ZYDIS_ATTRIB_HAS_REPNE, 0, 0},
    {"repnz", ZYDIS_ATTRIB_HAS_REPNE, 0, 0},
    {"cs", ZYDIS_ATTRIB_HAS_SEGMENT_CS, 0, 0},
    {"ss", ZYDIS_ATTRIB_HAS_SEGMENT_SS, 0, 0},
    {"ds", ZYDIS_ATTRIB_HAS_SEGMENT_DS, 0, 0},
    {"es", ZYDIS_ATTRIB_HAS_SEGMENT_ES, 0, 0},
    {"fs", ZYDIS_ATTRIB_HAS_SEGMENT_FS, 0, 0},
    {"gs", ZYDIS_ATTRIB_HAS_SEGMENT_GS, 0, 0},
    {"o16", 0, 16, 0},
    {"o32", 0, 32, 0},
    {"o64", 0, 64, 0},
    {"a16", 0, 0, 16},
    {"a32", 0, 0, 32},
    {"a64", 0, 0, 64},
};

static bool take_prefix(struct assembler *as, struct instruction *instruction) {
  for (size_t i = 0; i < sizeof prefix_words / sizeof *prefix_words; i++) {
    if (!take_word(as, prefix_words[i].name)) continue;
    instruction->prefixes |= prefix_words[i].attribute;
    if (prefix_words[i].operand_bits) instruction->operand_bits = prefix_words[i].operand_bits;
    if (prefix_words[i].address_bits) instruction->address_bits = prefix_words[i].address_bits;
    return true;
  }
  return false;
}

/* --- choice among encodings --- */

static bool no_encoding(struct assembler *as, const struct instruction *instruction) {
  const char *end = as->at;
  while (end > instruction->at && text_is_blank(end[-1])) end--;
  const int shown = end - instruction->at < 80 ? (int)(end - instruction->at) : 80;
  return assembler_fail(as, instruction->at, VMXSIM_ERROR_SYNTAX,
                        "expected operands that %s has in %u-bit code, found '%.*s'",
                        ZydisMnemonicGetString(instruction->mnemonic), as->bits, shown, instruction->at);
}

static unsigned memory_index(const struct instruction *instruction) {
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    if (instruction->operands[i].kind == OPERAND_MEMORY) return i;
  }
  return OPERANDS_MAX;
}

/* The size of the register operand says that of the memory operand; not in shifts, whose CL is a count. */
static unsigned register_hint(const struct instruction *instruction) {
  switch (instruction->mnemonic) {
  case ZYDIS_MNEMONIC_RCL:
  case ZYDIS_MNEMONIC_RCR:
  case ZYDIS_MNEMONIC_ROL:
  case ZYDIS_MNEMONIC_ROR:
  case ZYDIS_MNEMONIC_SAR:
  case ZYDIS_MNEMONIC_SHL:
  case ZYDIS_MNEMONIC_SHR:
  case ZYDIS_MNEMONIC_CRC32: return 0;
  default: break;
  }
  for (unsigned i = 0; i < instruction->operand_count; i++) {
    if (instruction->operands[i].kind == OPERAND_REGISTER && instruction->operands[i].size) {
      return instruction->operands[i].size;
    }
  }
  return 0;
}

/* Stacks, branches and the environment of the x87 FPU have the size of the code. */
static unsigned mode_hint(const struct instruction *instruction, unsigned bits) {
  const unsigned used = instruction->operand_bits ? instruction->operand_bits : bits;
  switch (instruction->mnemonic) {
  case ZYDIS_MNEMONIC_CALL:
  case ZYDIS_MNEMONIC_JMP:
  case ZYDIS_MNEMONIC_PUSH:
  case ZYDIS_MNEMONIC_POP: return used / 8;
  case ZYDIS_MNEMONIC_FLDENV:
  case ZYDIS_MNEMONIC_FNSTENV: return used == 16 ? 14 : 28;
  case ZYDIS_MNEMONIC_FRSTOR:
  case ZYDIS_MNEMONIC_FNSAVE: return used == 16 ? 94 : 108;
  default: return 0;
  }
}

/* A far pointer in memory: selector and offset. "far dword [...]" has an offset of 32 bits. */
static unsigned far_size(const struct operand *operand, const struct instruction *instruction, unsigned bits) {
  const unsigned usual = instruction->operand_bits ? instruction->operand_bits / 8 : bits == 16 ? 2 : 4;
  if (operand->size == 6 || operand->size == 10) return operand->size;
  return 2 + (operand->size ? operand->size : usual);
}

/* Sizes that memory operands without registers beside them have: INVLPG, LGDT, FXSAVE ... */
static const unsigned short sizes[] = {1, 2, 4, 6, 8, 10, 16, 32, 64, 14, 28, 48, 94, 108, 512, 576, 0};

static bool ambiguous(struct assembler *as, const struct instruction *instruction) {
  return assembler_fail(as, instruction->at, VMXSIM_ERROR_SYNTAX,
                        "expected the size of the memory operand (byte, word, dword, qword ...), found none");
}

/* Tries every size; several are fine if they come to the same bytes. */
static bool try_sizes(struct assembler *as, struct encode_request *wanted, struct encoding *encoding) {
  struct encoding other;
  bool found = false;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    wanted->memory_size = sizes[i];
    if (!encode(wanted, &other)) continue;
    if (found && (other.size != encoding->size || memcmp(other.bytes, encoding->bytes, other.size) != 0)) {
      return ambiguous(as, wanted->instruction);
    }
    *encoding = other;
    found = true;
  }
  return found;
}

static bool encode_memory(struct assembler *as, struct encode_request *wanted, struct encoding *encoding) {
  const struct instruction *instruction = wanted->instruction;
  const struct operand *operand = &instruction->operands[memory_index(instruction)];
  const unsigned hint = register_hint(instruction), mode = mode_hint(instruction, as->bits);
  if (operand->far || operand->size) {
    wanted->memory_size = operand->far ? far_size(operand, instruction, as->bits) : operand->size;
    return encode(wanted, encoding);
  }
  wanted->memory_size = hint;
  if (hint && encode(wanted, encoding)) return true;
  wanted->memory_size = mode;
  if (mode && encode(wanted, encoding)) return true;
  return try_sizes(as, wanted, encoding);
}

/* The short form, until a pass found that it does not reach. */
static bool encode_branch(struct assembler *as, struct encode_request *wanted, struct encoding *encoding) {
  const struct instruction *instruction = wanted->instruction;
  if (!assembler_grow(as->arena, &as->near_branch, &as->branch_capacity, as->branch, 1)) return assembler_no_memory(as);
  uint8_t *near = &as->near_branch[as->branch++];
  if (as->pass == 1) *near = false;
  wanted->form = BRANCH_SHORT;
  if (instruction->branch != BRANCH_NEAR && !*near && encode(wanted, encoding)) return true;
  wanted->form = BRANCH_NEAR;
  if (instruction->branch != BRANCH_SHORT && encode(wanted, encoding)) {
    *near = as->pass > 1;
    return true;
  }
  return false;
}

static bool choose_encoding(struct assembler *as, struct instruction *instruction, struct encoding *encoding) {
  struct encode_request wanted = {instruction, as->bits, as->statement, 0, BRANCH_ANY};
  if (is_relative_branch(instruction)) return encode_branch(as, &wanted, encoding);
  if (memory_index(instruction) < OPERANDS_MAX) return encode_memory(as, &wanted, encoding);
  return encode(&wanted, encoding);
}

/* Labels that are not known yet may turn out to be near enough for what is relative to RIP. */
static bool guess_encoding(struct assembler *as, const struct instruction *instruction, struct encoding *encoding) {
  struct instruction guess = *instruction;
  if (as->pass > 1) return false;
  for (unsigned i = 0; i < guess.operand_count; i++) {
    struct operand *operand = &guess.operands[i];
    if (operand->relative || is_relative_branch(instruction)) operand->value = as->statement;
  }
  const size_t branch = as->branch;
  const bool good = choose_encoding(as, &guess, encoding);
  as->branch = branch;
  return good;
}

/* XCHG and TEST are written either way round; REP of CMPS and SCAS is REPE. */
static bool choose_variant(struct assembler *as, struct instruction *instruction, struct encoding *encoding) {
  if (choose_encoding(as, instruction, encoding) || guess_encoding(as, instruction, encoding)) return true;
  if (as->status) return false;
  if (instruction->prefixes & ZYDIS_ATTRIB_HAS_REP) {
    instruction->prefixes ^= ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE;
    return choose_encoding(as, instruction, encoding);
  }
  const bool either = instruction->mnemonic == ZYDIS_MNEMONIC_XCHG || instruction->mnemonic == ZYDIS_MNEMONIC_TEST;
  if (!either || instruction->operand_count != 2) return false;
  const struct operand first = instruction->operands[0];
  instruction->operands[0] = instruction->operands[1];
  instruction->operands[1] = first;
  return choose_encoding(as, instruction, encoding);
}

static bool read_operands(struct assembler *as, struct instruction *instruction) {
  if (instruction->mnemonic == ZYDIS_MNEMONIC_RET && take_word(as, "far")) instruction->far = true;
  if (at_end(as)) return true;
  do {
    if (!read_operand(as, instruction)) return false;
  } while (take(as, ','));
  return at_end(as) || assembler_expected(as, as->at, "\",\" or the end of the line");
}

/* F2 0F 00 /6, of a register alone. */
static bool read_lkgs(struct assembler *as, const char *word) {
  struct instruction instruction = {.at = word};
  if (!read_operands(as, &instruction)) return false;
  const struct operand *operand = &instruction.operands[0];
  if (as->bits != 64 || instruction.operand_count != 1 || operand->kind != OPERAND_REGISTER ||
      ZydisRegisterGetClass(operand->reg) != ZYDIS_REGCLASS_GPR16) {
    return assembler_expected(as, word, "a 16-bit register behind LKGS, in 64-bit code");
  }
  const unsigned number = (unsigned)ZydisRegisterGetId(operand->reg);
  const uint8_t bytes[] = {0xf2, 0x41, 0x0f, 0x00, (uint8_t)(0xf0 | (number & 7))};
  return number < 8 ? emit(as, bytes, 1) && emit(as, bytes + 2, 3) : emit(as, bytes, 5);
}

static bool read_plain(struct assembler *as, const char *word, const struct plain_bytes *found) {
  if (!at_end(as)) return assembler_expected(as, as->at, "no operand");
  if (found->only_64 && as->bits != 64) return assembler_expected(as, word, "64-bit code for this instruction");
  return emit(as, found->bytes, found->size);
}

bool read_instruction(struct assembler *as) {
  struct instruction instruction = {.branch = BRANCH_ANY};
  struct encoding encoding = {.size = 0};
  const char *word;
  while (take_prefix(as, &instruction)) continue;
  const size_t length = word_here(as, &word);
  instruction.at = word;
  instruction.mnemonic_length = length;
  if (!length) return assembler_expected(as, word, "an instruction");
  as->at += length;
  const struct plain_bytes *found = plain_of(word, length);
  if (found) return read_plain(as, word, found);
  if (word_is(word, length, "lkgs")) return read_lkgs(as, word);
  instruction.mnemonic = mnemonic_of(word, length, as->bits, &instruction);
  if (instruction.mnemonic == ZYDIS_MNEMONIC_INVALID) return unknown_mnemonic(as, word, length);
  if (!read_operands(as, &instruction)) return false;
  if (choose_variant(as, &instruction, &encoding)) return emit(as, encoding.bytes, encoding.size);
  return !as->status ? no_encoding(as, &instruction) : false;
}
