/* The reader of dumps with sections and labels: Linux's dump_vmcs(), Xen's VMCS areas and their relatives. */
#ifndef VMXSIM_INPUT_TEXT_DUMP_H
#define VMXSIM_INPUT_TEXT_DUMP_H

#include "text_case.h"

enum dump_section { SECTION_none, SECTION_guest, SECTION_host, SECTION_control };
enum dump_list { LIST_NONE, LIST_ENTRY_LOAD, LIST_EXIT_STORE, LIST_EXIT_LOAD, LIST_COUNT };
enum { DUMP_WORDS = 3, DUMP_WORD_MAX = 24 };

struct dump_label;

struct text_dump {
  struct text_case *text;
  struct text_report *pending_report; /* said before the dump that it is about */
  enum dump_section section;
  unsigned group;
  unsigned column_of_row;                /* next value of a row of bare values */
  char words[DUMP_WORDS][DUMP_WORD_MAX]; /* the last words, the newest at the end */
  bool waiting;                          /* for the value of a label */
  const struct dump_label *label;        /* that label; NULL if it is not known */
  unsigned waiting_line;
  vmxsim_field last_field; /* that was given a value, VMXSIM_FIELD_COUNT if none was since */
  enum dump_list list;
  uint32_t msr_index;
  size_t list_count[LIST_COUNT];
  unsigned sections_seen;   /* headings: 1 << section */
  unsigned understood_line; /* the last line that had something */
  bool xen, linux_lists, old_xen, cut;
  unsigned header_line; /* lines this far before the first heading belong to the section before it */
  enum dump_section header_section;
};

/* Whether a text has such dumps. */
bool text_dump_is_in(const char *text, size_t length);
void text_dump_begin(struct text_dump *dump, struct text_case *text, struct text_report *pending_report,
                     const char *bytes, size_t length);
vmxsim_status text_dump_line(struct text_dump *dump, const struct text_line *line,
                             struct vmxsim_diagnostic *diagnostic);
vmxsim_status text_dump_end(struct text_dump *dump, struct vmxsim_diagnostic *diagnostic);

#endif
