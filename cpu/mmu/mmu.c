/* The unit as a whole: creating it, and what instructions do to its caches. */
#include "cpu/mmu/mmu.h"

#include "cpu/allocate.h"
#include "cpu/mmu/registers.h"

/* --- creation ----------------------------------------------------------------------------------------------------- */

static void physical_changed(struct physical_listener *listener, enum physical_change change) {
  struct mmu *mmu = (struct mmu *)((char *)listener - offsetof(struct mmu, listener));
  if (change == PHYSICAL_WRITES_WATCHED) return fast_drop_kind(mmu, FAST_WRITE);
  known_walks_forget(mmu);
  mmu_drop_fast(mmu);
}

struct mmu *mmu_create(struct vcpu *vcpu, struct physical_memory *memory) {
  struct mmu *mmu = memory_allocate(vcpu->allocator, sizeof *mmu);
  if (!mmu) return NULL;
  mmu->vcpu = vcpu;
  mmu->memory = memory;
  mmu->has_gigabyte_pages = true;
  mmu->bank = &mmu->banks[BANK_SUPERVISOR];
  for (unsigned i = 0; i < 4; i++) mmu->breakpoint[i] = BREAKPOINT_OFF;
  mmu->context.linear_bits = 64;
  fast_initialize(mmu);
  tlb_initialize(&mmu->tlb);
  mmu->listener.changed = physical_changed;
  physical_listen(memory, &mmu->listener);
  return mmu;
}

void mmu_destroy(struct mmu *mmu) {
  if (!mmu) return;
  physical_unlisten(mmu->memory, &mmu->listener);
  const struct vmxsim_allocator *const allocator = mmu->vcpu->allocator;
  if (mmu->caches) caches_destroy(mmu->caches);
  memory_release(allocator, mmu->watch);
  memory_release(allocator, mmu);
}

void mmu_set_miss_cycles(struct mmu *mmu, unsigned cycles) {
  mmu->miss_cycles = cycles;
}

void mmu_set_caches(struct mmu *mmu, struct caches *caches) {
  mmu->caches = caches;
  mmu_drop_fast(mmu);
}

void mmu_set_gigabyte_pages(struct mmu *mmu, bool present) {
  mmu->has_gigabyte_pages = present;
  context_forget_all(mmu);
}

/* --- changes of state --------------------------------------------------------------------------------------------- */

static bool checks_alignment(const struct vcpu *v) {
  return v->cpl == 3 && (v->s.cr0 & CR0_AM) && (v->s.rflags & RFLAGS_AC);
}

void mmu_mode_changed(struct vcpu *v) {
  struct mmu *mmu = v->mmu;
  if (context_refresh(mmu)) mmu_drop_fast(mmu);
  mmu->check_alignment = checks_alignment(v);
  mmu->bank = &mmu->banks[mmu->check_alignment ? BANK_NONE : fast_bank_of(mmu, MEM_READ)];
}

void mmu_flush_all(struct vcpu *v, bool global_too) {
  mmu_mode_changed(v);
  mmu_flush_translations(v, global_too);
}

void mmu_flush_translations(struct vcpu *v, bool global_too) {
  struct mmu *mmu = v->mmu;
  if (global_too)
    tlb_flush_all(&mmu->tlb);
  else
    tlb_flush_pcid(&mmu->tlb, mmu->tlb.current);
  mmu_drop_fast(mmu);
}

/* Global translations go, too, whatever the PCID (SDM 3A, "Operations that Invalidate TLBs and Paging-Structure
 * Caches"). */
void mmu_flush_page(struct vcpu *v, uint64_t linear) {
  if (v->mmu->context.mode != PAGING_OFF) tlb_flush_page(v->mmu, linear, v->mmu->tlb.current, true);
}

enum invpcid_type { INVPCID_ADDRESS, INVPCID_CONTEXT, INVPCID_ALL, INVPCID_ALL_LOCAL };

void mmu_invpcid(struct vcpu *v, unsigned type, uint16_t pcid, uint64_t linear) {
  struct mmu *mmu = v->mmu;
  pcid &= TLB_PCIDS - 1;
  switch (type) {
  case INVPCID_ADDRESS: tlb_flush_page(mmu, linear, pcid, false); return;
  case INVPCID_CONTEXT: tlb_flush_pcid(&mmu->tlb, pcid); break;
  case INVPCID_ALL: tlb_flush_all(&mmu->tlb); break;
  case INVPCID_ALL_LOCAL: tlb_flush_all_local(&mmu->tlb); break;
  default: return;
  }
  mmu_drop_fast(mmu);
}

void mmu_flush_caches(struct vcpu *v) {
  if (v->mmu->caches) caches_flush(v->mmu->caches);
}

bool mmu_is_canonical(const struct vcpu *v, uint64_t linear) {
  return linear_is_canonical(v->mmu, linear);
}
