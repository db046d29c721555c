/* The run loop: which vCPU runs, how far, and what happens between its blocks. */
#include "libvmxsim/machine/machine_internal.h"

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"
#include "cpu/exec/cet.h"
#include "cpu/exec/exec.h"
#include "cpu/exec/flags.h"
#include "cpu/exec/processor_trace.h"
#include "libvmxsim/machine/float_environment.h"
#include "libvmxsim/machine/progress.h"
#include "libvmxsim/machine/trace_hash.h"

/* The vCPU with the smallest clock runs until it is this far ahead of the next. */
enum { QUANTUM = 1000 };

static bool is_stopped(const struct machine *machine) {
  return atomic_load_explicit(&machine->stop, memory_order_relaxed);
}

void machine_timers_changed(struct machine *machine) {
  machine->next_timer = UINT64_MAX;
  for (size_t i = 0; i < machine->timer_count; i++) {
    const uint64_t cycle = machine->timers[i].cycle;
    if (cycle && cycle < machine->next_timer) machine->next_timer = cycle;
  }
}

bool machine_timers_only_interrupt(const struct machine *machine) {
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (!machine->timers[i].cycle) continue;
    if (!machine->only_interrupt || machine->timers[i].context != machine->only_interrupt_context) return false;
  }
  return machine->next_timer == UINT64_MAX || machine->only_interrupt(machine->only_interrupt_context);
}

void machine_expire_timers(struct machine *machine, uint64_t now) {
  if (machine->next_timer > now) return;
  for (size_t i = 0; i < machine->timer_count; i++) {
    struct timer *timer = &machine->timers[i];
    if (!timer->cycle || timer->cycle > now) continue;
    timer->cycle = 0;
    timer->expired(timer->context); /* may set it again */
  }
  machine_timers_changed(machine);
}

static uint64_t next_event_of(const struct vmxsim_vcpu *vcpu) {
  const uint64_t apic = apic_next_event(vcpu->cpu.apic);
  const uint64_t machine = vcpu->cpu.machine->next_timer;
  const uint64_t wait = events_next(&vcpu->cpu); /* UMWAIT, TPAUSE; the VMX-preemption timer */
  const uint64_t next = apic < machine ? apic : machine;
  return wait < next ? wait : next;
}

static void expire(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  if (apic_next_event(v->apic) <= v->cycles) apic_timer_expired(v->apic);
  machine_expire_timers(v->machine, v->cycles);
}

/* Whether each instruction has to be looked at: single-stepping, shadows, debug registers, a listener. */
static bool is_careful(const struct vmxsim_vcpu *vcpu) {
  const struct vcpu *v = &vcpu->cpu;
  return (v->s.rflags & RFLAGS_TF) || v->s.blocking_by_sti || v->s.blocking_by_mov_ss || (v->s.dr7 & DR7_ENABLED) ||
         trace_may_stop(v) || observes(v, VMXSIM_EVENT_instruction) ||
         vmxsim_vmx_on(&v->vmx, primary, monitor_trap_flag);
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
  v->is_accounted = true;
  if (v->exception.pending) {
    v->s.rip = v->block_rip + v->current->offset;
    events_deliver_exception(v);
  } else {
    events_instruction_done(v);
  }
  v->is_accounted = false;
  v->current = NULL;
}

static void run_ops(struct vmxsim_vcpu *vcpu, const struct ir_op *first, uint64_t cycles) {
  struct vcpu *v = &vcpu->cpu;
  start_ops(v, first, cycles);
  const uint64_t began = v->cycles;
  v->extra_log.count = 0; /* what fetching and events have cost is in `began` */
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
  /* Its handler in the block may leave flags to its neighbours. */
  vcpu->single[0].execute = exec_bind(vcpu->cpu.mode, &block->ops[0]);
  vcpu->single[1] = block->ops[block->op_count];
  vcpu->single[1].offset = block->ops[0].length;
  vcpu->single[1].cycle = block->ops[0].cycles;
  run_ops(vcpu, vcpu->single, block->ops[0].cycles);
}

/* Whether nothing but the ops themselves matters until one of them sets attention. */
static bool is_free(const struct vmxsim_vcpu *vcpu) {
  const struct vcpu *v = &vcpu->cpu;
  return !is_careful(vcpu) && !v->machine->hash.on && !(v->s.rflags & RFLAGS_RF) && !v->single_step &&
         !v->in_repetition && !cet_tracking(v);
}

/* Decoding had no memory: nothing has been executed, and the run can be taken up again. */
static void fail_run(struct machine *machine) {
  machine->out_of_memory = true;
  machine_stop_for(machine, &(struct stop){.reason = VMXSIM_STOP_REQUEST});
}

