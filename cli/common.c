/* Complaints, memory and files. */
#include "cli/common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"

void complain(const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fflush(stdout);
  fputs("vmxsim: ", stderr);
  write_visible(stderr, text);
  fputc('\n', stderr);
}

void complain_at(const char *file, unsigned line, unsigned column, const char *text) {
  fflush(stdout);
  write_visible(stderr, file);
  if (line) fprintf(stderr, ":%u", line);
  if (line && column) fprintf(stderr, ":%u", column);
  fputs(": ", stderr);
  write_visible(stderr, text);
  fputc('\n', stderr);
}

void *allocate(size_t count, size_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory) {
    complain("out of memory");
    exit(EXIT_UNUSABLE);
  }
  return memory;
}

const char *file_title(const char *path) {
  return strcmp(path, "-") ? path : "standard input";
}

enum { FILE_BYTES_MAX = 256 << 20 };

/* The whole of an open file; errno tells of a failure, EFBIG of one that is too long. */
static char *read_stream(FILE *file, size_t *length) {
  size_t size = 1 << 16, used = 0;
  char *text = malloc(size);
  while (text) {
    used += fread(text + used, 1, size - used, file);
    if (used < size) break;
    if (size > FILE_BYTES_MAX) {
      free(text);
      errno = EFBIG;
      return NULL;
    }
    char *more = realloc(text, size *= 2);
    if (!more) free(text);
    text = more;
  }
  if (text && ferror(file)) {
    free(text);
    return NULL;
  }
  *length = used;
  return text;
}

bool read_file(const char *path, char **text, size_t *length) {
  const bool standard = !strcmp(path, "-");
  FILE *file = standard ? stdin : fopen(path, "rb");
  if (!file) {
    complain("%s: %s", path, strerror(errno));
    return false;
  }
  errno = 0;
  *text = read_stream(file, length);
  const int reason = errno;
  if (!standard) fclose(file);
  if (*text && *length <= FILE_BYTES_MAX) return true;
  if (*text || reason == EFBIG) {
    complain("%s: longer than 256 MiB", file_title(path));
  } else {
    complain("%s: %s", file_title(path), reason ? strerror(reason) : "cannot be read");
  }
  free(*text);
  *text = NULL;
  return false;
}
