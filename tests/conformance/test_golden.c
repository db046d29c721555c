/* What silicon made of some thousands of cases, one or more of every form, and what the model does. */
#include "tests/cmocka_main.h"

#include <stdlib.h>
#include <string.h>

#include "tests/conformance/compare.h"
#include "tests/conformance/execute.h"
#include "tests/conformance/golden.h"

static bool agrees(struct model *model, const struct test_case *test, const struct test_result *silicon) {
  static struct test_result actual;
  struct ir_op op;
  memset(&op, 0, sizeof op);
  decode_instruction(model_decoder(model), forms_decode_mode(test->mode), test->code, test->length, &op);
  model_execute(model, test, &actual);
  if (results_agree(model, test, &op, silicon, &actual, NULL)) return true;
  print_case(stdout, test, &op);
  print_differences(stdout, test, &op, silicon, &actual);
  return false;
}

static void test_golden_set(void **unused) {
  (void)unused;
  static struct test_case test;
  static struct test_result silicon;
  enum { EXPECTED_LEAST = 4000 };
  char *line = malloc(GOLDEN_LINE_MAX);
  FILE *file = fopen(SOURCE_DIR "/tests/conformance/golden.txt", "r");
  struct model *model = model_create();
  unsigned cases = 0, differences = 0;
  assert_non_null(line);
  assert_non_null(file);
  assert_non_null(model);
  while (fgets(line, GOLDEN_LINE_MAX, file)) {
    if (line[0] == '#') continue;
    assert_true(golden_read(line, &test, &silicon));
    cases++;
    if (!agrees(model, &test, &silicon)) differences++;
  }
  fclose(file);
  free(line);
  model_destroy(model);
  assert_true(cases >= EXPECTED_LEAST);
  assert_int_equal(differences, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_set)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
