/* The steps of a scenario: one word, or a mapping of one action and what goes with it. */
#include <string.h>

#include "scenario_read.h"
#include "vmcs/names.h"

/* What an action's value is. */
enum step_value { NOTHING, VECTOR, COUNT, VMCS_NAME, FIELDS, PIECES, REGISTERS, MSRS, UNTIL, INSTRUCTION };

static const struct step_word {
  const char *name;
  enum step_action action;
  enum step_value value;
} words[] = {
    {"vmxon", STEP_VMXON, NOTHING},
    {"vmxoff", STEP_VMXOFF, NOTHING},
    {"vmclear", STEP_VMCLEAR, VMCS_NAME},
    {"vmptrld", STEP_VMPTRLD, VMCS_NAME},
    {"vmwrite", STEP_VMWRITE, FIELDS},
    {"vmlaunch", STEP_VMLAUNCH, NOTHING},
    {"vmresume", STEP_VMRESUME, COUNT},
    {"skip", STEP_SKIP, NOTHING},
    {"run", STEP_RUN, UNTIL},
    {"interrupt", STEP_INTERRUPT, VECTOR},
    {"nmi", STEP_NMI, NOTHING},
    {"smi", STEP_SMI, NOTHING},
    {"init", STEP_INIT, NOTHING},
    {"sipi", STEP_SIPI, VECTOR},
    {"machine_check", STEP_MACHINE_CHECK, NOTHING},
    {"write", STEP_WRITE, PIECES},
    {"registers", STEP_REGISTERS, REGISTERS},
    {"wrmsr", STEP_WRMSR, MSRS},
    {"execute", STEP_EXECUTE, INSTRUCTION},
};
enum { WORDS = sizeof words / sizeof *words };

static const struct step_word *word_of(const struct yaml_node *node) {
  for (size_t i = 0; i < WORDS; i++) {
    if (names_equal(words[i].name, node->text, node->length)) return &words[i];
  }
  return NULL;
}

static vmxsim_status unknown_step(struct scenario_reader *reader, const struct yaml_node *node) {
  struct nearest list;
  nearest_begin(&list, 2);
  for (size_t i = 0; node->kind == NODE_SCALAR && i < WORDS; i++) {
    nearest_offer(&list, words[i].name, node->text, node->length);
  }
  return yaml_unknown_name(reader->reader.diagnostic, node, "a step", &list);
}

vmxsim_status scenario_place(struct scenario_reader *reader, const struct yaml_node *node, uint64_t *linear) {
  const vmxsim_status status = scenario_number(reader, node, 64, "a label or an address", linear);
  if (status) return status;
  for (size_t n = 0; n < reader->scenario->vmcs_count; n++) {
    if (symbols_find(&reader->guest[n], node->text, node->length)) {
      *linear += reader->scenario->vmcss[n].guest.base;
      return VMXSIM_OK;
    }
  }
  return VMXSIM_OK;
}

static vmxsim_status read_vmcs_name(struct scenario_reader *reader, const struct yaml_node *node,
                                    struct scenario_step *step) {
  const struct vmxsim_scenario *scenario = reader->scenario;
  if (!scenario->vmcs_count) return yaml_expected(reader->reader.diagnostic, node, "`vmcs` in the scenario");
  if (yaml_is_nothing(node) || yaml_is_word(node, "yes")) return VMXSIM_OK;
  for (size_t n = 0; node->kind == NODE_SCALAR && n < scenario->vmcs_count; n++) {
    if (strcmp(scenario->vmcss[n].name, node->text) != 0) continue;
    step->number = n;
    return VMXSIM_OK;
  }
  if (node->kind == NODE_SCALAR && node->text[0] >= '0' && node->text[0] <= '9') {
    step->by_address = true;
    return scenario_number(reader, node, 64, "an address", &step->number);
  }
  return yaml_unknown_name(reader->reader.diagnostic, node, "the name of a VMCS, or an address", NULL);
}

typedef vmxsim_status case_part(struct case_reader *reader, const struct yaml_node *node);

/* What a case can have stands in a step as well: read into a case of its own. */
static vmxsim_status read_case_part(struct scenario_reader *reader, const struct yaml_node *node, case_part *read,
                                    struct vmxsim_case *subject) {
  struct vmxsim_case *const before = reader->reader.subject;
  reader->reader.subject = subject;
  const vmxsim_status status = read(&reader->reader, node);
  reader->reader.subject = before;
  return status;
}

