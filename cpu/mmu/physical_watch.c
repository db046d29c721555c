/* Writes to physical memory are watched for two reasons: the dirty log, by page, and decoded code, by 64 bytes, so that
 * data beside code stays cheap to write.
 */
#include "cpu/mmu/physical.h"

#include <string.h>

static void watch_chunks(struct physical_memory *memory, uint64_t page, uint64_t chunks) {
  const struct physical_region *region = physical_find(memory, page);
  if (!region || !region->block->code) return;
  uint64_t *word = &region->block->code[block_page(region->block, page)];
  bool is_new = *word == 0 && chunks != 0;
  *word |= chunks;
  if (is_new) physical_tell(memory, PHYSICAL_WRITES_WATCHED);
}

void physical_watch_code(struct physical_memory *memory, uint64_t page, bool has_code) {
  if (has_code) {
    watch_chunks(memory, page, UINT64_MAX);
    return;
  }
  const struct physical_region *region = physical_find(memory, page);
  if (region && region->block->code) region->block->code[block_page(region->block, page)] = 0;
}

void physical_watch_code_bytes(struct physical_memory *memory, uint64_t address, size_t size) {
  while (size > 0) {
    unsigned offset = (unsigned)(address & ~PAGE_MASK);
    size_t n = size < PAGE_SIZE - offset ? size : PAGE_SIZE - offset;
    watch_chunks(memory, address, chunks_of(offset, offset + (unsigned)n - 1));
    address += n;
    size -= n;
  }
}

void physical_on_code_written(struct physical_memory *memory, physical_code_written *invalidate, void *context) {
  memory->code_written = invalidate;
  memory->code_context = context;
}

static bool take_dirty(struct physical_memory *memory, uint64_t address, bool clear) {
  const struct physical_region *region = physical_find(memory, address);
  if (!region || !region->block->dirty) return false;
  uint64_t page = block_page(region->block, address);
  uint64_t bit = UINT64_C(1) << (page % 64);
  bool dirty = region->block->dirty[page / 64] & bit;
  if (clear) region->block->dirty[page / 64] &= ~bit;
  return dirty;
}

void physical_dirty_log(struct physical_memory *memory, uint64_t address, uint64_t size, uint64_t *bits, bool clear) {
  uint64_t pages = size >> PAGE_SHIFT;
  bool cleared = false;
  memset(bits, 0, (size_t)((pages + 63) / 64) * sizeof *bits);
  for (uint64_t i = 0; i < pages; i++) {
    if (!take_dirty(memory, address + (i << PAGE_SHIFT), clear)) continue;
    bits[i / 64] |= UINT64_C(1) << (i % 64);
    cleared = clear;
  }
  if (cleared) physical_tell(memory, PHYSICAL_WRITES_WATCHED);
}
