/* What a call of vmxsim run asks for, and the machine, PC and files that follow from it. */
#ifndef VMXSIM_CLI_RUN_SETUP_H
#define VMXSIM_CLI_RUN_SETUP_H

#include <stdio.h>

#include "cli/options.h"
#include "cli/run_trace.h"
#include "vmxsim/platform.h"

struct run_options {
  struct common_options common;
  const char *append, *initrd, *flat, *smp, *memory, *cpu, *max_cycles, *save, *save_at, *restore;
  const char *trace, *trace_file, *serial, *input;
  unsigned timing;
  bool qemu_exit;
};

struct setup {
  struct vmxsim_capabilities processor;
  char *instruction_sets;
  struct vmxsim_machine_options machine;
  struct vmxsim_pc_options pc;
  uint64_t max_cycles, save_at;
  bool is_flat;
  uint64_t flat_address;
  enum vmxsim_pc_mode flat_mode;
  struct trace trace;
  FILE *serial; /* NULL: the standard output */
};

/* False: it has complained. What there is has to be released even then. */
bool setup_prepare(const struct run_options *given, struct setup *setup);
/* False: a file could not be written to its end. */
bool setup_release(const struct run_options *given, struct setup *setup);

#endif
