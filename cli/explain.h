/* What each kind of thing is, for `vmxsim explain`. Every function prints what it knows and returns how many things
 * that was; 0 if the name means nothing of its kind. */
#ifndef VMXSIM_CLI_EXPLAIN_H
#define VMXSIM_CLI_EXPLAIN_H

#include "cli/output.h"
#include "vmxsim/vmxsim.h"

struct explainer {
  struct output output;
  size_t printed; /* so far; a blank line goes before all but the first */
};

/* The line that begins an explanation. */
void explain_title(struct explainer *explainer, const char *what, const char *name);

/* explain_checks.c */
unsigned explain_check(struct explainer *explainer, const char *name);       /* an id */
unsigned explain_checks_with(struct explainer *explainer, const char *part); /* a group, or the beginning of ids */
void explain_readers(struct explainer *explainer, unsigned input);           /* the checks that read an input */

/* explain_names.c */
unsigned explain_field(struct explainer *explainer, const char *name);
unsigned explain_control(struct explainer *explainer, const char *name);
unsigned explain_layout(struct explainer *explainer, const char *name); /* "cr0", "cr0.pg" */
unsigned explain_input(struct explainer *explainer,
                       const char *name); /* a capability, processor state, memory, a feature */

/* explain_numbers.c */
unsigned explain_exit_reason(struct explainer *explainer, uint64_t value, const uint64_t *qualification);
unsigned explain_instruction_error(struct explainer *explainer, uint64_t number);
unsigned explain_exception(struct explainer *explainer, const char *name); /* "#PF" */

/* explain_values.c: NAME=VALUE. -1 if NAME is nothing that has a value. */
int explain_value(struct explainer *explainer, const char *name, size_t length, uint64_t value);

#endif
