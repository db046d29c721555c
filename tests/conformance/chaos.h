/* Random bytes as code, in any mode at any privilege level: nothing of the host may be touched by what the guest does.
 */
#ifndef VMXSIM_TESTS_CONFORMANCE_CHAOS_H
#define VMXSIM_TESTS_CONFORMANCE_CHAOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chaos_mode {
  CHAOS_REAL,
  CHAOS_PROTECTED_16,
  CHAOS_PROTECTED_32,
  CHAOS_VIRTUAL_8086,
  CHAOS_COMPATIBILITY,
  CHAOS_64,
  CHAOS_MODES
};

struct chaos;
struct chaos *chaos_create(void); /* NULL: no memory */
void chaos_destroy(struct chaos *chaos);

/* Executes the bytes from a state that `seed` decides, with handlers and tables that are sound, until the budget of
 * cycles ends. False: memory beside the guest's was written to. */
bool chaos_run(struct chaos *chaos, enum chaos_mode mode, bool privileged, uint64_t seed, const uint8_t *code,
               size_t size);

const char *chaos_mode_name(enum chaos_mode mode);

#endif
