/* vmxsim run, where the image is a hypervisor: why its VM entries fail, and what its VM exits cost. */
#include "cli/run_vmx.h"

#include "cli/common.h"

typedef unsigned long long number;

/* --- diagnosis ---------------------------------------------------------------------------------------------------- */

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  return vmxsim_machine_read(context, address, bytes, size) == VMXSIM_OK;
}

/* A loop over a failing entry is told of once. */
static bool is_new(struct vmx_watch *watch, uint64_t rip, vmxsim_check check) {
  for (unsigned i = 0; i < watch->shown_count; i++) {
    if (watch->shown[i].rip == rip && watch->shown[i].check == check) return false;
  }
  if (watch->shown_count == VMX_FAILURES_SHOWN) return false;
  watch->shown[watch->shown_count].rip = rip;
  watch->shown[watch->shown_count++].check = check;
  return true;
}

static void print_rule(FILE *file, const struct vmxsim_check_input *input, vmxsim_check check) {
  struct vmxsim_check_info info;
  char text[600];
  if (!vmxsim_check_describe(check, &info)) return;
  vmxsim_check_message(input, check, text, sizeof text);
  fprintf(file, "  broken  %s\n          %s\n", info.id, text);
  if (vmxsim_check_hint(input, check, text, sizeof text)) fprintf(file, "          %s\n", text);
  fprintf(file, "          (SDM, \"%s\")\n", info.section);
}

static void diagnose(struct vmx_watch *watch, const struct vmxsim_event *event) {
  const struct vmxsim_vmx *const vmx = event->u.vmx.vmx;
  const struct vmxsim_vmx_trace *const trace = event->u.vmx.trace;
  const struct vmxsim_check_input input = {&vmx->vmcs, &vmx->processor, &vmx->capabilities,
                                           1,          read_memory,     watch->machine};
  struct vmxsim_verdict verdict;
  char outcome[200];
  const uint64_t rip = event->cs_base + event->rip;
  if (!is_new(watch, rip, trace->outcome->check)) return;
  vmxsim_check_all(&input, &verdict);
  vmxsim_outcome_text(trace->outcome, outcome, sizeof outcome);
  fflush(stdout);
  fprintf(watch->file, "processor %u: %s at 0x%llx fails: %s\n", event->vcpu,
          trace->opcode == VMXSIM_VMLAUNCH ? "VMLAUNCH" : "VMRESUME", (number)rip, outcome);
  for (vmxsim_check check = vmxsim_next_broken(&verdict, 0); check != VMXSIM_NO_CHECK;
       check = vmxsim_next_broken(&verdict, check + 1)) {
    print_rule(watch->file, &input, check);
  }
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

static void count_entry(struct vmx_watch *watch, const struct vmxsim_event *event) {
  watch->entries++;
  if (event->vcpu >= VMX_VCPUS || !watch->vcpu[event->vcpu].in_root) return;
  watch->vcpu[event->vcpu].in_root = false;
  const unsigned reason = watch->vcpu[event->vcpu].reason;
  watch->reason[reason].handled++;
  watch->reason[reason].cycles += event->cycle - watch->vcpu[event->vcpu].cycle;
}

static void count_exit(struct vmx_watch *watch, const struct vmxsim_event *event) {
  const unsigned reason = event->u.vmx.trace->exit->reason % VMX_REASONS;
  watch->reason[reason].count++;
  if (event->vcpu >= VMX_VCPUS) return;
  watch->vcpu[event->vcpu].in_root = true;
  watch->vcpu[event->vcpu].reason = reason;
  watch->vcpu[event->vcpu].cycle = event->cycle;
}

void vmx_watch_event(struct vmx_watch *watch, const struct vmxsim_event *event) {
  switch (event->kind) {
  case VMXSIM_EVENT_vm_entry: count_entry(watch, event); break;
  case VMXSIM_EVENT_vm_exit: count_exit(watch, event); break;
  case VMXSIM_EVENT_vm_entry_failure:
    watch->failures++;
    diagnose(watch, event);
    break;
  default: break;
  }
}

void vmx_watch_summary(const struct vmx_watch *watch, FILE *file) {
  if (!watch->entries && !watch->failures) return;
  fprintf(file, "%llu VM entries, %llu failed\n", (number)watch->entries, (number)watch->failures);
  if (watch->entries) fprintf(file, "  %-44s %10s %14s %12s\n", "exit reason", "count", "cycles in host", "an exit");
  for (unsigned reason = 0; reason < VMX_REASONS; reason++) {
    if (!watch->reason[reason].count) continue;
    const struct vmxsim_numbered_name *name = vmxsim_exit_reason(reason);
    const uint64_t handled = watch->reason[reason].handled;
    fprintf(file, "  %2u %-41s %10llu %14llu %12.1f\n", reason, name ? name->term : "",
            (number)watch->reason[reason].count, (number)watch->reason[reason].cycles,
            handled ? (double)watch->reason[reason].cycles / (double)handled : 0.0);
  }
}
