/* What the VMs execute, 32-bit. */
        .macro  return_from_interrupt
        iret
        .endm
#include "vmm/guests.S"
