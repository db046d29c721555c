/* Segments and the IDT. */
#ifndef GUEST_DESCRIPTORS_H
#define GUEST_DESCRIPTORS_H

#include "kernel/blocks.h"

/* Gives the calling processor the GDT and the TSS of its control block, GS to reach the block by, and the IDT that all
 * processors share. */
void descriptors_load(struct control_block *block);

#endif
