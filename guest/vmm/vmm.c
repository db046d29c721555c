/* VMX operation of each processor. SDM 3C, "Enabling and Entering VMX Operation". */
#include "vmm/vmm.h"

#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "vmm/vmx.h"

enum { IA32_FEATURE_CONTROL = 0x3a, FEATURE_CONTROL_LOCK = 1, FEATURE_CONTROL_VMXON_OUTSIDE_SMX = 4 };

static struct vmm vmms[PROCESSORS_MAX];
static struct region vmxon_regions[PROCESSORS_MAX];

struct vmm *this_vmm(void) {
  return &vmms[this_processor()->index];
}

void region_initialize(struct region *region, const struct capabilities *capabilities) {
  memset(region, 0, sizeof *region);
  memcpy(region, &capabilities->revision, sizeof capabilities->revision);
}

/* A BIOS may have locked it, with VMXON allowed or not. */
static bool allow_vmxon(void) {
  const uint64_t wanted = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON_OUTSIDE_SMX;
  const uint64_t value = read_msr(IA32_FEATURE_CONTROL);
  if (!(value & FEATURE_CONTROL_LOCK)) write_msr(IA32_FEATURE_CONTROL, value | wanted);
  return (read_msr(IA32_FEATURE_CONTROL) & wanted) == wanted;
}

static void fix_control_registers(const struct capabilities *capabilities) {
  write_cr0((read_cr0() | (word)capabilities->cr0_fixed_0) & (word)capabilities->cr0_fixed_1);
  write_cr4((read_cr4() | (word)capabilities->cr4_fixed_0 | CR4_VMXE) & (word)capabilities->cr4_fixed_1);
}

static const char *start(struct vmm *vmm, struct region *region) {
  if (!allow_vmxon()) return "IA32_FEATURE_CONTROL is locked without VMXON";
  capabilities_read(&vmm->capabilities);
  if (vmm->capabilities.region_size > sizeof *region) return "a region is larger than a page";
  region_initialize(region, &vmm->capabilities);
  fix_control_registers(&vmm->capabilities);
  if (vmx_on((word)region) != VMX_SUCCEED) return "VMXON failed";
  return NULL;
}

bool vmm_start(void) {
  struct vmm *vmm = this_vmm();
  if (vmm->in_vmx_operation) return true;
  const char *failure = start(vmm, &vmxon_regions[this_processor()->index]);
  vmm->in_vmx_operation = !failure;
  if (failure) print("vmx: processor %u: %s\n", this_processor()->index, failure);
  return !failure;
}

void vmm_stop(void) {
  struct vmm *vmm = this_vmm();
  if (!vmm->in_vmx_operation) return;
  vmx_off();
  write_cr4(read_cr4() & ~(word)CR4_VMXE);
  vmm->in_vmx_operation = false;
}
