/* Any bytes as a log: read or refused, and nothing left behind. The same bytes as a list of capability MSRs. */
#include <stdlib.h>
#include <string.h>

#include "vmxsim/vmxsim.h"

static void use(const struct vmxsim_case *subject) {
  struct vmxsim_vmcs vmcs;
  uint8_t bytes[64];
  vmxsim_case_vmcs(subject, &vmcs);
  for (size_t i = 0; i < subject->value_count; i++) {
    const struct vmxsim_field_value *value = &subject->values[i];
    const unsigned bits = vmxsim_field_bits(value->field);
    if (!value->line || !value->column || (bits < 64 && value->value >> bits)) abort();
  }
  for (size_t i = 0; i < subject->memory_count; i++) {
    vmxsim_case_read_memory((void *)subject, subject->memory[i].address, bytes, sizeof bytes);
  }
  if (!subject->value_count || (subject->not_understood && !subject->not_understood_lines[0])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic;
  struct vmxsim_capabilities capabilities = {0};
  const vmxsim_status status =
      vmxsim_document_read("fuzz.txt", (const char *)data, size, VMXSIM_FORMAT_TEXT, NULL, &document, &diagnostic);
  if ((status == VMXSIM_OK) != (document != NULL)) abort();
  if (status != VMXSIM_OK && (!diagnostic.text[0] || !memchr(diagnostic.text, 0, sizeof diagnostic.text))) abort();
  for (size_t i = 0; document && i < vmxsim_document_count(document); i++) use(vmxsim_document_case(document, i));
  vmxsim_document_free(document);
  vmxsim_capabilities_read((const char *)data, size, &capabilities, NULL, &diagnostic);
  return 0;
}