static vmxsim_status read_fields(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct scenario_step *step) {
  struct vmxsim_case subject = {0};
  if (reader->scenario->vmcs_count) subject.base = reader->scenario->vmcss[0].subject.base;
  const vmxsim_status status = read_case_part(reader, node, yaml_case_vmcs, &subject);
  step->fields = subject.values;
  step->count = subject.value_count;
  return status;
}

static vmxsim_status read_pieces(struct scenario_reader *reader, const struct yaml_node *node,
                                 struct scenario_step *step) {
  struct vmxsim_case subject = {0};
  const vmxsim_status status = read_case_part(reader, node, yaml_case_memory, &subject);
  step->memory = subject.memory;
  step->count = subject.memory_count;
  return status;
}

static vmxsim_status read_msrs(struct scenario_reader *reader, const struct yaml_node *node,
                               struct scenario_step *step) {
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping of MSRs to values");
  struct scenario_msr *msr = document_allocate(reader->reader.document, node->count + 1, sizeof *msr);
  if (!msr) return diagnose_no_memory(reader->reader.diagnostic);
  step->msrs = msr;
  step->count = node->count;
  for (const struct yaml_node *key = node->first; key; key = key->next->next, msr++) {
    uint64_t index = 0;
    vmxsim_status status = yaml_number(reader->reader.diagnostic, key, 32, "the number of an MSR", &index);
    if (!status) status = scenario_number(reader, key->next, 64, "a value", &msr->value);
    if (status) return status;
    msr->index = (uint32_t)index;
  }
  return VMXSIM_OK;
}

/* It is assembled when its turn comes, at its place; here only to see that it can be. */
static vmxsim_status read_executed(struct scenario_reader *reader, const struct yaml_node *node,
                                   struct scenario_step *step) {
  const enum scenario_mode mode = reader->scenario->host.mode;
  const struct vmxsim_assembler_options options = {.size = sizeof options,
                                                   .bits = mode == MODE_64   ? 64
                                                           : mode == MODE_16 ? 16
                                                                             : 32,
                                                   .first_line = node->line,
                                                   .first_column = node->column + node->quoted};
  struct vmxsim_assembly *assembly;
  vmxsim_status status = scenario_text(reader, node, "an instruction", &step->instruction);
  if (status) return status;
  status = vmxsim_assemble(node->text, node->length, &options, &assembly, reader->reader.diagnostic);
  if (status) return status;
  const bool one = assembly->piece_count == 1 && assembly->pieces[0].size < 16 && node->length < 80;
  vmxsim_assembly_free(assembly);
  return one ? VMXSIM_OK : yaml_expected(reader->reader.diagnostic, node, "one short instruction");
}

static vmxsim_status read_until(struct scenario_reader *reader, const struct yaml_node *node,
                                struct scenario_step *step) {
  if (yaml_is_nothing(node) || yaml_is_word(node, "yes")) return VMXSIM_OK;
  step->until_given = true;
  return scenario_place(reader, node, &step->until);
}

static vmxsim_status read_value(struct scenario_reader *reader, enum step_value kind, const struct yaml_node *node,
                                struct scenario_step *step) {
  const bool nothing = yaml_is_nothing(node);
  switch (kind) {
  case NOTHING:
    return nothing || yaml_is_word(node, "yes") ? VMXSIM_OK
                                                : yaml_expected(reader->reader.diagnostic, node, "nothing behind it");
  case VECTOR: return scenario_number(reader, node, 8, "a vector", &step->number);
  case COUNT:
    step->number = 1;
    return nothing || yaml_is_word(node, "yes") ? VMXSIM_OK
                                                : scenario_number(reader, node, 20, "how many times", &step->number);
  case VMCS_NAME: return read_vmcs_name(reader, node, step);
  case FIELDS: return read_fields(reader, node, step);
  case PIECES: return read_pieces(reader, node, step);
  case REGISTERS: return scenario_registers(reader, node, &step->registers, &step->count);
  case MSRS: return read_msrs(reader, node, step);
  case UNTIL: return read_until(reader, node, step);
  case INSTRUCTION: return read_executed(reader, node, step);
  }
  return VMXSIM_OK;
}

/* `at: LABEL` or `at: {cycle: N}` */
static vmxsim_status read_at(struct scenario_reader *reader, const struct yaml_node *node, struct scenario_step *step) {
  if (node->kind == NODE_MAPPING && node->count == 1 && yaml_is_word(node->first, "cycle")) {
    step->at_cycle = true;
    return scenario_number(reader, node->first->next, 62, "a cycle", &step->at);
  }
  step->at_label = true;
  return scenario_place(reader, node, &step->at);
}

