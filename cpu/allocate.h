/* Memory from the machine's allocator; NULL stands for the C library's. */
#ifndef VMXSIM_CPU_ALLOCATE_H
#define VMXSIM_CPU_ALLOCATE_H

#include <stdlib.h>
#include <string.h>

#include "vmxsim/allocator.h"

/* As realloc(). */
static inline void *memory_resize(const struct vmxsim_allocator *allocator, void *pointer, size_t size) {
  return allocator ? allocator->reallocate(allocator->context, pointer, size) : realloc(pointer, size);
}

/* Zeroed. calloc() leaves large pieces untouched until they are used. */
static inline void *memory_allocate(const struct vmxsim_allocator *allocator, size_t size) {
  if (!allocator) return calloc(1, size);
  void *const pointer = allocator->reallocate(allocator->context, NULL, size);
  return pointer ? memset(pointer, 0, size) : NULL;
}

static inline void memory_release(const struct vmxsim_allocator *allocator, void *pointer) {
  if (!allocator)
    free(pointer);
  else if (pointer)
    allocator->reallocate(allocator->context, pointer, 0);
}

#endif
