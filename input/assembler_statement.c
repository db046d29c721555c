/* A line: labels, directives, data; everything else is an instruction. */
#include <string.h>

#include "assembler.h"
#include "vmcs/names.h"

enum { TIMES_DEPTH_MAX = 8 };

static bool duplicate(struct assembler *as, const char *at, const struct symbol *symbol) {
  if (!symbol->label.line) {
    return assembler_fail(as, at, VMXSIM_ERROR_SYNTAX, "expected a new name, found '%s', which is predefined",
                          symbol->label.name);
  }
  return assembler_fail(as, at, VMXSIM_ERROR_SYNTAX, "expected a new name, found '%s', which is at line %u already",
                        symbol->label.name, symbol->label.line);
}

static bool define(struct assembler *as, const char *at, const char *name, size_t length, uint64_t value,
                   bool constant) {
  struct symbol *symbol = symbols_find(as->symbols, name, length);
  if (symbol && (!symbol->pass || symbol->pass == as->pass)) return duplicate(as, at, symbol);
  if (!symbol) symbol = symbols_add(as->symbols, name, length, value);
  if (!symbol) return assembler_no_memory(as);
  if (symbol->label.value != value) as->moved = true;
  symbol->pass = as->pass;
  symbol->label.value = value;
  symbol->label.line = as->line;
  symbol->label.constant = constant;
  return true;
}

/* "name:", once or several times. */
static bool read_labels(struct assembler *as) {
  for (;;) {
    const char *word, *name, *at;
    size_t length = word_here(as, &word);
    if (!length || word + length == as->line_end || word[length] != ':' || is_register_name(word, length)) return true;
    at = as->at;
    if (!read_label_name(as, &name, &length)) return false;
    if (*name >= '0' && *name <= '9') return assembler_expected(as, at, "a name that does not begin with a digit");
    as->at++;
    if (!define(as, at, name, length, address_here(as), false)) return false;
    if (*at == '.') continue;
    as->owner = name;
    as->owner_length = length;
  }
}

/* --- data --- */

/* `negative` values down to -2^(bits-1) fit too. */
static bool fits(uint64_t value, unsigned size) {
  if (size >= 8) return true;
  return value >> (8 * size) == 0 || (value | UINT64_MAX >> (65 - 8 * size)) == UINT64_MAX;
}

static bool emit_value(struct assembler *as, const char *at, uint64_t value, unsigned size) {
  uint8_t bytes[8];
  if (!fits(value, size) && as->pass > 1) {
    return assembler_fail(as, at, VMXSIM_ERROR_SYNTAX, "expected a value of %u bits, found 0x%llx", 8 * size,
                          (unsigned long long)value);
  }
  for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  return emit(as, bytes, size);
}

/* A string, padded with zeros to the size of an item. */
static bool emit_string(struct assembler *as, unsigned size) {
  static const uint8_t zeros[8];
  const char quote = *as->at++, *begin = as->at;
  while (as->at < as->line_end && *as->at != quote) as->at++;
  if (as->at == as->line_end) return assembler_expected(as, as->at, "the end of the string");
  const size_t length = (size_t)(as->at++ - begin);
  return emit(as, begin, length) && emit(as, zeros, (size - length % size) % size);
}

/* A quote begins a string, unless it is a character in an expression. */
static bool is_string(const struct assembler *as) {
  const char *at = as->at;
  if (at == as->line_end || (*at != '\'' && *at != '"')) return false;
  const char *end = memchr(at + 1, *at, (size_t)(as->line_end - at - 1));
  if (!end) return true;
  for (end++; end < as->line_end && (*end == ' ' || *end == '\t' || *end == '\r'); end++) continue;
  return end == as->line_end || strchr(",;#/", *end);
}

static bool read_data(struct assembler *as, unsigned size) {
  do {
    skip_blanks(as);
    const char *at = as->at;
    struct expression value;
    if (is_string(as)) {
      if (!emit_string(as, size)) return false;
    } else if (!read_expression(as, &value) || !emit_value(as, at, value.value, size)) {
      return false;
    }
  } while (take(as, ','));
  return true;
}

/* --- directives --- */

static bool fill(struct assembler *as, uint64_t count, uint8_t value) {
  uint8_t bytes[256];
  memset(bytes, value, sizeof bytes);
  if (count > ASSEMBLER_CODE_MAX) {
    return as->pass == 1 || assembler_fail(as, as->line_begin, VMXSIM_ERROR_LIMIT, "expected at most 16 MiB of code");
  }
  for (; count > sizeof bytes; count -= sizeof bytes) {
    if (!emit(as, bytes, sizeof bytes)) return false;
  }
  return emit(as, bytes, (size_t)count);
}

