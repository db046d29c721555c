/* Holds what two processors made of a case against each other. */
#ifndef VMXSIM_TESTS_CONFORMANCE_COMPARE_H
#define VMXSIM_TESTS_CONFORMANCE_COMPARE_H

#include <stdio.h>

#include "tests/conformance/exceptions.h"

/* True: the same, but for what may differ (exceptions.h); `actual` is then changed to be the same in that. `model` is
 * what made it; `counts` may be NULL. */
bool results_agree(struct model *model, const struct test_case *test, const struct ir_op *op,
                   const struct test_result *expected, struct test_result *actual, struct exception_counts *counts);

/* All of a case, and where the results differ. */
void print_case(FILE *file, const struct test_case *test, const struct ir_op *op);
void print_differences(FILE *file, const struct test_case *test, const struct ir_op *op,
                       const struct test_result *expected, const struct test_result *actual);

#endif
