/* Measures what the documentation promises: medians, beside a loop of dependent additions timed in the same run.
 *
 *   vmxsim-bench COMMAND SOURCE_DIRECTORY
 *
 * 1 us stands for 3,000 rounds of the loop, so that figures of machines of different speed compare. A figure above its
 * limit is marked; the exit status is 0 all the same, since a busy machine proves nothing.
 */
#define _DEFAULT_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bench/vmx_engine.h"
#include "vmxsim/vmxsim.h"

extern char **environ;

struct report {
  double ns_per_add;
};

/* A duration against its limit; both in "nominal" nanoseconds: 3 dependent additions each. */
static void line(const struct report *report, const char *what, double ns, double limit) {
  const double nominal = ns / report->ns_per_add / 3;
  printf("  %-58s %10.1f ns  %10.1f nominal ns  limit %10.0f  %s\n", what, ns, nominal, limit,
         nominal <= limit ? "ok" : "ABOVE");
}

static void rate_line(const struct report *report, const char *what, double per_second, double limit) {
  const double nominal = per_second * report->ns_per_add * 3;
  printf("  %-58s %10.0f /s  %10.0f nominal /s  limit %10.0f  %s\n", what, per_second, nominal, limit,
         nominal >= limit ? "ok" : "BELOW");
}

static bool zero_memory(void *context, uint64_t address, void *bytes, size_t size) {
  (void)context, (void)address;
  memset(bytes, 0, size);
  return true;
}

struct machine {
  struct vmxsim_vmcs vmcs;
  const struct vmxsim_capabilities *capabilities;
  struct vmxsim_check_input input;
};

static void set_up(struct machine *m, const char *template, const char *profile) {
  const struct vmxsim_template *base = vmxsim_template_find(template, strlen(template));
  m->vmcs = base->vmcs;
  m->capabilities = &vmxsim_profile_find(profile, strlen(profile))->capabilities;
  m->input = (struct vmxsim_check_input){&m->vmcs, &base->state, &m->capabilities, 1, zero_memory, NULL};
}

static void bench_full(const struct report *report, const char *template, const char *profile) {
  enum { SAMPLES = 101, CALLS = 2000 };
  double samples[SAMPLES];
  char what[100];
  struct machine m;
  struct vmxsim_verdict verdict;
  set_up(&m, template, profile);
  vmxsim_check_all(&m.input, &verdict);
  if (verdict.broken_groups | verdict.undecided_groups) printf("  (%s is not clean on %s)\n", template, profile);
  for (int i = 0; i < SAMPLES; i++) {
    const double start = now();
    for (int call = 0; call < CALLS; call++) vmxsim_check_all(&m.input, &verdict);
    samples[i] = (now() - start) / CALLS;
  }
  snprintf(what, sizeof what, "all checks, none broken: %s on %s", template, profile);
  line(report, what, median(samples, SAMPLES), 1000);
}

/* Each field in turn: a VMWRITE-like change of its value and back, and what re-evaluating costs. */
static void bench_incremental(const struct report *report, const char *template, const char *profile) {
  enum { SAMPLES = 31, CALLS = 500 };
  double of_field[VMXSIM_FIELD_COUNT];
  struct machine m;
  struct vmxsim_verdict verdict;
  set_up(&m, template, profile);
  vmxsim_check_all(&m.input, &verdict);
  double worst = 0;
  unsigned worst_field = 0;
  for (unsigned field = 0; field < VMXSIM_FIELD_COUNT; field++) {
    double samples[SAMPLES];
    struct vmxsim_field_set changed = {{0}};
    vmxsim_field_set_add(&changed, (vmxsim_field)field);
    for (int i = 0; i < SAMPLES; i++) {
      const double start = now();
      for (int call = 0; call < CALLS; call++) vmxsim_check_changed(&m.input, &changed, &verdict);
      samples[i] = (now() - start) / CALLS;
    }
    of_field[field] = median(samples, SAMPLES);
    if (of_field[field] > worst) worst = of_field[field], worst_field = field;
  }
  char what[120];
  snprintf(what, sizeof what, "one changed field, worst: %s", vmxsim_field_name((vmxsim_field)worst_field));
  line(report, "one changed field, median over all fields", median(of_field, VMXSIM_FIELD_COUNT), 50);
  line(report, what, worst, 300);
}

