#include "vmcs/names.h"

#include "vmcs/characters.h"

size_t names_length(const char *name) {
  size_t length = 0;
  while (name[length]) length++;
  return length;
}

static bool counts(char c) {
  return c != '_' && c != '-' && c != '.' && c != ' ' && c != '\t';
}

bool names_equal(const char *known, const char *name, size_t length) {
  size_t i = 0;
  for (;;) {
    while (*known && !counts(*known)) known++;
    while (i < length && !counts(name[i])) i++;
    if (i == length || !*known) return i == length && !*known;
    if (text_fold(*known) != text_fold(name[i])) return false;
    known++, i++;
  }
}

/* FNV-1a over the characters that count. */
uint32_t names_hash(const char *name, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) {
    if (!counts(name[i])) continue;
    hash = (hash ^ (unsigned char)text_fold(name[i])) * 16777619u;
  }
  return hash;
}

bool names_hexadecimal(const char *name, size_t length, uint64_t *value) {
  uint64_t sum = 0;
  if (length > 2 && name[0] == '0' && text_fold(name[1]) == 'x') {
    name += 2, length -= 2;
  } else if (length > 1 && text_fold(name[length - 1]) == 'h') {
    length--;
  }
  if (!length || length > 16) return false;
  for (size_t i = 0; i < length; i++) {
    const int digit = text_digit(name[i]);
    if (digit < 0) return false;
    sum = sum << 4 | (uint64_t)digit;
  }
  *value = sum;
  return true;
}

enum { LENGTH_MAX = 80 };

/* Without what does not count; SIZE_MAX: longer than any name. */
static size_t fold_name(char folded[LENGTH_MAX], const char *name, size_t length) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) {
    if (!counts(name[i])) continue;
    if (count == LENGTH_MAX) return SIZE_MAX;
    folded[count++] = text_fold(name[i]);
  }
  return count;
}

static unsigned least(unsigned a, unsigned b) {
  return a < b ? a : b;
}

/* Characters to replace, insert, leave out, or exchange with their neighbour (each once). */
static unsigned distance_of(const char *known, const char *name, size_t length) {
  unsigned rows[3][LENGTH_MAX + 1]; /* of this character of `known` and of the two before it */
  char a[LENGTH_MAX], b[LENGTH_MAX];
  const size_t lines = fold_name(a, known, names_length(known)), columns = fold_name(b, name, length);
  if (lines == SIZE_MAX || columns == SIZE_MAX) return ~0u;
  for (size_t j = 0; j <= columns; j++) rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= lines; i++) {
    unsigned *const row = rows[i % 3];
    const unsigned *const above = rows[(i + 2) % 3], *const above_that = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= columns; j++) {
      row[j] = least(least(row[j - 1], above[j]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = least(row[j], above_that[j - 2] + 1);
    }
  }
  return rows[lines % 3][columns];
}

void nearest_begin(struct nearest *nearest, size_t max) {
  *nearest = (struct nearest){.max = max < NEAREST_MAX ? max : NEAREST_MAX};
}

void nearest_offer(struct nearest *nearest, const char *candidate, const char *name, size_t length) {
  const unsigned distance = distance_of(candidate, name, length);
  /* More than half of it different is no likeness. */
  if (distance > 2 + length / 3) return;
  size_t place = nearest->count;
  for (size_t i = 0; i < nearest->count; i++) {
    if (names_equal(nearest->name[i], candidate, names_length(candidate))) return;
  }
  while (place && nearest->distance[place - 1] > distance) place--;
  if (place >= nearest->max) return;
  if (nearest->count < nearest->max) nearest->count++;
  for (size_t i = nearest->count - 1; i > place; i--) {
    nearest->name[i] = nearest->name[i - 1];
    nearest->distance[i] = nearest->distance[i - 1];
  }
  nearest->name[place] = candidate;
  nearest->distance[place] = distance;
}

size_t nearest_end(const struct nearest *nearest, const char **names, size_t max) {
  size_t count = 0;
  while (count < nearest->count && count < max) names[count] = nearest->name[count], count++;
  return count;
}
