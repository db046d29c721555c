/* Why a vector failed, line by line. */
#ifndef VMXSIM_CLI_TEST_DETAILS_H
#define VMXSIM_CLI_TEST_DETAILS_H

#include "vmxsim/vectors.h"

enum { TEST_DETAILS_BYTES = 16384 };

struct test_details {
  char text[TEST_DETAILS_BYTES];
  size_t length;
};

void test_details_make(struct test_details *details, const struct vmxsim_case *subject,
                       const struct vmxsim_vector_result *result);

#endif
