/* Cases out of YAML: one a YAML document. docs/yaml.md is the schema.
 *
 * This file knows the keys of a case and in which order they take effect; what stands behind the larger ones is read
 * in yaml_vmcs.c, yaml_cpu.c, yaml_memory.c and yaml_expect.c.
 */
#include "yaml_case.h"

#include "scalar.h"
#include "scenario_read.h"
#include "vmcs/names.h"
#include "yaml_diagnose.h"
#include "yaml_keys.h"
#include "yaml_values.h"

vmxsim_status yaml_case_number(const struct case_reader *reader, const struct yaml_node *node, unsigned bits,
                               const char *what, uint64_t *value) {
  const vmxsim_status status = yaml_number(reader->diagnostic, node, bits, what, value);
  if (status != VMXSIM_ERROR_SYNTAX || !reader->symbols || node->kind != NODE_SCALAR) return status;
  struct vmxsim_diagnostic wrong = {0};
  if (!assembler_evaluate(reader->symbols, node->text, node->length, value, &wrong)) {
    return diagnose(reader->diagnostic, VMXSIM_ERROR_UNKNOWN_NAME, node->line, node->column, "%s", wrong.text);
  }
  return *value <= scalar_maximum(bits) ? VMXSIM_OK : yaml_expected(reader->diagnostic, node, what);
}

static vmxsim_status unknown_key(const struct case_reader *reader, const struct yaml_node *key) {
  struct nearest list;
  vmxsim_field field;
  if (vmxsim_field_from_name(key->text, key->length, &field, NULL) == VMXSIM_OK) {
    return yaml_expected(reader->diagnostic, key, "a key of a case (VMCS fields go under the key \"vmcs\")");
  }
  nearest_begin(&list, 2);
  for (unsigned i = 0; i < CASE_KEY_COUNT; i++) nearest_offer(&list, case_key_name(i), key->text, key->length);
  return yaml_unknown_name(reader->diagnostic, key, "a key of a case", &list);
}

/* Finds the keys, so that they can be taken in our order. */
static vmxsim_status sort_keys(const struct case_reader *reader, const struct yaml_node *root,
                               const struct yaml_node *keys[CASE_KEY_COUNT]) {
  for (unsigned i = 0; i < CASE_KEY_COUNT; i++) keys[i] = NULL;
  for (const struct yaml_node *key = root->first; key; key = key->next->next) {
    const unsigned number = case_key_find(key->text, key->length);
    if (number == CASE_KEY_COUNT) return unknown_key(reader, key);
    if (keys[number]) {
      return yaml_given_twice(reader->diagnostic, key, "key", keys[number]->line, keys[number]->column);
    }
    keys[number] = key;
  }
  return VMXSIM_OK;
}

static vmxsim_status read_text(struct case_reader *reader, const struct yaml_node *key, const char *what,
                               const char **text) {
  if (!key) return VMXSIM_OK;
  const struct yaml_node *node = key->next;
  if (node->kind != NODE_SCALAR || !node->length) return yaml_expected(reader->diagnostic, node, what);
  *text = document_string(reader->document, node->text, node->length);
  return *text ? VMXSIM_OK : diagnose_no_memory(reader->diagnostic);
}

static vmxsim_status unknown_template(const struct case_reader *reader, const struct yaml_node *node) {
  struct nearest list;
  nearest_begin(&list, 2);
  const struct vmxsim_template *template;
  for (size_t i = 0; (template = vmxsim_template_at(i)); i++) {
    nearest_offer(&list, template->name, node->text, node->length);
  }
  return yaml_unknown_name(reader->diagnostic, node, "the name of a template", &list);
}

static vmxsim_status read_template(struct case_reader *reader, const struct yaml_node *key) {
  if (!key) return VMXSIM_OK;
  const struct yaml_node *node = key->next;
  if (node->kind != NODE_SCALAR || !node->length) {
    return yaml_expected(reader->diagnostic, node, "the name of a template");
  }
  reader->subject->base = vmxsim_template_find(node->text, node->length);
  if (!reader->subject->base) return unknown_template(reader, node);
  reader->subject->state = reader->subject->base->state;
  reader->subject->memory_complete = true;
  return VMXSIM_OK;
}

static vmxsim_status read_instruction(struct case_reader *reader, const struct yaml_node *key) {
  if (!key) return VMXSIM_OK;
  const bool vmresume = yaml_is_word(key->next, "vmresume");
  if (!vmresume && !yaml_is_word(key->next, "vmlaunch")) {
    return yaml_expected(reader->diagnostic, key->next, "vmlaunch or vmresume");
  }
  vmxsim_processor_state_set(&reader->subject->state, VMXSIM_PROCESSOR_vmresume, vmresume);
  return VMXSIM_OK;
}

