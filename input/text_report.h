/* What a log says in words of how a VM entry went. */
#ifndef VMXSIM_INPUT_TEXT_REPORT_H
#define VMXSIM_INPUT_TEXT_REPORT_H

#include "text_case.h"

/* Reads a line. If it says how an entry went, or goes on with what `pending` began, puts that in the case that is open
 * and has no report yet, or else in `pending`, for the next case. */
void text_report_line(const struct text_line *line, struct text_case *text, struct text_report *pending);

#endif
