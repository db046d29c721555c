/* Any VMCS and any guest code: VM entries, VM exits and re-entries of a machine that goes on until its cycles are used
 * up, with what has to hold at each of them checked. For tests/test_vmx_chaos.c and fuzz/fuzz_vmx.c.
 */
#ifndef VMXSIM_TESTS_VMX_CHAOS_H
#define VMXSIM_TESTS_VMX_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmx_chaos;

struct vmx_chaos *vmx_chaos_create(void); /* NULL: no memory */
void vmx_chaos_destroy(struct vmx_chaos *chaos);

/* A field's index (of all fields, modulo their number) and how its value is to differ from the template's. */
struct vmx_chaos_change {
  uint16_t field;
  uint64_t flip;
};

/* Runs guest `code` under the VMCS of template `start` (modulo their number) with the changes. False: something that
 * has to hold did not; vmx_chaos_complaint() says what. */
bool vmx_chaos_run(struct vmx_chaos *chaos, unsigned start, const struct vmx_chaos_change *changes, size_t count,
                   const uint8_t *code, size_t size);
const char *vmx_chaos_complaint(const struct vmx_chaos *chaos);
/* Of all runs: VM entries that passed, VM entries that did not, VM exits. */
void vmx_chaos_counts(const struct vmx_chaos *chaos, uint64_t *entries, uint64_t *failures, uint64_t *exits);

#endif
