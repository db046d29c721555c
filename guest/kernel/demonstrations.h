/* The commands `smp` and `shared`: several processors at work. Each says whether its result is right. */
#ifndef GUEST_DEMONSTRATIONS_H
#define GUEST_DEMONSTRATIONS_H

#include "kernel/types.h"

/* Starts all processors, runs a task on each, and moves the calling task around all of them. */
bool smp(void);

/* All processors work on shared memory, with timer interrupts. */
bool shared(uint32_t rounds);

#endif
