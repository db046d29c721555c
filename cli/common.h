/* What every command needs: complaints, files, processors, suggestions. */
#ifndef VMXSIM_CLI_COMMON_H
#define VMXSIM_CLI_COMMON_H

#include <stdbool.h>
#include <stddef.h>

#include "vmcs/names.h"
#include "vmxsim/capabilities.h"

#if defined(__GNUC__)
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
#else
#define PRINTF_LIKE(string, first)
#endif

/* One line on the standard error, after "vmxsim: ". Control characters are made visible. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);
/* The same with a place; column and line may be 0. */
void complain_at(const char *file, unsigned line, unsigned column, const char *text);

/* The bytes of a file, or of the standard input for "-". Complains and returns false if it cannot be read or has more
 * than 256 MiB. free(*text) afterwards. */
bool read_file(const char *path, char **text, size_t *length);
/* What messages call a file: "standard input" for "-". */
const char *file_title(const char *path);

/* A processor by --cpu SPEC; complains, with the part that was wrong, and returns false. */
bool read_processor(const char *spec, struct vmxsim_capabilities *capabilities);

void *allocate(size_t count, size_t size); /* zeroed; ends the process with EXIT_UNUSABLE if there is no memory */

/* The nearest of several names to a mistyped one. */
struct suggestions {
  const char *name;
  size_t length;
  struct nearest nearest;
};
void suggestions_begin(struct suggestions *suggestions, const char *name, size_t length);
void suggestions_offer(struct suggestions *suggestions, const char *candidate);
const char *suggestions_best(const struct suggestions *suggestions); /* NULL if none is near */

/* A number as people write it: 0x1f, 1fh, 0b101, decimal; '_' between digits does not count. */
bool parse_number(const char *text, size_t length, uint64_t *value);

#endif
