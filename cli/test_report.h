/* Results of vectors and scenarios, as text, TAP, JUnit XML or JSON. */
#ifndef VMXSIM_CLI_TEST_REPORT_H
#define VMXSIM_CLI_TEST_REPORT_H

#include "cli/json.h"
#include "cli/output.h"
#include "cli/test_folders.h"
#include "vmxsim/scenario.h"
#include "vmxsim/vectors.h"

enum test_format { TEST_TEXT, TEST_TAP, TEST_JUNIT, TEST_JSON };

struct test_report {
  enum test_format format;
  struct output output;
  struct json json;
  bool progress; /* a line on the standard error that is written over */
  bool verbose;
  size_t passed, failed, without_expectation, unusable_files;
  struct test_folders folders;
};

void test_report_begin(struct test_report *report);
void test_report_result(struct test_report *report, const char *file, const struct vmxsim_case *subject,
                        const struct vmxsim_vector_result *result);
/* A scenario; `details` says what was not as expected, line by line. */
void test_report_scenario(struct test_report *report, const char *file, const vmxsim_scenario *scenario, bool passed,
                          const char *details);
/* A file that could not be used. */
void test_report_error(struct test_report *report, const char *file, const char *text);
void test_report_end(struct test_report *report);

#endif
