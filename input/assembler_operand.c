/* Operands: registers, memory in brackets, immediates, far pointers. */
#include <string.h>

#include "assembler_instruction.h"
#include "vmcs/characters.h"

static const struct size_word {
  const char *name;
  unsigned size;
} size_words[] = {
    {"byte", 1},   {"word", 2},   {"dword", 4},    {"fword", 6},    {"qword", 8},    {"tbyte", 10},
    {"tword", 10}, {"oword", 16}, {"xmmword", 16}, {"ymmword", 32}, {"zmmword", 64},
};

ZydisRegister register_of(const char *word, size_t length) {
  if (word_is(word, length, "st")) return ZYDIS_REGISTER_ST0;
  for (int reg = ZYDIS_REGISTER_NONE + 1; reg <= ZYDIS_REGISTER_MAX_VALUE; reg++) {
    const char *name = ZydisRegisterGetString((ZydisRegister)reg);
    if (name && text_fold(*word) == *name && word_is(word, length, name)) return (ZydisRegister)reg;
  }
  return ZYDIS_REGISTER_NONE;
}

/* Names that stand where a label could. */
bool is_register_name(const char *word, size_t length) {
  return length >= 2 && length <= 5 && register_of(word, length) != ZYDIS_REGISTER_NONE;
}

unsigned register_size(ZydisRegister reg) {
  switch (ZydisRegisterGetClass(reg)) {
  case ZYDIS_REGCLASS_CONTROL:
  case ZYDIS_REGCLASS_DEBUG:
  case ZYDIS_REGCLASS_SEGMENT: return 0; /* they do not say how wide the other operand is */
  default: return ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, reg) / 8;
  }
}

static ZydisRegister take_register(struct assembler *as) {
  const char *word;
  const size_t length = word_here(as, &word);
  const ZydisRegister reg = is_register_name(word, length) ? register_of(word, length) : ZYDIS_REGISTER_NONE;
  if (reg != ZYDIS_REGISTER_NONE) as->at += length;
  return reg;
}

static bool is_segment(ZydisRegister reg) {
  return ZydisRegisterGetClass(reg) == ZYDIS_REGCLASS_SEGMENT;
}

/* "fs:"; nothing is taken if there is none. */
static ZydisRegister take_segment(struct assembler *as) {
  const char *begin = as->at;
  const ZydisRegister reg = take_register(as);
  if (reg != ZYDIS_REGISTER_NONE && is_segment(reg) && take(as, ':')) return reg;
  as->at = begin;
  return ZYDIS_REGISTER_NONE;
}

/* --- memory --- */

/* A register of an address, times `scale` (0: not written). */
static bool add_register(struct assembler *as, const char *at, struct operand *operand, ZydisRegister reg,
                         uint64_t scale) {
  if (scale > 1 && scale != 2 && scale != 4 && scale != 8) return assembler_expected(as, at, "a scale of 1, 2, 4 or 8");
  if (!scale && operand->base == ZYDIS_REGISTER_NONE) {
    operand->base = reg;
  } else if (operand->index == ZYDIS_REGISTER_NONE) {
    operand->index = reg;
    operand->scale = scale ? (uint8_t)scale : 1;
  } else {
    return assembler_expected(as, at, "at most a base and an index register");
  }
  return true;
}

/* register, register * scale, scale * register, or a number. */
static bool read_addend(struct assembler *as, struct operand *operand, bool negative, bool *has_label) {
  struct expression value = {0, false};
  skip_blanks(as);
  const char *at = as->at;
  ZydisRegister reg = take_register(as);
  if (reg != ZYDIS_REGISTER_NONE) {
    if (take(as, '*') && !read_term(as, &value)) return false;
  } else {
    if (!read_term(as, &value)) return false;
    if (take(as, '*')) reg = take_register(as);
  }
  if (reg == ZYDIS_REGISTER_NONE) {
    operand->value += negative ? 0 - value.value : value.value;
    *has_label |= value.has_label;
    return true;
  }
  if (negative) return assembler_expected(as, at, "a number behind \"-\"");
  return add_register(as, at, operand, reg, value.value);
}

