/* Where two processors may differ, by instruction and bit, with the manual's words on it: a list of rules.
 *
 * exceptions_encodings.c has those on encodings that one processor takes for another instruction, exceptions_flags.c
 * those on flags, exceptions_values.c those on results and on what is saved, exceptions_faults.c those on which of
 * several faults is raised.
 */
#ifndef VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_H
#define VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_H

#include "tests/conformance/execute.h"
#include "tests/conformance/forms.h"

/* One result held against the other. */
struct dispute {
  const struct test_case *test;
  const struct ir_op *op;
  const struct test_result *silicon;
  struct test_result *model;
  struct model *machine; /* to execute something else on */
};

/* How many results each rule made the same, by its number. */
enum { EXCEPTIONS_MAX = 48 };
struct exception_counts {
  uint64_t of_rule[EXCEPTIONS_MAX];
};

/* Makes the model's result the same as silicon's in everything that an exception covers. `counts` may be NULL. */
void exceptions_forgive(const struct dispute *dispute, struct exception_counts *counts);

/* What rule number `rule` is about; NULL: there are no more. */
const char *exceptions_name(unsigned rule);

#endif
