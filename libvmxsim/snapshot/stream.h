/* Bytes of a snapshot, little-endian on every host: a buffer that grows while writing, a bounded one for reading.
 *
 * Neither fails at once. A writer without memory and a reader past its end remember it, and the end asks.
 */
#ifndef VMXSIM_LIBVMXSIM_SNAPSHOT_STREAM_H
#define VMXSIM_LIBVMXSIM_SNAPSHOT_STREAM_H

#include "vmxsim/input.h"

struct writer {
  struct vmxsim_allocator allocator;
  uint8_t *bytes;
  size_t size, capacity;
  bool failed; /* no memory */
};

void write_bytes(struct writer *writer, const void *bytes, size_t size);
void write_number(struct writer *writer, uint64_t value, unsigned width); /* 1, 2, 4 or 8 bytes */
void write_name(struct writer *writer, const char *name);                 /* a byte of length, at most 255 */
void writer_free(struct writer *writer);

struct reader {
  const uint8_t *bytes;
  size_t size, at;
  bool failed; /* there were less bytes than wanted */
};

const uint8_t *read_bytes(struct reader *reader, size_t size); /* NULL: not there */
uint64_t read_number(struct reader *reader, unsigned width);   /* 0 if not there */
/* A name into `name`, which has room for 256; "" if not there, or if it has anything but printable ASCII. */
void read_name(struct reader *reader, char name[256]);
static inline size_t reader_left(const struct reader *reader) {
  return reader->size - reader->at;
}

/* Differs for any two inputs of a length that differ in one aligned group of eight bytes only. */
uint64_t checksum_of(const uint8_t *bytes, size_t size);

#endif
