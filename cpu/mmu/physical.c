/* Physical memory of a machine: what is mapped where, reading and writing it.
 *
 * Writes are watched for two reasons: the dirty log, by page, and decoded code, by 64 bytes, so that data beside code
 * stays cheap to write.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/mmu/physical.h"

struct physical_memory *physical_create(const struct machine *machine) {
  (void)machine;
  return calloc(1, sizeof(struct physical_memory));
}

static void block_release(struct physical_block *block) {
  if (--block->regions > 0) return;
  free(block->code);
  free(block->dirty);
  free(block->changed);
  free(block);
}

void physical_destroy(struct physical_memory *memory) {
  if (!memory) return;
  for (size_t i = 0; i < memory->count; i++) block_release(memory->region[i].block);
  free(memory->region);
  free(memory);
}

/* --- the map ------------------------------------------------------------------------------------------------------ */

static struct physical_block *block_create(uint64_t address, uint64_t size, enum physical_kind kind) {
  struct physical_block *block = calloc(1, sizeof *block);
  if (!block) return NULL;
  block->kind = kind;
  block->address = address;
  block->pages = size >> PAGE_SHIFT;
  if (kind == PHYSICAL_MMIO) return block;
  block->code = calloc((size_t)block->pages, sizeof *block->code);
  block->dirty = calloc((size_t)(block->pages + 63) / 64, sizeof *block->dirty);
  block->changed = calloc((size_t)(block->pages + 63) / 64, sizeof *block->changed);
  if (block->code && block->dirty && block->changed) return block;
  free(block->code);
  free(block->dirty);
  free(block->changed);
  free(block);
  return NULL;
}

static bool is_page_range(uint64_t address, uint64_t size) {
  return size > 0 && ((address | size) & ~PAGE_MASK) == 0 && address + (size - 1) >= address;
}

/* Room for two more regions: what one mapping can add. */
static bool reserve(struct physical_memory *memory) {
  if (memory->count + 2 <= memory->capacity) return true;
  size_t capacity = memory->capacity * 2 + 8;
  struct physical_region *region = realloc(memory->region, capacity * sizeof *region);
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
  block_release(block);
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
      struct physical_region above = {last + 1, r->last, r->block};
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

static void tell(const struct physical_memory *memory, enum physical_change change) {
  for (struct physical_listener *l = memory->listeners; l; l = l->next) l->changed(l, change);
}

static void map_block(struct physical_memory *memory, uint64_t address, uint64_t size, struct physical_block *block) {
  size_t at = carve(memory, address, address + (size - 1));
  insert(memory, at, (struct physical_region){address, address + (size - 1), block});
  memory->found_last = 0;
  tell(memory, PHYSICAL_MAP_CHANGED);
}

bool physical_map(struct physical_memory *memory, uint64_t address, uint64_t size, enum physical_kind kind,
                  uint8_t *host) {
  if (!is_page_range(address, size) || kind == PHYSICAL_MMIO || !host || !reserve(memory)) return false;
  struct physical_block *block = block_create(address, size, kind);
  if (!block) return false;
  block->host = host;
  map_block(memory, address, size, block);
  return true;
}

bool physical_map_mmio(struct physical_memory *memory, uint64_t address, uint64_t size, mmio_read *read,
                       mmio_write *write, void *context) {
  if (!is_page_range(address, size) || !read || !write || !reserve(memory)) return false;
  struct physical_block *block = block_create(address, size, PHYSICAL_MMIO);
  if (!block) return false;
  block->read = read;
  block->write = write;
  block->context = context;
  map_block(memory, address, size, block);
  return true;
}

bool physical_unmap(struct physical_memory *memory, uint64_t address, uint64_t size) {
  if (!is_page_range(address, size) || !reserve(memory)) return false;
  carve(memory, address, address + (size - 1));
  memory->found_last = 0;
  tell(memory, PHYSICAL_MAP_CHANGED);
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

/* --- accesses ----------------------------------------------------------------------------------------------------- */

/* Devices see accesses of 1, 2, 4 and 8 bytes, at any offset; others are taken apart. */
static unsigned device_size(size_t size) {
  if (size >= 8) return 8;
  if (size >= 4) return 4;
  return size >= 2 ? 2 : 1;
}

static void device_read(const struct physical_block *block, uint64_t offset, uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = block->read(block->context, offset, n);
    memcpy(bytes, &value, n);
    bytes += n;
    offset += n;
    size -= n;
  }
}

static void device_write(const struct physical_block *block, uint64_t offset, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    block->write(block->context, offset, n, value);
    bytes += n;
    offset += n;
    size -= n;
  }
}

