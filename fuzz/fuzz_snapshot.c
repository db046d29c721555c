/* The reader of snapshots: sections of any content, made good as a file by a heading and checksums, so that what is
 * behind these is reached. What is refused changes nothing; what is taken can be saved, compared and run. */
#include <stdlib.h>
#include <string.h>

#include "libvmxsim/snapshot/snapshot_internal.h"

static void require(bool condition) {
  if (!condition) abort();
}

/* One machine for all inputs, and what each finds it as: what creates one is megabytes of memory. */
struct start {
  vmxsim_machine *machine;
  vmxsim_snapshot *snapshot;
  const void *bytes;
  size_t size;
};

static struct start create(void) {
  struct start start = {NULL, NULL, NULL, 0};
  const struct vmxsim_machine_options options = {.size = sizeof options};
  require(vmxsim_machine_create(&options, &start.machine) == VMXSIM_OK);
  require(vmxsim_machine_map(start.machine, 0, 0x4000, VMXSIM_RAM, NULL) == VMXSIM_OK);
  require(vmxsim_machine_snapshot(start.machine, &start.snapshot) == VMXSIM_OK);
  start.bytes = vmxsim_snapshot_bytes(start.snapshot, &start.size);
  return start;
}

/* The machine's own file, in which `size` bytes of data stand in for what is at `at` of section number `which`. */
static struct writer change(const struct vmxsim_snapshot *snapshot, unsigned which, size_t at, const uint8_t *data,
                            size_t size) {
  static const struct complaint nobody = {NULL, 0};
  struct writer writer = {.allocator = {.reallocate = NULL}};
  struct file file;
  struct section section;
  size_t file_size;
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &file_size);
  extern void *fuzz_reallocate(void *context, void *pointer, size_t wanted);
  writer.allocator.reallocate = fuzz_reallocate;
  require(file_open(&file, bytes, file_size, &nobody));
  file_begin(&writer);
  for (unsigned i = 0; file_next(&file, &section, &nobody); i++) {
    const size_t start = section_begin(&writer, section.kind, section.name);
    const size_t kept = i != which ? section.content.size : at < section.content.size ? at : section.content.size;
    write_bytes(&writer, section.content.bytes, kept);
    if (i == which) {
      write_bytes(&writer, data, size);
      const size_t skip = kept + size < section.content.size ? kept + size : section.content.size;
      write_bytes(&writer, section.content.bytes + skip, section.content.size - skip);
    }
    section_end(&writer, start);
  }
  file_end(&writer, file.sections);
  require(!writer.failed);
  return writer;
}

void *fuzz_reallocate(void *context, void *pointer, size_t wanted);
void *fuzz_reallocate(void *context, void *pointer, size_t wanted) {
  (void)context;
  if (wanted) return realloc(pointer, wanted);
  free(pointer);
  return NULL;
}

static void compare_and_run(vmxsim_machine *machine, const struct writer *changed) {
  vmxsim_snapshot *snapshot;
  struct vmxsim_run_result result;
  size_t size;
  require(vmxsim_machine_snapshot(machine, &snapshot) == VMXSIM_OK);
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &size);
  require(vmxsim_snapshot_compare(bytes, size, changed->bytes, changed->size, NULL, NULL, NULL) == VMXSIM_OK);
  vmxsim_snapshot_free(snapshot);
  vmxsim_machine_run(machine, 200, &result);
}

/* Bytes as they are; and a section's number, an offset, what to put there. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct start start;
  if (size < 3) return 0;
  if (!start.machine) start = create();
  vmxsim_machine *const machine = start.machine;
  require(vmxsim_machine_restore(machine, data, size) != VMXSIM_OK || size > 64);
  struct writer changed = change(start.snapshot, data[0] % 16, data[1] | (size_t)data[2] << 8, data + 3, size - 3);
  if (vmxsim_machine_restore(machine, changed.bytes, changed.size) == VMXSIM_OK) compare_and_run(machine, &changed);
  writer_free(&changed);
  require(vmxsim_machine_restore(machine, start.bytes, start.size) == VMXSIM_OK);
  return 0;
}
