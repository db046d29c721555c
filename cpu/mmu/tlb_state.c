/* Saving and restoring the modelled TLB. */
#include "cpu/mmu/tlb_state.h"

#include <string.h>

#define ENTRY(member) STATE_USED(struct tlb_image, count, entry, member)
#define ENTRY_RANGE(member, first, last) STATE_USED_RANGE(struct tlb_image, count, entry, member, first, last)
#define WAYS(member) STATE_ARRAY_UP_TO(struct tlb_image, member, TLB_WAYS - 1)

static const struct state_field fields[] = {
    STATE_UP_TO(struct tlb_image, count, TLB_SETS *TLB_WAYS),
    ENTRY(linear),
    ENTRY(physical),
    ENTRY_RANGE(pcid, 0, TLB_PCIDS - 1),
    ENTRY(flags),
    ENTRY_RANGE(key, 0, 15),
    ENTRY_RANGE(shift, PAGE_SHIFT, 30),
    ENTRY_RANGE(way, 0, TLB_WAYS - 1),
    WAYS(small_next),
    WAYS(large_next),
    WAYS(huge_next),
};
const struct state_table tlb_state = STATE_TABLE(fields);

/* Of any PCID: what a later MOV to CR3 would find. */
static bool is_live(const struct tlb *tlb, const struct tlb_entry *e) {
  if (e->flags & PAGE_GLOBAL) return e->stamp >= tlb->all;
  return e->stamp >= tlb->all_local && e->stamp >= tlb->pcid[e->pcid];
}

static void store_sets(const struct tlb *tlb, const struct tlb_set *sets, unsigned count, uint8_t *next,
                       struct tlb_image *image) {
  for (unsigned i = 0; i < count; i++) {
    next[i] = (uint8_t)sets[i].next;
    for (uint8_t way = 0; way < TLB_WAYS; way++) {
      const struct tlb_entry *e = &sets[i].way[way];
      if (!e->stamp || !is_live(tlb, e)) continue;
      image->entry[image->count++] =
          (struct saved_translation){e->linear, e->physical, e->pcid, e->flags, e->key, e->shift, way};
    }
  }
}

void tlb_store(const struct tlb *tlb, struct tlb_image *image) {
  image->count = 0;
  store_sets(tlb, tlb->small, TLB_SMALL_SETS, image->small_next, image);
  store_sets(tlb, tlb->large, TLB_LARGE_SETS, image->large_next, image);
  store_sets(tlb, tlb->huge, TLB_HUGE_SETS, image->huge_next, image);
}

static void load_next(struct tlb_set *sets, unsigned count, const uint8_t *next) {
  for (unsigned i = 0; i < count; i++) sets[i].next = next[i];
}

void tlb_load(struct mmu *mmu, const struct tlb_image *image) {
  struct tlb *tlb = &mmu->tlb;
  const uint16_t pcid = tlb->current;
  const uint8_t large_shift = tlb->large_shift;
  memset(tlb, 0, sizeof *tlb);
  tlb_initialize(tlb);
  tlb->large_shift = large_shift;
  tlb_set_current(tlb, pcid);
  for (uint32_t i = 0; i < image->count; i++) {
    const struct saved_translation *saved = &image->entry[i];
    const struct tlb_entry entry = {.linear = saved->linear,
                                    .physical = saved->physical,
                                    .stamp = tlb->clock,
                                    .pcid = saved->pcid,
                                    .flags = saved->flags,
                                    .key = saved->key,
                                    .shift = saved->shift};
    tlb_place(tlb, &entry, saved->way);
  }
  load_next(tlb->small, TLB_SMALL_SETS, image->small_next);
  load_next(tlb->large, TLB_LARGE_SETS, image->large_next);
  load_next(tlb->huge, TLB_HUGE_SETS, image->huge_next);
}
