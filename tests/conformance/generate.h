/* From a form and a seed to a case. */
#ifndef VMXSIM_TESTS_CONFORMANCE_GENERATE_H
#define VMXSIM_TESTS_CONFORMANCE_GENERATE_H

#include "tests/conformance/forms.h"
#include "tests/conformance/random.h"

/* The same form, seed and decoder give the same case. */
void generate_case(const struct form *form, uint64_t seed, const struct decoder *decoder, struct test_case *test);

/* Memory operands and what else instructions want of registers and memory: operands.c. `displacement` is where in the
 * code the operand's displacement would be. */
struct placement {
  struct rng *rng;
  const struct form *form;
  const struct ir_op *op;
  unsigned displacement;
  struct test_case *test;
};
void place_operands(const struct placement *placement);

#endif
