/* vmxsim rules: every check, by section of the manual. docs/rules.md is its output. */
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/output.h"
#include "vmxsim/vmxsim.h"

enum rules_format { RULES_MARKDOWN, RULES_JSON };

struct rules_options {
  struct common_options common; /* not used: `format` has other words here */
  unsigned format;
};

static const struct option rules_option_table[] = {
    {0, "format", OPTION_CHOICE, "md|json", offsetof(struct rules_options, format), "what to print"},
    OPTION_END,
};

static void outcome_of(const struct vmxsim_check_info *info, char *text, size_t size) {
  switch (info->outcome) {
  case VMXSIM_ENTRY_FAIL_VALID: snprintf(text, size, "error %u", info->outcome_number); return;
  case VMXSIM_ENTRY_EXIT_33: snprintf(text, size, "exit 33, qualification %u", info->outcome_number); return;
  case VMXSIM_ENTRY_EXIT_34: snprintf(text, size, "exit 34, qualification = the entry's number"); return;
  case VMXSIM_ENTRY_UD: snprintf(text, size, "#UD"); return;
  case VMXSIM_ENTRY_GP: snprintf(text, size, "#GP(0)"); return;
  case VMXSIM_ENTRY_VM_EXIT: snprintf(text, size, "VM exit"); return;
  case VMXSIM_ENTRY_FAIL_INVALID: snprintf(text, size, "VMfailInvalid"); return;
  case VMXSIM_ENTRY_SUCCEEDS: snprintf(text, size, "none"); return;
  }
}

/* Markdown's own characters in a table cell. */
static void put_cell(const char *text) {
  for (; *text; text++) {
    if (*text == '|' || *text == '*' || *text == '<') putchar('\\');
    putchar(*text);
  }
}

/* GitHub's anchor of a heading. */
static void put_anchor(const char *title) {
  for (; *title; title++) {
    const char c = *title;
    if (c == ' ') putchar('-');
    if (c >= 'A' && c <= 'Z') putchar(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') putchar(c);
  }
}

/* Whether `check` is the first of its section. */
static bool begins_section(vmxsim_check check) {
  struct vmxsim_check_info info, other;
  vmxsim_check_describe(check, &info);
  for (vmxsim_check before = 0; before < check; before++) {
    vmxsim_check_describe(before, &other);
    if (!strcmp(other.section, info.section)) return false;
  }
  return true;
}

static void put_reads(vmxsim_check check) {
  bool first = true;
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (!vmxsim_check_reads(check, input)) continue;
    printf("%s`%s`", first ? "" : ", ", vmxsim_input_name(input));
    first = false;
  }
}

static void print_check(vmxsim_check check) {
  struct vmxsim_check_info info;
  char outcome[80] = "";
  vmxsim_check_describe(check, &info);
  outcome_of(&info, outcome, sizeof outcome);
  printf("| %u | `%s` | ", check + 1, info.id);
  put_cell(info.rule);
  printf(" | %s | ", outcome);
  put_reads(check);
  printf(" |\n");
}

static void print_section(vmxsim_check first) {
  struct vmxsim_check_info info, other;
  vmxsim_check_describe(first, &info);
  printf("\n## %s\n\n| no. | check | condition | if it is broken | reads |\n|---:|---|---|---|---|\n", info.section);
  for (vmxsim_check check = first; check < vmxsim_check_count(); check++) {
    vmxsim_check_describe(check, &other);
    if (!strcmp(other.section, info.section)) print_check(check);
  }
}

static unsigned checks_in_section(vmxsim_check first) {
  struct vmxsim_check_info info, other;
  unsigned count = 0;
  vmxsim_check_describe(first, &info);
  for (vmxsim_check check = first; check < vmxsim_check_count(); check++) {
    vmxsim_check_describe(check, &other);
    count += !strcmp(other.section, info.section);
  }
  return count;
}

static void print_contents(void) {
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    if (!begins_section(check)) continue;
    vmxsim_check_describe(check, &info);
    printf("- [%s](#", info.section);
    put_anchor(info.section);
    printf("): %u\n", checks_in_section(check));
  }
}

static void print_markdown(void) {
  printf(
      "<!-- Made by `vmxsim rules` out of the catalog in checks/catalog/. Do not edit. -->\n\n"
      "# The rules of a VM entry\n\n"
      "Every condition that VMLAUNCH and VMRESUME check, %u in all, by section of the manual's chapter \"VM Entries\"\n"
      "(SDM volume 3C). `vmxsim explain CHECK` shows one; `vmxsim check` finds those that a VMCS breaks.\n\n"
      "## The order\n\n"
      "A processor stops at the first condition that is not met. The manual fixes the order of the stages: the\n"
      "conditions of the instruction itself, then controls and host state (errors 7 and 8; it leaves open which of\n"
      "the two comes first), then guest state (exit 33), then the MSR-load area (exit 34). Inside a stage the order "
      "is\n"
      "open, too, and processors differ. The number in the first column is the order of vmxsim.\n\n"
      "What a check reads is a VMCS field; a capability of the processor (an MSR, or a number that is worked out\n"
      "from several); an item of the processor's state; or memory. While any of it is not known, and matters, the\n"
      "check is undecided.\n\n"
      "## Contents\n\n",
      vmxsim_check_count());
  print_contents();
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    if (begins_section(check)) print_section(check);
  }
}

static void json_check(struct json *json, vmxsim_check check) {
  struct vmxsim_check_info info;
  char outcome[80] = "";
  vmxsim_check_describe(check, &info);
  outcome_of(&info, outcome, sizeof outcome);
  json_object(json, NULL);
  json_number(json, "number", check + 1);
  json_string(json, "id", info.id);
  json_string(json, "group", info.group);
  json_string(json, "section", info.section);
  json_string(json, "rule", info.rule);
  json_string(json, "outcome", outcome);
  json_array(json, "reads");
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (vmxsim_check_reads(check, input)) json_string(json, NULL, vmxsim_input_name(input));
  }
  json_close(json, ']');
  json_close(json, '}');
}

static void print_json(void) {
  struct json json = json_begin(stdout);
  json_object(&json, NULL);
  json_string(&json, "schema", "vmxsim-rules");
  json_number(&json, "schema_version", 1);
  json_array(&json, "rules");
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) json_check(&json, check);
  json_close(&json, ']');
  json_close(&json, '}');
  json_end(&json);
}

static int run_rules(int count, char **arguments) {
  struct rules_options options = {.format = RULES_MARKDOWN};
  const enum parse_result parsed = options_parse(&command_rules, &count, arguments, &options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  if (count) {
    complain("rules: takes no argument; for one rule: vmxsim explain %s", arguments[0]);
    return EXIT_UNUSABLE;
  }
  if (options.format == RULES_JSON) {
    print_json();
  } else {
    print_markdown();
  }
  return EXIT_GOOD;
}

const struct command command_rules = {
    "rules", "", "Prints every rule of a VM entry, by section of the manual", "", rules_option_table, run_rules,
};
