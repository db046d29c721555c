/* SMIs and RSM under the default treatment: SMM is outside VMX operation, and RSM returns to it.
 *
 * The decoded VMCS, its pointer and the controls stay where they are meanwhile; VMX instructions are undefined in SMM.
 * SDM 3C, "Default Treatment of SMI Delivery", "Default Treatment of RSM".
 */
#include "cpu/vmx/internal.h"

void vmxsim_vmx_enter_smm(struct vmxsim_vmx *vmx) {
  struct vmxsim_state *state = vmx->state;
  vmx->before_smm = (struct vmxsim_vmx_before_smm){
      .cr4_vmxe = state->cr4 & CR4_VMXE,
      .in_vmx_operation = vmx->in_vmx_operation,
      .in_non_root = vmx->in_non_root,
      .ss_dpl = (uint8_t)AR_DPL_OF(state->segment[VMXSIM_SS].access_rights),
      .rflags_vm = state->rflags & RFLAGS_VM,
      .blocking_by_sti = state->blocking_by_sti,
      .blocking_by_mov_ss = state->blocking_by_mov_ss,
      .virtual_nmi_blocking = state->blocking_by_nmi && vmxsim_vmx_on(vmx, pin_based, virtual_nmis),
      .mtf_pending = vmx->mtf_pending,
  };
  state->blocking_by_nmi = vmxsim_vmx_nmis_blocked(vmx);
  state->cr4 &= ~CR4_VMXE;
  vmx->in_vmx_operation = vmx->in_non_root = false;
  vmx->mtf_pending = false;
}

static void restore_critical_state(struct vmxsim_vmx *vmx) {
  const struct vmxsim_vmx_before_smm *before = &vmx->before_smm;
  struct vmxsim_state *state = vmx->state;
  struct vmxsim_segment *ss = &state->segment[VMXSIM_SS];
  ss->access_rights = (uint32_t)((ss->access_rights & ~AR_DPL) | (uint64_t)before->ss_dpl << 5);
  state->rflags = (state->rflags & ~RFLAGS_VM) | (before->rflags_vm ? RFLAGS_VM : 0);
  state->blocking_by_sti = before->blocking_by_sti;
  state->blocking_by_mov_ss = before->blocking_by_mov_ss;
  if (vmxsim_vmx_on(vmx, pin_based, virtual_nmis)) state->blocking_by_nmi = before->virtual_nmi_blocking;
  vmx->mtf_pending = before->mtf_pending;
}

static uint64_t fixed(uint64_t value, uint64_t fixed0, uint64_t fixed1) {
  return (value | fixed0) & fixed1;
}

static void fix_control_registers(struct vmxsim_vmx *vmx) {
  const struct vmxsim_capabilities *c = vmx->capabilities;
  const uint64_t free = vmxsim_vmx_on(vmx, secondary, unrestricted_guest) ? CR0_PE | CR0_PG : 0;
  vmx->state->cr0 = fixed(vmx->state->cr0, c->ia32_vmx_cr0_fixed0 & ~free, c->ia32_vmx_cr0_fixed1);
  vmx->state->cr4 = fixed(vmx->state->cr4, c->ia32_vmx_cr4_fixed0, c->ia32_vmx_cr4_fixed1);
}

static void fix_selectors(struct vmxsim_vmx *vmx) {
  struct vmxsim_segment *cs = &vmx->state->segment[VMXSIM_CS], *ss = &vmx->state->segment[VMXSIM_SS];
  if (vmx->before_smm.rflags_vm || vmxsim_vmx_on(vmx, secondary, unrestricted_guest)) return;
  cs->selector = (uint16_t)((cs->selector & ~SELECTOR_RPL) | vmx->before_smm.ss_dpl);
  ss->selector = (uint16_t)((ss->selector & ~SELECTOR_RPL) | vmx->before_smm.ss_dpl);
}

void vmxsim_vmx_leave_smm(struct vmxsim_vmx *vmx) {
  const struct vmxsim_vmx_before_smm *before = &vmx->before_smm;
  if (before->cr4_vmxe) vmx->state->cr4 |= CR4_VMXE;
  if (!before->in_vmx_operation) return;
  vmx->in_vmx_operation = true;
  vmx->in_non_root = before->in_non_root;
  restore_critical_state(vmx);
  fix_control_registers(vmx);
  fix_selectors(vmx);
}
