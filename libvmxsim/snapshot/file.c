/* The form of a snapshot: a heading, then named sections with their lengths and checksums. */
#include "libvmxsim/snapshot/snapshot_internal.h"

#include <inttypes.h>
#include <string.h>

enum { VERSION = 1, HEADING = 16 };
static const char magic[8] = {'v', 'm', 'x', 's', 'i', 'm', 'S', '\n'};

/* --- writing --- */

void file_begin(struct writer *writer) {
  write_bytes(writer, magic, sizeof magic);
  write_number(writer, VERSION, 4);
  write_number(writer, 0, 4); /* sections: file_end() */
}

/* Numbers that are known later. */
static void patch(struct writer *writer, size_t at, uint64_t value, unsigned width) {
  if (writer->failed) return;
  for (unsigned i = 0; i < width; i++) writer->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

size_t section_begin(struct writer *writer, enum section_kind kind, const char *name) {
  const size_t start = writer->size;
  write_number(writer, 0, 8); /* length of the content */
  write_number(writer, kind, 1);
  write_name(writer, name);
  return start;
}

static size_t content_of(const uint8_t *section) {
  return 8 + 1 + 1 + (size_t)section[9];
}

void section_end(struct writer *writer, size_t start) {
  if (writer->failed) return;
  const uint8_t *section = writer->bytes + start;
  patch(writer, start, writer->size - start - content_of(section), 8);
  write_number(writer, checksum_of(writer->bytes + start, writer->size - start), 8);
}

void file_end(struct writer *writer, unsigned sections) {
  patch(writer, 12, sections, 4);
}

/* --- reading --- */

bool file_open(struct file *file, const void *bytes, size_t size, const struct complaint *complaint) {
  *file = (struct file){.reader = {.bytes = bytes, .size = size}};
  const uint8_t *found = read_bytes(&file->reader, sizeof magic);
  if (!found || memcmp(found, magic, sizeof magic) != 0) {
    complain_of(complaint, "not a snapshot of vmxsim");
    return false;
  }
  const uint64_t version = read_number(&file->reader, 4);
  file->sections = (unsigned)read_number(&file->reader, 4);
  if (file->reader.failed) complain_of(complaint, "ends within its heading");
  if (version != VERSION) complain_of(complaint, "a snapshot of version %" PRIu64 ", expected %d", version, VERSION);
  return !file->reader.failed && version == VERSION;
}

bool file_next(struct file *file, struct section *section, const struct complaint *complaint) {
  struct reader *reader = &file->reader;
  const size_t start = reader->at;
  if (file->next == file->sections) return false;
  const uint64_t length = read_number(reader, 8), kind = read_number(reader, 1);
  read_name(reader, section->name);
  const uint8_t *content = length <= SIZE_MAX ? read_bytes(reader, (size_t)length) : NULL;
  const size_t end = reader->at;
  const uint64_t sum = read_number(reader, 8);
  if (!content || reader->failed || kind >= SECTION_KINDS) {
    complain_of(complaint, "damaged or cut short at byte %zu", start);
    return false;
  }
  if (sum != checksum_of(reader->bytes + start, end - start)) {
    complain_of(complaint, "damaged: the checksum of section %s does not fit", section->name);
    return false;
  }
  section->kind = (enum section_kind)kind;
  section->content = (struct reader){.bytes = content, .size = (size_t)length};
  file->next++;
  return true;
}

bool file_is_good(const void *bytes, size_t size, const struct complaint *complaint) {
  struct file file;
  struct section section;
  if (!file_open(&file, bytes, size, complaint)) return false;
  while (file_next(&file, &section, complaint)) continue;
  if (file.next != file.sections) return false;
  if (reader_left(&file.reader)) complain_of(complaint, "%zu bytes behind the last section", reader_left(&file.reader));
  return !reader_left(&file.reader);
}

/* A good file is not summed up again. */
bool file_find(const void *bytes, size_t size, const char *name, struct section *section) {
  struct reader reader = {.bytes = bytes, .size = size, .at = HEADING};
  while (reader_left(&reader)) {
    const size_t length = (size_t)read_number(&reader, 8);
    section->kind = (enum section_kind)read_number(&reader, 1);
    read_name(&reader, section->name);
    section->content = (struct reader){.bytes = read_bytes(&reader, length), .size = length};
    read_number(&reader, 8);
    if (!strcmp(section->name, name)) return true;
  }
  return false;
}
