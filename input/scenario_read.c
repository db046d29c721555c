/* Scenarios out of YAML: the keys of a scenario, in the order in which they take effect; code comes before the VMCS,
 * whose fields may name its labels, and steps and expectations come last. docs/scenarios.md is the schema.
 */
#include "scenario_read.h"

#include <string.h>

#include "scalar.h"
#include "vmcs/names.h"

enum { CYCLES_DEFAULT = 1000000 };

/* --- what all parts use --- */

static vmxsim_status unknown_key(struct scenario_reader *reader, const struct yaml_node *key,
                                 const struct scenario_key *keys, size_t count, const char *what) {
  struct nearest list;
  nearest_begin(&list, 2);
  for (size_t i = 0; i < count; i++) nearest_offer(&list, keys[i].name, key->text, key->length);
  return yaml_unknown_name(reader->reader.diagnostic, key, what, &list);
}

vmxsim_status scenario_find(struct scenario_reader *reader, const struct yaml_node *node,
                            const struct scenario_key *keys, size_t count, const char *what,
                            const struct yaml_node **found) {
  for (size_t i = 0; i < count; i++) found[i] = NULL;
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping");
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    size_t i = 0;
    while (i < count && !names_equal(keys[i].name, key->text, key->length)) i++;
    if (i == count) return unknown_key(reader, key, keys, count, what);
    if (found[i]) return yaml_given_twice(reader->reader.diagnostic, key, "key", found[i]->line, found[i]->column);
    found[i] = key->next;
  }
  return VMXSIM_OK;
}

enum { KEYS_MAX = 32 };

vmxsim_status scenario_read_keys(struct scenario_reader *reader, const struct yaml_node *node,
                                 const struct scenario_key *keys, size_t count, const char *what, void *into) {
  const struct yaml_node *found[KEYS_MAX];
  vmxsim_status status = scenario_find(reader, node, keys, count, what, found);
  for (size_t i = 0; !status && i < count; i++) {
    if (found[i] && keys[i].read) status = keys[i].read(reader, found[i], into);
  }
  return status;
}

vmxsim_status scenario_text(struct scenario_reader *reader, const struct yaml_node *node, const char *what,
                            const char **text) {
  if (node->kind != NODE_SCALAR || !node->length) return yaml_expected(reader->reader.diagnostic, node, what);
  *text = document_string(reader->reader.document, node->text, node->length);
  return *text ? VMXSIM_OK : diagnose_no_memory(reader->reader.diagnostic);
}

vmxsim_status scenario_number(struct scenario_reader *reader, const struct yaml_node *node, unsigned bits,
                              const char *what, uint64_t *value) {
  return yaml_case_number(&reader->reader, node, bits, what, value);
}

vmxsim_status scenario_flag(struct scenario_reader *reader, const struct yaml_node *node, bool *flag) {
  uint64_t value = 0;
  if (node->kind != NODE_SCALAR || !scalar_truth(node->text, node->length, &value)) {
    return yaml_expected(reader->reader.diagnostic, node, "yes or no");
  }
  *flag = value;
  return VMXSIM_OK;
}

static bool add_labels(struct symbol_table *to, const struct symbol_table *from, const char *before) {
  for (const struct symbol *symbol = from->first; symbol; symbol = symbol->next) {
    char name[200];
    const size_t length = strlen(before);
    if (length + symbol->length >= sizeof name) continue;
    memcpy(name, before, length);
    memcpy(name + length, symbol->label.name, symbol->length);
    if (symbols_find(to, name, length + symbol->length)) continue;
    if (!symbols_add(to, name, length + symbol->length, symbol->label.value)) return false;
  }
  return true;
}

/* --- the VMCS --- */

static vmxsim_status read_template(struct scenario_reader *reader, const struct yaml_node *node,
                                   struct scenario_vmcs *vmcs) {
  if (!node || yaml_is_word(node, "none")) return VMXSIM_OK;
  const struct vmxsim_template *template;
  if (node->kind == NODE_SCALAR && (vmcs->subject.base = vmxsim_template_find(node->text, node->length))) {
    return VMXSIM_OK;
  }
  struct nearest list;
  nearest_begin(&list, 2);
  for (size_t i = 0; node->kind == NODE_SCALAR && (template = vmxsim_template_at(i)); i++) {
    nearest_offer(&list, template->name, node->text, node->length);
  }
  return yaml_unknown_name(reader->reader.diagnostic, node, "the name of a template", &list);
}

