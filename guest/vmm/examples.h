/* The command `vmx=NAME`. */
#ifndef GUEST_VMM_EXAMPLES_H
#define GUEST_VMM_EXAMPLES_H

#include "kernel/command_line.h"

/* Runs the example; false if there is none of that name. `good`: whether it went as it should. */
bool vmx_example(struct text name, bool *good);

/* The examples. Each says whether its result is right. */
bool vmx_capabilities(void);
bool vmx_enter(void);
bool vmx_debug(void);
bool vmx_mtf(void);
bool vmx_many(void);

#endif
