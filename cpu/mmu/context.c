/* From control registers and MSRs to what page walks and permission checks want to know.
 *
 * SDM 3A, "Paging Modes and Control Bits" and the figures "Formats of CR3 and Paging-Structure Entries".
 */
#include <string.h>

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/registers.h"

static enum paging_mode paging_mode_of(const struct vmxsim_state *s) {
  if (!(s->cr0 & CR0_PG)) return PAGING_OFF;
  if (s->efer & EFER_LMA) return s->cr4 & CR4_LA57 ? PAGING_5_LEVEL : PAGING_4_LEVEL;
  return s->cr4 & CR4_PAE ? PAGING_PAE : PAGING_32;
}

static unsigned levels_of(enum paging_mode mode) {
  switch (mode) {
  case PAGING_OFF: return 0;
  case PAGING_32:
  case PAGING_PAE: return 2; /* the four entries above are registers: s.pdpte */
  case PAGING_4_LEVEL: return 4;
  case PAGING_5_LEVEL: break;
  }
  return 5;
}

/* PSE-36: bits 20:13 of the entry are bits 39:32 of the address, as far as the processor has them. */
static void reserved_bits_32(struct mmu_context *c, unsigned width) {
  const unsigned last = width < 40 ? width : 40;
  c->reserved_page[2] = BITS(21, last - 19);
}

static void reserved_bits_pae(struct mmu_context *c, unsigned width, bool has_gigabyte_pages) {
  const unsigned top = c->mode == PAGING_PAE ? 62 : 51;
  const uint64_t everywhere = (top >= width ? BITS(top, width) : 0) | (c->no_execute ? 0 : ENTRY_NO_EXECUTE);
  for (unsigned level = 1; level <= PAGING_LEVELS_MAX; level++) {
    const bool never_page = level >= 4 || (level == 3 && !has_gigabyte_pages);
    c->reserved_table[level] = everywhere | (never_page ? ENTRY_PAGE_SIZE : 0);
  }
  c->reserved_page[1] = everywhere;
  c->reserved_page[2] = everywhere | BITS(20, 13);
  c->reserved_page[3] = everywhere | BITS(29, 13);
}

static uint8_t page_levels_of(const struct mmu *mmu, const struct vmxsim_state *s) {
  switch (mmu->context.mode) {
  case PAGING_OFF: return 0;
  case PAGING_32: return s->cr4 & CR4_PSE ? 1 << 2 : 0;
  case PAGING_PAE: return 1 << 2;
  case PAGING_4_LEVEL:
  case PAGING_5_LEVEL: break;
  }
  return mmu->has_gigabyte_pages ? 1 << 2 | 1 << 3 : 1 << 2;
}

static void set_formats(struct mmu *mmu, const struct vmxsim_state *s) {
  struct mmu_context *c = &mmu->context;
  const unsigned width = (unsigned)mmu->vcpu->capabilities->phys_bits;
  c->levels = (uint8_t)levels_of(c->mode);
  c->page_levels = page_levels_of(mmu, s);
  c->address_bits = c->mode == PAGING_32 ? BITS(31, 12) : BITS(width - 1, 12);
  memset(c->reserved_table, 0, sizeof c->reserved_table);
  memset(c->reserved_page, 0, sizeof c->reserved_page);
  if (c->mode == PAGING_32)
    reserved_bits_32(c, width);
  else
    reserved_bits_pae(c, width, mmu->has_gigabyte_pages);
}

/* Canonicality outside IA-32e mode: every address is. LAM: SDM 1, "Linear-Address Masking"; LAM_U57 wins over LAM_U48.
 */
static void set_widths(struct mmu_context *c, const struct vmxsim_state *s) {
  const bool la57 = s->cr4 & CR4_LA57;
  c->linear_bits = 64;
  c->lam_user = c->lam_supervisor = 0;
  if (!(s->efer & EFER_LMA)) return;
  c->linear_bits = la57 ? 57 : 48;
  if (s->cr3 & CR3_LAM) c->lam_user = s->cr3 & BIT(61) ? 57 : 48;
  if (s->cr4 & CR4_LAM_SUP) c->lam_supervisor = c->linear_bits;
}

static void set_permissions(struct mmu_context *c, const struct vmxsim_state *s) {
  const bool ia32e = s->efer & EFER_LMA;
  c->write_protect = s->cr0 & CR0_WP;
  c->no_execute = (s->efer & EFER_NXE) && (s->cr4 & CR4_PAE);
  c->smep = s->cr4 & CR4_SMEP;
  c->smap = s->cr4 & CR4_SMAP;
  c->user_keys = ia32e && (s->cr4 & CR4_PKE);
  c->supervisor_keys = ia32e && (s->cr4 & CR4_PKS);
  c->global_pages = s->cr4 & CR4_PGE;
  c->shadow_stacks = s->cr4 & CR4_CET;
  c->fetch_code = c->smep || c->no_execute;
  c->pkru = s->pkru;
  c->pkrs = (uint32_t)s->pkrs;
}

static void gather_inputs(const struct vmxsim_state *s, uint64_t inputs[6]) {
  inputs[0] = s->cr0 & (CR0_PE | CR0_WP | CR0_PG);
  inputs[1] = s->cr4;
  inputs[2] = s->efer & (EFER_LMA | EFER_NXE);
  inputs[3] = s->cr4 & CR4_PCIDE ? s->cr3 & (CR3_LAM | CR3_PCID) : s->cr3 & CR3_LAM;
  inputs[4] = s->cr4 & (CR4_PKE | CR4_PKS) ? s->pkru | s->pkrs << 32 : 0;
  inputs[5] = s->apic_base;
}

static bool is_of(const struct mmu_context *c, const uint64_t inputs[6]) {
  uint64_t different = 0;
  for (unsigned i = 0; i < 6; i++) different |= inputs[i] ^ c->inputs[i];
  return c->number && !different;
}

static void work_out(struct mmu *mmu, const uint64_t inputs[6]) {
  const struct vmxsim_state *s = &mmu->vcpu->s;
  struct mmu_context *c = &mmu->context;
  memcpy(c->inputs, inputs, sizeof c->inputs);
  c->mode = paging_mode_of(s);
  set_permissions(c, s);
  set_widths(c, s);
  set_formats(mmu, s);
  c->number = ++mmu->history.count;
  mmu->history.context[c->number % CONTEXTS] = *c;
}

static void take_up(struct mmu *mmu, const uint64_t inputs[6]) {
  for (unsigned i = 0; i < CONTEXTS; i++) {
    if (!is_of(&mmu->history.context[i], inputs)) continue;
    mmu->context = mmu->history.context[i];
    return;
  }
  work_out(mmu, inputs);
}

void context_forget_all(struct mmu *mmu) {
  memset(mmu->history.context, 0, sizeof mmu->history.context);
  mmu->context.number = 0;
}

bool context_refresh(struct mmu *mmu) {
  const struct vmxsim_state *s = &mmu->vcpu->s;
  struct mmu_context *c = &mmu->context;
  uint64_t inputs[6];
  gather_inputs(s, inputs);
  if (is_of(c, inputs)) return false;
  const enum paging_mode before = c->mode;
  take_up(mmu, inputs);
  mmu->tlb.large_shift = c->mode == PAGING_32 ? 22 : 21;
  /* Nothing cached survives a change of the mode: each of the ways to one flushes. */
  if (c->mode != before) tlb_flush_all(&mmu->tlb);
  tlb_set_current(&mmu->tlb, s->cr4 & CR4_PCIDE ? (uint16_t)(s->cr3 & CR3_PCID) : 0);
  return true;
}
