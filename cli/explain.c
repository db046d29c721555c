/* vmxsim explain: what a name or a number means. */
#include "cli/explain.h"

#include <string.h>

#include "cli/commands.h"
#include "vmcs/names.h"

static const struct option explain_option_table[] = {OPTION_COLOR, OPTION_END};

void explain_title(struct explainer *explainer, const char *what, const char *name) {
  if (explainer->printed++) output_put(&explainer->output, "\n");
  output_styled(&explainer->output, STYLE_FAINT, "%s ", what);
  output_styled(&explainer->output, STYLE_TITLE, "%s\n", name);
}

static void suggest(const char *thing, size_t length) {
  struct suggestions suggestions;
  const char *fields[2], *controls[2];
  const size_t field_count = vmxsim_field_nearest(thing, length, fields, 2);
  const size_t control_count = vmxsim_control_nearest(thing, length, controls, 2);
  suggestions_begin(&suggestions, thing, length);
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    suggestions_offer(&suggestions, info.id);
  }
  for (size_t n = 0; vmxsim_exit_reason_at(n); n++) suggestions_offer(&suggestions, vmxsim_exit_reason_at(n)->name);
  for (unsigned n = 0; n < VMXSIM_LAYOUT_COUNT; n++)
    suggestions_offer(&suggestions, vmxsim_layout_name((vmxsim_layout)n));
  for (size_t n = 0; n < field_count; n++) suggestions_offer(&suggestions, fields[n]);
  for (size_t n = 0; n < control_count; n++) suggestions_offer(&suggestions, controls[n]);
  const char *nearest = suggestions_best(&suggestions);
  complain("nothing is called \"%.*s\"%s%s%s", (int)length, thing, nearest ? "; did you mean " : "",
           nearest ? nearest : "", nearest ? "?" : " (vmxsim fields and vmxsim rules list names)");
}

static unsigned explain_number(struct explainer *explainer, const char *thing, uint64_t number) {
  unsigned found = explain_exit_reason(explainer, number, NULL);
  found += explain_instruction_error(explainer, number);
  found += explain_field(explainer, thing);
  return found + explain_input(explainer, thing);
}

static unsigned explain_name(struct explainer *explainer, const char *thing) {
  const size_t length = strlen(thing);
  unsigned found = explain_check(explainer, thing);
  found += explain_field(explainer, thing);
  found += explain_control(explainer, thing);
  const struct vmxsim_numbered_name *reason = vmxsim_exit_reason_from_name(thing, length);
  if (reason) found += explain_exit_reason(explainer, reason->number, NULL);
  for (size_t n = 0; vmxsim_instruction_error_at(n); n++) {
    const struct vmxsim_numbered_name *error = vmxsim_instruction_error_at(n);
    if (!names_equal(error->name, thing, length) && !names_equal(error->term, thing, length)) continue;
    found += explain_instruction_error(explainer, error->number);
  }
  found += explain_layout(explainer, thing);
  found += explain_input(explainer, thing);
  found += explain_exception(explainer, thing);
  return found ? found : explain_checks_with(explainer, thing);
}

/* "NAME=VALUE" */
static bool explain_assignment(struct explainer *explainer, const char *thing, const char *equals) {
  uint64_t value;
  const size_t length = (size_t)(equals - thing);
  if (!parse_number(equals + 1, strlen(equals + 1), &value)) {
    complain("\"%s\" is not a number of at most 64 bits", equals + 1);
    return false;
  }
  const int explained = explain_value(explainer, thing, length, value);
  if (explained < 0) suggest(thing, length);
  return explained > 0;
}

static bool explain_thing(struct explainer *explainer, const char *thing) {
  uint64_t number;
  const char *equals = strchr(thing, '=');
  if (equals) return explain_assignment(explainer, thing, equals);
  const bool numeric = parse_number(thing, strlen(thing), &number);
  if (numeric ? explain_number(explainer, thing, number) : explain_name(explainer, thing)) return true;
  if (numeric) {
    complain("%s is no exit reason, VM-instruction error, field or MSR", thing);
  } else {
    suggest(thing, strlen(thing));
  }
  return false;
}

static bool explain_error_number(struct explainer *explainer, const char *thing) {
  uint64_t number;
  if (parse_number(thing, strlen(thing), &number) && explain_instruction_error(explainer, number)) return true;
  complain("no VM-instruction error \"%s\"", thing);
  return false;
}

static bool explain_exit(struct explainer *explainer, const char *thing, const uint64_t *qualification) {
  uint64_t number;
  const struct vmxsim_numbered_name *reason = vmxsim_exit_reason_from_name(thing, strlen(thing));
  if (reason) return explain_exit_reason(explainer, reason->number, qualification) != 0;
  if (parse_number(thing, strlen(thing), &number) && explain_exit_reason(explainer, number, qualification)) return true;
  complain("no exit reason \"%s\"", thing);
  return false;
}

