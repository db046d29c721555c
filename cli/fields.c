/* vmxsim fields: the table of VMCS fields. */
#define _POSIX_C_SOURCE 200809L
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/json.h"
#include "cli/output.h"
#include "vmcs/names.h"
#include "vmxsim/vmxsim.h"

enum fields_format { FIELDS_TEXT, FIELDS_JSON, FIELDS_MARKDOWN };

struct fields_options {
  struct common_options common; /* `format` has one word more here */
  const char *cpu;
};

static const struct option fields_option_table[] = {
    {'c', "cpu", OPTION_TEXT, "SPEC", offsetof(struct fields_options, cpu), "only the fields that this processor has"},
    {0, "format", OPTION_CHOICE, "text|json|md", offsetof(struct common_options, format),
     "what to print; docs/json.md describes the JSON"},
    OPTION_COLOR,
    OPTION_END,
};

/* Lower case and without what does not count in names. */
static void fold(const char *text, char *folded, size_t size) {
  size_t length = 0;
  for (; *text && length + 1 < size; text++) {
    const char c = *text;
    if (c == '_' || c == '-' || c == '.' || c == ' ') continue;
    folded[length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  folded[length] = 0;
}

static bool contains(const char *text, const char *folded_pattern) {
  char folded[200];
  fold(text, folded, sizeof folded);
  return strstr(folded, folded_pattern) != NULL;
}

/* A part of a name, term or alias; a pattern with '*' or '?' over the name; an encoding. */
static bool field_matches(vmxsim_field field, const char *pattern) {
  uint64_t encoding;
  char folded[200];
  const char *alias;
  if (strpbrk(pattern, "*?[")) return fnmatch(pattern, vmxsim_field_name(field), 0) == 0;
  if (names_hexadecimal(pattern, strlen(pattern), &encoding) && encoding <= 0xffff &&
      vmxsim_field_from_encoding((uint32_t)encoding) == field) {
    return true;
  }
  fold(pattern, folded, sizeof folded);
  if (contains(vmxsim_field_name(field), folded) || contains(vmxsim_field_term(field), folded)) return true;
  for (unsigned n = 0; (alias = vmxsim_field_alias(field, n, NULL)); n++) {
    if (contains(alias, folded)) return true;
  }
  return false;
}

struct listing {
  const struct vmxsim_capabilities *processor; /* NULL for all fields */
  char **patterns;
  int pattern_count;
};

static bool is_listed(const struct listing *listing, vmxsim_field field) {
  if (listing->processor && !vmxsim_field_exists(field, listing->processor)) return false;
  for (int n = 0; n < listing->pattern_count; n++) {
    if (field_matches(field, listing->patterns[n])) return true;
  }
  return listing->pattern_count == 0;
}

static void print_row(const struct output *output, vmxsim_field field, unsigned name_width) {
  char existence[200];
  vmxsim_field_existence_text(field, existence, sizeof existence);
  output_styled(output, STYLE_FAINT, "%04x", vmxsim_field_encoding(field));
  output_put(output, "  %-*s  %-13s  %-20s  %s\n", (int)name_width, vmxsim_field_name(field),
             vmxsim_field_width_text(vmxsim_field_width_of(field)), vmxsim_field_kind_text(vmxsim_field_kind_of(field)),
             existence);
}

static size_t print_table(const struct listing *listing, const struct output *output) {
  unsigned name_width = 4;
  size_t count = 0;
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    if (!is_listed(listing, (vmxsim_field)n)) continue;
    const unsigned length = (unsigned)strlen(vmxsim_field_name((vmxsim_field)n));
    if (length > name_width) name_width = length;
    count++;
  }
  if (!count) return 0;
  output_styled(output, STYLE_TITLE, "code  %-*s  %-13s  %-20s  %s\n", (int)name_width, "name", "width", "kind",
                "exists with");
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    if (is_listed(listing, (vmxsim_field)n)) print_row(output, (vmxsim_field)n, name_width);
  }
  return count;
}

static void json_field(struct json *json, vmxsim_field field) {
  char existence[200];
  const char *alias, *source;
  vmxsim_field_existence_text(field, existence, sizeof existence);
  json_object(json, NULL);
  json_string(json, "name", vmxsim_field_name(field));
  json_string(json, "term", vmxsim_field_term(field));
  json_hex(json, "encoding", vmxsim_field_encoding(field), 4);
  json_string(json, "width", vmxsim_field_width_text(vmxsim_field_width_of(field)));
  json_string(json, "kind", vmxsim_field_kind_text(vmxsim_field_kind_of(field)));
  json_bool(json, "read_only", vmxsim_field_is_read_only(field));
  json_bool(json, "high_half", vmxsim_field_has_high_half(field));
  json_string(json, "exists", existence);
  json_array(json, "aliases");
  for (unsigned n = 0; (alias = vmxsim_field_alias(field, n, &source)); n++) {
    json_object(json, NULL);
    json_string(json, "source", source);
    json_string(json, "name", alias);
    json_close(json, '}');
  }
  json_close(json, ']');
  json_close(json, '}');
}

