/* `vmxsim cpu`: profiles of processors. */
#ifndef VMXSIM_CLI_CPU_H
#define VMXSIM_CLI_CPU_H

#include "cli/output.h"
#include "vmxsim/capabilities.h"

/* cpu_show.c: a processor as text, or JSON */
void cpu_show(const struct output *output, const char *name, const struct vmxsim_profile *profile,
              const struct vmxsim_capabilities *capabilities);
void cpu_show_json(const char *name, const struct vmxsim_profile *profile,
                   const struct vmxsim_capabilities *capabilities);

/* cpu_import.c: a list of MSRs as a profile. Returns the exit status. */
int cpu_import(const char *path, const char *name, const char *base);

#endif
