/* vmxsim run --input: what a file or the standard input has, for the guest's serial port and INT 16H. */
#ifndef VMXSIM_CLI_RUN_INPUT_H
#define VMXSIM_CLI_RUN_INPUT_H

#include "vmxsim/platform.h"

struct run_input;

/* NULL: it has complained. */
struct run_input *run_input_open(const char *path);
/* As the terminal was before the input was opened. NULL is allowed. */
void run_input_close(struct run_input *input);
/* vmxsim_machine_run() with input; a machine that waits for some is not at its end before the input is. */
vmxsim_status run_with_input(struct run_input *input, vmxsim_machine *machine, vmxsim_pc *pc, uint64_t cycles,
                             struct vmxsim_run_result *result);

#endif
