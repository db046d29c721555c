/* The two that execute cases: the host's processor, in a child process, and the model. */
#ifndef VMXSIM_TESTS_CONFORMANCE_EXECUTE_H
#define VMXSIM_TESTS_CONFORMANCE_EXECUTE_H

#include "decode/decode.h"
#include "tests/conformance/case.h"

enum { BATCH = 512 };

/* --- the host's processor: x86-64 Linux --- */

struct native;
/* NULL: this host cannot, and *why says what it lacks. */
struct native *native_start(const char **why);
void native_stop(struct native *native);
/* Begins to execute up to BATCH cases; native_wait() waits for all of them. A case that took the child with it has
 * NO_VECTOR. The results are valid until the next submission. */
bool native_submit(struct native *native, const struct test_case *cases, unsigned count);
const struct test_result *native_wait(struct native *native);

/* --- the model --- */

struct model;
struct model *model_create(void); /* NULL: no memory */
void model_destroy(struct model *model);
void model_execute(struct model *model, const struct test_case *test, struct test_result *result);
const struct decoder *model_decoder(const struct model *model);

/* --- both --- */

/* Words of `memory` that differ from `before`, which is what it held when the case began. */
void collect_changes(const uint8_t *before, const uint8_t *memory, struct test_result *result);

#endif
