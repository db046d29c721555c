/* A bump allocator over a vmxsim_allocator: many small pieces, freed as one. */
#ifndef VMXSIM_INPUT_ARENA_H
#define VMXSIM_INPUT_ARENA_H

#include "vmxsim/input.h"

struct arena_block;

struct arena {
  struct vmxsim_allocator allocator;
  struct arena_block *blocks; /* the one in use first */
  char *next, *end;           /* what is left of it */
  size_t block_size;          /* of the next block */
};

/* A NULL allocator stands for realloc() and free(). */
void arena_init(struct arena *arena, const struct vmxsim_allocator *allocator);
void arena_free(struct arena *arena);
/* Gives back everything that was allocated, but keeps one block for what comes next. */
void arena_reset(struct arena *arena);

/* All of these return NULL if there is no memory. The memory is aligned for any of our types. */
void *arena_allocate(struct arena *arena, size_t size);
void *arena_allocate_array(struct arena *arena, size_t count, size_t size);
/* A copy with a NUL at its end. */
char *arena_string(struct arena *arena, const char *text, size_t length);

#endif
