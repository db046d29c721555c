/* MSRs that RDMSR and WRMSR treat in another way in VMX non-root operation: IA32_SPEC_CTRL, which the VMCS can have a
 * shadow of, and the TSC, which RDMSR reads as RDTSC does (timer.c).
 *
 * SDM 3C, "Changes to Instruction Behavior in VMX Non-Root Operation".
 */
#include "cpu/vmx/internal.h"

static bool is_virtual_spec_ctrl(const struct vmxsim_vmx *vmx, uint32_t msr) {
  return msr == MSR_IA32_SPEC_CTRL && vmxsim_vmx_on(vmx, tertiary, virtualize_ia32_spec_ctrl);
}

uint64_t vmxsim_vmx_read_msr(const struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value) {
  if (msr == MSR_IA32_TIME_STAMP_COUNTER) return vmxsim_vmx_guest_tsc(vmx, value);
  return is_virtual_spec_ctrl(vmx, msr) ? FIELD(vmx, ia32_spec_ctrl_shadow) : value;
}

/* What the mask has stays as it is. */
uint64_t vmxsim_vmx_written_msr(const struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value) {
  if (!is_virtual_spec_ctrl(vmx, msr)) return value;
  const uint64_t mask = FIELD(vmx, ia32_spec_ctrl_mask);
  return (value & ~mask) | (vmx->state->spec_ctrl & mask);
}

void vmxsim_vmx_msr_written(struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value) {
  if (is_virtual_spec_ctrl(vmx, msr)) SET_FIELD(vmx, ia32_spec_ctrl_shadow, value);
}
