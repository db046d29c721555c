/* Physical memory of a machine: what is mapped where. */
#include "cpu/mmu/physical.h"

#include <string.h>

#include "cpu/allocate.h"

struct physical_memory *physical_create(const struct vmxsim_allocator *allocator) {
  struct physical_memory *const memory = memory_allocate(allocator, sizeof *memory);
  if (memory) memory->allocator = allocator;
  return memory;
}

static void block_free(const struct physical_memory *memory, struct physical_block *block) {
  memory_release(memory->allocator, block->code);
  memory_release(memory->allocator, block->dirty);
  memory_release(memory->allocator, block->changed);
  memory_release(memory->allocator, block);
}

static void block_release(const struct physical_memory *memory, struct physical_block *block) {
  if (--block->regions == 0) block_free(memory, block);
}

void physical_destroy(struct physical_memory *memory) {
  if (!memory) return;
  for (size_t i = 0; i < memory->count; i++) block_release(memory, memory->region[i].block);
  memory_release(memory->allocator, memory->region);
  memory_release(memory->allocator, memory);
}

/* --- the map ------------------------------------------------------------------------------------------------------ */

static struct physical_block *block_create(const struct physical_memory *memory, uint64_t address, uint64_t size,
                                           enum physical_kind kind) {
  struct physical_block *block = memory_allocate(memory->allocator, sizeof *block);
  if (!block) return NULL;
  block->address = address;
  block->pages = size >> PAGE_SHIFT;
  if (kind == PHYSICAL_MMIO) return block;
  block->code = memory_allocate(memory->allocator, (size_t)block->pages * sizeof *block->code);
  block->dirty = memory_allocate(memory->allocator, (size_t)(block->pages + 63) / 64 * sizeof *block->dirty);
  block->changed = memory_allocate(memory->allocator, (size_t)(block->pages + 63) / 64 * sizeof *block->changed);
  if (block->code && block->dirty && block->changed) return block;
  block_free(memory, block);
  return NULL;
}

static bool is_page_range(uint64_t address, uint64_t size) {
  return size > 0 && ((address | size) & ~PAGE_MASK) == 0 && address + (size - 1) >= address;
}

/* Room for two more regions: what one mapping or one change of protection can add. */
static bool reserve(struct physical_memory *memory) {
  if (memory->count + 2 <= memory->capacity) return true;
  size_t capacity = memory->capacity * 2 + 8;
  struct physical_region *region = memory_resize(memory->allocator, memory->region, capacity * sizeof *region);
  if (!region) return false;
  memory->region = region;
  memory->capacity = capacity;
  return true;
}

static void insert(struct physical_memory *memory, size_t at, struct physical_region region) {
  memmove(&memory->region[at + 1], &memory->region[at], (memory->count - at) * sizeof region);
  memory->region[at] = region;
  memory->count++;
  region.block->regions++;
}

static void delete (struct physical_memory *memory, size_t at) {
  struct physical_block *block = memory->region[at].block;
  memory->count--;
  memmove(&memory->region[at], &memory->region[at + 1], (memory->count - at) * sizeof(struct physical_region));
  block_release(memory, block);
}

/* Code that was decoded from pages that are about to go. */
static void drop_code(struct physical_memory *memory, const struct physical_region *region, uint64_t first,
                      uint64_t last) {
  struct physical_block *block = region->block;
  if (!block->code) return;
  if (first < region->first) first = region->first;
  if (last > region->last) last = region->last;
  for (uint64_t page = block_page(block, first); page <= block_page(block, last); page++) {
    if (!block->code[page]) continue;
    block->code[page] = 0;
    if (memory->code_written) memory->code_written(memory->code_context, block->address + (page << PAGE_SHIFT), 0);
  }
}

/* Frees first ... last of mappings; needs room for one region. Returns where a region there belongs. */
static size_t carve(struct physical_memory *memory, uint64_t first, uint64_t last) {
  size_t i = 0;
  while (i < memory->count && memory->region[i].last < first) i++;
  while (i < memory->count && memory->region[i].first <= last) {
    struct physical_region *r = &memory->region[i];
    drop_code(memory, r, first, last);
    if (r->first < first && r->last > last) {
      struct physical_region above = {last + 1, r->last, r->block, r->kind};
      r->last = first - 1;
      insert(memory, i + 1, above);
      return i + 1;
    }
    if (r->first < first) {
      r->last = first - 1;
      i++;
    } else if (r->last > last) {
      r->first = last + 1;
      return i;
    } else {
      delete (memory, i);
    }
  }
  return i;
}

