/* Expressions: numbers of all bases, characters, labels, $ and $$, with C's operators and their precedence.
 *
 * A label that is not defined yet is 0 in the first pass; in later ones it is an error.
 */
#include <string.h>

#include "assembler.h"
#include "scalar.h"
#include "vmcs/characters.h"
#include "vmcs/names.h"

enum { DEPTH_MAX = 64 };

static bool read_binary(struct assembler *as, unsigned level, unsigned depth, bool in_sum, struct expression *result);

static bool unknown_label(struct assembler *as, const char *at, const char *name, size_t length) {
  struct nearest list;
  nearest_begin(&list, 2);
  for (const struct symbol *symbol = as->symbols->first; symbol; symbol = symbol->next) {
    nearest_offer(&list, symbol->label.name, name, length);
  }
  return assembler_unknown(as, at, name, length, "a label or a number", &list);
}

bool read_label_name(struct assembler *as, const char **name, size_t *length) {
  *length = word_here(as, name);
  if (!*length) return assembler_expected(as, as->at, "a name");
  as->at += *length;
  if (**name != '.') return true;
  char *full = arena_allocate(as->arena, as->owner_length + *length);
  if (!full) return assembler_no_memory(as);
  if (as->owner_length) memcpy(full, as->owner, as->owner_length);
  memcpy(full + as->owner_length, *name, *length);
  *name = full;
  *length += as->owner_length;
  return true;
}

static bool read_label(struct assembler *as, struct expression *result) {
  const char *at = as->at, *name;
  size_t length;
  if (!read_label_name(as, &name, &length)) return false;
  const struct symbol *symbol = symbols_find(as->symbols, name, length);
  *result = (struct expression){symbol ? symbol->label.value : 0, !symbol || !symbol->label.constant};
  return symbol || as->pass == 1 || unknown_label(as, at, name, length);
}

/* Whether digits begin with 0x, 0o or 0b (0bh and 0b1h are hexadecimal). */
static bool has_base_prefix(const char *word, size_t length) {
  if (length < 3 || word[0] != '0') return false;
  const char base = text_fold(word[1]);
  return base == 'x' || base == 'o' || (base == 'b' && text_fold(word[length - 1]) != 'h');
}

/* 10, 0x10, 10h, 0b1010, 1010b, 0o17, with '_' between digits. */
static bool read_number(struct assembler *as, struct expression *result) {
  const char *word;
  const size_t length = word_here(as, &word);
  char digits[80] = "0";
  if (length + 2 >= sizeof digits) return assembler_expected(as, word, "a number");
  size_t count = length;
  const char last = text_fold(word[length - 1]);
  if (!has_base_prefix(word, length) && (last == 'h' || last == 'b')) {
    digits[1] = last == 'h' ? 'x' : 'b';
    memcpy(digits + 2, word, length - 1);
    count = length + 1;
  } else {
    memcpy(digits, word, length);
  }
  *result = (struct expression){0, false};
  switch (scalar_number(digits, count, 64, &result->value)) {
  case SCALAR_NUMBER: break;
  case SCALAR_TOO_WIDE: return assembler_expected(as, word, "a number of at most 64 bits");
  case SCALAR_MALFORMED:
  case SCALAR_NAME: return assembler_expected(as, word, "a number");
  }
  as->at += length;
  return true;
}

/* 'a' to 'abcdefgh', the first character lowest. */
static bool read_characters(struct assembler *as, struct expression *result) {
  const char *begin = as->at, quote = *as->at++;
  unsigned count = 0;
  *result = (struct expression){0, false};
  while (as->at < as->line_end && *as->at != quote && count < 8) {
    result->value |= (uint64_t)(unsigned char)*as->at++ << (8 * count++);
  }
  if (count && as->at < as->line_end && *as->at == quote) {
    as->at++;
    return true;
  }
  return assembler_expected(as, begin, "one to eight characters in quotes");
}

