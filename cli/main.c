/* The vmxsim command: finds the subcommand, and that is all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "vmxsim/vmxsim.h"

static const struct command *const commands[] = {
    &command_check, &command_explain, &command_fields, &command_cpu, &command_test, &command_rules, &command_run,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *file) {
  fprintf(file, "usage: vmxsim COMMAND [options] ...\n\nIntel VMX in software. Commands:\n");
  for (size_t n = 0; n < COMMANDS; n++) fprintf(file, "  %-10s%s\n", commands[n]->name, commands[n]->summary);
  fprintf(file, "\nvmxsim COMMAND --help tells more. Why did VMLAUNCH fail?\n"
                "  dmesg | vmxsim check        every broken rule, out of a VMCS dump in a log\n"
                "  vmxsim explain error 7      what a number means\n"
                "\nExit status: 0 good, 1 the thing under test is not good, 2 the input or the call is unusable.\n");
}

static const struct command *find_command(const char *name) {
  for (size_t n = 0; n < COMMANDS; n++) {
    if (!strcmp(commands[n]->name, name)) return commands[n];
  }
  return NULL;
}

static int unknown_command(const char *name) {
  struct suggestions suggestions;
  suggestions_begin(&suggestions, name, strlen(name));
  for (size_t n = 0; n < COMMANDS; n++) suggestions_offer(&suggestions, commands[n]->name);
  const char *nearest = suggestions_best(&suggestions);
  FILE *file = fopen(name, "rb");
  if (file) {
    fclose(file);
    complain("\"%s\" is a file, not a command; did you mean: vmxsim check %s (a VMCS), or: vmxsim run %s (an image)?",
             name, name, name);
  } else if (nearest) {
    complain("no command \"%s\"; did you mean %s?", name, nearest);
  } else {
    complain("no command \"%s\" (vmxsim --help lists them)", name);
  }
  return EXIT_UNUSABLE;
}

static int help(int count, char **arguments) {
  const struct command *command = count ? find_command(arguments[0]) : NULL;
  if (command) {
    command_help(command);
  } else if (count) {
    return unknown_command(arguments[0]);
  } else {
    print_usage(stdout);
  }
  return EXIT_GOOD;
}

static int run(int count, char **arguments) {
  if (!count) {
    print_usage(stderr);
    return EXIT_UNUSABLE;
  }
  const char *name = arguments[0];
  if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) return help(count - 1, arguments + 1);
  if (!strcmp(name, "--version") || !strcmp(name, "-V") || !strcmp(name, "version")) {
    printf("vmxsim %s\n", VMXSIM_VERSION);
    return EXIT_GOOD;
  }
  const struct command *command = find_command(name);
  return command ? command->run(count - 1, arguments + 1) : unknown_command(name);
}

int main(int count, char **arguments) {
  const int status = count > 1 ? run(count - 1, arguments + 1) : run(0, NULL);
  errno = 0;
  if (fflush(stdout) || ferror(stdout)) {
    complain("the output cannot be written: %s", errno ? strerror(errno) : "error");
    return EXIT_UNUSABLE;
  }
  return status;
}
