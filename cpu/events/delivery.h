/* The parts of event delivery. Private to cpu/events. */
#ifndef VMXSIM_CPU_EVENTS_DELIVERY_H
#define VMXSIM_CPU_EVENTS_DELIVERY_H

#include "cpu/events/events.h"

struct delivery {
  enum event_kind kind;
  uint8_t vector;
  bool has_error_code;
  uint32_t error_code;
  uint64_t address; /* as that of struct exception */
  uint64_t return_rip;
  bool resume;      /* RF is 1 in the flags that are pushed */
  bool is_injected; /* by a VM entry: causes no VM exit itself, and touches neither CR2 nor debug registers */
};

static inline bool delivery_is_exception(const struct delivery *d, unsigned vector) {
  return d->kind == EVENT_KIND_EXCEPTION && d->vector == vector;
}

/* INT n, INT3, INTO: the gate's DPL counts. */
static inline bool delivery_is_software(const struct delivery *d) {
  return d->kind == EVENT_KIND_SOFTWARE || d->kind == EVENT_KIND_SOFTWARE_EXCEPTION;
}

/* The EXT bit of error codes. */
static inline uint32_t delivery_external(const struct delivery *d) {
  return delivery_is_software(d) ? 0 : 1;
}

/* Delivery in VMX non-root operation: deliver_vmx.c. */
bool delivery_exits(struct vcpu *vcpu, const struct delivery *delivery); /* the event caused a VM exit instead */
void delivery_begins(struct vcpu *vcpu,
                     const struct delivery *delivery); /* from now on it is IDT-vectoring information */
void delivery_ends(struct vcpu *vcpu);

/* Each delivers, or returns false with an exception pending and nothing changed. */
bool deliver_real(struct vcpu *vcpu, const struct delivery *delivery);      /* deliver_real.c: the IVT */
bool deliver_protected(struct vcpu *vcpu, const struct delivery *delivery); /* deliver_gate.c: the IDT */

#endif
