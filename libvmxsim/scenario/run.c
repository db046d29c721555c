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

static void event(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                  const char *text) {
  if (kind == VMXSIM_SCENARIO_FAULT || kind == VMXSIM_SCENARIO_SHUTDOWN || kind == VMXSIM_SCENARIO_OUT_OF_TIME) {
    runner->over = true;
  }
  expect_event(runner, kind, vcpu, number, text);
}

/* --- what instructions of the host come to --- */

static void report_fault(struct runner *runner, unsigned vcpu, unsigned vector) {
  char text[TEXT_MAX];
  snprintf(text, sizeof text, "exception %u in the host", vector);
  event(runner, VMXSIM_SCENARIO_FAULT, vcpu, vector, text);
}

static void report_vmfail(struct runner *runner, unsigned vcpu, const char *what, bool valid) {
  char text[TEXT_MAX];
  uint64_t error = 0;
  if (valid) host_read_field(runner, vcpu, VMXSIM_FIELD_vm_instruction_error, &error);
  const struct vmxsim_numbered_name *name = vmxsim_instruction_error((uint32_t)error);
  if (valid) {
    snprintf(text, sizeof text, "%s: VMfailValid %u: %s", what, (unsigned)error, name ? name->term : "?");
  } else {
    snprintf(text, sizeof text, "%s: VMfailInvalid", what);
  }
  event(runner, VMXSIM_SCENARIO_VMFAIL, vcpu, error, text);
}

/* True if the instruction completed and succeeded. */
static bool report_host(struct runner *runner, unsigned vcpu, const char *what, const struct host_result *result) {
  switch (result->outcome) {
  case HOST_FAULTED: report_fault(runner, vcpu, result->vector); return false;
  case HOST_SHUT_DOWN: event(runner, VMXSIM_SCENARIO_SHUTDOWN, vcpu, 0, "shutdown"); return false;
  case HOST_ELSEWHERE: return true;
  case HOST_DONE: break;
  }
  if (!result->fail_invalid && !result->fail_valid) return true;
  report_vmfail(runner, vcpu, what, result->fail_valid);
  return false;
}

static bool execute(struct runner *runner, unsigned vcpu, enum host_op op, const char *what, uint64_t a, uint64_t b) {
  struct host_result result;
  host_execute(runner, vcpu, op, a, b, &result);
  return report_host(runner, vcpu, what, &result);
}

/* --- VMX operation --- */

static uint64_t region_of(size_t vmcs) {
  return VMCS_REGIONS + 0x1000 * vmcs;
}

static void write_revision(struct runner *runner, uint64_t region) {
  uint64_t basic = 0;
  uint8_t bytes[4];
  vmxsim_capability_rdmsr(&runner->processor, 0x480, &basic);
  for (unsigned i = 0; i < 4; i++) bytes[i] = (uint8_t)(basic >> (8 * i));
  bytes[3] &= 0x7f;
  vmxsim_machine_write(runner->machine, region, bytes, sizeof bytes);
}

static bool vmxon(struct runner *runner, unsigned vcpu) {
  const uint64_t region = VMXON_REGIONS + 0x1000 * vcpu;
  write_revision(runner, region);
  const bool good = execute(runner, vcpu, HOST_VMXON, "VMXON", region, 0);
  runner->vcpu[vcpu].in_vmx |= good;
  return good;
}

/* A region that is none of the scenario's VMCSs. */
static void at_address(struct runner *runner, const struct scenario_step *step) {
  const bool clear = step->action == STEP_VMCLEAR;
  const char *what = clear ? "VMCLEAR" : "VMPTRLD";
  execute(runner, step->vcpu, clear ? HOST_VMCLEAR : HOST_VMPTRLD, what, step->number, 0);
}

static bool vmclear(struct runner *runner, unsigned vcpu, size_t vmcs) {
  write_revision(runner, region_of(vmcs));
  if (!execute(runner, vcpu, HOST_VMCLEAR, "VMCLEAR", region_of(vmcs), 0)) return false;
  if (runner->vcpu[vcpu].current == vmcs + 1) runner->vcpu[vcpu].current = 0;
  return true;
}

static bool vmptrld(struct runner *runner, unsigned vcpu, size_t vmcs) {
  if (!execute(runner, vcpu, HOST_VMPTRLD, "VMPTRLD", region_of(vmcs), 0)) return false;
  runner->vcpu[vcpu].current = (unsigned)vmcs + 1;
  return true;
}

static void break_at_host_rip(struct runner *runner, size_t vmcs, uint64_t rip) {
  runner->host_rip[vmcs] = rip;
  if (!runner->scenario->host.given) vmxsim_machine_set_breakpoint(runner->machine, rip, true);
}

