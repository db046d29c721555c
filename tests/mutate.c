/* Mutation test of the catalog: each check is disabled, then inverted, and some vector must notice.
 *
 *   mutate [--gates] PATH
 *
 * --gates also makes each check apply always (as if it had no WHEN); that is a report, not a failure.
 */
#define _DEFAULT_SOURCE /* scandir() */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks/context.h"
#include "vmxsim/vmxsim.h"

enum { FILES_MAX = 1024 };

struct vectors {
  vmxsim_document *documents[FILES_MAX];
  size_t count;
};

static void die(const char *what, const char *which) {
  fprintf(stderr, "mutate: %s: %s\n", which, what);
  exit(2);
}

static void load_file(struct vectors *vectors, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) die("cannot be read", path);
  const long size = ftell(file);
  char *text = malloc((size_t)size + 1);
  rewind(file);
  if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) die("cannot be read", path);
  fclose(file);
  struct vmxsim_diagnostic diagnostic;
  if (vectors->count == FILES_MAX) die("too many files", path);
  if (vmxsim_document_read(path, text, (size_t)size, VMXSIM_FORMAT_YAML, NULL, &vectors->documents[vectors->count],
                           &diagnostic) != VMXSIM_OK) {
    fprintf(stderr, "%s:%u:%u: ", path, diagnostic.line, diagnostic.column);
    die(diagnostic.text, path);
  }
  vectors->count++;
  free(text);
}

static void load_directory(struct vectors *vectors, const char *path) {
  struct dirent **entries;
  const int count = scandir(path, &entries, NULL, alphasort);
  if (count < 0) die("cannot be listed", path);
  for (int i = 0; i < count; i++) {
    char full[4096];
    const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
    snprintf(full, sizeof full, "%s/%s", path, name);
    if (dot && strcmp(dot, ".yaml") == 0) load_file(vectors, full);
    free(entries[i]);
  }
  free(entries);
}

static bool expected_broken(const struct vmxsim_expectation *expect, vmxsim_check check) {
  for (size_t i = 0; i < expect->also_count; i++) {
    if (expect->also[i] == check) return true;
  }
  return expect->breaks == check;
}

/* Whether the mutant of `check` changes what a vector sees. */
static bool notices(const struct vmxsim_case *vector, vmxsim_check check, enum check_mutation mutation) {
  struct vmxsim_vmcs vmcs;
  vmxsim_case_vmcs(vector, &vmcs);
  const struct vmxsim_check_input input = {&vmcs, &vector->state,          &vector->processor,
                                           1,     vmxsim_case_read_memory, (void *)(uintptr_t)vector};
  struct probe probe;
  struct check_context x = {.field = vmcs.value, .capabilities = vector->processor, .input = &input, .probe = &probe};
  const bool broken = partial_check(&x, check, mutation) == VMXSIM_CHECK_BROKEN;
  return broken != expected_broken(&vector->expect, check);
}

static bool killed(const struct vectors *vectors, vmxsim_check check, enum check_mutation mutation) {
  for (size_t d = 0; d < vectors->count; d++) {
    for (size_t n = 0; n < vmxsim_document_count(vectors->documents[d]); n++) {
      const struct vmxsim_case *vector = vmxsim_document_case(vectors->documents[d], n);
      if (vector->expect.given && vector->processor && notices(vector, check, mutation)) return true;
    }
  }
  return false;
}

int main(int argc, char **argv) {
  const bool gates = argc == 3 && strcmp(argv[1], "--gates") == 0;
  if (argc != (gates ? 3 : 2)) {
    fprintf(stderr, "usage: mutate [--gates] DIRECTORY\n");
    return 2;
  }
  static struct vectors vectors;
  static const struct {
    enum check_mutation mutation;
    const char *name;
  } mutations[] = {{MUTATION_DISABLE, "disabled"}, {MUTATION_INVERT, "inverted"}, {MUTATION_ALWAYS_APPLIES, "ungated"}};
  unsigned passed = 0, failed = 0;
  load_directory(&vectors, argv[argc - 1]);
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    for (size_t i = 0; i < (gates ? 3 : 2); i++) {
      if (killed(&vectors, check, mutations[i].mutation)) {
        passed++;
      } else {
        failed++;
        printf("no vector notices %s being %s\n", info.id, mutations[i].name);
      }
    }
  }
  for (size_t d = 0; d < vectors.count; d++) vmxsim_document_free(vectors.documents[d]);
  printf("%u passed, %u failed\n", passed, failed);
  return failed && !gates ? 1 : 0;
}
