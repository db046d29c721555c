/* What a document is inside: an arena and the cases in it. The readers (yaml_case.c, text_*.c) append cases;
 * document.c does the rest. */
#ifndef VMXSIM_INPUT_DOCUMENT_H
#define VMXSIM_INPUT_DOCUMENT_H

#include "arena.h"
#include "diagnose.h"

struct document_processor;

struct vmxsim_document {
  struct arena arena; /* everything that a case points to; lives as long as the document */
  const char *name;
  struct vmxsim_case **cases;
  size_t case_count, case_capacity;
  struct vmxsim_scenario **scenarios;
  size_t scenario_count, scenario_capacity;
  struct document_processor **processors; /* hash of the processors that were asked for, by spec */
  size_t processor_count, processor_capacity;
};

/* Appends a case with nothing in it: no template, no value, no processor, all strings "", expectation not given,
 * reported_outcome_kind -1, `breaks` and `passes` VMXSIM_NO_CHECK, state all unknown (the reader calls
 * vmxsim_processor_state_assume() when it is done with it). NULL if there is no memory. */
struct vmxsim_case *document_append_case(vmxsim_document *document);

/* Memory that lives as long as the document; NULL if there is none left. */
void *document_allocate(vmxsim_document *document, size_t count, size_t size); /* not zeroed */
char *document_string(vmxsim_document *document, const char *text, size_t length);
void *document_copy(vmxsim_document *document, const void *items, size_t count, size_t size);

/* A growing array for a reader: makes room for one more item of `size` bytes behind the `count` there are, moving the
 * array if need be. Returns false if there is no memory; then nothing changed.
 *   if (!document_grow(document, &values, &capacity, count, sizeof *values)) return VMXSIM_ERROR_MEMORY;
 *   values[count++] = ...;
 * `array` points to the array's pointer. */
bool document_grow(vmxsim_document *document, void *array, size_t *capacity, size_t count, size_t size);

/* The processor that a spec names; the same spec gives the same pointer within a document. `name` is set to the
 * document's copy of the spec. On failure *error_at (may be NULL) is the offset of the part of `spec` that was wrong.
 */
vmxsim_status document_processor(vmxsim_document *document, const char *spec, size_t length,
                                 const struct vmxsim_capabilities **processor, const char **name, size_t *error_at);

/* The readers. Each appends the cases of the text to the document. On failure the caller frees the document. */
vmxsim_status yaml_document_read(vmxsim_document *document, const char *text, size_t length,
                                 struct vmxsim_diagnostic *diagnostic);

#endif
