/* The assembler: text in an Intel-syntax subset (docs/assembler.md) to machine code.
 *
 * For the code in scenarios and tests; nothing of it depends on a machine.
 */
#ifndef VMXSIM_ASSEMBLER_H
#define VMXSIM_ASSEMBLER_H

#include "vmxsim/input.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A name and its value: a label's address, or what `equ` gave it. */
struct vmxsim_label {
  const char *name; /* of a local label with its owner: "start.loop" */
  uint64_t value;
  unsigned line; /* 0: predefined */
  bool constant; /* a number, not a place in the code */
};

struct vmxsim_assembler_options {
  size_t size;                       /* sizeof(struct vmxsim_assembler_options) */
  unsigned bits;                     /* 16, 32 or 64 to begin with; 0: 64 */
  uint64_t origin;                   /* address of the first byte */
  const struct vmxsim_label *labels; /* known beforehand */
  size_t label_count;
  unsigned first_line, first_column;        /* where the text begins in its file, for messages; 0: 1 */
  const struct vmxsim_allocator *allocator; /* NULL: realloc and free */
};

/* Bytes at one address; `org` begins another piece. Pieces do not overlap. */
struct vmxsim_code {
  uint64_t address;
  const uint8_t *bytes;
  size_t size;
};

struct vmxsim_assembly {
  const struct vmxsim_code *pieces;
  size_t piece_count;
  const struct vmxsim_label *labels; /* in the order of the text; not the predefined ones */
  size_t label_count;
};

/* On failure *assembly is NULL, and the diagnostic (may be NULL) says what and where: VMXSIM_ERROR_SYNTAX,
 * _UNKNOWN_NAME, _LIMIT (1 MiB of text, 16 MiB of code), _MEMORY. NULL options: the defaults. */
vmxsim_status vmxsim_assemble(const char *text, size_t length, const struct vmxsim_assembler_options *options,
                              struct vmxsim_assembly **assembly, struct vmxsim_diagnostic *diagnostic);
void vmxsim_assembly_free(struct vmxsim_assembly *assembly); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
