/* Snapshots inside: sections of a file, and the parts of a machine that they are of. Private to libvmxsim/snapshot/. */
#ifndef VMXSIM_LIBVMXSIM_SNAPSHOT_SNAPSHOT_INTERNAL_H
#define VMXSIM_LIBVMXSIM_SNAPSHOT_SNAPSHOT_INTERNAL_H

#include "libvmxsim/machine/machine_internal.h"
#include "libvmxsim/snapshot/table.h"
#include "vmxsim/snapshot.h"

/* --- the file: docs/snapshots.md --- */

enum section_kind { SECTION_TABLE, SECTION_TIMERS, SECTION_MEMORY, SECTION_OPAQUE, SECTION_KINDS };

struct section {
  enum section_kind kind;
  char name[256];
  struct reader content;
};

void file_begin(struct writer *writer);
size_t section_begin(struct writer *writer, enum section_kind kind, const char *name);
void section_end(struct writer *writer, size_t start);
void file_end(struct writer *writer, unsigned sections);
/* Reads the next section; false: none is left, or it is damaged (then a complaint is there). */
struct file {
  struct reader reader;
  unsigned sections, next;
};
bool file_open(struct file *file, const void *bytes, size_t size, const struct complaint *complaint);
bool file_next(struct file *file, struct section *section, const struct complaint *complaint);
/* Goes over all of the file once: whole and undamaged. */
bool file_is_good(const void *bytes, size_t size, const struct complaint *complaint);
/* In a good file. */
bool file_find(const void *bytes, size_t size, const char *name, struct section *section);

/* --- the parts --- */

struct part {
  enum section_kind kind;
  char name[64];
  struct machine *machine;
  const struct state_table *table;
  void *object;
  void (*prepare)(struct part *part);  /* before saving and comparing: fills in `object` */
  void (*restored)(struct part *part); /* after applying */
  bool is_configuration;               /* has to be equal, and is not applied */
  struct vcpu *vcpu;
  const struct vmxsim_snapshot_part *embedder;
};

/* Room for what has to be gathered or spread by a part. */
struct scratch;
size_t scratch_size(void);
/* Part number `index` of a machine, in the order of the file; false past the last. */
bool part_at(struct machine *machine, struct scratch *scratch, unsigned index, struct part *part);
void part_save(struct part *part, struct writer *writer);
/* VMXSIM_ERROR_SNAPSHOT: this machine cannot take it; VMXSIM_ERROR_MEMORY. */
vmxsim_status part_check(struct part *part, const struct section *section, const struct complaint *complaint);
void part_apply(struct part *part, const struct section *section);

/* timers.c, memory.c: sections of forms of their own. */
bool timers_can_be_saved(const struct machine *machine, const struct complaint *complaint);
void timers_save(const struct machine *machine, struct writer *writer);
bool timers_check(const struct machine *machine, struct reader *reader, const struct complaint *complaint);
void timers_apply(struct machine *machine, struct reader *reader);
void memory_save(const struct machine *machine, struct writer *writer);
bool memory_check(const struct machine *machine, struct reader *reader, const struct complaint *complaint);
void memory_apply(struct machine *machine, struct reader *reader);
/* Only pages that changed since physical_forget_changes(). */
void memory_apply_changes(struct machine *machine, const struct reader *reader);

/* compare.c: each difference of two tables' bytes. */
struct difference_sink {
  vmxsim_snapshot_difference *difference;
  void *context;
  size_t count;
};
void compare_tables(const char *name, struct reader a, struct reader b, struct difference_sink *sink);

#endif
