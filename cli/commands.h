/* The commands of vmxsim, one a file. */
#ifndef VMXSIM_CLI_COMMANDS_H
#define VMXSIM_CLI_COMMANDS_H

#include "cli/options.h"

extern const struct command command_check;
extern const struct command command_explain;
extern const struct command command_fields;
extern const struct command command_cpu;
extern const struct command command_test;
extern const struct command command_rules;
extern const struct command command_run;

#endif
