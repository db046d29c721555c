/* Build-time tool: profiles and templates in YAML to C tables, so that the library opens no data files.
 *
 *   compile_tables profiles OUT.c FILE...    vmxsim_profile_table[]
 *   compile_tables templates OUT.c FILE...   vmxsim_template_table[]
 *
 * Tables are in the order of the files. Mistakes are reported as file:line:column, exit status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input/yaml_diagnose.h"
#include "input/yaml_values.h"
#include "vmcs/names.h"
#include "vmxsim/templates.h"

/* A file with its tree, and where mistakes in it go. */
struct source {
  const char *path;
  char *text;
  struct yaml_stream *stream;
  const struct yaml_node *root;
  struct vmxsim_diagnostic diagnostic;
};

/* What is written so far: nothing half-made stays behind. */
static const char *output_path;

static _Noreturn void give_up(void) {
  if (output_path) remove(output_path);
  exit(1);
}

static _Noreturn void stop(const char *path, const char *why) {
  fprintf(stderr, "%s: %s\n", path, why);
  give_up();
}

/* Ends the program if something was wrong. */
static void require(const struct source *source, vmxsim_status status) {
  if (status == VMXSIM_OK) return;
  const struct vmxsim_diagnostic *diagnostic = &source->diagnostic;
  fprintf(stderr, "%s:%u:%u: %s\n", source->path, diagnostic->line, diagnostic->column, diagnostic->text);
  give_up();
}

static char *read_file(const char *path, size_t *length) {
  enum { SIZE_MAXIMUM = 1 << 20 };
  FILE *file = fopen(path, "rb");
  char *text = malloc(SIZE_MAXIMUM);
  if (!file || !text) stop(path, "cannot be opened");
  *length = fread(text, 1, SIZE_MAXIMUM, file);
  if (ferror(file) || *length == SIZE_MAXIMUM) stop(path, "cannot be read");
  fclose(file);
  return text;
}

static struct source open_source(const char *path) {
  struct source source = {.path = path};
  size_t length = 0;
  source.text = read_file(path, &length);
  source.stream = yaml_stream_open(NULL, source.text, length);
  if (!source.stream) stop(path, "no memory is left");
  require(&source, yaml_stream_next(source.stream, &source.root, &source.diagnostic));
  if (!source.root || source.root->kind != NODE_MAPPING) stop(path, "expected a mapping");
  return source;
}

static void close_source(struct source *source) {
  yaml_stream_close(source->stream);
  free(source->text);
}

/* What stands behind a key of the file. */
static const struct yaml_node *value_of(struct source *source, const char *name, enum yaml_kind kind) {
  for (const struct yaml_node *key = source->root->first; key; key = key->next->next) {
    if (strcmp(key->text, name) != 0) continue;
    const char *const kinds[] = {"a text", "a list", "a mapping"};
    if (key->next->kind != kind) require(source, yaml_expected(&source->diagnostic, key->next, kinds[kind]));
    return key->next;
  }
  fprintf(stderr, "%s:%u:%u: expected a key '%s', found none\n", source->path, source->root->line, source->root->column,
          name);
  give_up();
}

static const char *text_of(struct source *source, const char *name) {
  return value_of(source, name, NODE_SCALAR)->text;
}

static void only_keys(struct source *source, const char *const *names, size_t count) {
  for (const struct yaml_node *key = source->root->first; key; key = key->next->next) {
    size_t i = 0;
    while (i < count && strcmp(names[i], key->text) != 0) i++;
    if (i == count) require(source, yaml_unknown_name(&source->diagnostic, key, "a key of this kind of file", NULL));
  }
}

static void print_string(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', out);
    /* No trigraphs, and no line ends inside. */
    if (*text == '\n')
      fputs("\\n", out);
    else if (*text == '?')
      fputs("\\?", out);
    else
      fputc(*text, out);
  }
  fputc('"', out);
}

static void print_member(FILE *out, const char *name, const char *text) {
  fprintf(out, "    .%s = ", name);
  print_string(out, text);
  fputs(",\n", out);
}

/* Profiles */

