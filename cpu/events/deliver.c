/* Delivering events: exceptions on the way, double fault, shutdown. The ways through IVT and IDT are deliver_real.c and
 * deliver_gate.c.
 *
 * SDM 3A, "Interrupt 8--Double Fault Exception (#DF)".
 */
#include "cpu/events/delivery.h"
#include "cpu/exec/far.h"
#include "cpu/exec/system.h"
#include "cpu/exec/vmx.h"
#include "cpu/observe.h"

enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum severity severity_of(const struct delivery *d) {
  if (d->kind != EVENT_KIND_EXCEPTION) return BENIGN;
  switch (d->vector) {
  case VECTOR_DE:
  case VECTOR_TS:
  case VECTOR_NP:
  case VECTOR_SS:
  case VECTOR_GP:
  case VECTOR_CP: return CONTRIBUTORY;
  case VECTOR_PF:
  case VECTOR_VE: return PAGE_FAULT;
  default: return BENIGN;
  }
}

static bool makes_double_fault(enum severity first, enum severity second) {
  return (first == CONTRIBUTORY && second == CONTRIBUTORY) || (first == PAGE_FAULT && second != BENIGN);
}

/* Faults push RF = 1, so that an instruction breakpoint does not hit again at the instruction that faulted; #DB does
 * only for general detection, which is a fault but no breakpoint. */
static bool pushes_resume(const struct exception *e) {
  return e->vector == VECTOR_DB ? e->address & DR6_BD : e->vector != VECTOR_MC;
}

static struct delivery delivery_of(const struct vcpu *v, const struct exception *e) {
  struct delivery d = {.kind = EVENT_KIND_EXCEPTION,
                       .vector = e->vector,
                       .has_error_code = e->has_error_code,
                       .error_code = e->error_code,
                       .address = e->address,
                       .return_rip = v->s.rip,
                       .resume = pushes_resume(e)};
  if (!e->is_software && !e->is_privileged_software) return d;
  d.kind = e->is_software ? EVENT_KIND_SOFTWARE_EXCEPTION : EVENT_KIND_PRIVILEGED_SOFTWARE;
  d.return_rip += v->current ? v->current->length : 0;
  d.resume = false;
  return d;
}

/* What an event has done before it goes through the IDT, whatever it meets there. SDM 3C, "Architectural State Before a
 * VM Exit": events that cause VM exits indirectly. Debug exceptions that MOV SS holds back do not follow a #DB, INT1
 * included. */
static void begin(struct vcpu *v, const struct delivery *d) {
  v->s.activity = VMXSIM_ACTIVE;
  v->s.blocking_by_sti = v->s.blocking_by_mov_ss = v->shadow_is_new = false;
  v->wake_cycle = UINT64_MAX;
  if (d->is_injected) return;
  if (delivery_is_exception(d, VECTOR_PF)) v->s.cr2 = d->address;
  if (delivery_is_exception(d, VECTOR_DB)) {
    debug_note(v, d->address);
    debug_delivered(v);
  }
  if (d->vector == VECTOR_DB && d->kind != EVENT_KIND_SOFTWARE) v->s.pending_debug = 0;
}

static void shut_down(struct vcpu *v) {
  observe(v, VMXSIM_EVENT_triple_fault);
  if (v->vmx.in_non_root) return exec_vm_exit(v, &(struct vmxsim_vmx_exit){.reason = VMXSIM_EXIT_triple_fault});
  v->s.activity = VMXSIM_SHUTDOWN;
  vcpu_attend(v, ATTENTION_BOUNDARY);
}

static void delivered(struct vcpu *v) {
  delivery_ends(v);
  v->single_step = false;
  v->branch_taken = true;
  vcpu_attend(v, ATTENTION_BOUNDARY | ATTENTION_MODE);
  debug_collect_breakpoints(v); /* of the delivery's own accesses: they trap before the handler's first instruction */
}

/* The event that follows from an exception during the delivery of another; false: shutdown. */
static bool combine(const struct vcpu *v, struct delivery *d, const struct delivery *second) {
  if (delivery_is_exception(d, VECTOR_DF) && severity_of(second) != BENIGN) return false;
  if (!makes_double_fault(severity_of(d), severity_of(second))) {
    *d = *second;
    return true;
  }
  *d = (struct delivery){.kind = EVENT_KIND_EXCEPTION,
                         .vector = VECTOR_DF,
                         .has_error_code = true,
                         .return_rip = v->s.rip,
                         .resume = true};
  return true;
}

static enum vmxsim_event_kind event_of(const struct delivery *d) {
  switch (d->kind) {
  case EVENT_KIND_EXTERNAL: return VMXSIM_EVENT_external_interrupt;
  case EVENT_KIND_NMI: return VMXSIM_EVENT_nmi;
  case EVENT_KIND_EXCEPTION: return VMXSIM_EVENT_exception;
  default: return VMXSIM_EVENT_software_interrupt;
  }
}

