/* The run loop: which vCPU runs, how far, and what happens between its blocks. */
#include "libvmxsim/machine/machine_internal.h"

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cet.h"
#include "cpu/exec/exec.h"
#include "cpu/exec/flags.h"
#include "libvmxsim/machine/trace_hash.h"

/* The vCPU with the smallest clock runs until it is this far ahead of the next. */
enum { QUANTUM = 1000 };

static bool is_stopped(const struct machine *machine) {
  return atomic_load_explicit(&machine->stop, memory_order_relaxed);
}

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

/* --- executing ops ------------------------------------------------------------------------------------------------ */

static void start_ops(struct vcpu *v, const struct ir_op *first, uint64_t cycles) {
  v->block_rip = v->s.rip;
  v->block_end = v->cycles + cycles;
  v->current = first;
}

/* Cycles and instructions up to and with the op that returned; an end marker counts for nothing. */
static void account(struct vmxsim_vcpu *vcpu, const struct ir_op *first) {
  struct vcpu *v = &vcpu->cpu;
  const struct ir_op *last = v->current;
  v->cycles += (uint64_t)last->cycle - first->cycle + last->cycles;
  vcpu->instructions += (uint64_t)(last - first) + (last->length != 0);
}

/* What follows from the op that returned: its exception, or what traps behind it. */
static void complete(struct vcpu *v) {
  if (v->exception.pending) {
    v->s.rip = v->block_rip + v->current->offset;
    events_deliver_exception(v);
  } else {
    events_instruction_done(v);
  }
  v->current = NULL;
}

static void run_ops(struct vmxsim_vcpu *vcpu, const struct ir_op *first, uint64_t cycles) {
  struct vcpu *v = &vcpu->cpu;
  start_ops(v, first, cycles);
  const uint64_t began = v->cycles;
  /* After an indirect branch the first instruction has to be ENDBRANCH, where that is tracked. */
  if (!cet_waits_for_endbranch(v) || cet_check_endbranch(v, first)) first->execute(v, first);
  const struct ir_op *const last = v->current;
  const bool completed = !v->exception.pending;
  account(vcpu, first);
  complete(v);
  if (!v->machine->hash.on) return;
  trace_ops(vcpu, first, last, began, completed);
  if (!completed) trace_event(vcpu);
}

static void run_single(struct vmxsim_vcpu *vcpu, const struct block *block) {
  vcpu->single[0] = block->ops[0];
  vcpu->single[0].execute = exec_bind(&block->ops[0]); /* its handler in the block may leave flags to its neighbours */
  vcpu->single[1] = block->ops[block->op_count];
  vcpu->single[1].offset = block->ops[0].length;
  vcpu->single[1].cycle = block->ops[0].cycles;
  run_ops(vcpu, vcpu->single, block->ops[0].cycles);
}

static bool at_breakpoint(const struct vmxsim_vcpu *vcpu) {
  const struct machine *machine = vcpu->cpu.machine;
  for (size_t i = 0; i < machine->breakpoints; i++) {
    if (machine->breakpoint[i] == vcpu->cpu.s.segment[VMXSIM_CS].base + vcpu->cpu.s.rip) return true;
  }
  return false;
}

/* Whether nothing but the ops themselves matters until one of them sets attention. */
static bool is_free(const struct vmxsim_vcpu *vcpu) {
  const struct vcpu *v = &vcpu->cpu;
  return !is_careful(vcpu) && !v->machine->hash.on && !(v->s.rflags & FLAG_RF) && !v->single_step &&
         !v->in_repetition && !cet_tracking(v);
}

/* Blocks one after another, as long as they are known, end in no more than a near branch, fit before `limit`, and
 * nothing wants attention: nearly all that a processor does. True if it has run any. */
static bool run_blocks(struct vmxsim_vcpu *vcpu, uint64_t limit) {
  struct vcpu *v = &vcpu->cpu;
  struct block *block = fetch_known(vcpu);
  if (!block || !block->last || v->cycles + block->cycles > limit || !is_free(vcpu)) return false;
  do {
    start_ops(v, block->ops, block->cycles);
    block->ops[0].execute(v, block->ops);
    if (v->current != block->last || v->attention || v->exception.pending) {
      account(vcpu, block->ops);
      complete(v);
      return true;
    }
    v->cycles += block->cycles;
    vcpu->instructions += block->op_count;
    block = fetch_next(vcpu, block);
  } while (block && block->last && v->cycles + block->cycles <= limit && !is_stopped(v->machine));
  v->current = NULL;
  return true;
}

static bool take_event(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  if (!events_any(v) || !events_take(v)) return false;
  if (v->machine->hash.on) trace_event(vcpu);
  return true;
}

