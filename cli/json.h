/* Writing JSON: indented, in the order of the calls. */
#ifndef VMXSIM_CLI_JSON_H
#define VMXSIM_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
  FILE *file;
  unsigned depth;
  bool first; /* nothing in the current object or array yet */
};

struct json json_begin(FILE *file);
void json_end(struct json *json);

/* In an object, `name` is the member's name; in an array it is NULL. */
void json_object(struct json *json, const char *name);
void json_array(struct json *json, const char *name);
void json_close(struct json *json, char bracket);                         /* '}' or ']' */
void json_string(struct json *json, const char *name, const char *value); /* NULL writes null */
void json_number(struct json *json, const char *name, uint64_t value);    /* for numbers that stay below 2^53 */
void json_hex(struct json *json, const char *name, uint64_t value, unsigned digits); /* a string, "0x..." */
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

#endif
