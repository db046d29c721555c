/* Lines of a log, cleaned of what the way to us added. What a line says is not looked at here. */
#include "text_lines.h"

#include <string.h>

enum { ESCAPE = 0x1b };

static int hex_byte(const char *at, const char *end) {
  if (end - at < 2 || text_digit(at[0]) < 0 || text_digit(at[1]) < 0) return -1;
  return text_digit(at[0]) << 4 | text_digit(at[1]);
}

const char *text_find(const char *text, size_t length, const char *phrase) {
  const size_t size = strlen(phrase);
  const char *const end = text + length;
  while ((size_t)(end - text) >= size) {
    text = memchr(text, phrase[0], (size_t)(end - text) - size + 1);
    if (!text) return NULL;
    if (size < 2 || (text[1] == phrase[1] && !memcmp(text, phrase, size))) return text;
    text++;
  }
  return NULL;
}

const char *text_find_folded(const char *text, size_t length, const char *phrase) {
  const size_t size = strlen(phrase);
  for (size_t i = 0; i + size <= length; i++) {
    if (text_fold(text[i]) == phrase[0] && text_equal_folded(text + i, size, phrase)) return text + i;
  }
  return NULL;
}

const char *text_line_find(const struct text_line *line, const char *phrase) {
  for (const char *p = phrase; *p; p++) {
    if (!(line->characters & text_character(*p))) return NULL;
  }
  return text_find(line->text, line->length, phrase);
}

const char *text_line_find_folded(const struct text_line *line, const char *phrase) {
  for (const char *p = phrase; *p; p++) {
    const char upper = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    if (!(line->characters & (text_character(*p) | text_character(upper)))) return NULL;
  }
  return text_find_folded(line->text, line->length, phrase);
}

bool text_equal(const char *text, size_t length, const char *phrase) {
  size_t i = 0;
  while (i < length && phrase[i] && text[i] == phrase[i]) i++;
  return i == length && !phrase[i];
}

bool text_equal_folded(const char *text, size_t length, const char *phrase) {
  size_t i = 0;
  while (i < length && phrase[i] && text_fold(text[i]) == text_fold(phrase[i])) i++;
  return i == length && !phrase[i];
}

void text_lines_begin(struct text_lines *lines, const char *text, size_t length, char *buffer, size_t size) {
  *lines = (struct text_lines){.at = text, .end = text + length, .buffer = buffer, .size = size};
  /* The mark of a mail that was saved undecoded. */
  lines->quoted_printable = length && (text_find(text, length, "=3D0x") || text_find(text, length, "=3D 0x"));
}

static const struct {
  const char *name;
  char means;
} entities[] = {{"lt;", '<'}, {"gt;", '>'}, {"amp;", '&'}, {"quot;", '"'}, {"apos;", '\''}, {"nbsp;", ' '}};

/* What stands at `at`, which is an '&': returns how many bytes it takes, 1 if it is only an '&'. */
static size_t entity(const char *at, const char *end, char *means) {
  const char *p = at + 2;
  unsigned code = 0, base = 10;
  *means = '&';
  for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
    const size_t size = strlen(entities[i].name);
    if ((size_t)(end - at) <= size || memcmp(at + 1, entities[i].name, size)) continue;
    *means = entities[i].means;
    return size + 1;
  }
  if (end - at < 4 || at[1] != '#') return 1;
  if (*p == 'x' || *p == 'X') base = 16, p++;
  for (; p < end && p - at < 8 && text_digit(*p) >= 0; p++) code = code * base + (unsigned)text_digit(*p);
  if (p == end || *p != ';' || code < 0x20 || code > 0xff) return 1;
  *means = code == 0xa0 ? ' ' : (char)code;
  return (size_t)(p - at) + 1;
}

/* Terminal colours and the like: ESC [ parameters letter. */
static size_t escape_sequence(const char *at, const char *end) {
  const char *p = at + 1;
  if (p == end || *p != '[') return 1;
  for (p++; p < end && (unsigned char)*p < 0x40;) p++;
  return (size_t)(p - at) + (p < end);
}

/* "<br/>", "</span>" and the like, of pages that were saved: the length, 0 if it is none. Levels of kernel messages and
 * words between such marks, "<TASK>", are none. */
