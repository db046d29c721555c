/* The checks as 32-bit code: the same verdicts as everywhere. */
#include <stdio.h>
#include <string.h>

#include "vmxsim/capabilities.h"
#include "vmxsim/checks.h"
#include "vmxsim/templates.h"

static bool zero_memory(void *context, uint64_t address, void *bytes, size_t size) {
  (void)context, (void)address;
  memset(bytes, 0, size);
  return true;
}

int main(void) {
  unsigned failed = 0;
  const struct vmxsim_capabilities *capabilities = &vmxsim_profile_find("max", 3)->capabilities;
  for (size_t i = 0; i < vmxsim_template_count(); i++) {
    const struct vmxsim_template *base = vmxsim_template_at(i);
    struct vmxsim_vmcs vmcs = base->vmcs;
    struct vmxsim_verdict verdict;
    const struct vmxsim_check_input input = {&vmcs, &base->state, &capabilities, 1, zero_memory, NULL};
    vmxsim_check_all(&input, &verdict);
    failed += verdict.broken_groups != 0 && strcmp(base->name, "smm") != 0;
    vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_host_cs_selector, 0x13);
    vmxsim_check_all(&input, &verdict);
    failed += !vmxsim_is_broken(&verdict, vmxsim_check_find("host.cs.selector-rpl", 20));
  }
  printf("%u templates, %u failed\n", (unsigned)vmxsim_template_count(), failed);
  return failed != 0;
}
