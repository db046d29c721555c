/* Cases reach the host's processor, and come back: the first of a child's too, whatever FS is. */
#include "tests/cmocka_main.h"

#include "cpu/exec/flags.h"
#include "tests/conformance/execute.h"
#include "tests/conformance/values.h"

enum { NOP = 0x90, INT3 = 0xcc, SINGLE_STEP = 1, WILD_BASE = 0x4d924b363190, CODE_AT = 0x1000 };

static struct test_case nop_with_wild_fs(void) {
  struct test_case test = {.mode = CODE_64, .code = {NOP, INT3}, .length = 1};
  state_fill(CODE_64, 1, &test.state);
  test.state.rip = ARENA_BASE + CODE_AT;
  test.state.rflags = FLAG_TF | 2;
  test.state.fs_base = WILD_BASE;
  return test;
}

static void test_first_case_ends(void **unused) {
  (void)unused;
  const char *why;
  const struct test_case test = nop_with_wild_fs();
  struct native *native = native_start(&why);
  if (!native) {
    print_message("needs %s\n", why);
    skip();
  }
  assert_true(native_submit(native, &test, 1));
  const struct test_result *result = native_wait(native);
  assert_non_null(result);
  assert_int_equal(result->vector, SINGLE_STEP);
  assert_true(result->state.rip == test.state.rip + 1);
  assert_true(result->state.fs_base == WILD_BASE);
  assert_memory_equal(result->state.gpr, test.state.gpr, sizeof test.state.gpr);
  native_stop(native);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_case_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
