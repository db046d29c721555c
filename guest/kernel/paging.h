/* Paging: PAE in the 32-bit build, IA-32e in the 64-bit build. Linear addresses are physical ones. */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include "kernel/types.h"

/* Builds the paging structures and turns paging on. Other processors take `paging_root` for their CR3. */
void paging_init(void);
extern uint32_t paging_root;

#endif
