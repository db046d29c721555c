/* The parts of a case in YAML that have a file of their own. docs/yaml.md is the schema. */
#ifndef VMXSIM_INPUT_YAML_CASE_H
#define VMXSIM_INPUT_YAML_CASE_H

#include "assembler_symbols.h"
#include "document.h"
#include "yaml_tree.h"

/* What reads a case: where it goes, and who is told of mistakes. */
struct case_reader {
  vmxsim_document *document;
  struct vmxsim_diagnostic *diagnostic;
  struct vmxsim_case *subject;
  /* The values of the case so far, and where each field has its value among them (from 1; 0: none). */
  struct vmxsim_field_value *values;
  size_t value_count, value_capacity;
  uint16_t place[VMXSIM_FIELD_COUNT];
  struct symbol_table *symbols; /* labels that numbers may be made of; NULL: none */
};

/* yaml_number(), or an expression with the labels that there are. */
vmxsim_status yaml_case_number(const struct case_reader *reader, const struct yaml_node *node, unsigned bits,
                               const char *what, uint64_t *value);

/* `vmcs:` (yaml_vmcs.c) */
vmxsim_status yaml_case_vmcs(struct case_reader *reader, const struct yaml_node *node);
/* One of its fields; the caller has set value_count to 0, and keeps the values with yaml_case_keep(). */
vmxsim_status yaml_case_field(struct case_reader *reader, const struct yaml_node *key);
vmxsim_status yaml_case_keep(struct case_reader *reader, vmxsim_status status);
/* `cpu:` (yaml_cpu.c) */
vmxsim_status yaml_case_cpu(struct case_reader *reader, const struct yaml_node *node);
/* `memory:` (yaml_memory.c) */
vmxsim_status yaml_case_memory(struct case_reader *reader, const struct yaml_node *node);
/* {u32: 1, bytes: "00 11"} at an address. */
vmxsim_status yaml_case_piece(struct case_reader *reader, const struct yaml_node *key,
                              struct vmxsim_memory_bytes *memory);
/* `expect:` and the lists of checks (yaml_expect.c) */
vmxsim_status yaml_case_expect(struct case_reader *reader, const struct yaml_node *node);
vmxsim_status yaml_case_check(struct case_reader *reader, const struct yaml_node *node, vmxsim_check *check);
/* A check, a list of checks, or a mapping of checks to reasons. */
vmxsim_status yaml_case_checks(struct case_reader *reader, const struct yaml_node *node, const vmxsim_check **checks,
                               size_t *count);

#endif