static const struct yaml_node *value_of(const struct yaml_node *node, const char *name) {
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    if (names_equal(name, key->text, key->length)) return key->next;
  }
  return NULL;
}

static uint64_t template_field(const struct scenario_vmcs *vmcs, vmxsim_field field) {
  return vmcs->subject.base ? vmxsim_vmcs_get(&vmcs->subject.base->vmcs, field) : 0;
}

/* The mode and place of guest code that are the template's. */
static void guest_defaults(struct scenario_vmcs *vmcs) {
  const uint64_t rights = template_field(vmcs, VMXSIM_FIELD_guest_cs_access_rights);
  const bool pae = template_field(vmcs, VMXSIM_FIELD_guest_cr4) & 1 << 5;
  vmcs->guest.mode = !vmcs->subject.base || (rights & 1 << 13) ? MODE_64
                     : !(rights & 1 << 14)                     ? MODE_16
                     : pae                                     ? MODE_PAE
                                                               : MODE_32;
  vmcs->guest.at = vmcs->subject.base ? template_field(vmcs, VMXSIM_FIELD_guest_rip) : 0x100000;
  vmcs->guest.base = vmcs->guest.mode == MODE_64 ? 0 : template_field(vmcs, VMXSIM_FIELD_guest_cs_base);
  vmcs->guest.start = vmcs->guest.at;
}

/* Guest RIP is where the code starts, unless it is given. */
static vmxsim_status give_start(struct scenario_reader *reader, const struct scenario_vmcs *vmcs) {
  struct case_reader *values = &reader->reader;
  if (!vmcs->guest.given || values->place[VMXSIM_FIELD_guest_rip]) return VMXSIM_OK;
  if (!document_grow(values->document, &values->values, &values->value_capacity, values->value_count,
                     sizeof *values->values)) {
    return diagnose_no_memory(values->diagnostic);
  }
  values->values[values->value_count] =
      (struct vmxsim_field_value){.field = VMXSIM_FIELD_guest_rip, .value = vmcs->guest.start};
  values->place[VMXSIM_FIELD_guest_rip] = (uint16_t)++values->value_count;
  return VMXSIM_OK;
}

static bool is_own_key(const struct yaml_node *key) {
  static const char *const names[] = {"template", "name", "vcpu", "guest"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (names_equal(names[i], key->text, key->length)) return true;
  }
  return false;
}

static vmxsim_status read_fields(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct scenario_vmcs *vmcs) {
  vmxsim_status status = VMXSIM_OK;
  reader->reader.subject = &vmcs->subject;
  reader->reader.value_count = 0;
  for (const struct yaml_node *key = node->first; !status && key; key = key->next->next) {
    if (!is_own_key(key)) status = yaml_case_field(&reader->reader, key);
  }
  if (!status) status = give_start(reader, vmcs);
  return yaml_case_keep(&reader->reader, status);
}

/* All but the fields: what the code needs. */
static vmxsim_status read_vmcs_head(struct scenario_reader *reader, const struct yaml_node *node, size_t number) {
  struct scenario_vmcs *vmcs = &reader->scenario->vmcss[number];
  uint64_t vcpu = 0;
  if (node->kind != NODE_MAPPING) {
    return yaml_expected(reader->reader.diagnostic, node, "a mapping of `template` and VMCS fields");
  }
  const struct yaml_node *name = value_of(node, "name"), *on = value_of(node, "vcpu"), *code = value_of(node, "guest");
  vmxsim_status status = read_template(reader, value_of(node, "template"), vmcs);
  vmcs->name = "";
  if (!status && name) status = scenario_text(reader, name, "the name of the VMCS", &vmcs->name);
  if (!status && on) status = scenario_number(reader, on, 8, "the number of a processor", &vcpu);
  if (!status && vcpu >= reader->scenario->vcpus) {
    return yaml_expected(reader->reader.diagnostic, on, "a processor of the scenario (`vcpus`)");
  }
  vmcs->vcpu = (unsigned)vcpu;
  guest_defaults(vmcs);
  return !status && code ? scenario_code(reader, code, &reader->guest[number], &vmcs->guest) : status;
}

