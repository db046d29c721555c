/* The fields of a case. */
#include <string.h>

#include "scalar.h"
#include "yaml_case.h"
#include "yaml_diagnose.h"
#include "yaml_values.h"

/* The value that a field has before this key: given by an earlier one, or by the template. NULL if not known. */
static const uint64_t *base_of(const struct case_reader *reader, vmxsim_field field) {
  const unsigned place = reader->place[field];
  const struct vmxsim_template *base = reader->subject->base;
  if (place) return reader->values[place - 1].unknown ? NULL : &reader->values[place - 1].value;
  return base && vmxsim_vmcs_is_known(&base->vmcs, field) ? &base->vmcs.value[field] : NULL;
}

/* Where the value of a field goes. A field is given once; only its upper half may be given again, after the whole. */
static vmxsim_status place_value(struct case_reader *reader, const struct yaml_node *key, vmxsim_field field, bool high,
                                 struct vmxsim_field_value **place) {
  if (reader->place[field]) {
    *place = &reader->values[reader->place[field] - 1];
    if (high) return VMXSIM_OK;
    return yaml_given_twice(reader->diagnostic, key, "VMCS field", (*place)->line, (*place)->column);
  }
  if (!document_grow(reader->document, &reader->values, &reader->value_capacity, reader->value_count,
                     sizeof *reader->values)) {
    return diagnose_no_memory(reader->diagnostic);
  }
  *place = &reader->values[reader->value_count];
  return VMXSIM_OK;
}

/* In a scenario a value may also be made of labels. */
static vmxsim_status read_value(const struct case_reader *reader, const struct yaml_node *key, vmxsim_field field,
                                bool high, uint64_t *value) {
  const struct yaml_node *node = key->next;
  const vmxsim_status status = yaml_field_value(reader->diagnostic, node, field, high, base_of(reader, field), value);
  if (!status || !reader->symbols || high || node->kind != NODE_SCALAR) return status;
  if (!assembler_evaluate(reader->symbols, node->text, node->length, value, NULL)) return status;
  if (*value <= scalar_maximum(vmxsim_field_bits(field))) return VMXSIM_OK;
  return yaml_expected(reader->diagnostic, node, "a value that the field has room for");
}

vmxsim_status yaml_case_field(struct case_reader *reader, const struct yaml_node *key) {
  vmxsim_field field = (vmxsim_field)0;
  bool high = false;
  vmxsim_status status = yaml_field_name(reader->diagnostic, key, &field, &high);
  if (status) return status;
  struct vmxsim_field_value *place = NULL;
  status = place_value(reader, key, field, high, &place);
  if (status) return status;
  const bool unknown = yaml_is_word(key->next, "unknown");
  uint64_t value = 0;
  if (!unknown) {
    status = read_value(reader, key, field, high, &value);
    if (status) return status;
  }
  *place = (struct vmxsim_field_value){field, key->line, key->column, value, unknown};
  if (!reader->place[field]) reader->place[field] = (uint16_t)++reader->value_count;
  return VMXSIM_OK;
}

static vmxsim_status read_fields(struct case_reader *reader, const struct yaml_node *node) {
  if (yaml_is_nothing(node)) return VMXSIM_OK;
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->diagnostic, node, "a mapping of VMCS fields");
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    const vmxsim_status status = yaml_case_field(reader, key);
    if (status) return status;
  }
  return VMXSIM_OK;
}

vmxsim_status yaml_case_keep(struct case_reader *reader, vmxsim_status status) {
  for (size_t i = 0; i < reader->value_count; i++) reader->place[reader->values[i].field] = 0;
  if (status || !reader->value_count) return status;
  reader->subject->values =
      document_copy(reader->document, reader->values, reader->value_count, sizeof *reader->values);
  if (!reader->subject->values) return diagnose_no_memory(reader->diagnostic);
  reader->subject->value_count = reader->value_count;
  return VMXSIM_OK;
}

vmxsim_status yaml_case_vmcs(struct case_reader *reader, const struct yaml_node *node) {
  reader->value_count = 0;
  return yaml_case_keep(reader, read_fields(reader, node));
}
