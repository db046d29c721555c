/* Walks that were made before. VM entries, VM exits and loads of CR3 flush the TLB, and the same pages are walked to
 * again and again: reading what the walk read, at the host's addresses, says whether it would find the same.
 */
#include <string.h>

#include "cpu/mmu/mmu_fast.h"

/* With A20M# asserted the addresses depend on VMX operation; the model of the data caches has to see every entry. */
static bool is_off(const struct mmu *mmu) {
  return mmu->caches || mmu->vcpu->a20_off;
}

static size_t slot_of(uint64_t linear, uint64_t context) {
  return ((linear >> PAGE_SHIFT) + context * (KNOWN_WALKS / 4)) % KNOWN_WALKS;
}

/* Entries of 4 bytes are known with the one beside them, which may change: then the walk is made again. */
static uint64_t entry_at(const uint8_t *host) {
  return host_load(host, 8);
}

const struct tlb_entry *known_walk_find(const struct mmu *mmu, uint64_t linear, uint64_t root, unsigned access) {
  const struct known_walk *const known = &mmu->known_walk[slot_of(linear, mmu->context.number)];
  if (known->linear != (linear & PAGE_MASK) || known->context != mmu->context.number || known->root != root)
    return NULL;
  if (is_off(mmu)) return NULL;
  for (unsigned i = 0; i < known->entries; i++)
    if (entry_at(known->host[i]) != known->entry[i]) return NULL;
  return paging_grants(mmu, &known->page, access) ? &known->page : NULL;
}

static const uint8_t *host_of(struct physical_memory *memory, uint64_t address) {
  const struct physical_region *const region = physical_find(memory, address);
  return region ? block_host(region->block, address) : NULL;
}

void known_walk_note(struct mmu *mmu, uint64_t linear, const struct walk *walk) {
  struct known_walk known = {linear & PAGE_MASK, walk->root, mmu->context.number, walk->entries, .page = walk->page};
  if (is_off(mmu)) return;
  for (unsigned i = 0; i < walk->entries; i++) {
    known.host[i] = host_of(mmu->memory, walk->address[i] & ~UINT64_C(7));
    if (!known.host[i]) return;
    known.entry[i] = entry_at(known.host[i]);
  }
  mmu->known_walk[slot_of(linear, known.context)] = known;
}

void known_walks_forget(struct mmu *mmu) {
  memset(mmu->known_walk, 0, sizeof mmu->known_walk);
}
