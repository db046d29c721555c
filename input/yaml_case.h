/* The parts of a case in YAML that have a file of their own. docs/yaml.md is the schema. */
#ifndef VMXSIM_INPUT_YAML_CASE_H
#define VMXSIM_INPUT_YAML_CASE_H

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
};

/* `vmcs:` (yaml_vmcs.c) */
vmxsim_status yaml_case_vmcs(struct case_reader *reader, const struct yaml_node *node);
/* `cpu:` (yaml_cpu.c) */
vmxsim_status yaml_case_cpu(struct case_reader *reader, const struct yaml_node *node);
/* `memory:` (yaml_memory.c) */
vmxsim_status yaml_case_memory(struct case_reader *reader, const struct yaml_node *node);
/* `expect:` and the lists of checks (yaml_expect.c) */
vmxsim_status yaml_case_expect(struct case_reader *reader, const struct yaml_node *node);
vmxsim_status yaml_case_check(struct case_reader *reader, const struct yaml_node *node, vmxsim_check *check);
/* A check, a list of checks, or a mapping of checks to reasons. */
vmxsim_status yaml_case_checks(struct case_reader *reader, const struct yaml_node *node, const vmxsim_check **checks,
                               size_t *count);

#endif
