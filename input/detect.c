/* Telling our YAML from logs and lists.
 *
 * A file called .yaml or .yml is YAML. So is text whose first line that says anything begins with a key of a case or
 * with '{', and text in which some line begins with such a key and none has the marks of a VMCS dump.
 */
#include "detect.h"

#include <string.h>

#include "vmcs/names.h"
#include "yaml_keys.h"

struct line {
  const char *text;
  size_t length;
};

/* The line that begins at *at; moves *at behind it. */
static struct line next_line(const char *text, size_t length, size_t *at) {
  const char *begin = text + *at, *end = memchr(begin, '\n', length - *at);
  const struct line line = {begin, end ? (size_t)(end - begin) : length - *at};
  *at += line.length + (end ? 1 : 0);
  return line;
}

static bool ends_with(const char *name, const char *ending) {
  const size_t length = strlen(name), tail = strlen(ending);
  return length > tail && names_equal(ending, name + length - tail, tail);
}

static bool contains(struct line line, const char *part) {
  const size_t length = strlen(part);
  for (const char *at = line.text; (size_t)(line.text + line.length - at) >= length; at++) {
    at = memchr(at, part[0], (size_t)(line.text + line.length - at) - length + 1);
    if (!at) return false;
    if (!memcmp(at, part, length)) return true;
  }
  return false;
}

/* Blank lines, comments, document marks and directives say nothing. */
static bool says_nothing(struct line line) {
  size_t i = 0;
  while (i < line.length && (line.text[i] == ' ' || line.text[i] == '\t' || line.text[i] == '\r')) i++;
  if (i == line.length || line.text[i] == '#') return true;
  return (line.length >= 3 && !memcmp(line.text, "---", 3)) || line.text[0] == '%';
}

/* "key:" at the very beginning, with or without quotes. */
static bool begins_with_key(struct line line) {
  const size_t quote = line.length && (line.text[0] == '"' || line.text[0] == '\'') ? 1 : 0;
  const char *colon = memchr(line.text, ':', line.length < 40 ? line.length : 40);
  if (!colon || (size_t)(colon - line.text) <= 2 * quote) return false;
  const char after = colon + 1 < line.text + line.length ? colon[1] : ' ';
  if (after != ' ' && after != '\t' && after != '\r') return false;
  const size_t length = (size_t)(colon - line.text) - 2 * quote;
  /* Letters only: field names are made of several words. */
  for (size_t i = 0; i < length; i++) {
    if (line.text[quote + i] < 'a' || line.text[quote + i] > 'z') return false;
  }
  return case_key_find(line.text + quote, length) != CASE_KEY_COUNT ||
         names_equal("scenario", line.text + quote, length);
}

static bool is_mark_of_dump(struct line line) {
  static const char *const marks[] = {
      "*** Guest State ***",
      "*** Host State ***",
      "*** Control State ***",
      "VMCS Area",
      "VMCS 0x",
      "VMCS dump",
      "kvm_intel:",
      "kvm [",
      "(XEN)",
      "actual=0x",
      "HMVMX",
      "VBox",
  };
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    if (contains(line, marks[i])) return true;
  }
  return false;
}

enum vmxsim_input_format detect_format(const char *name, const char *text, size_t length) {
  bool first = true, key = false;
  if (name && (ends_with(name, ".yaml") || ends_with(name, ".yml"))) return VMXSIM_FORMAT_YAML;
  if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) text += 3, length -= 3;
  for (size_t at = 0; at < length;) {
    const struct line line = next_line(text, length, &at);
    if (says_nothing(line)) continue;
    const bool is_key = begins_with_key(line);
    if (first && (is_key || line.text[0] == '{')) return VMXSIM_FORMAT_YAML;
    if (is_mark_of_dump(line)) return VMXSIM_FORMAT_TEXT;
    first = false;
    key |= is_key;
  }
  return key ? VMXSIM_FORMAT_YAML : VMXSIM_FORMAT_TEXT;
}
