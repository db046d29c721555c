/* CR8 with "use TPR shadow": the virtual TPR (VTPR) in the virtual-APIC page. SDM 3C, "TPR Virtualization",
 * "Virtualizing CR8-Based TPR Accesses". */
#include "cpu/apic/apic.h"
#include "cpu/exec/vmx.h"
#include "cpu/mmu/mmu.h"

enum { VTPR = 0x80, CLASS_SHIFT = 4 };

static uint64_t field(const struct vcpu *v, vmxsim_field name) {
  return v->vmx.vmcs.value[name];
}

static bool is_shadowed(const struct vcpu *v) {
  return vmxsim_vmx_on(&v->vmx, primary, use_tpr_shadow);
}

uint64_t exec_tpr_read(const struct vcpu *v) {
  uint8_t vtpr;
  if (!is_shadowed(v)) return apic_tpr(v->apic);
  physical_read(v->mmu->memory, field(v, VMXSIM_FIELD_virtual_apic_address) + VTPR, &vtpr, 1);
  return vtpr >> CLASS_SHIFT;
}

/* The rest of the register becomes 0. A VM exit for the threshold comes after the instruction. */
void exec_tpr_write(struct vcpu *v, uint64_t priority_class) {
  vcpu_attend(v, ATTENTION_BOUNDARY);
  if (!is_shadowed(v)) return apic_set_tpr(v->apic, priority_class);
  const uint8_t vtpr[4] = {(uint8_t)(priority_class << CLASS_SHIFT)};
  physical_write(v->mmu->memory, field(v, VMXSIM_FIELD_virtual_apic_address) + VTPR, vtpr, sizeof vtpr);
  v->tpr_below_threshold = priority_class < (field(v, VMXSIM_FIELD_tpr_threshold) & 15);
}
