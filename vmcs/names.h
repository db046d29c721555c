/* Comparing names the way people write them: case, '_', '-', '.' and blanks do not count. */
#ifndef VMXSIM_VMCS_NAMES_H
#define VMXSIM_VMCS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* strlen(), which freestanding C does not have. */
size_t names_length(const char *name);

/* Whether `length` bytes at `name` are the NUL-terminated `known`. */
bool names_equal(const char *known, const char *name, size_t length);

/* A hash that equal names share. */
uint32_t names_hash(const char *name, size_t length);

/* A number as names of encodings and MSRs are written: "0x6800", "6800h", "6800". False if it is none. */
bool names_hexadecimal(const char *name, size_t length, uint64_t *value);

/* The candidates nearest to a mistyped name. */
enum { NEAREST_MAX = 4 };
struct nearest {
  const char *name[NEAREST_MAX];
  unsigned distance[NEAREST_MAX];
  size_t count, max;
};

void nearest_begin(struct nearest *nearest, size_t max);
void nearest_offer(struct nearest *nearest, const char *candidate, const char *name, size_t length);
/* Copies the names out, nearest first; returns how many. */
size_t nearest_end(const struct nearest *nearest, const char **names, size_t max);

#endif
