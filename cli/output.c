/* Text for people. */
#define _POSIX_C_SOURCE 200809L
#include "cli/output.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/options.h"

static const char *const escapes[STYLE_COUNT] = {
    [STYLE_TITLE] = "\033[1m", [STYLE_BAD] = "\033[31m",  [STYLE_GOOD] = "\033[32m",
    [STYLE_OPEN] = "\033[33m", [STYLE_FAINT] = "\033[2m",
};

static bool says_utf8(const char *locale) {
  return locale &&
         (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8") || strstr(locale, "utf-8"));
}

/* What the environment says of characters: the first that is set counts. */
static bool locale_is_utf8(void) {
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (value && *value) return says_utf8(value);
  }
  return false;
}

static unsigned width_of(bool terminal) {
  const char *columns = terminal ? getenv("COLUMNS") : NULL;
  const long number = columns ? strtol(columns, NULL, 10) : 0;
  return number >= 60 && number <= 140 ? (unsigned)number : 100;
}

struct output output_begin(FILE *file, unsigned color_choice) {
  const bool terminal = isatty(fileno(file)) == 1;
  const char *no_color = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  const bool dumb = !term || !strcmp(term, "dumb");
  return (struct output){
      .file = file,
      .color =
          color_choice == COLOR_ALWAYS || (color_choice == COLOR_AUTO && terminal && !dumb && !(no_color && *no_color)),
      .symbols = terminal && !dumb && locale_is_utf8(),
      .width = width_of(terminal),
  };
}

void output_styled(const struct output *output, enum style style, const char *format, ...) {
  const bool color = output->color && escapes[style];
  va_list list;
  va_start(list, format);
  if (color) fputs(escapes[style], output->file);
  vfprintf(output->file, format, list);
  if (color) fputs("\033[0m", output->file);
  va_end(list);
}

void output_put(const struct output *output, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vfprintf(output->file, format, list);
  va_end(list);
}

void write_visible(FILE *file, const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    fputc((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f ? '?' : c, file);
  }
}

void output_visible(const struct output *output, enum style style, const char *text) {
  const bool color = output->color && escapes[style];
  if (color) fputs(escapes[style], output->file);
  write_visible(output->file, text);
  if (color) fputs("\033[0m", output->file);
}

void output_wrapped(const struct output *output, unsigned column, unsigned indent, const char *text) {
  bool fresh = true; /* at the beginning of a line */
  while (*text == ' ') text++;
  while (*text) {
    const size_t word = strcspn(text, " ");
    if (!fresh && column + 1 + word > output->width) {
      fprintf(output->file, "\n%*s", (int)indent, "");
      column = indent;
      fresh = true;
    }
    if (!fresh) fputc(' ', output->file), column++;
    fprintf(output->file, "%.*s", (int)word, text);
    column += (unsigned)word;
    fresh = false;
    text += word;
    while (*text == ' ') text++;
  }
  fputc('\n', output->file);
}

const char *mark_bad(const struct output *output) {
  return output->symbols ? "\xe2\x9c\x97" : "x";
}

const char *mark_good(const struct output *output) {
  return output->symbols ? "\xe2\x9c\x93" : "+";
}

bool mentions(const char *text, const char *part) {
  const size_t length = strlen(part);
  for (; *text; text++) {
    size_t i = 0;
    while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
    if (i == length) return true;
  }
  return false;
}

const char *plural(size_t count, const char *one, const char *several) {
  return count == 1 ? one : several;
}

bool standard_input_is_terminal(void) {
  return isatty(STDIN_FILENO) == 1;
}

bool standard_error_is_terminal(void) {
  return isatty(STDERR_FILENO) == 1;
}
