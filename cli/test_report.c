/* Results of vectors and scenarios. A failure shows what was expected beside what was found. */
#include "cli/test_report.h"

#include <stdarg.h>
#include <stdlib.h>
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

/* --- the table at the end --- */

static void more_folders(struct test_report *report) {
  const size_t capacity = report->folder_capacity ? 2 * report->folder_capacity : 16;
  struct test_folder *const folders = allocate(capacity, sizeof *folders);
  if (report->folder_count) memcpy(folders, report->folders, report->folder_count * sizeof *folders);
  free(report->folders);
  report->folders = folders;
  report->folder_capacity = capacity;
}

static struct test_folder *folder_of(struct test_report *report, const char *file) {
  const char *const slash = strrchr(file, '/');
  const size_t length = slash ? (size_t)(slash - file) : 0;
  for (size_t n = report->folder_count; n-- > 0;) {
    struct test_folder *const folder = &report->folders[n];
    if (strlen(folder->name) == length && !memcmp(folder->name, file, length)) return folder;
  }
  if (report->folder_count == report->folder_capacity) more_folders(report);
  struct test_folder *const folder = &report->folders[report->folder_count++];
  *folder = (struct test_folder){.name = allocate(length + 1, 1)};
  memcpy(folder->name, file, length);
  folder->name[length] = 0;
  return folder;
}

static void count(struct test_report *report, const char *file, bool passed) {
  struct test_folder *const folder = folder_of(report, file);
  if (passed) {
    report->passed++;
    folder->passed++;
  } else {
    report->failed++;
    folder->failed++;
  }
}

/* Of one folder the totals say it all. */
static void print_table(const struct test_report *report) {
  size_t width = strlen("folder");
  for (size_t n = 0; n < report->folder_count; n++) {
    const size_t length = strlen(report->folders[n].name);
    if (length > width) width = length;
  }
  if (report->folder_count < 2) return;
  output_styled(&report->output, STYLE_TITLE, "%-*s  passed  failed\n", (int)width, "folder");
  for (size_t n = 0; n < report->folder_count; n++) {
    const struct test_folder *const folder = &report->folders[n];
    output_put(&report->output, "%-*s  %6zu  ", (int)width, *folder->name ? folder->name : ".", folder->passed);
    output_styled(&report->output, folder->failed ? STYLE_BAD : STYLE_PLAIN, "%6zu\n", folder->failed);
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
  struct details details = {.length = 0};
  if (!subject->expect.given) {
    report->without_expectation++;
    return;
  }
  if (!result->passed) make_details(&details, subject, result);
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

static void release_folders(struct test_report *report) {
  for (size_t n = 0; n < report->folder_count; n++) free(report->folders[n].name);
  free(report->folders);
  report->folders = NULL;
  report->folder_count = report->folder_capacity = 0;
}

void test_report_end(struct test_report *report) {
  clear_progress(report);
  switch (report->format) {
  case TEST_TEXT:
    if (report->without_expectation) {
      output_put(&report->output, "%zu %s no expectation\n", report->without_expectation,
                 plural(report->without_expectation, "case has", "cases have"));
    }
    print_table(report);
    output_styled(&report->output, report->failed ? STYLE_BAD : STYLE_GOOD, "%zu passed, %zu failed\n", report->passed,
                  report->failed);
    break;
  case TEST_TAP: printf("1..%zu\n", report->passed + report->failed); break;
  case TEST_JUNIT: printf("</testsuite>\n</testsuites>\n"); break;
  case TEST_JSON: end_json(report); break;
  }
  release_folders(report);
}
