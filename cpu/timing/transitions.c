/* What transitions cost on a processor: the table transitions.def. */
#include <string.h>

#include "cpu/timing/timing.h"

#define TRANSITION(name, cycles, source)
#define PAGE_WALK(cycles, source)
#define LATENCY(name, cycles, source)
#define LATENCY_WRITE(name, cycles, source)

static const struct vm_round_trip {
  const char *profile;
  uint16_t cycles;
} vm_round_trips[] = {
#define VM_ROUND_TRIP(profile, cycles, source) {profile, cycles},
#include "cpu/timing/transitions.def"
#undef VM_ROUND_TRIP
#define VM_ROUND_TRIP(profile, cycles, source)
};

/* What a measured round trip has beside the two transitions: the instruction that exits, the one that enters, and on
 * both sides the page walk for it, as a transition without VPIDs drops translations. */
enum {
#undef PAGE_WALK
#define PAGE_WALK(cycles, source) MEASURED_TOO = 2 + 2 * (cycles)
#include "cpu/timing/transitions.def"
#undef PAGE_WALK
#define PAGE_WALK(cycles, source)
};

static const uint16_t transition_cycles[TRANSITIONS] = {
#undef TRANSITION
#define TRANSITION(name, cycles, source) [TRANSITION_##name] = cycles,
#include "cpu/timing/transitions.def"
};

static unsigned vm_round_trip(const struct vmxsim_profile *profile) {
  for (size_t i = 0; i < sizeof vm_round_trips / sizeof *vm_round_trips; i++) {
    if (!strcmp(vm_round_trips[i].profile, profile->name)) return vm_round_trips[i].cycles - MEASURED_TOO;
  }
  return 0;
}

void timing_transitions(enum timing_model model, const struct vmxsim_profile *profile, uint16_t cycles[TRANSITIONS]) {
  if (model == TIMING_FIXED) {
    memset(cycles, 0, TRANSITIONS * sizeof *cycles);
    return;
  }
  const unsigned round_trip = vm_round_trip(profile);
  memcpy(cycles, transition_cycles, sizeof transition_cycles);
  cycles[TRANSITION_VM_ENTRY] = (uint16_t)(round_trip / 2);
  cycles[TRANSITION_VM_EXIT] = (uint16_t)(round_trip - round_trip / 2);
}
