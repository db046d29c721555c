/* The parts of event delivery. Private to cpu/events. */
#ifndef VMXSIM_CPU_EVENTS_DELIVERY_H
#define VMXSIM_CPU_EVENTS_DELIVERY_H

#include "cpu/events/events.h"

struct delivery {
  enum event_kind kind;
  uint8_t vector;
  bool has_error_code;
  uint32_t error_code;
  uint64_t return_rip;
  bool resume; /* RF is 1 in the flags that are pushed */
};

/* The EXT bit of error codes: 0 for INT n, INT3 and INTO. */
static inline uint32_t delivery_external(const struct delivery *d) {
  return d->kind == EVENT_KIND_SOFTWARE ? 0 : 1;
}

/* Each delivers, or returns false with an exception pending and nothing changed. */
bool deliver_real(struct vcpu *vcpu, const struct delivery *delivery);      /* deliver_real.c: the IVT */
bool deliver_protected(struct vcpu *vcpu, const struct delivery *delivery); /* deliver_gate.c: the IDT */

#endif
