/* Events in words. */
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"

const char *vmxsim_scenario_event_name(enum vmxsim_scenario_event_kind kind) {
  static const char *const names[] = {"entry",     "exit",        "vmfail", "injected",   "fault",
                                      "exception", "interrupt",   "nmi",    "reached",    "halted",
                                      "shutdown",  "out_of_time", "step",   "instruction"};
  return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "";
}

/* The last label at or before the address, not too far from it. */
static const struct vmxsim_label *label_before(const struct scenario_code *code, uint64_t address) {
  const struct vmxsim_label *best = NULL;
  for (size_t i = 0; i < code->assembly.label_count; i++) {
    const struct vmxsim_label *label = &code->assembly.labels[i];
    if (label->constant || label->value > address || address - label->value > 0x1000) continue;
    if (!best || label->value >= best->value) best = label;
  }
  return best;
}

const char *runner_place(const struct runner *runner, uint64_t address, char text[TEXT_MAX]) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  const struct vmxsim_label *label = label_before(&scenario->host, address);
  for (size_t n = 0; !label && n < scenario->vmcs_count; n++) label = label_before(&scenario->vmcss[n].guest, address);
  if (!label) {
    snprintf(text, TEXT_MAX, "0x%llx", (unsigned long long)address);
  } else if (label->value == address) {
    snprintf(text, TEXT_MAX, "0x%llx (%.80s)", (unsigned long long)address, label->name);
  } else {
    snprintf(text, TEXT_MAX, "0x%llx (%.80s+0x%llx)", (unsigned long long)address, label->name,
             (unsigned long long)(address - label->value));
  }
  return text;
}

void runner_describe_exit(const struct runner *runner, uint64_t reason, uint64_t guest_rip, char text[TEXT_MAX]) {
  char place[TEXT_MAX];
  const struct vmxsim_numbered_name *name = vmxsim_exit_reason((uint32_t)reason & 0xffff);
  snprintf(text, TEXT_MAX, "%s %u %s, guest RIP %.150s", reason >> 31 ? "VM-entry failure, exit" : "VM exit",
           (unsigned)reason & 0xffff, name ? name->name : "(unknown)", runner_place(runner, guest_rip, place));
}

void runner_describe_injection(uint64_t information, char text[TEXT_MAX]) {
  char names[200];
  vmxsim_layout_text(vmxsim_layout_of_field(VMXSIM_FIELD_vm_entry_interruption_information), information, names,
                     sizeof names);
  snprintf(text, TEXT_MAX, "injected: %s", names);
}