static void tell(struct vcpu *v, const struct delivery *d) {
  const enum vmxsim_event_kind kind = event_of(d);
  if (!observes(v, kind)) return;
  struct vmxsim_event event = observe_begin(v, kind);
  event.u.interrupt.vector = d->vector;
  event.u.interrupt.has_error_code = d->has_error_code;
  event.u.interrupt.error_code = d->error_code;
  event.u.interrupt.address = d->vector == VECTOR_PF ? v->s.cr2 : 0;
  observe_tell(v, &event);
}

static enum transition transition_of(const struct delivery *d) {
  switch (d->kind) {
  case EVENT_KIND_EXTERNAL:
  case EVENT_KIND_NMI: return TRANSITION_INTERRUPT;
  case EVENT_KIND_EXCEPTION: return TRANSITION_EXCEPTION;
  default: return TRANSITION_SOFTWARE_INTERRUPT;
  }
}

static bool attempt(struct vcpu *v, const struct delivery *d) {
  bool redirected = false;
  tell(v, d);
  delivery_begins(v, d);
  if (d->is_injected && d->kind == EVENT_KIND_SOFTWARE && !far_redirect(v, d->vector, d->return_rip, &redirected))
    return false;
  if (redirected) return true;
  vcpu_charge_transition(v, transition_of(d));
  return v->s.cr0 & CR0_PE ? deliver_protected(v, d) : deliver_real(v, d);
}

/* Exceptions that are benign to each other can follow each other without end, as #AC does whose handler's stack is
 * misaligned. Silicon hangs there until a reset; here it is shutdown. */
enum { ATTEMPTS_MAX = 16 };

/* INT n, INT3, INTO and INT1 push RF = 0: it is cleared at the start of an instruction. SDM 3B, "Instruction-Breakpoint
 * Exception Condition". */
static bool is_of_an_instruction(const struct delivery *d) {
  return d->kind > EVENT_KIND_EXCEPTION && !d->is_injected;
}

/* In VMX non-root operation a VM exit can end it everywhere: because of the event, of an exception on the way, of a
 * task gate. */
static void deliver(struct vcpu *v, struct delivery d) {
  const bool was_non_root = v->vmx.in_non_root;
  unsigned attempts = 0;
  if (is_of_an_instruction(&d)) v->s.rflags &= ~RFLAGS_RF;
  v->exception.pending = false;
  while (!delivery_exits(v, &d)) {
    begin(v, &d);
    if (attempt(v, &d)) {
      if (v->vmx.in_non_root == was_non_root) delivered(v);
      return;
    }
    const struct delivery second = delivery_of(v, &v->exception);
    v->exception.pending = false;
    if (delivery_exits(v, &second)) return;
    begin(v, &second);
    if (!combine(v, &d, &second) || ++attempts == ATTEMPTS_MAX) return shut_down(v);
  }
}

/* REP string instructions that are interrupted between iterations have RF = 1 pushed: SDM 3B, "Debug Registers". */
void events_deliver(struct vcpu *v, enum event_kind kind, unsigned vector, bool has_error_code, uint32_t error_code,
                    uint64_t return_rip) {
  const bool is_hardware = kind <= EVENT_KIND_EXCEPTION;
  deliver(v, (struct delivery){.kind = kind,
                               .vector = (uint8_t)vector,
                               .has_error_code = has_error_code,
                               .error_code = error_code,
                               .return_rip = return_rip,
                               .resume = is_hardware && v->in_repetition});
}

void events_deliver_debug_trap(struct vcpu *v, uint64_t dr6) {
  deliver(v, (struct delivery){.kind = EVENT_KIND_EXCEPTION,
                               .vector = VECTOR_DB,
                               .address = dr6,
                               .return_rip = v->s.rip,
                               .resume = v->in_repetition});
}

void events_deliver_exception(struct vcpu *v) {
  const struct exception e = v->exception;
  v->trap_dr6 &= DR6_BT; /* breakpoints of an instruction that did not complete */
  deliver(v, delivery_of(v, &e));
  v->in_repetition = v->state_replaced = v->nmis_unblocked = false;
  events_rearm(v);
}

/* The flags that are pushed are the guest's as they are. */
void events_inject(struct vcpu *v, const struct vmxsim_vmx_event *event) {
  static const uint8_t kinds[8] = {
      [VMXSIM_EVENT_EXTERNAL_INTERRUPT] = EVENT_KIND_EXTERNAL,
      [VMXSIM_EVENT_NMI] = EVENT_KIND_NMI,
      [VMXSIM_EVENT_HARDWARE_EXCEPTION] = EVENT_KIND_EXCEPTION,
      [VMXSIM_EVENT_SOFTWARE_INTERRUPT] = EVENT_KIND_SOFTWARE,
      [VMXSIM_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION] = EVENT_KIND_PRIVILEGED_SOFTWARE,
      [VMXSIM_EVENT_SOFTWARE_EXCEPTION] = EVENT_KIND_SOFTWARE_EXCEPTION,
  };
  deliver(v, (struct delivery){.kind = (enum event_kind)kinds[event->type & 7],
                               .vector = event->vector,
                               .has_error_code = event->has_error_code,
                               .error_code = event->error_code,
                               .return_rip = v->s.rip + event->instruction_length,
                               .is_injected = true});
}
