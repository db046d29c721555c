/* Inside of physical memory: regions, and finding the one an address is in. Private to cpu/mmu/.
 *
 * The map is a sorted array of regions that do not overlap. A look-up tries the region found last first; machines have
 * a dozen regions and nearly all accesses go to one of them.
 */
#ifndef VMXSIM_CPU_MMU_PHYSICAL_H
#define VMXSIM_CPU_MMU_PHYSICAL_H

#include <stddef.h>

#include "cpu/mmu/memory.h"

enum { CODE_CHUNK = PAGE_SIZE / 64 };

/* One call of physical_map(); regions are the parts of it that later ones have not covered. */
struct physical_block {
  uint64_t address, pages;
  uint8_t *host; /* RAM, ROM */
  mmio_read *read;
  mmio_write *write;
  void *context;
  uint64_t *code;    /* RAM, ROM: a word a page, a bit for every 64 bytes that hold decoded code */
  uint64_t *dirty;   /* RAM, ROM: a bit a page */
  uint64_t *changed; /* the same, since the last snapshot */
  size_t regions;
};

struct physical_region {
  uint64_t first, last; /* addresses */
  struct physical_block *block;
  enum physical_kind kind; /* physical_protect() makes RAM of ROM and ROM of RAM */
};

enum physical_change {
  PHYSICAL_MAP_CHANGED,    /* any host pointer may be wrong */
  PHYSICAL_WRITES_WATCHED, /* writes to some page have to be seen again: dirty log cleared, code decoded */
};

/* Who keeps host pointers is told when to drop them. */
struct physical_listener {
  struct physical_listener *next;
  void (*changed)(struct physical_listener *listener, enum physical_change change);
};

struct physical_memory {
  struct physical_region *region;
  size_t count, capacity;
  size_t found_last;
  struct physical_listener *listeners;
  physical_code_written *code_written;
  void *code_context;
  physical_unmapped *unmapped; /* NULL: reads as ones, ignores writes */
  void *unmapped_context;
  physical_device_accessed *device_accessed; /* NULL: nobody wants to know */
  void *device_context;
  const struct vmxsim_allocator *allocator;
};

void physical_listen(struct physical_memory *memory, struct physical_listener *listener);
void physical_unlisten(struct physical_memory *memory, struct physical_listener *listener);
void physical_tell(const struct physical_memory *memory, enum physical_change change);

/* NULL where nothing is mapped. */
const struct physical_region *physical_search(struct physical_memory *memory, uint64_t address);

static inline const struct physical_region *physical_find(struct physical_memory *memory, uint64_t address) {
  if (memory->found_last >= memory->count) return physical_search(memory, address);
  const struct physical_region *r = &memory->region[memory->found_last];
  if (address - r->first <= r->last - r->first) return r;
  return physical_search(memory, address);
}

/* Devices see accesses of 1, 2, 4 and 8 bytes, at any offset; others are taken apart: the first piece of `size`. */
static inline unsigned device_size(size_t size) {
  if (size >= 8) return 8;
  if (size >= 4) return 4;
  return size >= 2 ? 2 : 1;
}

/* The 64-byte chunks that bytes first ... last of a page touch. */
static inline uint64_t chunks_of(unsigned first, unsigned last) {
  return (UINT64_MAX >> (63 - last / CODE_CHUNK)) & (UINT64_MAX << (first / CODE_CHUNK));
}

static inline uint64_t block_page(const struct physical_block *block, uint64_t address) {
  return (address - block->address) >> PAGE_SHIFT;
}

/* NULL for MMIO. */
static inline uint8_t *block_host(const struct physical_block *block, uint64_t address) {
  return block->host ? block->host + (address - block->address) : NULL;
}

static inline void block_set_dirty(struct physical_block *block, uint64_t address) {
  uint64_t page = block_page(block, address);
  block->dirty[page / 64] |= UINT64_C(1) << (page % 64);
  block->changed[page / 64] |= UINT64_C(1) << (page % 64);
}

/* In the eyes of both who watch. */
static inline bool block_is_dirty(const struct physical_block *block, uint64_t address) {
  uint64_t page = block_page(block, address);
  return (block->dirty[page / 64] & block->changed[page / 64]) >> (page % 64) & 1;
}

#endif
