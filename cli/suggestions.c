/* Reading what a person typed: the nearest name to a mistyped one, and numbers. */
#include <ctype.h>
#include <string.h>

#include "cli/common.h"

/* Edit distance in which neighbours that changed places count once. */
static unsigned distance_between(const char *a, size_t a_length, const char *b, size_t b_length) {
  enum { MAX = 64 };
  static const unsigned far = ~0u;
  unsigned rows[3][MAX + 1];
  if (a_length > MAX || b_length > MAX) return far;
  unsigned *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_length; j++) last[j] = (unsigned)j;
  for (size_t i = 1; i <= a_length; i++) {
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= b_length; j++) {
      unsigned least = last[j - 1] + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
      if (last[j] + 1 < least) least = last[j] + 1;
      if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least) {
        least = before[j - 2] + 1;
      }
      row[j] = least;
    }
    unsigned *unused = before;
    before = last;
    last = row;
    row = unused;
  }
  return last[b_length];
}

void suggestions_begin(struct suggestions *suggestions, const char *name, size_t length) {
  *suggestions = (struct suggestions){name, length, NULL, ~0u};
}

void suggestions_offer(struct suggestions *suggestions, const char *candidate) {
  const unsigned distance = distance_between(candidate, strlen(candidate), suggestions->name, suggestions->length);
  if (distance >= suggestions->best_distance) return;
  suggestions->best = candidate;
  suggestions->best_distance = distance;
}

const char *suggestions_best(const struct suggestions *suggestions) {
  const size_t near = suggestions->length / 3 + 1;
  return suggestions->best_distance <= near ? suggestions->best : NULL;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)tolower((unsigned char)c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

bool parse_number(const char *text, size_t length, uint64_t *value) {
  unsigned base = 10;
  if (length > 2 && text[0] == '0' && (text[1] | 32) == 'x') {
    base = 16, text += 2, length -= 2;
  } else if (length > 2 && text[0] == '0' && (text[1] | 32) == 'b') {
    base = 2, text += 2, length -= 2;
  } else if (length > 1 && (text[length - 1] | 32) == 'h') {
    base = 16, length--;
  }
  uint64_t sum = 0;
  bool any = false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '_' && any) continue;
    const unsigned digit = (unsigned)digit_of(text[i]);
    if (digit >= base || sum > (UINT64_MAX - digit) / base) return false;
    sum = sum * base + digit;
    any = true;
  }
  *value = sum;
  return any;
}