/* One step of a vCPU that is active: an event, some blocks, or one instruction. */
static void step_active(struct vmxsim_vcpu *vcpu, uint64_t limit, bool single) {
  struct vcpu *v = &vcpu->cpu;
  if (take_event(vcpu)) return;
  if ((v->s.dr7 & 0xff) && events_code_breakpoint(v)) {
    events_deliver_exception(v);
    if (v->machine->hash.on) trace_event(vcpu);
    return;
  }
  v->attention = 0;
  v->next_event = limit;
  v->block_end = v->cycles;
  if (!single && run_blocks(vcpu, limit)) return;
  const struct block *block = fetch_block(vcpu);
  if (!block) {
    if (v->exception.pending) events_deliver_exception(v);
    v->cycles++;
    if (v->machine->hash.on) trace_event(vcpu);
    return;
  }
  if (single || is_careful(vcpu) || v->cycles + block->cycles > limit) {
    run_single(vcpu, block);
  } else {
    run_ops(vcpu, block->ops, block->cycles);
  }
}

/* --- who runs, and how far ------------------------------------------------------------------------------------------
 */

/* The cycle at which a vCPU has something to do. The clock of one that waits stands still until then. */
static uint64_t due(const struct vmxsim_vcpu *vcpu) {
  const struct vcpu *v = &vcpu->cpu;
  if (v->s.activity == VMXSIM_ACTIVE || events_any(v)) return v->cycles;
  const uint64_t next = next_event_of(vcpu);
  return next > v->cycles ? next : v->cycles;
}

/* A vCPU that waits is where the one is that has signalled something to it, and that one's turn ends. Neither depends
 * on anything but cycles. */
void machine_signalled(struct vcpu *v) {
  struct machine *machine = v->machine;
  struct vcpu *running = machine_running(machine);
  if (v == running) return;
  const uint64_t now = timing_now(running), next = next_event_of(machine->vcpu[v->index]);
  const uint64_t to = now < next ? now : next;
  if (v->s.activity != VMXSIM_ACTIVE && v->cycles < to) v->cycles = to;
  running->attention |= ATTENTION_BOUNDARY;
  machine->turn.open = false;
}

/* Gives the turn to the vCPU that is due first (of equals, the first), until the next one is due and a quantum more.
 * False: nothing is due for any, ever. */
static bool begin_turn(struct machine *machine) {
  uint64_t first = UINT64_MAX, second = UINT64_MAX;
  unsigned chosen = 0;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const uint64_t when = due(machine->vcpu[i]);
    if (when < first) {
      second = first;
      first = when;
      chosen = i;
    } else if (when < second) {
      second = when;
    }
  }
  if (first == UINT64_MAX) return false;
  struct vcpu *v = &machine->vcpu[chosen]->cpu;
  machine->running = chosen;
  machine->turn = (struct turn){true, second > UINT64_MAX - QUANTUM ? UINT64_MAX : second + QUANTUM};
  if (first > v->cycles) v->cycles = first;
  return true;
}

/* What is due at its clock is done; then it may run up to the cycle that is returned. */
static uint64_t expire_due(struct vmxsim_vcpu *vcpu, uint64_t until) {
  const struct vcpu *v = &vcpu->cpu;
  if (next_event_of(vcpu) <= v->cycles) expire(vcpu);
  const uint64_t next = next_event_of(vcpu);
  if (next <= v->cycles) return v->cycles + 1; /* set anew for now: after an instruction */
  return next < until ? next : until;
}

/* A vCPU that waits: takes what ends the wait, or its clock goes on to what is due before `limit`. */
static void step_waiting(struct vmxsim_vcpu *vcpu, uint64_t limit) {
  struct vcpu *v = &vcpu->cpu;
  if (take_event(vcpu)) return;
  if (limit == UINT64_MAX || next_event_of(vcpu) > limit) return;
  if (limit > v->cycles) v->cycles = limit;
}

/* One step of the vCPU whose turn it is. A turn ends when its time is up, or when its vCPU waits. */
static void step(struct machine *machine, uint64_t end, bool single) {
  struct vmxsim_vcpu *vcpu = machine->vcpu[machine->running];
  const uint64_t limit = expire_due(vcpu, machine->turn.until < end ? machine->turn.until : end);
  if (vcpu->cpu.s.activity == VMXSIM_ACTIVE) {
    step_active(vcpu, limit, single);
  } else {
    step_waiting(vcpu, limit);
  }
  if (vcpu->cpu.s.activity != VMXSIM_ACTIVE || vcpu->cpu.cycles >= machine->turn.until) machine->turn.open = false;
}

/* The clocks of those that wait go on to where a run ends, but not past the first cycle at which anything is due: what
 * wakes them is no earlier, so that it does not matter whether a run ended here. */
static void pass_time(struct machine *machine, uint64_t to) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const uint64_t when = due(machine->vcpu[i]);
    if (when < to) to = when;
  }
  for (unsigned i = 0; i < machine->vcpus; i++) {
    struct vcpu *v = &machine->vcpu[i]->cpu;
    if (v->s.activity != VMXSIM_ACTIVE && v->cycles < to) v->cycles = to;
  }
}

