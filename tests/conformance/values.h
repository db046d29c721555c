/* Values that instructions are sensitive to: boundaries of every format, and random ones. */
#ifndef VMXSIM_TESTS_CONFORMANCE_VALUES_H
#define VMXSIM_TESTS_CONFORMANCE_VALUES_H

#include "tests/conformance/case.h"
#include "tests/conformance/random.h"

uint64_t value_integer(struct rng *rng);
uint16_t value_half(struct rng *rng);
uint32_t value_single(struct rng *rng);
uint64_t value_double(struct rng *rng);
void value_extended(struct rng *rng, uint8_t bytes[10]);
/* Elements of one format, or of several; size is a multiple of 16. */
void value_vector(struct rng *rng, uint8_t *bytes, unsigned size);

/* A state of which nothing was chosen on purpose: all of it but RIP and what the code's mode fixes is random. */
void state_fill(enum code_mode mode, uint64_t seed, struct user_state *state);

#endif