static vmxsim_status make_vmcss(struct scenario_reader *reader, const struct yaml_node *node) {
  struct vmxsim_scenario *scenario = reader->scenario;
  scenario->vmcs_count = node->kind == NODE_SEQUENCE ? node->count : 1;
  if (!scenario->vmcs_count || scenario->vmcs_count > SCENARIO_VMCSS_MAX) {
    return yaml_expected(reader->reader.diagnostic, node, "one to eight VMCSs");
  }
  scenario->vmcss = document_allocate(reader->reader.document, scenario->vmcs_count, sizeof *scenario->vmcss);
  if (!scenario->vmcss) return diagnose_no_memory(reader->reader.diagnostic);
  memset(scenario->vmcss, 0, scenario->vmcs_count * sizeof *scenario->vmcss);
  size_t number = 0;
  const struct yaml_node *item = node->kind == NODE_SEQUENCE ? node->first : node;
  vmxsim_status status = VMXSIM_OK;
  for (; !status && number < scenario->vmcs_count; item = item->next) status = read_vmcs_head(reader, item, number++);
  return status;
}

static vmxsim_status read_all_fields(struct scenario_reader *reader, const struct yaml_node *node) {
  struct vmxsim_scenario *scenario = reader->scenario;
  const struct yaml_node *item = node->kind == NODE_SEQUENCE ? node->first : node;
  vmxsim_status status = VMXSIM_OK;
  for (size_t number = 0; !status && number < scenario->vmcs_count; item = item->next, number++) {
    struct symbol_table names = {.arena = &reader->reader.document->arena};
    if (!add_labels(&names, &reader->guest[number], "") || !add_labels(&names, &reader->all, "")) {
      return diagnose_no_memory(reader->reader.diagnostic);
    }
    reader->reader.symbols = &names;
    status = read_fields(reader, item, &scenario->vmcss[number]);
    reader->reader.symbols = &reader->all;
  }
  return status;
}

/* --- the keys --- */

/* "16M", "1G", or a number of bytes. */
static vmxsim_status read_size(struct scenario_reader *reader, const struct yaml_node *node, uint64_t *bytes) {
  struct yaml_node number = *node;
  unsigned shift = 0;
  if (node->kind == NODE_SCALAR && node->length > 1) {
    const char unit = node->text[node->length - 1];
    shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
    if (shift) number.length--;
  }
  const vmxsim_status status = yaml_number(reader->reader.diagnostic, &number, 32, "a size, as 16M", bytes);
  *bytes <<= shift;
  if (status) return status;
  if (*bytes >= SCENARIO_RAM_DEFAULT && *bytes <= UINT64_C(3) << 30 && !(*bytes & 0xfff)) return VMXSIM_OK;
  return yaml_expected(reader->reader.diagnostic, node, "a size from 16M to 3G");
}

enum key {
  KEY_SCENARIO,
  KEY_ABOUT,
  KEY_CPU,
  KEY_VCPUS,
  KEY_RAM,
  KEY_CYCLES,
  KEY_TIMING,
  KEY_SETUP,
  KEY_GUEST,
  KEY_VMCS,
  KEY_HOST,
  KEY_MEMORY,
  KEY_REGISTERS,
  KEY_RUN,
  KEY_STEPS,
  KEY_EXPECT,
  KEY_NEVER,
  KEYS,
};

static const struct scenario_key keys[KEYS] = {
    {"scenario", NULL},  {"about", NULL}, {"cpu", NULL},   {"vcpus", NULL},  {"ram", NULL},   {"cycles", NULL},
    {"timing", NULL},    {"setup", NULL}, {"guest", NULL}, {"vmcs", NULL},   {"host", NULL},  {"memory", NULL},
    {"registers", NULL}, {"run", NULL},   {"steps", NULL}, {"expect", NULL}, {"never", NULL},
};

