/* The VMX-preemption timer, and the time-stamp counter of the guest.
 *
 * The timer counts down by 1 every time that bit X of the TSC changes, X being IA32_VMX_MISC[4:0]. So its whole state
 * is the TSC at which it reaches 0. SDM 3C, "VMX-Preemption Timer".
 */
#include "cpu/vmx/internal.h"

static unsigned rate(const struct vmxsim_vmx *vmx) {
  return vmx->capabilities->ia32_vmx_misc & 0x1f;
}

void vmx_start_timer(struct vmxsim_vmx *vmx) {
  vmx->preemption_deadline = UINT64_MAX;
  if (!CONTROL(vmx, pin_based, activate_vmx_preemption_timer)) return;
  const uint64_t ticks = vmx->port->tsc(vmx->context) >> rate(vmx);
  vmx->preemption_deadline = (ticks + FIELD(vmx, vmx_preemption_timer_value)) << rate(vmx);
}

uint32_t vmx_timer_value(const struct vmxsim_vmx *vmx) {
  const uint64_t now = vmx->port->tsc(vmx->context);
  if (now >= vmx->preemption_deadline) return 0;
  return (uint32_t)((vmx->preemption_deadline >> rate(vmx)) - (now >> rate(vmx)));
}

void vmxsim_vmx_tsc_written(struct vmxsim_vmx *vmx, uint64_t before, uint64_t after) {
  if (vmx->preemption_deadline != UINT64_MAX) vmx->preemption_deadline += after - before;
  if (vmx->ple_last == VMX_NO_PAUSE) return;
  vmx->ple_first += after - before;
  vmx->ple_last += after - before;
}

/* SDM 3C, "Changes to Instruction Behavior in VMX Non-Root Operation": RDTSC; TPAUSE. */
__extension__ typedef unsigned __int128 wide;

static bool is_scaled(const struct vmxsim_vmx *vmx) {
  return vmxsim_vmx_on(vmx, primary, use_tsc_offsetting) && vmxsim_vmx_on(vmx, secondary, use_tsc_scaling);
}

uint64_t vmxsim_vmx_guest_tsc(const struct vmxsim_vmx *vmx, uint64_t tsc) {
  if (!vmxsim_vmx_on(vmx, primary, use_tsc_offsetting)) return tsc;
  if (is_scaled(vmx)) tsc = (uint64_t)((wide)tsc * FIELD(vmx, tsc_multiplier) >> 48);
  return tsc + FIELD(vmx, tsc_offset);
}

/* virtual_delay * 2^48 / multiplier, at most UINT64_MAX. By hand, because freestanding code has no division of 128
 * bits. */
uint64_t vmxsim_vmx_physical_delay(const struct vmxsim_vmx *vmx, uint64_t virtual_delay) {
  const uint64_t multiplier = FIELD(vmx, tsc_multiplier);
  if (!is_scaled(vmx) || !multiplier) return virtual_delay;
  uint64_t delay = virtual_delay / multiplier;
  wide rest = virtual_delay % multiplier;
  for (unsigned bit = 0; bit < 48; bit++) {
    if (delay >> 63) return UINT64_MAX;
    rest <<= 1;
    delay = delay << 1 | (rest >= multiplier);
    if (rest >= multiplier) rest -= multiplier;
  }
  return delay;
}
