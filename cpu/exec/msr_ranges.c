/* Memory-type-range registers, the page-attribute table, and machine-check banks. They are kept, not obeyed: caches do
 * not change what memory holds.
 *
 * SDM 3A, "Memory Type Range Registers (MTRRs)", "Page Attribute Table (PAT)"; SDM 3B, "Machine-Check Architecture".
 */
#include "cpu/exec/msr_ranges.h"

#include "cpu/exec/system.h"

enum {
  MSR_MTRR_VARIABLE = 0x200,
  MSR_MTRR_FIX_64K = 0x250,
  MSR_MTRR_FIX_16K = 0x258,
  MSR_MTRR_FIX_4K = 0x268,
  MSR_MTRR_DEF_TYPE = 0x2ff,
  MSR_MC0_CTL = 0x400,
  VARIABLE_RANGES = 10,
};

/* --- which -----------------------------------------------------------------------------------------------------------
 */

/* Index of a fixed-range MTRR, -1 for other MSRs. */
static int fixed_range(uint32_t msr) {
  if (msr == MSR_MTRR_FIX_64K) return 0;
  if (msr == MSR_MTRR_FIX_16K || msr == MSR_MTRR_FIX_16K + 1) return 1 + (int)(msr - MSR_MTRR_FIX_16K);
  if (msr >= MSR_MTRR_FIX_4K && msr < MSR_MTRR_FIX_4K + 8) return 3 + (int)(msr - MSR_MTRR_FIX_4K);
  return -1;
}

static bool is_variable(uint32_t msr) {
  return msr >= MSR_MTRR_VARIABLE && msr < MSR_MTRR_VARIABLE + 2 * VARIABLE_RANGES;
}

static bool is_bank(uint32_t msr) {
  return msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * VMXSIM_MC_BANKS;
}

bool msr_is_range(uint32_t msr) {
  return fixed_range(msr) >= 0 || is_variable(msr) || is_bank(msr) || msr == MSR_IA32_MTRRCAP ||
         msr == MSR_IA32_MCG_CAP || msr == MSR_IA32_PAT || msr == MSR_MTRR_DEF_TYPE;
}

static uint64_t *bank_register(struct vmxsim_state *s, uint32_t msr) {
  const unsigned bank = (msr - MSR_MC0_CTL) / 4;
  switch (msr & 3) {
  case 0: return &s->mci_ctl[bank];
  case 1: return &s->mci_status[bank];
  case 2: return &s->mci_addr[bank];
  default: return &s->mci_misc[bank];
  }
}

/* --- reading
 * ---------------------------------------------------------------------------------------------------------- */

bool msr_range_read(struct vcpu *v, uint32_t msr, uint64_t *value) {
  const int fixed = fixed_range(msr);
  if (fixed >= 0) {
    *value = v->s.mtrr_fix[fixed];
  } else if (is_variable(msr)) {
    *value = msr & 1 ? v->s.mtrr_mask[(msr & 0xff) / 2] : v->s.mtrr_base[(msr & 0xff) / 2];
  } else if (is_bank(msr)) {
    *value = *bank_register(&v->s, msr);
  } else if (msr == MSR_IA32_MTRRCAP) {
    *value = VARIABLE_RANGES | BIT(8) | BIT(10); /* fixed ranges, write combining */
  } else if (msr == MSR_IA32_MCG_CAP) {
    *value = VMXSIM_MC_BANKS;
  } else {
    *value = msr == MSR_IA32_PAT ? v->s.pat : v->s.mtrr_def_type;
  }
  return true;
}

/* --- writing
 * ---------------------------------------------------------------------------------------------------------- */

/* UC, WC, WT, WP, WB; the PAT also has UC-. */
static bool is_memory_type(uint64_t type, bool in_pat) {
  return type == 0 || type == 1 || (type >= 4 && type <= 6) || (in_pat && type == 7);
}

static bool all_memory_types(uint64_t value, bool in_pat) {
  for (unsigned i = 0; i < 8; i++)
    if (!is_memory_type((value >> (8 * i)) & 0xff, in_pat)) return false;
  return true;
}

static bool write_variable(struct vcpu *v, uint32_t msr, uint64_t value) {
  const unsigned i = (msr & 0xff) / 2;
  if (value & v->capabilities->beyond_cpuid_physical) return false;
  if (msr & 1) {
    if (value & BITS(10, 0)) return false;
    v->s.mtrr_mask[i] = value;
    return true;
  }
  if ((value & BITS(11, 8)) || !is_memory_type(value & 0xff, false)) return false;
  v->s.mtrr_base[i] = value;
  return true;
}

/* CTL takes all zeros or all ones, STATUS only zeros. */
static bool write_bank(struct vcpu *v, uint32_t msr, uint64_t value) {
  if ((msr & 3) == 0 && value != 0 && value != UINT64_MAX) return false;
  if ((msr & 3) == 1 && value != 0) return false;
  *bank_register(&v->s, msr) = value;
  return true;
}

static bool write_default_type(struct vcpu *v, uint64_t value) {
  if (value & ~(BITS(7, 0) | BITS(11, 10)) || !is_memory_type(value & 0xff, false)) return false;
  v->s.mtrr_def_type = value;
  return true;
}

bool msr_range_write(struct vcpu *v, uint32_t msr, uint64_t value) {
  const int fixed = fixed_range(msr);
  if (fixed >= 0) {
    if (!all_memory_types(value, false)) return false;
    v->s.mtrr_fix[fixed] = value;
    return true;
  }
  if (is_variable(msr)) return write_variable(v, msr, value);
  if (is_bank(msr)) return write_bank(v, msr, value);
  if (msr == MSR_MTRR_DEF_TYPE) return write_default_type(v, value);
  if (msr != MSR_IA32_PAT || !all_memory_types(value, true)) return false;
  v->s.pat = value;
  return true;
}
