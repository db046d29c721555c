/* What the files of rules share. */
#ifndef VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_INTERNAL_H
#define VMXSIM_TESTS_CONFORMANCE_EXCEPTIONS_INTERNAL_H

#include "tests/conformance/exceptions.h"

/* `forgive` is called where `applies` says so. */
struct exception_rule {
  const char *name; /* the forms and the bits */
  bool (*applies)(const struct dispute *dispute);
  void (*forgive)(const struct dispute *dispute);
};

/* They end with one without a name. */
extern const struct exception_rule exceptions_of_encodings[], exceptions_of_flags[], exceptions_of_values[],
    exceptions_of_faults[];

/* --- questions --- */

/* By anything but its end. */
bool has_faulted(const struct test_result *result);
bool is_one_of(const struct ir_op *op, const uint16_t *opcodes, size_t count);
#define IS_ONE_OF(op, ...) \
  is_one_of(op, (const uint16_t[]){__VA_ARGS__}, sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))
/* Of the memory operand, without what a bit offset adds. */
uint64_t operand_offset(const struct dispute *dispute);
uint64_t operand_linear(const struct dispute *dispute);
/* Of what was `offset` bytes above SP before the instruction. */
uint64_t stack_linear(const struct dispute *dispute, unsigned offset);

/* What memory held before the instruction. */
void read_before(const struct dispute *dispute, uint64_t linear, void *bytes, unsigned size);
/* Whether silicon left `value` there. */
bool silicon_holds(const struct dispute *dispute, uint64_t linear, uint64_t value, unsigned size);
/* The first byte that is no prefix. */
const uint8_t *opcode_bytes(const struct test_case *test);

/* --- to forgive --- */

/* Vector, error code and CR2, and RF in the image of RFLAGS. */
void forgive_fault(const struct dispute *dispute);
void forgive_bytes(const struct dispute *dispute, uint64_t linear, unsigned size);
/* The values from SP down, where they are what silicon pushed: by a fault that came behind that. */
void forgive_pushed(const struct dispute *dispute, const uint64_t *values, unsigned count, unsigned size);

/* --- to put something else in the place of the model's result --- */

/* A fault, with nothing done before it. */
void fault_instead(const struct dispute *dispute, unsigned vector, uint32_t error_code);
/* #GP(0). */
void protection_fault_instead(const struct dispute *dispute);
/* What the model makes of another instruction. */
void execute_instead(const struct dispute *dispute, const struct test_case *other);

#endif
