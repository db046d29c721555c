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

static const uint16_t transition_cycles[TRANSITIONS] = {
#undef TRANSITION
#define TRANSITION(name, cycles, source) [TRANSITION_##name] = cycles,
#include "cpu/timing/transitions.def"
};

static unsigned members_in_common(const struct vmxsim_capabilities *a, const struct vmxsim_capabilities *b) {
  unsigned same = 0;
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++)
    same += vmxsim_capability_get(a, i) == vmxsim_capability_get(b, i);
  return same;
}

/* Of the profile that the processor is most like: it may have been changed. */
static unsigned vm_round_trip(const struct vmxsim_capabilities *processor) {
  unsigned best = 0, cycles = 0;
  for (size_t i = 0; i < sizeof vm_round_trips / sizeof *vm_round_trips; i++) {
    const struct vm_round_trip *const trip = &vm_round_trips[i];
    const struct vmxsim_profile *const profile = vmxsim_profile_find(trip->profile, strlen(trip->profile));
    const unsigned same = profile ? members_in_common(processor, &profile->capabilities) : 0;
    if (same <= best) continue;
    best = same;
    cycles = trip->cycles;
  }
  return cycles;
}

void timing_transitions(enum timing_model model, const struct vmxsim_capabilities *processor,
                        uint16_t cycles[TRANSITIONS]) {
  if (model == TIMING_FIXED) {
    memset(cycles, 0, TRANSITIONS * sizeof *cycles);
    return;
  }
  const unsigned round_trip = vm_round_trip(processor);
  memcpy(cycles, transition_cycles, sizeof transition_cycles);
  cycles[TRANSITION_VM_ENTRY] = (uint16_t)(round_trip / 2);
  cycles[TRANSITION_VM_EXIT] = (uint16_t)(round_trip - round_trip / 2);
}
