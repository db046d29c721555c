/* Collecting capability MSRs, line by line, from listings of many kinds. */
#ifndef VMXSIM_INPUT_CAPABILITY_LIST_H
#define VMXSIM_INPUT_CAPABILITY_LIST_H

#include "text_lines.h"
#include "vmxsim/input.h"

struct capability_section;

struct capability_list {
  uint64_t value[VMXSIM_CAPABILITY_COUNT];
  bool given[VMXSIM_CAPABILITY_COUNT];
  size_t found;                             /* MSRs */
  const struct capability_section *section; /* of vmxcap's listing */
  bool section_begun;                       /* a row of it was read */
  int asked_for;                            /* capability that an "rdmsr" line without a value asks for, or -1 */
  unsigned first_line;
  bool bad_feature; /* a features: line has a name that is none */
  unsigned bad_line, bad_column;
  char bad_name[40];
};

void capability_list_begin(struct capability_list *list);
/* Whether the line has something of the kind. */
bool capability_list_line(struct capability_list *list, const struct text_line *line);
bool capability_list_is_empty(const struct capability_list *list);
/* Puts what was found into *capabilities and adjusts what depends on it and was not found: docs/dumps.md. */
void capability_list_apply(const struct capability_list *list, struct vmxsim_capabilities *capabilities);

#endif
