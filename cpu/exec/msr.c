/* Model-specific registers: which there are, what they hold, and which values they refuse.
 *
 * SDM 4, "Architectural MSRs". Registers that are plain values with reserved bits are rows of a table; the others have
 * functions. MTRRs and machine-check banks are msr_ranges.c, those of some processor families msr_model.c, those of
 * Intel PT processor_trace.c, the APIC's cpu/apic.
 */
#include <stddef.h>

#include "cpu/apic/apic.h"
#include "cpu/exec/cpuid.h"
#include "cpu/exec/msr_ranges.h"
#include "cpu/exec/processor_trace.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"
#include "cpu/timing/timing.h"

enum {
  MSR_TSC_ADJUST = 0x3b,
  MSR_PRED_CMD = 0x49,
  MSR_UMWAIT_CONTROL = 0xe1,
  MSR_FLUSH_CMD = 0x10b,
  MSR_MCG_STATUS = 0x17a,
  MSR_MISC_ENABLE = 0x1a0,
};

/* --- who has which --------------------------------------------------------------------------------------------------
 */

static bool has_always(const struct vcpu *v) {
  (void)v;
  return true;
}
static bool has_intel64(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_intel64);
}
static bool has_cet(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_cet_ss) || system_has(v, VMXSIM_FEATURE_cet_ibt);
}
static bool has_shadow_stacks(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_cet_ss);
}
static bool has_ds(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_ds);
}
static bool has_pks(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_pks);
}
static bool has_tsc_aux(const struct vcpu *v) {
  return system_has(v, VMXSIM_FEATURE_rdtscp) || system_decodes(v, DECODE_FEATURE_RDPID);
}
static bool has_waitpkg(const struct vcpu *v) {
  return system_decodes(v, DECODE_FEATURE_WAITPKG);
}
static bool has_sep(const struct vcpu *v) {
  return system_decodes(v, DECODE_FEATURE_SEP);
}

/* --- plain values ---------------------------------------------------------------------------------------------------
 */

enum value_rule { ANY, CANONICAL, TRUNCATED };

struct plain {
  uint32_t msr;
  uint16_t offset;   /* in struct vmxsim_state */
  uint8_t rule;      /* CANONICAL: an address; TRUNCATED: bits 63:32 are dropped */
  uint64_t reserved; /* #GP if one is 1 */
  bool (*exists)(const struct vcpu *v);
};

#define AT(member) offsetof(struct vmxsim_state, member)

static const struct plain plain_msrs[] = {
    {MSR_IA32_BIOS_SIGN_ID, AT(bios_sign_id), ANY, 0, has_always},
    {MSR_UMWAIT_CONTROL, AT(umwait_control), ANY, BITS(63, 32) | BIT(1), has_waitpkg},
    {MSR_IA32_SYSENTER_CS, AT(sysenter_cs), TRUNCATED, 0, has_sep},
    {MSR_IA32_SYSENTER_ESP, AT(sysenter_esp), CANONICAL, 0, has_sep},
    {MSR_IA32_SYSENTER_EIP, AT(sysenter_eip), CANONICAL, 0, has_sep},
    {MSR_MCG_STATUS, AT(mcg_status), ANY, BITS(63, 3), has_always},
    {MSR_IA32_DS_AREA, AT(ds_area), CANONICAL, 0, has_ds},
    {MSR_IA32_PL0_SSP, AT(pl_ssp[0]), CANONICAL, BITS(1, 0), has_shadow_stacks},
    {MSR_IA32_PL1_SSP, AT(pl_ssp[1]), CANONICAL, BITS(1, 0), has_shadow_stacks},
    {MSR_IA32_PL2_SSP, AT(pl_ssp[2]), CANONICAL, BITS(1, 0), has_shadow_stacks},
    {MSR_IA32_PL3_SSP, AT(pl_ssp[3]), CANONICAL, BITS(1, 0), has_shadow_stacks},
    {MSR_IA32_INTERRUPT_SSP_TABLE_ADDR, AT(interrupt_ssp_table), CANONICAL, 0, has_shadow_stacks},
    {MSR_IA32_PKRS, AT(pkrs), ANY, BITS(63, 32), has_pks},
    {MSR_IA32_STAR, AT(star), ANY, 0, has_intel64},
    {MSR_IA32_LSTAR, AT(lstar), CANONICAL, 0, has_intel64},
    {MSR_IA32_CSTAR, AT(cstar), CANONICAL, 0, has_intel64},
    {MSR_IA32_FMASK, AT(fmask), ANY, BITS(63, 32), has_intel64},
    {MSR_IA32_FS_BASE, AT(segment[VMXSIM_FS].base), CANONICAL, 0, has_intel64},
    {MSR_IA32_GS_BASE, AT(segment[VMXSIM_GS].base), CANONICAL, 0, has_intel64},
    {MSR_IA32_KERNEL_GS_BASE, AT(kernel_gs_base), CANONICAL, 0, has_intel64},
    {MSR_IA32_TSC_AUX, AT(tsc_aux), ANY, BITS(63, 32), has_tsc_aux},
};

