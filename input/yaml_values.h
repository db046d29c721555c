/* Values out of YAML nodes: numbers, VMCS fields with their controls and sub-fields, processor state.
 *
 * Used for cases (yaml_case.c) and by the build for templates.
 */
#ifndef VMXSIM_INPUT_YAML_VALUES_H
#define VMXSIM_INPUT_YAML_VALUES_H

#include "yaml_tree.h"

/* A number of at most `bits` bits. `what` is for the message: "an address". */
vmxsim_status yaml_number(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, unsigned bits,
                          const char *what, uint64_t *value);

/* Whether the node is the plain word, whatever its case. */
bool yaml_is_word(const struct yaml_node *node, const char *word);

/* The field that a key names; `high`: only its upper half. */
vmxsim_status yaml_field_name(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *key, vmxsim_field *field,
                              bool *high);

/* The value of a field: a number, the name of one, or a mapping of `set`, `clear` and sub-fields. `base` is the value
 * that the mapping changes, NULL if it is not known. With `high` the value is that of bits 63:32. */
vmxsim_status yaml_field_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, vmxsim_field field,
                               bool high, const uint64_t *base, uint64_t *value);

/* A mapping of processor-state items. Those that are said to be unknown are put into `unknown` (1 << item). */
vmxsim_status yaml_processor_state(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node,
                                   struct vmxsim_processor_state *state, uint64_t *unknown);

#endif
