/* Copying, filling and comparing; the compiler also calls the first two by itself. */
#ifndef GUEST_MEMORY_H
#define GUEST_MEMORY_H

#include "kernel/types.h"

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
bool text_equal(const char *left, const char *right, size_t size);

#endif
