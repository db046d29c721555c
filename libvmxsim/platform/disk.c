/* The disk that INT 13H works on. The image stays as it was given; sectors that are written are kept beside it, in
 * order, and are what a snapshot has of the disk.
 */
#include "libvmxsim/platform/disk.h"

#include <string.h>

#include "cpu/allocate.h"
#include "libvmxsim/snapshot/stream.h"
#include "vmxsim/snapshot.h"

/* The first written sector at or behind `sector`. */
static size_t place_of(const struct disk_writes *writes, uint64_t sector) {
  size_t low = 0, high = writes->count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (writes->sector[middle].number < sector)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_at(const struct disk_writes *writes, size_t place, uint64_t sector) {
  return place < writes->count && writes->sector[place].number == sector;
}

void disk_read(const vmxsim_pc *pc, uint64_t sector, uint8_t bytes[SECTOR]) {
  const struct disk_writes *const writes = &pc->disk;
  const size_t place = place_of(writes, sector);
  const uint64_t offset = sector * SECTOR;
  memset(bytes, 0, SECTOR);
  if (is_at(writes, place, sector)) {
    memcpy(bytes, writes->sector[place].bytes, SECTOR);
  } else if (offset < pc->image.size) {
    const size_t left = pc->image.size - (size_t)offset;
    memcpy(bytes, pc->image.bytes + offset, left < SECTOR ? left : SECTOR);
  }
}

static bool reserve(vmxsim_pc *pc, size_t sectors) {
  struct disk_writes *const writes = &pc->disk;
  if (sectors <= writes->capacity) return true;
  const size_t capacity = sectors + sectors / 2 + 8;
  struct written_sector *const grown = memory_resize(&pc->allocator, writes->sector, capacity * sizeof *grown);
  if (!grown) return false;
  writes->sector = grown;
  writes->capacity = capacity;
  return true;
}

bool disk_write(vmxsim_pc *pc, uint64_t sector, const uint8_t bytes[SECTOR]) {
  struct disk_writes *const writes = &pc->disk;
  const size_t place = place_of(writes, sector);
  if (!is_at(writes, place, sector)) {
    if (!reserve(pc, writes->count + 1)) return false;
    memmove(&writes->sector[place + 1], &writes->sector[place], (writes->count - place) * sizeof *writes->sector);
    writes->sector[place].number = sector;
    writes->count++;
  }
  memcpy(writes->sector[place].bytes, bytes, SECTOR);
  return true;
}

void disk_forget_writes(vmxsim_pc *pc) {
  pc_release(pc, pc->disk.sector);
  pc->disk = (struct disk_writes){.sector = NULL};
}

/* --- snapshots: the number and the bytes of each sector, ascending --- */

enum { ENTRY = 8 + SECTOR };

static void save(void *context, vmxsim_snapshot_write *write, void *destination) {
  const vmxsim_pc *pc = context;
  for (size_t i = 0; i < pc->disk.count; i++) {
    uint8_t number[8];
    put_64(number, pc->disk.sector[i].number);
    if (!write(destination, number, sizeof number) || !write(destination, pc->disk.sector[i].bytes, SECTOR)) return;
  }
}

/* Sees to it that restoring has the memory that it needs, too. */
static bool check(void *context, const void *bytes, size_t size) {
  const uint8_t *const entries = bytes;
  if (size % ENTRY) return false;
  for (size_t at = ENTRY; at < size; at += ENTRY)
    if (get_64(entries + at) <= get_64(entries + at - ENTRY)) return false;
  return reserve(context, size / ENTRY);
}

static void restore(void *context, const void *bytes, size_t size) {
  struct disk_writes *const writes = &((vmxsim_pc *)context)->disk;
  const uint8_t *entry = bytes;
  writes->count = size / ENTRY;
  for (size_t i = 0; i < writes->count; i++, entry += ENTRY) {
    writes->sector[i].number = get_64(entry);
    memcpy(writes->sector[i].bytes, entry + 8, SECTOR);
  }
}

vmxsim_status disk_init(vmxsim_pc *pc) {
  const struct vmxsim_snapshot_part part = {
      .size = sizeof part, .name = "pc.disk", .context = pc, .save = save, .check = check, .restore = restore};
  return vmxsim_machine_add_part(pc->machine, &part);
}
