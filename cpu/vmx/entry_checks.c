/* The verdict on a VM entry: the rules are those of checks/, evaluated again only as far as fields or the processor's
 * state changed since the last entry with this VMCS. */
#include "cpu/vmx/internal.h"

#define APIC_BASE_MODE_IS_X2APIC(base) (((base) & (APIC_BASE_EN | APIC_BASE_EXTD)) == (APIC_BASE_EN | APIC_BASE_EXTD))

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct vmxsim_vmx *vmx = context;
  vmx->port->read_memory(vmx->context, address, bytes, size);
  return true;
}

/* Notes the state that rules ask for; not 0 if any of it differs from that of the last entry. */
static uint64_t note(struct vmxsim_vmx *vmx, enum vmxsim_processor_item item, uint64_t value) {
  const uint64_t differs = vmx->processor.item[item] ^ value;
  vmx->processor.item[item] = value;
  return differs;
}

static bool trace_is_enabled(struct vmxsim_vmx *vmx) {
  return vmx_allows_trace(vmx) && (vmx_read_usual_msr(vmx, USUAL_RTIT_CTL) & 1);
}

/* What #UD, VM exits and #GP(0) come from has been looked at before: those items (CS.L too) stay as they are usual. */
static bool note_processor(struct vmxsim_vmx *vmx, bool vmresume) {
  const struct vmxsim_state *state = vmx->state;
  uint64_t differs = note(vmx, VMXSIM_PROCESSOR_rtit_trace_enabled, trace_is_enabled(vmx));
  differs |= note(vmx, VMXSIM_PROCESSOR_vmresume, vmresume);
  differs |= note(vmx, VMXSIM_PROCESSOR_efer_lma, (state->efer & EFER_LMA) != 0);
  differs |= note(vmx, VMXSIM_PROCESSOR_blocking_by_mov_ss, state->blocking_by_mov_ss);
  differs |= note(vmx, VMXSIM_PROCESSOR_current_vmcs_pointer, vmx->current);
  differs |= note(vmx, VMXSIM_PROCESSOR_shadow_vmcs, vmx->vmcs.shadow);
  differs |= note(vmx, VMXSIM_PROCESSOR_launch_state, vmx->vmcs.launched);
  differs |= note(vmx, VMXSIM_PROCESSOR_vmxon_pointer, vmx->vmxon_pointer);
  differs |= note(vmx, VMXSIM_PROCESSOR_in_smm, state->in_smm);
  differs |= note(vmx, VMXSIM_PROCESSOR_apic_x2apic, APIC_BASE_MODE_IS_X2APIC(state->apic_base));
  differs |= note(vmx, VMXSIM_PROCESSOR_apic_enabled, (state->apic_base & APIC_BASE_EN) != 0);
  return differs != 0;
}

static bool verdicts_differ(const struct vmxsim_verdict *a, const struct vmxsim_verdict *b) {
  if (a->broken_groups != b->broken_groups || a->undecided_groups != b->undecided_groups) return true;
  if (a->msr_load_entry != b->msr_load_entry) return true;
  for (unsigned group = 0; group < VMXSIM_CHECK_GROUPS_MAX; group++) {
    if (((a->broken_groups >> group) & 1) && a->broken[group] != b->broken[group]) return true;
  }
  return false;
}

static void audit(struct vmxsim_vmx *vmx, const struct vmxsim_check_input *input) {
  struct vmxsim_verdict full;
  vmxsim_check_all(input, &full);
  if (verdicts_differ(&vmx->verdict, &full)) vmx->verdict_differs = true;
}

struct vmxsim_outcome vmx_evaluate_entry(struct vmxsim_vmx *vmx, bool vmresume) {
  const struct vmxsim_check_input input = {
      .vmcs = &vmx->vmcs,
      .state = &vmx->processor,
      .capabilities = &vmx->capabilities,
      .capabilities_count = 1,
      .read_memory = read_memory,
      .memory_context = vmx,
  };
  const bool processor_differs = note_processor(vmx, vmresume);
  if (processor_differs || !vmx->verdict_holds) {
    vmxsim_check_all(&input, &vmx->verdict);
  } else {
    vmxsim_check_changed(&input, &vmx->vmcs.changed, &vmx->verdict);
  }
  vmx->vmcs.changed = (struct vmxsim_field_set){{0}};
  vmx->verdict_holds = true;
  if (vmx->verdict_audit) audit(vmx, &input);
  return vmxsim_verdict_outcome(&vmx->verdict);
}
