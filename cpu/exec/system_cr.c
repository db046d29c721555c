/* What a write to a control register needs and does.
 *
 * SDM 3A, "Control Registers", "Initializing IA-32e Mode", "Operations that Invalidate TLBs and Paging-Structure
 * Caches", "PDPTE Registers".
 */
#include "cpu/exec/cpuid.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

static bool refuse(struct vcpu *v) {
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

static uint64_t if_feature(const struct vcpu *v, enum vmxsim_feature feature, uint64_t bits) {
  return system_has(v, feature) ? bits : 0;
}

static uint64_t if_decodes(const struct vcpu *v, enum decode_feature feature, uint64_t bits) {
  return system_decodes(v, feature) ? bits : 0;
}

uint64_t control_cr4_supported(const struct vcpu *v) {
  const uint64_t always = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE;
  return always | if_decodes(v, DECODE_FEATURE_FXSR, CR4_OSFXSR) | if_decodes(v, DECODE_FEATURE_SSE, CR4_OSXMMEXCPT) |
         if_feature(v, VMXSIM_FEATURE_umip, CR4_UMIP) | if_feature(v, VMXSIM_FEATURE_la57, CR4_LA57) |
         if_decodes(v, DECODE_FEATURE_VMX, CR4_VMXE) | if_decodes(v, DECODE_FEATURE_SMX, CR4_SMXE) |
         if_decodes(v, DECODE_FEATURE_FSGSBASE, CR4_FSGSBASE) | if_feature(v, VMXSIM_FEATURE_pcid, CR4_PCIDE) |
         if_decodes(v, DECODE_FEATURE_XSAVE, CR4_OSXSAVE) | if_feature(v, VMXSIM_FEATURE_smep, CR4_SMEP) |
         if_feature(v, VMXSIM_FEATURE_smap, CR4_SMAP) | if_feature(v, VMXSIM_FEATURE_pku, CR4_PKE) |
         if_feature(v, VMXSIM_FEATURE_pks, CR4_PKS) | if_feature(v, VMXSIM_FEATURE_cet_ss, CR4_CET) |
         if_feature(v, VMXSIM_FEATURE_cet_ibt, CR4_CET) | if_feature(v, VMXSIM_FEATURE_lam, CR4_LAM_SUP);
}

/* What every change ends with. */
static void changed(struct vcpu *v) {
  mmu_mode_changed(v);
  vcpu_update_mode(v);
  vcpu_attend(v, ATTENTION_MODE);
}

void control_set(struct vcpu *v, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer) {
  v->s.cr0 = cr0;
  v->s.cr3 = cr3;
  v->s.cr4 = cr4;
  v->s.efer = efer;
  mmu_flush_all(v, true);
  changed(v);
}

/* --- CR0 ------------------------------------------------------------------------------------------------------------
 */

/* A 16-bit TSS in TR and a CS with L = 1 stand against entering IA-32e mode. */
static bool may_enter_ia32e(const struct vcpu *v) {
  const bool tss_16 = (v->s.tr.access_rights & AR_TYPE) == 3 || (v->s.tr.access_rights & AR_TYPE) == 1;
  return (v->s.cr4 & CR4_PAE) && !(v->s.segment[VMXSIM_CS].access_rights & AR_L) && !tss_16;
}

static bool cr0_allowed(const struct vcpu *v, uint64_t value) {
  const bool enables_paging = (value & CR0_PG) && !(v->s.cr0 & CR0_PG);
  const bool disables_paging = !(value & CR0_PG) && (v->s.cr0 & CR0_PG);
  if (value >> 32 || !vmxsim_vmx_allows_cr(&v->vmx, 0, value)) return false;
  if ((value & CR0_PG) && !(value & CR0_PE)) return false;
  if ((value & CR0_NW) && !(value & CR0_CD)) return false;
  if (!(value & CR0_WP) && (v->s.cr4 & CR4_CET)) return false;
  if (enables_paging && (v->s.efer & EFER_LME) && !may_enter_ia32e(v)) return false;
  return !disables_paging || !(vcpu_in_64_bit_mode(v) || (v->s.cr4 & CR4_PCIDE));
}

/* IA-32e mode is active while paging and EFER.LME are on. */
static uint64_t efer_with_paging(const struct vcpu *v, uint64_t cr0) {
  const bool active = (cr0 & CR0_PG) && (v->s.efer & EFER_LME);
  return (v->s.efer & ~EFER_LMA) | (active ? EFER_LMA : 0);
}

bool control_write_cr0(struct vcpu *v, uint64_t value) {
  const uint64_t defined = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
  const uint64_t old = v->s.cr0;
  if (!cr0_allowed(v, value)) return refuse(v);
  value = (value & defined) | CR0_ET;
  const uint64_t efer = efer_with_paging(v, value);
  const bool reload = (old ^ value) & (CR0_PG | CR0_CD | CR0_NW);
  if (reload && is_pae_paging(value, v->s.cr4, efer) && !mmu_load_pdptes(v, v->s.cr3)) return false;
  v->s.cr0 = value;
  v->s.efer = efer;
  if ((old ^ value) & CR0_PG) mmu_flush_all(v, true);
  changed(v);
  return true;
}

/* --- CR3 ------------------------------------------------------------------------------------------------------------
 */

static bool cr3_allowed(const struct vcpu *v, uint64_t value) {
  uint64_t reserved = v->capabilities->beyond_cpuid_physical;
  if (system_has(v, VMXSIM_FEATURE_lam)) reserved &= ~CR3_LAM;
  if (v->s.cr4 & CR4_PCIDE) reserved &= ~CR3_NO_FLUSH;
  return !(value & reserved);
}

bool control_write_cr3(struct vcpu *v, uint64_t value) {
  if (!cr3_allowed(v, value)) return refuse(v);
  if (is_pae_paging(v->s.cr0, v->s.cr4, v->s.efer) && !mmu_load_pdptes(v, value)) return false;
  const bool keep = (v->s.cr4 & CR4_PCIDE) && (value & CR3_NO_FLUSH);
  v->s.cr3 = value & ~CR3_NO_FLUSH;
  if (keep) {
    mmu_mode_changed(v);
  } else {
    mmu_flush_all(v, false);
  }
  vcpu_attend(v, ATTENTION_MODE);
  return true;
}

/* --- CR4 ------------------------------------------------------------------------------------------------------------
 */

static bool cr4_allowed(const struct vcpu *v, uint64_t value) {
  const uint64_t set = value & ~v->s.cr4, flipped = value ^ v->s.cr4;
  const bool ia32e = v->s.efer & EFER_LMA;
  if (value & ~control_cr4_supported(v) || !vmxsim_vmx_allows_cr(&v->vmx, 4, value)) return false;
  if (ia32e && (flipped & (CR4_PAE | CR4_LA57))) return false;
  if ((set & CR4_VMXE) && v->s.in_smm) return false;
  if ((set & CR4_PCIDE) && (!ia32e || (v->s.cr3 & PAGE_OFFSET))) return false;
  return !(set & CR4_CET) || (v->s.cr0 & CR0_WP);
}

static void flush_after_cr4(struct vcpu *v, uint64_t old) {
  const uint64_t flipped = old ^ v->s.cr4;
  const bool everything = (flipped & (CR4_PGE | CR4_PAE | CR4_PSE | CR4_LA57)) || (old & ~v->s.cr4 & CR4_PCIDE);
  if (everything) {
    mmu_flush_all(v, true);
  } else if (flipped & v->s.cr4 & CR4_SMEP) {
    mmu_flush_all(v, false);
  }
}

bool control_write_cr4(struct vcpu *v, uint64_t value) {
  const uint64_t old = v->s.cr4;
  if (!cr4_allowed(v, value)) return refuse(v);
  const bool reload = (old ^ value) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP);
  if (reload && is_pae_paging(v->s.cr0, value, v->s.efer) && !mmu_load_pdptes(v, v->s.cr3)) return false;
  v->s.cr4 = value;
  flush_after_cr4(v, old);
  changed(v);
  return true;
}
