/* The block cache: a hash table by (physical address, mode), a second one by page for dropping, and an arena of chunks
 * that holds what both point to. Chunks are allocated as blocks are added, up to a bound, and kept for reuse. */
#include "decode/blocks.h"

#include <stdlib.h>
#include <string.h>

enum {
  BUCKET_BITS = 16,
  PAGE_BUCKET_BITS = 13,
  CHUNK_SIZE = 1 << 20,
  CHUNKS_MAX = 32,
  ALIGNMENT = 16,
};

/* That a block has bytes in a page. */
struct page_link {
  struct page_link *next;
  struct block *block;
  uint64_t page;
};

struct block_cache {
  block_reallocate *reallocate;
  void *context;
  uint64_t generation;
  unsigned chunk;     /* the one that is being filled */
  size_t chunk_used;  /* bytes of it */
  unsigned allocated; /* chunks that exist */
  unsigned char *chunks[CHUNKS_MAX];
  struct block *buckets[1 << BUCKET_BITS];
  struct page_link *pages[1 << PAGE_BUCKET_BITS];
};

_Static_assert(sizeof(struct block) + (BLOCK_OPS_MAX + 1) * sizeof(struct ir_op) + 2 * sizeof(struct page_link) +
                       3 * ALIGNMENT <=
                   CHUNK_SIZE,
               "every block fits a chunk");

static uint64_t page_of(uint64_t address) {
  return address & ~UINT64_C(0xfff);
}

static size_t bucket_of(uint64_t physical, decode_mode mode) {
  return (size_t)(((physical ^ (uint64_t)mode << 40) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - BUCKET_BITS));
}

static size_t page_bucket_of(uint64_t page) {
  return (size_t)(((page >> 12) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - PAGE_BUCKET_BITS));
}

/* --- making and unmaking it -------------------------------------------------------------------------------------- */

static void *standard_reallocate(void *context, void *pointer, size_t size) {
  (void)context;
  if (size) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

struct block_cache *block_cache_create_with(block_reallocate *reallocate, void *context) {
  struct block_cache *cache = reallocate(context, NULL, sizeof *cache);
  if (!cache) return NULL;
  memset(cache, 0, sizeof *cache);
  cache->reallocate = reallocate;
  cache->context = context;
  return cache;
}

struct block_cache *block_cache_create(void) {
  return block_cache_create_with(standard_reallocate, NULL);
}

void block_cache_destroy(struct block_cache *cache) {
  for (unsigned i = 0; i < cache->allocated; i++) cache->reallocate(cache->context, cache->chunks[i], 0);
  cache->reallocate(cache->context, cache, 0);
}

/* --- the arena --------------------------------------------------------------------------------------------------- */

static size_t rounded(size_t size) {
  return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool chunk_exists(struct block_cache *cache, unsigned chunk) {
  if (chunk < cache->allocated) return true;
  unsigned char *memory = cache->reallocate(cache->context, NULL, CHUNK_SIZE);
  if (!memory) return false;
  cache->chunks[cache->allocated++] = memory;
  return true;
}

/* Makes sure that `size` bytes are left in the current chunk: goes on to the next, or starts again from none. */
static bool make_room(struct block_cache *cache, size_t size) {
  if (cache->chunk_used + size <= CHUNK_SIZE) return chunk_exists(cache, cache->chunk);
  if (cache->chunk + 1 == CHUNKS_MAX) {
    block_cache_drop_all(cache);
    return true;
  }
  if (!chunk_exists(cache, cache->chunk + 1)) return false;
  cache->chunk++;
  cache->chunk_used = 0;
  return true;
}

static void *take(struct block_cache *cache, size_t size) {
  void *memory = cache->chunks[cache->chunk] + cache->chunk_used;
  cache->chunk_used += rounded(size);
  return memory;
}

/* --- finding and adding ------------------------------------------------------------------------------------------ */

struct block *block_cache_find(struct block_cache *cache, uint64_t physical, decode_mode mode) {
  struct block *block = cache->buckets[bucket_of(physical, mode)];
  while (block && (block->physical != physical || block->mode != mode)) block = block->next_in_bucket;
  return block;
}

struct block *block_cache_find_crossing(struct block_cache *cache, uint64_t physical, uint64_t second_page,
                                        decode_mode mode) {
  struct block *block = block_cache_find(cache, physical, mode);
  const uint64_t page = page_of(second_page);
  while (block && (block->physical != physical || block->mode != mode || block->second_page != page)) {
    block = block->next_in_bucket;
  }
  return block;
}

static void link_to_page(struct block_cache *cache, struct block *block, uint64_t page) {
  struct page_link **bucket = &cache->pages[page_bucket_of(page)];
  struct page_link *link = take(cache, sizeof *link);
  *link = (struct page_link){*bucket, block, page};
  *bucket = link;
}

static struct block *add(struct block_cache *cache, const struct block *head, unsigned ops) {
  const size_t size = sizeof(struct block) + ops * sizeof(struct ir_op);
  if (ops > BLOCK_OPS_MAX + 1 || !make_room(cache, rounded(size) + 2 * rounded(sizeof(struct page_link)))) return NULL;
  struct block **bucket = &cache->buckets[bucket_of(head->physical, head->mode)];
  struct block *block = take(cache, size);
  *block = *head;
  block->next_in_bucket = *bucket;
  *bucket = block;
  link_to_page(cache, block, page_of(block->physical));
  if (block->second_page != BLOCK_NO_PAGE) link_to_page(cache, block, block->second_page);
  return block;
}

struct block *block_cache_add(struct block_cache *cache, uint64_t physical, decode_mode mode, unsigned ops) {
  const struct block head = {.physical = physical, .second_page = BLOCK_NO_PAGE, .mode = mode};
  return add(cache, &head, ops);
}

struct block *block_cache_add_crossing(struct block_cache *cache, uint64_t physical, uint64_t second_page,
                                       decode_mode mode, unsigned ops) {
  const struct block head = {.physical = physical, .second_page = page_of(second_page), .mode = mode};
  return add(cache, &head, ops);
}

/* --- dropping ---------------------------------------------------------------------------------------------------- */

/* A block that crosses has two links; the second one finds it gone. */
static void forget(struct block_cache *cache, const struct block *block) {
  struct block **at = &cache->buckets[bucket_of(block->physical, block->mode)];
  while (*at && *at != block) at = &(*at)->next_in_bucket;
  if (*at) *at = block->next_in_bucket;
}

void block_cache_drop_page(struct block_cache *cache, uint64_t page) {
  struct page_link **at = &cache->pages[page_bucket_of(page_of(page))];
  bool dropped = false;
  while (*at) {
    if ((*at)->page != page_of(page)) {
      at = &(*at)->next;
      continue;
    }
    forget(cache, (*at)->block);
    *at = (*at)->next;
    dropped = true;
  }
  if (dropped) cache->generation++;
}

bool block_cache_has_page(const struct block_cache *cache, uint64_t page) {
  const struct page_link *link = cache->pages[page_bucket_of(page_of(page))];
  while (link && link->page != page_of(page)) link = link->next;
  return link;
}

void block_cache_drop_all(struct block_cache *cache) {
  memset(cache->buckets, 0, sizeof cache->buckets);
  memset(cache->pages, 0, sizeof cache->pages);
  cache->chunk = 0;
  cache->chunk_used = 0;
  cache->generation++;
}

uint64_t block_cache_generation(const struct block_cache *cache) {
  return cache->generation;
}