static size_t tag(const char *at, const char *end) {
  static const char *const names[] = {"br", "p",    "pre", "div", "span", "code", "samp", "tt",   "b",
                                      "i",  "font", "td",  "tr",  "th",   "li",   "a",    "body", "html"};
  enum { LENGTH_MAX = 200 };
  const char *name = at + 1;
  if (name < end && *name == '/') name++;
  const char *stop = name;
  while (stop < end && text_is_letter(*stop)) stop++;
  if (stop == end || (*stop != '>' && *stop != '/' && *stop != ' ')) return 0;
  const size_t room = (size_t)(end - stop);
  const char *close = memchr(stop, '>', room < LENGTH_MAX ? room : LENGTH_MAX);
  for (size_t i = 0; close && i < sizeof names / sizeof *names; i++) {
    if (text_equal_folded(name, (size_t)(stop - name), names[i])) return (size_t)(close - at) + 1;
  }
  return 0;
}

/* Characters beyond ASCII that stand for blanks, for nothing or for dots. */
static const struct {
  const char *bytes, *means;
} characters[] = {{"\xc2\xa0", " "},    {"\xe2\x80\xa6", "..."}, {"\xe2\x80\x8b", ""},
                  {"\xef\xbb\xbf", ""}, {"\xe2\x80\xaf", " "},   {"\xe2\x80\x89", " "}};

static size_t wide_character(const char *at, const char *end, const char **means) {
  for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
    const size_t size = strlen(characters[i].bytes);
    if ((size_t)(end - at) < size || memcmp(at, characters[i].bytes, size)) continue;
    *means = characters[i].means;
    return size;
  }
  return 0;
}

/* Cleans one line into `to`, which has room for as many bytes; returns how many were written. NUL bytes and those of
 * byte-order marks vanish, so that UTF-16 of plain text reads well. */
static size_t clean(const char *at, const char *end, char *to) {
  char *const start = to;
  while (at < end) {
    const char *means = NULL;
    size_t taken = 1;
    const unsigned char c = (unsigned char)*at;
    if (c == ESCAPE) {
      taken = escape_sequence(at, end);
    } else if (c == '<' && (taken = tag(at, end))) {
      *to++ = ' ';
    } else if (c == '&') {
      taken = entity(at, end, to++);
    } else if (c >= 0x80 && (taken = wide_character(at, end, &means))) {
      while (*means) *to++ = *means++;
    } else if (c < 0x20 || c >= 0xfe) {
      if (c && c < 0x20) *to++ = ' ';
      taken = 1;
    } else {
      *to++ = *at;
      taken = 1;
    }
    at += taken;
  }
  return (size_t)(to - start);
}

/* Decodes "=3D" and the like in place; returns the new length. */
static size_t decode_quoted_printable(char *text, size_t length) {
  size_t to = 0;
  for (size_t i = 0; i < length; i++) {
    const int byte = text[i] == '=' ? hex_byte(text + i + 1, text + length) : -1;
    text[to++] = byte < 0 ? text[i] : (char)byte;
    if (byte >= 0) i += 2;
  }
  return to;
}

/* The next line of the file, without its end. A line of quoted-printable that ends in '=' goes on in the next. */
static bool raw_line(struct text_lines *lines, struct text_line *line) {
  if (lines->at == lines->end) return false;
  const char *start = lines->at, *stop;
  size_t length = 0;
  line->number = lines->number + 1;
  for (bool more = true; more;) {
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    const char *from = lines->at;
    stop = newline ? newline : lines->end;
    lines->at = newline ? newline + 1 : lines->end;
    lines->number++;
    if (stop > from && stop[-1] == '\r') stop--;
    more = lines->quoted_printable && stop > from && stop[-1] == '=' && lines->at < lines->end;
    const size_t size = (size_t)(stop - from) - more;
    const size_t room = lines->size - length;
    if (lines->quoted_printable) memcpy(lines->buffer + length, from, size < room ? size : room);
    length = size < room ? length + size : lines->size;
  }
  line->raw = start;
  line->raw_length = length;
  return true;
}

