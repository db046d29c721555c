/* Filling in diagnostics. */
#include "diagnose.h"

#include <stdarg.h>
#include <stdio.h>

vmxsim_status diagnose(struct vmxsim_diagnostic *diagnostic, vmxsim_status status, unsigned line, unsigned column,
                       const char *format, ...) {
  if (!diagnostic) return status;
  diagnostic->line = line;
  diagnostic->column = column;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(diagnostic->text, sizeof diagnostic->text, format, arguments);
  va_end(arguments);
  return status;
}

vmxsim_status diagnose_no_memory(struct vmxsim_diagnostic *diagnostic) {
  return diagnose(diagnostic, VMXSIM_ERROR_MEMORY, 0, 0, "no memory is left");
}
