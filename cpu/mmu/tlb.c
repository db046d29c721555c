/* The modelled TLB: set-associative, tagged by PCID, first in first out in a set. Flushes take constant time.
 *
 * SDM 3A, "Translation Lookaside Buffers" and "Operations that Invalidate TLBs and Paging-Structure Caches". There are
 * no paging-structure caches.
 */
#include "cpu/mmu/mmu.h"

void tlb_initialize(struct tlb *tlb) {
  tlb->clock = tlb->all = tlb->all_local = tlb->local = 1;
  tlb->large_shift = 21;
}

static bool is_live(const struct tlb *tlb, const struct tlb_entry *e) {
  if (e->flags & PAGE_GLOBAL) return e->stamp >= tlb->all;
  return e->pcid == tlb->current && e->stamp >= tlb->local;
}

static struct tlb_entry *find_in_set(const struct tlb *tlb, struct tlb_set *set, uint64_t page) {
  if (set->newest < tlb->all) return NULL;
  for (unsigned i = 0; i < TLB_WAYS; i++) {
    struct tlb_entry *e = &set->way[i];
    if (e->linear == page && is_live(tlb, e)) return e;
  }
  return NULL;
}

static struct tlb_set *set_of(struct tlb *tlb, uint64_t linear, unsigned shift) {
  const uint64_t number = linear >> shift;
  if (shift == PAGE_SHIFT) return &tlb->small[number % TLB_SMALL_SETS];
  return shift == 30 ? &tlb->huge[number % TLB_HUGE_SETS] : &tlb->large[number % TLB_LARGE_SETS];
}

static uint64_t page_of(uint64_t linear, unsigned shift) {
  return linear >> shift << shift;
}

static unsigned shift_of(const struct tlb *tlb, unsigned class) {
  if (class == TLB_SMALL) return PAGE_SHIFT;
  return class == TLB_LARGE ? tlb->large_shift : 30;
}

static enum tlb_class class_of(unsigned shift) {
  if (shift == PAGE_SHIFT) return TLB_SMALL;
  return shift == 30 ? TLB_HUGE : TLB_LARGE;
}

struct tlb_entry *tlb_find(struct tlb *tlb, uint64_t linear) {
  for (unsigned class = 0; class < TLB_CLASSES; class ++) {
    if (!tlb->used[class]) continue;
    const unsigned shift = shift_of(tlb, class);
    struct tlb_entry *e = find_in_set(tlb, set_of(tlb, linear, shift), page_of(linear, shift));
    if (e) return e;
  }
  return NULL;
}

/* The place for a new entry: the oldest one's. */
static struct tlb_entry *take_way(struct tlb *tlb, struct tlb_set *set) {
  struct tlb_entry *e = &set->way[set->next];
  set->next = set->next + 1 < TLB_WAYS ? set->next + 1 : 0;
  set->newest = tlb->clock;
  return e;
}

struct tlb_entry *tlb_enter(struct mmu *mmu, const struct tlb_entry *entry) {
  struct tlb *tlb = &mmu->tlb;
  struct tlb_entry *e = take_way(tlb, set_of(tlb, entry->linear, entry->shift));
  if (is_live(tlb, e)) fast_drop_entry(mmu, e);
  tlb->changes++;
  *e = *entry;
  e->stamp = tlb->clock;
  e->pcid = tlb->current;
  tlb->used[class_of(entry->shift)] = true;
  return e;
}

uint64_t mmu_translation_changes(const struct mmu *mmu) {
  return mmu->tlb.changes + mmu->tlb.clock;
}

void tlb_place(struct tlb *tlb, const struct tlb_entry *entry, unsigned way) {
  struct tlb_set *set = set_of(tlb, entry->linear, entry->shift);
  set->way[way] = *entry;
  set->newest = tlb->clock;
  tlb->used[class_of(entry->shift)] = true;
}

static void update_local(struct tlb *tlb) {
  const uint64_t of_pcid = tlb->pcid[tlb->current];
  tlb->local = of_pcid > tlb->all_local ? of_pcid : tlb->all_local;
}

void tlb_set_current(struct tlb *tlb, uint16_t pcid) {
  tlb->current = pcid;
  update_local(tlb);
}

void tlb_flush_all(struct tlb *tlb) {
  tlb->all = tlb->all_local = tlb->local = ++tlb->clock;
  for (unsigned class = 0; class < TLB_CLASSES; class ++) tlb->used[class] = false;
}

void tlb_flush_all_local(struct tlb *tlb) {
  tlb->all_local = tlb->local = ++tlb->clock;
}

void tlb_flush_pcid(struct tlb *tlb, uint16_t pcid) {
  tlb->pcid[pcid] = ++tlb->clock;
  update_local(tlb);
}

void tlb_flush_page(struct mmu *mmu, uint64_t linear, uint16_t pcid, bool global_too) {
  struct tlb *tlb = &mmu->tlb;
  for (unsigned class = 0; class < TLB_CLASSES; class ++) {
    if (!tlb->used[class]) continue;
    const unsigned shift = shift_of(tlb, class);
    struct tlb_set *set = set_of(tlb, linear, shift);
    for (unsigned i = 0; i < TLB_WAYS; i++) {
      struct tlb_entry *e = &set->way[i];
      const bool global = e->flags & PAGE_GLOBAL;
      if (e->linear != page_of(linear, shift) || (global ? !global_too : e->pcid != pcid)) continue;
      fast_drop_entry(mmu, e);
      e->stamp = 0;
      tlb->changes++;
    }
  }
}
