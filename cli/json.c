/* Writing JSON. 64-bit values are strings, since many readers keep numbers as doubles. */
#include "cli/json.h"

#include <inttypes.h>
#include <string.h>

struct json json_begin(FILE *file) {
  return (struct json){file, 0, true};
}

void json_end(struct json *json) {
  fputc('\n', json->file);
}

/* The length of the UTF-8 sequence at `text`, 0 if it is none. */
static size_t sequence_length(const unsigned char *text) {
  static const struct {
    unsigned char mask, lead, length;
    uint32_t least;
  } forms[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
  if (*text < 0x80) return 1;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if ((*text & forms[i].mask) != forms[i].lead) continue;
    uint32_t code = *text & (unsigned char)~forms[i].mask;
    for (size_t n = 1; n < forms[i].length; n++) {
      if ((text[n] & 0xc0) != 0x80) return 0;
      code = code << 6 | (text[n] & 0x3f);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code >= forms[i].least && code <= 0x10ffff && !surrogate ? forms[i].length : 0;
  }
  return 0;
}

static void quoted(struct json *json, const char *string) {
  fputc('"', json->file);
  for (const unsigned char *c = (const unsigned char *)string; *c;) {
    const size_t length = sequence_length(c);
    if (!length) {
      fputs("\\ufffd", json->file);
      c++;
    } else if (*c == '"' || *c == '\\') {
      fprintf(json->file, "\\%c", *c++);
    } else if (*c < 0x20 || *c == 0x7f) {
      fprintf(json->file, "\\u%04x", *c++);
    } else {
      fwrite(c, 1, length, json->file);
      c += length;
    }
  }
  fputc('"', json->file);
}

static void member(struct json *json, const char *name) {
  if (!json->first) fputc(',', json->file);
  if (json->depth) fprintf(json->file, "\n%*s", (int)(2 * json->depth), "");
  json->first = false;
  if (!name) return;
  quoted(json, name);
  fputs(": ", json->file);
}

static void open_bracket(struct json *json, const char *name, char bracket) {
  member(json, name);
  fputc(bracket, json->file);
  json->depth++;
  json->first = true;
}

void json_object(struct json *json, const char *name) {
  open_bracket(json, name, '{');
}

void json_array(struct json *json, const char *name) {
  open_bracket(json, name, '[');
}

void json_close(struct json *json, char bracket) {
  json->depth--;
  if (!json->first) fprintf(json->file, "\n%*s", (int)(2 * json->depth), "");
  fputc(bracket, json->file);
  json->first = false;
}

void json_string(struct json *json, const char *name, const char *value) {
  if (!value) {
    json_null(json, name);
    return;
  }
  member(json, name);
  quoted(json, value);
}

void json_number(struct json *json, const char *name, uint64_t value) {
  member(json, name);
  fprintf(json->file, "%" PRIu64, value);
}

void json_hex(struct json *json, const char *name, uint64_t value, unsigned digits) {
  member(json, name);
  fprintf(json->file, "\"0x%0*" PRIx64 "\"", (int)digits, value);
}

void json_bool(struct json *json, const char *name, bool value) {
  member(json, name);
  fputs(value ? "true" : "false", json->file);
}

void json_null(struct json *json, const char *name) {
  member(json, name);
  fputs("null", json->file);
}
