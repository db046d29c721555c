/* Evaluating one case for a report. */
#include "cli/report.h"

#include <string.h>

static void count_checks(struct report *report) {
  const struct vmxsim_verdict *verdict = &report->verdict;
  vmxsim_check check = vmxsim_next_broken(verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(verdict, check + 1)) report->broken++;
  check = vmxsim_next_undecided(verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(verdict, check + 1)) {
    report->undecided++;
    if (check < report->outcome.check) report->undecided_before++;
  }
}

static bool check_leads_to(vmxsim_check check, const struct vmxsim_outcome *outcome) {
  struct vmxsim_check_info info;
  if (!vmxsim_check_describe(check, &info) || info.outcome != outcome->kind) return false;
  return outcome->kind != VMXSIM_ENTRY_FAIL_VALID || info.outcome_number == outcome->number;
}

bool report_could_explain(const struct report *report, vmxsim_check check) {
  return check_leads_to(check, &report->reported);
}

/* Control and host-state checks may be made in either order: errors 7 and 8. */
static bool order_is_open(const struct vmxsim_outcome *a, const struct vmxsim_outcome *b) {
  return a->kind == VMXSIM_ENTRY_FAIL_VALID && b->kind == VMXSIM_ENTRY_FAIL_VALID &&
         (a->number == 7 || a->number == 8) && (b->number == 7 || b->number == 8);
}

static enum agreement agreement_of(const struct report *report) {
  const struct vmxsim_outcome *found = &report->outcome, *said = &report->reported;
  if (report->subject->reported_outcome_kind < 0) return SAYS_NOTHING;
  if (found->kind == said->kind && (found->kind != VMXSIM_ENTRY_FAIL_VALID || found->number == said->number)) {
    return SAYS_THE_SAME;
  }
  if (!order_is_open(found, said)) return SAYS_OTHERWISE;
  vmxsim_check check = vmxsim_next_broken(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(&report->verdict, check + 1)) {
    if (check_leads_to(check, said)) return SAYS_THE_OTHER_ORDER;
  }
  return SAYS_OTHERWISE;
}

static void choose_candidates(struct report *report) {
  struct vmxsim_check_input *input = &report->input;
  const struct vmxsim_profile *profile;
  size_t count = 0;
  for (size_t n = 0; count < CANDIDATES_MAX && (profile = vmxsim_profile_at(n)); n++) {
    if (!vmxsim_vmcs_fits(&report->vmcs, &profile->capabilities)) continue;
    report->candidates[count] = profile;
    report->candidate_capabilities[count++] = &profile->capabilities;
  }
  input->capabilities = report->candidate_capabilities;
  input->capabilities_count = count;
}

static void choose_processor(struct report *report, const struct target *target) {
  struct vmxsim_check_input *input = &report->input;
  if (target->given) {
    input->capabilities = &target->pointer;
    input->capabilities_count = 1;
    report->processor = target->spec;
  } else if (report->subject->processor) {
    report->processor = *report->subject->processor_name ? report->subject->processor_name : "as given";
  } else {
    choose_candidates(report);
  }
}

void report_make(struct report *report, const struct vmxsim_document *document, size_t n, const struct target *target) {
  memset(report, 0, sizeof *report);
  report->file = vmxsim_document_name(document);
  report->number = n + 1;
  report->count = vmxsim_document_count(document);
  report->subject = vmxsim_document_case(document, n);
  report->target = target;
  vmxsim_case_input(report->subject, &report->vmcs, &report->input);
  choose_processor(report, target);
  vmxsim_check_all(&report->input, &report->verdict);
  report->outcome = vmxsim_verdict_outcome(&report->verdict);
  count_checks(report);
  if (report->subject->reported_outcome_kind >= 0) {
    report->reported.kind = (enum vmxsim_outcome_kind)report->subject->reported_outcome_kind;
    report->reported.number = report->subject->reported_outcome_number;
  }
  report->agreement = agreement_of(report);
}

bool report_is_assumed(const struct report *report, unsigned input, uint64_t *value) {
  const unsigned first = VMXSIM_FIELD_COUNT + VMXSIM_CAPABILITY_COUNT;
  if (vmxsim_input_kind(input) != VMXSIM_INPUT_PROCESSOR) return false;
  if (!((report->input.state->assumed >> (input - first)) & 1)) return false;
  *value = report->input.state->item[input - first];
  return true;
}

enum openness openness_of(const struct report *report, const struct vmxsim_finding *finding) {
  if (finding->result == VMXSIM_CHECK_BROKEN_IF_ASSUMED) return OPEN_ASSUMED;
  if (report->input.capabilities_count > 1 && finding->broken_on) return OPEN_PROCESSOR;
  return OPEN_MISSING;
}

void report_case_title(const struct report *report, char *text, size_t size) {
  const struct vmxsim_case *subject = report->subject;
  if (*subject->name) {
    snprintf(text, size, "%s", subject->name);
  } else if (!strcmp(subject->format, "YAML")) {
    snprintf(text, size, "document %zu", report->number);
  } else {
    snprintf(text, size, "dump %zu", report->number);
  }
}