static const struct plain *find_plain(const struct vcpu *v, uint32_t msr) {
  for (unsigned i = 0; i < sizeof plain_msrs / sizeof plain_msrs[0]; i++)
    if (plain_msrs[i].msr == msr) return plain_msrs[i].exists(v) ? &plain_msrs[i] : NULL;
  return NULL;
}

static uint64_t *value_at(struct vmxsim_state *s, const struct plain *p) {
  return (uint64_t *)(void *)((char *)s + p->offset);
}

static bool write_plain(struct vcpu *v, const struct plain *p, uint64_t value) {
  if (value & p->reserved) return false;
  if (p->rule == TRUNCATED || (p->rule == CANONICAL && !has_intel64(v))) value = (uint32_t)value;
  if (p->rule == CANONICAL && !system_is_canonical(v, value)) return false;
  *value_at(&v->s, p) = value;
  if (p->msr == MSR_IA32_PKRS) mmu_mode_changed(v);
  return true;
}

/* --- registers with rules of their own
 * -------------------------------------------------------------------------------- */

static bool write_efer(struct vcpu *v, uint64_t value) {
  uint64_t supported = v->capabilities->efer_supported;
  if (v->s.misc_enable & MISC_ENABLE_XD_DISABLE) supported &= ~EFER_NXE;
  if (value & ~supported) return false;
  if (((value ^ v->s.efer) & EFER_LME) && (v->s.cr0 & CR0_PG)) return false;
  const uint64_t old = v->s.efer;
  v->s.efer = (value & ~EFER_LMA) | (old & EFER_LMA);
  if ((old ^ v->s.efer) & EFER_NXE) mmu_flush_all(v, true);
  mmu_mode_changed(v);
  vcpu_update_mode(v);
  return true;
}

/* Locked: nothing can be written any more. */
static bool write_feature_control(struct vcpu *v, uint64_t value) {
  const uint64_t supported = BITS(2, 0) | (system_has(v, VMXSIM_FEATURE_smx) ? BITS(15, 8) : 0);
  if ((v->s.feature_control & BIT(0)) || (value & ~supported)) return false;
  v->s.feature_control = value;
  return true;
}

static bool write_misc_enable(struct vcpu *v, uint64_t value) {
  const uint64_t read_only = BIT(7) | BIT(11) | BIT(12);
  const uint64_t xd = system_has(v, VMXSIM_FEATURE_nx) ? MISC_ENABLE_XD_DISABLE : 0;
  const uint64_t writable = BIT(0) | BIT(3) | BIT(16) | MISC_ENABLE_MONITOR | MISC_ENABLE_LIMIT_CPUID | BIT(23) | xd;
  if (value & ~(writable | read_only)) return false;
  v->s.misc_enable = (value & writable) | (v->s.misc_enable & read_only);
  return true;
}

static bool write_cet(struct vcpu *v, uint64_t *cet, uint64_t value) {
  if (value & ~v->capabilities->s_cet_supported) return false;
  if ((value & CET_SUPPRESS) && (value & CET_TRACKER)) return false;
  if (!system_is_canonical(v, value & ~PAGE_OFFSET)) return false;
  *cet = value;
  vcpu_update_mode(v);
  return true;
}

static bool write_tsc(struct vcpu *v, uint64_t value) {
  const uint64_t before = timing_tsc(v), delta = value - before;
  v->s.tsc_offset += delta;
  v->s.tsc_adjust += delta;
  vmxsim_vmx_tsc_written(&v->vmx, before, value);
  return true;
}

static bool write_tsc_adjust(struct vcpu *v, uint64_t value) {
  const uint64_t before = timing_tsc(v);
  v->s.tsc_offset += value - v->s.tsc_adjust;
  vmxsim_vmx_tsc_written(&v->vmx, before, timing_tsc(v));
  v->s.tsc_adjust = value;
  return true;
}

static bool write_masked(uint64_t *target, uint64_t value, uint64_t supported) {
  if (value & ~supported) return false;
  *target = value;
  return true;
}

/* Commands: only bit 0, which has nothing to do here. */
static bool command(bool exists, uint64_t value) {
  return exists && !(value & ~UINT64_C(1));
}

static bool has_spec_ctrl(const struct vcpu *v) {
  return v->capabilities->spec_ctrl_supported != 0;
}

