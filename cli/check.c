/* vmxsim check: every rule of a VM entry over VMCSs out of logs and files. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/report.h"

struct check_options {
  struct common_options common;
  const char *cpu;
  unsigned input_format;
  bool first, strict, verbose;
};

static const struct option check_option_table[] = {
    {'c', "cpu", OPTION_TEXT, "SPEC", offsetof(struct check_options, cpu),
     "the processor: NAME or NAME,+feature,-feature,...; counts more than the input's own"},
    {'1', "first", OPTION_FLAG, NULL, offsetof(struct check_options, first), "only the first broken rule of each VMCS"},
    {'s', "strict", OPTION_FLAG, NULL, offsetof(struct check_options, strict), "undecided checks count as not good"},
    {'v', "verbose", OPTION_FLAG, NULL, offsetof(struct check_options, verbose),
     "list undecided checks, assumptions and all controls"},
    {0, "input-format", OPTION_CHOICE, "auto|yaml|text", offsetof(struct check_options, input_format),
     "what the input is"},
    OPTION_FORMAT,
    OPTION_COLOR,
    OPTION_END,
};

/* A run over all files. */
struct run {
  struct check_options options;
  struct output output;
  struct json json;
  struct target target;
  size_t cases, broken_cases, undecided_cases, unusable_files;
};

static bool prepare_target(struct target *target, const char *spec) {
  if (!spec) return true;
  target->given = true;
  target->spec = spec;
  target->pointer = &target->processor;
  return read_processor(spec, &target->processor);
}

static void check_case(struct run *run, const vmxsim_document *document, size_t n) {
  struct report *report = allocate(1, sizeof *report);
  const struct report_style style = {run->options.first, run->options.verbose};
  report_make(report, document, n, &run->target);
  if (run->options.common.format == FORMAT_JSON) {
    report_json(report, &run->json, &style);
  } else {
    if (run->cases) output_put(&run->output, "\n");
    report_print(report, &run->output, &style);
  }
  run->cases++;
  run->broken_cases += report->broken != 0;
  run->undecided_cases += report->undecided != 0;
  free(report);
}

static void check_file(struct run *run, const char *path) {
  static const enum vmxsim_input_format formats[] = {VMXSIM_FORMAT_DETECT, VMXSIM_FORMAT_YAML, VMXSIM_FORMAT_TEXT};
  char *text;
  size_t length;
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic = {0};
  if (!read_file(path, &text, &length)) {
    run->unusable_files++;
    return;
  }
  const vmxsim_status status = vmxsim_document_read(file_title(path), text, length, formats[run->options.input_format],
                                                    NULL, &document, &diagnostic);
  const size_t count = status == VMXSIM_OK ? vmxsim_document_count(document) : 0;
  for (size_t n = 0; n < count; n++) check_case(run, document, n);
  if (status != VMXSIM_OK) {
    complain_at(file_title(path), diagnostic.line, diagnostic.column,
                *diagnostic.text ? diagnostic.text : vmxsim_status_text(status));
  } else if (!count) {
    complain_at(file_title(path), 0, 0, "no VMCS in it");
  }
  run->unusable_files += count == 0;
  vmxsim_document_free(document);
  free(text);
}

static void summarise(struct run *run) {
  if (run->options.common.format == FORMAT_JSON) {
    json_close(&run->json, ']');
    json_object(&run->json, "summary");
    json_number(&run->json, "cases", run->cases);
    json_number(&run->json, "with_broken_rules", run->broken_cases);
    json_number(&run->json, "with_undecided_checks", run->undecided_cases);
    json_number(&run->json, "unusable_files", run->unusable_files);
    json_close(&run->json, '}');
    json_close(&run->json, '}');
    json_end(&run->json);
    return;
  }
  if (!run->cases) return;
  const bool bad = run->broken_cases != 0;
  output_put(&run->output, "\n");
  output_styled(&run->output, bad ? STYLE_BAD : STYLE_GOOD, "%s ",
                bad ? mark_bad(&run->output) : mark_good(&run->output));
  output_put(&run->output, "%zu %s: %zu with broken rules, %zu with undecided checks\n", run->cases,
             plural(run->cases, "VMCS", "VMCSs"), run->broken_cases, run->undecided_cases);
}

static int status_of(const struct run *run) {
  if (run->unusable_files) return EXIT_UNUSABLE;
  return run->broken_cases || (run->options.strict && run->undecided_cases) ? EXIT_NOT_GOOD : EXIT_GOOD;
}

static int run_check(int count, char **arguments) {
  static char standard_input[] = "-";
  char *no_file[] = {standard_input};
  struct run run = {.cases = 0};
  const enum parse_result parsed = options_parse(&command_check, &count, arguments, &run.options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  if (!count) {
    if (standard_input_is_terminal()) complain("reading a VMCS from the terminal; end it with Ctrl-D");
    count = 1, arguments = no_file;
  }
  if (!prepare_target(&run.target, run.options.cpu)) return EXIT_UNUSABLE;
  run.output = output_begin(stdout, run.options.common.color);
  run.json = json_begin(stdout);
  if (run.options.common.format == FORMAT_JSON) {
    json_object(&run.json, NULL);
    json_string(&run.json, "schema", "vmxsim-check");
    json_number(&run.json, "schema_version", 1);
    json_array(&run.json, "cases");
  }
  for (int n = 0; n < count; n++) check_file(&run, arguments[n]);
  summarise(&run);
  return status_of(&run);
}

const struct command command_check = {
    "check",
    "[FILE...|-]",
    "Checks VMCSs against every rule of a VM entry and names what is broken",
    "FILE is a log with a VMCS dump (Linux KVM, Xen and others), a list of \"field value\" lines, or YAML. Without\n"
    "FILE, or for -, the standard input is read. Fields and facts that are not given are not taken for zero: what\n"
    "depends on them is listed as undecided.\n\n"
    "Exit status: 0 nothing is broken, 1 something is, 2 an input could not be used.\n",
    check_option_table,
    run_check,
};
