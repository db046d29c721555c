/* The run loop: which vCPU runs, how far, and what happens between its blocks. */
#include "libvmxsim/machine/machine_internal.h"

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cet.h"
#include "cpu/exec/flags.h"

/* The vCPU with the smallest clock runs until it is this far ahead of the next. */
enum { QUANTUM = 1000 };

uint64_t machine_next_timer(const struct machine *machine) {
  uint64_t next = UINT64_MAX;
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (machine->timers[i].cycle && machine->timers[i].cycle < next) next = machine->timers[i].cycle;
  }
  return next;
}

void machine_expire_timers(struct machine *machine, uint64_t now) {
  for (size_t i = 0; i < machine->timer_count; i++) {
    struct timer *timer = &machine->timers[i];
    if (!timer->cycle || timer->cycle > now) continue;
    timer->cycle = 0;
    timer->expired(timer->context); /* may set it again */
  }
}

static uint64_t next_event_of(const struct vmxsim_vcpu *vcpu) {
  const uint64_t apic = apic_next_event(vcpu->cpu.apic);
  const uint64_t machine = machine_next_timer(vcpu->cpu.machine);
  const uint64_t wait = events_next(&vcpu->cpu); /* UMWAIT, TPAUSE */
  const uint64_t next = apic < machine ? apic : machine;
  return wait < next ? wait : next;
}

static void expire(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  if (apic_next_event(v->apic) <= v->cycles) apic_timer_expired(v->apic);
  machine_expire_timers(v->machine, v->cycles);
}

/* Whether each instruction has to be looked at: single-stepping, shadows, debug registers, breakpoints. */
static bool is_careful(const struct vmxsim_vcpu *vcpu) {
  const struct vcpu *v = &vcpu->cpu;
  enum { DR7_ENABLES = 0xff };
  return (v->s.rflags & FLAG_TF) || v->s.blocking_by_sti || v->s.blocking_by_mov_ss || (v->s.dr7 & DR7_ENABLES) ||
         v->machine->breakpoints;
}

/* After the ops: cycles, and an exception if one is pending. */
static void finish_ops(struct vmxsim_vcpu *vcpu, uint64_t cycles, uint64_t instructions) {
  struct vcpu *v = &vcpu->cpu;
  v->cycles += cycles + v->extra_cycles;
  v->extra_cycles = 0;
  vcpu->instructions += instructions;
  if (v->exception.pending) {
    v->s.rip = v->block_rip + v->current->offset;
    events_deliver_exception(v);
  } else {
    events_instruction_done(v);
  }
  v->current = NULL;
}

/* The cycles and the number of ops up to and with the one that returned; an end marker counts for nothing. */
static void run_ops(struct vmxsim_vcpu *vcpu, const struct ir_op *first, uint64_t limit) {
  struct vcpu *v = &vcpu->cpu;
  v->block_rip = v->s.rip;
  v->current = first;
  v->next_event = limit;
  /* After an indirect branch the first instruction has to be ENDBRANCH, where that is tracked. */
  if (!cet_waits_for_endbranch(v) || cet_check_endbranch(v, first)) first->execute(v, first);
  const struct ir_op *last = v->current;
  finish_ops(vcpu, (uint64_t)last->cycle - first->cycle + last->cycles, (uint64_t)(last - first) + (last->length != 0));
}

static void run_single(struct vmxsim_vcpu *vcpu, const struct block *block, uint64_t limit) {
  vcpu->single[0] = block->ops[0];
  vcpu->single[1] = block->ops[block->op_count];
  vcpu->single[1].offset = block->ops[0].length;
  vcpu->single[1].cycle = block->ops[0].cycles;
  run_ops(vcpu, vcpu->single, limit);
}

static bool at_breakpoint(const struct vmxsim_vcpu *vcpu) {
  const struct machine *machine = vcpu->cpu.machine;
  for (size_t i = 0; i < machine->breakpoints; i++) {
    if (machine->breakpoint[i] == vcpu->cpu.s.segment[VMXSIM_CS].base + vcpu->cpu.s.rip) return true;
  }
  return false;
}

/* One step of a vCPU that is active: an event, a block, or one instruction. */
static void step_active(struct vmxsim_vcpu *vcpu, uint64_t limit, bool single) {
  struct vcpu *v = &vcpu->cpu;
  if (events_any(v) && events_take(v)) return;
  if ((v->s.dr7 & 0xff) && events_code_breakpoint(v)) {
    events_deliver_exception(v);
    return;
  }
  v->attention = 0;
  const struct block *block = fetch_block(vcpu);
  if (!block) {
    if (v->exception.pending) events_deliver_exception(v);
    v->cycles++;
    return;
  }
  if (single || is_careful(vcpu) || v->cycles + block->cycles > limit) {
    run_single(vcpu, block, limit);
  } else {
    run_ops(vcpu, block->ops, limit);
  }
}

/* A vCPU that waits: its clock jumps to what can wake it, or to `limit` if nothing does before. */
static bool step_waiting(struct vmxsim_vcpu *vcpu, uint64_t limit) {
  struct vcpu *v = &vcpu->cpu;
  if (events_any(v) && events_take(v)) return true;
  const uint64_t next = next_event_of(vcpu);
  const bool wakes = next != UINT64_MAX && next <= limit;
  const uint64_t to = wakes ? next : limit;
  if (to != UINT64_MAX && to > v->cycles) v->cycles = to;
  return wakes;
}

