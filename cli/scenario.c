/* Scenarios: running them, what happened one line an event, and what was expected beside what came. */
#include "cli/scenario.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "vmxsim/exits.h"

enum { LOG_LINES = 40, EXIT_REASONS = 128 };

/* --- files beside the scenario --- */

static bool read_beside(void *context, const char *name, char **bytes, size_t *size);

/* --- the log of a test --- */

struct logging {
  const char *path;
  struct scenario_log *log;
  struct scenario_log failures;
};

static void log_put(struct scenario_log *log, const char *format, ...) PRINTF_LIKE(2, 3);

static void log_put(struct scenario_log *log, const char *format, ...) {
  char line[2048];
  va_list list;
  va_start(list, format);
  const int wanted = vsnprintf(line, sizeof line, format, list);
  va_end(list);
  const size_t length = wanted < 0 ? 0 : (size_t)wanted < sizeof line ? (size_t)wanted : sizeof line - 1;
  if (log->capacity - log->length < length + 1) {
    const size_t capacity = 2 * (log->length + length + 512);
    char *text = allocate(capacity, 1);
    if (log->length) memcpy(text, log->text, log->length);
    free(log->text);
    log->text = text;
    log->capacity = capacity;
  }
  memcpy(log->text + log->length, line, length + 1);
  log->length += length;
}

/* The last lines of a text. */
static const char *tail(const struct scenario_log *log, unsigned lines) {
  const char *at = log->text + log->length;
  while (at > log->text && lines) {
    at--;
    if (at > log->text && at[-1] == '\n') lines--;
  }
  return at;
}

static void log_event(void *context, const struct vmxsim_scenario_event *event) {
  const struct logging *logging = context;
  log_put(logging->log, "  %u %8llu  %s\n", event->vcpu, (unsigned long long)event->cycles, event->text);
}

static void log_failure(void *context, const struct vmxsim_scenario_failure *failure) {
  struct logging *logging = context;
  struct scenario_log *log = &logging->failures;
  if (failure->line) log_put(log, "line %u: ", failure->line);
  log_put(log, "%s\n  expected: %s\n  actual:   %s\n", failure->what, failure->expected, failure->actual);
}

vmxsim_status scenario_test(const char *path, const vmxsim_scenario *scenario, struct scenario_log *log, bool *passed) {
  struct logging logging = {.path = path, .log = log};
  struct vmxsim_diagnostic error = {0};
  struct vmxsim_scenario_result result;
  const struct vmxsim_scenario_listener listener = {.size = sizeof listener,
                                                    .event = log_event,
                                                    .failure = log_failure,
                                                    .read_file = read_beside,
                                                    .context = &logging};
  const vmxsim_status status = vmxsim_scenario_run(scenario, &listener, &result, &error);
  *passed = !status && result.passed;
  if (status) log_put(&logging.failures, "line %u: %s\n", error.line, error.text);
  if (log->length) log_put(&logging.failures, "what happened:\n%s", tail(log, LOG_LINES));
  free(log->text);
  *log = logging.failures;
  return status;
}

/* --- vmxsim run --- */

struct printing {
  const char *path;
  const struct scenario_options *options;
  struct output output;
  size_t exits[EXIT_REASONS]; /* of this scenario, by basic exit reason */
};

static bool read_beside(void *context, const char *name, char **bytes, size_t *size) {
  const char *path = *(const char *const *)context, *slash = strrchr(path, '/'); /* both contexts begin with it */
  const size_t folder = slash && name[0] != '/' ? (size_t)(slash - path) + 1 : 0;
  char *full = allocate(folder + strlen(name) + 1, 1);
  memcpy(full, path, folder);
  strcpy(full + folder, name);
  const bool good = read_file(full, bytes, size);
  free(full);
  return good;
}

static enum style style_of(enum vmxsim_scenario_event_kind kind) {
  switch (kind) {
  case VMXSIM_SCENARIO_FAULT:
  case VMXSIM_SCENARIO_SHUTDOWN:
  case VMXSIM_SCENARIO_OUT_OF_TIME:
  case VMXSIM_SCENARIO_VMFAIL: return STYLE_BAD;
  case VMXSIM_SCENARIO_ENTRY:
  case VMXSIM_SCENARIO_EXIT: return STYLE_TITLE;
  case VMXSIM_SCENARIO_STEP:
  case VMXSIM_SCENARIO_INSTRUCTION: return STYLE_FAINT;
  default: return STYLE_PLAIN;
  }
}

static void put_json_string(FILE *file, const char *text) {
  putc('"', file);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putc('\\', file);
    if ((unsigned char)*text < ' ')
      fprintf(file, "\\u%04x", (unsigned char)*text);
    else
      putc(*text, file);
  }
  putc('"', file);
}

static void print_event(void *context, const struct vmxsim_scenario_event *event) {
  struct printing *printing = context;
  const size_t reason = event->number & 0xffff;
  if (event->kind == VMXSIM_SCENARIO_EXIT && reason < EXIT_REASONS) printing->exits[reason]++;
  if (!printing->options->json) {
    output_put(&printing->output, "  %u %8llu  ", event->vcpu, (unsigned long long)event->cycles);
    output_styled(&printing->output, style_of(event->kind), "%s\n", event->text);
    return;
  }
  FILE *file = printing->output.file;
  fprintf(file, "{\"event\": \"%s\", \"vcpu\": %u, \"cycle\": %llu, \"rip\": \"0x%llx\", \"number\": %llu, \"text\": ",
          vmxsim_scenario_event_name(event->kind), event->vcpu, (unsigned long long)event->cycles,
          (unsigned long long)event->rip, (unsigned long long)event->number);
  put_json_string(file, event->text);
  fputs("}\n", file);
}