static vmxsim_status read_timing(struct scenario_reader *reader, const struct yaml_node *node,
                                 enum vmxsim_timing *timing) {
  static const char *const names[] = {"fixed", "latency", "memory"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (!yaml_is_word(node, names[i])) continue;
    *timing = (enum vmxsim_timing)i;
    return VMXSIM_OK;
  }
  return yaml_expected(reader->reader.diagnostic, node, "`fixed`, `latency` or `memory`");
}

static vmxsim_status read_head(struct scenario_reader *reader, const struct yaml_node *const *found) {
  struct vmxsim_scenario *scenario = reader->scenario;
  uint64_t vcpus = 1;
  reader->reader.subject = &scenario->subject;
  vmxsim_status status = scenario_text(reader, found[KEY_SCENARIO], "the name of the scenario", &scenario->name);
  if (!status && found[KEY_ABOUT]) status = scenario_text(reader, found[KEY_ABOUT], "a text", &scenario->about);
  if (!status && found[KEY_CPU]) status = yaml_case_cpu(&reader->reader, found[KEY_CPU]);
  if (!status && found[KEY_VCPUS]) status = scenario_number(reader, found[KEY_VCPUS], 8, "a number", &vcpus);
  if (!status && (vcpus < 1 || vcpus > SCENARIO_VCPUS_MAX)) {
    status = yaml_expected(reader->reader.diagnostic, found[KEY_VCPUS], "1 to 8 processors");
  }
  scenario->vcpus = (unsigned)vcpus;
  if (!status && found[KEY_RAM]) status = read_size(reader, found[KEY_RAM], &scenario->ram);
  if (!status && found[KEY_CYCLES])
    status = scenario_number(reader, found[KEY_CYCLES], 62, "cycles", &scenario->cycles);
  if (!status && found[KEY_TIMING]) status = read_timing(reader, found[KEY_TIMING], &scenario->timing);
  return !status && found[KEY_SETUP] ? scenario_flag(reader, found[KEY_SETUP], &scenario->setup) : status;
}

/* The host of the first VMCS, or a 64-bit one. */
static void host_defaults(struct vmxsim_scenario *scenario) {
  const struct scenario_vmcs *vmcs = scenario->vmcss;
  const bool is_64 = !vmcs || !vmcs->subject.base ||
                     (template_field(vmcs, VMXSIM_FIELD_vm_exit_controls) & 1 << 9); /* host address-space size */
  scenario->host.mode = is_64 ? MODE_64 : MODE_32;
}

/* Labels of the host and of every guest, plain where only one has them, and with the owner's name. */
static bool name_all(struct scenario_reader *reader) {
  char before[80];
  bool good = true;
  for (size_t n = 0; n < reader->scenario->vmcs_count; n++) {
    const char *name = reader->scenario->vmcss[n].name;
    const size_t length = strlen(name);
    if (!n) good &= add_labels(&reader->all, &reader->guest[n], "guest.");
    good &= add_labels(&reader->all, &reader->guest[n], "");
    if (!length || length + 2 > sizeof before) continue;
    memcpy(before, name, length);
    strcpy(before + length, ".");
    good &= add_labels(&reader->all, &reader->guest[n], before);
  }
  return good && add_labels(&reader->all, &reader->host, "") && add_labels(&reader->all, &reader->host, "host.");
}

static vmxsim_status read_code(struct scenario_reader *reader, const struct yaml_node *const *found) {
  struct vmxsim_scenario *scenario = reader->scenario;
  vmxsim_status status = found[KEY_VMCS] ? make_vmcss(reader, found[KEY_VMCS]) : VMXSIM_OK;
  if (status) return status;
  if (found[KEY_GUEST]) {
    if (!scenario->vmcs_count) return yaml_expected(reader->reader.diagnostic, found[KEY_GUEST], "`vmcs` with a guest");
    status = scenario_code(reader, found[KEY_GUEST], &reader->guest[0], &scenario->vmcss[0].guest);
  }
  host_defaults(scenario);
  for (size_t n = 0; n < scenario->vmcs_count; n++) {
    if (!n && !add_labels(&reader->host, &reader->guest[n], "guest.")) {
      return diagnose_no_memory(reader->reader.diagnostic);
    }
  }
  if (!status && found[KEY_HOST]) status = scenario_code(reader, found[KEY_HOST], &reader->host, &scenario->host);
  if (!status && !name_all(reader)) status = diagnose_no_memory(reader->reader.diagnostic);
  return status;
}

