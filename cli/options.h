/* Command lines: each command has a table of its options, from which parsing and --help come. */
#ifndef VMXSIM_CLI_OPTIONS_H
#define VMXSIM_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of every command. */
enum { EXIT_GOOD = 0, EXIT_NOT_GOOD = 1, EXIT_UNUSABLE = 2 };

enum option_kind {
  OPTION_FLAG,   /* bool */
  OPTION_TEXT,   /* const char * */
  OPTION_CHOICE, /* unsigned: which of the words of `argument`, separated by '|' */
};

struct option {
  char letter; /* 0 if it has none */
  const char *name;
  enum option_kind kind;
  const char *argument; /* "SPEC", "text|json"; NULL for flags */
  size_t offset;        /* of the value in the command's struct */
  const char *help;
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum format_choice { FORMAT_TEXT, FORMAT_JSON };

/* What the values of every command begin with. */
struct common_options {
  unsigned color, format;
};

#define OPTION_COLOR \
  { \
    0, "color", OPTION_CHOICE, "auto|always|never", offsetof(struct common_options, color), \
        "colours, if the output is a terminal" \
  }
#define OPTION_FORMAT \
  { \
    0, "format", OPTION_CHOICE, "text|json", offsetof(struct common_options, format), \
        "what to print; docs/json.md describes the JSON" \
  }
#define OPTION_END \
  { 0, NULL, OPTION_FLAG, NULL, 0, NULL }

struct command {
  const char *name;
  const char *arguments;        /* "[FILE...|-]" */
  const char *summary;          /* one line */
  const char *about;            /* paragraphs for --help; may be "" */
  const struct option *options; /* ends with OPTION_END; NULL if there are none */
  int (*run)(int count, char **arguments);
};

enum parse_result { PARSE_RUN, PARSE_HELP, PARSE_BAD };

/* Takes the options of `command` out of arguments[0..*count-1] into `values` and leaves the rest in order. Prints the
 * help or the error itself. */
enum parse_result options_parse(const struct command *command, int *count, char **arguments, void *values);

/* The exit status for a result that is not PARSE_RUN. */
int options_status(enum parse_result result);

void command_help(const struct command *command);

#endif
