/* Passes over the text until no label moves any more, and what all parts of the assembler use. */
#include "assembler.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text_lines.h"
#include "vmcs/names.h"

enum { SHOWN_MAX = 40 };

/* --- errors --- */

static unsigned column_of(const struct assembler *as, const char *at) {
  return (unsigned)(at - as->line_begin) + 1 + as->column_offset;
}

bool assembler_fail(struct assembler *as, const char *at, vmxsim_status status, const char *format, ...) {
  char text[300];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  as->status = diagnose(as->diagnostic, status, as->line, column_of(as, at), "%s", text);
  return false;
}

/* A word, or a character, or the end of the line. */
static void found(const struct assembler *as, const char *at, size_t length, char text[SHOWN_MAX + 4]) {
  while (at < as->line_end && !length && text_is_blank(*at)) at++;
  while (!length && at + length < as->line_end && is_word_character(at[length])) length++;
  if (!length && at < as->line_end) length = 1;
  if (length > SHOWN_MAX) length = SHOWN_MAX;
  if (!length) {
    strcpy(text, "the end of the line");
    return;
  }
  text[0] = '\'';
  for (size_t i = 0; i < length; i++) text[i + 1] = (unsigned char)at[i] < ' ' ? '?' : at[i];
  strcpy(text + 1 + length, "'");
}

bool assembler_expected(struct assembler *as, const char *at, const char *what) {
  char text[SHOWN_MAX + 4];
  found(as, at, 0, text);
  return assembler_fail(as, at, VMXSIM_ERROR_SYNTAX, "expected %s, found %s", what, text);
}

bool assembler_unknown(struct assembler *as, const char *at, const char *name, size_t length, const char *what,
                       const struct nearest *list) {
  char text[SHOWN_MAX + 4];
  const char *near = NULL;
  found(as, name, length, text);
  if (!nearest_end(list, &near, 1)) {
    return assembler_fail(as, at, VMXSIM_ERROR_UNKNOWN_NAME, "expected %s, found %s", what, text);
  }
  return assembler_fail(as, at, VMXSIM_ERROR_UNKNOWN_NAME, "expected %s, found %s; did you mean '%s'?", what, text,
                        near);
}

bool assembler_no_memory(struct assembler *as) {
  as->status = diagnose_no_memory(as->diagnostic);
  return false;
}

/* --- characters and words --- */

bool is_word_character(char c) {
  return text_is_letter(c) || text_is_decimal(c) || (c && strchr("_.$@?", c)) || (unsigned char)c >= 0x80;
}

void skip_blanks(struct assembler *as) {
  while (as->at < as->line_end && (text_is_blank(*as->at) || *as->at == '\r')) as->at++;
}

bool at_end(struct assembler *as) {
  skip_blanks(as);
  if (as->at == as->line_end || *as->at == ';' || *as->at == '#') return true;
  return as->at + 1 < as->line_end && as->at[0] == '/' && as->at[1] == '/';
}

bool take(struct assembler *as, char c) {
  skip_blanks(as);
  if (as->at == as->line_end || *as->at != c) return false;
  as->at++;
  return true;
}

size_t word_here(struct assembler *as, const char **word) {
  skip_blanks(as);
  size_t length = 0;
  while (as->at + length < as->line_end && is_word_character(as->at[length])) length++;
  *word = as->at;
  return length;
}

bool word_is(const char *word, size_t length, const char *name) {
  return text_equal_folded(word, length, name);
}

bool take_word(struct assembler *as, const char *name) {
  const char *word;
  const size_t length = word_here(as, &word);
  if (!length || !word_is(word, length, name)) return false;
  as->at += length;
  return true;
}

/* --- output --- */

bool assembler_grow(struct arena *arena, void *array, size_t *capacity, size_t count, size_t size) {
  if (count < *capacity) return true;
  const size_t larger = *capacity ? 2 * *capacity : 64;
  void *old, *grown = arena_allocate_array(arena, larger, size);
  if (!grown) return false;
  memcpy(&old, array, sizeof old);
  if (count) memcpy(grown, old, count * size);
  memcpy(array, &grown, sizeof grown);
  *capacity = larger;
  return true;
}

