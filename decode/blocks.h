/* Decoded blocks, found by physical address and mode. One cache a vCPU.
 *
 * A block stays in a page; an instruction that crosses into the next page is a block of its own, and depends on where
 * the next page is: block_cache_add_crossing(). A write to a page with decoded code throws its blocks away.
 *
 * Blocks live in an arena: a dropped one is no longer found, but stays as it is until the next block is added. So the
 * block that is executing may be dropped.
 */
#ifndef VMXSIM_DECODE_BLOCKS_H
#define VMXSIM_DECODE_BLOCKS_H

#include "decode/decode.h"

enum { BLOCK_OPS_MAX = 48 };

/* second_page of a block that is in one page. */
#define BLOCK_NO_PAGE UINT64_MAX

struct block {
  uint64_t physical;
  uint64_t
      second_page; /* of an instruction that crosses: physical address of the page it ends in; else BLOCK_NO_PAGE */
  decode_mode mode;
  uint16_t op_count; /* without the end marker */
  uint16_t bytes;
  uint32_t cycles; /* of all ops */
  bool is_hooked;  /* somebody wants to be asked before the first op: never entered but by the run loop */
  struct block *next_in_bucket;
  const struct ir_op *last; /* this and what follows is the run loop's: libvmxsim/machine/fetch.c */
  struct block_link {
    uint64_t linear, key;
    uint64_t generation; /* of the cache */
    struct block *block;
  } link[2];
  struct ir_op ops[]; /* op_count, then one whose execute ends the block */
};

/* Memory for the cache: as realloc(), but size 0 frees and returns NULL. NULL for more: no memory. */
typedef void *block_reallocate(void *context, void *pointer, size_t size);

struct block_cache;
struct block_cache *block_cache_create(void); /* realloc() and free(). NULL: no memory */
struct block_cache *block_cache_create_with(block_reallocate *reallocate, void *context);
void block_cache_destroy(struct block_cache *cache);

/* A block that is found may be one that crosses: then it is only valid if its second_page is where the next page is. */
struct block *block_cache_find(struct block_cache *cache, uint64_t physical, decode_mode mode);
struct block *block_cache_find_crossing(struct block_cache *cache, uint64_t physical, uint64_t second_page,
                                        decode_mode mode);

/* Room for a block of up to `ops` ops, end marker included, at most BLOCK_OPS_MAX + 1; NULL: no memory. When the cache
 * is full everything in it is dropped. `second_page` is any address in that page. */
struct block *block_cache_add(struct block_cache *cache, uint64_t physical, decode_mode mode, unsigned ops);
struct block *block_cache_add_crossing(struct block_cache *cache, uint64_t physical, uint64_t second_page,
                                       decode_mode mode, unsigned ops);

/* `page`: any address in the page. Blocks that cross into it are dropped as well. */
void block_cache_drop_page(struct block_cache *cache, uint64_t page);
bool block_cache_has_page(const struct block_cache *cache, uint64_t page);
void block_cache_drop_all(struct block_cache *cache);
uint64_t block_cache_generation(const struct block_cache *cache); /* changes whenever blocks are dropped */

#endif
