/* MSRs that VM entry and VM exit load and save and that are not in vmxsim_state. They go through the port; one that the
 * processor around does not have is left out. */
#include "cpu/vmx/internal.h"

#define FRED_MSRS(X) \
  X(MSR_IA32_FRED_CONFIG, ia32_fred_config) \
  X(MSR_IA32_FRED_RSP1, ia32_fred_rsp1) \
  X(MSR_IA32_FRED_RSP2, ia32_fred_rsp2) \
  X(MSR_IA32_FRED_RSP3, ia32_fred_rsp3) \
  X(MSR_IA32_FRED_STKLVLS, ia32_fred_stklvls) \
  X(MSR_IA32_FRED_SSP1, ia32_fred_ssp1) \
  X(MSR_IA32_FRED_SSP2, ia32_fred_ssp2) \
  X(MSR_IA32_FRED_SSP3, ia32_fred_ssp3)

struct msr_of_field {
  uint32_t msr;
  vmxsim_field field;
  uint8_t bit; /* the control, in a word that the user of the table names */
};
#define ENTRIES_OF(table) (sizeof(table) / sizeof *(table))

/* UINV is bits 39:32 of IA32_UINTR_MISC. */
#define UINV_SHIFT 32
#define UINV BITS(39, 32)

static void write(struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value) {
  (void)vmx->port->write_msr(vmx->context, msr, value);
}

static uint64_t read(const struct vmxsim_vmx *vmx, uint32_t msr) {
  uint64_t value = 0;
  return vmx->port->read_msr(vmx->context, msr, &value) ? value : 0;
}

uint64_t vmx_read_usual_msr(struct vmxsim_vmx *vmx, enum vmx_usual_msr which) {
  static const uint32_t usual[] = {
      [USUAL_BNDCFGS] = MSR_IA32_BNDCFGS,
      [USUAL_LBR_CTL] = MSR_IA32_LBR_CTL,
      [USUAL_RTIT_CTL] = MSR_IA32_RTIT_CTL,
      [USUAL_UINTR_MISC] = MSR_IA32_UINTR_MISC,
  };
  uint64_t value = 0;
  if ((vmx->absent_msrs >> which) & 1) return 0;
  if (vmx->port->read_msr(vmx->context, usual[which], &value)) return value;
  vmx->absent_msrs |= (uint8_t)(1u << which);
  return 0;
}

bool vmx_allows_trace(const struct vmxsim_vmx *vmx) {
  return vmxsim_has_feature(vmx->capabilities, VMXSIM_FEATURE_pt) && (vmx->capabilities->ia32_vmx_misc & VMX_MISC_PT);
}

void vmx_end_trace(struct vmxsim_vmx *vmx) {
  const uint64_t ctl = vmx_read_usual_msr(vmx, USUAL_RTIT_CTL);
  if (ctl & RTIT_CTL_TRACE_EN) write(vmx, MSR_IA32_RTIT_CTL, ctl & ~RTIT_CTL_TRACE_EN);
}

static void write_uinv(struct vmxsim_vmx *vmx, uint64_t uinv) {
  write(vmx, MSR_IA32_UINTR_MISC, (vmx_read_usual_msr(vmx, USUAL_UINTR_MISC) & ~UINV) | (uinv << UINV_SHIFT & UINV));
}

#define LOADED(msr, field, control) {msr, VMXSIM_FIELD_guest_##field, VMXSIM_BIT_vm_entry_##control},
#define LOADED_FRED(msr, field) LOADED(msr, field, load_fred)
static const struct msr_of_field loaded_on_entry[] = {
    LOADED(MSR_IA32_PERF_GLOBAL_CTRL, ia32_perf_global_ctrl, load_ia32_perf_global_ctrl)
        LOADED(MSR_IA32_BNDCFGS, ia32_bndcfgs, load_ia32_bndcfgs)
            LOADED(MSR_IA32_RTIT_CTL, ia32_rtit_ctl, load_ia32_rtit_ctl)
                LOADED(MSR_IA32_LBR_CTL, ia32_lbr_ctl, load_guest_ia32_lbr_ctl) FRED_MSRS(LOADED_FRED)};

