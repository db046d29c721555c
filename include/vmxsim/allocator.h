/* Where the library's memory comes from: given at creation by who wants to know. */
#ifndef VMXSIM_ALLOCATOR_H
#define VMXSIM_ALLOCATOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* reallocate(context, NULL, n) allocates, (context, p, n) resizes, (context, p, 0) frees and returns NULL; NULL for
 * n > 0 means no memory, and p is still what it was. Memory is aligned as malloc() aligns it; what it holds does not
 * matter. A NULL allocator stands for realloc() and free(). */
struct vmxsim_allocator {
  void *(*reallocate)(void *context, void *pointer, size_t size);
  void *context;
};

#ifdef __cplusplus
}
#endif
#endif
