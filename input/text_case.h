/* A case while its text is being read: at most one value a field, so that any length of log takes the same memory. */
#ifndef VMXSIM_INPUT_TEXT_CASE_H
#define VMXSIM_INPUT_TEXT_CASE_H

#include "text_document.h"
#include "text_lines.h"

enum { TEXT_MSRS_MAX = 512, TEXT_LINES_KEPT = 16 };

/* A value of a field. */
struct text_value {
  uint64_t value;
  uint64_t decimal; /* the same digits read as decimal, where `unmarked` */
  uint64_t high;    /* bits 63:32, where `has_high` */
  unsigned line, column;
  bool given, has_high;
  bool unmarked;    /* nothing in the number itself says that it is hexadecimal */
  bool has_decimal; /* `decimal` holds */
};

struct text_msr {
  uint32_t index;
  uint64_t value;
};

/* What the log says of the entry. */
struct text_report {
  int kind; /* vmxsim_outcome_kind, -1 if it says nothing */
  uint32_t number;
  bool has_number;
  int vmresume; /* 1 or 0 if the log names the instruction, else -1 */
  bool has_msr; /* the entry of the VM-entry MSR-load area that failed is given */
  struct text_msr msr;
};

struct text_case {
  vmxsim_document *document;
  bool open; /* there is a case */
  const char *format;
  unsigned line; /* where it begins */
  struct text_value values[VMXSIM_FIELD_COUNT];
  size_t value_count;
  size_t not_understood;
  unsigned not_understood_lines[TEXT_LINES_KEPT];
  const char *not_understood_names[TEXT_LINES_KEPT]; /* the document's; NULL where none is known */
  unsigned last_not_understood;
  struct text_msr entry_load[TEXT_MSRS_MAX]; /* the VM-entry MSR-load area */
  size_t entry_load_count;
  struct text_report report;
  bool decimal; /* unmarked numbers are decimal */
};

void text_case_begin(struct text_case *text, const char *format, unsigned line);
/* Gives a field a value; the last one counts. VMXSIM_ERROR_WIDTH if it does not fit, and nothing is changed. */
vmxsim_status text_case_set(struct text_case *text, vmxsim_field field, uint64_t value, unsigned line, unsigned column);
void text_case_forget(struct text_case *text, vmxsim_field field);
/* Counts a line that looked like VMCS data and was not understood; a second time, it does not count. */
void text_case_not_understood(struct text_case *text, unsigned line);
/* The same, with the name that names nothing. */
void text_case_name_not_understood(struct text_case *text, unsigned line, const char *name, size_t length);
/* Appends the case to its document, if there is one with anything in it. */
vmxsim_status text_case_end(struct text_case *text, struct vmxsim_diagnostic *diagnostic);

#endif