/* A fault of the fetch, or an instruction breakpoint. Events take a cycle where no instruction does: their handlers may
 * not get as far as one, either, and a budget is to end. */
static void deliver_before_instruction(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  events_deliver_exception(v);
  v->cycles++;
  if (v->machine->hash.on) trace_event(vcpu);
}

/* NULL: a fault was delivered, or the run is to end. */
static struct block *look_up(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  struct block *block = fetch_unknown(vcpu);
  if (block) return block;
  if (!v->exception.pending) {
    fail_run(v->machine);
    return NULL;
  }
  deliver_before_instruction(vcpu);
  return NULL;
}

/* Blocks one after another, as long as they fit before `limit`, up to one that ends in more than a near branch or after
 * which something wants attention: nearly all that a processor does. False if not even the first can be run so. */
static bool run_blocks(struct vmxsim_vcpu *vcpu, struct block *block, uint64_t limit) {
  struct vcpu *v = &vcpu->cpu;
  if (block->is_hooked || v->cycles + block->cycles > limit || !is_free(vcpu)) return false;
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
    v->current = NULL;
    block = fetch_next(vcpu, block);
    if (!block && v->cycles < limit) block = look_up(vcpu);
  } while (block && !block->is_hooked && v->cycles + block->cycles <= limit);
  return true;
}

static bool take_event(struct vmxsim_vcpu *vcpu) {
  struct vcpu *v = &vcpu->cpu;
  if (!events_any(v) || !events_take(v)) return false;
  if (events_any(v)) v->cycles++; /* the next one comes before any instruction: deliver_before_instruction() */
  if (v->machine->hash.on) trace_event(vcpu);
  return true;
}

/* What the run is to return. */
static vmxsim_status take_failure(struct machine *machine) {
  const bool failed = machine->out_of_memory;
  machine->out_of_memory = false;
  return failed ? VMXSIM_ERROR_MEMORY : VMXSIM_OK;
}

static void tell_of_instruction(struct vcpu *v, const struct block *block) {
  const struct ir_op *const op = &block->ops[0];
  if (v->in_repetition || !observes(v, VMXSIM_EVENT_instruction)) return;
  struct vmxsim_event event = observe_begin(v, VMXSIM_EVENT_instruction);
  const uint64_t left = PAGE_SIZE - (block->physical & ~PAGE_MASK);
  const size_t first = op->length < left ? op->length : (size_t)left;
  event.u.instruction.bits = v->mode & DECODE_CODE_64 ? 64 : v->mode & DECODE_CODE_32 ? 32 : 16;
  event.u.instruction.length = op->length;
  physical_read(v->machine->memory, block->physical, event.u.instruction.bytes, first);
  physical_read(v->machine->memory, block->second_page, event.u.instruction.bytes + first, op->length - first);
  observe_tell(v, &event);
}

/* A block that nobody wants to be asked about, or nobody any more; NULL: a fault was delivered, or the run is to end.
 * Hooks may change everything, so that all is looked at again after them: then *again is set. */
static struct block *next_block(struct vmxsim_vcpu *vcpu, bool *again) {
  struct vcpu *v = &vcpu->cpu;
  struct block *block = fetch_known(vcpu);
  if (!block) block = look_up(vcpu);
  if (!block || !block->is_hooked || hooks_pass(vcpu, block->physical)) return block;
  *again = !is_stopped(v->machine) && v->s.activity == VMXSIM_ACTIVE;
  return NULL;
}

/* An event, some blocks, or one instruction; or hooks were called, and all that is to be looked at *again. */
static void try_step(struct vmxsim_vcpu *vcpu, uint64_t limit, bool single, bool *again) {
  struct vcpu *v = &vcpu->cpu;
  if (take_event(vcpu)) return;
  if ((v->s.dr7 & DR7_ENABLED) && events_code_breakpoint(v)) {
    deliver_before_instruction(vcpu);
    return;
  }
  if (trace_may_stop(v)) trace_reach(v);
  if (v->attention) v->attention &= ATTENTION_STOP;
  if (vmxsim_vmx_on(&v->vmx, primary, monitor_trap_flag)) vcpu_attend(v, ATTENTION_BOUNDARY); /* REP: each element */
  v->next_event = limit;
  v->block_end = v->cycles;
  struct block *block = next_block(vcpu, again);
  if (!block || (!single && run_blocks(vcpu, block, limit))) return;
  tell_of_instruction(v, block);
  if (single || is_careful(vcpu) || v->cycles + block->cycles > limit) {
    run_single(vcpu, block);
  } else {
    run_ops(vcpu, block->ops, block->cycles);
  }
}