/* ", value" behind a count. */
static bool read_filling(struct assembler *as, uint8_t *value) {
  struct expression given;
  if (!take(as, ',')) return true;
  const char *at = as->at;
  if (!read_expression(as, &given)) return false;
  if (!fits(given.value, 1)) return assembler_expected(as, at, "a value of 8 bits");
  *value = (uint8_t)given.value;
  return true;
}

static bool read_fill(struct assembler *as) {
  struct expression count;
  uint8_t value = 0;
  return read_expression(as, &count) && read_filling(as, &value) && fill(as, count.value, value);
}

/* Up to a multiple, with NOPs unless a value is given. */
static bool read_align(struct assembler *as) {
  struct expression to;
  uint8_t value = 0x90;
  skip_blanks(as);
  const char *at = as->at;
  if (!read_expression(as, &to) || !read_filling(as, &value)) return false;
  if (!to.value || (to.value & (to.value - 1))) return assembler_expected(as, at, "a power of two");
  return fill(as, (0 - address_here(as)) & (to.value - 1), value);
}

static bool read_org(struct assembler *as) {
  struct expression address;
  return read_expression(as, &address) && begin_piece(as, address.value);
}

static bool read_bits(struct assembler *as) {
  struct expression bits;
  skip_blanks(as);
  const char *at = as->at;
  if (!read_expression(as, &bits)) return false;
  if (bits.value != 16 && bits.value != 32 && bits.value != 64) return assembler_expected(as, at, "16, 32 or 64");
  as->bits = (unsigned)bits.value;
  return true;
}

static bool read_db(struct assembler *as) {
  return read_data(as, 1);
}
static bool read_dw(struct assembler *as) {
  return read_data(as, 2);
}
static bool read_dd(struct assembler *as) {
  return read_data(as, 4);
}
static bool read_dq(struct assembler *as) {
  return read_data(as, 8);
}

static const struct directive {
  const char *name;
  bool (*read)(struct assembler *as);
} directives[] = {
    {"db", read_db},     {"dw", read_dw},       {"dd", read_dd},   {"dq", read_dq},     {"fill", read_fill},
    {"resb", read_fill}, {"align", read_align}, {"org", read_org}, {"bits", read_bits},
};

static const struct directive *directive_of(const char *word, size_t length) {
  for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
    if (word_is(word, length, directives[i].name)) return &directives[i];
  }
  return NULL;
}

/* --- lines --- */

static bool read_operation(struct assembler *as, unsigned depth);

static bool read_times(struct assembler *as, unsigned depth) {
  struct expression count;
  skip_blanks(as);
  const char *count_at = as->at;
  if (depth == TIMES_DEPTH_MAX) return assembler_expected(as, as->at, "less nesting of `times`");
  if (!read_expression(as, &count)) return false;
  const char *at = as->at;
  if (count.value > ASSEMBLER_TIMES_MAX) {
    if (as->pass > 1) return assembler_expected(as, count_at, "a count of at most 65536 (`fill` makes more)");
    count.value = 0;
  }
  const size_t before = as->code_size;
  for (uint64_t i = 0; i < count.value; i++) {
    as->at = at;
    as->statement = address_here(as);
    if (as->repeated++ > ASSEMBLER_TIMES_MAX)
      return assembler_expected(as, count_at, "at most 65536 repetitions in all");
    if (!read_operation(as, depth + 1)) return false;
    if (as->code_size == before) break; /* nothing comes of it, however often */
  }
  if (!count.value || as->code_size == before) as->at = as->line_end;
  return true;
}

/* "name equ expression" */
static bool is_equ(struct assembler *as) {
  const char *word, *begin = as->at;
  as->at += word_here(as, &word);
  const bool is = take_word(as, "equ");
  as->at = begin;
  return is;
}

static bool read_equ(struct assembler *as) {
  const char *name, *at = as->at;
  size_t length;
  struct expression value;
  if (!read_label_name(as, &name, &length)) return false;
  if (is_register_name(name, length)) return assembler_expected(as, at, "a name that no register has");
  if (!take_word(as, "equ") || !read_expression(as, &value)) return false;
  return define(as, at, name, length, value.value, !value.has_label);
}

static bool read_operation(struct assembler *as, unsigned depth) {
  const char *word;
  if (at_end(as)) return true;
  const size_t length = word_here(as, &word);
  if (!length) return assembler_expected(as, as->at, "an instruction, a label or a directive");
  const struct directive *directive = directive_of(word, length);
  if (directive) {
    as->at += length;
    return directive->read(as);
  }
  if (take_word(as, "times")) return read_times(as, depth);
  return is_equ(as) ? read_equ(as) : read_instruction(as);
}

bool read_statement(struct assembler *as) {
  as->statement = address_here(as);
  if (!read_labels(as) || !read_operation(as, 0)) return false;
  return at_end(as) || assembler_expected(as, as->at, "the end of the line");
}
