/* Labels, and the assembler for the reader of scenarios. */
#ifndef VMXSIM_INPUT_ASSEMBLER_SYMBOLS_H
#define VMXSIM_INPUT_ASSEMBLER_SYMBOLS_H

#include "arena.h"
#include "vmxsim/assembler.h"

struct symbol {
  struct symbol *next_in_bucket, *next;
  struct vmxsim_label label;
  size_t length;
  unsigned pass; /* that defined it last */
};

enum { SYMBOL_BUCKETS = 256 };

struct symbol_table {
  struct arena *arena;
  struct symbol *buckets[SYMBOL_BUCKETS];
  struct symbol *first, *last;
};

struct symbol *symbols_find(const struct symbol_table *table, const char *name, size_t length);
/* The name must not be there. NULL if there is no memory. */
struct symbol *symbols_add(struct symbol_table *table, const char *name, size_t length, uint64_t value);

/* Evaluates a whole text with the labels of the table. False if it is no expression; the diagnostic may be NULL. */
bool assembler_evaluate(struct symbol_table *symbols, const char *text, size_t length, uint64_t *value,
                        struct vmxsim_diagnostic *diagnostic);

/* Everything in the arena of `symbols`, to which labels are added; options->labels is not looked at. */
vmxsim_status assemble_with(struct symbol_table *symbols, const char *text, size_t length,
                            const struct vmxsim_assembler_options *options, struct vmxsim_assembly *assembly,
                            struct vmxsim_diagnostic *diagnostic);

#endif
