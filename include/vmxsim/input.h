/* Reading what people have: the project's YAML, kernel and hypervisor logs, lists of fields, lists of capability MSRs.
 *
 * Text in, cases out. A case is one VMCS to be checked, or one test vector.
 */
#ifndef VMXSIM_INPUT_H
#define VMXSIM_INPUT_H

#include "vmxsim/allocator.h"
#include "vmxsim/checks.h"
#include "vmxsim/templates.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was wrong, and where. */
struct vmxsim_diagnostic {
  unsigned line;   /* from 1; 0 if it has no place */
  unsigned column; /* from 1, in bytes */
  char text[400];  /* what was expected, what was found, the nearest valid name */
};

enum vmxsim_input_format {
  VMXSIM_FORMAT_DETECT, /* by content */
  VMXSIM_FORMAT_YAML,   /* docs/yaml.md */
  VMXSIM_FORMAT_TEXT,   /* logs with VMCS dumps, lists of "name value" lines: docs/dumps.md */
};

/* A value given for a VMCS field. A case may give a field twice; the last counts. */
struct vmxsim_field_value {
  vmxsim_field field;
  unsigned line, column; /* where it stood */
  uint64_t value;
  bool unknown; /* said to be unknown, whatever the template has; value is 0 */
};

/* A piece of guest-physical memory. The pieces of a case do not overlap. */
struct vmxsim_memory_bytes {
  uint64_t address;
  size_t size;
  const uint8_t *bytes; /* NULL: said to be unknown */
};

/* What a vector expects. */
struct vmxsim_expectation {
  bool given;
  struct vmxsim_outcome allowed[4]; /* any of these (`check` and `certain` do not count) */
  size_t allowed_count;
  vmxsim_check breaks;      /* the check that the vector is made to break, or VMXSIM_NO_CHECK */
  vmxsim_check passes;      /* the check that the vector only just passes, or VMXSIM_NO_CHECK */
  const vmxsim_check *also; /* further checks that it necessarily breaks */
  size_t also_count;
  const vmxsim_check *undecided; /* checks that must be undecided; only compared if `undecided_given` */
  size_t undecided_count;
  bool undecided_given;
};

struct vmxsim_case {
  const char *name;                   /* of a vector; "" otherwise */
  const char *about;                  /* "" if none */
  unsigned line;                      /* where it begins */
  const struct vmxsim_template *base; /* the template it starts from, or NULL: nothing known */
  const struct vmxsim_field_value *values;
  size_t value_count;
  struct vmxsim_processor_state state;         /* complete, template and assumptions included */
  const struct vmxsim_capabilities *processor; /* NULL: not given */
  const char *processor_name;                  /* as given; "" if not */
  const struct vmxsim_memory_bytes *memory;
  size_t memory_count;
  bool memory_complete; /* memory that is not listed reads as zero; else it is not known */
  struct vmxsim_expectation expect;
  /* Text input: */
  const char *format;                      /* "Linux kernel log", "Xen VMCS area", "list of fields", "YAML" */
  size_t not_understood;                   /* lines that looked like VMCS data and were not understood */
  const unsigned *not_understood_lines;    /* numbers of the first of them, at most 16 */
  const char *const *not_understood_names; /* the names in those lines that name no field; NULL where there is none */
  int reported_outcome_kind;               /* what the log itself says of the entry: a vmxsim_outcome_kind, or -1 */
  uint32_t reported_outcome_number;
};

typedef struct vmxsim_document vmxsim_document;

/* Reads `length` bytes of text. `name` is the file's, for messages. On failure *document is NULL and *diagnostic says
 * what and where. VMXSIM_ERROR_LIMIT guards memory: at most 64 levels of nesting, 1 MiB a YAML document, 256 MiB of
 * text. */
vmxsim_status vmxsim_document_read(const char *name, const char *text, size_t length, enum vmxsim_input_format format,
                                   const struct vmxsim_allocator *allocator, vmxsim_document **document,
                                   struct vmxsim_diagnostic *diagnostic);
void vmxsim_document_free(vmxsim_document *document); /* NULL is allowed */

size_t vmxsim_document_count(const vmxsim_document *document);
const struct vmxsim_case *vmxsim_document_case(const vmxsim_document *document, size_t n); /* NULL past the last */
const char *vmxsim_document_name(const vmxsim_document *document);

/* The VMCS of a case: template and values. */
void vmxsim_case_vmcs(const struct vmxsim_case *subject, struct vmxsim_vmcs *vmcs);
/* A vmxsim_memory_read over the memory of a case (`context` is the case, or a copy of it with another processor). With
 * a template, the VMXON region and the current VMCS begin with the processor's VMCS revision identifier unless the case
 * gives other memory there. */
bool vmxsim_case_read_memory(void *context, uint64_t address, void *bytes, size_t size);

/* Capability MSRs out of text: rdmsr listings, "0x480 0x..." lists, VirtualBox logs, `vmxsim cpu show`'s own output.
 * Starts from *capabilities as it is given (zeros, or a profile); `found` counts the MSRs that were read. */
vmxsim_status vmxsim_capabilities_read(const char *text, size_t length, struct vmxsim_capabilities *capabilities,
                                       size_t *found, struct vmxsim_diagnostic *diagnostic);

#ifdef __cplusplus
}
#endif
#endif