static bool write_special(struct vcpu *v, uint32_t msr, uint64_t value) {
  switch (msr) {
  case MSR_IA32_TIME_STAMP_COUNTER: return write_tsc(v, value);
  case MSR_TSC_ADJUST: return write_tsc_adjust(v, value);
  case MSR_IA32_FEATURE_CONTROL: return write_feature_control(v, value);
  case MSR_IA32_SPEC_CTRL:
    return has_spec_ctrl(v) && write_masked(&v->s.spec_ctrl, value, v->capabilities->spec_ctrl_supported);
  case MSR_PRED_CMD: return command(system_has(v, VMXSIM_FEATURE_spec_ctrl), value);
  case MSR_FLUSH_CMD: return command(cpuid_has_flush_l1d(v->cpuid), value);
  case MSR_IA32_BIOS_UPDT_TRIG: return true;
  case MSR_MISC_ENABLE: return write_misc_enable(v, value);
  case MSR_IA32_DEBUGCTL: return write_masked(&v->s.debugctl, value, v->capabilities->debugctl_supported);
  case MSR_IA32_U_CET: return has_cet(v) && write_cet(v, &v->s.u_cet, value);
  case MSR_IA32_S_CET: return has_cet(v) && write_cet(v, &v->s.s_cet, value);
  case MSR_IA32_XSS:
    return system_decodes(v, DECODE_FEATURE_XSAVES) && write_masked(&v->s.xss, value, cpuid_xss(v->cpuid));
  case MSR_IA32_EFER: return v->capabilities->efer_supported && write_efer(v, value);
  default: return false;
  }
}

static bool give(bool exists, uint64_t from, uint64_t *value) {
  *value = from;
  return exists;
}

static bool read_special(struct vcpu *v, uint32_t msr, uint64_t *value) {
  switch (msr) {
  case MSR_IA32_TIME_STAMP_COUNTER: return give(true, timing_tsc(v), value);
  case MSR_TSC_ADJUST: return give(true, v->s.tsc_adjust, value);
  case MSR_IA32_PLATFORM_ID: return give(true, 0, value);
  case MSR_IA32_FEATURE_CONTROL: return give(true, v->s.feature_control, value);
  case MSR_IA32_SPEC_CTRL: return give(has_spec_ctrl(v), v->s.spec_ctrl, value);
  case MSR_IA32_SMBASE: return give(v->s.in_smm, v->s.smbase, value);
  case MSR_MISC_ENABLE: return give(true, v->s.misc_enable, value);
  case MSR_IA32_DEBUGCTL: return give(true, v->s.debugctl, value);
  case MSR_IA32_U_CET: return give(has_cet(v), v->s.u_cet, value);
  case MSR_IA32_S_CET: return give(has_cet(v), v->s.s_cet, value);
  case MSR_IA32_XSS: return give(system_decodes(v, DECODE_FEATURE_XSAVES), v->s.xss, value);
  case MSR_IA32_EFER: return give(v->capabilities->efer_supported, v->s.efer, value);
  default: return false;
  }
}

/* --- the doors -------------------------------------------------------------------------------------------------------
 */

static bool is_apic_msr(uint32_t msr) {
  return msr == MSR_IA32_APIC_BASE || msr == MSR_IA32_TSC_DEADLINE || (msr >= 0x800 && msr <= 0x8ff);
}

static bool is_vmx_msr(const struct vcpu *v, uint32_t msr) {
  return system_decodes(v, DECODE_FEATURE_VMX) && msr >= MSR_IA32_VMX_BASIC && msr <= MSR_IA32_VMX_EXIT_CTLS2;
}

bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value) {
  if (is_apic_msr(msr)) return apic_msr_read(v->apic, msr, value);
  if (is_vmx_msr(v, msr)) return vmxsim_capability_rdmsr(v->capabilities, msr, value);
  if (msr_is_range(msr)) return msr_range_read(v, msr, value);
  if (trace_is_msr(msr)) return trace_msr_read(v, msr, value);
  if (msr_is_of_model(msr)) return msr_model_read(v, msr, value);
  const struct plain *const p = find_plain(v, msr);
  if (!p) return read_special(v, msr, value);
  *value = *value_at(&v->s, p);
  return true;
}

bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value) {
  if (is_apic_msr(msr)) {
    const bool written = apic_msr_write(v->apic, msr, value);
    vcpu_attend(v, ATTENTION_BOUNDARY);
    if (written && msr == MSR_IA32_APIC_BASE) mmu_mode_changed(v);
    return written;
  }
  if (msr_is_range(msr)) return msr_range_write(v, msr, value);
  if (trace_is_msr(msr)) return trace_msr_write(v, msr, value);
  if (msr_is_of_model(msr)) return msr_model_write(v, msr, value);
  const struct plain *const p = find_plain(v, msr);
  return p ? write_plain(v, p, value) : write_special(v, msr, value);
}