/* "<4>", the level of a kernel message: its length, 0 if there is none. */
static size_t level_length(const char *at, size_t length) {
  size_t size = 1;
  while (size < length && size < 4 && text_is_decimal(at[size])) size++;
  return length > size && size > 1 && at[0] == '<' && at[size] == '>' ? size + 1 : 0;
}

bool text_lines_next(struct text_lines *lines, struct text_line *line) {
  if (!raw_line(lines, line)) return false;
  const char *at = line->raw;
  size_t length = line->raw_length;
  if (length >= lines->size) {
    line->raw_length = length = 0;
  } else if (lines->quoted_printable) {
    at = lines->buffer;
    length = decode_quoted_printable(lines->buffer, length);
  }
  length = clean(at, at + length, lines->buffer);
  at = lines->buffer;
  while (length && (text_is_blank(*at) || *at == '>' || *at == '|')) at++, length--;
  const size_t level = level_length(at, length);
  at += level, length -= level;
  while (length && text_is_blank(*at)) at++, length--;
  while (length && text_is_blank(at[length - 1])) length--;
  line->text = at;
  line->length = length;
  line->characters = 0;
  for (size_t i = 0; i < length; i++) line->characters |= text_character(at[i]);
  return true;
}

/* Cleaning only takes away, so that a part stands in the file no earlier than in the cleaned line. */
unsigned text_line_column(const struct text_line *line, const char *part, size_t length) {
  const size_t from = (size_t)(part - line->text);
  for (size_t i = from; i + length <= line->raw_length; i++) {
    if (!memcmp(line->raw + i, part, length)) return (unsigned)i + 1;
  }
  return 1;
}

/* "0n33", as WinDbg marks what is decimal. */
static struct text_number windbg_decimal(const char *text, size_t length) {
  struct text_number number = {.marked = true, .has_decimal = true};
  if (!text_decimal_read(text + 2, length - 2, &number.value)) return (struct text_number){0};
  number.digits = (unsigned)(length - 2);
  return number;
}

/* "0b1010": not if it has a width that hexadecimal numbers are filled up to with zeros. */
static bool is_binary(const char *text, size_t length) {
  if (length <= 2 || length == 4 || length == 5 || length == 8 || length == 16) return false;
  if (text[0] != '0' || text_fold(text[1]) != 'b') return false;
  for (size_t i = 2; i < length; i++) {
    if (text[i] != '0' && text[i] != '1' && text[i] != '_') return false;
  }
  return true;
}

static struct text_number binary(const char *text, size_t length) {
  struct text_number number = {.marked = true, .has_decimal = true};
  for (size_t i = 2; i < length; i++) {
    if (text[i] == '_') continue;
    number.overflow |= (number.value >> 63) != 0;
    number.value = number.value << 1 | (unsigned)(text[i] - '0');
    number.digits++;
  }
  return number;
}

struct text_number text_number_read(const char *text, size_t length) {
  struct text_number number = {0};
  if (length > 2 && text[0] == '0' && text_fold(text[1]) == 'n') return windbg_decimal(text, length);
  if (is_binary(text, length)) return binary(text, length);
  if (length > 2 && text[0] == '0' && text_fold(text[1]) == 'x') {
    number.marked = true;
    text += 2, length -= 2;
    while (length > 1 && (text_fold(text[length - 1]) == 'u' || text_fold(text[length - 1]) == 'l')) length--;
  } else if (length > 1 && text_fold(text[length - 1]) == 'h') {
    number.marked = true;
    length--;
  }
  for (size_t i = 0; i < length; i++) {
    const int digit = text_digit(text[i]);
    const bool between = i && i + 1 < length && (text[i] == '`' || text[i] == '_' || text[i] == '\'');
    if (between) continue;
    if (digit < 0) return (struct text_number){0};
    number.overflow |= (number.value >> 60) != 0;
    number.value = number.value << 4 | (unsigned)digit;
    number.has_letters |= digit > 9;
    number.has_decimal |= digit <= 9;
    number.digits++;
  }
  return number;
}

bool text_decimal_read(const char *text, size_t length, uint64_t *value) {
  uint64_t sum = 0;
  for (size_t i = 0; i < length; i++) {
    const unsigned digit = (unsigned)(text[i] - '0');
    if (!text_is_decimal(text[i]) || sum > (UINT64_MAX - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  *value = sum;
  return length > 0;
}