static bool write_field(struct runner *runner, unsigned vcpu, vmxsim_field field, uint64_t value) {
  char what[120];
  struct host_result result;
  host_write_field(runner, vcpu, field, value, &result);
  snprintf(what, sizeof what, "VMWRITE %s", vmxsim_field_name(field));
  if (!report_host(runner, vcpu, what, &result)) return false;
  const unsigned current = runner->vcpu[vcpu].current;
  if (field == VMXSIM_FIELD_host_rip && current) break_at_host_rip(runner, current - 1, value);
  return true;
}

static bool is_given(const struct vmxsim_case *subject, vmxsim_field field) {
  for (size_t i = 0; i < subject->value_count; i++) {
    if (subject->values[i].field == field) return true;
  }
  return false;
}

/* What the scenario gives, and what is not 0 of the rest: VMCLEAR has left zeros. */
static bool write_fields(struct runner *runner, unsigned vcpu, const struct vmxsim_case *subject) {
  struct vmxsim_vmcs fields;
  vmxsim_case_vmcs(subject, &fields);
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    const vmxsim_field field = (vmxsim_field)n;
    const uint64_t value = vmxsim_vmcs_get(&fields, field);
    const bool template = value && vmxsim_field_exists(field, &runner->processor) && !vmxsim_field_is_read_only(field);
    if ((template || is_given(subject, field)) && !write_field(runner, vcpu, field, value)) return false;
  }
  return true;
}

/* VMXON everywhere, then every VMCS; the first of each processor is current at the end. */
static bool set_up(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  for (unsigned vcpu = 0; vcpu < scenario->vcpus; vcpu++) {
    if (!vmxon(runner, vcpu)) return false;
  }
  for (size_t n = scenario->vmcs_count; n-- > 0;) {
    const struct scenario_vmcs *vmcs = &scenario->vmcss[n];
    if (!vmclear(runner, vmcs->vcpu, n) || !vmptrld(runner, vmcs->vcpu, n)) return false;
    if (!write_fields(runner, vmcs->vcpu, &vmcs->subject)) return false;
  }
  return true;
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
  static const char *const names[] = {"VMXON",         "VMXOFF",   "VMCLEAR", "VMPTRLD", "VMWRITE",
                                      "VMLAUNCH",      "VMRESUME", "skip",    "run",     "external interrupt",
                                      "NMI",           "SMI",      "INIT",    "SIPI",    "memory written",
                                      "registers set", "WRMSR",    "execute"};
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
  event(runner, VMXSIM_SCENARIO_EXIT, vcpu, reason, text);
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
    report_fault(runner, vcpu, vector);
    return true;
  }
  perform_due(runner, true, linear);
  if (is_awaited(scenario->expects, scenario->expect_count, linear) ||
      is_awaited(scenario->nevers, scenario->never_count, linear)) {
    char place[TEXT_MAX];
    snprintf(text, sizeof text, "reached %.150s", runner_place(runner, linear, place));
    event(runner, VMXSIM_SCENARIO_REACHED, vcpu, linear, text);
  }
  return step->until_given && linear == step->until;
}

static const char *const exception_names[32] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                                "#DF", "",    "#TS", "#NP", "#SS", "#GP", "#PF", "",
                                                "#MF", "#AC", "#MC", "#XM", "#VE", "#CP"};

static void describe_exception(const struct runner *runner, const struct vmxsim_event *seen, char text[TEXT_MAX]) {
  char place[TEXT_MAX], code[40] = "", address[40] = "";
  const unsigned vector = seen->u.interrupt.vector;
  const char *name = vector < 32 ? exception_names[vector] : NULL;
  if (seen->u.interrupt.has_error_code) {
    snprintf(code, sizeof code, ", error code 0x%x", (unsigned)seen->u.interrupt.error_code);
  }
  if (vector == 14)
    snprintf(address, sizeof address, ", address 0x%llx", (unsigned long long)seen->u.interrupt.address);
  snprintf(text, TEXT_MAX, "exception %u %s%s%s at %.150s", vector, name ? name : "", code, address,
           runner_place(runner, seen->rip, place));
}

static void describe_instruction(const struct runner *runner, const struct vmxsim_event *seen, char text[TEXT_MAX]) {
  char place[TEXT_MAX], disassembly[120];
  vmxsim_disassemble(seen->u.instruction.bits, seen->rip, seen->u.instruction.bytes, seen->u.instruction.length,
                     disassembly, sizeof disassembly);
  snprintf(text, TEXT_MAX, "%-36.150s %.100s", runner_place(runner, seen->rip, place), disassembly);
}

/* --- a host that does VMX itself: what happens is heard of, not looked for --- */

static bool hears_vmx(const struct runner *runner) {
  return runner->scenario->host.given;
}