/* How many of `size` bytes lie in the region of `address`, or before the next one if it is in none. */
static size_t bytes_here(const struct physical_memory *memory, const struct physical_region *region, uint64_t address,
                         size_t size) {
  uint64_t last = UINT64_MAX;
  if (region) {
    last = region->last;
  } else {
    for (size_t i = 0; i < memory->count; i++) {
      if (memory->region[i].first <= address) continue;
      last = memory->region[i].first - 1;
      break;
    }
  }
  return size - 1 > last - address ? (size_t)(last - address) + 1 : size;
}

static void read_region(const struct physical_region *region, uint64_t address, uint8_t *bytes, size_t size) {
  if (!region)
    memset(bytes, 0xff, size);
  else if (region->block->host)
    memcpy(bytes, block_host(region->block, address), size);
  else
    device_read(region->block, address - region->block->address, bytes, size);
}

void physical_read(struct physical_memory *memory, uint64_t address, void *bytes, size_t size) {
  uint8_t *to = bytes;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    read_region(region, address, to, n);
    to += n;
    address += n;
    size -= n;
  }
}

/* The 64-byte chunks that bytes first ... last of a page touch. */
static uint64_t chunks_of(unsigned first, unsigned last) {
  return (UINT64_MAX >> (63 - last / CODE_CHUNK)) & (UINT64_MAX << (first / CODE_CHUNK));
}

static void write_ram(struct physical_memory *memory, struct physical_block *block, uint64_t address,
                      const uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned offset = (unsigned)(address & ~PAGE_MASK);
    size_t n = size < PAGE_SIZE - offset ? size : PAGE_SIZE - offset;
    uint64_t page = block_page(block, address);
    memcpy(block_host(block, address), bytes, n);
    block_set_dirty(block, address);
    if (block->code[page] & chunks_of(offset, offset + (unsigned)n - 1)) {
      block->code[page] = 0;
      if (memory->code_written) memory->code_written(memory->code_context, address, n);
    }
    bytes += n;
    address += n;
    size -= n;
  }
}

void physical_write(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size) {
  const uint8_t *from = bytes;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    if (region && region->block->kind == PHYSICAL_RAM)
      write_ram(memory, region->block, address, from, n);
    else if (region && region->block->kind == PHYSICAL_MMIO)
      device_write(region->block, address - region->block->address, from, n);
    from += n;
    address += n;
    size -= n;
  }
}

uint8_t *physical_page(struct physical_memory *memory, uint64_t address) {
  const struct physical_region *region = physical_find(memory, address);
  return region ? block_host(region->block, address & PAGE_MASK) : NULL;
}

/* --- watching writes ---------------------------------------------------------------------------------------------- */

static void watch_chunks(struct physical_memory *memory, uint64_t page, uint64_t chunks) {
  const struct physical_region *region = physical_find(memory, page);
  if (!region || !region->block->code) return;
  uint64_t *word = &region->block->code[block_page(region->block, page)];
  bool is_new = *word == 0 && chunks != 0;
  *word |= chunks;
  if (is_new) tell(memory, PHYSICAL_WRITES_WATCHED);
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
  if (cleared) tell(memory, PHYSICAL_WRITES_WATCHED);
}
