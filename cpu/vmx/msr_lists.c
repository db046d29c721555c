/* The MSR lists of VM entry and VM exit (SDM 3C, "Loading MSRs", "Saving MSRs").
 *
 * What an entry must not name at all is here; what RDMSR and WRMSR refuse is the processor's to say. Of the VM-entry
 * MSR-load area, checks/catalog/msr_load.def has told before what it knows to be refused.
 */
#include "cpu/vmx/internal.h"

enum { ENTRY_BYTES = 16, DATA = 8 };

struct entry {
  uint64_t index; /* with the reserved bits 63:32 */
  uint64_t data;
};

static struct entry read_entry(const struct vmxsim_vmx *vmx, uint64_t address) {
  uint8_t bytes[ENTRY_BYTES];
  vmx->port->read_memory(vmx->context, address, bytes, sizeof bytes);
  return (struct entry){vmx_get_bytes(bytes, 8), vmx_get_bytes(bytes + DATA, 8)};
}

static bool is_x2apic(uint64_t index) {
  return index >> 8 == 8;
}

static bool may_be_loaded(const struct vmxsim_vmx *vmx, uint64_t index) {
  switch (index) {
  case MSR_IA32_FS_BASE:
  case MSR_IA32_GS_BASE:
  case MSR_IA32_BIOS_UPDT_TRIG:
  case MSR_IA32_BIOS_SIGN_ID: return false;
  case MSR_IA32_SMM_MONITOR_CTL: return vmx->state->in_smm;
  default: return index <= UINT32_MAX && !is_x2apic(index);
  }
}

static bool may_be_stored(const struct vmxsim_vmx *vmx, uint64_t index) {
  if (index == MSR_IA32_SMBASE) return vmx->state->in_smm;
  return index <= UINT32_MAX && !is_x2apic(index);
}

uint32_t vmx_load_msrs(struct vmxsim_vmx *vmx, uint64_t area, uint32_t count) {
  for (uint32_t number = 1; number <= count; number++, area += ENTRY_BYTES) {
    const struct entry entry = read_entry(vmx, area);
    if (!may_be_loaded(vmx, entry.index)) return number;
    if (!vmx->port->write_msr(vmx->context, (uint32_t)entry.index, entry.data)) return number;
  }
  return 0;
}

uint32_t vmx_store_msrs(struct vmxsim_vmx *vmx, uint64_t area, uint32_t count) {
  for (uint32_t number = 1; number <= count; number++, area += ENTRY_BYTES) {
    const struct entry entry = read_entry(vmx, area);
    uint64_t value;
    if (!may_be_stored(vmx, entry.index)) return number;
    if (!vmx->port->read_msr(vmx->context, (uint32_t)entry.index, &value)) return number;
    vmx_write_memory(vmx, area + DATA, value, 8);
  }
  return 0;
}
