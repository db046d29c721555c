/* RAM of the host's for a machine (host_memory.h): from the system by the page where there is mmap(), else calloc(). */
#define _DEFAULT_SOURCE
#include "libvmxsim/machine/host_memory.h"

#include <stdint.h>

#include "cpu/allocate.h"

#if defined(__linux__)
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20 };

static size_t rounded(size_t size) {
  return (size + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1);
}

/* A large page has to begin at a multiple of its size: a page more is reserved, and what is over on both sides is given
 * back. */
static void *allocate_pages(size_t size) {
  const size_t wanted = rounded(size), reserved = wanted + LARGE_PAGE;
  if (wanted < size || reserved < wanted) return NULL;
  uint8_t *const first = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (first == MAP_FAILED) return NULL;
  const size_t before = (0 - (uintptr_t)first) & (LARGE_PAGE - 1), behind = LARGE_PAGE - before;
  if (before) munmap(first, before);
  if (behind) munmap(first + before + wanted, behind);
  madvise(first + before, wanted, MADV_HUGEPAGE); /* a wish: nothing is lost where it is not granted */
  return first + before;
}

static void release_pages(void *memory, size_t size) {
  munmap(memory, rounded(size));
}
#else
static void *allocate_pages(size_t size) {
  return memory_allocate(NULL, size);
}

static void release_pages(void *memory, size_t size) {
  (void)size;
  memory_release(NULL, memory);
}
#endif

void *host_memory_allocate(const struct vmxsim_allocator *allocator, size_t size) {
  return allocator ? memory_allocate(allocator, size) : allocate_pages(size);
}

void host_memory_release(const struct vmxsim_allocator *allocator, void *memory, size_t size) {
  if (allocator)
    memory_release(allocator, memory);
  else
    release_pages(memory, size);
}
