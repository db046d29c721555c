/* Labels of guests_32.S and guests_64.S: what VMs execute. */
#ifndef GUEST_VMM_GUESTS_H
#define GUEST_VMM_GUESTS_H

#include "kernel/types.h"

extern const uint8_t guest_enter[], guest_debug[], guest_steps[], guest_work[], guest_vmcalls[], guest_cpuids[];
extern const uint8_t guest_debug_handler[], guest_interrupt_handler[], guest_steps_handler[];

/* What a guest says by VMCALL, in AX. */
enum { SAYS_END, SAYS_DEBUG_EXCEPTION, SAYS_INTERRUPT };

#endif
