/* Copying, filling and comparing. */
#include "kernel/memory.h"

void *memcpy(void *to, const void *from, size_t size) {
  void *at = to;
  __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void *memset(void *to, int value, size_t size) {
  void *at = to;
  __asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
  return to;
}

bool text_equal(const char *left, const char *right, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (left[i] != right[i]) return false;
  }
  return true;
}
