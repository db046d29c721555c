/* Explaining exit reasons, VM-instruction errors and exceptions. */
#include <inttypes.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/values.h"
#include "vmcs/names.h"

static void print_qualification(struct explainer *explainer, const struct vmxsim_exit_qualification *qualification,
                                const uint64_t *value) {
  const struct output *output = &explainer->output;
  output_put(output, "  exit qualification%s%s:", *qualification->when ? " of a " : "", qualification->when);
  if (value) output_put(output, " 0x%" PRIx64, *value);
  if (qualification->layout == VMXSIM_LAYOUT_COUNT) {
    output_put(output, " %s\n", qualification->what);
    return;
  }
  output_put(output, "\n");
  if (value) {
    print_layout(output, qualification->layout, *value);
  } else {
    print_layout_description(output, qualification->layout);
  }
}

/* The checks of a VM entry that lead to an outcome. */
static void count_checks(struct explainer *explainer, enum vmxsim_outcome_kind kind, uint32_t number) {
  unsigned count = 0;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    count += info.outcome == kind && (kind != VMXSIM_ENTRY_FAIL_VALID || info.outcome_number == number);
  }
  if (!count) return;
  output_put(&explainer->output,
             "  rules:    %u %s to this; \"vmxsim check\" finds those that a VMCS breaks, \"vmxsim rules\" lists all\n",
             count, plural(count, "leads", "lead"));
}

unsigned explain_exit_reason(struct explainer *explainer, uint64_t value, const uint64_t *qualification) {
  const struct vmxsim_numbered_name *reason = vmxsim_exit_reason((uint32_t)(value & 0xffff));
  char title[200];
  if (value > UINT32_MAX || !reason) return 0;
  snprintf(title, sizeof title, "%u, %s", reason->number, reason->term);
  explain_title(explainer, "exit reason", title);
  output_put(&explainer->output, "  name:     %s\n", reason->name);
  if (value > 0xffff) {
    output_put(&explainer->output, "  value:    0x%08" PRIx64 "\n", value);
    print_layout(&explainer->output, VMXSIM_LAYOUT_exit_reason, value);
  }
  if (*reason->about) {
    output_put(&explainer->output, "  when:     ");
    output_wrapped(&explainer->output, 12, 12, reason->about);
  }
  const struct vmxsim_exit_qualification *kind;
  for (size_t n = 0; (kind = vmxsim_exit_qualification(reason->number, n)); n++) {
    print_qualification(explainer, kind, qualification);
  }
  if (!vmxsim_exit_qualification(reason->number, 0)) output_put(&explainer->output, "  exit qualification: 0\n");
  if (reason->number == 33) count_checks(explainer, VMXSIM_ENTRY_EXIT_33, 0);
  if (reason->number == 34) count_checks(explainer, VMXSIM_ENTRY_EXIT_34, 0);
  return 1;
}

unsigned explain_instruction_error(struct explainer *explainer, uint64_t number) {
  const struct vmxsim_numbered_name *error = number <= UINT32_MAX ? vmxsim_instruction_error((uint32_t)number) : NULL;
  char title[200];
  if (!error) return 0;
  snprintf(title, sizeof title, "%u, %s", error->number, error->term);
  explain_title(explainer, "VM-instruction error", title);
  output_put(&explainer->output,
             "  name:     %s\n  where:    VMCS field vm_instruction_error (0x4400), after VMfailValid\n", error->name);
  if (*error->about) output_put(&explainer->output, "  %s\n", error->about);
  count_checks(explainer, VMXSIM_ENTRY_FAIL_VALID, error->number);
  return 1;
}

unsigned explain_exception(struct explainer *explainer, const char *name) {
  if (*name != '#' && strcmp(name, "NMI")) return 0;
  for (uint64_t vector = 0; vector < 32; vector++) {
    const char *known = exception_mnemonic(vector);
    if (!known || !names_equal(known, name, strlen(name))) continue;
    const struct vmxsim_bitfield *bit =
        vmxsim_bitfield_find(VMXSIM_LAYOUT_fred_stklvls, known + (*known == '#'), 2 + (*known != '#'));
    const char *about = bit ? strstr(bit->about, "for ") : NULL;
    explain_title(explainer, "exception", known);
    output_put(&explainer->output, "  vector %" PRIu64 " (0x%" PRIx64 ")%s%s; bit %" PRIu64 " of exception_bitmap\n",
               vector, vector, about ? ", " : "", about ? about + 4 : "", vector);
    return 1;
  }
  return 0;
}
