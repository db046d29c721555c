/* vmxsim test: runs vectors. */
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/scenario.h"
#include "cli/test_report.h"
#include "cli/vector_files.h"

struct test_options {
  struct common_options common; /* `format` has other words here */
  unsigned format;
  bool coverage, verbose;
};

static const struct option test_option_table[] = {
    {0, "format", OPTION_CHOICE, "text|tap|junit|json", offsetof(struct test_options, format), "what to print"},
    {0, "coverage", OPTION_FLAG, NULL, offsetof(struct test_options, coverage),
     "list the checks that no vector breaks, or only just passes"},
    {'v', "verbose", OPTION_FLAG, NULL, offsetof(struct test_options, verbose), "list what passed, too"},
    OPTION_COLOR,
    OPTION_END,
};

struct test_run {
  struct test_report report;
  struct vmxsim_coverage coverage;
  bool unusable;
};

static void run_document(struct test_run *run, const vmxsim_document *document) {
  const struct vmxsim_case *subject;
  for (size_t n = 0; (subject = vmxsim_document_case(document, n)); n++) {
    struct vmxsim_vector_result result;
    vmxsim_vector_run(subject, &result);
    vmxsim_coverage_add(&run->coverage, subject);
    test_report_result(&run->report, vmxsim_document_name(document), subject, &result);
  }
}

static void run_scenarios(struct test_run *run, const char *path, const vmxsim_document *document) {
  const vmxsim_scenario *scenario;
  for (size_t n = 0; (scenario = vmxsim_document_scenario(document, n)); n++) {
    struct scenario_log log = {NULL, 0, 0};
    bool passed;
    run->unusable |= scenario_test(path, scenario, &log, &passed) != VMXSIM_OK;
    test_report_scenario(&run->report, vmxsim_document_name(document), scenario, passed, log.text ? log.text : "");
    free(log.text);
  }
}

static void run_file(struct test_run *run, const char *path) {
  char *text;
  size_t length;
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic = {0};
  if (!read_file(path, &text, &length)) {
    run->unusable = true;
    test_report_error(&run->report, path, "the file cannot be read");
    return;
  }
  const vmxsim_status status =
      vmxsim_document_read(file_title(path), text, length, VMXSIM_FORMAT_YAML, NULL, &document, &diagnostic);
  if (status == VMXSIM_OK) {
    run_document(run, document);
    run_scenarios(run, path, document);
  } else {
    const char *reason = *diagnostic.text ? diagnostic.text : vmxsim_status_text(status);
    complain_at(file_title(path), diagnostic.line, diagnostic.column, reason);
    test_report_error(&run->report, path, reason);
    run->unusable = true;
  }
  vmxsim_document_free(document);
  free(text);
}

/* Checks that a kind of vector is missing for; returns how many. */
static size_t list_uncovered(FILE *file, const char *what, const struct vmxsim_coverage *coverage,
                             vmxsim_check (*next)(const struct vmxsim_coverage *, vmxsim_check)) {
  size_t count = 0;
  for (vmxsim_check check = next(coverage, 0); check != VMXSIM_NO_CHECK; check = next(coverage, check + 1)) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    fprintf(file, "no vector %s %s\n", what, info.id);
    count++;
  }
  return count;
}

/* Goes to the standard error where the standard output is TAP, XML or JSON. */
static bool print_coverage(const struct test_run *run) {
  FILE *file = run->report.format == TEST_TEXT ? stdout : stderr;
  const size_t breaks = list_uncovered(file, "breaks", &run->coverage, vmxsim_coverage_next_without_breaks);
  const size_t passes = list_uncovered(file, "only just passes", &run->coverage, vmxsim_coverage_next_without_passes);
  const unsigned count = vmxsim_check_count();
  fprintf(file, "%u checks: a vector breaks %zu, a vector only just passes %zu\n", count, count - breaks,
          count - passes);
  return !breaks && !passes;
}

static int run_test(int count, char **arguments) {
  struct test_options options = {.format = TEST_TEXT};
  const enum parse_result parsed = options_parse(&command_test, &count, arguments, &options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  if (!count) {
    complain("test: which vectors? vmxsim test PATH...");
    return EXIT_UNUSABLE;
  }
  struct file_list files = {NULL, 0, 0};
  struct test_run run = {.unusable = false};
  for (int n = 0; n < count; n++) run.unusable |= !file_list_add(&files, arguments[n]);
  run.report = (struct test_report){
      .format = (enum test_format)options.format,
      .output = output_begin(stdout, options.common.color),
      .progress = standard_error_is_terminal() && !options.verbose,
      .verbose = options.verbose,
  };
  test_report_begin(&run.report);
  for (size_t n = 0; n < files.count; n++) run_file(&run, files.paths[n]);
  const bool covered = !options.coverage || print_coverage(&run);
  test_report_end(&run.report);
  file_list_free(&files);
  if (run.unusable) return EXIT_UNUSABLE;
  if (!run.report.passed && !run.report.failed) {
    complain("test: nothing there has an expectation");
    return EXIT_UNUSABLE;
  }
  return run.report.failed || !covered ? EXIT_NOT_GOOD : EXIT_GOOD;
}

const struct command command_test = {
    "test",
    "PATH...",
    "Runs test vectors and scenarios: YAML that says what it expects",
    "PATH is a file, or a directory whose *.yaml and *.yml are run in the order of their names, subdirectories too.\n\n"
    "Exit status: 0 all passed, 1 one failed or a check is not covered, 2 a file could not be used.\n",
    test_option_table,
    run_test,
};
