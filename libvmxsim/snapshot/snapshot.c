/* Taking a snapshot and going back to one. All parts are checked before the first is applied. */
#include "vmxsim/snapshot.h"

#include <string.h>

#include "libvmxsim/snapshot/snapshot_internal.h"

struct vmxsim_snapshot {
  struct writer file; /* complete */
  const struct machine *machine;
  uint64_t number; /* of this machine's snapshots, from 1 */
};

static void *allocate(const struct vmxsim_allocator *allocator, size_t size) {
  void *pointer = allocator->reallocate(allocator->context, NULL, size);
  if (pointer) memset(pointer, 0, size);
  return pointer;
}

static void release(const struct vmxsim_allocator *allocator, void *pointer) {
  if (pointer) allocator->reallocate(allocator->context, pointer, 0);
}

static struct complaint complaint_to(struct machine *machine) {
  machine->error[0] = 0;
  return (struct complaint){machine->error, sizeof machine->error};
}

/* --- taking one --- */

static bool save(struct machine *machine, struct scratch *scratch, struct writer *writer) {
  struct part part;
  unsigned sections = 0;
  file_begin(writer);
  for (; part_at(machine, scratch, sections, &part); sections++) {
    const size_t start = section_begin(writer, part.kind, part.name);
    part_save(&part, writer);
    section_end(writer, start);
  }
  file_end(writer, sections);
  return !writer->failed;
}

/* From here on changes are counted from this snapshot. */
static void make_base(struct machine *machine, uint64_t number) {
  machine->base_snapshot = number;
  physical_forget_changes(machine->memory);
}

vmxsim_status vmxsim_machine_snapshot(vmxsim_machine *handle, vmxsim_snapshot **result) {
  struct machine *machine = &handle->machine;
  *result = NULL;
  const vmxsim_status idle = machine_check_idle(machine);
  if (idle) return idle;
  const struct complaint complaint = complaint_to(machine);
  if (!timers_can_be_saved(machine, &complaint)) return VMXSIM_ERROR_ARGUMENT;
  struct scratch *scratch = allocate(&machine->allocator, scratch_size());
  vmxsim_snapshot *snapshot = allocate(&machine->allocator, sizeof *snapshot);
  if (snapshot) snapshot->file.allocator = machine->allocator;
  const bool saved = scratch && snapshot && save(machine, scratch, &snapshot->file);
  release(&machine->allocator, scratch);
  if (!saved) {
    if (snapshot) vmxsim_snapshot_free(snapshot);
    complain_of(&complaint, "no memory for the snapshot");
    return VMXSIM_ERROR_MEMORY;
  }
  snapshot->machine = machine;
  snapshot->number = ++machine->snapshots;
  make_base(machine, snapshot->number);
  *result = snapshot;
  return VMXSIM_OK;
}

void vmxsim_snapshot_free(vmxsim_snapshot *snapshot) {
  if (!snapshot) return;
  const struct vmxsim_allocator allocator = snapshot->file.allocator;
  writer_free(&snapshot->file);
  release(&allocator, snapshot);
}

const void *vmxsim_snapshot_bytes(const vmxsim_snapshot *snapshot, size_t *size) {
  *size = snapshot->file.size;
  return snapshot->file.bytes;
}

/* --- going back --- */

struct restore {
  struct machine *machine;
  struct scratch *scratch;
  const void *bytes;
  size_t size;
  bool changes_only; /* of RAM: what else there is is known to be right */
};

static vmxsim_status check_parts(const struct restore *restore, const struct complaint *complaint, unsigned *parts) {
  struct part part;
  struct section section;
  for (*parts = 0; part_at(restore->machine, restore->scratch, *parts, &part); ++*parts) {
    if (!file_find(restore->bytes, restore->size, part.name, &section)) {
      complain_of(complaint, "section %s is missing", part.name);
      return VMXSIM_ERROR_SNAPSHOT;
    }
    if (restore->changes_only && part.kind == SECTION_MEMORY) continue;
    const vmxsim_status status = part_check(&part, &section, complaint);
    if (status) return status;
  }
  return VMXSIM_OK;
}

/* Each section is somebody's, and none is there twice: all parts have been found, so their number tells. */
static bool has_nothing_else(const struct restore *restore, unsigned parts, const struct complaint *complaint) {
  struct file file;
  struct part part;
  struct section section;
  if (!file_open(&file, restore->bytes, restore->size, complaint)) return false;
  if (file.sections == parts) return true;
  while (file_next(&file, &section, complaint)) {
    bool known = false;
    for (unsigned i = 0; !known && part_at(restore->machine, restore->scratch, i, &part); i++)
      known = !strcmp(part.name, section.name);
    if (!known) complain_of(complaint, "section %s is of a part that this machine does not have", section.name);
  }
  complain_of(complaint, "a section is there twice");
  return false;
}

static void apply_kinds(const struct restore *restore, bool memory) {
  struct part part;
  struct section section;
  for (unsigned i = 0; part_at(restore->machine, restore->scratch, i, &part); i++) {
    if ((part.kind == SECTION_MEMORY) != memory) continue;
    file_find(restore->bytes, restore->size, part.name, &section);
    if (restore->changes_only && memory)
      memory_apply_changes(restore->machine, &section.content);
    else
      part_apply(&part, &section);
  }
}

/* RAM first: its bytes are stores to a line that a vCPU monitors, and not what its state is to remember. */
static void apply(const struct restore *restore) {
  apply_kinds(restore, true);
  apply_kinds(restore, false);
}

static vmxsim_status run_restore(struct restore *restore, const struct complaint *complaint) {
  struct machine *machine = restore->machine;
  unsigned parts;
  restore->scratch = allocate(&machine->allocator, scratch_size());
  if (!restore->scratch) {
    complain_of(complaint, "no memory to look at the snapshot");
    return VMXSIM_ERROR_MEMORY;
  }
  vmxsim_status status = check_parts(restore, complaint, &parts);
  if (!status && !has_nothing_else(restore, parts, complaint)) status = VMXSIM_ERROR_SNAPSHOT;
  if (!status) apply(restore);
  release(&machine->allocator, restore->scratch);
  return status;
}

vmxsim_status vmxsim_machine_reset_to(vmxsim_machine *handle, const vmxsim_snapshot *snapshot) {
  struct machine *machine = &handle->machine;
  const vmxsim_status idle = machine_check_idle(machine);
  if (idle) return idle;
  const struct complaint complaint = complaint_to(machine);
  const bool own = snapshot->machine == machine;
  struct restore restore = {.machine = machine,
                            .bytes = snapshot->file.bytes,
                            .size = snapshot->file.size,
                            .changes_only = own && machine->base_snapshot == snapshot->number};
  const vmxsim_status status = run_restore(&restore, &complaint);
  if (!status) make_base(machine, own ? snapshot->number : 0);
  return status;
}

vmxsim_status vmxsim_machine_restore(vmxsim_machine *handle, const void *bytes, size_t size) {
  struct machine *machine = &handle->machine;
  const vmxsim_status idle = machine_check_idle(machine);
  if (idle) return idle;
  const struct complaint complaint = complaint_to(machine);
  struct restore restore = {.machine = machine, .bytes = bytes, .size = size};
  if (!file_is_good(bytes, size, &complaint)) return VMXSIM_ERROR_SYNTAX;
  const vmxsim_status status = run_restore(&restore, &complaint);
  if (!status) make_base(machine, 0);
  return status;
}
