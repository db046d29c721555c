/* Logs with VMCS dumps and lists of fields: which of the readers gets a line, and what the file as a whole says. */
#include "text_document.h"

#include <string.h>

#include "capability_list.h"
#include "text_dump.h"
#include "text_list.h"
#include "text_report.h"

enum { LINE_MAX_BYTES = 65536 };

struct reader {
  vmxsim_document *document;
  struct text_case text;
  struct text_report pending;
  struct text_dump dump;
  struct text_list list;
  struct capability_list capabilities;
  bool has_dumps;
  unsigned advice_line; /* "set kvm_intel.dump_invalid_vmcs=1" */
  struct vmxsim_diagnostic *diagnostic;
};

static vmxsim_status read_line(struct reader *reader, const struct text_line *line) {
  if (!line->length) return VMXSIM_OK;
  text_report_line(line, &reader->text, &reader->pending);
  if (capability_list_line(&reader->capabilities, line)) return VMXSIM_OK;
  if (!reader->has_dumps) {
    if (text_line_find(line, "dump_invalid_vmcs")) reader->advice_line = line->number;
    return text_list_line(&reader->list, line, reader->diagnostic);
  }
  if (text_list_own_line(&reader->text, line)) return VMXSIM_OK;
  return text_dump_line(&reader->dump, line, reader->diagnostic);
}

static vmxsim_status finish(struct reader *reader) {
  if (reader->has_dumps) return text_dump_end(&reader->dump, reader->diagnostic);
  text_list_end(&reader->list);
  if (reader->text.report.kind < 0) reader->text.report = reader->pending;
  return text_case_end(&reader->text, reader->diagnostic);
}

/* Why there is nothing. */
static vmxsim_status nothing_found(const struct reader *reader) {
  static const char expected[] = "no VMCS data found: expected a KVM or Xen log with \"*** Guest State ***\", or lines "
                                 "such as \"guest_cr0 = 0x31\"";
  struct vmxsim_diagnostic *diagnostic = reader->diagnostic;
  const unsigned near = reader->list.near_line;
  if (reader->advice_line) {
    return diagnose(
        diagnostic, VMXSIM_ERROR_SYNTAX, reader->advice_line, 1,
        "no VMCS data found: KVM held the dump back; load kvm_intel with dump_invalid_vmcs=1 and try again");
  }
  if (!reader->has_dumps && near) {
    const char *nearest = NULL;
    vmxsim_field_nearest(reader->list.near_name, strlen(reader->list.near_name), &nearest, 1);
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, near, 1,
                    "%s; the nearest was line %u, \"%s\", which names no field%s%s", expected, near,
                    reader->list.near_name, nearest ? "; the nearest name is " : "", nearest ? nearest : "");
  }
  const struct text_report *report = reader->text.report.kind >= 0 ? &reader->text.report : &reader->pending;
  if (report->kind >= 0) {
    char text[200];
    const struct vmxsim_outcome outcome = {.kind = (enum vmxsim_outcome_kind)report->kind, .number = report->number};
    vmxsim_outcome_text(&outcome, text, sizeof text);
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, 0, 0, "%s; the log only says how the entry ended: %s", expected,
                    text);
  }
  if (!capability_list_is_empty(&reader->capabilities)) {
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, reader->capabilities.first_line, 1,
                    "%s; there are only capability MSRs", expected);
  }
  return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, 0, 0, "%s", expected);
}

/* Capability MSRs in the same file are those of the processor. What is not given is taken from `max`, which allows
 * most, so that no rule counts as broken for want of a fact. */
static vmxsim_status give_processor(struct reader *reader) {
  const struct vmxsim_profile *max = vmxsim_profile_find("max", 3);
  vmxsim_document *document = reader->document;
  if (!reader->capabilities.found || !max) return VMXSIM_OK;
  struct vmxsim_capabilities *processor =
      document_copy(document, &max->capabilities, 1, sizeof(struct vmxsim_capabilities));
  const char *name = document_string(document, "given in the log", strlen("given in the log"));
  if (!processor || !name) return diagnose_no_memory(reader->diagnostic);
  capability_list_apply(&reader->capabilities, processor);
  for (size_t i = 0; i < document->case_count; i++) {
    document->cases[i]->processor = processor;
    document->cases[i]->processor_name = name;
  }
  return VMXSIM_OK;
}

static vmxsim_status read_text(struct reader *reader, const char *text, size_t length, char *buffer) {
  struct text_lines lines;
  struct text_line line;
  vmxsim_status status = VMXSIM_OK;
  text_lines_begin(&lines, text, length, buffer, LINE_MAX_BYTES);
  while (status == VMXSIM_OK && text_lines_next(&lines, &line)) status = read_line(reader, &line);
  if (status == VMXSIM_OK) status = finish(reader);
  if (status == VMXSIM_OK && !reader->document->case_count) status = nothing_found(reader);
  return status == VMXSIM_OK ? give_processor(reader) : status;
}

vmxsim_status text_document_read(vmxsim_document *document, const char *text, size_t length,
                                 struct vmxsim_diagnostic *diagnostic) {
  struct reader *reader = document_allocate(document, 1, sizeof *reader);
  char *buffer = document_allocate(document, 1, LINE_MAX_BYTES);
  if (!reader || !buffer) return diagnose_no_memory(diagnostic);
  *reader = (struct reader){.document = document, .diagnostic = diagnostic};
  reader->text.document = document;
  reader->pending = (struct text_report){.kind = -1, .vmresume = -1};
  reader->text.report = reader->pending;
  capability_list_begin(&reader->capabilities);
  reader->has_dumps = length && text_dump_is_in(text, length);
  if (reader->has_dumps) {
    text_dump_begin(&reader->dump, &reader->text, &reader->pending, text, length);
  } else {
    text_list_begin(&reader->list, &reader->text);
  }
  return read_text(reader, text, length, buffer);
}
