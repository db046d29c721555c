/* Steps, and running until something happens that somebody waits for. */
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"
#include "vmxsim/vmx.h"

static vmxsim_vcpu *handle_of(struct runner *runner, unsigned vcpu) {
  return vmxsim_machine_vcpu(runner->machine, vcpu);
}

static uint64_t linear_rip(struct runner *runner, unsigned vcpu) {
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(handle_of(runner, vcpu), &state);
  return state.segment[VMXSIM_CS].base + state.rip;
}

void runner_event(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                  const char *text) {
  if (kind == VMXSIM_SCENARIO_FAULT || kind == VMXSIM_SCENARIO_SHUTDOWN || kind == VMXSIM_SCENARIO_OUT_OF_TIME) {
    runner->over = true;
  }
  expect_event(runner, kind, vcpu, number, text);
}

/* --- signals --- */

static void set_registers(struct runner *runner, unsigned vcpu, const struct register_value *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint8_t bytes[8];
    memcpy(bytes, &values[i].value, sizeof bytes);
    vmxsim_vcpu_set_register(handle_of(runner, vcpu), values[i].number, bytes, vmxsim_register_size(values[i].number));
  }
}

/* What can happen while the guest or the host runs. */
static void perform(struct runner *runner, const struct scenario_step *step) {
  vmxsim_vcpu *vcpu = handle_of(runner, step->vcpu);
  switch (step->action) {
  case STEP_INTERRUPT: vmxsim_vcpu_inject_interrupt(vcpu, (uint8_t)step->number); break;
  case STEP_NMI: vmxsim_vcpu_inject_nmi(vcpu); break;
  case STEP_SMI: vmxsim_vcpu_inject_smi(vcpu); break;
  case STEP_INIT: vmxsim_vcpu_inject_init(vcpu); break;
  case STEP_MACHINE_CHECK: vmxsim_vcpu_inject_machine_check(vcpu); break;
  case STEP_SIPI: vmxsim_vcpu_inject_startup(vcpu, (uint8_t)step->number); break;
  case STEP_REGISTERS: set_registers(runner, step->vcpu, step->registers, step->count); break;
  case STEP_WRITE:
    for (size_t i = 0; i < step->count; i++) {
      if (!step->memory[i].bytes) continue;
      vmxsim_machine_write(runner->machine, step->memory[i].address, step->memory[i].bytes, step->memory[i].size);
    }
    break;
  default: break;
  }
}

static void announce(struct runner *runner, const struct scenario_step *step, const char *when) {
  static const char *const names[] = {"VMXON",         "VMXOFF",
                                      "VMCLEAR",       "VMPTRLD",
                                      "VMWRITE",       "VMLAUNCH",
                                      "VMRESUME",      "skip",
                                      "run",           "external interrupt",
                                      "NMI",           "SMI",
                                      "INIT",          "SIPI",
                                      "machine check", "memory written",
                                      "registers set", "WRMSR",
                                      "execute"};
  char text[TEXT_MAX];
  if (step->action == STEP_EXECUTE) {
    snprintf(text, sizeof text, "%.80s", step->instruction);
  } else if (step->action == STEP_INTERRUPT || step->action == STEP_SIPI) {
    snprintf(text, sizeof text, "%s 0x%x%s", names[step->action], (unsigned)step->number, when);
  } else {
    snprintf(text, sizeof text, "%s%s", names[step->action], when);
  }
  expect_event(runner, VMXSIM_SCENARIO_STEP, step->vcpu, 0, text);
}

static bool schedule(struct runner *runner, const struct scenario_step *step) {
  if (runner->scheduled_count == SCHEDULED_MAX) return runner_failed(runner, "expected at most 64 steps with `at`");
  runner->scheduled[runner->scheduled_count++] = step;
  if (step->at_label) vmxsim_machine_set_breakpoint(runner->machine, step->at, true);
  return true;
}

/* Performs what is due at a place or a cycle, once. */
static void perform_due(struct runner *runner, bool at_label, uint64_t at) {
  size_t kept = 0;
  for (size_t i = 0; i < runner->scheduled_count; i++) {
    const struct scenario_step *step = runner->scheduled[i];
    const bool due = at_label ? step->at_label && step->at == at : step->at_cycle && step->at <= at;
    if (!due) {
      runner->scheduled[kept++] = step;
      continue;
    }
    announce(runner, step, "");
    perform(runner, step);
  }
  runner->scheduled_count = kept;
}

/* --- running --- */

/* The cycle at which a run is cut. */
static uint64_t next_cut(const struct runner *runner, uint64_t now) {
  uint64_t cut = runner->scenario->cycles;
  for (size_t i = 0; i < runner->scheduled_count; i++) {
    const struct scenario_step *step = runner->scheduled[i];
    if (step->at_cycle && step->at < cut && step->at > now) cut = step->at;
  }
  return cut;
}

