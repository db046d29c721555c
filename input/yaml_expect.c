/* What a vector expects: outcomes and checks. */
#include <string.h>

#include "scalar.h"
#include "vmcs/characters.h"
#include "vmcs/names.h"
#include "yaml_case.h"
#include "yaml_diagnose.h"

/* An outcome as it is written: its letters run together, and its numbers. */
struct phrase {
  char letters[40];
  size_t length;
  uint64_t number[2];
  size_t numbers;
};

/* Takes "exit 33, qualification 4" apart. False if there is too much of it. */
static bool split(const char *text, size_t length, struct phrase *phrase) {
  *phrase = (struct phrase){.length = 0};
  for (size_t i = 0; i < length;) {
    size_t end = i;
    if (text_is_letter(text[i])) {
      if (phrase->length + 1 == sizeof phrase->letters) return false;
      phrase->letters[phrase->length++] = text[i++];
    } else if (text_is_decimal(text[i])) {
      while (end < length && (text_is_decimal(text[end]) || text_is_letter(text[end]))) end++;
      if (phrase->numbers == 2) return false;
      if (scalar_number(text + i, end - i, 32, &phrase->number[phrase->numbers++]) != SCALAR_NUMBER) return false;
      i = end;
    } else {
      if (!strchr(" #(),:-_", text[i])) return false;
      i++;
    }
  }
  return true;
}

static bool says(const struct phrase *phrase, const char *const *words) {
  for (; *words; words++) {
    if (names_equal(*words, phrase->letters, phrase->length)) return true;
  }
  return false;
}

/* Exit reason 33 with its qualification, or 34 with the number of the entry. */
static bool failed_entry(const struct phrase *phrase, struct vmxsim_outcome *outcome) {
  const uint64_t detail = phrase->numbers == 2 ? phrase->number[1] : 0;
  if (!phrase->numbers) return false;
  if (phrase->number[0] != 33 && (phrase->number[0] != 34 || !detail)) return false;
  outcome->kind = phrase->number[0] == 33 ? VMXSIM_ENTRY_EXIT_33 : VMXSIM_ENTRY_EXIT_34;
  outcome->number = (uint32_t)detail;
  return true;
}

static bool outcome_from_text(const char *text, size_t length, struct vmxsim_outcome *outcome) {
  static const struct {
    const char *words[4];
    enum vmxsim_outcome_kind kind;
  } plain[] = {
      {{"success", "succeeds", "entrysucceeds"}, VMXSIM_ENTRY_SUCCEEDS},
      {{"ud"}, VMXSIM_ENTRY_UD},
      {{"gp"}, VMXSIM_ENTRY_GP},
      {{"vmexit"}, VMXSIM_ENTRY_VM_EXIT},
      {{"vmfailinvalid"}, VMXSIM_ENTRY_FAIL_INVALID},
  };
  static const char *const fail[] = {"vmfail", "vmfailvalid", NULL};
  static const char *const entry_failure[] = {
      "exit", "exitreason", "exitqualification", "exitreasonqualification", "exitentry", "exitreasonentry", NULL};
  struct phrase phrase;
  if (!split(text, length, &phrase)) return false;
  *outcome = (struct vmxsim_outcome){.check = VMXSIM_NO_CHECK, .certain = true};
  if (says(&phrase, entry_failure)) return failed_entry(&phrase, outcome);
  if (says(&phrase, fail)) {
    outcome->kind = VMXSIM_ENTRY_FAIL_VALID;
    outcome->number = (uint32_t)phrase.number[0];
    return phrase.numbers == 1 && outcome->number;
  }
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    if (!says(&phrase, plain[i].words)) continue;
    outcome->kind = plain[i].kind;
    /* #GP(0) is the only one that may have a number. */
    return !phrase.numbers || (outcome->kind == VMXSIM_ENTRY_GP && phrase.numbers == 1 && !phrase.number[0]);
  }
  return false;
}

static vmxsim_status read_outcome(struct case_reader *reader, const struct yaml_node *node) {
  struct vmxsim_expectation *expect = &reader->subject->expect;
  const size_t most = sizeof expect->allowed / sizeof *expect->allowed;
  if (expect->allowed_count == most) return yaml_expected(reader->diagnostic, node, "at most 4 outcomes");
  if (yaml_is_nothing(node)) {
    return yaml_expected(reader->diagnostic, node, "an outcome (one that begins with # needs quotes: \"#UD\")");
  }
  struct vmxsim_outcome *outcome = &expect->allowed[expect->allowed_count];
  if (node->kind != NODE_SCALAR || !outcome_from_text(node->text, node->length, outcome)) {
    return yaml_expected(reader->diagnostic, node,
                         "an outcome (\"success\", \"#UD\", \"#GP\", \"vm exit\", \"vmfail invalid\", \"vmfail 7\", "
                         "\"exit 33\", \"exit 33, 4\", \"exit 34, 2\")");
  }
  expect->allowed_count++;
  return VMXSIM_OK;
}

vmxsim_status yaml_case_expect(struct case_reader *reader, const struct yaml_node *node) {
  if (node->kind != NODE_SEQUENCE) return read_outcome(reader, node);
  if (!node->count) return yaml_expected(reader->diagnostic, node, "at least one outcome");
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    const vmxsim_status status = read_outcome(reader, item);
    if (status) return status;
  }
  return VMXSIM_OK;
}

static vmxsim_status unknown_check(const struct case_reader *reader, const struct yaml_node *node) {
  struct nearest list;
  nearest_begin(&list, 2);
  struct vmxsim_check_info info;
  for (vmxsim_check check = 0; vmxsim_check_describe(check, &info); check++) {
    nearest_offer(&list, info.id, node->text, node->length);
  }
  return yaml_unknown_name(reader->diagnostic, node, "the id of a check", &list);
}

vmxsim_status yaml_case_check(struct case_reader *reader, const struct yaml_node *node, vmxsim_check *check) {
  if (node->kind != NODE_SCALAR || !node->length) return yaml_expected(reader->diagnostic, node, "the id of a check");
  *check = vmxsim_check_find(node->text, node->length);
  return *check == VMXSIM_NO_CHECK ? unknown_check(reader, node) : VMXSIM_OK;
}

vmxsim_status yaml_case_checks(struct case_reader *reader, const struct yaml_node *node, const vmxsim_check **checks,
                               size_t *count) {
  const bool single = node->kind == NODE_SCALAR;
  const size_t most = single ? 1 : node->count;
  vmxsim_check *list = document_allocate(reader->document, most, sizeof *list);
  if (!list) return diagnose_no_memory(reader->diagnostic);
  *checks = list;
  *count = 0;
  if (yaml_is_nothing(node)) return VMXSIM_OK;
  for (const struct yaml_node *id = single ? node : node->first; id; id = single ? NULL : id->next) {
    const vmxsim_status status = yaml_case_check(reader, id, &list[*count]);
    if (status) return status;
    ++*count;
    if (node->kind != NODE_MAPPING) continue;
    id = id->next;
    if (id->kind != NODE_SCALAR) return yaml_expected(reader->diagnostic, id, "the reason, in words");
  }
  return VMXSIM_OK;
}
