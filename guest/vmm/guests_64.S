/* What the VMs execute, 64-bit. */
        .macro  return_from_interrupt
        iretq
        .endm
#include "vmm/guests.S"
