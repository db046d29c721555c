/* Loading host state on VM exit (SDM 3C, "Loading Host State"). The host-state area passed the checks of the VM entry:
 * addresses are canonical and CR0 and CR4 as VMX operation fixes them. */
#include "cpu/vmx/internal.h"

#define CODE_RIGHTS (AR_P | AR_S | AR_G | 11)        /* execute/read, accessed */
#define DATA_RIGHTS (AR_P | AR_S | AR_G | AR_DB | 3) /* read/write, accessed */
#define TSS_RIGHTS (AR_P | 11)                       /* busy 32-bit TSS */

static void load_control_registers(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  state->cr0 = (state->cr0 & CR0_NEVER_LOADED) | (FIELD(vmx, host_cr0) & ~CR0_NEVER_LOADED);
  state->cr3 = FIELD(vmx, host_cr3);
  state->cr4 = FIELD(vmx, host_cr4);
  if (CONTROL(vmx, vm_exit, host_address_space_size)) {
    state->cr4 |= CR4_PAE;
  } else {
    state->cr4 &= ~CR4_PCIDE;
  }
  state->dr7 = DR7_FIXED;
}

static void load_efer(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  const uint64_t mode = EFER_LMA | EFER_LME;
  if (CONTROL(vmx, vm_exit, load_ia32_efer)) state->efer = FIELD(vmx, host_ia32_efer);
  if (!vmxsim_has_feature(vmx->capabilities, VMXSIM_FEATURE_intel64)) return;
  state->efer = (state->efer & ~mode) | (CONTROL(vmx, vm_exit, host_address_space_size) ? mode : 0);
}

static void load_msrs(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  state->debugctl = 0;
  state->sysenter_cs = FIELD(vmx, host_ia32_sysenter_cs);
  state->sysenter_esp = FIELD(vmx, host_ia32_sysenter_esp);
  state->sysenter_eip = FIELD(vmx, host_ia32_sysenter_eip);
  load_efer(vmx);
  if (CONTROL(vmx, vm_exit, load_ia32_pat)) state->pat = FIELD(vmx, host_ia32_pat);
  if (CONTROL(vmx, vm_exit, load_pkrs)) state->pkrs = FIELD(vmx, host_ia32_pkrs);
  if (CONTROL(vmx, secondary_vm_exit, load_ia32_spec_ctrl)) state->spec_ctrl = FIELD(vmx, host_ia32_spec_ctrl);
  if (CONTROL(vmx, vm_exit, load_cet_state)) {
    state->s_cet = FIELD(vmx, host_ia32_s_cet);
    state->interrupt_ssp_table = FIELD(vmx, host_ia32_interrupt_ssp_table_addr);
    state->ssp = FIELD(vmx, host_ssp);
  }
  vmx_load_host_msrs(vmx);
}

/* SS to GS: a null selector makes them unusable. */
static struct vmxsim_segment data_segment(uint64_t selector, uint64_t base) {
  return (struct vmxsim_segment){
      .selector = (uint16_t)selector,
      .limit = UINT32_MAX,
      .access_rights = (uint32_t)(DATA_RIGHTS | (selector ? 0 : AR_UNUSABLE)),
      .base = base,
  };
}

static void load_segments(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  const uint64_t mode = CONTROL(vmx, vm_exit, host_address_space_size) ? AR_L : AR_DB;
  state->segment[VMXSIM_CS] = (struct vmxsim_segment){
      .selector = (uint16_t)FIELD(vmx, host_cs_selector),
      .limit = UINT32_MAX,
      .access_rights = (uint32_t)(CODE_RIGHTS | mode),
  };
  state->segment[VMXSIM_SS] = data_segment(FIELD(vmx, host_ss_selector), 0);
  state->segment[VMXSIM_DS] = data_segment(FIELD(vmx, host_ds_selector), 0);
  state->segment[VMXSIM_ES] = data_segment(FIELD(vmx, host_es_selector), 0);
  state->segment[VMXSIM_FS] = data_segment(FIELD(vmx, host_fs_selector), FIELD(vmx, host_fs_base));
  state->segment[VMXSIM_GS] = data_segment(FIELD(vmx, host_gs_selector), FIELD(vmx, host_gs_base));
  state->tr = (struct vmxsim_segment){
      .selector = (uint16_t)FIELD(vmx, host_tr_selector),
      .limit = 0x67,
      .access_rights = (uint32_t)TSS_RIGHTS,
      .base = FIELD(vmx, host_tr_base),
  };
  state->ldtr = (struct vmxsim_segment){.access_rights = (uint32_t)AR_UNUSABLE};
  state->gdtr = (struct vmxsim_table_register){.base = FIELD(vmx, host_gdtr_base), .limit = UINT16_MAX};
  state->idtr = (struct vmxsim_table_register){.base = FIELD(vmx, host_idtr_base), .limit = UINT16_MAX};
}

static bool load_pdptes(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  const uint64_t reserved = PDPTE_RESERVED | vmx->capabilities->beyond_physical;
  if (!vmx_uses_pae_paging(state)) return true;
  for (unsigned n = 0; n < 4; n++) {
    const uint64_t pdpte = vmx_read_memory(vmx, (state->cr3 & CR3_PAE_TABLE) + 8 * (uint64_t)n, 8);
    if ((pdpte & PDPTE_P) && (pdpte & reserved)) return false;
    state->pdpte[n] = pdpte;
  }
  return true;
}

/* Blocking by NMI is exit.c's. */
static void load_non_register_state(struct vmxsim_state *state) {
  state->activity = VMXSIM_ACTIVE;
  state->blocking_by_sti = state->blocking_by_mov_ss = false;
  state->pending_debug = 0;
}

bool vmx_load_host(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  load_control_registers(vmx);
  load_msrs(vmx);
  load_segments(vmx);
  state->rip = FIELD(vmx, host_rip);
  state->gpr[VMXSIM_RSP] = FIELD(vmx, host_rsp);
  state->rflags = RFLAGS_ALWAYS_1;
  load_non_register_state(state);
  return load_pdptes(vmx);
}
