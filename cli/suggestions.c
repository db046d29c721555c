/* Reading what a person typed: the nearest name to a mistyped one, and numbers. */
#include <string.h>

#include "cli/common.h"
#include "vmcs/characters.h"

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
    const int digit = text_digit(text[i]);
    if (digit < 0 || (unsigned)digit >= base || sum > (UINT64_MAX - (unsigned)digit) / base) return false;
    sum = sum * base + (unsigned)digit;
    any = true;
  }
  *value = sum;
  return any;
}
