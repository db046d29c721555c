/* Any text as assembler: assembled, or refused with a place. What comes out is the same when it is assembled again. */
#include <stdlib.h>
#include <string.h>

#include "vmxsim/assembler.h"

static void require(bool condition) {
  if (!condition) abort();
}

static void compare(const struct vmxsim_assembly *a, const struct vmxsim_assembly *b) {
  require(a->piece_count == b->piece_count && a->label_count == b->label_count);
  for (size_t i = 0; i < a->piece_count; i++) {
    require(a->pieces[i].address == b->pieces[i].address && a->pieces[i].size == b->pieces[i].size);
    require(!memcmp(a->pieces[i].bytes, b->pieces[i].bytes, a->pieces[i].size));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const unsigned modes[] = {16, 32, 64, 64};
  struct vmxsim_assembly *first, *second;
  struct vmxsim_diagnostic diagnostic = {0};
  if (!size) return 0;
  const struct vmxsim_assembler_options options = {
      .size = sizeof options, .bits = modes[data[0] & 3], .origin = (uint64_t)data[0] << 16};
  const char *text = (const char *)data + 1;
  const vmxsim_status status = vmxsim_assemble(text, size - 1, &options, &first, &diagnostic);
  require((status == VMXSIM_OK) == (first != NULL));
  if (status) {
    require(status == VMXSIM_ERROR_MEMORY || (diagnostic.line && diagnostic.column && diagnostic.text[0]));
    return 0;
  }
  require(vmxsim_assemble(text, size - 1, &options, &second, &diagnostic) == VMXSIM_OK);
  compare(first, second);
  vmxsim_assembly_free(first);
  vmxsim_assembly_free(second);
  return 0;
}