uint64_t address_here(const struct assembler *as) {
  const struct piece *piece = &as->pieces[as->piece_count - 1];
  return piece->address + piece->size;
}

bool begin_piece(struct assembler *as, uint64_t address) {
  if (as->piece_count && !as->pieces[as->piece_count - 1].size) as->piece_count--; /* nothing in it yet */
  if (!assembler_grow(as->arena, &as->pieces, &as->piece_capacity, as->piece_count, sizeof *as->pieces)) {
    return assembler_no_memory(as);
  }
  as->pieces[as->piece_count++] = (struct piece){address, as->code_size, 0, as->line};
  as->section = address;
  return true;
}

bool emit(struct assembler *as, const void *bytes, size_t size) {
  if (size > ASSEMBLER_CODE_MAX - as->code_size) {
    return assembler_fail(as, as->line_begin, VMXSIM_ERROR_LIMIT, "expected at most 16 MiB of code");
  }
  while (as->code_capacity - as->code_size < size) {
    if (!assembler_grow(as->arena, &as->code, &as->code_capacity, as->code_capacity, 1)) {
      return assembler_no_memory(as);
    }
  }
  if (size) memcpy(as->code + as->code_size, bytes, size);
  as->code_size += size;
  as->pieces[as->piece_count - 1].size += size;
  return true;
}

/* --- passes --- */

static bool run_pass(struct assembler *as, const char *text, size_t length,
                     const struct vmxsim_assembler_options *options) {
  const char *end = text + length;
  as->pass++;
  as->moved = false;
  as->repeated = 0;
  as->bits = options->bits;
  as->code_size = as->piece_count = as->branch = as->owner_length = 0;
  as->line = options->first_line ? options->first_line : 1;
  as->column_offset = options->first_column ? options->first_column - 1 : 0;
  if (!begin_piece(as, options->origin)) return false;
  for (as->line_begin = text; as->line_begin < end; as->line_begin = as->line_end + 1, as->line++) {
    const char *newline = memchr(as->line_begin, '\n', (size_t)(end - as->line_begin));
    as->at = as->line_begin;
    as->line_end = newline ? newline : end;
    if (!read_statement(as)) return false;
  }
  return true;
}

static bool check_overlap(struct assembler *as) {
  for (size_t i = 0; i < as->piece_count; i++) {
    for (size_t k = 0; k < i; k++) {
      const struct piece *a = &as->pieces[i], *b = &as->pieces[k];
      if (a->address - b->address >= b->size && b->address - a->address >= a->size) continue;
      as->status = diagnose(as->diagnostic, VMXSIM_ERROR_SYNTAX, a->line, 1,
                            "expected pieces of code that do not overlap, found code at 0x%llx and at 0x%llx",
                            (unsigned long long)b->address, (unsigned long long)a->address);
      return false;
    }
  }
  return true;
}

static bool run_passes(struct assembler *as, const char *text, size_t length,
                       const struct vmxsim_assembler_options *options) {
  do {
    if (as->pass == ASSEMBLER_PASSES_MAX) {
      as->line_begin = as->at = text;
      return assembler_fail(as, text, VMXSIM_ERROR_LIMIT,
                            "expected labels that settle, found that sizes and addresses depend on each other");
    }
    if (!run_pass(as, text, length, options)) return false;
  } while (as->moved || as->pass == 1);
  return check_overlap(as);
}