/* What is said to be unknown is not even assumed. */
static vmxsim_status read_state(struct case_reader *reader, const struct yaml_node *key) {
  struct vmxsim_processor_state *state = &reader->subject->state;
  uint64_t unknown = 0;
  if (key) {
    const vmxsim_status status = yaml_processor_state(reader->diagnostic, key->next, state, &unknown);
    if (status) return status;
  }
  if (!reader->subject->base) vmxsim_processor_state_assume(state);
  for (unsigned i = 0; i < VMXSIM_PROCESSOR_ITEM_COUNT; i++) {
    if ((unknown >> i) & 1) state->item[i] = 0;
  }
  state->known &= ~unknown;
  state->assumed &= ~unknown;
  return VMXSIM_OK;
}

static vmxsim_status read_expectation(struct case_reader *reader, const struct yaml_node *const *keys) {
  struct vmxsim_expectation *expect = &reader->subject->expect;
  vmxsim_status status = VMXSIM_OK;
  expect->given = keys[CASE_KEY_expect] || keys[CASE_KEY_breaks] || keys[CASE_KEY_passes] || keys[CASE_KEY_also] ||
                  keys[CASE_KEY_undecided];
  if (keys[CASE_KEY_expect]) status = yaml_case_expect(reader, keys[CASE_KEY_expect]->next);
  if (!status && keys[CASE_KEY_breaks]) status = yaml_case_check(reader, keys[CASE_KEY_breaks]->next, &expect->breaks);
  if (!status && keys[CASE_KEY_passes]) status = yaml_case_check(reader, keys[CASE_KEY_passes]->next, &expect->passes);
  if (!status && keys[CASE_KEY_also]) {
    status = yaml_case_checks(reader, keys[CASE_KEY_also]->next, &expect->also, &expect->also_count);
  }
  if (status || !keys[CASE_KEY_undecided]) return status;
  expect->undecided_given = true;
  return yaml_case_checks(reader, keys[CASE_KEY_undecided]->next, &expect->undecided, &expect->undecided_count);
}

static vmxsim_status read_keys(struct case_reader *reader, const struct yaml_node *const *keys) {
  vmxsim_status status = read_text(reader, keys[CASE_KEY_vector], "the name of the vector", &reader->subject->name);
  if (!status) status = read_text(reader, keys[CASE_KEY_about], "a text", &reader->subject->about);
  if (!status && keys[CASE_KEY_cpu]) status = yaml_case_cpu(reader, keys[CASE_KEY_cpu]->next);
  /* The template comes before what changes it. */
  if (!status) status = read_template(reader, keys[CASE_KEY_template]);
  if (!status) status = read_instruction(reader, keys[CASE_KEY_instruction]);
  if (!status) status = read_state(reader, keys[CASE_KEY_state]);
  if (!status && keys[CASE_KEY_vmcs]) status = yaml_case_vmcs(reader, keys[CASE_KEY_vmcs]->next);
  if (!status && keys[CASE_KEY_memory]) status = yaml_case_memory(reader, keys[CASE_KEY_memory]->next);
  return status ? status : read_expectation(reader, keys);
}

static vmxsim_status read_case(struct case_reader *reader, const struct yaml_node *root) {
  const struct yaml_node *keys[CASE_KEY_COUNT];
  if (root->kind != NODE_MAPPING) return yaml_expected(reader->diagnostic, root, "a mapping with the keys of a case");
  const vmxsim_status status = sort_keys(reader, root, keys);
  if (status) return status;
  reader->subject = document_append_case(reader->document);
  if (!reader->subject) return diagnose_no_memory(reader->diagnostic);
  reader->subject->line = root->line;
  reader->subject->format = "YAML";
  return read_keys(reader, keys);
}

static bool is_scenario(const struct yaml_node *root) {
  if (root->kind != NODE_MAPPING) return false;
  for (const struct yaml_node *key = root->first; key; key = key->next->next) {
    if (yaml_is_word(key, "scenario")) return true;
  }
  return false;
}

vmxsim_status yaml_document_read(vmxsim_document *document, const char *text, size_t length,
                                 struct vmxsim_diagnostic *diagnostic) {
  struct case_reader reader = {.document = document, .diagnostic = diagnostic};
  struct yaml_stream *stream = yaml_stream_open(&document->arena.allocator, text, length);
  if (!stream) return diagnose_no_memory(diagnostic);
  const struct yaml_node *root = NULL;
  vmxsim_status status;
  while (!(status = yaml_stream_next(stream, &root, diagnostic)) && root) {
    if (yaml_is_nothing(root)) continue;
    status = is_scenario(root) ? scenario_read(document, text, length, root, diagnostic) : read_case(&reader, root);
    if (status) break;
  }
  yaml_stream_close(stream);
  return status;
}
