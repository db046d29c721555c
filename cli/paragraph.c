/* Words on lines of a document. */
#include "cli/paragraph.h"

#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 118 };

void paragraph_word(struct paragraph *paragraph, const char *word) {
  const size_t length = strlen(word);
  if (!paragraph->begins && paragraph->column + 1 + length > LINE_WIDTH) {
    printf("\n%*s", (int)paragraph->indent, "");
    paragraph->column = paragraph->indent;
  } else if (!paragraph->begins) {
    putchar(' ');
    paragraph->column++;
  }
  fputs(word, stdout);
  paragraph->column += length;
  paragraph->begins = false;
}

void paragraph_comma(struct paragraph *paragraph, bool *first) {
  if (!*first) {
    putchar(',');
    paragraph->column++;
  }
  *first = false;
}

void paragraph_words(struct paragraph *paragraph, const char *text) {
  char word[200];
  while (*text) {
    const size_t length = strcspn(text, " \n");
    snprintf(word, sizeof word, "%.*s", (int)length, text);
    paragraph_word(paragraph, word);
    text += length;
    if (*text == '\n') {
      putchar('\n');
      paragraph->column = 0;
      paragraph->begins = true;
    }
    if (*text) text++;
  }
}
