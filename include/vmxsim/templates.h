/* Ready-made VMCSs that pass every check on every processor that can run them: starting points for tests. */
#ifndef VMXSIM_TEMPLATES_H
#define VMXSIM_TEMPLATES_H

#include "vmxsim/processor_state.h"
#include "vmxsim/vmcs.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vmxsim_template {
  const char *name;  /* "long-mode" */
  const char *about; /* in a line */
  const char *needs; /* the controls a processor must support, separated by spaces */
  struct vmxsim_vmcs vmcs;
  struct vmxsim_processor_state state;
};

size_t vmxsim_template_count(void);
const struct vmxsim_template *vmxsim_template_at(size_t index); /* NULL past the last */
const struct vmxsim_template *vmxsim_template_find(const char *name, size_t length);

#ifdef __cplusplus
}
#endif
#endif
