/* What VMX operation adds to the priority table of boundary.c. Private to cpu/events. */
#ifndef VMXSIM_CPU_EVENTS_BOUNDARY_VMX_H
#define VMXSIM_CPU_EVENTS_BOUNDARY_VMX_H

#include "cpu/events/events.h"

/* VM exits that something other than an event of the processor causes: whether one is due, and the exit. */
bool tpr_threshold_due(const struct vcpu *vcpu);
bool mtf_due(const struct vcpu *vcpu);
bool preemption_timer_due(const struct vcpu *vcpu);
bool nmi_window_due(const struct vcpu *vcpu);
bool interrupt_window_due(const struct vcpu *vcpu);
void exit_for_tpr_threshold(struct vcpu *vcpu);
void exit_for_mtf(struct vcpu *vcpu);
void exit_for_preemption_timer(struct vcpu *vcpu);
void exit_for_nmi_window(struct vcpu *vcpu);
void exit_for_interrupt_window(struct vcpu *vcpu);

/* The cycle at which the VMX-preemption timer causes its exit, UINT64_MAX if never. */
uint64_t preemption_timer_cycle(const struct vcpu *vcpu);

/* Events that cause VM exits instead of what they do otherwise; false: they do not. */
bool nmi_exits(struct vcpu *vcpu);
bool init_exits(struct vcpu *vcpu);
bool startup_exits(struct vcpu *vcpu);
/* `acknowledge` gives the vector. */
bool interrupt_exits(struct vcpu *vcpu, uint8_t (*acknowledge)(struct vcpu *vcpu));

/* INIT signals are blocked in VMX root operation. */
static inline bool init_is_blocked(const struct vcpu *v) {
  return v->vmx.in_vmx_operation && !v->vmx.in_non_root;
}

/* With "external-interrupt exiting" RFLAGS.IF does not block interrupts. */
static inline bool interrupts_ignore_if(const struct vcpu *v) {
  return vmxsim_vmx_on(&v->vmx, pin_based, external_interrupt_exiting);
}

/* With "virtual NMIs" it is virtual NMIs that are blocked. */
static inline bool nmis_are_blocked(const struct vcpu *v) {
  return v->s.blocking_by_nmi && !vmxsim_vmx_on(&v->vmx, pin_based, virtual_nmis);
}

#endif