/* No timer will wake any vCPU: each is shut down, waits for a start-up IPI, or has halted with interrupts off. */
static bool nothing_can_wake(const struct machine *machine) {
  if (machine->asleep && machine_next_timer(machine) != UINT64_MAX) return false;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const struct vcpu *v = &machine->vcpu[i]->cpu;
    const bool deaf = v->s.activity == VMXSIM_SHUTDOWN || v->s.activity == VMXSIM_WAIT_FOR_SIPI ||
                      (v->s.activity == VMXSIM_HLT && !(v->s.rflags & FLAG_IF));
    if (!deaf || v->nmi_pending || v->smi_pending || v->init_pending || v->sipi_pending) return false;
  }
  return true;
}

/* Runs one vCPU up to cycle `until`. False: it waits for something that is not on its own clock. */
static bool run_vcpu(struct vmxsim_vcpu *vcpu, uint64_t until, enum vmxsim_stop_reason *reason, bool *stopped) {
  struct vcpu *v = &vcpu->cpu;
  bool first = true;
  while (v->cycles < until) {
    if (atomic_load_explicit(&v->machine->stop, memory_order_relaxed)) {
      *stopped = true, *reason = VMXSIM_STOP_REQUEST;
      return true;
    }
    const uint64_t next = next_event_of(vcpu);
    if (next <= v->cycles) expire(vcpu);
    const uint64_t limit = next < until && next > v->cycles ? next : until;
    if (v->s.activity != VMXSIM_ACTIVE) {
      if (nothing_can_wake(v->machine) || !step_waiting(vcpu, limit)) return false;
      continue;
    }
    if (!first && v->machine->breakpoints && at_breakpoint(vcpu)) {
      *stopped = true, *reason = VMXSIM_STOP_BREAKPOINT;
      return true;
    }
    step_active(vcpu, limit, false);
    first = false;
  }
  return true;
}

static unsigned furthest_behind(const struct machine *machine, uint64_t *next_clock) {
  unsigned least = 0;
  *next_clock = UINT64_MAX;
  for (unsigned i = 1; i < machine->vcpus; i++) {
    if (machine->vcpu[i]->cpu.cycles < machine->vcpu[least]->cpu.cycles) least = i;
  }
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const uint64_t clock = machine->vcpu[i]->cpu.cycles;
    if (i != least && clock < *next_clock) *next_clock = clock;
  }
  return least;
}

/* Nothing is on any clock. */
static bool no_event_is_due(const struct machine *machine) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const struct vmxsim_vcpu *vcpu = machine->vcpu[i];
    if (vcpu->cpu.s.activity == VMXSIM_ACTIVE || next_event_of(vcpu) != UINT64_MAX) return false;
  }
  return true;
}

static enum vmxsim_stop_reason why_idle(const struct machine *machine) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (machine->vcpu[i]->cpu.s.activity == VMXSIM_SHUTDOWN) return VMXSIM_STOP_SHUTDOWN;
  }
  return VMXSIM_STOP_IDLE;
}

static uint64_t instructions_of(const struct machine *machine) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < machine->vcpus; i++) sum += machine->vcpu[i]->instructions;
  return sum;
}

static void fill_result(const struct machine *machine, enum vmxsim_stop_reason reason, uint64_t instructions_before,
                        struct vmxsim_run_result *result) {
  const struct vcpu *v = &machine->vcpu[machine->running]->cpu;
  *result = (struct vmxsim_run_result){reason, machine->running, v->s.rip, v->cycles,
                                       instructions_of(machine) - instructions_before};
}

vmxsim_status vmxsim_machine_run(vmxsim_machine *handle, uint64_t budget, struct vmxsim_run_result *result) {
  struct machine *machine = &handle->machine;
  const uint64_t before = instructions_of(machine);
  uint64_t next_clock;
  const unsigned start = furthest_behind(machine, &next_clock);
  const uint64_t end = budget ? machine->vcpu[start]->cpu.cycles + budget : UINT64_MAX;
  enum vmxsim_stop_reason reason = VMXSIM_STOP_BUDGET;
  bool stopped = false;
  unsigned waiting = 0; /* vCPUs in a row that found nothing to do */
  atomic_store(&machine->stop, false);
  while (!stopped) {
    machine->running = furthest_behind(machine, &next_clock);
    struct vmxsim_vcpu *vcpu = machine->vcpu[machine->running];
    if (vcpu->cpu.cycles >= end) break;
    uint64_t until = next_clock > UINT64_MAX - QUANTUM ? end : next_clock + QUANTUM;
    if (until > end) until = end;
    waiting = run_vcpu(vcpu, until, &reason, &stopped) ? 0 : waiting + 1;
    if (nothing_can_wake(machine) || (waiting >= machine->vcpus && no_event_is_due(machine))) {
      reason = why_idle(machine);
      break;
    }
  }
  fill_result(machine, reason, before, result);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_step(vmxsim_vcpu *vcpu, struct vmxsim_run_result *result) {
  struct machine *machine = vcpu->cpu.machine;
  const uint64_t before = instructions_of(machine);
  machine->running = vcpu->cpu.index;
  if (next_event_of(vcpu) <= vcpu->cpu.cycles) expire(vcpu);
  if (vcpu->cpu.s.activity == VMXSIM_ACTIVE) {
    step_active(vcpu, UINT64_MAX, true);
  } else if (!step_waiting(vcpu, next_event_of(vcpu)) && no_event_is_due(machine)) {
    fill_result(machine, why_idle(machine), before, result);
    return VMXSIM_OK;
  }
  fill_result(machine, VMXSIM_STOP_STEP, before, result);
  return VMXSIM_OK;
}

void vmxsim_machine_stop(vmxsim_machine *handle) {
  atomic_store(&handle->machine.stop, true);
}

uint64_t vmxsim_machine_now(const vmxsim_machine *handle) {
  const struct vcpu *v = &handle->machine.vcpu[handle->machine.running]->cpu;
  return v->current ? timing_now(v) : v->cycles;
}