static void read_capability(struct source *source, const struct yaml_node *key, enum vmxsim_capability_kind kind,
                            struct vmxsim_capabilities *capabilities) {
  const struct vmxsim_capability_info *info;
  for (unsigned i = 0; (info = vmxsim_capability_info(i)); i++) {
    if (info->kind != kind || i == VMXSIM_CAPABILITY_features) continue;
    if (!names_equal(info->name, key->text, key->length)) continue;
    require(source,
            yaml_number(&source->diagnostic, key->next, 64, "a number", vmxsim_capability_value(capabilities, i)));
    return;
  }
  require(source, yaml_unknown_name(&source->diagnostic, key,
                                    kind == VMXSIM_CAPABILITY_MSR ? "a capability MSR" : "a number from CPUID", NULL));
}

static void read_capabilities(struct source *source, const char *name, enum vmxsim_capability_kind kind,
                              struct vmxsim_capabilities *capabilities) {
  const struct yaml_node *mapping = value_of(source, name, NODE_MAPPING);
  for (const struct yaml_node *key = mapping->first; key; key = key->next->next) {
    read_capability(source, key, kind, capabilities);
  }
}

static void read_feature(struct source *source, const struct yaml_node *node,
                         struct vmxsim_capabilities *capabilities) {
  const char *name;
  if (node->kind != NODE_SCALAR) require(source, yaml_expected(&source->diagnostic, node, "a feature"));
  for (unsigned i = 0; (name = vmxsim_feature_name(i)); i++) {
    if (!names_equal(name, node->text, node->length)) continue;
    capabilities->features |= UINT64_C(1) << i;
    return;
  }
  require(source, yaml_unknown_name(&source->diagnostic, node, "a feature", NULL));
}

static void print_profile(FILE *out, struct source *source) {
  static const char *const keys[] = {"profile", "about", "source", "derived", "msr", "cpuid", "features"};
  struct vmxsim_capabilities capabilities = {0};
  only_keys(source, keys, sizeof keys / sizeof *keys);
  read_capabilities(source, "msr", VMXSIM_CAPABILITY_MSR, &capabilities);
  read_capabilities(source, "cpuid", VMXSIM_CAPABILITY_NUMBER, &capabilities);
  const struct yaml_node *features = value_of(source, "features", NODE_SEQUENCE);
  for (const struct yaml_node *item = features->first; item; item = item->next)
    read_feature(source, item, &capabilities);
  vmxsim_capabilities_derive(&capabilities);
  fputs("  {\n", out);
  print_member(out, "name", text_of(source, "profile"));
  print_member(out, "about", text_of(source, "about"));
  print_member(out, "source", text_of(source, "source"));
  print_member(out, "derived", text_of(source, "derived"));
  fputs("    .capabilities = {\n", out);
  const struct vmxsim_capability_info *info;
  for (unsigned i = 0; (info = vmxsim_capability_info(i)); i++) {
    fprintf(out, "      .%s = UINT64_C(0x%llx),\n", info->name,
            (unsigned long long)vmxsim_capability_get(&capabilities, i));
  }
  fputs("    },\n  },\n", out);
}

/* Templates */

static void read_fields(struct source *source, struct vmxsim_vmcs *vmcs) {
  const struct yaml_node *mapping = value_of(source, "vmcs", NODE_MAPPING);
  struct vmxsim_field_set given = {{0}};
  for (const struct yaml_node *key = mapping->first; key; key = key->next->next) {
    vmxsim_field field = (vmxsim_field)0;
    bool high = false;
    require(source, yaml_field_name(&source->diagnostic, key, &field, &high));
    if (vmxsim_field_set_has(&given, field)) {
      require(source, yaml_expected(&source->diagnostic, key, "every field once"));
    }
    vmxsim_field_set_add(&given, field);
    uint64_t value = 0;
    const uint64_t base = vmcs->value[field];
    require(source, yaml_field_value(&source->diagnostic, key->next, field, high, &base, &value));
    vmcs->value[field] = value;
  }
}

/* The controls that a processor needs for the template, checked and in their full names. */
static void print_needs(FILE *out, struct source *source) {
  const struct yaml_node *list = value_of(source, "needs", NODE_SEQUENCE);
  fputs("    .needs = \"", out);
  for (const struct yaml_node *item = list->first; item; item = item->next) {
    const struct vmxsim_control *control = NULL;
    if (item->kind == NODE_SCALAR) vmxsim_control_from_name(item->text, item->length, &control);
    if (!control) {
      require(source, yaml_expected(&source->diagnostic, item, "a control, as secondary.enable_ept"));
      return;
    }
    fprintf(out, "%s%s.%s", item == list->first ? "" : " ", vmxsim_control_word_name(control->word), control->name);
  }
  fputs("\",\n", out);
}

