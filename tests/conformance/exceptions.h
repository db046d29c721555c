/* Where two processors may differ, by instruction and bit, with the manual's words on it. */
#ifndef VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_H
#define VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_H

#include "tests/conformance/forms.h"

/* RFLAGS bits that are undefined after `op` with the case's operands. */
uint64_t undefined_flags(const struct test_case *test, const struct ir_op *op);

/* One result held against the other. */
struct dispute {
  const struct test_case *test;
  const struct ir_op *op;
  const struct test_result *silicon;
  struct test_result *model;
};

/* Makes the model's result the same as silicon's in everything that an exception covers. */
void exceptions_forgive(const struct dispute *dispute);

/* Forms that Intel's processors and the host's are documented to differ in altogether. */
bool exceptions_skip(const struct test_case *test, const struct ir_op *op);

#endif
