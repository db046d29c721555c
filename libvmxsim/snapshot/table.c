/* State tables to bytes and back. */
#include "libvmxsim/snapshot/table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complain_of(const struct complaint *complaint, const char *format, ...) {
  va_list arguments;
  if (!complaint->size || complaint->text[0]) return;
  va_start(arguments, format);
  vsnprintf(complaint->text, complaint->size, format, arguments);
  va_end(arguments);
}

/* --- members in the host's order of bytes --- */

static uint64_t get(const void *at, unsigned width) {
  uint16_t word;
  uint32_t doubleword;
  uint64_t quadword;
  switch (width) {
  case 1: return *(const uint8_t *)at;
  case 2: memcpy(&word, at, 2); return word;
  case 4: memcpy(&doubleword, at, 4); return doubleword;
  default: memcpy(&quadword, at, 8); return quadword;
  }
}

static void set(void *at, unsigned width, uint64_t value) {
  switch (width) {
  case 1: *(uint8_t *)at = (uint8_t)value; break;
  case 2: memcpy(at, &(uint16_t){(uint16_t)value}, 2); break;
  case 4: memcpy(at, &(uint32_t){(uint32_t)value}, 4); break;
  default: memcpy(at, &value, 8); break;
  }
}

/* --- saving --- */

static uint32_t elements_of(const struct state_field *field, const void *object) {
  if (!field->counter) return field->count;
  return (uint32_t)get((const char *)object + field->counter - 1, 4);
}

static void save_field(const struct state_field *field, const void *object, struct writer *writer) {
  const uint32_t elements = elements_of(field, object);
  const char *at = (const char *)object + field->offset;
  write_name(writer, field->name);
  write_number(writer, field->width, 1);
  write_number(writer, elements, 4);
  if (field->width == 1 && field->stride == 1) {
    write_bytes(writer, at, elements);
    return;
  }
  for (uint32_t i = 0; i < elements; i++)
    write_number(writer, get(at + (size_t)i * field->stride, field->width), field->width);
}

void table_save(const struct state_table *table, const void *object, struct writer *writer) {
  write_number(writer, table->fields, 2);
  for (size_t i = 0; i < table->fields; i++) save_field(&table->field[i], object, writer);
}

/* --- checking --- */

struct checked {
  const struct state_table *table;
  const char *part;
  const struct complaint *complaint;
  struct reader start; /* of the table's bytes */
};

/* The value of the field at `offset`, which has been checked: counters are single numbers. */
static uint64_t value_at(const struct checked *checked, uint32_t offset) {
  struct reader reader = checked->start;
  char name[256];
  read_number(&reader, 2);
  for (size_t i = 0; i < checked->table->fields; i++) {
    const struct state_field *field = &checked->table->field[i];
    read_name(&reader, name);
    read_number(&reader, 1);
    const size_t elements = (size_t)read_number(&reader, 4);
    if (field->offset == offset) return read_number(&reader, field->width);
    read_bytes(&reader, elements * field->width);
  }
  return 0;
}

static bool check_heading(const struct checked *checked, const struct state_field *field, struct reader *reader) {
  char name[256];
  read_name(reader, name);
  const uint64_t width = read_number(reader, 1), elements = read_number(reader, 4);
  if (reader->failed) {
    complain_of(checked->complaint, "%s: ends before %s", checked->part, field->name);
    return false;
  }
  if (strcmp(name, field->name) != 0) {
    complain_of(checked->complaint, "%s: expected %s, found %s: of another version", checked->part, field->name, name);
    return false;
  }
  const uint64_t wanted = field->counter ? value_at(checked, field->counter - 1) : field->count;
  if (width == field->width && elements == wanted && wanted <= field->count) return true;
  complain_of(checked->complaint, "%s.%s: expected %" PRIu64 " numbers of %u bytes, found %" PRIu64 " of %" PRIu64,
              checked->part, name, wanted, field->width, elements, width);
  return false;
}

static bool check_field(const struct checked *checked, const struct state_field *field, struct reader *reader) {
  if (!check_heading(checked, field, reader)) return false;
  const uint32_t elements = field->counter ? (uint32_t)value_at(checked, field->counter - 1) : field->count;
  if (!field->least && !field->most && read_bytes(reader, (size_t)elements * field->width)) return true;
  for (uint32_t i = 0; i < elements && !reader->failed; i++) {
    const uint64_t value = read_number(reader, field->width);
    if (value >= field->least && (!field->most || value <= field->most)) continue;
    complain_of(checked->complaint, "%s.%s: cannot be %" PRIu64, checked->part, field->name, value);
    return false;
  }
  if (reader->failed) complain_of(checked->complaint, "%s: ends within %s", checked->part, field->name);
  return !reader->failed;
}

bool table_check(const struct state_table *table, struct reader *reader, const char *part,
                 const struct complaint *complaint) {
  const struct checked checked = {table, part, complaint, *reader};
  const uint64_t fields = read_number(reader, 2);
  if (fields != table->fields) {
    complain_of(complaint, "%s: expected %zu fields, found %" PRIu64 ": of another version", part, table->fields,
                fields);
    return false;
  }
  for (size_t i = 0; i < table->fields; i++) {
    if (!check_field(&checked, &table->field[i], reader)) return false;
  }
  if (reader_left(reader)) complain_of(complaint, "%s: has bytes behind its last field", part);
  return !reader_left(reader);
}

/* --- applying --- */

void table_apply(const struct state_table *table, struct reader *reader, void *object) {
  char name[256];
  read_number(reader, 2);
  for (size_t i = 0; i < table->fields; i++) {
    const struct state_field *field = &table->field[i];
    char *at = (char *)object + field->offset;
    read_name(reader, name);
    read_number(reader, 1);
    const uint32_t elements = (uint32_t)read_number(reader, 4);
    for (uint32_t n = 0; n < elements; n++)
      set(at + (size_t)n * field->stride, field->width, read_number(reader, field->width));
  }
}