static bool is_keyword(const char *word) {
  static const char *const keywords[] = {"error", "exit", "reason", "field", "check", "control", "msr"};
  for (size_t n = 0; n < sizeof keywords / sizeof *keywords; n++) {
    if (!strcmp(keywords[n], word)) return true;
  }
  return false;
}

/* Arguments that belong together: a keyword and what follows. Returns how many were taken, 0 if the first is none. */
static int explain_keyword(struct explainer *explainer, int count, char **arguments, bool *good) {
  static const char qualification_is[] = "qualification=";
  uint64_t qualification;
  if (!is_keyword(arguments[0])) return 0;
  if (count < 2) {
    complain("explain %s: which? vmxsim explain --help shows what can be asked", arguments[0]);
    *good = false;
    return 1;
  }
  if (!strcmp(arguments[0], "error")) {
    *good = explain_error_number(explainer, arguments[1]);
    return 2;
  }
  if (!strcmp(arguments[0], "field") || !strcmp(arguments[0], "check") || !strcmp(arguments[0], "control") ||
      !strcmp(arguments[0], "msr")) {
    const char *thing = arguments[1];
    const unsigned found = *arguments[0] == 'f'             ? explain_field(explainer, thing)
                           : *arguments[0] == 'm'           ? explain_input(explainer, thing)
                           : !strcmp(arguments[0], "check") ? explain_check(explainer, thing)
                                                            : explain_control(explainer, thing);
    *good = found != 0;
    if (!found) suggest(thing, strlen(thing));
    return 2;
  }
  const bool qualified = count > 2 && !strncmp(arguments[2], qualification_is, sizeof qualification_is - 1);
  const char *value = qualified ? arguments[2] + sizeof qualification_is - 1 : "0";
  if (!parse_number(value, strlen(value), &qualification)) {
    complain("\"%s\" is not a number of at most 64 bits", value);
    *good = false;
  } else {
    *good = explain_exit(explainer, arguments[1], qualified ? &qualification : NULL);
  }
  return qualified ? 3 : 2;
}

/* "error 7", "exit 48 qualification=0x181" in one argument. Only with a number: "exit reason" is a field. Returns
 * whether it was such. */
static bool explain_quoted(struct explainer *explainer, const char *thing, bool *good) {
  char words[100];
  char *parts[3] = {words, NULL, NULL};
  int count = 2;
  const size_t keyword = strcspn(thing, " ");
  if (strlen(thing) >= sizeof words || !thing[keyword] || !strchr("0123456789", thing[keyword + 1])) return false;
  strcpy(words, thing);
  words[keyword] = 0;
  parts[1] = words + keyword + 1;
  char *blank = strchr(parts[1], ' ');
  if (blank) {
    *blank = 0;
    parts[2] = blank + 1;
    count = 3;
  }
  return explain_keyword(explainer, count, parts, good) > 0;
}

static int run_explain(int count, char **arguments) {
  struct common_options options = {0, 0};
  const enum parse_result parsed = options_parse(&command_explain, &count, arguments, &options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  if (!count) {
    complain("explain what? vmxsim explain --help shows what can be asked");
    return EXIT_UNUSABLE;
  }
  struct explainer explainer = {output_begin(stdout, options.color), 0};
  bool all_good = true;
  for (int n = 0; n < count;) {
    bool good = true;
    const int taken = explain_keyword(&explainer, count - n, arguments + n, &good);
    if (!taken && !explain_quoted(&explainer, arguments[n], &good)) good = explain_thing(&explainer, arguments[n]);
    n += taken ? taken : 1;
    all_good &= good;
  }
  return all_good ? EXIT_GOOD : EXIT_UNUSABLE;
}

const struct command command_explain = {
    "explain",
    "THING...",
    "Tells what a name, a number or a value means",
    "THING is one of\n"
    "  a check, or the beginning of its id    guest.cr0.pg-requires-pe, guest.cr0\n"
    "  a field by any name or encoding        GUEST_CS_AR_BYTES, 4816h\n"
    "  a control by any name                  CPU_BASED_HLT_EXITING, \"use MSR bitmaps\"\n"
    "  an exit reason                         exit 48, EXIT_REASON_EPT_VIOLATION, exit 28 qualification=0x3\n"
    "  a VM-instruction error                 error 7\n"
    "  an MSR, register, bit or exception     ia32_vmx_basic, cr4, cr4.vmxe, '#GP'\n"
    "  a value                                PIN_BASED_VM_EXEC_CONTROL=0x3f, guest_cs_access_rights=0xa09b, cr0=0x31\n"
    "A number that can mean several things is explained as each of them.\n",
    explain_option_table,
    run_explain,
};