static vmxsim_status read_modifier(struct scenario_reader *reader, const struct yaml_node *key,
                                   struct scenario_step *step) {
  uint64_t vcpu = 0;
  if (yaml_is_word(key, "at")) return read_at(reader, key->next, step);
  if (yaml_is_word(key, "skip")) return scenario_flag(reader, key->next, &step->skip);
  if (yaml_is_word(key, "wait")) {
    bool wait = true;
    const vmxsim_status status = scenario_flag(reader, key->next, &wait);
    step->background = !wait;
    return status;
  }
  if (!yaml_is_word(key, "vcpu")) return unknown_step(reader, key);
  const vmxsim_status status = scenario_number(reader, key->next, 8, "the number of a processor", &vcpu);
  step->vcpu = (unsigned)vcpu;
  if (status || vcpu < reader->scenario->vcpus) return status;
  return yaml_expected(reader->reader.diagnostic, key->next, "a processor of the scenario (`vcpus`)");
}

static bool is_modifier(const struct yaml_node *key, bool has_action) {
  return yaml_is_word(key, "at") || yaml_is_word(key, "vcpu") || yaml_is_word(key, "wait") ||
         (has_action && yaml_is_word(key, "skip"));
}

static bool can_wait(enum step_action action) {
  return action >= STEP_INTERRUPT && action <= STEP_REGISTERS;
}

static vmxsim_status read_mapping(struct scenario_reader *reader, const struct yaml_node *node,
                                  struct scenario_step *step) {
  const struct step_word *word = NULL;
  vmxsim_status status = VMXSIM_OK;
  for (const struct yaml_node *key = node->first; !status && key; key = key->next->next) {
    if (is_modifier(key, word != NULL)) {
      status = read_modifier(reader, key, step);
      continue;
    }
    if (word) return yaml_expected(reader->reader.diagnostic, key, "one action a step");
    word = word_of(key);
    if (!word) return unknown_step(reader, key);
    step->action = word->action;
    status = read_value(reader, word->value, key->next, step);
  }
  if (status) return status;
  if (!word) return yaml_expected(reader->reader.diagnostic, node, "an action in the step");
  if ((step->at_label || step->at_cycle) && !can_wait(step->action)) {
    return yaml_expected(reader->reader.diagnostic, node, "`at` only with an interrupt, a signal or a write");
  }
  return VMXSIM_OK;
}

static vmxsim_status read_step(struct scenario_reader *reader, const struct yaml_node *node,
                               struct scenario_step *step) {
  *step = (struct scenario_step){.line = node->line};
  if (node->kind == NODE_MAPPING) return read_mapping(reader, node, step);
  if (node->kind != NODE_SCALAR) return yaml_expected(reader->reader.diagnostic, node, "a step");
  const struct step_word *word = word_of(node);
  const struct yaml_node nothing = {.kind = NODE_SCALAR, .line = node->line, .column = node->column, .text = ""};
  if (!word) return unknown_step(reader, node);
  step->action = word->action;
  if (word->value == NOTHING || word->value == COUNT || word->value == UNTIL || word->value == VMCS_NAME) {
    return read_value(reader, word->value, &nothing, step);
  }
  return yaml_expected(reader->reader.diagnostic, node, "a value behind this step");
}

/* Without steps, the VMCS is launched, or the host's code runs. */
static vmxsim_status default_step(struct scenario_reader *reader, struct scenario_step *step) {
  *step = (struct scenario_step){.action = reader->scenario->vmcs_count && !reader->scenario->host.given ? STEP_VMLAUNCH
                                                                                                         : STEP_RUN};
  return VMXSIM_OK;
}

vmxsim_status scenario_steps(struct scenario_reader *reader, const struct yaml_node *node) {
  const bool list = node && node->kind == NODE_SEQUENCE;
  const size_t count = list ? node->count : 1;
  struct scenario_step *steps = document_allocate(reader->reader.document, count + 1, sizeof *steps);
  if (!steps) return diagnose_no_memory(reader->reader.diagnostic);
  reader->scenario->steps = steps;
  reader->scenario->step_count = count;
  if (!node) return default_step(reader, steps);
  vmxsim_status status = VMXSIM_OK;
  const struct yaml_node *item = list ? node->first : node;
  for (size_t n = 0; !status && n < count; n++, item = item->next) status = read_step(reader, item, &steps[n]);
  return status;
}
