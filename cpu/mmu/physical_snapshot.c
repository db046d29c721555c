/* Physical memory as snapshots want it: the regions of the map, and pages that have changed since the last one. These
 * have a bit of their own, so that the embedder's dirty log is left alone.
 */
#include <string.h>

#include "cpu/mmu/physical.h"

static const uint8_t zeros[PAGE_SIZE];

bool physical_region_at(const struct physical_memory *memory, size_t index, struct physical_extent *extent) {
  if (index >= memory->count) return false;
  const struct physical_region *region = &memory->region[index];
  *extent =
      (struct physical_extent){region->first, region->last, region->kind, block_host(region->block, region->first)};
  return true;
}

void physical_set_page(struct physical_memory *memory, uint64_t page, const uint8_t *bytes) {
  const uint8_t *now = physical_page(memory, page);
  if (!bytes) bytes = zeros;
  if (now && memcmp(now, bytes, PAGE_SIZE) != 0) physical_write(memory, page, bytes, PAGE_SIZE);
}

void physical_forget_changes(struct physical_memory *memory) {
  for (size_t i = 0; i < memory->count; i++) {
    struct physical_block *block = memory->region[i].block;
    if (block->changed) memset(block->changed, 0, (size_t)(block->pages + 63) / 64 * sizeof *block->changed);
  }
  for (struct physical_listener *l = memory->listeners; l; l = l->next) l->changed(l, PHYSICAL_WRITES_WATCHED);
}

static bool next_in_region(const struct physical_region *region, uint64_t from, uint64_t *page) {
  const struct physical_block *block = region->block;
  const uint64_t last = block_page(block, region->last);
  if (!block->changed) return false;
  for (uint64_t n = block_page(block, from < region->first ? region->first : from); n <= last; n++) {
    const uint64_t word = block->changed[n / 64] >> (n % 64);
    if (word) n += (uint64_t)__builtin_ctzll(word);
    if (!word) n |= 63; /* on to the next word */
    if (!word || n > last) continue;
    *page = block->address + (n << PAGE_SHIFT);
    return true;
  }
  return false;
}

bool physical_next_change(const struct physical_memory *memory, uint64_t from, uint64_t *page) {
  for (size_t i = 0; i < memory->count; i++) {
    if (memory->region[i].last >= from && next_in_region(&memory->region[i], from, page)) return true;
  }
  return false;
}