void vmx_load_guest_msrs(struct vmxsim_vmx *vmx) {
  const uint64_t any = BIT(VMXSIM_BIT_vm_entry_load_ia32_perf_global_ctrl) |
                       BIT(VMXSIM_BIT_vm_entry_load_ia32_bndcfgs) | BIT(VMXSIM_BIT_vm_entry_load_ia32_rtit_ctl) |
                       BIT(VMXSIM_BIT_vm_entry_load_guest_ia32_lbr_ctl) | BIT(VMXSIM_BIT_vm_entry_load_fred) |
                       BIT(VMXSIM_BIT_vm_entry_load_uinv);
  const uint64_t controls = vmx->controls[VMXSIM_WORD_vm_entry];
  if (!(controls & any)) return;
  for (size_t i = 0; i < ENTRIES_OF(loaded_on_entry); i++) {
    const struct msr_of_field *entry = &loaded_on_entry[i];
    if ((controls >> entry->bit) & 1) write(vmx, entry->msr, vmx->vmcs.value[entry->field]);
  }
  if (CONTROL(vmx, vm_entry, load_uinv)) write_uinv(vmx, FIELD(vmx, guest_uinv));
}

static void save(struct vmxsim_vmx *vmx, uint32_t msr, vmxsim_field field) {
  vmx_set_field(vmx, field, read(vmx, msr));
}

/* Most of these are saved by every VM exit of a processor that knows a control of theirs. */
void vmx_save_guest_msrs(struct vmxsim_vmx *vmx) {
  if (SUPPORTS(vmx, vm_entry, load_ia32_bndcfgs) || SUPPORTS(vmx, vm_exit, clear_ia32_bndcfgs)) {
    SET_FIELD(vmx, guest_ia32_bndcfgs, vmx_read_usual_msr(vmx, USUAL_BNDCFGS));
  }
  if (SUPPORTS(vmx, vm_entry, load_ia32_rtit_ctl) || SUPPORTS(vmx, vm_exit, clear_ia32_rtit_ctl)) {
    SET_FIELD(vmx, guest_ia32_rtit_ctl, vmx_read_usual_msr(vmx, USUAL_RTIT_CTL));
  }
  if (SUPPORTS(vmx, vm_entry, load_guest_ia32_lbr_ctl) || SUPPORTS(vmx, vm_exit, clear_ia32_lbr_ctl)) {
    SET_FIELD(vmx, guest_ia32_lbr_ctl, vmx_read_usual_msr(vmx, USUAL_LBR_CTL));
  }
  if (SUPPORTS(vmx, vm_entry, load_uinv) || SUPPORTS(vmx, vm_exit, clear_uinv)) {
    SET_FIELD(vmx, guest_uinv, (vmx_read_usual_msr(vmx, USUAL_UINTR_MISC) & UINV) >> UINV_SHIFT);
  }
  if (CONTROL(vmx, vm_exit, save_ia32_perf_global_ctrl)) {
    save(vmx, MSR_IA32_PERF_GLOBAL_CTRL, VMXSIM_FIELD_guest_ia32_perf_global_ctrl);
  }
  if (!CONTROL(vmx, secondary_vm_exit, save_fred)) return;
#define SAVE_FRED(msr, field) save(vmx, msr, VMXSIM_FIELD_guest_##field);
  FRED_MSRS(SAVE_FRED)
}

void vmx_load_host_msrs(struct vmxsim_vmx *vmx) {
  if (CONTROL(vmx, vm_exit, load_ia32_perf_global_ctrl)) {
    write(vmx, MSR_IA32_PERF_GLOBAL_CTRL, FIELD(vmx, host_ia32_perf_global_ctrl));
  }
  if (CONTROL(vmx, vm_exit, clear_ia32_bndcfgs)) write(vmx, MSR_IA32_BNDCFGS, 0);
  if (CONTROL(vmx, vm_exit, clear_ia32_rtit_ctl)) write(vmx, MSR_IA32_RTIT_CTL, 0);
  if (CONTROL(vmx, vm_exit, clear_ia32_lbr_ctl)) write(vmx, MSR_IA32_LBR_CTL, 0);
  if (CONTROL(vmx, vm_exit, clear_uinv)) write_uinv(vmx, 0);
  if (!CONTROL(vmx, secondary_vm_exit, load_fred)) return;
#define LOAD_FRED(msr, field) write(vmx, msr, FIELD(vmx, host_##field));
  FRED_MSRS(LOAD_FRED)
}