/* --- running -------------------------------------------------------------------------------------------------------
 */

static enum vmxsim_stop_reason why_idle(const struct machine *machine) {
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (machine->vcpu[i]->cpu.s.activity == VMXSIM_SHUTDOWN) return VMXSIM_STOP_SHUTDOWN;
  }
  return VMXSIM_STOP_IDLE;
}

/* Nothing is due any more: the clocks of all stand where the last one's does, however the runs before were cut. */
static enum vmxsim_stop_reason come_to_rest(struct machine *machine) {
  uint64_t last = 0;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (machine->vcpu[i]->cpu.cycles > last) last = machine->vcpu[i]->cpu.cycles;
  }
  for (unsigned i = 0; i < machine->vcpus; i++) machine->vcpu[i]->cpu.cycles = last;
  return why_idle(machine);
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

static uint64_t instructions_of(const struct machine *machine) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < machine->vcpus; i++) sum += machine->vcpu[i]->instructions;
  return sum;
}

static void fill_result(const struct machine *machine, enum vmxsim_stop_reason reason, uint64_t instructions_before,
                        struct vmxsim_run_result *result) {
  const struct vcpu *v = machine_running(machine);
  *result = (struct vmxsim_run_result){reason, machine->running, v->s.rip, v->cycles,
                                       instructions_of(machine) - instructions_before};
}

/* Up to the end of a turn, or whatever stops the run before: true, with the reason. */
static bool run_turn(struct machine *machine, uint64_t end, bool *first, enum vmxsim_stop_reason *reason) {
  const struct vmxsim_vcpu *vcpu = machine->vcpu[machine->running];
  while (machine->turn.open) {
    if (is_stopped(machine)) {
      *reason = VMXSIM_STOP_REQUEST;
      return true;
    }
    if (vcpu->cpu.cycles >= end) {
      *reason = VMXSIM_STOP_BUDGET;
      return true;
    }
    if (!*first && machine->breakpoints && vcpu->cpu.s.activity == VMXSIM_ACTIVE && at_breakpoint(vcpu)) {
      *reason = VMXSIM_STOP_BREAKPOINT;
      return true;
    }
    step(machine, end, false);
    *first = false;
  }
  return false;
}

static enum vmxsim_stop_reason run(struct machine *machine, uint64_t budget) {
  enum vmxsim_stop_reason reason;
  uint64_t end = UINT64_MAX;
  bool first = true;
  do {
    if (nothing_can_wake(machine)) return come_to_rest(machine);
    if (!machine->turn.open && !begin_turn(machine)) return come_to_rest(machine);
    if (first && budget) end = machine_running(machine)->cycles + budget;
  } while (!run_turn(machine, end, &first, &reason));
  if (reason == VMXSIM_STOP_BUDGET) pass_time(machine, end);
  return reason;
}

vmxsim_status vmxsim_machine_run(vmxsim_machine *handle, uint64_t budget, struct vmxsim_run_result *result) {
  struct machine *machine = &handle->machine;
  const uint64_t before = instructions_of(machine);
  atomic_store(&machine->stop, false);
  const enum vmxsim_stop_reason reason = run(machine, budget);
  fill_result(machine, reason, before, result);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_machine_step(vmxsim_machine *handle, struct vmxsim_run_result *result) {
  struct machine *machine = &handle->machine;
  const uint64_t before = instructions_of(machine);
  const bool idle = nothing_can_wake(machine) || (!machine->turn.open && !begin_turn(machine));
  if (!idle) step(machine, UINT64_MAX, true);
  fill_result(machine, idle ? come_to_rest(machine) : VMXSIM_STOP_STEP, before, result);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_vcpu_step(vmxsim_vcpu *vcpu, struct vmxsim_run_result *result) {
  struct machine *machine = vcpu->cpu.machine;
  const uint64_t before = instructions_of(machine);
  const bool idle = vcpu->cpu.s.activity != VMXSIM_ACTIVE && due(vcpu) == UINT64_MAX;
  machine->running = vcpu->cpu.index;
  machine->turn = (struct turn){false, UINT64_MAX};
  if (!idle) {
    if (vcpu->cpu.cycles < due(vcpu)) vcpu->cpu.cycles = due(vcpu);
    step(machine, UINT64_MAX, true);
    machine->turn.open = false;
  }
  fill_result(machine, idle ? why_idle(machine) : VMXSIM_STOP_STEP, before, result);
  return VMXSIM_OK;
}

void vmxsim_machine_stop(vmxsim_machine *handle) {
  atomic_store(&handle->machine.stop, true);
}

uint64_t vmxsim_machine_now(const vmxsim_machine *handle) {
  return timing_now(machine_running(&handle->machine));
}