/* All reference vectors as one text, the documents parted by "---". */
static char *all_vectors(const char *source, size_t *size) {
  char command[4200];
  snprintf(command, sizeof command, "for f in '%s'/testvectors/checks/*.yaml; do echo '---'; cat \"$f\"; done", source);
  FILE *pipe = popen(command, "r");
  char *text = NULL;
  size_t capacity = 0;
  *size = 0;
  for (;;) {
    if (*size == capacity) text = realloc(text, capacity += 1 << 20);
    const size_t got = pipe && text ? fread(text + *size, 1, capacity - *size, pipe) : 0;
    if (!got) break;
    *size += got;
  }
  if (pipe) pclose(pipe);
  return text;
}

static void bench_vectors(const struct report *report, const char *source) {
  enum { LOADS = 9, SAMPLES = 21 };
  size_t size, count = 0;
  double samples[SAMPLES];
  struct vmxsim_diagnostic diagnostic;
  vmxsim_document *document = NULL;
  char *text = all_vectors(source, &size);
  for (int i = 0; i < LOADS; i++) {
    vmxsim_document_free(document);
    const double start = now();
    if (vmxsim_document_read("vectors", text, size, VMXSIM_FORMAT_YAML, NULL, &document, &diagnostic) != VMXSIM_OK) {
      printf("  vectors: %u:%u: %s\n", diagnostic.line, diagnostic.column, diagnostic.text);
      free(text);
      return;
    }
    count = vmxsim_document_count(document);
    samples[i] = (now() - start) / (double)count;
  }
  rate_line(report, "vectors loaded from YAML", 1e9 / median(samples, LOADS), 20000);
  for (int i = 0; i < SAMPLES; i++) {
    struct vmxsim_vmcs vmcs;
    struct vmxsim_verdict verdict;
    const double start = now();
    for (size_t n = 0; n < count; n++) {
      struct vmxsim_check_input input;
      vmxsim_case_input(vmxsim_document_case(document, n), &vmcs, &input);
      vmxsim_check_all(&input, &verdict);
      __asm__ volatile("" : : "r"(verdict.broken_groups));
    }
    samples[i] = (now() - start) / (double)count;
  }
  rate_line(report, "vectors evaluated", 1e9 / median(samples, SAMPLES), 500000);
  printf("  (%zu vectors)\n", count);
  vmxsim_document_free(document);
  free(text);
}

static void bench_command(const struct report *report, const char *command, const char *source) {
  enum { SAMPLES = 41 };
  double samples[SAMPLES];
  char dump[4200];
  snprintf(dump, sizeof dump, "%s/tests/dumps/failed/kvm-sti-blocking-if-0.txt", source);
  char *arguments[] = {(char *)(uintptr_t)command, "check", dump, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1 /* O_WRONLY */, 0);
  for (int i = 0; i < SAMPLES; i++) {
    pid_t child;
    int status = 0;
    const double start = now();
    if (posix_spawn(&child, command, &actions, NULL, arguments, environ) != 0) break;
    waitpid(child, &status, 0);
    samples[i] = now() - start;
  }
  posix_spawn_file_actions_destroy(&actions);
  line(report, "vmxsim check of a dump, process start to end", median(samples, SAMPLES), 10e6);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: vmxsim-bench COMMAND SOURCE_DIRECTORY\n");
    return 2;
  }
  struct report report = {dependent_add()};
  printf("dependent addition: %.3f ns (1 nominal ns = 3 of them)\n", report.ns_per_add);
  bench_full(&report, "long-mode", "skylake-server");
  bench_full(&report, "long-mode-ept", "sapphire-rapids");
  bench_full(&report, "virtual-8086", "skylake-server");
  bench_incremental(&report, "long-mode-ept", "sapphire-rapids");
  line(&report, "VM entry and VM exit, without the processor", vmx_engine_round_trip(), 300);
  line(&report, "VM entry that fails with exit reason 33, likewise", vmx_engine_failed_entry(), 150);
  line(&report, "VMREAD, likewise", vmx_engine_vmread(), 60);
  bench_vectors(&report, argv[2]);
  bench_command(&report, argv[1], argv[2]);
  const double again = dependent_add();
  printf("dependent addition at the end: %.3f ns\n", again);
  return 0;
}
