/* Parsing of options out of a command's table. */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "cli/common.h"
#include "cli/output.h"

static size_t word_length(const char *words) {
  return strcspn(words, "|");
}

static bool choose(const char *words, const char *given, unsigned *choice) {
  for (unsigned n = 0;; n++) {
    const size_t length = word_length(words);
    if (strlen(given) == length && !memcmp(words, given, length)) {
      *choice = n;
      return true;
    }
    if (!words[length]) return false;
    words += length + 1;
  }
}

static bool store(const struct command *command, const struct option *option, const char *given, void *values) {
  char *place = (char *)values + option->offset;
  if (option->kind == OPTION_FLAG) {
    *(bool *)(void *)place = true;
  } else if (option->kind == OPTION_TEXT) {
    *(const char **)(void *)place = given;
  } else if (!choose(option->argument, given, (unsigned *)(void *)place)) {
    complain("%s: --%s takes %s, not \"%s\"", command->name, option->name, option->argument, given);
    return false;
  }
  return true;
}

static const struct option *find_long(const struct command *command, const char *name, size_t length) {
  for (const struct option *o = command->options; o && o->name; o++) {
    if (strlen(o->name) == length && !memcmp(o->name, name, length)) return o;
  }
  return NULL;
}

/* The option that the name begins and no other does; NULL if there is none. */
static const struct option *find_beginning(const struct command *command, const char *name, size_t length) {
  const struct option *found = NULL;
  for (const struct option *o = command->options; length && o && o->name; o++) {
    if (strncmp(o->name, name, length) != 0) continue;
    if (found) return NULL;
    found = o;
  }
  return found;
}

static const struct option *find_letter(const struct command *command, char letter) {
  for (const struct option *o = command->options; o && o->name; o++) {
    if (o->letter && o->letter == letter) return o;
  }
  return NULL;
}

static void complain_unknown(const struct command *command, const char *name, size_t length) {
  struct suggestions suggestions;
  suggestions_begin(&suggestions, name, length);
  for (const struct option *o = command->options; o && o->name; o++) suggestions_offer(&suggestions, o->name);
  suggestions_offer(&suggestions, "help");
  const char *nearest = suggestions_best(&suggestions);
  if (nearest) {
    complain("%s: no option --%.*s; did you mean --%s?", command->name, (int)length, name, nearest);
  } else {
    complain("%s: no option --%.*s (vmxsim %s --help lists them)", command->name, (int)length, name, command->name);
  }
}

/* The parser's place in the arguments. */
struct place {
  int at, count;
  char **arguments;
};

/* The value of an option: what follows '=', or the next argument. */
static const char *value_of(const struct command *command, const struct option *option, const char *attached,
                            struct place *place) {
  if (attached) return attached;
  if (place->at + 1 < place->count) return place->arguments[++place->at];
  complain("%s: --%s needs a value: %s", command->name, option->name, option->argument);
  return NULL;
}

static bool parse_long(const struct command *command, struct place *place, void *values) {
  const char *name = place->arguments[place->at] + 2;
  const size_t length = strcspn(name, "=");
  const char *attached = name[length] ? name + length + 1 : NULL;
  const struct option *option = find_long(command, name, length);
  if (!option) option = find_beginning(command, name, length);
  if (!option) {
    complain_unknown(command, name, length);
    return false;
  }
  if (option->kind == OPTION_FLAG) {
    if (!attached) return store(command, option, NULL, values);
    complain("%s: --%s takes no value", command->name, option->name);
    return false;
  }
  const char *given = value_of(command, option, attached, place);
  return given && store(command, option, given, values);
}

static bool parse_letters(const struct command *command, struct place *place, void *values) {
  for (const char *c = place->arguments[place->at] + 1; *c; c++) {
    const struct option *option = find_letter(command, *c);
    if (!option) {
      complain("%s: no option -%c (vmxsim %s --help lists them)", command->name, *c, command->name);
      return false;
    }
    if (option->kind == OPTION_FLAG) {
      store(command, option, NULL, values);
      continue;
    }
    const char *given = value_of(command, option, c[1] ? c + 1 : NULL, place);
    return given && store(command, option, given, values);
  }
  return true;
}

enum parse_result options_parse(const struct command *command, int *count, char **arguments, void *values) {
  struct place place = {0, *count, arguments};
  int kept = 0;
  bool only_operands = false;
  for (; place.at < place.count; place.at++) {
    char *argument = arguments[place.at];
    if (only_operands || argument[0] != '-' || !argument[1]) {
      arguments[kept++] = argument;
    } else if (!strcmp(argument, "--")) {
      only_operands = true;
    } else if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
      command_help(command);
      return PARSE_HELP;
    } else if (argument[1] == '-' ? !parse_long(command, &place, values) : !parse_letters(command, &place, values)) {
      return PARSE_BAD;
    }
  }
  *count = kept;
  return PARSE_RUN;
}

int options_status(enum parse_result result) {
  return result == PARSE_HELP ? EXIT_GOOD : EXIT_UNUSABLE;
}

static void print_option(const struct option *option) {
  char left[60];
  const char letter[] = {'-', option->letter, ',', ' ', 0};
  snprintf(left, sizeof left, "  %s--%s%s%s", option->letter ? letter : "    ", option->name,
           option->argument ? " " : "", option->argument ? option->argument : "");
  if (strlen(left) > 30) {
    printf("%s\n%32s%s\n", left, "", option->help);
  } else {
    printf("%-32s%s\n", left, option->help);
  }
}

void command_help(const struct command *command) {
  printf("usage: vmxsim %s%s%s%s\n\n%s.\n", command->name, command->options ? " [options]" : "",
         *command->arguments ? " " : "", command->arguments, command->summary);
  if (*command->about) printf("\n%s", command->about);
  printf("\nOptions:\n");
  for (const struct option *o = command->options; o && o->name; o++) print_option(o);
  print_option(&(struct option){'h', "help", OPTION_FLAG, NULL, 0, "this text"});
}
