/* What the capabilities of a real processor name and this one does not do: performance counters, MPX,
 * architectural LBRs, user interrupts, FRED, LASS, bus-lock exceptions, transactional memory, branch traces by CPL,
 * Processor Trace in VMX operation. CPUID never shows them (cpuid_features.def), so their controls, their bits of CR4
 * and of MSRs go, too: RDMSR and VM entries agree with CPUID. */
#include <string.h>

#include "cpu/exec/system.h"
#include "vmcs/architecture.h"

static const char *const missing[] = {
    "-mpx",
    "-arch_lbr",
    "-uintr",
    "-fred",
    "-lass",
    "-perf_metrics",
    "-hybrid",
    "-bus_lock_detect",
    "-pdcm",
    "-freeze_in_smm",
    "-rtm",
    "-tsx_ctrl",
    "general_counters=0",
    "fixed_counters=0",
    "-secondary.conceal_vmx_from_pt",
    "-vm_exit.load_ia32_perf_global_ctrl",
    "-vm_exit.clear_ia32_bndcfgs",
    "-vm_exit.conceal_vmx_from_pt",
    "-vm_exit.clear_ia32_rtit_ctl",
    "-vm_exit.clear_ia32_lbr_ctl",
    "-vm_exit.save_ia32_perf_global_ctrl",
    "-vm_entry.load_ia32_perf_global_ctrl",
    "-vm_entry.load_ia32_bndcfgs",
    "-vm_entry.conceal_vmx_from_pt",
    "-vm_entry.load_ia32_rtit_ctl",
    "-vm_entry.load_guest_ia32_lbr_ctl",
};

/* Of DS-CPL, which the capabilities do not name apart from DS. */
#define DEBUGCTL_BTS_OFF BITS(10, 9)

void system_limit_processor(struct vmxsim_capabilities *capabilities) {
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    (void)vmxsim_capabilities_change(capabilities, missing[i],
                                     strlen(missing[i])); /* fails where it is clear already */
  }
  capabilities->ia32_vmx_misc &= ~VMX_MISC_PT;
  vmxsim_capabilities_derive(capabilities);
  capabilities->debugctl_supported &= ~DEBUGCTL_BTS_OFF;
}
