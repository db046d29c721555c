/* Any VMCS and any guest code on a machine: entries, exits, re-entries, and what has to hold at each. */
#include <stdlib.h>
#include <string.h>

#include "tests/vmx_chaos.h"

enum { CHANGES = 32, CHANGE_BYTES = 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The template, the number of changes, the changes, the guest's code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct vmx_chaos *chaos;
  struct vmx_chaos_change changes[CHANGES];
  if (!chaos) chaos = vmx_chaos_create();
  if (!chaos || size < 2) return 0;
  const unsigned start = data[0];
  size_t count = data[1] % CHANGES, at = 2;
  for (size_t i = 0; i < count; i++, at += CHANGE_BYTES) {
    if (size - at < CHANGE_BYTES) {
      count = i;
      break;
    }
    memcpy(&changes[i].field, data + at, 2);
    memcpy(&changes[i].flip, data + at + 2, 8);
  }
  if (!vmx_chaos_run(chaos, start, changes, count, data + at, size - at)) abort();
  return 0;
}
