/* Physical memory of a machine: what is mapped where, reading and writing it.
 *
 * Writes are watched for two reasons: the dirty log, by page, and decoded code, by 64 bytes, so that data beside code
 * stays cheap to write.
 */
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

static void tell(const struct physical_memory *memory, enum physical_change change) {
  for (struct physical_listener *l = memory->listeners; l; l = l->next) l->changed(l, change);
}

static void map_block(struct physical_memory *memory, uint64_t address, uint64_t size, struct physical_block *block,
                      enum physical_kind kind) {
  size_t at = carve(memory, address, address + (size - 1));
  insert(memory, at, (struct physical_region){address, address + (size - 1), block, kind});
  memory->found_last = 0;
  tell(memory, PHYSICAL_MAP_CHANGED);
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
  tell(memory, PHYSICAL_MAP_CHANGED);
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

static void note_device(const struct physical_memory *memory, uint64_t address, unsigned size, bool write,
                        uint64_t value) {
  if (memory->device_accessed) memory->device_accessed(memory->device_context, address, size, write, value);
}

void physical_on_device(struct physical_memory *memory, physical_device_accessed *accessed, void *context) {
  memory->device_accessed = accessed;
  memory->device_context = context;
}

static void device_read(const struct physical_memory *memory, const struct physical_block *block, uint64_t offset,
                        uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = block->read(block->context, offset, n);
    note_device(memory, block->address + offset, n, false, value);
    memcpy(bytes, &value, n);
    bytes += n;
    offset += n;
    size -= n;
  }
}

static void device_write(const struct physical_memory *memory, const struct physical_block *block, uint64_t offset,
                         const uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    note_device(memory, block->address + offset, n, true, value);
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

/* The embedder answers for what is not mapped, if it wants to, in pieces as devices get them. */
static void read_unmapped(const struct physical_memory *memory, uint64_t address, uint8_t *bytes, size_t size) {
  memset(bytes, 0xff, size);
  while (memory->unmapped && size > 0) {
    const unsigned n = device_size(size);
    uint64_t value = UINT64_MAX;
    memory->unmapped(memory->unmapped_context, address, n, false, &value);
    memcpy(bytes, &value, n);
    bytes += n;
    address += n;
    size -= n;
  }
}

static void write_unmapped(const struct physical_memory *memory, uint64_t address, const uint8_t *bytes, size_t size) {
  while (memory->unmapped && size > 0) {
    const unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    memory->unmapped(memory->unmapped_context, address, n, true, &value);
    bytes += n;
    address += n;
    size -= n;
  }
}

void physical_on_unmapped(struct physical_memory *memory, physical_unmapped *unmapped, void *context) {
  memory->unmapped = unmapped;
  memory->unmapped_context = context;
}

static void read_region(const struct physical_memory *memory, const struct physical_region *region, uint64_t address,
                        uint8_t *bytes, size_t size) {
  if (!region)
    read_unmapped(memory, address, bytes, size);
  else if (region->block->host)
    memcpy(bytes, block_host(region->block, address), size);
  else
    device_read(memory, region->block, address - region->block->address, bytes, size);
}

/* A number in memory, as most are that the processor reads of its own. */
static bool read_number(struct physical_memory *memory, uint64_t address, void *bytes) {
  const struct physical_region *const region = physical_find(memory, address);
  if (!region || !region->block->host || region->last - address < 7) return false;
  memcpy(bytes, block_host(region->block, address), 8);
  return true;
}

void physical_read(struct physical_memory *memory, uint64_t address, void *bytes, size_t size) {
  uint8_t *to = bytes;
  if (size == 8 && read_number(memory, address, bytes)) return;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    read_region(memory, region, address, to, n);
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

static void write_all(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size, bool through) {
  const uint8_t *from = bytes;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    if (!region)
      write_unmapped(memory, address, from, n);
    else if (region->kind == PHYSICAL_RAM || (through && region->kind == PHYSICAL_ROM))
      write_ram(memory, region->block, address, from, n);
    else if (region->kind == PHYSICAL_MMIO)
      device_write(memory, region->block, address - region->block->address, from, n);
    from += n;
    address += n;
    size -= n;
  }
}

void physical_write(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size) {
  write_all(memory, address, bytes, size, false);
}

void physical_write_through(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size) {
  write_all(memory, address, bytes, size, true);
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