static void print_failure(void *context, const struct vmxsim_scenario_failure *failure) {
  struct printing *printing = context;
  const struct output *output = &printing->output;
  if (printing->options->json) {
    fprintf(output->file, "{\"event\": \"failure\", \"line\": %u, \"what\": ", failure->line);
    put_json_string(output->file, failure->what);
    fputs(", \"expected\": ", output->file);
    put_json_string(output->file, failure->expected);
    fputs(", \"actual\": ", output->file);
    put_json_string(output->file, failure->actual);
    fputs("}\n", output->file);
    return;
  }
  output_styled(output, STYLE_BAD, "%s ", mark_bad(output));
  output_put(output, "%s:%u: %s\n", file_title(printing->path), failure->line, failure->what);
  output_put(output, "      expected: %s\n      actual:   %s\n", failure->expected, failure->actual);
}

/* "VM exits: 2 cpuid, 1 hlt" */
static void print_exits(const struct printing *printing) {
  const char *before = "VM exits:";
  for (uint32_t reason = 0; reason < EXIT_REASONS; reason++) {
    const struct vmxsim_numbered_name *name = vmxsim_exit_reason(reason);
    if (!printing->exits[reason]) continue;
    output_put(&printing->output, "%s %zu %s", before, printing->exits[reason], name ? name->name : "?");
    before = ",";
  }
  if (*before == ',') output_put(&printing->output, "\n");
}

static void print_end(const struct printing *printing, const vmxsim_scenario *scenario,
                      const struct vmxsim_scenario_result *result) {
  const struct output *output = &printing->output;
  if (printing->options->json) {
    fputs("{\"event\": \"result\", \"scenario\": ", output->file);
    put_json_string(output->file, vmxsim_scenario_name(scenario));
    fprintf(output->file, ", \"passed\": %s, \"failures\": %u, \"cycles\": %llu}\n", result->passed ? "true" : "false",
            result->failures, (unsigned long long)result->cycles);
    return;
  }
  print_exits(printing);
  if (result->passed) {
    output_styled(output, STYLE_GOOD, "%s everything as expected\n", mark_good(output));
  } else {
    output_styled(output, STYLE_BAD, "%s %u %s\n", mark_bad(output), result->failures,
                  plural(result->failures, "expectation failed", "expectations failed"));
  }
}

static int run_one(const vmxsim_scenario *scenario, struct printing *printing) {
  struct vmxsim_diagnostic error = {0};
  struct vmxsim_scenario_result result;
  const struct vmxsim_scenario_listener listener = {.size = sizeof listener,
                                                    .event = print_event,
                                                    .failure = print_failure,
                                                    .instructions = printing->options->instructions,
                                                    .read_file = read_beside,
                                                    .context = printing,
                                                    .processor = printing->options->processor};
  memset(printing->exits, 0, sizeof printing->exits);
  if (!printing->options->json) {
    output_styled(&printing->output, STYLE_TITLE, "%s\n", vmxsim_scenario_name(scenario));
    if (*vmxsim_scenario_about(scenario)) output_wrapped(&printing->output, 0, 0, vmxsim_scenario_about(scenario));
  }
  if (vmxsim_scenario_run(scenario, &listener, &result, &error)) {
    complain_at(file_title(printing->path), error.line, error.column, error.text);
    return EXIT_UNUSABLE;
  }
  print_end(printing, scenario, &result);
  return result.passed ? EXIT_GOOD : EXIT_NOT_GOOD;
}

static int run_document(const vmxsim_document *document, struct printing *printing) {
  const vmxsim_scenario *scenario;
  int status = EXIT_GOOD;
  if (!vmxsim_document_scenario_count(document)) {
    complain("%s: no scenario in it (`vmxsim check` and `vmxsim test` are for cases and vectors)",
             file_title(printing->path));
    return EXIT_UNUSABLE;
  }
  for (size_t n = 0; (scenario = vmxsim_document_scenario(document, n)); n++) {
    const int one = run_one(scenario, printing);
    if (one > status) status = one;
  }
  return status;
}

bool scenario_is_file(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

int scenario_run_file(const char *path, const struct scenario_options *options) {
  char *text;
  size_t length;
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic = {0};
  struct printing printing = {.path = path, .options = options, .output = output_begin(stdout, options->color)};
  int status = EXIT_UNUSABLE;
  if (!read_file(path, &text, &length)) return EXIT_UNUSABLE;
  const vmxsim_status read =
      vmxsim_document_read(file_title(path), text, length, VMXSIM_FORMAT_YAML, NULL, &document, &diagnostic);
  if (read)
    complain_at(file_title(path), diagnostic.line, diagnostic.column,
                *diagnostic.text ? diagnostic.text : vmxsim_status_text(read));
  else
    status = run_document(document, &printing);
  vmxsim_document_free(document);
  free(text);
  return status;
}
