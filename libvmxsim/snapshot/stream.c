/* Writing and reading little-endian numbers, names and bytes. */
#include "libvmxsim/snapshot/stream.h"

#include <string.h>

static bool make_room(struct writer *writer, size_t size) {
  if (writer->failed || size > SIZE_MAX / 2 - writer->size) writer->failed = true;
  if (writer->failed) return false;
  if (writer->size + size <= writer->capacity) return true;
  const size_t capacity = 2 * (writer->size + size) + 4096;
  uint8_t *bytes = writer->allocator.reallocate(writer->allocator.context, writer->bytes, capacity);
  writer->failed = !bytes;
  if (!bytes) return false;
  writer->bytes = bytes;
  writer->capacity = capacity;
  return true;
}

void write_bytes(struct writer *writer, const void *bytes, size_t size) {
  if (!size || !make_room(writer, size)) return;
  memcpy(writer->bytes + writer->size, bytes, size);
  writer->size += size;
}

void write_number(struct writer *writer, uint64_t value, unsigned width) {
  uint8_t bytes[8];
  for (unsigned i = 0; i < width; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  write_bytes(writer, bytes, width);
}

void write_name(struct writer *writer, const char *name) {
  const size_t length = strlen(name);
  write_number(writer, length, 1);
  write_bytes(writer, name, length);
}

void writer_free(struct writer *writer) {
  if (writer->bytes) writer->allocator.reallocate(writer->allocator.context, writer->bytes, 0);
  writer->bytes = NULL;
}

const uint8_t *read_bytes(struct reader *reader, size_t size) {
  if (reader->failed || size > reader_left(reader)) {
    reader->failed = true;
    return NULL;
  }
  const uint8_t *bytes = reader->bytes + reader->at;
  reader->at += size;
  return bytes;
}

uint64_t read_number(struct reader *reader, unsigned width) {
  const uint8_t *bytes = read_bytes(reader, width);
  uint64_t value = 0;
  for (unsigned i = 0; bytes && i < width; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

void read_name(struct reader *reader, char name[256]) {
  const size_t length = (size_t)read_number(reader, 1);
  const uint8_t *bytes = read_bytes(reader, length);
  name[0] = 0;
  if (!bytes) return;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] > ' ' && bytes[i] < 0x7f) continue;
    reader->failed = true;
    return;
  }
  memcpy(name, bytes, length);
  name[length] = 0;
}

/* Each step is a bijection of the sum for a given word, and of the word for a given sum. */
uint64_t checksum_of(const uint8_t *bytes, size_t size) {
  uint64_t sum = size;
  while (size) {
    const size_t n = size < 8 ? size : 8;
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) word |= (uint64_t)bytes[i] << (8 * i);
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    sum ^= sum >> 32;
    bytes += n;
    size -= n;
  }
  return sum;
}
