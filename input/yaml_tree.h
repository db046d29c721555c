/* YAML text as trees of nodes with their places, one tree a YAML document, on libyaml's events.
 *
 * What YAML can do and we do not want is an error here: aliases and anchors (so no text can grow when it is read),
 * tags, keys that are no scalars, the same key twice in a mapping. Nothing is known here of what scalars mean:
 * scalar.h, nor of keys: yaml_case.c. libyaml itself allocates with malloc().
 */
#ifndef VMXSIM_INPUT_YAML_TREE_H
#define VMXSIM_INPUT_YAML_TREE_H

#include "arena.h"

enum yaml_limits { YAML_NESTING_MAX = 64, YAML_DOCUMENT_BYTES_MAX = 1 << 20 };

enum yaml_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct yaml_node {
  enum yaml_kind kind;
  bool quoted;           /* a scalar in quotes, or a literal or folded block */
  unsigned line, column; /* from 1; columns in bytes */
  const char *text;      /* of a scalar, NUL-terminated, without NULs inside */
  size_t length;
  struct yaml_node *first; /* child of a sequence; of a mapping: key, value, key, value ... */
  struct yaml_node *next;  /* sibling */
  size_t count;            /* children; of a mapping: pairs */
};

struct yaml_stream;

/* NULL if there is no memory. The text is borrowed. */
struct yaml_stream *yaml_stream_open(const struct vmxsim_allocator *allocator, const char *text, size_t length);
void yaml_stream_close(struct yaml_stream *stream); /* NULL is allowed */

/* The next YAML document of the stream; *root is NULL after the last. The tree lives until the next call. */
vmxsim_status yaml_stream_next(struct yaml_stream *stream, const struct yaml_node **root,
                               struct vmxsim_diagnostic *diagnostic);

/* Whether nothing was written where a value could be ("key:" alone, "{}" and "[]" are something). */
static inline bool yaml_is_nothing(const struct yaml_node *node) {
  return node->kind == NODE_SCALAR && !node->length && !node->quoted;
}

#endif