/* ESP and RSP cannot be an index. */
static void order_registers(struct operand *operand) {
  const ZydisRegister index = operand->index;
  if (operand->scale != 1 || operand->base == ZYDIS_REGISTER_NONE) return;
  if (index != ZYDIS_REGISTER_ESP && index != ZYDIS_REGISTER_RSP) return;
  operand->index = operand->base;
  operand->base = index;
}

/* What the brackets hold, after "[". */
static bool read_address(struct assembler *as, struct operand *operand) {
  bool has_label = false, negative = false;
  const ZydisRegister segment = take_segment(as);
  if (segment != ZYDIS_REGISTER_NONE) operand->segment = segment;
  const bool rel = take_word(as, "rel"), absolute = !rel && take_word(as, "abs");
  do {
    if (!read_addend(as, operand, negative, &has_label)) return false;
    negative = take(as, '-');
  } while (negative || take(as, '+'));
  if (!take(as, ']')) return assembler_expected(as, as->at, "\"+\", \"-\" or \"]\"");
  order_registers(operand);
  const bool bare = operand->base == ZYDIS_REGISTER_NONE && operand->index == ZYDIS_REGISTER_NONE;
  operand->relative = bare && as->bits == 64 && (rel || (has_label && !absolute));
  if (operand->relative) operand->base = ZYDIS_REGISTER_RIP;
  return !rel || operand->relative || assembler_expected(as, as->at, "`rel` in 64-bit code, with a number alone");
}

/* --- the others --- */

static unsigned take_size(struct assembler *as) {
  for (size_t i = 0; i < sizeof size_words / sizeof *size_words; i++) {
    if (!take_word(as, size_words[i].name)) continue;
    take_word(as, "ptr");
    return size_words[i].size;
  }
  return 0;
}

/* A number, or "selector:offset". */
static bool read_immediate(struct assembler *as, struct operand *operand) {
  struct expression value;
  skip_blanks(as);
  const char *at = as->at;
  if (!read_expression(as, &value)) return false;
  operand->kind = OPERAND_IMMEDIATE;
  operand->value = value.value;
  if (!take(as, ':')) return true;
  if (value.value > UINT16_MAX) return assembler_expected(as, at, "a selector of 16 bits");
  operand->kind = OPERAND_FAR;
  operand->selector = (uint16_t)value.value;
  if (!read_expression(as, &value)) return false;
  operand->value = value.value;
  return true;
}

static bool read_memory(struct assembler *as, struct operand *operand) {
  operand->kind = OPERAND_MEMORY;
  return read_address(as, operand);
}

static void read_form(struct assembler *as, struct instruction *instruction, struct operand *operand) {
  if (take_word(as, "short")) instruction->branch = BRANCH_SHORT;
  if (take_word(as, "near")) instruction->branch = BRANCH_NEAR;
  if (take_word(as, "far")) operand->far = true;
}

bool read_operand(struct assembler *as, struct instruction *instruction) {
  if (instruction->operand_count == OPERANDS_MAX) return assembler_expected(as, as->at, "at most four operands");
  struct operand *operand = &instruction->operands[instruction->operand_count++];
  *operand = (struct operand){.kind = OPERAND_REGISTER};
  read_form(as, instruction, operand);
  operand->size = take_size(as);
  read_form(as, instruction, operand);
  operand->segment = take_segment(as);
  if (take(as, '[')) return read_memory(as, operand);
  if (operand->segment != ZYDIS_REGISTER_NONE) return assembler_expected(as, as->at, "\"[\"");
  operand->reg = take_register(as);
  if (operand->reg == ZYDIS_REGISTER_NONE) return read_immediate(as, operand);
  if (operand->size && operand->size != register_size(operand->reg)) {
    return assembler_expected(as, as->at - 1, "a size that is the register's");
  }
  operand->size = register_size(operand->reg);
  return true;
}
