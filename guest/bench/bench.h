/* The command `bench=NAME`. */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include "kernel/command_line.h"

/* Runs one kernel, or all of them; false if there is none of that name. */
bool bench(const struct command_line *line, struct text name);

#endif
