/* Why a vector failed: what was expected beside what was found. */
#include "cli/test_details.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/common.h"

static void put(struct test_details *details, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct test_details *details, const char *format, ...) {
  va_list list;
  va_start(list, format);
  const int length = vsnprintf(details->text + details->length, TEST_DETAILS_BYTES - details->length, format, list);
  va_end(list);
  if (length > 0) details->length += (size_t)length;
  if (details->length >= TEST_DETAILS_BYTES) details->length = TEST_DETAILS_BYTES - 1;
}

static void put_outcomes(struct test_details *details, const struct vmxsim_case *subject,
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
static void put_checks(struct test_details *details, const char *title, const struct vmxsim_check_set *set,
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

static void put_passes(struct test_details *details, const struct vmxsim_case *subject,
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

void test_details_make(struct test_details *details, const struct vmxsim_case *subject,
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