static void vm_exit(struct runner *runner, unsigned vcpu) {
  char text[TEXT_MAX];
  uint64_t reason = 0, rip = 0;
  runner->vcpu[vcpu].in_guest = false;
  host_read_field(runner, vcpu, VMXSIM_FIELD_exit_reason, &reason);
  host_read_field(runner, vcpu, VMXSIM_FIELD_guest_rip, &rip);
  runner_describe_exit(runner, reason, rip, text);
  runner_event(runner, VMXSIM_SCENARIO_EXIT, vcpu, reason, text);
}

static bool is_awaited(const struct scenario_expectation *items, size_t count, uint64_t linear) {
  for (size_t i = 0; i < count; i++) {
    if (items[i].kind == VMXSIM_SCENARIO_REACHED && !items[i].any_number && items[i].number == linear) return true;
  }
  return false;
}

/* At a breakpoint: true if the run is over for the processor that is waited for. */
static bool stopped_at(struct runner *runner, const struct scenario_step *step, unsigned vcpu) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  const uint64_t linear = linear_rip(runner, vcpu);
  const unsigned current = runner->vcpu[vcpu].current, vector = host_handler_of(runner, linear);
  char text[TEXT_MAX];
  if (runner->vcpu[vcpu].in_guest && current && linear == runner->host_rip[current - 1]) {
    vm_exit(runner, vcpu);
    if (vcpu != step->vcpu) host_park(runner, vcpu);
    return vcpu == step->vcpu;
  }
  if (vector < 32) {
    host_report_fault(runner, vcpu, vector);
    return true;
  }
  perform_due(runner, true, linear);
  if (is_awaited(scenario->expects, scenario->expect_count, linear) ||
      is_awaited(scenario->nevers, scenario->never_count, linear)) {
    char place[TEXT_MAX];
    snprintf(text, sizeof text, "reached %.150s", runner_place(runner, linear, place));
    runner_event(runner, VMXSIM_SCENARIO_REACHED, vcpu, linear, text);
  }
  return step->until_given && linear == step->until;
}

/* True: go on. */
static bool handle_stop(struct runner *runner, const struct scenario_step *step,
                        const struct vmxsim_run_result *result) {
  switch (result->reason) {
  case VMXSIM_STOP_BREAKPOINT: return !stopped_at(runner, step, result->vcpu);
  case VMXSIM_STOP_SHUTDOWN: runner_event(runner, VMXSIM_SCENARIO_SHUTDOWN, result->vcpu, 0, "shutdown"); return false;
  case VMXSIM_STOP_IDLE:
    runner_event(runner, VMXSIM_SCENARIO_HALTED, step->vcpu, 0, "every processor waits, and nothing will wake one");
    return false;
  case VMXSIM_STOP_NO_PROGRESS:
    runner_event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, result->vcpu, 0, vmxsim_stop_reason_text(result->reason));
    return false;
  case VMXSIM_STOP_BUDGET: {
    const uint64_t now = vmxsim_machine_now(runner->machine);
    perform_due(runner, false, now);
    if (now < runner->scenario->cycles) return true;
    runner_event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, result->vcpu, 0, "the scenario's cycles are used up");
    return false;
  }
  default: return false;
  }
}

static void run(struct runner *runner, const struct scenario_step *step) {
  struct vmxsim_run_result result;
  do {
    const uint64_t now = vmxsim_machine_now(runner->machine), cut = next_cut(runner, now);
    perform_due(runner, false, now);
    if (now >= cut) {
      runner_event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, step->vcpu, 0, "the scenario's cycles are used up");
      return;
    }
    if (vmxsim_machine_run(runner->machine, cut - now, &result)) {
      runner_failed(runner, "the machine cannot run: %.200s", vmxsim_machine_error(runner->machine));
      runner->over = true;
      return;
    }
  } while (handle_stop(runner, step, &result) && !runner->over);
}

/* --- entries --- */

/* What the entry injects is in the VMCS before it. */
static uint64_t injection(struct runner *runner, unsigned vcpu) {
  uint64_t information = 0;
  if (!runner->vcpu[vcpu].current) return 0;
  host_read_field(runner, vcpu, VMXSIM_FIELD_vm_entry_interruption_information, &information);
  return information & UINT64_C(1) << 31 ? information : 0;
}

/* `back`: the guest's first event was a VM exit already. */
static void entered(struct runner *runner, unsigned vcpu, bool resume, uint64_t information, bool back) {
  char text[TEXT_MAX], place[TEXT_MAX];
  snprintf(text, sizeof text, "VM entry by %s%s%.150s", resume ? "VMRESUME" : "VMLAUNCH", back ? "" : ", guest at ",
           back ? "" : runner_place(runner, linear_rip(runner, vcpu), place));
  runner_event(runner, VMXSIM_SCENARIO_ENTRY, vcpu, resume, text);
  if (!information) return;
  runner_describe_injection(information, text);
  runner_event(runner, VMXSIM_SCENARIO_INJECTED, vcpu, information, text);
}

