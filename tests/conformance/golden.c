#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* strtok_r() */
#endif

#include "tests/conformance/golden.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/values.h"

/* --- the members of a state, by name ------------------------------------------------------------------------------ */

struct member {
  const char *name;
  size_t offset;
  unsigned size, count; /* of several, the name is followed by a number */
};
#define MEMBER(name, member, count) \
  { name, offsetof(struct user_state, member), sizeof((struct user_state *)0)->member, count }
static const struct member members[] = {
    MEMBER("r", gpr[0], 16),           MEMBER("rip", rip, 1),
    MEMBER("flags", rflags, 1),        MEMBER("seg", selector[0], 6),
    MEMBER("fs", fs_base, 1),          MEMBER("gs", gs_base, 1),
    MEMBER("fcw", x87.control, 1),     MEMBER("fsw", x87.status, 1),
    MEMBER("ftw", x87.tags, 1),        MEMBER("fop", x87.opcode, 1),
    MEMBER("fip", x87.instruction, 1), MEMBER("fdp", x87.data, 1),
    MEMBER("st", x87.st[0], 8),        MEMBER("mxcsr", mxcsr, 1),
    MEMBER("ymm", ymm[0], 16),
};
enum { MEMBERS = sizeof members / sizeof *members };

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void write_bytes(FILE *file, const uint8_t *bytes, unsigned size) {
  for (unsigned i = 0; i < size; i++) fprintf(file, "%02x", bytes[i]);
}

static void write_value(FILE *file, const uint8_t *bytes, unsigned size) {
  uint64_t value = 0;
  if (size > 8) {
    write_bytes(file, bytes, size);
    return;
  }
  memcpy(&value, bytes, size);
  fprintf(file, "%" PRIx64, value);
}

static void write_changes(FILE *file, const struct user_state *before, const struct user_state *after) {
  const uint8_t *a = (const uint8_t *)before, *b = (const uint8_t *)after;
  for (unsigned i = 0; i < MEMBERS; i++) {
    const struct member *m = &members[i];
    for (unsigned n = 0; n < m->count; n++) {
      const size_t at = m->offset + n * m->size;
      if (!memcmp(a + at, b + at, m->size)) continue;
      fprintf(file, " %s", m->name);
      if (m->count > 1) fprintf(file, "%u", n);
      fprintf(file, "=");
      write_value(file, b + at, m->size);
    }
  }
}

static const unsigned mode_bits[CODE_MODES] = {64, 32, 16};

void golden_write(FILE *file, const struct test_case *test, const struct test_result *result) {
  struct user_state filled;
  state_fill(test->mode, test->seed, &filled);
  fprintf(file, "%u ", mode_bits[test->mode]);
  write_bytes(file, test->code, test->length);
  fprintf(file, " %" PRIx64, test->seed);
  if (test->patch.length) {
    fprintf(file, " patch%x=", test->patch.at);
    write_bytes(file, test->patch.bytes, test->patch.length);
  }
  if (test->image) fprintf(file, " image%x=%x", test->image_at, (unsigned)test->image);
  write_changes(file, &filled, &test->state);
  fprintf(file, " > %u", result->vector);
  if (result->error_code) fprintf(file, " error=%x", result->error_code);
  if (result->cr2) fprintf(file, " cr2=%" PRIx64, result->cr2);
  write_changes(file, &test->state, &result->state);
  for (unsigned i = 0; i < result->changes; i++)
    fprintf(file, " m%x=%" PRIx64, result->change[i].word, result->change[i].value);
  fprintf(file, "\n");
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static unsigned read_bytes(const char *text, uint8_t *bytes, unsigned room) {
  unsigned count = 0;
  while (text[0] && text[1] && count < room) {
    const char digits[3] = {text[0], text[1], 0};
    bytes[count++] = (uint8_t)strtoul(digits, NULL, 16);
    text += 2;
  }
  return count;
}

/* A name, perhaps with a number behind it. */
static bool is_named(const char *token, size_t length, const char *name, const char **number) {
  const size_t size = strlen(name);
  *number = token + size;
  return length >= size && !memcmp(token, name, size) && strspn(*number, "0123456789abcdef") >= length - size;
}

static bool read_member(const char *token, struct user_state *state) {
  const size_t length = strcspn(token, "=");
  for (unsigned i = 0; i < MEMBERS; i++) {
    const struct member *m = &members[i];
    const char *number;
    if (!is_named(token, length, m->name, &number) || (m->count == 1) != (number == token + length)) continue;
    const unsigned n = m->count > 1 ? (unsigned)strtoul(number, NULL, 10) : 0;
    uint8_t *at = (uint8_t *)state + m->offset + n * m->size;
    const uint64_t value = strtoull(token + length + 1, NULL, 16);
    if (n >= m->count) return false;
    if (m->size > 8) return read_bytes(token + length + 1, at, m->size) == m->size;
    memcpy(at, &value, m->size);
    return true;
  }
  return false;
}

static bool read_input(const char *token, struct test_case *test) {
  const char *value = strchr(token, '=');
  if (!value) return false;
  if (!strncmp(token, "patch", 5)) {
    test->patch.at = (uint32_t)strtoul(token + 5, NULL, 16);
    test->patch.length = read_bytes(value + 1, test->patch.bytes, PATCH_MAX);
    return true;
  }
  if (!strncmp(token, "image", 5)) {
    test->image_at = (uint32_t)strtoul(token + 5, NULL, 16);
    test->image = (enum image_kind)strtoul(value + 1, NULL, 16);
    return true;
  }
  return read_member(token, &test->state);
}

static bool read_output(const char *token, struct test_result *result) {
  const char *value = strchr(token, '=');
  if (!value) return false;
  const uint64_t number = strtoull(value + 1, NULL, 16);
  if (!strncmp(token, "error=", 6)) return result->error_code = (uint32_t)number, true;
  if (!strncmp(token, "cr2=", 4)) return result->cr2 = number, true;
  if (token[0] != 'm' || token[1] == 'x') return read_member(token, &result->state);
  if (result->changes == ARENA_WORDS) return false;
  result->change[result->changes++] = (struct memory_change){(uint32_t)strtoul(token + 1, NULL, 16), number};
  return true;
}

/* Mode, code and seed. */
static bool read_head(char **rest, struct test_case *test) {
  const char *bits = strtok_r(NULL, " \n", rest), *code = strtok_r(NULL, " \n", rest),
             *seed = strtok_r(NULL, " \n", rest);
  if (!bits || !code || !seed) return false;
  while (test->mode < CODE_MODES && mode_bits[test->mode] != strtoul(bits, NULL, 10)) test->mode++;
  if (test->mode == CODE_MODES) return false;
  test->length = read_bytes(code, test->code, CASE_CODE_MAX);
  test->seed = strtoull(seed, NULL, 16);
  state_fill(test->mode, test->seed, &test->state);
  return true;
}

bool golden_read(char *line, struct test_case *test, struct test_result *result) {
  char *rest = line;
  const char *token;
  memset(test, 0, sizeof *test);
  memset(result, 0, offsetof(struct test_result, change));
  if (!read_head(&rest, test)) return false;
  while ((token = strtok_r(NULL, " \n", &rest)) && token[0] != '>') {
    if (!read_input(token, test)) return false;
  }
  const char *vector = token ? strtok_r(NULL, " \n", &rest) : NULL;
  if (!vector) return false;
  result->vector = (unsigned)strtoul(vector, NULL, 10);
  result->state = test->state;
  while ((token = strtok_r(NULL, " \n", &rest))) {
    if (!read_output(token, result)) return false;
  }
  return true;
}