/* One step of a vCPU that is active. */
static void step_active(struct vmxsim_vcpu *vcpu, uint64_t limit, bool single) {
  bool again;
  do {
    again = false;
    try_step(vcpu, limit, single, &again);
  } while (again);
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
  vcpu_attend(running, ATTENTION_BOUNDARY);
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
  uint64_t next = next_event_of(vcpu);
  if (next <= v->cycles) {
    expire(vcpu);
    next = next_event_of(vcpu);
    if (next <= v->cycles) return v->cycles + 1; /* set anew for now: after an instruction */
  }
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

/* Halted with interrupts off; but in VMX non-root operation interrupts can cause VM exits whatever RFLAGS.IF is. */
static bool is_halted(const struct vcpu *v) {
  return v->s.activity == VMXSIM_HLT && !(v->s.rflags & RFLAGS_IF) && !v->vmx.in_non_root;
}

/* Shut down, waiting for a start-up IPI, or halted; but in VMX non-root operation the VMX-preemption timer can cause VM
 * exits, and so can what a VM entry left due. */
static bool is_deaf(const struct vcpu *v) {
  if (v->vmx.in_non_root && (events_next(v) != UINT64_MAX || events_any(v))) return false;
  return v->s.activity == VMXSIM_SHUTDOWN || v->s.activity == VMXSIM_WAIT_FOR_SIPI || is_halted(v);
}

/* No timer will wake any vCPU. A run ends at shutdown even if an NMI would follow some time. */
static bool nothing_can_wake(const struct machine *machine) {
  bool any_halted = false;
  if (machine->asleep && machine->next_timer != UINT64_MAX) return false;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const struct vcpu *v = &machine->vcpu[i]->cpu;
    if (!is_deaf(v) || apic_has_mail(v->apic)) return false;
    if (v->nmi_pending || v->smi_pending || v->init_pending || v->sipi_pending) return false;
    any_halted |= is_halted(v);
  }
  return !any_halted || machine_timers_only_interrupt(machine);
}

static uint64_t instructions_of(const struct machine *machine) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < machine->vcpus; i++) sum += machine->vcpu[i]->instructions;
  return sum;
}

/* A request is over when the run has ended. */
static struct stop take_request(struct machine *machine) {
  const struct stop why = machine->why;
  machine->why = (struct stop){.reason = VMXSIM_STOP_REQUEST};
  for (unsigned i = 0; i < machine->vcpus; i++)
    atomic_fetch_and(&machine->vcpu[i]->cpu.attention, ~(unsigned)ATTENTION_STOP);
  atomic_store(&machine->stop, false);
  return why;
}

/* Whether this was an instruction too many: progress.h. */
static bool look_and_step(struct machine *machine, uint64_t end) {
  progress_before(machine);
  step(machine, end, true);
  return progress_has_ended(machine);
}

/* Up to the end of a turn, or whatever stops the run before: true, with the reason. */
static bool run_turn(struct machine *machine, uint64_t end, struct stop *why) {
  const struct vcpu *v = machine_running(machine);
  while (machine->turn.open) {
    if (is_stopped(machine)) {
      *why = take_request(machine);
      return true;
    }
    if (v->cycles >= end) {
      *why = (struct stop){.reason = VMXSIM_STOP_BUDGET};
      return true;
    }
    if (!progress_is_due(machine)) {
      step(machine, machine->progress.look_at < end ? machine->progress.look_at : end, false);
    } else if (look_and_step(machine, end)) {
      *why = (struct stop){.reason = VMXSIM_STOP_NO_PROGRESS};
      return true;
    }
  }
  return false;
}

static struct stop run(struct machine *machine, uint64_t budget) {
  struct stop why;
  uint64_t end = UINT64_MAX;
  bool first = true;
  do {
    if (is_stopped(machine)) return take_request(machine);
    if (nothing_can_wake(machine)) return (struct stop){.reason = come_to_rest(machine)};
    if (!machine->turn.open && !begin_turn(machine)) return (struct stop){.reason = come_to_rest(machine)};
    const uint64_t now = machine_running(machine)->cycles;
    if (first && budget && budget < UINT64_MAX - now) end = now + budget;
    first = false;
  } while (!run_turn(machine, end, &why));
  pass_time(machine, why.reason == VMXSIM_STOP_BUDGET ? end : machine_running(machine)->cycles);
  return why;
}

static struct stop end_of_step(struct machine *machine, bool idle) {
  if (is_stopped(machine)) return take_request(machine);
  return (struct stop){.reason = idle ? come_to_rest(machine) : VMXSIM_STOP_STEP};
}

static struct stop step_machine(struct machine *machine) {
  if (is_stopped(machine)) return take_request(machine);
  const bool idle = nothing_can_wake(machine) || (!machine->turn.open && !begin_turn(machine));
  if (!idle) step(machine, UINT64_MAX, true);
  return end_of_step(machine, idle);
}