/* The host's RIP, with the host's paging: no guest runs there by chance. */
static bool is_back(struct runner *runner, unsigned vcpu) {
  const unsigned current = runner->vcpu[vcpu].current;
  return current && linear_rip(runner, vcpu) == runner->host_rip[current - 1];
}

static void prepare_registers(struct runner *runner, unsigned vcpu) {
  const unsigned current = runner->vcpu[vcpu].current;
  if (!current || runner->launched[current - 1]) return;
  const struct scenario_code *guest = &runner->scenario->vmcss[current - 1].guest;
  runner->launched[current - 1] = true;
  set_registers(runner, vcpu, guest->registers, guest->register_count);
}

/* Whether the VM entry to come puts the guest into the shutdown state: an injected event would make it active. */
static bool enters_shutdown(struct runner *runner, unsigned vcpu, uint64_t information) {
  uint64_t activity = 0;
  host_read_field(runner, vcpu, VMXSIM_FIELD_guest_activity_state, &activity);
  return activity == VMXSIM_SHUTDOWN && !(information >> 31);
}

/* VMLAUNCH or VMRESUME, and the guest until its next VM exit. */
static void enter(struct runner *runner, const struct scenario_step *step, bool resume) {
  struct host_result result;
  uint64_t reason = 0;
  const uint64_t information = injection(runner, step->vcpu);
  const bool to_shutdown = enters_shutdown(runner, step->vcpu, information);
  prepare_registers(runner, step->vcpu);
  host_execute(runner, step->vcpu, resume ? HOST_VMRESUME : HOST_VMLAUNCH, 0, 0, &result);
  /* Not a VMX abort, which leaves the processor in the host */
  if (result.outcome == HOST_SHUT_DOWN && to_shutdown && !is_back(runner, step->vcpu)) result.outcome = HOST_ELSEWHERE;
  if (!host_report(runner, step->vcpu, resume ? "VMRESUME" : "VMLAUNCH", &result)) return;
  if (result.outcome != HOST_ELSEWHERE) return;
  if (is_back(runner, step->vcpu)) {
    host_read_field(runner, step->vcpu, VMXSIM_FIELD_exit_reason, &reason);
    if (!(reason >> 31)) entered(runner, step->vcpu, resume, information, true);
    vm_exit(runner, step->vcpu);
    return;
  }
  runner->vcpu[step->vcpu].in_guest = true;
  entered(runner, step->vcpu, resume, information, false);
  if (!runner->over && !step->background) run(runner, step);
}

static void resume(struct runner *runner, const struct scenario_step *step) {
  for (uint64_t i = 0; i < step->number && !runner->over; i++) {
    if (step->skip) host_skip(runner, step->vcpu);
    enter(runner, step, true);
  }
}

/* --- steps --- */

static void run_step(struct runner *runner, const struct scenario_step *step) {
  if (step->at_label || step->at_cycle) {
    schedule(runner, step);
    return;
  }
  announce(runner, step, "");
  switch (step->action) {
  case STEP_VMLAUNCH: enter(runner, step, false); break;
  case STEP_VMRESUME: resume(runner, step); break;
  case STEP_RUN: run(runner, step); break;
  default:
    if (!host_step(runner, step)) perform(runner, step);
    break;
  }
}

static void set_breakpoints(struct runner *runner, const struct scenario_expectation *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (items[i].kind == VMXSIM_SCENARIO_REACHED && !items[i].any_number) {
      vmxsim_machine_set_breakpoint(runner->machine, items[i].number, true);
    }
  }
}

/* A host with code of its own does all of VMX itself. */
static bool sets_up(const struct vmxsim_scenario *scenario) {
  return scenario->vmcs_count && scenario->setup && !scenario->host.given;
}

bool run_steps(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  listen_begin(runner);
  set_breakpoints(runner, scenario->expects, scenario->expect_count);
  set_breakpoints(runner, scenario->nevers, scenario->never_count);
  for (size_t n = 0; n < scenario->step_count; n++) {
    if (scenario->steps[n].until_given) {
      vmxsim_machine_set_breakpoint(runner->machine, scenario->steps[n].until, true);
    }
  }
  if (sets_up(scenario) && !host_set_up(runner)) runner->over = true;
  for (size_t n = 0; n < scenario->step_count && !runner->over; n++) run_step(runner, &scenario->steps[n]);
  listen_end(runner);
  return !runner->error->text[0];
}
