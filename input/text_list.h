/* The reader of lists: "name value", "name: value", "name = value", "0x6800 value" ... in any surroundings. */
#ifndef VMXSIM_INPUT_TEXT_LIST_H
#define VMXSIM_INPUT_TEXT_LIST_H

#include "text_case.h"

struct text_list {
  struct text_case *text;
  bool hexadecimal;   /* a number of the list shows that numbers without "0x" are hexadecimal */
  unsigned near_line; /* the first line that looked like VMCS data and was not understood */
  char near_name[64];
};

void text_list_begin(struct text_list *list, struct text_case *text);
vmxsim_status text_list_line(struct text_list *list, const struct text_line *line,
                             struct vmxsim_diagnostic *diagnostic);
/* A line that has nothing but one of our own names and a value: also read inside dumps. Returns false if it is none. */
bool text_list_own_line(struct text_case *text, const struct text_line *line);
void text_list_end(struct text_list *list);

#endif