static void hear_entry(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX], place[TEXT_MAX];
  const bool resume = seen->u.vmx.trace->opcode == VMXSIM_VMRESUME;
  const uint64_t rip = vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_guest_rip);
  snprintf(text, sizeof text, "VM entry by %s, guest at %.150s", resume ? "VMRESUME" : "VMLAUNCH",
           runner_place(runner, rip, place));
  expect_event(runner, VMXSIM_SCENARIO_ENTRY, seen->vcpu, resume, text);
}

static void describe_injection(uint64_t information, char text[TEXT_MAX]) {
  char names[200];
  vmxsim_layout_text(vmxsim_layout_of_field(VMXSIM_FIELD_vm_entry_interruption_information), information, names,
                     sizeof names);
  snprintf(text, TEXT_MAX, "injected: %s", names);
}

static void hear_injection(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX];
  const uint64_t information = vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_vm_entry_interruption_information);
  describe_injection(information, text);
  expect_event(runner, VMXSIM_SCENARIO_INJECTED, seen->vcpu, information, text);
}

static void hear_exit(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX];
  const uint64_t reason = vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_exit_reason);
  runner_describe_exit(runner, reason, vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_guest_rip), text);
  expect_event(runner, VMXSIM_SCENARIO_EXIT, seen->vcpu, reason, text);
}

static void hear_failure(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX];
  const struct vmxsim_vmx_trace *trace = seen->u.vmx.trace;
  const struct vmxsim_numbered_name *name = vmxsim_instruction_error(trace->error);
  if (trace->fail == VMXSIM_VMX_SUCCEED) return;
  if (trace->fail == VMXSIM_VMX_FAIL_VALID) {
    snprintf(text, sizeof text, "VMfailValid %u: %s", (unsigned)trace->error, name ? name->term : "?");
  } else {
    snprintf(text, sizeof text, "VMfailInvalid");
  }
  expect_event(runner, VMXSIM_SCENARIO_VMFAIL, seen->vcpu, trace->fail == VMXSIM_VMX_FAIL_VALID ? trace->error : 0,
               text);
}

static void hear(struct runner *runner, const struct vmxsim_event *seen) {
  runner->heard = &seen->u.vmx.vmx->vmcs;
  switch (seen->kind) {
  case VMXSIM_EVENT_vm_entry: hear_entry(runner, seen); break;
  case VMXSIM_EVENT_vm_injection: hear_injection(runner, seen); break;
  case VMXSIM_EVENT_vm_exit: hear_exit(runner, seen); break;
  case VMXSIM_EVENT_vmx_instruction: hear_failure(runner, seen); break;
  default: break;
  }
  runner->heard = NULL;
}

/* The machine's own events are the scenario's too. */
static void listen(void *context, const struct vmxsim_event *seen) {
  struct runner *runner = context;
  char text[TEXT_MAX], place[TEXT_MAX];
  if (runner->quiet) return;
  runner_place(runner, seen->rip, place);
  switch (seen->kind) {
  case VMXSIM_EVENT_exception:
    describe_exception(runner, seen, text);
    expect_event(runner, VMXSIM_SCENARIO_EXCEPTION, seen->vcpu, seen->u.interrupt.vector, text);
    break;
  case VMXSIM_EVENT_external_interrupt:
    snprintf(text, sizeof text, "external interrupt 0x%x at %.150s", seen->u.interrupt.vector, place);
    expect_event(runner, VMXSIM_SCENARIO_INTERRUPT, seen->vcpu, seen->u.interrupt.vector, text);
    break;
  case VMXSIM_EVENT_nmi:
    snprintf(text, sizeof text, "NMI at %.150s", place);
    expect_event(runner, VMXSIM_SCENARIO_NMI, seen->vcpu, 2, text);
    break;
  case VMXSIM_EVENT_instruction:
    describe_instruction(runner, seen, text);
    expect_event(runner, VMXSIM_SCENARIO_INSTRUCTION, seen->vcpu, 0, text);
    break;
  default: hear(runner, seen); break;
  }
}