static size_t print_json(const struct listing *listing) {
  struct json json = json_begin(stdout);
  size_t count = 0;
  json_object(&json, NULL);
  json_string(&json, "schema", "vmxsim-fields");
  json_number(&json, "schema_version", 1);
  json_array(&json, "fields");
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    if (!is_listed(listing, (vmxsim_field)n)) continue;
    json_field(&json, (vmxsim_field)n);
    count++;
  }
  json_close(&json, ']');
  json_close(&json, '}');
  json_end(&json);
  return count;
}

/* Each of the manual's tables has the fields of one width and kind. */
static void begin_table(vmxsim_field field, bool is_first) {
  const char *width = vmxsim_field_width_text(vmxsim_field_width_of(field));
  const char initial = (char)(*width >= 'a' ? *width - 'a' + 'A' : *width);
  printf("%s## %c%s %s fields\n\n| encoding | name | term | exists with |\n|---|---|---|---|\n", is_first ? "" : "\n",
         initial, width + 1, vmxsim_field_kind_text(vmxsim_field_kind_of(field)));
}

static size_t print_markdown(const struct listing *listing) {
  size_t count = 0;
  vmxsim_field last = VMXSIM_FIELD_COUNT;
  printf("<!-- Made by `vmxsim fields --format md` out of include/vmxsim/tables/fields.def. Do not edit. -->\n\n"
         "# The fields of a VMCS\n\n"
         "By encoding, in the tables of the manual (SDM volume 3D, appendix \"Field Encoding in VMCS\"); the term is\n"
         "the manual's. The encoding is that of the whole field: of a 64-bit field, the encoding plus 1 names bits\n"
         "63:32 alone. Fields of natural width have 64 bits on processors with Intel 64 architecture, else 32. The\n"
         "last column names the control that makes a field exist, and in brackets its control word; a field without\n"
         "an entry there exists on every processor with VMX.\n\n"
         "`vmxsim explain FIELD` tells what others call a field and what its bits are; the index of\n"
         "[rules.md](rules.md#index-of-vmcs-fields) says which checks read it.\n\n");
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    const vmxsim_field field = (vmxsim_field)n;
    char existence[200];
    if (!is_listed(listing, field)) continue;
    if (last == VMXSIM_FIELD_COUNT || vmxsim_field_width_of(last) != vmxsim_field_width_of(field) ||
        vmxsim_field_kind_of(last) != vmxsim_field_kind_of(field)) {
      begin_table(field, last == VMXSIM_FIELD_COUNT);
    }
    last = field;
    vmxsim_field_existence_text(field, existence, sizeof existence);
    printf("| %04XH | `%s` | %s | %s |\n", vmxsim_field_encoding(field), vmxsim_field_name(field),
           vmxsim_field_term(field), existence);
    count++;
  }
  return count;
}

static size_t print_listing(const struct listing *listing, const struct fields_options *options) {
  const struct output output = output_begin(stdout, options->common.color);
  switch ((enum fields_format)options->common.format) {
  case FIELDS_TEXT: return print_table(listing, &output);
  case FIELDS_JSON: return print_json(listing);
  case FIELDS_MARKDOWN: return print_markdown(listing);
  }
  return 0;
}

static void suggest_fields(const char *pattern) {
  const char *nearest[3];
  const size_t count = vmxsim_field_nearest(pattern, strlen(pattern), nearest, 3);
  complain("no field matches \"%s\"%s%s%s%s", pattern, count ? "; nearest: " : "", count ? nearest[0] : "",
           count > 1 ? ", " : "", count > 1 ? nearest[1] : "");
}

static int run_fields(int count, char **arguments) {
  struct fields_options options = {.cpu = NULL};
  struct vmxsim_capabilities processor;
  const enum parse_result parsed = options_parse(&command_fields, &count, arguments, &options);
  if (parsed != PARSE_RUN) return options_status(parsed);
  if (options.cpu && !read_processor(options.cpu, &processor)) return EXIT_UNUSABLE;
  const struct listing listing = {options.cpu ? &processor : NULL, arguments, count};
  if (print_listing(&listing, &options)) return EXIT_GOOD;
  if (count) {
    suggest_fields(arguments[0]);
  } else {
    complain("this processor has no VMCS field");
  }
  return EXIT_UNUSABLE;
}

const struct command command_fields = {
    "fields",
    "[PATTERN...]",
    "Lists VMCS fields: encoding, name, width, kind, and what makes them exist",
    "PATTERN is a part of a name of the field, the manual's or anybody's; a pattern such as guest_*_base; or an\n"
    "encoding in hexadecimal. \"vmxsim explain FIELD\" tells more of one field.\n",
    fields_option_table,
    run_fields,
};
