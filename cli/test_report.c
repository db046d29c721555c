/* Results of vectors. A failure shows what was expected beside what was found. */
#include "cli/test_report.h"

#include <stdarg.h>
#include <string.h>

enum { DETAILS_BYTES = 16384 };

struct details {
  char text[DETAILS_BYTES];
  size_t length;
};

static void put(struct details *details, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct details *details, const char *format, ...) {
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(details->text + details->length, DETAILS_BYTES - details->length, format, list);
  va_end(list);
  if (length > 0) details->length += (size_t)length;
  if (details->length >= DETAILS_BYTES) details->length = DETAILS_BYTES - 1;
}

static void put_outcomes(struct details *details, const struct vmxsim_case *subject,
                         const struct vmxsim_vector_result *result) {
  char text[300];
  for (size_t n = 0; n < subject->expect.allowed_count; n++) {
    vmxsim_outcome_text(&subject->expect.allowed[n], text, sizeof text);
    put(details, "%s %s\n", n ? "                or" : "outcome  expected:", text);
  }
  vmxsim_outcome_text(&result->outcome, text, sizeof text);
  put(details, "            found: %s%s\n", text, result->outcome.certain ? "" : " (not certain)");
}

/* Ids, each with what the check says of the case. */
static void put_checks(struct details *details, const char *title, const struct vmxsim_check_set *set,
                       const struct vmxsim_check_input *input, bool with_message) {
  vmxsim_check check = vmxsim_check_set_next(set, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_check_set_next(set, check + 1)) {
    struct vmxsim_check_info info;
    char text[1000];
    if (!vmxsim_check_describe(check, &info)) continue;
    put(details, "%s %s\n", title, info.id);
    if (!with_message) continue;
    vmxsim_check_message(input, check, text, sizeof text);
    put(details, "                   %s\n", text);
  }
}

static void put_passes(struct details *details, const struct vmxsim_case *subject,
                       const struct vmxsim_check_input *input) {
  struct vmxsim_check_info info;
  struct vmxsim_finding finding;
  if (!vmxsim_check_describe(subject->expect.passes, &info)) return;
  vmxsim_check_one(input, subject->expect.passes, &finding);
  put(details, "passes   expected: %s\n            found: %s\n", info.id,
      finding.result == VMXSIM_CHECK_BROKEN ? "broken" : "undecided");
  for (unsigned n = 0; finding.result != VMXSIM_CHECK_BROKEN && n < vmxsim_input_count(); n++) {
    if ((finding.missing[n / 64] >> (n % 64)) & 1)
      put(details, "                   not known: %s\n", vmxsim_input_name(n));
  }
}

static void make_details(struct details *details, const struct vmxsim_case *subject,
                         const struct vmxsim_vector_result *result) {
  struct vmxsim_vmcs vmcs;
  struct vmxsim_check_input input;
  vmxsim_case_input(subject, &vmcs, &input);
  details->length = 0;
  details->text[0] = 0;
  if (result->outcome_differs) put_outcomes(details, subject, result);
  put_checks(details, "broken   expected:", &result->not_broken, &input, false);
  put_checks(details, "            found:", &result->also_broken, &input, true);
  put_checks(details, "undecided expected:", &result->not_undecided, &input, false);
  put_checks(details, "undecided   found:", &result->also_undecided, &input, false);
  if (result->passes_differs) put_passes(details, subject, &input);
}

static void put_lines(FILE *file, const char *indent, const char *text) {
  while (*text) {
    const size_t length = strcspn(text, "\n");
    fprintf(file, "%s%.*s\n", indent, (int)length, text);
    text += length + (text[length] == '\n');
  }
}

static void put_xml(const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c == '<')
      fputs("&lt;", stdout);
    else if (c == '>')
      fputs("&gt;", stdout);
    else if (c == '&')
      fputs("&amp;", stdout);
    else if (c == '"')
      fputs("&quot;", stdout);
    else
      putchar(c < 0x20 && c != '\n' && c != '\t' ? '?' : c);
  }
}

static const char *name_of(const struct vmxsim_case *subject) {
  return *subject->name ? subject->name : "(no name)";
}

/* '#' would begin a directive. */
static void put_tap_name(const char *file, const char *name) {
  const char *parts[] = {file, ": ", name};
  for (size_t n = 0; n < 3; n++) {
    for (const char *c = parts[n]; *c; c++) putchar(*c == '#' || (unsigned char)*c < 0x20 ? '_' : *c);
  }
}

