/* What a scenario expects: events in order, values at them, and what must not happen. */
#include <stdio.h>
#include <string.h>

#include "scalar.h"
#include "scenario_read.h"
#include "vmcs/names.h"

/* --- values --- */

/* The VMCS field whose names the bits of a register have, VMXSIM_FIELD_COUNT if there is none. */
static vmxsim_field field_like(unsigned reg) {
  static const char *const before[] = {"guest_", "guest_ia32_"};
  char name[80];
  vmxsim_field field;
  bool high;
  for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
    snprintf(name, sizeof name, "%s%s", before[i], vmxsim_register_name(reg));
    if (!vmxsim_field_from_name(name, strlen(name), &field, &high)) return field;
  }
  return VMXSIM_FIELD_COUNT;
}

/* {min: 1, max: 5} */
static vmxsim_status read_bounds(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct value_check *check) {
  check->bounds = true;
  check->maximum = UINT64_MAX;
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    const bool minimum = yaml_is_word(key, "min");
    if (!minimum && !yaml_is_word(key, "max")) return yaml_expected(reader->reader.diagnostic, key, "min or max");
    const vmxsim_status status =
        scenario_number(reader, key->next, 64, "a number", minimum ? &check->minimum : &check->maximum);
    if (status) return status;
  }
  return VMXSIM_OK;
}

static bool is_bounds(const struct yaml_node *node) {
  return node->kind == NODE_MAPPING && node->count &&
         (yaml_is_word(node->first, "min") || yaml_is_word(node->first, "max"));
}

/* What a mapping of bits leaves open is what differs when it changes zeros and when it changes ones. */
static vmxsim_status read_field_value(struct scenario_reader *reader, const struct yaml_node *node, vmxsim_field field,
                                      unsigned bits, struct value_check *check) {
  struct vmxsim_diagnostic *diagnostic = reader->reader.diagnostic;
  const uint64_t zeros = 0, ones = scalar_maximum(bits);
  uint64_t low = 0, high = 0;
  if (node->kind == NODE_SCALAR) {
    const vmxsim_status status = yaml_field_value(diagnostic, node, field, false, &zeros, &low);
    check->mask = ones;
    check->value = low;
    if (!status || !assembler_evaluate(reader->reader.symbols, node->text, node->length, &check->value, NULL)) {
      return status;
    }
    return VMXSIM_OK;
  }
  vmxsim_status status = yaml_field_value(diagnostic, node, field, false, &zeros, &low);
  if (!status) status = yaml_field_value(diagnostic, node, field, false, &ones, &high);
  check->mask = ~(low ^ high) & ones;
  check->value = low & check->mask;
  return status;
}

static vmxsim_status read_register(struct scenario_reader *reader, const struct yaml_node *key,
                                   struct value_check *check) {
  const unsigned bits = 8 * (unsigned)vmxsim_register_size(check->reg);
  const vmxsim_field field = field_like(check->reg);
  check->kind = VALUE_REGISTER;
  check->name = vmxsim_register_name(check->reg);
  check->mask = scalar_maximum(bits);
  if (is_bounds(key->next)) return read_bounds(reader, key->next, check);
  if (key->next->kind == NODE_MAPPING && field != VMXSIM_FIELD_COUNT) {
    return read_field_value(reader, key->next, field, bits, check);
  }
  return scenario_number(reader, key->next, bits, "a value of the register", &check->value);
}

static vmxsim_status read_memory(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct value_check *checks, size_t *count) {
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping of addresses");
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    struct value_check *check = &checks[(*count)++];
    *check = (struct value_check){.kind = VALUE_MEMORY, .line = key->line};
    vmxsim_status status = scenario_text(reader, key, "an address", &check->name);
    if (!status) status = yaml_case_piece(&reader->reader, key, &check->memory);
    if (status) return status;
    if (!check->memory.bytes) return yaml_expected(reader->reader.diagnostic, key->next, "contents that are known");
  }
  return VMXSIM_OK;
}

static vmxsim_status read_field(struct scenario_reader *reader, const struct yaml_node *key,
                                struct value_check *check) {
  bool high = false;
  const vmxsim_status status = yaml_field_name(reader->reader.diagnostic, key, &check->field, &high);
  if (status) return status;
  if (high) return yaml_expected(reader->reader.diagnostic, key, "the name of a whole VMCS field");
  check->kind = VALUE_FIELD;
  check->name = vmxsim_field_name(check->field);
  if (is_bounds(key->next)) return read_bounds(reader, key->next, check);
  return read_field_value(reader, key->next, check->field, vmxsim_field_bits(check->field), check);
}

