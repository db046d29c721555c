/* Reading what a person typed: the nearest name to a mistyped one, and numbers. */
#include <ctype.h>
#include <string.h>

#include "cli/common.h"

void suggestions_begin(struct suggestions *suggestions, const char *name, size_t length) {
  suggestions->name = name;
  suggestions->length = length;
  nearest_begin(&suggestions->nearest, 1);
}

void suggestions_offer(struct suggestions *suggestions, const char *candidate) {
  nearest_offer(&suggestions->nearest, candidate, suggestions->name, suggestions->length);
}

/* Of a short name little may differ: "foo" is not like "hlt". */
const char *suggestions_best(const struct suggestions *suggestions) {
  const char *best = NULL;
  const bool any = nearest_end(&suggestions->nearest, &best, 1);
  return any && suggestions->nearest.distance[0] <= (suggestions->length + 2) / 3 ? best : NULL;
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
