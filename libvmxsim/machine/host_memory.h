/* RAM that the machine allocates itself: zeroed, and where the host has them in large pages, which guests that go over
 * much memory notice. An embedder's allocator is asked as for everything else. */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_HOST_MEMORY_H
#define VMXSIM_LIBVMXSIM_MACHINE_HOST_MEMORY_H

#include <stddef.h>

#include "vmxsim/allocator.h"

/* `allocator` NULL: the host's. NULL: no memory. */
void *host_memory_allocate(const struct vmxsim_allocator *allocator, size_t size);
void host_memory_release(const struct vmxsim_allocator *allocator, void *memory, size_t size);

#endif
