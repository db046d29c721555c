/* The modelled TLB in a form that can be saved: what is live of it, and which way of each set goes next. When it was
 * filled and flushed does not matter any more. */
#ifndef VMXSIM_CPU_MMU_TLB_STATE_H
#define VMXSIM_CPU_MMU_TLB_STATE_H

#include "cpu/mmu/mmu.h"
#include "cpu/state_table.h"

enum { TLB_SETS = TLB_SMALL_SETS + TLB_LARGE_SETS + TLB_HUGE_SETS };

struct saved_translation {
  uint64_t linear, physical;
  uint16_t pcid;
  uint8_t flags, key, shift;
  uint8_t way; /* of the set that `linear` and `shift` give */
};

struct tlb_image {
  uint32_t count;
  struct saved_translation entry[TLB_SETS * TLB_WAYS];
  uint8_t small_next[TLB_SMALL_SETS], large_next[TLB_LARGE_SETS], huge_next[TLB_HUGE_SETS];
};

extern const struct state_table tlb_state; /* struct tlb_image */
void tlb_store(const struct tlb *tlb, struct tlb_image *image);
/* The vCPU's registers are restored already: they say what the current PCID is. */
void tlb_load(struct mmu *mmu, const struct tlb_image *image);

#endif
