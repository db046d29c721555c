/* CR0, CR3 and CR4 in VMX operation: guest/host masks, read shadows, CR3-target values, fixed bits.
 * SDM 3C, "Guest/Host Masks and Read Shadows for CR0 and CR4", "Changes to Instruction Behavior in VMX Non-Root
 * Operation". */
#include "cpu/vmx/internal.h"

static uint64_t mask(const struct vmxsim_vmx *vmx, unsigned cr) {
  return cr == 0 ? FIELD(vmx, cr0_guest_host_mask) : FIELD(vmx, cr4_guest_host_mask);
}

static uint64_t shadow(const struct vmxsim_vmx *vmx, unsigned cr) {
  return cr == 0 ? FIELD(vmx, cr0_read_shadow) : FIELD(vmx, cr4_read_shadow);
}

static uint64_t content(const struct vmxsim_vmx *vmx, unsigned cr) {
  return cr == 0 ? vmx->state->cr0 : vmx->state->cr4;
}

bool vmxsim_vmx_intercepts_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value) {
  return vmx->in_non_root && ((value ^ shadow(vmx, cr)) & mask(vmx, cr));
}

bool vmxsim_vmx_intercepts_clts(const struct vmxsim_vmx *vmx) {
  return vmx->in_non_root && (mask(vmx, 0) & shadow(vmx, 0) & CR0_TS);
}

/* LMSW changes bits 3:0 and never clears PE: only an attempt to set it counts. */
bool vmxsim_vmx_intercepts_lmsw(const struct vmxsim_vmx *vmx, uint16_t source) {
  if (!vmx->in_non_root) return false;
  const uint64_t owned = mask(vmx, 0), differs = source ^ shadow(vmx, 0);
  return (owned & differs & (CR0_MP | CR0_EM | CR0_TS)) || (owned & differs & source & CR0_PE);
}

bool vmxsim_vmx_intercepts_cr3(const struct vmxsim_vmx *vmx, uint64_t value) {
  if (!vmxsim_vmx_on(vmx, primary, cr3_load_exiting)) return false;
  for (unsigned n = 0; n < FIELD(vmx, cr3_target_count) && n < 4; n++) {
    if (vmx->vmcs.value[VMXSIM_FIELD_cr3_target_value_0 + n] == value) return false;
  }
  return true;
}

uint64_t vmxsim_vmx_read_cr(const struct vmxsim_vmx *vmx, unsigned cr) {
  if (!vmx->in_non_root) return content(vmx, cr);
  return (content(vmx, cr) & ~mask(vmx, cr)) | (shadow(vmx, cr) & mask(vmx, cr));
}

uint64_t vmxsim_vmx_written_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value) {
  if (!vmx->in_non_root) return value;
  return (value & ~mask(vmx, cr)) | (content(vmx, cr) & mask(vmx, cr));
}

/* "Unrestricted guest" frees CR0.PE and CR0.PG. */
bool vmxsim_vmx_allows_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value) {
  if (!vmx->in_vmx_operation) return true;
  const bool free = cr == 0 && vmxsim_vmx_on(vmx, secondary, unrestricted_guest);
  return vmx_cr_is_allowed(vmx->capabilities, cr, free ? value | CR0_PE | CR0_PG : value);
}
