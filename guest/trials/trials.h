/* The command `vmx-random`. */
#ifndef GUEST_TRIALS_TRIALS_H
#define GUEST_TRIALS_TRIALS_H

#include "kernel/command_line.h"

/* `seed=N from=N count=N verbose`; false if the processor has no VMX. */
bool vmx_random(const struct command_line *line);

#endif
