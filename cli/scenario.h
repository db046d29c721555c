/* Scenarios in `vmxsim run` and `vmxsim test`. */
#ifndef VMXSIM_CLI_SCENARIO_H
#define VMXSIM_CLI_SCENARIO_H

#include "cli/output.h"
#include "vmxsim/scenario.h"

/* What happened, as lines for a report. */
struct scenario_log {
  char *text; /* free() */
  size_t length, capacity;
};

struct scenario_options {
  unsigned color;
  bool json, instructions;
  const struct vmxsim_capabilities *processor; /* of scenarios that name none; NULL: max */
};

/* Whether a file is for scenario_run_file(): by its name. */
bool scenario_is_file(const char *path);
/* Runs every scenario of a file and prints what happens, one line an event. Returns an exit status. */
int scenario_run_file(const char *path, const struct scenario_options *options);
/* Runs one silently; what it came to is in the log if it failed. `path` is its file, for `file:`. */
vmxsim_status scenario_test(const char *path, const vmxsim_scenario *scenario, struct scenario_log *log, bool *passed);

#endif
