/* What the machine tells while it runs, as the scenario's events. */
#include <stdio.h>

#include "libvmxsim/scenario/runner.h"
#include "vmxsim/vmx.h"

/* --- exceptions and instructions --- */

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

/* --- VMX, of a host that does it itself: what happens is heard of, not looked for --- */

static void hear_entry(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX], place[TEXT_MAX];
  const bool resume = seen->u.vmx.trace->opcode == VMXSIM_VMRESUME;
  const uint64_t rip = vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_guest_rip);
  snprintf(text, sizeof text, "VM entry by %s, guest at %.150s", resume ? "VMRESUME" : "VMLAUNCH",
           runner_place(runner, rip, place));
  expect_event(runner, VMXSIM_SCENARIO_ENTRY, seen->vcpu, resume, text);
}

static void hear_injection(struct runner *runner, const struct vmxsim_event *seen) {
  char text[TEXT_MAX];
  const uint64_t information = vmxsim_vmcs_get(&seen->u.vmx.vmx->vmcs, VMXSIM_FIELD_vm_entry_interruption_information);
  runner_describe_injection(information, text);
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

/* --- the machine --- */

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

void listen_begin(struct runner *runner) {
  uint64_t mask = VMXSIM_EVENT_BIT(VMXSIM_EVENT_exception) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_external_interrupt) |
                  VMXSIM_EVENT_BIT(VMXSIM_EVENT_nmi);
  if (runner->scenario->host.given) {
    mask |= VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_injection) |
            VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_exit) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vmx_instruction);
  }
  if (runner->listener->instructions) mask |= VMXSIM_EVENT_BIT(VMXSIM_EVENT_instruction);
  vmxsim_machine_on_event(runner->machine, mask, listen, runner);
}

void listen_end(struct runner *runner) {
  vmxsim_machine_on_event(runner->machine, 0, NULL, NULL);
}