/* True: go on. */
static bool handle_stop(struct runner *runner, const struct scenario_step *step,
                        const struct vmxsim_run_result *result) {
  switch (result->reason) {
  case VMXSIM_STOP_BREAKPOINT: return !stopped_at(runner, step, result->vcpu);
  case VMXSIM_STOP_SHUTDOWN: event(runner, VMXSIM_SCENARIO_SHUTDOWN, result->vcpu, 0, "shutdown"); return false;
  case VMXSIM_STOP_IDLE:
    event(runner, VMXSIM_SCENARIO_HALTED, step->vcpu, 0, "every processor waits, and nothing will wake one");
    return false;
  case VMXSIM_STOP_NO_PROGRESS:
    event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, result->vcpu, 0, vmxsim_stop_reason_text(result->reason));
    return false;
  case VMXSIM_STOP_BUDGET: {
    const uint64_t now = vmxsim_machine_now(runner->machine);
    perform_due(runner, false, now);
    if (now < runner->scenario->cycles) return true;
    event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, result->vcpu, 0, "the scenario's cycles are used up");
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
      event(runner, VMXSIM_SCENARIO_OUT_OF_TIME, step->vcpu, 0, "the scenario's cycles are used up");
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
  event(runner, VMXSIM_SCENARIO_ENTRY, vcpu, resume, text);
  if (!information) return;
  describe_injection(information, text);
  event(runner, VMXSIM_SCENARIO_INJECTED, vcpu, information, text);
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
  if (!report_host(runner, step->vcpu, resume ? "VMRESUME" : "VMLAUNCH", &result)) return;
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

/* Guest RIP past the instruction that caused the exit, as a VMM does. */
static void skip(struct runner *runner, unsigned vcpu) {
  uint64_t rip = 0, length = 0;
  host_read_field(runner, vcpu, VMXSIM_FIELD_guest_rip, &rip);
  host_read_field(runner, vcpu, VMXSIM_FIELD_vm_exit_instruction_length, &length);
  write_field(runner, vcpu, VMXSIM_FIELD_guest_rip, rip + length);
}

static void resume(struct runner *runner, const struct scenario_step *step) {
  for (uint64_t i = 0; i < step->number && !runner->over; i++) {
    if (step->skip) skip(runner, step->vcpu);
    enter(runner, step, true);
  }
}

/* --- steps --- */

/* Only of VMX instructions CF and ZF say that they failed. */
static void execute_instruction(struct runner *runner, const struct scenario_step *step) {
  struct host_result result;
  const char *const text = step->instruction;
  const bool is_vmx = !strncmp(text, "vm", 2) || !strncmp(text, "inve", 4) || !strncmp(text, "invv", 4);
  if (!host_instruction(runner, step->vcpu, text, &result)) {
    runner->over = true;
    return;
  }
  if (!is_vmx) result.fail_invalid = result.fail_valid = false;
  report_host(runner, step->vcpu, text, &result);
}

static void perform_host_step(struct runner *runner, const struct scenario_step *step) {
  if (step->by_address) {
    at_address(runner, step);
    return;
  }
  switch (step->action) {
  case STEP_VMXON: vmxon(runner, step->vcpu); break;
  case STEP_VMXOFF:
    if (execute(runner, step->vcpu, HOST_VMXOFF, "VMXOFF", 0, 0)) runner->vcpu[step->vcpu] = (struct vcpu_status){0};
    break;
  case STEP_VMCLEAR: vmclear(runner, step->vcpu, step->number); break;
  case STEP_VMPTRLD: vmptrld(runner, step->vcpu, step->number); break;
  case STEP_VMWRITE:
    for (size_t i = 0; i < step->count && !runner->over; i++) {
      write_field(runner, step->vcpu, step->fields[i].field, step->fields[i].value);
    }
    break;
  case STEP_WRMSR:
    for (size_t i = 0; i < step->count && !runner->over; i++) {
      execute(runner, step->vcpu, HOST_WRMSR, "WRMSR", step->msrs[i].index, step->msrs[i].value);
    }
    break;
  case STEP_SKIP: skip(runner, step->vcpu); break;
  case STEP_EXECUTE: execute_instruction(runner, step); break;
  default: perform(runner, step); break;
  }
}

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
  default: perform_host_step(runner, step); break;
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
  uint64_t mask = VMXSIM_EVENT_BIT(VMXSIM_EVENT_exception) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_external_interrupt) |
                  VMXSIM_EVENT_BIT(VMXSIM_EVENT_nmi);
  if (hears_vmx(runner)) {
    mask |= VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_injection) |
            VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_exit) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vmx_instruction);
  }
  if (runner->listener->instructions) mask |= VMXSIM_EVENT_BIT(VMXSIM_EVENT_instruction);
  vmxsim_machine_on_event(runner->machine, mask, listen, runner);
  set_breakpoints(runner, scenario->expects, scenario->expect_count);
  set_breakpoints(runner, scenario->nevers, scenario->never_count);
  for (size_t n = 0; n < scenario->step_count; n++) {
    if (scenario->steps[n].until_given) {
      vmxsim_machine_set_breakpoint(runner->machine, scenario->steps[n].until, true);
    }
  }
  if (sets_up(scenario) && !set_up(runner)) runner->over = true;
  for (size_t n = 0; n < scenario->step_count && !runner->over; n++) run_step(runner, &scenario->steps[n]);
  vmxsim_machine_on_event(runner->machine, 0, NULL, NULL);
  return !runner->error->text[0];
}
