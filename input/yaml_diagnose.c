/* Diagnostics about a node. */
#include "yaml_diagnose.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 60 };

/* The node in words, cut to fit; control characters as '?'. */
static const char *found(const struct yaml_node *node, char text[SHOWN_MAX + 8]) {
  if (node->kind == NODE_SEQUENCE) return "a list";
  if (node->kind == NODE_MAPPING) return "a mapping";
  if (yaml_is_nothing(node)) return "nothing";
  size_t shown = node->length < SHOWN_MAX ? node->length : SHOWN_MAX;
  /* Not in the middle of a character. */
  while (shown < node->length && shown && ((unsigned char)node->text[shown] & 0xc0) == 0x80) shown--;
  text[0] = '\'';
  for (size_t i = 0; i < shown; i++) text[i + 1] = (unsigned char)node->text[i] < ' ' ? '?' : node->text[i];
  strcpy(text + 1 + shown, shown < node->length ? "...'" : "'");
  return text;
}

vmxsim_status yaml_expected(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what) {
  char text[SHOWN_MAX + 8];
  return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, node->line, node->column, "expected %s, found %s", what,
                  found(node, text));
}

vmxsim_status yaml_unknown_name(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what,
                                const struct nearest *list) {
  char text[SHOWN_MAX + 8], guess[160] = "";
  const bool second = list && list->count > 1 && list->distance[1] == list->distance[0];
  if (second) {
    snprintf(guess, sizeof guess, "; did you mean '%s' or '%s'?", list->name[0], list->name[1]);
  } else if (list && list->count) {
    snprintf(guess, sizeof guess, "; did you mean '%s'?", list->name[0]);
  }
  return diagnose(diagnostic, VMXSIM_ERROR_UNKNOWN_NAME, node->line, node->column, "expected %s, found %s%s", what,
                  found(node, text), guess);
}

vmxsim_status yaml_given_twice(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what,
                               unsigned line, unsigned column) {
  char text[SHOWN_MAX + 8];
  return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, node->line, node->column,
                  "expected every %s once, found %s again: it is at line %u, column %u already", what,
                  found(node, text), line, column);
}
