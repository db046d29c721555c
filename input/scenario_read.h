/* The parts of a scenario that have a file of their own. docs/scenarios.md is the schema. */
#ifndef VMXSIM_INPUT_SCENARIO_READ_H
#define VMXSIM_INPUT_SCENARIO_READ_H

#include "assembler_symbols.h"
#include "document.h"
#include "scenario.h"
#include "yaml_case.h"
#include "yaml_diagnose.h"
#include "yaml_values.h"

struct scenario_reader {
  struct case_reader reader; /* its symbols: those of the VMCS or step that is being read */
  struct vmxsim_scenario *scenario;
  struct symbol_table host, guest[SCENARIO_VMCSS_MAX]; /* as they were assembled */
  struct symbol_table all;                             /* what expectations and steps name */
  const char *text; /* of the file: blocks of code have no place of their own in the tree */
  size_t length;
};

/* Reads a scenario and appends it to the document. */
vmxsim_status scenario_read(vmxsim_document *document, const char *text, size_t length, const struct yaml_node *root,
                            struct vmxsim_diagnostic *diagnostic);

/* A key of a mapping and what reads its value into `into`. */
struct scenario_key {
  const char *name;
  vmxsim_status (*read)(struct scenario_reader *reader, const struct yaml_node *value, void *into);
};
/* Finds the keys of a mapping: found[i] is the value of keys[i], or NULL. Keys that are not in the table are errors. */
vmxsim_status scenario_find(struct scenario_reader *reader, const struct yaml_node *node,
                            const struct scenario_key *keys, size_t count, const char *what,
                            const struct yaml_node **found);
/* The same, and reads them in the order of the table. */
vmxsim_status scenario_read_keys(struct scenario_reader *reader, const struct yaml_node *node,
                                 const struct scenario_key *keys, size_t count, const char *what, void *into);

vmxsim_status scenario_text(struct scenario_reader *reader, const struct yaml_node *node, const char *what,
                            const char **text);
vmxsim_status scenario_number(struct scenario_reader *reader, const struct yaml_node *node, unsigned bits,
                              const char *what, uint64_t *value);
vmxsim_status scenario_flag(struct scenario_reader *reader, const struct yaml_node *node, bool *flag);

/* `host:` and `guest:` (scenario_code.c). The fields that are 0 in `code` are filled in. */
vmxsim_status scenario_code(struct scenario_reader *reader, const struct yaml_node *node, struct symbol_table *symbols,
                            struct scenario_code *code);
vmxsim_status scenario_registers(struct scenario_reader *reader, const struct yaml_node *node,
                                 const struct register_value **values, size_t *count);
/* `steps:` (scenario_steps.c) */
vmxsim_status scenario_steps(struct scenario_reader *reader, const struct yaml_node *node);
/* `expect:` and `never:` (scenario_expect.c) */
vmxsim_status scenario_expectations(struct scenario_reader *reader, const struct yaml_node *node,
                                    const struct scenario_expectation **items, size_t *count);
/* A label's linear address. */
vmxsim_status scenario_place(struct scenario_reader *reader, const struct yaml_node *node, uint64_t *linear);

#endif
