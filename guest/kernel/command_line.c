/* The command line: words, some of them NAME=VALUE. */
#include "kernel/command_line.h"

#include "kernel/memory.h"

void command_line_copy(struct command_line *line, const char *text) {
  size_t size = 0;
  while (text[size] && size < sizeof line->text - 1) size++;
  memcpy(line->text, text, size);
  line->text[size] = 0;
}

static struct text word_at(const char *at) {
  while (*at == ' ') at++;
  struct text word = {at, 0};
  while (at[word.size] && at[word.size] != ' ') word.size++;
  return word;
}

struct text command_line_next(const struct command_line *line, struct text word) {
  if (!word.start) word = word_at(line->text);
  return word_at(word.start + word.size);
}

static size_t length(const char *text) {
  size_t size = 0;
  while (text[size]) size++;
  return size;
}

bool text_is(struct text text, const char *value) {
  return text.size == length(value) && text_equal(text.start, value, text.size);
}

struct text text_value(struct text word, const char *name) {
  const size_t size = length(name);
  if (word.size <= size || word.start[size] != '=' || !text_equal(word.start, name, size))
    return (struct text){NULL, 0};
  return (struct text){word.start + size + 1, word.size - size - 1};
}

bool command_line_has(const struct command_line *line, const char *name) {
  for (struct text word = command_line_next(line, (struct text){NULL, 0}); word.size;
       word = command_line_next(line, word)) {
    if (text_is(word, name)) return true;
  }
  return false;
}

static uint32_t decimal(struct text text) {
  uint32_t value = 0;
  for (size_t i = 0; i < text.size; i++) value = value * 10 + (uint32_t)(text.start[i] - '0');
  return value;
}

uint32_t command_line_number(const struct command_line *line, const char *name, uint32_t otherwise) {
  for (struct text word = command_line_next(line, (struct text){NULL, 0}); word.size;
       word = command_line_next(line, word)) {
    const struct text value = text_value(word, name);
    if (value.start) return decimal(value);
  }
  return otherwise;
}
