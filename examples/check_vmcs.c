/* Builds a VMCS, asks which rules of a VM entry it breaks, and walks the report. */
#include <stdio.h>

#include "vmxsim/vmxsim.h"

int main(void) {
  /* The processor: a profile, with changes if need be. */
  struct vmxsim_capabilities processor;
  const char spec[] = "skylake-server,-use_tsc_scaling,+sgx";
  if (vmxsim_capabilities_from_spec(&processor, spec, sizeof spec - 1, NULL) != VMXSIM_OK) return 1;
  const struct vmxsim_capabilities *processors[] = {&processor};

  /* A VMCS that is in order, and the state of a processor that is about to enter it; then two mistakes. */
  const struct vmxsim_template *base = vmxsim_template_find("long-mode", 9);
  if (!base) return 1;
  struct vmxsim_vmcs vmcs = base->vmcs;
  vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_guest_cr0, 0x80000030);                 /* paging without protection */
  vmxsim_vmwrite(&vmcs, &processor, VMXSIM_ENCODING_guest_rflags, 64, 0x200); /* bit 1 is not set */

  const struct vmxsim_check_input input = {
      .vmcs = &vmcs, .state = &base->state, .capabilities = processors, .capabilities_count = 1};
  struct vmxsim_verdict verdict;
  vmxsim_check_all(&input, &verdict);

  char text[1000];
  const struct vmxsim_outcome outcome = vmxsim_verdict_outcome(&verdict);
  vmxsim_outcome_text(&outcome, text, sizeof text);
  printf("%s\n", text);

  vmxsim_check check = vmxsim_next_broken(&verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(&verdict, check + 1)) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    vmxsim_check_message(&input, check, text, sizeof text);
    printf("%s\n  %s\n  SDM 3C, \"%s\"\n", info.id, text, info.section);
    vmxsim_check_hint(&input, check, text, sizeof text);
    printf("  %s\n", text);
  }
  return 0;
}
