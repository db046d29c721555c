/* Loading guest state on VM entry (SDM 3C, "Loading Guest State"). What a field does not cover stays as it was. */
#include "cpu/vmx/internal.h"

#define DR7_ALWAYS_0 (BITS(15, 14) | BIT(12))

static void load_control_registers(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  state->cr0 = (state->cr0 & CR0_NEVER_LOADED) | (FIELD(vmx, guest_cr0) & ~CR0_NEVER_LOADED);
  state->cr3 = FIELD(vmx, guest_cr3);
  state->cr4 = FIELD(vmx, guest_cr4);
}

static void load_debug_state(struct vmxsim_vmx *vmx) {
  if (!CONTROL(vmx, vm_entry, load_debug_controls)) return;
  vmx->state->dr7 = (FIELD(vmx, guest_dr7) & ~DR7_ALWAYS_0) | DR7_FIXED;
  vmx->state->debugctl = FIELD(vmx, guest_ia32_debugctl);
}

static void load_efer(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  if (CONTROL(vmx, vm_entry, load_ia32_efer)) {
    state->efer = FIELD(vmx, guest_ia32_efer);
    return;
  }
  if (!vmxsim_has_feature(vmx->capabilities, VMXSIM_FEATURE_intel64)) return;
  const uint64_t loaded = EFER_LMA | (state->cr0 & CR0_PG ? EFER_LME : 0);
  const uint64_t value = CONTROL(vmx, vm_entry, ia_32e_mode_guest) ? loaded : 0;
  state->efer = (state->efer & ~loaded) | value;
}

static void load_msrs(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  state->sysenter_cs = FIELD(vmx, guest_ia32_sysenter_cs);
  state->sysenter_esp = FIELD(vmx, guest_ia32_sysenter_esp);
  state->sysenter_eip = FIELD(vmx, guest_ia32_sysenter_eip);
  load_efer(vmx);
  if (CONTROL(vmx, vm_entry, load_ia32_pat)) state->pat = FIELD(vmx, guest_ia32_pat);
  if (CONTROL(vmx, vm_entry, load_pkrs)) state->pkrs = FIELD(vmx, guest_ia32_pkrs);
  if (CONTROL(vmx, vm_entry, load_ia32_spec_ctrl)) state->spec_ctrl = FIELD(vmx, guest_ia32_spec_ctrl);
  if (CONTROL(vmx, vm_entry, load_cet_state)) {
    state->s_cet = FIELD(vmx, guest_ia32_s_cet);
    state->interrupt_ssp_table = FIELD(vmx, guest_ia32_interrupt_ssp_table_addr);
    state->ssp = FIELD(vmx, guest_ssp);
  }
  vmx_load_guest_msrs(vmx);
}

/* What is defined of an unusable register. */
static void load_unusable(struct vmxsim_segment *segment, unsigned n) {
  switch (n) {
  case VMXSIM_SS:
    segment->base &= BITS(31, 4);
    segment->access_rights |= (uint32_t)AR_DB;
    break;
  case VMXSIM_DS:
  case VMXSIM_ES: segment->base &= BITS(31, 0); break;
  default: break;
  }
}

static void load_segments(struct vmxsim_vmx *vmx) {
  const uint64_t *const value = vmx->vmcs.value;
  for (unsigned n = 0; n < SEGMENT_REGISTERS; n++) {
    struct vmxsim_segment *segment = vmx_segment(vmx->state, n);
    segment->selector = (uint16_t)value[VMXSIM_FIELD_guest_es_selector + n];
    segment->limit = (uint32_t)value[VMXSIM_FIELD_guest_es_limit + n];
    segment->access_rights = (uint32_t)value[VMXSIM_FIELD_guest_es_access_rights + n];
    segment->base = value[VMXSIM_FIELD_guest_es_base + n];
    if (segment->access_rights & AR_UNUSABLE) load_unusable(segment, n);
  }
  vmx->state->gdtr.base = FIELD(vmx, guest_gdtr_base);
  vmx->state->gdtr.limit = (uint16_t)FIELD(vmx, guest_gdtr_limit);
  vmx->state->idtr.base = FIELD(vmx, guest_idtr_base);
  vmx->state->idtr.limit = (uint16_t)FIELD(vmx, guest_idtr_limit);
}

static void load_pdptes(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  if (!vmx_uses_pae_paging(state)) return;
  for (unsigned n = 0; n < 4; n++) {
    state->pdpte[n] = CONTROL(vmx, secondary, enable_ept)
                          ? vmx->vmcs.value[VMXSIM_FIELD_guest_pdpte0 + n]
                          : vmx_read_memory(vmx, (state->cr3 & CR3_PAE_TABLE) + 8 * (uint64_t)n, 8);
  }
}

static bool is_vectoring(uint64_t information) {
  return (information & EVENT_VALID) && EVENT_TYPE_OF(information) != VMXSIM_EVENT_OTHER;
}

/* SDM 3C, "Delivery of Pending Debug Exceptions after VM Entry": what injection or an inactive state loses. */
static uint64_t pending_debug_exceptions(const struct vmxsim_vmx *vmx, uint64_t information) {
  const uint64_t pending = FIELD(vmx, guest_pending_debug_exceptions);
  const uint64_t activity = FIELD(vmx, guest_activity_state);
  if (!is_vectoring(information)) {
    return activity == ACTIVITY_SHUTDOWN || activity == ACTIVITY_WAIT_FOR_SIPI ? 0 : pending;
  }
  const uint64_t type = EVENT_TYPE_OF(information);
  const bool is_software = type == VMXSIM_EVENT_SOFTWARE_INTERRUPT || type == VMXSIM_EVENT_SOFTWARE_EXCEPTION;
  return is_software && (FIELD(vmx, guest_interruptibility_state) & BLOCKING_BY_MOV_SS) ? pending : 0;
}

/* SDM 3C, "Interruptibility State", "Activity State". Blocking by SMI is as it was. */
static void load_non_register_state(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  const uint64_t blocking = FIELD(vmx, guest_interruptibility_state);
  const uint64_t information = FIELD(vmx, vm_entry_interruption_information);
  const bool vectoring = is_vectoring(information);
  state->blocking_by_sti = !vectoring && (blocking & BLOCKING_BY_STI);
  state->blocking_by_mov_ss = !vectoring && (blocking & BLOCKING_BY_MOV_SS);
  state->blocking_by_nmi = blocking & BLOCKING_BY_NMI;
  state->activity = vectoring ? VMXSIM_ACTIVE : (enum vmxsim_activity)FIELD(vmx, guest_activity_state);
  state->pending_debug = pending_debug_exceptions(vmx, information);
}

void vmx_load_guest(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  load_control_registers(vmx);
  load_debug_state(vmx);
  load_msrs(vmx);
  load_segments(vmx);
  state->rip = FIELD(vmx, guest_rip);
  state->gpr[VMXSIM_RSP] = FIELD(vmx, guest_rsp);
  state->rflags = FIELD(vmx, guest_rflags);
  load_pdptes(vmx);
  load_non_register_state(vmx);
}
