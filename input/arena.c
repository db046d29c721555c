/* The arena: blocks that double in size, up to a mebibyte. */
#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = alignof(max_align_t), BLOCK_FIRST = 4096, BLOCK_LAST = 1 << 20 };

struct arena_block {
  alignas(ALIGNMENT) struct arena_block *below;
  size_t size; /* of the bytes after this header */
};

static void *reallocate_on_heap(void *context, void *pointer, size_t size) {
  (void)context;
  if (size) return realloc(pointer, size);
  free(pointer);
  return NULL;
}

void arena_init(struct arena *arena, const struct vmxsim_allocator *allocator) {
  *arena = (struct arena){.block_size = BLOCK_FIRST};
  if (allocator)
    arena->allocator = *allocator;
  else
    arena->allocator.reallocate = reallocate_on_heap;
}

static void free_blocks(struct arena *arena, struct arena_block *block) {
  while (block) {
    struct arena_block *below = block->below;
    arena->allocator.reallocate(arena->allocator.context, block, 0);
    block = below;
  }
}

void arena_free(struct arena *arena) {
  free_blocks(arena, arena->blocks);
  arena->blocks = NULL;
  arena->next = arena->end = NULL;
  arena->block_size = BLOCK_FIRST;
}

void arena_reset(struct arena *arena) {
  struct arena_block *top = arena->blocks;
  if (!top) return;
  free_blocks(arena, top->below);
  top->below = NULL;
  arena->next = (char *)(top + 1);
  arena->end = arena->next + top->size;
}

static bool add_block(struct arena *arena, size_t wanted) {
  const size_t size = wanted > arena->block_size ? wanted : arena->block_size;
  if (size > SIZE_MAX - sizeof(struct arena_block)) return false;
  struct arena_block *block =
      arena->allocator.reallocate(arena->allocator.context, NULL, sizeof(struct arena_block) + size);
  if (!block) return false;
  block->below = arena->blocks;
  block->size = size;
  arena->blocks = block;
  arena->next = (char *)(block + 1);
  arena->end = arena->next + size;
  if (arena->block_size < BLOCK_LAST) arena->block_size *= 2;
  return true;
}

void *arena_allocate(struct arena *arena, size_t size) {
  if (size > SIZE_MAX - ALIGNMENT) return NULL;
  size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  if (!arena->next || size > (size_t)(arena->end - arena->next)) {
    if (!add_block(arena, size)) return NULL;
  }
  void *memory = arena->next;
  arena->next += size;
  return memory;
}

void *arena_allocate_array(struct arena *arena, size_t count, size_t size) {
  if (size && count > SIZE_MAX / size) return NULL;
  return arena_allocate(arena, count * size);
}

char *arena_string(struct arena *arena, const char *text, size_t length) {
  char *copy = length < SIZE_MAX ? arena_allocate(arena, length + 1) : NULL;
  if (!copy) return NULL;
  if (length) memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}
