/* Diagnostics about a node of a YAML tree. Each returns the status for its caller to return. */
#ifndef VMXSIM_INPUT_YAML_DIAGNOSE_H
#define VMXSIM_INPUT_YAML_DIAGNOSE_H

#include "diagnose.h"
#include "vmcs/names.h"
#include "yaml_tree.h"

/* "expected WHAT, found THE NODE". VMXSIM_ERROR_SYNTAX. */
vmxsim_status yaml_expected(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what);

/* "expected WHAT, found 'name'; did you mean 'a'?", with a second guess if it is as near. The list has what was offered
 * for the node's text; NULL: no guesses. VMXSIM_ERROR_UNKNOWN_NAME. */
vmxsim_status yaml_unknown_name(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what,
                                const struct nearest *list);

/* "expected WHAT, found 'name' again: it is at line N already". VMXSIM_ERROR_SYNTAX. */
vmxsim_status yaml_given_twice(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, const char *what,
                               unsigned line, unsigned column);

#endif
