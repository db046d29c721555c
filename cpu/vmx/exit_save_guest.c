/* Saving guest state on VM exit (SDM 3C, "Saving Guest State"). */
#include "cpu/vmx/internal.h"

#define PENDING_DEBUG_DEFINED \
  (DR6_BREAKPOINTS | PENDING_DEBUG_BLD | PENDING_DEBUG_ENABLED_BREAKPOINT | PENDING_DEBUG_BS | PENDING_DEBUG_RTM)

static void save_control_registers(struct vmxsim_vmx *vmx) {
  const struct vmxsim_state *state = vmx->state;
  SET_FIELD(vmx, guest_cr0, state->cr0);
  SET_FIELD(vmx, guest_cr3, state->cr3);
  SET_FIELD(vmx, guest_cr4, state->cr4);
  if (!CONTROL(vmx, vm_exit, save_debug_controls)) return;
  SET_FIELD(vmx, guest_dr7, state->dr7);
  SET_FIELD(vmx, guest_ia32_debugctl, state->debugctl);
}

static void save_msrs(struct vmxsim_vmx *vmx) {
  const struct vmxsim_state *state = vmx->state;
  SET_FIELD(vmx, guest_ia32_sysenter_cs, state->sysenter_cs & UINT32_MAX);
  SET_FIELD(vmx, guest_ia32_sysenter_esp, state->sysenter_esp);
  SET_FIELD(vmx, guest_ia32_sysenter_eip, state->sysenter_eip);
  if (CONTROL(vmx, vm_exit, save_ia32_pat)) SET_FIELD(vmx, guest_ia32_pat, state->pat);
  if (CONTROL(vmx, vm_exit, save_ia32_efer)) SET_FIELD(vmx, guest_ia32_efer, state->efer);
  if (SUPPORTS(vmx, vm_entry, load_pkrs)) SET_FIELD(vmx, guest_ia32_pkrs, state->pkrs);
  if (SUPPORTS(vmx, vm_entry, load_ia32_spec_ctrl)) SET_FIELD(vmx, guest_ia32_spec_ctrl, state->spec_ctrl);
  if (SUPPORTS(vmx, vm_entry, load_cet_state)) {
    SET_FIELD(vmx, guest_ia32_s_cet, state->s_cet);
    SET_FIELD(vmx, guest_ia32_interrupt_ssp_table_addr, state->interrupt_ssp_table);
    SET_FIELD(vmx, guest_ssp, state->ssp);
  }
  vmx_save_guest_msrs(vmx);
}

/* The control follows the mode in which the guest was left (SDM 3C, "VM-Entry Controls"). */
static void save_mode(struct vmxsim_vmx *vmx) {
  const uint64_t bit = BIT(VMXSIM_BIT_vm_entry_ia_32e_mode_guest);
  if (!vmxsim_has_feature(vmx->capabilities, VMXSIM_FEATURE_intel64)) return;
  SET_FIELD(vmx, vm_entry_controls, (FIELD(vmx, vm_entry_controls) & ~bit) | (vmx->state->efer & EFER_LMA ? bit : 0));
}

/* The bases of SS, DS and ES have 32 bits, also where the register is unusable. */
static void save_segments(struct vmxsim_vmx *vmx) {
  for (unsigned n = 0; n < SEGMENT_REGISTERS; n++) {
    const struct vmxsim_segment *segment = vmx_segment(vmx->state, n);
    const uint64_t rights = segment->access_rights & ~(AR_RESERVED_LOW | AR_RESERVED_HIGH);
    const bool narrow = n == VMXSIM_SS || n == VMXSIM_DS || n == VMXSIM_ES;
    vmx_set_field(vmx, VMXSIM_FIELD_guest_es_selector + n, segment->selector);
    vmx_set_field(vmx, VMXSIM_FIELD_guest_es_limit + n, segment->limit);
    vmx_set_field(vmx, VMXSIM_FIELD_guest_es_access_rights + n, rights);
    vmx_set_field(vmx, VMXSIM_FIELD_guest_es_base + n, narrow ? segment->base & UINT32_MAX : segment->base);
  }
  SET_FIELD(vmx, guest_gdtr_base, vmx->state->gdtr.base);
  SET_FIELD(vmx, guest_gdtr_limit, vmx->state->gdtr.limit);
  SET_FIELD(vmx, guest_idtr_base, vmx->state->idtr.base);
  SET_FIELD(vmx, guest_idtr_limit, vmx->state->idtr.limit);
}

