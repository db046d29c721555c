/* A report for people. */
#include <inttypes.h>
#include <string.h>

#include "cli/report.h"
#include "cli/values.h"
#include "vmcs/text.h"

static void print_header(const struct report *report, const struct output *output) {
  char title[300];
  report_case_title(report, title, sizeof title);
  output_visible(output, STYLE_TITLE, report->file);
  output_put(output, ": ");
  output_visible(output, STYLE_TITLE, title);
  output_put(output, " (line %u, %s), processor ", report->subject->line, report->subject->format);
  output_visible(output, STYLE_PLAIN, report->processor ? report->processor : "not given");
  output_put(output, "\n");
}

static void print_reported(const struct report *report, const struct output *output) {
  char text[300];
  vmxsim_outcome_text(&report->reported, text, sizeof text);
  switch (report->agreement) {
  case SAYS_NOTHING: break;
  case SAYS_THE_SAME: output_put(output, "  the input itself reports the same\n"); break;
  case SAYS_THE_OTHER_ORDER:
    output_put(output, "  the input itself reports %s: both are due, and processors may look for either first\n", text);
    break;
  case SAYS_OTHERWISE: output_styled(output, STYLE_OPEN, "  the input itself reports %s\n", text); break;
  }
}

static void print_outcome(const struct report *report, const struct output *output) {
  char text[300];
  const bool succeeds = report->outcome.kind == VMXSIM_ENTRY_SUCCEEDS;
  vmxsim_outcome_text(&report->outcome, text, sizeof text);
  output_put(output, "  ");
  output_styled(output, succeeds ? report->outcome.certain ? STYLE_GOOD : STYLE_OPEN : STYLE_BAD, "%s%s%s",
                succeeds ? "" : "VM entry fails: ", text,
                succeeds && !report->outcome.certain ? ", by all that is known" : "");
  if (report->outcome.certain) {
    output_put(output, "   [certain]\n");
  } else if (succeeds) {
    output_put(output, "\n  not certain: %zu %s undecided\n", report->undecided,
               plural(report->undecided, "check is", "checks are"));
  } else {
    output_put(output, "\n  not certain: %zu earlier %s undecided\n", report->undecided_before,
               plural(report->undecided_before, "check is", "checks are"));
  }
  print_reported(report, output);
}

/* The controls that the rule speaks of, with their setting. */
static void mentioned_controls(vmxsim_control_word word, uint64_t value, const char *rule, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  for (unsigned bit = 0; bit < vmxsim_control_word_bits(word); bit++) {
    const struct vmxsim_control *control = vmxsim_control_find(word, bit);
    if (!control || (!mentions(rule, control->term) && !mentions(rule, control->name))) continue;
    if (text.length) text_put(&text, ", ");
    text_put(&text, control->name);
    text_put(&text, (value >> bit) & 1 ? "=1" : "=0");
  }
  text_end(&text);
}

struct table {
  const struct report *report;
  const struct output *output;
  const char *rule;            /* with the message: what the check speaks of */
  unsigned name_width, digits; /* of the widest name and value */
  bool verbose;
};

static void print_field(const struct table *table, vmxsim_field field) {
  char meaning[VALUE_TEXT_BYTES] = "";
  const uint64_t value = vmxsim_vmcs_get(&table->report->vmcs, field);
  const vmxsim_control_word word = vmxsim_control_word_of_field(field);
  const int digits = (int)vmxsim_field_bits(field) / 4;
  const struct output *output = table->output;
  output_put(output, "        %-*s  ", (int)table->name_width, vmxsim_field_name(field));
  output_styled(output, STYLE_FAINT, "%04x", vmxsim_field_encoding(field));
  if (!vmxsim_vmcs_is_known(&table->report->vmcs, field)) {
    output_put(output, "  not given\n");
    return;
  }
  output_put(output, "  0x%0*" PRIx64, digits, value);
  if (word != VMXSIM_WORD_COUNT && !table->verbose) {
    mentioned_controls(word, value, table->rule, meaning, sizeof meaning);
  } else {
    field_value_text(field, value, meaning, sizeof meaning);
  }
  if (!*meaning) {
    output_put(output, "\n");
    return;
  }
  const unsigned column = 8 + table->name_width + 2 + 4 + 2 + 2 + table->digits + 2;
  output_put(output, "%*s", (int)table->digits - digits + 2, "");
  output_wrapped(output, column, column, meaning);
}

static void print_other_input(const struct table *table, unsigned input) {
  const struct report *report = table->report;
  const unsigned index = input - VMXSIM_FIELD_COUNT;
  const char *name = vmxsim_input_name(input);
  uint64_t value = 0;
  const char *remark = "";
  switch (vmxsim_input_kind(input)) {
  case VMXSIM_INPUT_CAPABILITY:
    if (report->input.capabilities_count != 1) return;
    value = vmxsim_capability_get(report->input.capabilities[0], index);
    remark = "processor";
    break;
  case VMXSIM_INPUT_PROCESSOR:
    value = report->input.state->item[index - VMXSIM_CAPABILITY_COUNT];
    remark = report_is_assumed(report, input, &value) ? "assumed" : "processor state";
    break;
  case VMXSIM_INPUT_FIELD:
  case VMXSIM_INPUT_MEMORY: return;
  }
  output_put(table->output, "        %-*s        0x%-*" PRIx64 "  ", (int)table->name_width, name, (int)table->digits,
             value);
  output_styled(table->output, STYLE_FAINT, "%s\n", remark);
}

