/* The VMX engine: its beginning, and what all stages need. The stages are a file each; internal.h lists them. */
#include "cpu/vmx/internal.h"

/* vmxsim_vmx_reset() leaves alone what the owner gave. */
void vmxsim_vmx_init(struct vmxsim_vmx *vmx, struct vmxsim_state *state, const struct vmxsim_capabilities *capabilities,
                     const struct vmxsim_vmx_port *port, void *context) {
  *vmx = (struct vmxsim_vmx){.state = state, .capabilities = capabilities, .port = port, .context = context};
  vmxsim_vmx_reset(vmx);
}

void vmxsim_vmx_reset(struct vmxsim_vmx *vmx) {
  *vmx = (struct vmxsim_vmx){
      .state = vmx->state,
      .capabilities = vmx->capabilities,
      .port = vmx->port,
      .context = vmx->context,
      .verdict_audit = vmx->verdict_audit,
      .verdict_differs = vmx->verdict_differs,
      .vmxon_pointer = VMXSIM_NO_VMCS,
      .current = VMXSIM_NO_VMCS,
      .preemption_deadline = UINT64_MAX,
  };
  vmxsim_processor_state_usual(&vmx->processor);
  vmxsim_vmx_capabilities_changed(vmx);
}

/* The access to what is no field stays that of none. */
void vmxsim_vmx_capabilities_changed(struct vmxsim_vmx *vmx) {
  vmx->verdict_holds = false;
  vmx->absent_msrs = 0;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    vmx->access[i] = vmxsim_field_access_of((vmxsim_field)i, vmx->capabilities);
  }
}

void vmxsim_vmx_supported(struct vmxsim_capabilities *capabilities) {
  static const char *const missing[] = {
      "-pin_based.process_posted_interrupts",
      "-secondary.virtualize_apic_accesses",
      "-secondary.enable_ept",
      "-secondary.virtualize_x2apic_mode",
      "-secondary.enable_vpid",
      "-secondary.unrestricted_guest",
      "-secondary.apic_register_virtualization",
      "-secondary.virtual_interrupt_delivery",
      "-secondary.enable_vm_functions",
      "-secondary.vmcs_shadowing",
      "-secondary.enable_pml",
      "-secondary.ept_violation_ve",
      "-secondary.pasid_translation",
      "-secondary.mode_based_execute_control_for_ept",
      "-secondary.sub_page_write_permissions_for_ept",
      "-secondary.intel_pt_uses_guest_physical_addresses",
      "-secondary.vmm_bus_lock_detection",
      "-secondary.instruction_timeout",
      "-tertiary.enable_hlat",
      "-tertiary.ept_paging_write_control",
      "-tertiary.guest_paging_verification",
      "-tertiary.ipi_virtualization",
      "-tertiary.seam_guest_physical_address_width",
      "-tertiary.apic_timer_virtualization",
      "-tertiary.pebs_uses_guest_physical_addresses",
      "-vm_exit.clear_uinv",
      "-vm_entry.load_uinv",
      "-secondary_vm_exit.save_fred",
      "-secondary_vm_exit.load_fred",
      "-secondary_vm_exit.prematurely_busy_shadow_stack",
      "-vm_entry.load_fred",
      "-vm_entry.allow_seam_guest_telemetry",
      "-vm_function.eptp_switching",
  };
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    size_t length = 0;
    while (missing[i][length]) length++;
    (void)vmxsim_capabilities_change(capabilities, missing[i], length); /* fails where it is clear already */
  }
  capabilities->ia32_vmx_basic &= ~(VMX_BASIC_DUAL_MONITOR | VMX_BASIC_NESTED_EXCEPTION); /* the latter is FRED's */
  vmxsim_capabilities_derive(capabilities);
}

uint64_t vmx_read_memory(const struct vmxsim_vmx *vmx, uint64_t address, unsigned bytes) {
  uint8_t data[8];
  vmx->port->read_memory(vmx->context, address, data, bytes);
  return vmx_get_bytes(data, bytes);
}

void vmx_write_memory(const struct vmxsim_vmx *vmx, uint64_t address, uint64_t value, unsigned bytes) {
  uint8_t data[8];
  vmx_put_bytes(data, value, bytes);
  vmx->port->write_memory(vmx->context, address, data, bytes);
}

/* Words count as 0 unless another one activates them (SDM 3C, "Processor-Based VM-Execution Controls"). */
void vmx_establish_controls(struct vmxsim_vmx *vmx) {
  uint64_t *const words = vmx->controls;
  words[VMXSIM_WORD_pin_based] = FIELD(vmx, pin_based_vm_execution_controls);
  words[VMXSIM_WORD_primary] = FIELD(vmx, primary_processor_based_vm_execution_controls);
  words[VMXSIM_WORD_vm_exit] = FIELD(vmx, vm_exit_controls);
  words[VMXSIM_WORD_vm_entry] = FIELD(vmx, vm_entry_controls);
  words[VMXSIM_WORD_secondary] = CONTROL(vmx, primary, activate_secondary_controls)
                                     ? FIELD(vmx, secondary_processor_based_vm_execution_controls)
                                     : 0;
  words[VMXSIM_WORD_tertiary] = CONTROL(vmx, primary, activate_tertiary_controls)
                                    ? FIELD(vmx, tertiary_processor_based_vm_execution_controls)
                                    : 0;
  words[VMXSIM_WORD_secondary_vm_exit] =
      CONTROL(vmx, vm_exit, activate_secondary_controls) ? FIELD(vmx, secondary_vm_exit_controls) : 0;
  words[VMXSIM_WORD_vm_function] = CONTROL(vmx, secondary, enable_vm_functions) ? FIELD(vmx, vm_function_controls) : 0;
}

unsigned vmx_cpl(const struct vmxsim_state *state) {
  if (!(state->cr0 & CR0_PE)) return 0;
  if (state->rflags & RFLAGS_VM) return 3;
  return AR_DPL_OF(state->segment[VMXSIM_SS].access_rights);
}

/* SDM 3D, "VMX-Fixed Bits in CR0", "VMX-Fixed Bits in CR4". */
bool vmx_cr_is_allowed(const struct vmxsim_capabilities *capabilities, unsigned cr, uint64_t value) {
  const uint64_t fixed0 = cr == 0 ? capabilities->ia32_vmx_cr0_fixed0 : capabilities->ia32_vmx_cr4_fixed0;
  const uint64_t fixed1 = cr == 0 ? capabilities->ia32_vmx_cr0_fixed1 : capabilities->ia32_vmx_cr4_fixed1;
  return (value & fixed0) == fixed0 && !(value & ~fixed1);
}
