/* Text for people: colours where they are wanted, wrapped lines, no surprises from control characters. */
#ifndef VMXSIM_CLI_OUTPUT_H
#define VMXSIM_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/common.h"

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_BAD, STYLE_GOOD, STYLE_OPEN, STYLE_FAINT, STYLE_COUNT };

struct output {
  FILE *file;
  bool color;
  bool symbols;   /* a terminal that shows UTF-8 */
  unsigned width; /* of a line */
};

struct output output_begin(FILE *file, unsigned color_choice);

/* printf in a style. */
void output_styled(const struct output *output, enum style style, const char *format, ...) PRINTF_LIKE(3, 4);
void output_put(const struct output *output, const char *format, ...) PRINTF_LIKE(2, 3);
/* Text that came from outside: control characters are shown as '?'. */
void output_visible(const struct output *output, enum style style, const char *text);
void write_visible(FILE *file, const char *text);

/* `text` broken between words so that it fits the width. The first line begins where the cursor stands, at column
 * `column`; the others are indented by `indent`. Ends the line. */
void output_wrapped(const struct output *output, unsigned column, unsigned indent, const char *text);

const char *mark_bad(const struct output *output);
const char *mark_good(const struct output *output);

bool standard_input_is_terminal(void);
bool standard_error_is_terminal(void);

/* Whether `part` is in `text`, whatever the case of letters. */
bool mentions(const char *text, const char *part);
const char *plural(size_t count, const char *one, const char *several);

#endif
