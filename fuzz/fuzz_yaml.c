/* Any bytes as YAML: read or refused with a place, and nothing left behind. What was read can be used. */
#include <stdlib.h>
#include <string.h>

#include "vmxsim/vmxsim.h"

static void use(const struct vmxsim_case *subject) {
  struct vmxsim_vmcs vmcs;
  uint8_t bytes[64];
  vmxsim_case_vmcs(subject, &vmcs);
  for (size_t i = 0; i < subject->memory_count; i++) {
    vmxsim_case_read_memory((void *)subject, subject->memory[i].address - 8, bytes, sizeof bytes);
  }
  if (strlen(subject->name) + strlen(subject->about) + strlen(subject->processor_name) > 1 << 20) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic;
  const vmxsim_status status =
      vmxsim_document_read("fuzz.yaml", (const char *)data, size, VMXSIM_FORMAT_YAML, NULL, &document, &diagnostic);
  if ((status == VMXSIM_OK) != (document != NULL)) abort();
  if (status != VMXSIM_OK && (!diagnostic.text[0] || !memchr(diagnostic.text, 0, sizeof diagnostic.text))) abort();
  if (status != VMXSIM_OK && status != VMXSIM_ERROR_MEMORY && (!diagnostic.line || !diagnostic.column)) abort();
  if (!document) return 0;
  for (size_t i = 0; i < vmxsim_document_count(document); i++) use(vmxsim_document_case(document, i));
  vmxsim_document_free(document);
  return 0;
}