static void print_vmcs(FILE *out, const struct vmxsim_vmcs *vmcs) {
  fputs("    .vmcs = {\n      .value = {\n", out);
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    if (!vmcs->value[i]) continue;
    fprintf(out, "        [VMXSIM_FIELD_%s] = UINT64_C(0x%llx),\n", vmxsim_field_name((vmxsim_field)i),
            (unsigned long long)vmcs->value[i]);
  }
  fputs("      },\n      .known = {{", out);
  for (unsigned i = 0; i < VMXSIM_FIELD_WORDS; i++) {
    fprintf(out, "%sUINT64_C(0x%llx)", i ? ", " : "", (unsigned long long)vmcs->known.word[i]);
  }
  fputs("}},\n    },\n", out);
}

static void print_state(FILE *out, const struct vmxsim_processor_state *state) {
  fputs("    .state = {\n      .item = {\n", out);
  for (unsigned i = 0; i < VMXSIM_PROCESSOR_ITEM_COUNT; i++) {
    fprintf(out, "        [VMXSIM_PROCESSOR_%s] = UINT64_C(0x%llx),\n", vmxsim_processor_item_name(i),
            (unsigned long long)state->item[i]);
  }
  fprintf(out, "      },\n      .known = UINT64_C(0x%llx),\n    },\n", (unsigned long long)state->known);
}

static void print_template(FILE *out, struct source *source) {
  static const char *const keys[] = {"template", "about", "needs", "state", "vmcs"};
  struct vmxsim_vmcs vmcs = {.revision_identifier = 0};
  struct vmxsim_processor_state state = {.known = 0};
  uint64_t unknown = 0;
  only_keys(source, keys, sizeof keys / sizeof *keys);
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) vmxsim_field_set_add(&vmcs.known, (vmxsim_field)i);
  read_fields(source, &vmcs);
  vmxsim_processor_state_usual(&state);
  const struct yaml_node *items = value_of(source, "state", NODE_MAPPING);
  require(source, yaml_processor_state(&source->diagnostic, items, &state, &unknown));
  if (unknown) require(source, yaml_expected(&source->diagnostic, items, "a state in which everything is known"));
  fputs("  {\n", out);
  print_member(out, "name", text_of(source, "template"));
  print_member(out, "about", text_of(source, "about"));
  print_needs(out, source);
  print_vmcs(out, &vmcs);
  print_state(out, &state);
  fputs("  },\n", out);
}

static void print_table(FILE *out, const char *type, char **files, int count,
                        void (*print_entry)(FILE *out, struct source *source)) {
  fprintf(out, "/* Compiled from the YAML files of the source tree. */\n#include \"vmxsim/templates.h\"\n\n");
  fprintf(out, "extern const struct vmxsim_%s vmxsim_%s_table[];\nextern const size_t vmxsim_%s_table_count;\n\n", type,
          type, type);
  fprintf(out, "const struct vmxsim_%s vmxsim_%s_table[] = {\n", type, type);
  for (int i = 0; i < count; i++) {
    struct source source = open_source(files[i]);
    print_entry(out, &source);
    close_source(&source);
  }
  fprintf(out, "};\n\nconst size_t vmxsim_%s_table_count = %d;\n", type, count);
}

int main(int argc, char **argv) {
  const bool profiles = argc > 3 && strcmp(argv[1], "profiles") == 0;
  if (!profiles && !(argc > 3 && strcmp(argv[1], "templates") == 0)) {
    fprintf(stderr, "usage: compile_tables profiles|templates OUT.c FILE...\n");
    return 2;
  }
  FILE *out = fopen(argv[2], "wb");
  if (!out) stop(argv[2], "cannot be written");
  output_path = argv[2];
  if (profiles)
    print_table(out, "profile", argv + 3, argc - 3, print_profile);
  else
    print_table(out, "template", argv + 3, argc - 3, print_template);
  if (fclose(out) != 0) stop(argv[2], "cannot be written");
  return 0;
}