void test_report_begin(struct test_report *report) {
  if (report->format == TEST_TAP) printf("TAP version 13\n");
  if (report->format == TEST_JUNIT) {
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"vmxsim\">\n");
  }
}

static void clear_progress(const struct test_report *report) {
  if (report->progress) fputs("\r\033[K", stderr);
}

static void print_text(struct test_report *report, const char *file, const struct vmxsim_case *subject, bool passed,
                       const char *details) {
  if (passed && !report->verbose) return;
  clear_progress(report);
  output_styled(&report->output, passed ? STYLE_GOOD : STYLE_BAD, "%s ",
                passed ? mark_good(&report->output) : mark_bad(&report->output));
  output_visible(&report->output, STYLE_PLAIN, file);
  output_put(&report->output, ":%u: %s\n", subject->line, name_of(subject));
  put_lines(report->output.file, "      ", details);
}

static void print_tap(const struct test_report *report, const char *file, const struct vmxsim_case *subject,
                      bool passed, const char *details) {
  printf("%s %zu - ", passed ? "ok" : "not ok", report->passed + report->failed);
  put_tap_name(file, name_of(subject));
  putchar('\n');
  if (!passed) put_lines(stdout, "# ", details);
}

static void print_junit(const char *file, const struct vmxsim_case *subject, bool passed, const char *details) {
  printf("<testcase classname=\"");
  put_xml(file);
  printf("\" name=\"");
  put_xml(name_of(subject));
  if (passed) {
    printf("\"/>\n");
    return;
  }
  printf("\"><failure message=\"differs from what is expected\">\n");
  put_xml(details);
  printf("</failure></testcase>\n");
}

static void show_progress(const struct test_report *report) {
  const size_t done = report->passed + report->failed;
  if (report->progress && done % 256 == 0) fprintf(stderr, "\r%zu vectors, %zu failed", done, report->failed);
}

static void print_result(struct test_report *report, const char *file, const struct vmxsim_case *subject, bool passed,
                         const char *details) {
  switch (report->format) {
  case TEST_TEXT: print_text(report, file, subject, passed, details); break;
  case TEST_TAP: print_tap(report, file, subject, passed, details); break;
  case TEST_JUNIT: print_junit(file, subject, passed, details); break;
  }
}

void test_report_result(struct test_report *report, const char *file, const struct vmxsim_case *subject,
                        const struct vmxsim_vector_result *result) {
  struct details details = {.length = 0};
  if (!subject->expect.given) {
    report->without_expectation++;
    return;
  }
  if (result->passed) {
    report->passed++;
  } else {
    report->failed++;
    make_details(&details, subject, result);
  }
  print_result(report, file, subject, result->passed, details.text);
  show_progress(report);
}

void test_report_scenario(struct test_report *report, const char *file, const vmxsim_scenario *scenario, bool passed,
                          const char *details) {
  const struct vmxsim_case subject = {.name = vmxsim_scenario_name(scenario), .line = vmxsim_scenario_line(scenario)};
  if (passed)
    report->passed++;
  else
    report->failed++;
  print_result(report, file, &subject, passed, passed ? "" : details);
  show_progress(report);
}

void test_report_error(struct test_report *report, const char *file, const char *text) {
  static const struct vmxsim_case nothing = {.name = "the file can be read", .about = ""};
  report->failed++;
  if (report->format == TEST_TAP) print_tap(report, file, &nothing, false, text);
  if (report->format == TEST_JUNIT) print_junit(file, &nothing, false, text);
}

void test_report_end(struct test_report *report) {
  clear_progress(report);
  switch (report->format) {
  case TEST_TEXT:
    if (report->without_expectation) {
      output_put(&report->output, "%zu %s no expectation\n", report->without_expectation,
                 plural(report->without_expectation, "case has", "cases have"));
    }
    output_styled(&report->output, report->failed ? STYLE_BAD : STYLE_GOOD, "%zu passed, %zu failed\n", report->passed,
                  report->failed);
    break;
  case TEST_TAP: printf("1..%zu\n", report->passed + report->failed); break;
  case TEST_JUNIT: printf("</testsuite>\n</testsuites>\n"); break;
  }
}
