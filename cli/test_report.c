/* Results of vectors and scenarios, as text, TAP, JUnit XML or JSON. */
#include "cli/test_report.h"

#include <string.h>

#include "cli/test_details.h"

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

static void count(struct test_report *report, const char *file, bool passed) {
  if (passed)
    report->passed++;
  else
    report->failed++;
  test_folders_count(&report->folders, file, passed);
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
  if (report->format == TEST_JSON) {
    report->json = json_begin(stdout);
    json_object(&report->json, NULL);
    json_string(&report->json, "schema", "vmxsim-test");
    json_number(&report->json, "schema_version", 1);
    json_array(&report->json, "results");
  }
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

static void print_json(struct test_report *report, const char *file, const struct vmxsim_case *subject, bool passed,
                       const char *details) {
  json_object(&report->json, NULL);
  json_string(&report->json, "file", file);
  json_number(&report->json, "line", subject->line);
  json_string(&report->json, "name", name_of(subject));
  json_bool(&report->json, "passed", passed);
  if (!passed) json_string(&report->json, "details", details);
  json_close(&report->json, '}');
}

/* Vectors take microseconds, scenarios milliseconds. */
enum { VECTORS_A_LINE = 256, SCENARIOS_A_LINE = 8 };

static void show_progress(const struct test_report *report, unsigned every) {
  const size_t done = report->passed + report->failed;
  if (report->progress && done % every == 0) fprintf(stderr, "\r%zu done, %zu failed", done, report->failed);
}

static void print_result(struct test_report *report, const char *file, const struct vmxsim_case *subject, bool passed,
                         const char *details) {
  count(report, file, passed);
  switch (report->format) {
  case TEST_TEXT: print_text(report, file, subject, passed, details); break;
  case TEST_TAP: print_tap(report, file, subject, passed, details); break;
  case TEST_JUNIT: print_junit(file, subject, passed, details); break;
  case TEST_JSON: print_json(report, file, subject, passed, details); break;
  }
}

void test_report_result(struct test_report *report, const char *file, const struct vmxsim_case *subject,
                        const struct vmxsim_vector_result *result) {
  struct test_details details = {.length = 0};
  if (!subject->expect.given) {
    report->without_expectation++;
    return;
  }
  if (!result->passed) test_details_make(&details, subject, result);
  print_result(report, file, subject, result->passed, details.text);
  show_progress(report, VECTORS_A_LINE);
}

void test_report_scenario(struct test_report *report, const char *file, const vmxsim_scenario *scenario, bool passed,
                          const char *details) {
  const struct vmxsim_case subject = {.name = vmxsim_scenario_name(scenario), .line = vmxsim_scenario_line(scenario)};
  print_result(report, file, &subject, passed, passed ? "" : details);
  show_progress(report, SCENARIOS_A_LINE);
}

void test_report_error(struct test_report *report, const char *file, const char *text) {
  static const struct vmxsim_case nothing = {.name = "the file can be read", .about = ""};
  report->unusable_files++;
  if (report->format != TEST_TEXT) print_result(report, file, &nothing, false, text);
  if (report->format == TEST_TEXT) count(report, file, false);
}

static void end_json(struct test_report *report) {
  json_close(&report->json, ']');
  json_object(&report->json, "summary");
  json_number(&report->json, "passed", report->passed);
  json_number(&report->json, "failed", report->failed);
  json_number(&report->json, "without_expectation", report->without_expectation);
  json_number(&report->json, "unusable_files", report->unusable_files);
  json_close(&report->json, '}');
  json_close(&report->json, '}');
  json_end(&report->json);
}

void test_report_end(struct test_report *report) {
  clear_progress(report);
  switch (report->format) {
  case TEST_TEXT:
    if (report->without_expectation) {
      output_put(&report->output, "%zu %s no expectation\n", report->without_expectation,
                 plural(report->without_expectation, "case has", "cases have"));
    }
    test_folders_print(&report->folders, &report->output);
    output_styled(&report->output, report->failed ? STYLE_BAD : STYLE_GOOD, "%zu passed, %zu failed\n", report->passed,
                  report->failed);
    break;
  case TEST_TAP: printf("1..%zu\n", report->passed + report->failed); break;
  case TEST_JUNIT: printf("</testsuite>\n</testsuites>\n"); break;
  case TEST_JSON: end_json(report); break;
  }
  test_folders_release(&report->folders);
}
