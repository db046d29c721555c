/* A state table as bytes. Every field stands there with its name, width and number of elements, so that a snapshot can
 * be compared with another one without the tables.
 *
 * Number of fields (16 bits); of each: name, width (8), elements (32), the elements.
 */
#ifndef VMXSIM_LIBVMXSIM_SNAPSHOT_TABLE_H
#define VMXSIM_LIBVMXSIM_SNAPSHOT_TABLE_H

#include "cpu/state_table.h"
#include "libvmxsim/snapshot/stream.h"

/* What is wrong, for people; the first thing counts. */
struct complaint {
  char *text;
  size_t size;
};
void complain_of(const struct complaint *complaint, const char *format, ...) __attribute__((format(printf, 2, 3)));

void table_save(const struct state_table *table, const void *object, struct writer *writer);
/* Whether the bytes are of this table, with good values; changes nothing. `part` is for the complaint. */
bool table_check(const struct state_table *table, struct reader *reader, const char *part,
                 const struct complaint *complaint);
/* Bytes that were checked into the object. */
void table_apply(const struct state_table *table, struct reader *reader, void *object);

#endif
