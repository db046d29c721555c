/* Exceptions, interrupts and everything that is decided between two instructions. */
#ifndef VMXSIM_CPU_EVENTS_EVENTS_H
#define VMXSIM_CPU_EVENTS_EVENTS_H

#include "cpu/vcpu.h"

/* --- delivery (deliver.c) --- */

enum event_kind {
  EVENT_KIND_EXTERNAL,
  EVENT_KIND_NMI,
  EVENT_KIND_EXCEPTION,
  EVENT_KIND_SOFTWARE,           /* INT n */
  EVENT_KIND_SOFTWARE_EXCEPTION, /* INT3, INTO */
  EVENT_KIND_PRIVILEGED_SOFTWARE
};

/* Delivers an event through the IVT or the IDT: gates, privilege change, stacks, TSS, shadow stacks, task gates. A
 * fault on the way leads to the double-fault logic and in the end to shutdown. `return_rip` is pushed; s.rip is the RIP
 * that faults on the way are charged to. */
void events_deliver(struct vcpu *vcpu, enum event_kind kind, unsigned vector, bool has_error_code, uint32_t error_code,
                    uint64_t return_rip);
/* Delivers #DB for what the instruction before this boundary has trapped on: bits of DR6. */
void events_deliver_debug_trap(struct vcpu *vcpu, uint64_t dr6);
/* Delivers the pending exception of an op (v->exception), whose RIP is s.rip: sets CR2, DR6, RF as each wants it. */
void events_deliver_exception(struct vcpu *vcpu);

/* Injects the event of a VM entry: SDM 3C, "Details of Vectored-Event Injection". */
void events_inject(struct vcpu *vcpu, const struct vmxsim_vmx_event *event);

/* --- boundary (boundary.c): the one priority table --- */

/* Whether anything may be due at this boundary: cheap, called before every block. */
bool events_any(const struct vcpu *vcpu);
/* Takes the event of highest priority, if one can be taken: shutdown, reset, machine check, SMI, INIT, debug traps,
 * NMI, external interrupts; wakes activity states. Returns true if it changed the state (the run loop starts over). */
bool events_take(struct vcpu *vcpu);
/* Called when an instruction has completed: ends interrupt shadows of the one before, single step (TF), data and I/O
 * breakpoints. */
void events_instruction_done(struct vcpu *vcpu);
/* The instruction breakpoint (DR0-DR3) at s.rip, checked before fetch: true if #DB is now pending. */
bool events_code_breakpoint(struct vcpu *vcpu);
/* To be called when RFLAGS.TF was changed by something that is no instruction: the embedder, a snapshot. */
void events_rearm(struct vcpu *vcpu);
/* The cycle at which a wait (UMWAIT, TPAUSE) ends by itself or the VMX-preemption timer expires, UINT64_MAX if none: a
 * clock that jumps stops there. */
uint64_t events_next(const struct vcpu *vcpu);

void events_signal_nmi(struct vcpu *vcpu);
void events_signal_smi(struct vcpu *vcpu);
void events_signal_init(struct vcpu *vcpu);
void events_signal_sipi(struct vcpu *vcpu, uint8_t vector);
void events_signal_machine_check(struct vcpu *vcpu);

/* --- debug registers (debug.c) --- */

/* DR6 as #DB finds it: B0-B3 anew if the event has any, the rest added. */
void debug_note(struct vcpu *vcpu, uint64_t bits);
/* Data breakpoints that were hit (trap_dr6) become pending debug exceptions. */
void debug_collect_breakpoints(struct vcpu *vcpu);
/* A #DB has been delivered: general detection, BTF and LBR end. */
void debug_delivered(struct vcpu *vcpu);

/* --- reset and SMM --- */
void vcpu_reset(struct vcpu *vcpu, uint64_t now);     /* power-up at a cycle, at which the TSC is 0 */
void vcpu_init_signal(struct vcpu *vcpu);             /* INIT: keeps caches, FPU, some MSRs */
void vcpu_startup(struct vcpu *vcpu, uint8_t vector); /* start-up IPI */
void smm_enter(struct vcpu *vcpu);                    /* smm.c: both save-state layouts */
void smm_resume(struct vcpu *vcpu);                   /* RSM */

#endif
