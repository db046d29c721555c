/* Cases with what a processor of silicon made of them, as lines of text: for hosts that cannot execute them. */
#ifndef VMXSIM_TESTS_CONFORMANCE_GOLDEN_H
#define VMXSIM_TESTS_CONFORMANCE_GOLDEN_H

#include <stdio.h>

#include "tests/conformance/case.h"

enum { GOLDEN_LINE_MAX = 64 * 1024 };

/* One line: the mode in bits, the code, the seed; what of the state is not as state_fill() has it; then, behind '>',
 * the vector and what the case changed. Numbers are hexadecimal, registers beyond 64 bits their bytes in order. */
void golden_write(FILE *file, const struct test_case *test, const struct test_result *result);
/* False: no such line. */
bool golden_read(char *line, struct test_case *test, struct test_result *result);

#endif
