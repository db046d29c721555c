/* A report for programs: docs/json.md. */
#include "cli/report.h"

#include <string.h>

#include "cli/values.h"

static const char *outcome_name(enum vmxsim_outcome_kind kind) {
  switch (kind) {
  case VMXSIM_ENTRY_SUCCEEDS: return "succeeds";
  case VMXSIM_ENTRY_UD: return "ud";
  case VMXSIM_ENTRY_GP: return "gp";
  case VMXSIM_ENTRY_VM_EXIT: return "vm_exit";
  case VMXSIM_ENTRY_FAIL_INVALID: return "fail_invalid";
  case VMXSIM_ENTRY_FAIL_VALID: return "fail_valid";
  case VMXSIM_ENTRY_EXIT_33: return "exit_33";
  case VMXSIM_ENTRY_EXIT_34: return "exit_34";
  }
  return "unknown";
}

static void put_outcome(struct json *json, const char *name, const struct vmxsim_outcome *outcome,
                        const bool *certain) {
  char text[300];
  vmxsim_outcome_text(outcome, text, sizeof text);
  json_object(json, name);
  json_string(json, "kind", outcome_name(outcome->kind));
  json_number(json, "number", outcome->number);
  if (certain) json_bool(json, "certain", *certain);
  json_string(json, "text", text);
  json_close(json, '}');
}

static void put_fields(const struct report *report, struct json *json, vmxsim_check check) {
  json_array(json, "fields");
  for (unsigned input = 0; input < VMXSIM_FIELD_COUNT; input++) {
    const vmxsim_field field = (vmxsim_field)input;
    char text[VALUE_TEXT_BYTES];
    if (!vmxsim_check_reads(check, input)) continue;
    json_object(json, NULL);
    json_string(json, "name", vmxsim_field_name(field));
    json_hex(json, "encoding", vmxsim_field_encoding(field), 4);
    if (vmxsim_vmcs_is_known(&report->vmcs, field)) {
      const uint64_t value = vmxsim_vmcs_get(&report->vmcs, field);
      field_value_text(field, value, text, sizeof text);
      json_hex(json, "value", value, vmxsim_field_bits(field) / 4);
      json_string(json, "meaning", text);
    } else {
      json_null(json, "value");
    }
    json_close(json, '}');
  }
  json_close(json, ']');
}

static void put_broken(const struct report *report, struct json *json, vmxsim_check check) {
  char text[2000];
  struct vmxsim_check_info info;
  struct vmxsim_finding finding;
  vmxsim_check_describe(check, &info);
  vmxsim_check_one(&report->input, check, &finding);
  json_object(json, NULL);
  json_string(json, "id", info.id);
  json_string(json, "group", info.group);
  json_string(json, "section", info.section);
  json_string(json, "rule", info.rule);
  put_outcome(json, "outcome", &(struct vmxsim_outcome){.kind = info.outcome, .number = info.outcome_number}, NULL);
  put_fields(report, json, check);
  if (finding.msr_load_entry) json_number(json, "msr_load_entry", finding.msr_load_entry);
  vmxsim_check_message(&report->input, check, text, sizeof text);
  json_string(json, "message", text);
  vmxsim_check_hint(&report->input, check, text, sizeof text);
  json_string(json, "hint", text);
  json_close(json, '}');
}

static void put_inputs(const struct report *report, struct json *json, const char *name, const uint64_t *set,
                       bool assumed) {
  json_array(json, name);
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    uint64_t value;
    if (!input_set_has(set, input) || report_is_assumed(report, input, &value) != assumed) continue;
    json_string(json, NULL, vmxsim_input_name(input));
  }
  json_close(json, ']');
}

static void put_undecided(const struct report *report, struct json *json, vmxsim_check check) {
  struct vmxsim_check_info info;
  struct vmxsim_finding finding;
  vmxsim_check_describe(check, &info);
  vmxsim_check_one(&report->input, check, &finding);
  json_object(json, NULL);
  json_string(json, "id", info.id);
  json_bool(json, "broken_if_assumed", finding.result == VMXSIM_CHECK_BROKEN_IF_ASSUMED);
  put_inputs(report, json, "missing", finding.missing, false);
  put_inputs(report, json, "assuming", finding.missing, true);
  json_array(json, "broken_on");
  for (unsigned n = 0; n < CANDIDATES_MAX && report->candidates[n]; n++) {
    if ((finding.broken_on >> n) & 1) json_string(json, NULL, report->candidates[n]->name);
  }
  json_close(json, ']');
  json_close(json, '}');
}

static void put_assumptions(const struct report *report, struct json *json) {
  const struct vmxsim_processor_state *state = report->input.state;
  json_array(json, "assumptions");
  for (unsigned item = 0; item < VMXSIM_PROCESSOR_ITEM_COUNT; item++) {
    if (!((state->assumed >> item) & 1)) continue;
    json_object(json, NULL);
    json_string(json, "name", vmxsim_processor_item_name(item));
    json_hex(json, "value", state->item[item], 1);
    json_close(json, '}');
  }
  json_close(json, ']');
}

static void put_reported(const struct report *report, struct json *json) {
  if (report->agreement == SAYS_NOTHING) {
    json_null(json, "reported");
    json_null(json, "agrees");
    return;
  }
  put_outcome(json, "reported", &report->reported, NULL);
  json_bool(json, "agrees", report->agreement != SAYS_OTHERWISE);
}

void report_json(const struct report *report, struct json *json, const struct report_style *style) {
  const struct vmxsim_case *subject = report->subject;
  char title[300];
  report_case_title(report, title, sizeof title);
  json_object(json, NULL);
  json_string(json, "file", report->file);
  json_string(json, "case", title);
  json_number(json, "line", subject->line);
  json_string(json, "format", subject->format);
  json_string(json, "processor", report->processor);
  put_outcome(json, "outcome", &report->outcome, &report->outcome.certain);
  put_reported(report, json);
  json_array(json, "broken");
  vmxsim_check check = vmxsim_next_broken(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(&report->verdict, check + 1)) {
    put_broken(report, json, check);
    if (style->first) break;
  }
  json_close(json, ']');
  json_array(json, "undecided");
  check = vmxsim_next_undecided(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(&report->verdict, check + 1)) {
    put_undecided(report, json, check);
  }
  json_close(json, ']');
  put_assumptions(report, json);
  json_number(json, "not_understood", subject->not_understood);
  json_array(json, "not_understood_lines");
  for (size_t n = 0; n < subject->not_understood && n < 16; n++)
    json_number(json, NULL, subject->not_understood_lines[n]);
  json_close(json, ']');
  json_array(json, "not_understood_names");
  for (size_t n = 0; n < subject->not_understood && n < 16; n++)
    json_string(json, NULL, subject->not_understood_names[n]);
  json_close(json, ']');
  json_close(json, '}');
}
