/* Where two snapshots differ, from their bytes alone. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libvmxsim/snapshot/snapshot_internal.h"

static void __attribute__((format(printf, 2, 3))) differ(struct difference_sink *sink, const char *format, ...) {
  char line[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  sink->count++;
  if (sink->difference) sink->difference(sink->context, line);
}

/* --- tables --- */

struct column {
  char name[256];
  unsigned width;
  uint32_t elements;
  struct reader values;
};

static bool next_column(struct reader *reader, struct column *column) {
  read_name(reader, column->name);
  column->width = (unsigned)read_number(reader, 1);
  column->elements = (uint32_t)read_number(reader, 4);
  const size_t size = (size_t)column->elements * column->width;
  column->values = (struct reader){.bytes = read_bytes(reader, size), .size = size};
  const bool is_width = column->width == 1 || column->width == 2 || column->width == 4 || column->width == 8;
  return !reader->failed && is_width;
}

static void compare_columns(const char *table, struct column *a, struct column *b, struct difference_sink *sink) {
  const char *name = a->name;
  if (strcmp(name, b->name) != 0 || a->width != b->width) {
    differ(sink, "%s: %s of %u bytes, %s of %u bytes", table, name, a->width, b->name, b->width);
    return;
  }
  if (a->elements != b->elements) differ(sink, "%s.%s: %u elements, %u", table, name, a->elements, b->elements);
  for (uint32_t i = 0; i < a->elements && i < b->elements; i++) {
    const uint64_t x = read_number(&a->values, a->width), y = read_number(&b->values, b->width);
    if (x == y) continue;
    if (a->elements == 1)
      differ(sink, "%s.%s: 0x%" PRIx64 ", 0x%" PRIx64, table, name, x, y);
    else
      differ(sink, "%s.%s[%u]: 0x%" PRIx64 ", 0x%" PRIx64, table, name, i, x, y);
  }
}

void compare_tables(const char *name, struct reader a, struct reader b, struct difference_sink *sink) {
  struct column of_a, of_b;
  const uint64_t fields = read_number(&a, 2), other = read_number(&b, 2);
  if (fields != other) differ(sink, "%s: %" PRIu64 " fields, %" PRIu64, name, fields, other);
  for (uint64_t i = 0; i < fields && i < other; i++) {
    if (!next_column(&a, &of_a) || !next_column(&b, &of_b)) return;
    compare_columns(name, &of_a, &of_b, sink);
  }
}

/* --- memory --- */

static bool next_page(struct reader *reader, uint64_t *address, const uint8_t **bytes) {
  *address = UINT64_MAX;
  if (!reader_left(reader)) return false;
  *address = read_number(reader, 8);
  *bytes = read_bytes(reader, PAGE_SIZE);
  if (!*bytes) *address = UINT64_MAX;
  return *bytes;
}

static void compare_page(uint64_t page, const uint8_t *a, const uint8_t *b, struct difference_sink *sink) {
  unsigned first = PAGE_SIZE, count = 0;
  for (unsigned i = 0; i < PAGE_SIZE; i++) {
    if (a[i] == b[i]) continue;
    if (!count++) first = i;
  }
  if (count)
    differ(sink, "memory at 0x%" PRIx64 ": 0x%02x, 0x%02x (%u bytes of the page)", page + first, a[first], b[first],
           count);
}

static void compare_memory(struct reader a, struct reader b, struct difference_sink *sink) {
  static const uint8_t zeros[PAGE_SIZE];
  const uint8_t *of_a = zeros, *of_b = zeros;
  uint64_t at_a, at_b;
  next_page(&a, &at_a, &of_a);
  next_page(&b, &at_b, &of_b);
  while (at_a != UINT64_MAX || at_b != UINT64_MAX) {
    const uint64_t page = at_a < at_b ? at_a : at_b;
    compare_page(page, at_a == page ? of_a : zeros, at_b == page ? of_b : zeros, sink);
    if (at_b == page) next_page(&b, &at_b, &of_b);
    if (at_a == page) next_page(&a, &at_a, &of_a);
  }
}

/* --- timers, and what only its owner can read --- */

static void compare_timers(struct reader a, struct reader b, struct difference_sink *sink) {
  char of_a[256], of_b[256];
  while (reader_left(&a) && reader_left(&b)) {
    read_name(&a, of_a);
    read_name(&b, of_b);
    const uint64_t x = read_number(&a, 8), y = read_number(&b, 8);
    if (strcmp(of_a, of_b) != 0) differ(sink, "timers: %s, %s", of_a, of_b);
    if (x != y) differ(sink, "timers.%s: %" PRIu64 ", %" PRIu64, of_a, x, y);
  }
  if (reader_left(&a) != reader_left(&b)) differ(sink, "timers: more on one side");
}

static void compare_bytes(const char *name, struct reader a, struct reader b, struct difference_sink *sink) {
  size_t i = 0;
  while (i < a.size && i < b.size && a.bytes[i] == b.bytes[i]) i++;
  if (a.size != b.size || i < a.size) differ(sink, "%s: from byte %zu on (%zu bytes, %zu)", name, i, a.size, b.size);
}

static void compare_sections(const struct section *a, const struct section *b, struct difference_sink *sink) {
  if (a->kind != b->kind) {
    differ(sink, "%s: sections of different kinds", a->name);
    return;
  }
  switch (a->kind) {
  case SECTION_TABLE: compare_tables(a->name, a->content, b->content, sink); break;
  case SECTION_TIMERS: compare_timers(a->content, b->content, sink); break;
  case SECTION_MEMORY: compare_memory(a->content, b->content, sink); break;
  case SECTION_OPAQUE:
  case SECTION_KINDS: compare_bytes(a->name, a->content, b->content, sink); break;
  }
}

vmxsim_status vmxsim_snapshot_compare(const void *a, size_t a_size, const void *b, size_t b_size,
                                      vmxsim_snapshot_difference *difference, void *context, size_t *differences) {
  const struct complaint nobody = {NULL, 0};
  struct difference_sink sink = {difference, context, 0};
  struct file file;
  struct section section, other;
  if (!file_is_good(a, a_size, &nobody) || !file_is_good(b, b_size, &nobody)) return VMXSIM_ERROR_SYNTAX;
  file_open(&file, a, a_size, &nobody);
  while (file_next(&file, &section, &nobody)) {
    if (file_find(b, b_size, section.name, &other))
      compare_sections(&section, &other, &sink);
    else
      differ(&sink, "%s: only in the first", section.name);
  }
  file_open(&file, b, b_size, &nobody);
  while (file_next(&file, &section, &nobody)) {
    if (!file_find(a, a_size, section.name, &other)) differ(&sink, "%s: only in the second", section.name);
  }
  if (differences) *differences = sink.count;
  return VMXSIM_OK;
}
