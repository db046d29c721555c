/* vmxsim rules: every check, by section of the manual. docs/rules.md is its output; rules_markdown.c writes it. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/rules_document.h"
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
    rules_print_markdown();
  }
  return EXIT_GOOD;
}

const struct command command_rules = {
    "rules", "", "Prints every rule of a VM entry, by section of the manual", "", rules_option_table, run_rules,
};