static struct stop step_vcpu(struct machine *machine, struct vmxsim_vcpu *vcpu) {
  if (is_stopped(machine)) return take_request(machine);
  const bool idle = vcpu->cpu.s.activity != VMXSIM_ACTIVE && due(vcpu) == UINT64_MAX;
  machine->running = vcpu->cpu.index;
  machine->turn = (struct turn){false, UINT64_MAX};
  if (!idle) {
    if (vcpu->cpu.cycles < due(vcpu)) vcpu->cpu.cycles = due(vcpu);
    step(machine, UINT64_MAX, true);
    machine->turn.open = false;
  }
  return end_of_step(machine, idle);
}

/* --- the face ------------------------------------------------------------------------------------------------------
 */

/* What surrounds every run: the host's floating-point control, and what the result is made from. */
struct session {
  struct float_environment host;
  uint64_t instructions_before;
};

static vmxsim_status begin(struct machine *machine, bool is_step, struct session *session) {
  const vmxsim_status status = machine_check_idle(machine);
  if (status) return status;
  session->host = float_environment_enter();
  session->instructions_before = instructions_of(machine);
  machine->is_running = true;
  machine->is_stepping = is_step;
  return VMXSIM_OK;
}

static vmxsim_status finish(struct machine *machine, const struct session *session, const struct stop *why,
                            struct vmxsim_run_result *result) {
  const struct vcpu *v = machine_running(machine);
  machine->is_running = machine->is_stepping = false;
  float_environment_leave(&session->host);
  *result = (struct vmxsim_run_result){.reason = why->reason,
                                       .vcpu = machine->running,
                                       .rip = v->s.rip,
                                       .cycles = v->cycles,
                                       .instructions = instructions_of(machine) - session->instructions_before,
                                       .address = why->address,
                                       .hook = why->hook};
  return take_failure(machine);
}

vmxsim_status vmxsim_machine_run(vmxsim_machine *handle, uint64_t budget, struct vmxsim_run_result *result) {
  struct machine *machine = &handle->machine;
  struct session session;
  const vmxsim_status status = begin(machine, false, &session);
  if (status) return status;
  progress_begin_run(machine);
  const struct stop why = run(machine, budget);
  progress_end_run(machine);
  return finish(machine, &session, &why, result);
}

vmxsim_status vmxsim_machine_step(vmxsim_machine *handle, struct vmxsim_run_result *result) {
  struct machine *machine = &handle->machine;
  struct session session;
  const vmxsim_status status = begin(machine, true, &session);
  if (status) return status;
  const struct stop why = step_machine(machine);
  return finish(machine, &session, &why, result);
}

vmxsim_status vmxsim_vcpu_step(vmxsim_vcpu *vcpu, struct vmxsim_run_result *result) {
  struct machine *machine = vcpu->cpu.machine;
  struct session session;
  const vmxsim_status status = begin(machine, true, &session);
  if (status) return status;
  const struct stop why = step_vcpu(machine, vcpu);
  return finish(machine, &session, &why, result);
}

static void request_stop(struct machine *machine) {
  atomic_store(&machine->stop, true);
  for (unsigned i = 0; i < machine->vcpus; i++) atomic_fetch_or(&machine->vcpu[i]->cpu.attention, ATTENTION_STOP);
}

void machine_stop_for(struct machine *machine, const struct stop *why) {
  if (!is_stopped(machine)) machine->why = *why;
  request_stop(machine);
}

void vmxsim_machine_stop(vmxsim_machine *handle) {
  request_stop(&handle->machine);
}

uint64_t vmxsim_machine_now(const vmxsim_machine *handle) {
  return timing_now(machine_running(&handle->machine));
}

const char *vmxsim_stop_reason_text(enum vmxsim_stop_reason reason) {
  switch (reason) {
  case VMXSIM_STOP_BUDGET: return "the cycles are used up";
  case VMXSIM_STOP_REQUEST: return "asked to stop";
  case VMXSIM_STOP_BREAKPOINT: return "at a breakpoint";
  case VMXSIM_STOP_SHUTDOWN: return "triple fault";
  case VMXSIM_STOP_IDLE: return "every processor waits, and nothing will wake any";
  case VMXSIM_STOP_NO_PROGRESS: return "no progress: every processor that does not wait is in an endless loop";
  case VMXSIM_STOP_STEP: return "one instruction was executed";
  case VMXSIM_STOP_HOOK: return "a hook asked to stop";
  case VMXSIM_STOP_UNMAPPED: return "an access to memory where nothing is mapped";
  }
  return "unknown";
}
