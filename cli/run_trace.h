/* vmxsim run --trace: which events are wanted, and writing them. */
#ifndef VMXSIM_CLI_RUN_TRACE_H
#define VMXSIM_CLI_RUN_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/run_vmx.h"

enum { TRACE_RANGES_MAX = 32 };

struct trace {
  FILE *file; /* NULL: no trace */
  struct vmx_watch vmx;
  bool json;
  uint64_t mask;    /* kinds that are wanted */
  uint64_t limited; /* of these, the ones that are wanted at some linear addresses only */
  struct {
    uint64_t kinds, first, last;
  } range[TRACE_RANGES_MAX];
  unsigned ranges;
};

/* "instructions@0x7c00-0x7fff,exceptions,msr_write"; complains and returns false. */
bool trace_parse(const char *filter, struct trace *trace);
/* Opens `path` (NULL: standard error); complains and returns false. */
bool trace_open(struct trace *trace, const char *path);
/* Without a trace, VM entries that fail are told of all the same. */
void trace_listen(struct trace *trace, vmxsim_machine *machine);
/* With a summary of VM exits, if these were asked for; complains and returns false if something could not be written.
 */
bool trace_close(struct trace *trace);

#endif