static vmxsim_status read_value(struct scenario_reader *reader, const struct yaml_node *key, struct value_check *checks,
                                size_t *count) {
  if (yaml_is_word(key, "memory")) return read_memory(reader, key->next, checks, count);
  struct value_check *check = &checks[(*count)++];
  *check = (struct value_check){.line = key->line};
  if (yaml_is_word(key, "cycles")) {
    check->kind = VALUE_CYCLES;
    check->name = "cycles";
    check->mask = UINT64_MAX;
    return is_bounds(key->next) ? read_bounds(reader, key->next, check)
                                : scenario_number(reader, key->next, 64, "cycles", &check->value);
  }
  if (!vmxsim_register_find(key->text, &check->reg) && vmxsim_register_size(check->reg) <= 8) {
    return read_register(reader, key, check);
  }
  return read_field(reader, key, check);
}

/* --- events --- */

static const struct event_word {
  const char *name;
  enum vmxsim_scenario_event_kind kind;
} words[] = {
    {"entry", VMXSIM_SCENARIO_ENTRY},
    {"exit", VMXSIM_SCENARIO_EXIT},
    {"vmfail", VMXSIM_SCENARIO_VMFAIL},
    {"injected", VMXSIM_SCENARIO_INJECTED},
    {"fault", VMXSIM_SCENARIO_FAULT},
    {"reached", VMXSIM_SCENARIO_REACHED},
    {"exception", VMXSIM_SCENARIO_EXCEPTION},
    {"interrupt", VMXSIM_SCENARIO_INTERRUPT},
    {"nmi", VMXSIM_SCENARIO_NMI},
    {"halted", VMXSIM_SCENARIO_HALTED},
    {"shutdown", VMXSIM_SCENARIO_SHUTDOWN},
    {"out_of_time", VMXSIM_SCENARIO_OUT_OF_TIME},
};
enum { EVENT_WORDS = sizeof words / sizeof *words };

static const struct event_word *event_of(const struct yaml_node *node) {
  for (size_t i = 0; node->kind == NODE_SCALAR && i < EVENT_WORDS; i++) {
    if (names_equal(words[i].name, node->text, node->length)) return &words[i];
  }
  return NULL;
}

static const char *const exceptions[] = {"de", "db", "nmi", "bp", "of", "br", "ud", "nm", "df", "",   "ts",
                                         "np", "ss", "gp",  "pf", "",   "mf", "ac", "mc", "xm", "ve", "cp"};

/* 13, "#GP", gp */
static vmxsim_status read_vector(struct scenario_reader *reader, const struct yaml_node *node, uint64_t *vector) {
  if (node->kind == NODE_SCALAR && node->length) {
    const size_t skip = node->text[0] == '#';
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
      if (!*exceptions[i] || !names_equal(exceptions[i], node->text + skip, node->length - skip)) continue;
      *vector = i;
      return VMXSIM_OK;
    }
  }
  return scenario_number(reader, node, 8, "a vector, or an exception, as \"#GP\"", vector);
}

static vmxsim_status read_reason(struct scenario_reader *reader, const struct yaml_node *node, uint64_t *reason) {
  if (node->kind != NODE_SCALAR || !node->length)
    return yaml_expected(reader->reader.diagnostic, node, "an exit reason");
  if (scalar_number(node->text, node->length, 16, reason) == SCALAR_NUMBER) return VMXSIM_OK;
  const struct vmxsim_numbered_name *found = vmxsim_exit_reason_from_name(node->text, node->length);
  if (!found) {
    struct nearest list;
    nearest_begin(&list, 2);
    for (size_t i = 0; (found = vmxsim_exit_reason_at(i)); i++) {
      nearest_offer(&list, found->name, node->text, node->length);
    }
    return yaml_unknown_name(reader->reader.diagnostic, node, "an exit reason", &list);
  }
  *reason = found->number;
  return VMXSIM_OK;
}

static vmxsim_status read_number(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct scenario_expectation *item) {
  item->any_number = yaml_is_nothing(node) || yaml_is_word(node, "any") || yaml_is_word(node, "yes");
  if (item->any_number) return VMXSIM_OK;
  switch (item->kind) {
  case VMXSIM_SCENARIO_ENTRY:
    item->number = yaml_is_word(node, "vmresume");
    if (item->number || yaml_is_word(node, "vmlaunch")) return VMXSIM_OK;
    return yaml_expected(reader->reader.diagnostic, node, "vmlaunch or vmresume");
  case VMXSIM_SCENARIO_EXIT: return read_reason(reader, node, &item->number);
  case VMXSIM_SCENARIO_VMFAIL:
    if (yaml_is_word(node, "invalid")) return VMXSIM_OK;
    return yaml_number(reader->reader.diagnostic, node, 8, "a VM-instruction error, or `invalid`", &item->number);
  case VMXSIM_SCENARIO_REACHED: return scenario_place(reader, node, &item->number);
  case VMXSIM_SCENARIO_INJECTED:
  case VMXSIM_SCENARIO_EXCEPTION:
  case VMXSIM_SCENARIO_INTERRUPT:
  case VMXSIM_SCENARIO_FAULT: return read_vector(reader, node, &item->number);
  default: return yaml_expected(reader->reader.diagnostic, node, "nothing behind it");
  }
}