/* No rule reads the arithmetic flags: where nothing else of RFLAGS changes there is nothing to evaluate again. */
static void save_rflags(struct vmxsim_vmx *vmx, uint64_t rflags) {
  if ((FIELD(vmx, guest_rflags) ^ rflags) & ~RFLAGS_ARITHMETIC) SET_FIELD(vmx, guest_rflags, rflags);
  FIELD(vmx, guest_rflags) = rflags;
}

static void save_rip_rsp_rflags(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  uint64_t rflags = vmx->state->rflags;
  if (exit->saved_rf != VMXSIM_RF_UNCHANGED) rflags &= ~RFLAGS_RF;
  if (exit->saved_rf == VMXSIM_RF_1) rflags |= RFLAGS_RF;
  SET_FIELD(vmx, guest_rip, vmx->state->rip);
  SET_FIELD(vmx, guest_rsp, vmx->state->gpr[VMXSIM_RSP]);
  save_rflags(vmx, rflags);
}

static bool is_exception(const struct vmxsim_vmx_exit *exit, unsigned vector) {
  return exit->reason == VMXSIM_EXIT_exception_or_nmi && exit->event.type == VMXSIM_EVENT_HARDWARE_EXCEPTION &&
         exit->event.vector == vector;
}

/* Exits that come between a debug exception and its delivery. */
static bool leaves_debug_exceptions_pending(const struct vmxsim_vmx_exit *exit) {
  switch (exit->reason) {
  case VMXSIM_EXIT_init_signal:
  case VMXSIM_EXIT_io_smi:
  case VMXSIM_EXIT_other_smi:
  case VMXSIM_EXIT_tpr_below_threshold:
  case VMXSIM_EXIT_virtualized_eoi:
  case VMXSIM_EXIT_apic_write:
  case VMXSIM_EXIT_monitor_trap_flag:
  case VMXSIM_EXIT_bus_lock: return true;
  default: return is_exception(exit, VECTOR_MC);
  }
}

/* With blocking by MOV SS, bit 14 (BS) is saved as the next VM entry requires it: by RFLAGS.TF and BTF. */
static uint64_t pending_debug_exceptions(const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const struct vmxsim_state *state = vmx->state;
  const uint64_t pending = state->pending_debug & PENDING_DEBUG_DEFINED;
  const bool single_step = (state->rflags & RFLAGS_TF) && !(state->debugctl & DEBUGCTL_BTF);
  if (state->blocking_by_mov_ss && !is_exception(exit, VECTOR_DB)) {
    return (pending & ~PENDING_DEBUG_BS) | (single_step ? PENDING_DEBUG_BS : 0);
  }
  return leaves_debug_exceptions_pending(exit) ? pending : 0;
}

/* Blocking by SMI is saved as 0; MWAIT is no activity state of the VMCS. */
static void save_non_register_state(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  const struct vmxsim_state *state = vmx->state;
  const uint64_t blocking = (state->blocking_by_sti ? BLOCKING_BY_STI : 0) |
                            (state->blocking_by_mov_ss ? BLOCKING_BY_MOV_SS : 0) |
                            (state->blocking_by_nmi ? BLOCKING_BY_NMI : 0);
  SET_FIELD(vmx, guest_interruptibility_state, blocking);
  SET_FIELD(vmx, guest_activity_state, state->activity == VMXSIM_MWAIT ? VMXSIM_ACTIVE : state->activity);
  SET_FIELD(vmx, guest_pending_debug_exceptions, pending_debug_exceptions(vmx, exit));
  if (CONTROL(vmx, vm_exit, save_vmx_preemption_timer_value)) {
    SET_FIELD(vmx, vmx_preemption_timer_value, vmx_timer_value(vmx));
  }
  if (!CONTROL(vmx, secondary, enable_ept) || !vmx_uses_pae_paging(state)) return;
  for (unsigned n = 0; n < 4; n++) vmx_set_field(vmx, VMXSIM_FIELD_guest_pdpte0 + n, state->pdpte[n]);
}

void vmx_save_guest(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit) {
  save_control_registers(vmx);
  save_msrs(vmx);
  save_mode(vmx);
  save_segments(vmx);
  save_rip_rsp_rflags(vmx, exit);
  save_non_register_state(vmx, exit);
}
