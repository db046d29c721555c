/* vmxsim cpu: lists, shows and makes profiles of processors. */
#include "cli/cpu.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"

struct cpu_options {
  struct common_options common;
  const char *name, *like;
};

static const struct option cpu_option_table[] = {
    {'n', "name", OPTION_TEXT, "NAME", offsetof(struct cpu_options, name), "import: name of the profile"},
    {0, "like", OPTION_TEXT, "NAME", offsetof(struct cpu_options, like),
     "import: take what is missing from this profile"},
    OPTION_FORMAT,
    OPTION_COLOR,
    OPTION_END,
};

static int list_profiles(const struct cpu_options *options) {
  const struct output output = output_begin(stdout, options->common.color);
  const struct vmxsim_profile *profile;
  for (size_t n = 0; (profile = vmxsim_profile_at(n)); n++) {
    output_styled(&output, STYLE_TITLE, "%-20s", profile->name);
    output_wrapped(&output, 20, 20, profile->about);
  }
  return EXIT_GOOD;
}

static int list_profiles_json(void) {
  struct json json = json_begin(stdout);
  const struct vmxsim_profile *profile;
  json_object(&json, NULL);
  json_string(&json, "schema", "vmxsim-cpu-list");
  json_number(&json, "schema_version", 1);
  json_array(&json, "processors");
  for (size_t n = 0; (profile = vmxsim_profile_at(n)); n++) {
    json_object(&json, NULL);
    json_string(&json, "name", profile->name);
    json_string(&json, "about", profile->about);
    json_close(&json, '}');
  }
  json_close(&json, ']');
  json_close(&json, '}');
  json_end(&json);
  return EXIT_GOOD;
}

static int show(const char *spec, const struct cpu_options *options) {
  struct vmxsim_capabilities capabilities;
  if (!read_processor(spec, &capabilities)) return EXIT_UNUSABLE;
  const struct vmxsim_profile *profile = vmxsim_profile_find(spec, strcspn(spec, ","));
  if (options->common.format == FORMAT_JSON) {
    cpu_show_json(spec, profile, &capabilities);
  } else {
    const struct output output = output_begin(stdout, options->common.color);
    cpu_show(&output, spec, profile, &capabilities);
  }
  return EXIT_GOOD;
}

static void complain_action(const char *action) {
  static const char *const actions[] = {"list", "show", "import"};
  struct suggestions suggestions;
  suggestions_begin(&suggestions, action, strlen(action));
  for (size_t n = 0; n < sizeof actions / sizeof *actions; n++) suggestions_offer(&suggestions, actions[n]);
  const char *const nearest = *action ? suggestions_best(&suggestions) : NULL;
  if (nearest && strcmp(nearest, action) != 0) {
    complain("cpu: \"%s\" is nothing to do; did you mean %s?", action, nearest);
  } else {
    complain("cpu: what to do? vmxsim cpu list, vmxsim cpu show NAME, vmxsim cpu import FILE");
  }
}

static int run_cpu(int count, char **arguments) {
  struct cpu_options options = {.name = NULL};
  const enum parse_result parsed = options_parse(&command_cpu, &count, arguments, &options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  const char *action = count ? arguments[0] : "";
  if (!strcmp(action, "list") && count == 1) {
    return options.common.format == FORMAT_JSON ? list_profiles_json() : list_profiles(&options);
  }
  if (!strcmp(action, "show") && count == 2) return show(arguments[1], &options);
  if (!strcmp(action, "import") && count == 2) return cpu_import(arguments[1], options.name, options.like);
  if (count == 1 && vmxsim_profile_find(action, strcspn(action, ","))) {
    complain("did you mean: vmxsim cpu show %s", action);
  } else {
    complain_action(action);
  }
  return EXIT_UNUSABLE;
}

const struct command command_cpu = {
    "cpu",
    "list | show NAME[,CHANGE...] | import FILE",
    "Lists, shows and makes profiles of processors",
    "list    every processor that --cpu knows\n"
    "show    a processor's VMX capabilities, decoded. A CHANGE is +feature, -feature, +control, -control,\n"
    "        phys-bits=N, linear-bits=N or ia32_vmx_...=VALUE\n"
    "import  a profile out of a list of capability MSRs: the output of rdmsr, lines of \"0x480 0x...\", a log.\n"
    "        Where --cpu takes a NAME it takes such a FILE, too\n",
    cpu_option_table,
    run_cpu,
};