/* `registers` are those of the code that runs first: the guest's if there is one. */
static vmxsim_status read_registers(struct scenario_reader *reader, const struct yaml_node *node) {
  struct vmxsim_scenario *scenario = reader->scenario;
  struct scenario_code *code = scenario->vmcs_count ? &scenario->vmcss[0].guest : &scenario->host;
  return scenario_registers(reader, node, &code->registers, &code->register_count);
}

static vmxsim_status read_rest(struct scenario_reader *reader, const struct yaml_node *const *found) {
  struct vmxsim_scenario *scenario = reader->scenario;
  reader->reader.symbols = &reader->all;
  vmxsim_status status = found[KEY_VMCS] ? read_all_fields(reader, found[KEY_VMCS]) : VMXSIM_OK;
  reader->reader.subject = &scenario->subject;
  if (!status && found[KEY_MEMORY]) status = yaml_case_memory(&reader->reader, found[KEY_MEMORY]);
  if (!status && found[KEY_REGISTERS]) status = read_registers(reader, found[KEY_REGISTERS]);
  if (!status && found[KEY_RUN] && found[KEY_STEPS]) {
    status = yaml_expected(reader->reader.diagnostic, found[KEY_STEPS], "`run` or `steps`, not both");
  }
  if (!status) status = scenario_steps(reader, found[KEY_RUN] ? found[KEY_RUN] : found[KEY_STEPS]);
  if (!status && found[KEY_EXPECT]) {
    status = scenario_expectations(reader, found[KEY_EXPECT], &scenario->expects, &scenario->expect_count);
  }
  if (!status && found[KEY_NEVER]) {
    status = scenario_expectations(reader, found[KEY_NEVER], &scenario->nevers, &scenario->never_count);
  }
  for (size_t i = 0; !status && i < scenario->never_count; i++) {
    if (scenario->nevers[i].kind == EXPECT_STATE) {
      status = yaml_expected(reader->reader.diagnostic, found[KEY_NEVER], "items with an event");
    }
  }
  return status;
}

static vmxsim_status append(struct scenario_reader *reader) {
  vmxsim_document *document = reader->reader.document;
  if (!document_grow(document, &document->scenarios, &document->scenario_capacity, document->scenario_count,
                     sizeof *document->scenarios)) {
    return diagnose_no_memory(reader->reader.diagnostic);
  }
  document->scenarios[document->scenario_count++] = reader->scenario;
  return VMXSIM_OK;
}

vmxsim_status scenario_read(vmxsim_document *document, const char *text, size_t length, const struct yaml_node *root,
                            struct vmxsim_diagnostic *diagnostic) {
  const struct yaml_node *found[KEYS];
  struct scenario_reader *reader = document_allocate(document, 1, sizeof *reader);
  struct vmxsim_scenario *scenario = document_allocate(document, 1, sizeof *scenario);
  if (!reader || !scenario) return diagnose_no_memory(diagnostic);
  memset(reader, 0, sizeof *reader);
  *scenario = (struct vmxsim_scenario){
      .about = "", .line = root->line, .ram = SCENARIO_RAM_DEFAULT, .cycles = CYCLES_DEFAULT, .setup = true};
  reader->reader.document = document;
  reader->reader.diagnostic = diagnostic;
  reader->scenario = scenario;
  reader->text = text;
  reader->length = length;
  reader->host.arena = reader->all.arena = &document->arena;
  for (size_t n = 0; n < SCENARIO_VMCSS_MAX; n++) reader->guest[n].arena = &document->arena;
  vmxsim_status status = scenario_find(reader, root, keys, KEYS, "a key of a scenario", found);
  if (!status) status = read_head(reader, found);
  if (!status) status = read_code(reader, found);
  if (!status) status = read_rest(reader, found);
  return status ? status : append(reader);
}

const char *vmxsim_scenario_name(const vmxsim_scenario *scenario) {
  return scenario->name;
}

const char *vmxsim_scenario_about(const vmxsim_scenario *scenario) {
  return scenario->about;
}

unsigned vmxsim_scenario_line(const vmxsim_scenario *scenario) {
  return scenario->line;
}
