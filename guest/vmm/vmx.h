/* The VMX instructions, and what they come to. SDM 3C, "VMX Instruction Reference". */
#ifndef GUEST_VMM_VMX_H
#define GUEST_VMM_VMX_H

#include "kernel/types.h"

/* VMsucceed, VMfailInvalid (there is no current VMCS), VMfailValid (the VM-instruction error says why). */
enum vmx_result { VMX_SUCCEED, VMX_FAIL_INVALID, VMX_FAIL_VALID };

static inline enum vmx_result vmx_result(bool carry, bool zero) {
  return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;
}

/* The operand of these is a physical address in memory. */
static inline enum vmx_result vmx_on(uint64_t address) {
  bool carry, zero;
  __asm__ volatile("vmxon %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(address) : "memory");
  return vmx_result(carry, zero);
}

static inline enum vmx_result vmx_clear(uint64_t address) {
  bool carry, zero;
  __asm__ volatile("vmclear %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(address) : "memory");
  return vmx_result(carry, zero);
}

static inline enum vmx_result vmx_load(uint64_t address) {
  bool carry, zero;
  __asm__ volatile("vmptrld %2" : "=@ccc"(carry), "=@ccz"(zero) : "m"(address) : "memory");
  return vmx_result(carry, zero);
}

static inline enum vmx_result vmx_off(void) {
  bool carry, zero;
  __asm__ volatile("vmxoff" : "=@ccc"(carry), "=@ccz"(zero) : : "memory");
  return vmx_result(carry, zero);
}

static inline enum vmx_result vmx_write(word encoding, word value) {
  bool carry, zero;
  __asm__ volatile("vmwrite %2, %3" : "=@ccc"(carry), "=@ccz"(zero) : "r"(value), "r"(encoding));
  return vmx_result(carry, zero);
}

/* A field that is known to be there. */
static inline word vmx_read(word encoding) {
  word value;
  __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(encoding) : "cc");
  return value;
}

#endif
