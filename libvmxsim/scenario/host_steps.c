/* Steps that are instructions of the host: VMX operation, VMCSs and MSRs; and what becomes of each as an event. */
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"

/* --- what instructions of the host come to --- */

void host_report_fault(struct runner *runner, unsigned vcpu, unsigned vector) {
  char text[TEXT_MAX];
  snprintf(text, sizeof text, "exception %u in the host", vector);
  runner_event(runner, VMXSIM_SCENARIO_FAULT, vcpu, vector, text);
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
  runner_event(runner, VMXSIM_SCENARIO_VMFAIL, vcpu, error, text);
}

bool host_report(struct runner *runner, unsigned vcpu, const char *what, const struct host_result *result) {
  switch (result->outcome) {
  case HOST_FAULTED: host_report_fault(runner, vcpu, result->vector); return false;
  case HOST_SHUT_DOWN: runner_event(runner, VMXSIM_SCENARIO_SHUTDOWN, vcpu, 0, "shutdown"); return false;
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
  return host_report(runner, vcpu, what, &result);
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
  if (!host_report(runner, vcpu, what, &result)) return false;
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
bool host_set_up(struct runner *runner) {
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

/* --- steps --- */

/* Guest RIP past the instruction that caused the exit, as a VMM does. */
void host_skip(struct runner *runner, unsigned vcpu) {
  uint64_t rip = 0, length = 0;
  host_read_field(runner, vcpu, VMXSIM_FIELD_guest_rip, &rip);
  host_read_field(runner, vcpu, VMXSIM_FIELD_vm_exit_instruction_length, &length);
  write_field(runner, vcpu, VMXSIM_FIELD_guest_rip, rip + length);
}

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
  host_report(runner, step->vcpu, text, &result);
}

bool host_step(struct runner *runner, const struct scenario_step *step) {
  if (step->by_address) {
    at_address(runner, step);
    return true;
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
  case STEP_SKIP: host_skip(runner, step->vcpu); break;
  case STEP_EXECUTE: execute_instruction(runner, step); break;
  default: return false;
  }
  return true;
}
