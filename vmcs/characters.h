/* Kinds of characters, in ASCII. */
#ifndef VMXSIM_VMCS_CHARACTERS_H
#define VMXSIM_VMCS_CHARACTERS_H

#include <stdbool.h>

static inline bool text_is_blank(char c) {
  return c == ' ' || c == '\t';
}

static inline bool text_is_decimal(char c) {
  return c >= '0' && c <= '9';
}

static inline bool text_is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* In names of fields, MSRs and functions. */
static inline bool text_is_name_character(char c) {
  return text_is_letter(c) || text_is_decimal(c) || c == '_';
}

static inline char text_fold(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit, -1 if it is none. */
static inline int text_digit(char c) {
  const char folded = text_fold(c);
  if (text_is_decimal(c)) return c - '0';
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

#endif