static vmxsim_status name_item(struct scenario_reader *reader, const struct event_word *word,
                               const struct yaml_node *value, struct scenario_expectation *item) {
  char text[120];
  snprintf(text, sizeof text, "%s%s%.80s", word->name, item->any_number ? "" : " ",
           item->any_number ? "" : value->text);
  item->name = document_string(reader->reader.document, text, strlen(text));
  return item->name ? VMXSIM_OK : diagnose_no_memory(reader->reader.diagnostic);
}

static vmxsim_status read_event(struct scenario_reader *reader, const struct event_word *word,
                                const struct yaml_node *value, struct scenario_expectation *item) {
  item->kind = word->kind;
  const vmxsim_status status = read_number(reader, value, item);
  return status ? status : name_item(reader, word, value, item);
}

static vmxsim_status read_vcpu(struct scenario_reader *reader, const struct yaml_node *node,
                               struct scenario_expectation *item) {
  uint64_t vcpu = 0;
  const vmxsim_status status = scenario_number(reader, node, 8, "the number of a processor", &vcpu);
  item->any_vcpu = false;
  item->vcpu = (unsigned)vcpu;
  if (status || vcpu < reader->scenario->vcpus) return status;
  return yaml_expected(reader->reader.diagnostic, node, "a processor of the scenario (`vcpus`)");
}

/* As many values as there can be in a mapping: one a key, but one an address of `memory`. */
static size_t most_values(const struct yaml_node *node) {
  size_t count = node->count;
  for (const struct yaml_node *key = node->first; key; key = key->next->next) count += key->next->count;
  return count;
}

static vmxsim_status read_mapping(struct scenario_reader *reader, const struct yaml_node *node,
                                  struct scenario_expectation *item) {
  struct value_check *checks = document_allocate(reader->reader.document, most_values(node) + 1, sizeof *checks);
  if (!checks) return diagnose_no_memory(reader->reader.diagnostic);
  item->values = checks;
  vmxsim_status status = VMXSIM_OK;
  for (const struct yaml_node *key = node->first; !status && key; key = key->next->next) {
    const struct event_word *word = event_of(key);
    if (word && item->kind != EXPECT_STATE) return yaml_expected(reader->reader.diagnostic, key, "one event an item");
    if (word)
      status = read_event(reader, word, key->next, item);
    else if (yaml_is_word(key, "vcpu"))
      status = read_vcpu(reader, key->next, item);
    else
      status = read_value(reader, key, checks, &item->value_count);
  }
  return status;
}

static vmxsim_status read_item(struct scenario_reader *reader, const struct yaml_node *node,
                               struct scenario_expectation *item) {
  *item = (struct scenario_expectation){.line = node->line, .kind = EXPECT_STATE, .name = "state", .any_vcpu = true};
  if (node->kind == NODE_MAPPING) return read_mapping(reader, node, item);
  const struct event_word *word = event_of(node);
  struct nearest list;
  if (word) {
    const struct yaml_node nothing = {.kind = NODE_SCALAR, .line = node->line, .column = node->column, .text = ""};
    return read_event(reader, word, &nothing, item);
  }
  nearest_begin(&list, 2);
  for (size_t i = 0; node->kind == NODE_SCALAR && i < EVENT_WORDS; i++) {
    nearest_offer(&list, words[i].name, node->text, node->length);
  }
  return yaml_unknown_name(reader->reader.diagnostic, node, "an event, or a mapping of what is expected", &list);
}

vmxsim_status scenario_expectations(struct scenario_reader *reader, const struct yaml_node *node,
                                    const struct scenario_expectation **items, size_t *count) {
  const bool list = node->kind == NODE_SEQUENCE;
  const size_t number = list ? node->count : 1;
  struct scenario_expectation *made = document_allocate(reader->reader.document, number + 1, sizeof *made);
  if (!made) return diagnose_no_memory(reader->reader.diagnostic);
  *items = made;
  *count = number;
  vmxsim_status status = VMXSIM_OK;
  const struct yaml_node *item = list ? node->first : node;
  for (size_t n = 0; !status && n < number; n++, item = item->next) status = read_item(reader, item, &made[n]);
  return status;
}
