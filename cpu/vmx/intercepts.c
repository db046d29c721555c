/* Would this cause a VM exit? Exceptions, I/O, MSRs, PAUSE: what is more than the bit of a control.
 * Control registers are intercepts_cr.c's. SDM 3C, "Instructions That Cause VM Exits", "Other Causes of VM Exits". */
#include "cpu/vmx/internal.h"

bool vmxsim_vmx_intercepts_exception(const struct vmxsim_vmx *vmx, unsigned vector, uint32_t error_code) {
  if (!vmx->in_non_root) return false;
  const bool bit = (FIELD(vmx, exception_bitmap) >> vector) & 1;
  if (vector != VECTOR_PF) return bit;
  const bool match = (error_code & FIELD(vmx, page_fault_error_code_mask)) == FIELD(vmx, page_fault_error_code_match);
  return match == bit;
}

static bool bit_in_memory(const struct vmxsim_vmx *vmx, uint64_t bitmap, uint32_t bit) {
  return (vmx_read_memory(vmx, bitmap + bit / 8, 1) >> (bit % 8)) & 1;
}

/* Bitmap A has ports 0 to 7FFFH, B the rest. An access that goes beyond FFFFH causes an exit. */
static bool io_bitmaps_intercept(const struct vmxsim_vmx *vmx, uint32_t port, unsigned bytes) {
  const uint32_t half = 0x8000;
  if (port + bytes > 0x10000) return true;
  for (; bytes; bytes--, port++) {
    const uint64_t bitmap = port < half ? FIELD(vmx, io_bitmap_a_address) : FIELD(vmx, io_bitmap_b_address);
    if (bit_in_memory(vmx, bitmap, port % half)) return true;
  }
  return false;
}

bool vmxsim_vmx_intercepts_io(const struct vmxsim_vmx *vmx, uint16_t port, unsigned bytes) {
  if (vmxsim_vmx_on(vmx, primary, use_io_bitmaps)) return io_bitmaps_intercept(vmx, port, bytes);
  return vmxsim_vmx_on(vmx, primary, unconditional_io_exiting);
}

/* Four bitmaps of 1 KByte: reads of low and of high MSRs, writes of low and of high ones. */
bool vmxsim_vmx_intercepts_msr(const struct vmxsim_vmx *vmx, uint32_t msr, bool is_write) {
  const uint32_t msrs = 0x2000, high = 0xc0000000;
  if (!vmx->in_non_root) return false;
  if (!vmxsim_vmx_on(vmx, primary, use_msr_bitmaps)) return true;
  const bool is_high = msr >= high;
  const uint32_t bit = is_high ? msr - high : msr;
  if (bit >= msrs) return true;
  return bit_in_memory(vmx, FIELD(vmx, msr_bitmap_address) + (is_write ? 0x800 : 0) + (is_high ? 0x400 : 0), bit);
}

/* A PAUSE more than PLE_Gap after the one before begins a loop; one more than PLE_Window after the beginning exits. */
static bool loop_intercepts(struct vmxsim_vmx *vmx) {
  const uint64_t now = vmx->port->tsc(vmx->context);
  const bool first = vmx->ple_last == VMX_NO_PAUSE || now - vmx->ple_last > FIELD(vmx, ple_gap);
  vmx->ple_last = now;
  if (first) vmx->ple_first = now;
  return now - vmx->ple_first > FIELD(vmx, ple_window);
}

bool vmxsim_vmx_intercepts_pause(struct vmxsim_vmx *vmx) {
  if (vmxsim_vmx_on(vmx, primary, pause_exiting)) return true;
  if (!vmxsim_vmx_on(vmx, secondary, pause_loop_exiting) || vmx_cpl(vmx->state) > 0) return false;
  return loop_intercepts(vmx);
}
