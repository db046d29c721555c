/* RAM in a snapshot: its pages that are not all zeros, by ascending address, each as address (64 bits) and bytes. */
#include "libvmxsim/snapshot/snapshot_internal.h"

#include <inttypes.h>
#include <string.h>

enum { RECORD = 8 + PAGE_SIZE };

static bool is_zero(const uint8_t *page) {
  return !page[0] && !memcmp(page, page + 1, PAGE_SIZE - 1);
}

void memory_save(const struct machine *machine, struct writer *writer) {
  struct physical_extent extent;
  for (size_t i = 0; physical_region_at(machine->memory, i, &extent); i++) {
    if (extent.kind != PHYSICAL_RAM) continue;
    for (uint64_t offset = 0; offset <= extent.last - extent.first; offset += PAGE_SIZE) {
      if (is_zero(extent.host + offset)) continue;
      write_number(writer, extent.first + offset, 8);
      write_bytes(writer, extent.host + offset, PAGE_SIZE);
    }
  }
}

static bool is_ram(const struct machine *machine, uint64_t address) {
  struct physical_extent extent;
  for (size_t i = 0; physical_region_at(machine->memory, i, &extent); i++) {
    if (address >= extent.first && address <= extent.last) return extent.kind == PHYSICAL_RAM;
  }
  return false;
}

bool memory_check(const struct machine *machine, struct reader *reader, const struct complaint *complaint) {
  uint64_t before = 0;
  bool is_first = true;
  while (reader_left(reader)) {
    const uint64_t address = read_number(reader, 8);
    const bool ascends = is_first || address > before;
    if (!read_bytes(reader, PAGE_SIZE) || address % PAGE_SIZE || !ascends || !is_ram(machine, address)) {
      complain_of(complaint, "memory: there is no page of RAM at %" PRIx64, address);
      return false;
    }
    before = address;
    is_first = false;
  }
  return true;
}

/* Pages come by ascending address here as there. */
void memory_apply(struct machine *machine, struct reader *reader) {
  struct physical_extent extent;
  uint64_t next = reader_left(reader) ? read_number(reader, 8) : UINT64_MAX;
  for (size_t i = 0; physical_region_at(machine->memory, i, &extent); i++) {
    if (extent.kind != PHYSICAL_RAM) continue;
    for (uint64_t page = extent.first; page - extent.first <= extent.last - extent.first; page += PAGE_SIZE) {
      if (page != next) {
        physical_set_page(machine->memory, page, NULL);
        continue;
      }
      physical_set_page(machine->memory, page, read_bytes(reader, PAGE_SIZE));
      next = reader_left(reader) ? read_number(reader, 8) : UINT64_MAX;
    }
  }
}

/* The bytes of a page, NULL if it is all zeros: by bisection. */
static const uint8_t *find(const struct reader *reader, uint64_t page) {
  size_t low = 0, high = reader->size / RECORD;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    struct reader record = {.bytes = reader->bytes + middle * RECORD, .size = RECORD};
    const uint64_t address = read_number(&record, 8);
    if (address == page) return record.bytes + 8;
    if (address < page)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

void memory_apply_changes(struct machine *machine, const struct reader *reader) {
  uint64_t page = 0;
  for (bool more = physical_next_change(machine->memory, 0, &page); more;
       more = page + PAGE_SIZE && physical_next_change(machine->memory, page + PAGE_SIZE, &page)) {
    physical_set_page(machine->memory, page, find(reader, page));
  }
}
