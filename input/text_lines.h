/* Lines of a log as people paste them, without what mailers, terminals and web pages added. */
#ifndef VMXSIM_INPUT_TEXT_LINES_H
#define VMXSIM_INPUT_TEXT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcs/characters.h"

struct text_lines {
  const char *at, *end;
  char *buffer; /* the caller's */
  size_t size;  /* of the buffer; longer lines are skipped */
  unsigned number;
  bool quoted_printable;
};

/* A line without quotation marks, colours, HTML entities and blanks at its ends. Its text lives until the next line. */
struct text_line {
  const char *text;
  size_t length;
  unsigned number; /* from 1 */
  const char *raw; /* as it stands in the text */
  size_t raw_length;
  uint64_t characters; /* text_character() of all that stand in the text */
};

void text_lines_begin(struct text_lines *lines, const char *text, size_t length, char *buffer, size_t size);
bool text_lines_next(struct text_lines *lines, struct text_line *line);
/* Where a part of line->text stands in the file: column, from 1, in bytes. */
unsigned text_line_column(const struct text_line *line, const char *part, size_t length);

/* First place of a phrase, NULL if there is none. The second disregards case (the phrase is in lower case). */
const char *text_find(const char *text, size_t length, const char *phrase);
const char *text_find_folded(const char *text, size_t length, const char *phrase);
/* The same on a line, and fast where the line has not all of the phrase's characters, as most have not. */
const char *text_line_find(const struct text_line *line, const char *phrase);
const char *text_line_find_folded(const struct text_line *line, const char *phrase);
bool text_equal(const char *text, size_t length, const char *phrase);
bool text_equal_folded(const char *text, size_t length, const char *phrase);

/* A character as a member of a set; several share a bit. */
static inline uint64_t text_character(char c) {
  return UINT64_C(1) << ((unsigned char)c & 63);
}

/* A number as logs have it: "0x1f", "1Fh", "0000001f", "ffff8000`12345678", with C's suffixes; "0n33", "0b1010010". */
struct text_number {
  uint64_t value;   /* read as hexadecimal, unless the mark is another's */
  unsigned digits;  /* written digits, 0 if the text is no number */
  bool marked;      /* "0x", "h" and their like say how to read it */
  bool has_letters; /* a digit from a to f */
  bool has_decimal; /* a digit from 0 to 9 */
  bool overflow;    /* more than 64 bits */
};

/* The whole of the text must be the number. */
struct text_number text_number_read(const char *text, size_t length);
/* The same digits read as decimal; false if they are none or do not fit. */
bool text_decimal_read(const char *text, size_t length, uint64_t *value);

#endif