static bool read_primary(struct assembler *as, unsigned depth, bool in_sum, struct expression *result) {
  if (depth > DEPTH_MAX) return assembler_expected(as, as->at, "less nesting");
  skip_blanks(as);
  const char *word, *at = as->at;
  if (take(as, '(')) {
    if (!read_binary(as, 0, depth + 1, false, result)) return false;
    return take(as, ')') || assembler_expected(as, as->at, "\")\"");
  }
  if (take(as, '-') || take(as, '~') || take(as, '+')) {
    if (!read_primary(as, depth + 1, in_sum, result)) return false;
    if (*at == '-') result->value = 0 - result->value;
    if (*at == '~') result->value = ~result->value;
    return true;
  }
  if (at < as->line_end && (*at == '\'' || *at == '"')) return read_characters(as, result);
  const size_t length = word_here(as, &word);
  if (!length) return assembler_expected(as, at, "a number, a label or \"(\"");
  if (text_is_decimal(*word)) return read_number(as, result);
  if (word[0] == '$' && (length == 1 || (length == 2 && word[1] == '$'))) {
    as->at += length;
    *result = (struct expression){length == 1 ? as->statement : as->section, true};
    return true;
  }
  if (is_register_name(word, length)) return assembler_expected(as, at, "a number or a label");
  return read_label(as, result);
}

/* Levels of precedence, lowest first. */
static const char *const levels[][4] = {{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}};
enum { LEVELS = sizeof levels / sizeof *levels, LEVEL_PRODUCT = LEVELS - 1 };

static const char *take_operator(struct assembler *as, unsigned level) {
  skip_blanks(as);
  for (unsigned i = 0; i < 4 && levels[level][i]; i++) {
    const size_t length = strlen(levels[level][i]);
    if ((size_t)(as->line_end - as->at) < length || memcmp(as->at, levels[level][i], length) != 0) continue;
    if (as->at[0] == '/' && as->at + 1 < as->line_end && as->at[1] == '/') return NULL; /* a comment */
    as->at += length;
    return levels[level][i];
  }
  return NULL;
}

static bool apply(struct assembler *as, const char *at, char op, struct expression *left,
                  const struct expression *right) {
  left->has_label |= right->has_label;
  const uint64_t a = left->value, b = right->value;
  if ((op == '/' || op == '%') && !b) {
    /* A label that comes later is still 0. */
    if (as->pass > 1 || !right->has_label) return assembler_expected(as, at, "a divisor that is not 0");
    return true;
  }
  switch (op) {
  case '|': left->value = a | b; break;
  case '^': left->value = a ^ b; break;
  case '&': left->value = a & b; break;
  case '<': left->value = b < 64 ? a << b : 0; break;
  case '>': left->value = b < 64 ? a >> b : 0; break;
  case '+': left->value = a + b; break;
  case '-': left->value = a - b; break;
  case '*': left->value = a * b; break;
  case '/': left->value = a / b; break;
  default: left->value = a % b; break;
  }
  return true;
}

static bool register_follows(struct assembler *as) {
  const char *word;
  const size_t length = word_here(as, &word);
  return length && is_register_name(word, length);
}

static bool read_binary(struct assembler *as, unsigned level, unsigned depth, bool in_sum, struct expression *result) {
  if (level == LEVELS) return read_primary(as, depth, in_sum, result);
  if (!read_binary(as, level + 1, depth, in_sum, result)) return false;
  for (;;) {
    const char *before = as->at;
    const char *op = take_operator(as, level);
    if (!op) return true;
    if (in_sum && *op == '*' && register_follows(as)) {
      as->at = before;
      return true;
    }
    struct expression right;
    skip_blanks(as);
    const char *at = as->at;
    if (!read_binary(as, level + 1, depth, in_sum, &right) || !apply(as, at, *op, result, &right)) return false;
  }
}

bool read_expression(struct assembler *as, struct expression *result) {
  return read_binary(as, 0, 0, false, result);
}

bool read_term(struct assembler *as, struct expression *result) {
  return read_binary(as, LEVEL_PRODUCT, 0, true, result);
}

bool assembler_evaluate(struct symbol_table *symbols, const char *text, size_t length, uint64_t *value,
                        struct vmxsim_diagnostic *diagnostic) {
  struct assembler as = {.arena = symbols->arena, .diagnostic = diagnostic, .symbols = symbols, .pass = 2, .bits = 64};
  struct expression result;
  as.at = as.line_begin = text;
  as.line_end = text + length;
  as.line = 1;
  if (!read_expression(&as, &result)) return false;
  if (!at_end(&as)) return assembler_expected(&as, as.at, "the end of the expression");
  *value = result.value;
  return true;
}