static bool is_shown(const struct report *report, vmxsim_check check, unsigned input) {
  if (!vmxsim_check_reads(check, input)) return false;
  switch (vmxsim_input_kind(input)) {
  case VMXSIM_INPUT_CAPABILITY:
    /* The set of features is a bit mask of the library's own. */
    return report->input.capabilities_count == 1 && input - VMXSIM_FIELD_COUNT != VMXSIM_CAPABILITY_features;
  case VMXSIM_INPUT_MEMORY: return false;
  case VMXSIM_INPUT_FIELD:
  case VMXSIM_INPUT_PROCESSOR: return true;
  }
  return false;
}

static void print_inputs(const struct report *report, const struct output *output, vmxsim_check check, const char *rule,
                         bool verbose) {
  struct table table = {report, output, rule, 0, 4, verbose};
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (!is_shown(report, check, input)) continue;
    const unsigned length = (unsigned)strlen(vmxsim_input_name(input));
    const bool field = vmxsim_input_kind(input) == VMXSIM_INPUT_FIELD;
    const unsigned digits = field ? vmxsim_field_bits((vmxsim_field)input) / 4 : 16;
    if (length > table.name_width) table.name_width = length;
    if (digits > table.digits) table.digits = digits;
  }
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (!is_shown(report, check, input)) continue;
    if (vmxsim_input_kind(input) == VMXSIM_INPUT_FIELD) {
      print_field(&table, (vmxsim_field)input);
    } else {
      print_other_input(&table, input);
    }
  }
}

static void print_broken(const struct report *report, const struct output *output, vmxsim_check check,
                         const struct report_style *style) {
  char message[2000], hint[1000], rule[4000];
  struct vmxsim_check_info info;
  vmxsim_check_describe(check, &info);
  vmxsim_check_message(&report->input, check, message, sizeof message);
  vmxsim_check_hint(&report->input, check, hint, sizeof hint);
  snprintf(rule, sizeof rule, "%s %s %s", info.rule, message, hint);
  output_put(output, "  ");
  output_styled(output, STYLE_BAD, "%s ", mark_bad(output));
  output_styled(output, STYLE_TITLE, "%s", info.id);
  output_put(output, "\n      ");
  output_wrapped(output, 6, 6, message);
  print_inputs(report, output, check, rule, style->verbose);
  output_put(output, "      rule: ");
  output_wrapped(output, 12, 12, info.rule);
  output_styled(output, STYLE_FAINT, "      SDM 3C, \"%s\"", info.section);
  output_put(output, "\n");
  output_put(output, "      fix: ");
  output_wrapped(output, 11, 11, hint);
}

static void print_all_broken(const struct report *report, const struct output *output,
                             const struct report_style *style) {
  if (!report->broken) return;
  output_put(output, "  %zu %s broken%s:\n", report->broken, plural(report->broken, "rule is", "rules are"),
             style->first && report->broken > 1 ? "; the first" : "");
  vmxsim_check check = vmxsim_next_broken(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(&report->verdict, check + 1)) {
    print_broken(report, output, check, style);
    if (style->first) break;
  }
}

static void print_assumptions(const struct report *report, const struct output *output, bool verbose) {
  char buffer[1500];
  struct text text = text_begin(buffer, sizeof buffer);
  const struct vmxsim_processor_state *state = report->input.state;
  size_t count = 0;
  for (unsigned item = 0; item < VMXSIM_PROCESSOR_ITEM_COUNT; item++) {
    if (!((state->assumed >> item) & 1)) continue;
    if (count++) text_put(&text, ", ");
    text_put(&text, vmxsim_processor_item_name(item));
    text_char(&text, '=');
    if (state->item[item] < 10) {
      text_decimal(&text, state->item[item]);
    } else {
      text_hex(&text, state->item[item], 1);
    }
  }
  text_end(&text);
  if (!count) return;
  if (count > 6 && !verbose) {
    output_put(output, "  assumed of the processor: %s from a 64-bit host (-v lists what)\n",
               state->item[VMXSIM_PROCESSOR_vmresume] ? "VMRESUME" : "VMLAUNCH");
    return;
  }
  output_put(output, "  assumed: ");
  output_wrapped(output, 11, 11, buffer);
}

/* "line 5: GEUST_DR7 (did you mean GUEST_DR7?)" */
static void print_name_not_understood(const struct output *output, unsigned line, const char *name) {
  const char *nearest = NULL;
  vmxsim_field_nearest(name, strlen(name), &nearest, 1);
  output_put(output, "        line %u: %s", line, name);
  if (nearest) output_put(output, " (did you mean %s?)", nearest);
  output_put(output, "\n");
}

static void print_not_understood(const struct report *report, const struct output *output) {
  const struct vmxsim_case *subject = report->subject;
  if (!subject->not_understood) return;
  const size_t known = subject->not_understood < 16 ? subject->not_understood : 16;
  output_styled(output, STYLE_OPEN, "  %zu %s like VMCS data and %s not understood: %s", subject->not_understood,
                plural(subject->not_understood, "line looks", "lines look"),
                plural(subject->not_understood, "was", "were"), plural(subject->not_understood, "line", "lines"));
  for (size_t n = 0; n < known; n++) output_put(output, "%s %u", n ? "," : "", subject->not_understood_lines[n]);
  output_put(output, "%s\n", known < subject->not_understood ? " ..." : "");
  for (size_t n = 0; n < known; n++) {
    const char *name = subject->not_understood_names[n];
    if (name) print_name_not_understood(output, subject->not_understood_lines[n], name);
  }
}

void report_print(const struct report *report, const struct output *output, const struct report_style *style) {
  print_header(report, output);
  print_outcome(report, output);
  print_all_broken(report, output, style);
  report_print_suspects(report, output, style->verbose);
  report_print_undecided(report, output, style->verbose);
  print_assumptions(report, output, style->verbose);
  print_not_understood(report, output);
}
