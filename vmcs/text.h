/* Building text in a caller's buffer, without stdio. What does not fit is counted but not written. */
#ifndef VMXSIM_VMCS_TEXT_H
#define VMXSIM_VMCS_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
  char *at;      /* may be NULL if size is 0 */
  size_t size;   /* of the buffer, the final NUL included */
  size_t length; /* wanted so far, without the NUL */
};

static inline struct text text_begin(char *buffer, size_t size) {
  return (struct text){buffer, size, 0};
}

static inline void text_char(struct text *text, char c) {
  if (text->length + 1 < text->size) text->at[text->length] = c;
  text->length++;
}

static inline void text_span(struct text *text, const char *string, size_t length) {
  for (size_t i = 0; i < length; i++) text_char(text, string[i]);
}

static inline void text_put(struct text *text, const char *string) {
  while (*string) text_char(text, *string++);
}

/* "0x" and at least `digits` hexadecimal digits. */
static inline void text_hex(struct text *text, uint64_t value, unsigned digits) {
  unsigned needed = 1;
  while (needed < 16 && value >> (4 * needed)) needed++;
  if (digits < needed) digits = needed;
  text_put(text, "0x");
  while (digits--) text_char(text, "0123456789abcdef"[(value >> (4 * digits)) & 15]);
}

static inline void text_decimal(struct text *text, uint64_t value) {
  char digits[20];
  unsigned count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while (value /= 10);
  while (count) text_char(text, digits[--count]);
}

/* Ends the text with a NUL and returns the length that was wanted. */
static inline size_t text_end(struct text *text) {
  if (text->size) text->at[text->length < text->size ? text->length : text->size - 1] = 0;
  return text->length;
}

#endif
