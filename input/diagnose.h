/* Filling in diagnostics: what was expected, what was found, the nearest valid name. */
#ifndef VMXSIM_INPUT_DIAGNOSE_H
#define VMXSIM_INPUT_DIAGNOSE_H

#include "vmxsim/input.h"

/* Writes line, column and text (printf format) into a diagnostic, which may be NULL; returns `status`. */
vmxsim_status diagnose(struct vmxsim_diagnostic *diagnostic, vmxsim_status status, unsigned line, unsigned column,
                       const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 5, 6)))
#endif
    ;

vmxsim_status diagnose_no_memory(struct vmxsim_diagnostic *diagnostic);

#endif
