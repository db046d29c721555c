/* Explaining checks. */
#include <string.h>

#include "cli/explain.h"

static void print_reads(struct explainer *explainer, vmxsim_check check) {
  const struct output *output = &explainer->output;
  bool first = true;
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (!vmxsim_check_reads(check, input)) continue;
    output_put(output, "%s%-50s ", first ? "  reads:    " : "            ", vmxsim_input_name(input));
    output_styled(output, STYLE_FAINT, "%s\n", vmxsim_input_about(input));
    first = false;
  }
}

/* The hint, with nothing known of any value. */
static void print_hint(struct explainer *explainer, vmxsim_check check) {
  struct vmxsim_vmcs vmcs;
  struct vmxsim_processor_state state = {.known = 0};
  const struct vmxsim_profile *last = vmxsim_profile_at(vmxsim_profile_count() - 1);
  const struct vmxsim_capabilities *capabilities = last ? &last->capabilities : NULL;
  char text[1000];
  vmxsim_vmcs_init(&vmcs, 0);
  vmxsim_processor_state_assume(&state);
  const struct vmxsim_check_input input = {
      .vmcs = &vmcs, .state = &state, .capabilities = &capabilities, .capabilities_count = capabilities != NULL};
  vmxsim_check_hint(&input, check, text, sizeof text);
  output_put(&explainer->output, "  to fix:   ");
  output_wrapped(&explainer->output, 12, 12, text);
}

static void print_outcome(struct explainer *explainer, const struct vmxsim_check_info *info) {
  char text[300];
  if (info->outcome == VMXSIM_ENTRY_EXIT_34) {
    snprintf(text, sizeof text,
             "exit reason 34, VM-entry failure due to MSR loading (qualification: the entry's number)");
  } else {
    const struct vmxsim_outcome outcome = {.kind = info->outcome, .number = info->outcome_number};
    vmxsim_outcome_text(&outcome, text, sizeof text);
  }
  output_put(&explainer->output, "  broken:   ");
  output_wrapped(&explainer->output, 12, 12, text);
}

unsigned explain_check(struct explainer *explainer, const char *name) {
  const vmxsim_check check = vmxsim_check_find(name, strlen(name));
  struct vmxsim_check_info info;
  if (check == VMXSIM_NO_CHECK || !vmxsim_check_describe(check, &info)) return 0;
  explain_title(explainer, "check", info.id);
  output_put(&explainer->output, "  rule:     ");
  output_wrapped(&explainer->output, 12, 12, info.rule);
  output_put(&explainer->output, "  manual:   SDM 3C, \"%s\"\n", info.section);
  output_put(&explainer->output, "  group:    %s, number %u of %u in the order of evaluation\n", info.group, check + 1,
             vmxsim_check_count());
  print_outcome(explainer, &info);
  print_reads(explainer, check);
  print_hint(explainer, check);
  return 1;
}

unsigned explain_checks_with(struct explainer *explainer, const char *part) {
  unsigned count = 0;
  const size_t length = strlen(part);
  if (length < 3) return 0;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    const bool begins = !strncmp(info.id, part, length) && (info.id[length] == '.' || part[length - 1] == '.');
    if (!begins && strcmp(info.group, part)) continue;
    if (!count++) explain_title(explainer, "checks", part);
    output_put(&explainer->output, "  %-54s ", info.id);
    output_wrapped(&explainer->output, 57, 57, info.rule);
  }
  return count;
}

void explain_readers(struct explainer *explainer, unsigned input) {
  unsigned count = 0;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) count += vmxsim_check_reads(check, input);
  if (!count) {
    output_put(&explainer->output, "  read by:  no check of a VM entry\n");
    return;
  }
  bool first = true;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    if (!vmxsim_check_reads(check, input)) continue;
    vmxsim_check_describe(check, &info);
    output_put(&explainer->output, "%s%s\n", first ? "  read by:  " : "            ", info.id);
    first = false;
  }
}