static bool keep(struct assembler *as, const struct symbol *first, struct vmxsim_assembly *assembly) {
  size_t labels = 0;
  for (const struct symbol *symbol = first; symbol; symbol = symbol->next) labels++;
  struct vmxsim_code *pieces = arena_allocate_array(as->arena, as->piece_count, sizeof *pieces);
  struct vmxsim_label *label = arena_allocate_array(as->arena, labels + 1, sizeof *label);
  if (!pieces || !label) return assembler_no_memory(as);
  *assembly = (struct vmxsim_assembly){pieces, 0, label, labels};
  for (size_t i = 0; i < as->piece_count; i++) {
    const struct piece *piece = &as->pieces[i];
    if (piece->size) {
      pieces[assembly->piece_count++] = (struct vmxsim_code){piece->address, as->code + piece->offset, piece->size};
    }
  }
  for (const struct symbol *symbol = first; symbol; symbol = symbol->next) *label++ = symbol->label;
  return true;
}

vmxsim_status assemble_with(struct symbol_table *symbols, const char *text, size_t length,
                            const struct vmxsim_assembler_options *options, struct vmxsim_assembly *assembly,
                            struct vmxsim_diagnostic *diagnostic) {
  struct assembler as = {.arena = symbols->arena, .diagnostic = diagnostic, .symbols = symbols, .owner = ""};
  const struct symbol *last = symbols->last;
  if (length > ASSEMBLER_TEXT_MAX) {
    return diagnose(diagnostic, VMXSIM_ERROR_LIMIT, 1, 1, "expected at most 1 MiB of text, found %zu bytes", length);
  }
  if (!run_passes(&as, text, length, options) || !keep(&as, last ? last->next : symbols->first, assembly)) {
    return as.status;
  }
  return VMXSIM_OK;
}

/* --- the public face --- */

/* What vmxsim_assembly_free() gets begins with the assembly. */
struct allocated {
  struct vmxsim_assembly assembly;
  struct arena arena;
};

static vmxsim_status predefine(struct symbol_table *symbols, const struct vmxsim_assembler_options *options) {
  for (size_t i = 0; i < options->label_count; i++) {
    const struct vmxsim_label *label = &options->labels[i];
    struct symbol *symbol = symbols_find(symbols, label->name, strlen(label->name));
    if (!symbol) symbol = symbols_add(symbols, label->name, strlen(label->name), label->value);
    if (!symbol) return VMXSIM_ERROR_MEMORY;
    symbol->label.constant = label->constant;
  }
  return VMXSIM_OK;
}

static vmxsim_status assemble(struct allocated *allocated, const char *text, size_t length,
                              const struct vmxsim_assembler_options *options, struct vmxsim_diagnostic *diagnostic) {
  struct symbol_table symbols = {.arena = &allocated->arena};
  const vmxsim_status status = predefine(&symbols, options);
  if (status) return diagnose_no_memory(diagnostic);
  return assemble_with(&symbols, text, length, options, &allocated->assembly, diagnostic);
}

vmxsim_status vmxsim_assemble(const char *text, size_t length, const struct vmxsim_assembler_options *options,
                              struct vmxsim_assembly **assembly, struct vmxsim_diagnostic *diagnostic) {
  struct vmxsim_assembler_options used = {.size = sizeof used};
  struct arena arena;
  if (options) used = *options;
  if (!used.bits) used.bits = 64;
  *assembly = NULL;
  if (used.bits != 16 && used.bits != 32 && used.bits != 64) return VMXSIM_ERROR_ARGUMENT;
  arena_init(&arena, used.allocator);
  struct allocated *allocated = arena_allocate(&arena, sizeof *allocated);
  if (!allocated) return diagnose_no_memory(diagnostic);
  *allocated = (struct allocated){.arena = arena};
  const vmxsim_status status = assemble(allocated, text, length, &used, diagnostic);
  *assembly = &allocated->assembly;
  if (status) {
    vmxsim_assembly_free(*assembly);
    *assembly = NULL;
  }
  return status;
}

void vmxsim_assembly_free(struct vmxsim_assembly *assembly) {
  if (!assembly) return;
  struct arena arena = ((struct allocated *)assembly)->arena; /* it lies in its own arena */
  arena_free(&arena);
}
