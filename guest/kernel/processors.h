/* The processors: what each sets up for itself, and how the others are started. */
#ifndef GUEST_PROCESSORS_H
#define GUEST_PROCESSORS_H

#include "kernel/blocks.h"

/* Makes the calling processor the first one, in service, and finds out which others there are. */
void processors_init(void);

/* Brings the others into service, stage by stage, unless they are already. */
void processors_start(void);

#endif
