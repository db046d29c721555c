/* The assembler's parts, for each other. Only the files assembler*.c see Zydis
 * (assembler_instruction.h).
 *
 *   assembler.c              passes over the text until no label moves; the public functions
 *   assembler_statement.c    a line: labels, directives, data
 *   assembler_expression.c   numbers, labels, operators
 *   assembler_symbols.c      the table of labels (assembler_symbols.h is all that others include)
 *   assembler_operand.c      registers, memory, immediates
 *   assembler_instruction.c  an instruction: prefixes, mnemonic, choice among encodings
 *   assembler_encode.c       one request to Zydis' encoder
 *   assembler_verify.c       what was encoded, decoded again
 */
#ifndef VMXSIM_INPUT_ASSEMBLER_H
#define VMXSIM_INPUT_ASSEMBLER_H

#include "assembler_symbols.h"
#include "diagnose.h"

enum assembler_limits {
  ASSEMBLER_TEXT_MAX = 1 << 20,
  ASSEMBLER_CODE_MAX = 16 << 20,
  ASSEMBLER_PASSES_MAX = 64,
  ASSEMBLER_TIMES_MAX = 1 << 16
};

/* A piece while it grows: its bytes are code[offset] on. */
struct piece {
  uint64_t address;
  size_t offset, size;
  unsigned line; /* where it begins */
};

struct assembler {
  struct arena *arena;
  struct vmxsim_diagnostic *diagnostic;
  struct symbol_table *symbols;

  /* the text */
  const char *at, *line_begin, *line_end;
  unsigned line, column_offset;

  /* this pass */
  unsigned pass;
  unsigned repeated; /* statements by `times` */
  bool moved;        /* a label is not where it was in the pass before */
  unsigned bits;
  uint64_t statement; /* address of the statement being read: $ */
  uint64_t section;   /* of the piece it is in: $$ */
  const char *owner;  /* the last label that is not local */
  size_t owner_length;

  uint8_t *code;
  size_t code_size, code_capacity;
  struct piece *pieces;
  size_t piece_count, piece_capacity;

  /* Branches, in the order of the text: those that a pass found too far for their short form keep the near one. */
  uint8_t *near_branch;
  size_t branch, branch_capacity;

  vmxsim_status status; /* of the first error */
};

/* --- what everything uses. Functions that return bool return false after an error, which is in `status` then. --- */

/* "expected WHAT, found THE TEXT AT `at`". Returns false. */
bool assembler_expected(struct assembler *as, const char *at, const char *what);
/* The same for a name at `at`, with a list of near ones. */
struct nearest;
bool assembler_unknown(struct assembler *as, const char *at, const char *name, size_t length, const char *what,
                       const struct nearest *list);
bool assembler_fail(struct assembler *as, const char *at, vmxsim_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;
bool assembler_no_memory(struct assembler *as);

void skip_blanks(struct assembler *as);
bool at_end(struct assembler *as); /* of the line, or at a comment */
bool take(struct assembler *as, char c);
bool is_word_character(char c); /* letters, digits, '_', '.', '$', '@', '?' */
/* The word at the cursor without taking it; its length, 0 if there is none. */
size_t word_here(struct assembler *as, const char **word);
bool word_is(const char *word, size_t length, const char *name); /* whatever the case */
bool take_word(struct assembler *as, const char *name);

/* Makes room for one more item behind `count`, moving the array. False if there is no memory. */
bool assembler_grow(struct arena *arena, void *array, size_t *capacity, size_t count, size_t size);

bool emit(struct assembler *as, const void *bytes, size_t size);
uint64_t address_here(const struct assembler *as); /* of the next byte */
bool begin_piece(struct assembler *as, uint64_t address);

/* --- expressions --- */

struct expression {
  uint64_t value;
  bool has_label; /* depends on a place in the code */
};

bool read_expression(struct assembler *as, struct expression *result);
/* A product, for sums that may have registers in them: leaves `* register`. */
bool read_term(struct assembler *as, struct expression *result);
bool read_label_name(struct assembler *as, const char **name, size_t *length);

bool read_statement(struct assembler *as);
bool read_instruction(struct assembler *as);
bool is_register_name(const char *word, size_t length);

#endif
