/* The command line: words, some of them NAME=VALUE. The first word is the image's name. */
#ifndef GUEST_COMMAND_LINE_H
#define GUEST_COMMAND_LINE_H

#include "kernel/types.h"

struct text {
  const char *start;
  size_t size;
};

struct command_line {
  char text[512];
};

void command_line_copy(struct command_line *line, const char *text);

/* The next word after `word` ({NULL, 0} for the first behind the image's name); its size is 0 at the end. */
struct text command_line_next(const struct command_line *line, struct text word);
/* What follows NAME= in a word; its start is NULL if the word is another. */
struct text text_value(struct text word, const char *name);
bool text_is(struct text text, const char *value);

bool command_line_has(const struct command_line *line, const char *name);
uint32_t command_line_number(const struct command_line *line, const char *name, uint32_t otherwise);

#endif
