/* Numbers and truth values. */
#include "scalar.h"

#include "vmcs/characters.h"
#include "vmcs/names.h"

/* The base that a prefix stands for; 10 without one. */
static unsigned base_of(const char *text, size_t length) {
  if (length < 2 || text[0] != '0') return 10;
  switch (text[1]) {
  case 'x':
  case 'X': return 16;
  case 'b':
  case 'B': return 2;
  case 'o':
  case 'O': return 8;
  default: return 10;
  }
}

/* Digits with single underscores between them. */
static enum scalar_kind magnitude(const char *text, size_t length, unsigned base, uint64_t *value) {
  uint64_t sum = 0;
  bool too_wide = false, after_digit = false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int digit = text_digit(text[i]);
    if (digit < 0 || (unsigned)digit >= base) return SCALAR_MALFORMED;
    if (sum > (UINT64_MAX - (unsigned)digit) / base) too_wide = true;
    sum = sum * base + (unsigned)digit;
    after_digit = true;
  }
  *value = sum;
  if (!after_digit) return SCALAR_MALFORMED;
  return too_wide ? SCALAR_TOO_WIDE : SCALAR_NUMBER;
}

enum scalar_kind scalar_number(const char *text, size_t length, unsigned bits, uint64_t *value) {
  const bool negative = length && text[0] == '-';
  if (length && (text[0] == '-' || text[0] == '+')) text++, length--;
  if (!length || text[0] < '0' || text[0] > '9') return SCALAR_NAME;
  const unsigned base = base_of(text, length);
  const size_t prefix = base == 10 ? 0 : 2;
  uint64_t sum = 0;
  const enum scalar_kind kind = magnitude(text + prefix, length - prefix, base, &sum);
  if (kind != SCALAR_NUMBER) return kind;
  const uint64_t maximum = scalar_maximum(bits);
  if (sum > (negative ? maximum / 2 + 1 : maximum)) return SCALAR_TOO_WIDE;
  *value = negative ? (0 - sum) & maximum : sum;
  return SCALAR_NUMBER;
}

bool scalar_truth(const char *text, size_t length, uint64_t *value) {
  static const struct {
    const char *word;
    uint64_t value;
  } words[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {"on", 1}, {"off", 0}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!names_equal(words[i].word, text, length)) continue;
    *value = words[i].value;
    return true;
  }
  return false;
}
