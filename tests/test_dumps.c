/* Real dumps: what is named as broken is the confirmed cause and no more than what the manual bears out.
 *
 * Beside each tests/dumps/.../NAME.txt stands NAME.expect with lines "key: value":
 *   source: where it was posted      cause: what was found to be wrong, and by whom
 *   cpu: a processor (--cpu), or nothing for any
 *   outcome: as vmxsim_outcome_text() begins
 *   broken: a check id [-- why]      (a line each, all of them)
 *   undecided: a check id            (a line each, some of them)
 */
#define _DEFAULT_SOURCE
#include "tests/cmocka_main.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmxsim/vmxsim.h"

enum { CHECKS_MAX = 2048, PROFILES_MAX = 64 };

struct expectation {
  char cpu[200], outcome[200];
  bool broken[CHECKS_MAX], undecided[CHECKS_MAX];
};

static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing", path);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  assert_int_equal(fread(text, 1, *size, file), *size);
  text[*size] = 0;
  fclose(file);
  return text;
}

static vmxsim_check check_named(const char *path, const char *value) {
  const size_t length = strcspn(value, " \n");
  const vmxsim_check check = vmxsim_check_find(value, length);
  if (check == VMXSIM_NO_CHECK) fail_msg("%s: no check %s", path, value);
  return check;
}

static void read_expectation(const char *path, struct expectation *expect) {
  size_t size;
  char *text = read_file(path, &size);
  memset(expect, 0, sizeof *expect);
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    char *value = strchr(line, ':');
    if (!value) fail_msg("%s: no colon in '%s'", path, line);
    *value++ = 0;
    value += strspn(value, " ");
    if (strcmp(line, "cpu") == 0) snprintf(expect->cpu, sizeof expect->cpu, "%s", value);
    if (strcmp(line, "outcome") == 0) snprintf(expect->outcome, sizeof expect->outcome, "%s", value);
    if (strcmp(line, "broken") == 0) expect->broken[check_named(path, value)] = true;
    if (strcmp(line, "undecided") == 0) expect->undecided[check_named(path, value)] = true;
  }
  free(text);
}

static size_t candidates(const char *cpu, const struct vmxsim_vmcs *vmcs, struct vmxsim_capabilities *given,
                         const struct vmxsim_capabilities **list) {
  size_t count = 0;
  if (*cpu) {
    assert_int_equal(vmxsim_capabilities_from_spec(given, cpu, strlen(cpu), NULL), VMXSIM_OK);
    list[0] = given;
    return 1;
  }
  for (size_t i = 0; i < vmxsim_profile_count(); i++) {
    const struct vmxsim_capabilities *capabilities = &vmxsim_profile_at(i)->capabilities;
    if (vmxsim_vmcs_fits(vmcs, capabilities)) list[count++] = capabilities;
  }
  return count;
}

static unsigned compare(const char *path, const struct vmxsim_verdict *verdict, const struct expectation *expect) {
  unsigned wrong = 0;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    if (vmxsim_is_broken(verdict, check) != expect->broken[check]) {
      print_error("%s: %s should %sbe broken\n", path, info.id, expect->broken[check] ? "" : "not ");
      wrong++;
    }
    if (expect->undecided[check] && !vmxsim_is_undecided(verdict, check)) {
      print_error("%s: %s should be undecided\n", path, info.id);
      wrong++;
    }
  }
  char text[200];
  const struct vmxsim_outcome outcome = vmxsim_verdict_outcome(verdict);
  vmxsim_outcome_text(&outcome, text, sizeof text);
  if (strncmp(text, expect->outcome, strlen(expect->outcome)) != 0) {
    print_error("%s: outcome is '%s', expected '%s'\n", path, text, expect->outcome);
    wrong++;
  }
  return wrong;
}

static unsigned check_dump(const char *path) {
  char expect_path[4100];
  size_t size;
  struct expectation expect;
  struct vmxsim_diagnostic diagnostic;
  vmxsim_document *document = NULL;
  snprintf(expect_path, sizeof expect_path, "%.*s.expect", (int)(strlen(path) - 4), path);
  read_expectation(expect_path, &expect);
  char *text = read_file(path, &size);
  const vmxsim_status status =
      vmxsim_document_read(path, text, size, VMXSIM_FORMAT_DETECT, NULL, &document, &diagnostic);
  free(text);
  if (status != VMXSIM_OK) {
    print_error("%s:%u:%u: %s\n", path, diagnostic.line, diagnostic.column, diagnostic.text);
    return 1;
  }
  struct vmxsim_vmcs vmcs;
  struct vmxsim_capabilities given;
  const struct vmxsim_capabilities *list[PROFILES_MAX];
  const struct vmxsim_case *subject = vmxsim_document_case(document, 0);
  struct vmxsim_check_input input;
  vmxsim_case_input(subject, &vmcs, &input);
  input.capabilities = list;
  input.capabilities_count = candidates(expect.cpu, &vmcs, &given, list);
  struct vmxsim_verdict verdict;
  vmxsim_check_all(&input, &verdict);
  const unsigned wrong = compare(path, &verdict, &expect);
  vmxsim_document_free(document);
  return wrong;
}

static void check_directory(const char *directory) {
  struct dirent **entries;
  unsigned wrong = 0, dumps = 0;
  const int count = scandir(directory, &entries, NULL, alphasort);
  assert_true(count > 0);
  for (int i = 0; i < count; i++) {
    char path[4096];
    const char *dot = strrchr(entries[i]->d_name, '.');
    snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
    if (dot && strcmp(dot, ".txt") == 0) wrong += check_dump(path), dumps++;
    free(entries[i]);
  }
  free(entries);
  assert_true(dumps >= 5);
  assert_int_equal(wrong, 0);
}

static void failed_entries_break_their_confirmed_cause(void **state) {
  (void)state;
  check_directory(SOURCE_DIR "/tests/dumps/failed");
}

static void good_entries_break_nothing(void **state) {
  (void)state;
  check_directory(SOURCE_DIR "/tests/dumps/succeeded");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(failed_entries_break_their_confirmed_cause),
      cmocka_unit_test(good_entries_break_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
