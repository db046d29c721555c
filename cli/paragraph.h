/* Words on lines of a document, printed as they come. */
#ifndef VMXSIM_CLI_PARAGRAPH_H
#define VMXSIM_CLI_PARAGRAPH_H

#include <stdbool.h>
#include <stddef.h>

struct paragraph {
  size_t column;
  unsigned indent; /* of the lines after the first */
  bool begins;     /* no word yet on this line */
};

void paragraph_word(struct paragraph *paragraph, const char *word);
/* A comma, but before the first of a list. */
void paragraph_comma(struct paragraph *paragraph, bool *first);
/* Breaks `text` at its spaces; a line break in it stays. */
void paragraph_words(struct paragraph *paragraph, const char *text);

#endif
