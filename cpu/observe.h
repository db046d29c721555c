/* Telling of events to whoever listens (include/vmxsim/events.h). Where nobody does, it is a test of a word that is 0,
 * on ways that are not hot.
 *
 *   if (observes(v, VMXSIM_EVENT_smm_enter)) {
 *     struct vmxsim_event event = observe_begin(v, VMXSIM_EVENT_smm_enter);
 *     ... event.u ...
 *     observe_tell(v, &event);
 *   }
 */
#ifndef VMXSIM_CPU_OBSERVE_H
#define VMXSIM_CPU_OBSERVE_H

#include "cpu/vcpu.h"
#include "vmxsim/events.h"

/* What the machine does for its vCPUs. */
struct vcpu_listener {
  void (*event)(struct vcpu *vcpu, const struct vmxsim_event *event);
  void (*cpuid)(struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]); /* NULL: nobody */
  /* RDMSR and WRMSR: whether it has been done, or `fault`. `refused`: the model would raise #GP(0). NULL: nobody. */
  bool (*msr)(struct vcpu *vcpu, bool refused, uint32_t msr, bool write, uint64_t *value, bool *fault);
};

static inline bool observes(const struct vcpu *v, enum vmxsim_event_kind kind) {
  return __builtin_expect((v->event_mask >> kind) & 1, 0);
}

/* Where the vCPU stands: at a boundary, or in the op under execution. */
static inline struct vmxsim_event observe_begin(const struct vcpu *v, enum vmxsim_event_kind kind) {
  struct vmxsim_event event = {.size = sizeof event, .kind = kind, .vcpu = v->index};
  event.cycle = v->cycles + (v->current && !v->is_accounted ? v->current->cycle : 0);
  event.cs = v->s.segment[VMXSIM_CS].selector;
  event.cs_base = v->s.segment[VMXSIM_CS].base;
  event.rip = v->current ? v->block_rip + v->current->offset : v->s.rip;
  return event;
}

static inline void observe_tell(struct vcpu *v, const struct vmxsim_event *event) {
  v->listener->event(v, event);
}

/* Events that say all by happening. */
static inline void observe(struct vcpu *v, enum vmxsim_event_kind kind) {
  if (!observes(v, kind)) return;
  const struct vmxsim_event event = observe_begin(v, kind);
  observe_tell(v, &event);
}

/* MSRs and control registers. */
static inline void observe_register(struct vcpu *v, enum vmxsim_event_kind kind, uint32_t number, uint64_t value,
                                    bool faulted) {
  if (!observes(v, kind)) return;
  struct vmxsim_event event = observe_begin(v, kind);
  event.u.system_register.number = number;
  event.u.system_register.value = value;
  event.u.system_register.faulted = faulted;
  observe_tell(v, &event);
}

/* Ports and devices' memory. */
static inline void observe_access(struct vcpu *v, enum vmxsim_event_kind kind, uint64_t address, unsigned bytes,
                                  uint64_t value) {
  if (!observes(v, kind)) return;
  struct vmxsim_event event = observe_begin(v, kind);
  event.u.access.address = address;
  event.u.access.bytes = (uint8_t)bytes;
  event.u.access.value = value;
  observe_tell(v, &event);
}

#endif
