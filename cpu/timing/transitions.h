/* What costs cycles beside an op's own: control that passes to another privilege level, event handler, task, or from
 * and to a VM. The figures are transitions.def. */
#ifndef VMXSIM_CPU_TIMING_TRANSITIONS_H
#define VMXSIM_CPU_TIMING_TRANSITIONS_H

enum transition {
#define TRANSITION(name, cycles, source) TRANSITION_##name,
#define LATENCY(opcode, cycles, source)
#define LATENCY_WRITE(opcode, cycles, source)
#define PAGE_WALK(cycles, source)
#define VM_ROUND_TRIP(profile, cycles, source)
#include "cpu/timing/transitions.def"
#undef TRANSITION
#undef LATENCY
#undef LATENCY_WRITE
#undef PAGE_WALK
#undef VM_ROUND_TRIP
  TRANSITION_VM_ENTRY, /* half of the round trip each */
  TRANSITION_VM_EXIT,
  TRANSITIONS
};

#endif