void physical_tell(const struct physical_memory *memory, enum physical_change change) {
  for (struct physical_listener *l = memory->listeners; l; l = l->next) l->changed(l, change);
}

static void map_block(struct physical_memory *memory, uint64_t address, uint64_t size, struct physical_block *block,
                      enum physical_kind kind) {
  size_t at = carve(memory, address, address + (size - 1));
  insert(memory, at, (struct physical_region){address, address + (size - 1), block, kind});
  memory->found_last = 0;
  physical_tell(memory, PHYSICAL_MAP_CHANGED);
}

bool physical_map(struct physical_memory *memory, uint64_t address, uint64_t size, enum physical_kind kind,
                  uint8_t *host) {
  if (!is_page_range(address, size) || kind == PHYSICAL_MMIO || !host || !reserve(memory)) return false;
  struct physical_block *block = block_create(memory, address, size, kind);
  if (!block) return false;
  block->host = host;
  map_block(memory, address, size, block, kind);
  return true;
}

bool physical_map_mmio(struct physical_memory *memory, uint64_t address, uint64_t size, mmio_read *read,
                       mmio_write *write, void *context) {
  if (!is_page_range(address, size) || !read || !write || !reserve(memory)) return false;
  struct physical_block *block = block_create(memory, address, size, PHYSICAL_MMIO);
  if (!block) return false;
  block->read = read;
  block->write = write;
  block->context = context;
  map_block(memory, address, size, block, PHYSICAL_MMIO);
  return true;
}

bool physical_unmap(struct physical_memory *memory, uint64_t address, uint64_t size) {
  if (!is_page_range(address, size) || !reserve(memory)) return false;
  carve(memory, address, address + (size - 1));
  memory->found_last = 0;
  physical_tell(memory, PHYSICAL_MAP_CHANGED);
  return true;
}

/* Has a region begin at `address`, if one goes over it; needs room for one. */
static void split_at(struct physical_memory *memory, uint64_t address) {
  for (size_t i = 0; i < memory->count; i++) {
    struct physical_region *const r = &memory->region[i];
    if (r->first >= address || r->last < address) continue;
    const struct physical_region above = {address, r->last, r->block, r->kind};
    r->last = address - 1;
    insert(memory, i + 1, above);
    return;
  }
}

bool physical_is_mapped(struct physical_memory *memory, uint64_t address, uint64_t size, bool only_memory) {
  while (size > 0) {
    const struct physical_region *const r = physical_find(memory, address);
    if (!r || (only_memory && r->kind == PHYSICAL_MMIO)) return false;
    const uint64_t here = r->last - address;
    if (size - 1 <= here) return true;
    address += here + 1;
    size -= here + 1;
  }
  return true;
}

bool physical_protect(struct physical_memory *memory, uint64_t address, uint64_t size, enum physical_kind kind) {
  if (!is_page_range(address, size) || kind == PHYSICAL_MMIO) return false;
  if (!physical_is_mapped(memory, address, size, true) || !reserve(memory)) return false;
  const uint64_t last = address + (size - 1);
  split_at(memory, address);
  if (last != UINT64_MAX) split_at(memory, last + 1);
  for (size_t i = 0; i < memory->count; i++)
    if (memory->region[i].first >= address && memory->region[i].last <= last) memory->region[i].kind = kind;
  memory->found_last = 0;
  physical_tell(memory, PHYSICAL_MAP_CHANGED);
  return true;
}

const struct physical_region *physical_search(struct physical_memory *memory, uint64_t address) {
  size_t low = 0, high = memory->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (memory->region[middle].last < address)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == memory->count || memory->region[low].first > address) return NULL;
  memory->found_last = low;
  return &memory->region[low];
}

void physical_listen(struct physical_memory *memory, struct physical_listener *listener) {
  listener->next = memory->listeners;
  memory->listeners = listener;
}

void physical_unlisten(struct physical_memory *memory, struct physical_listener *listener) {
  struct physical_listener **at = &memory->listeners;
  while (*at && *at != listener) at = &(*at)->next;
  if (*at) *at = listener->next;
}
