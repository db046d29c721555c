/* Paging structures of a side: pages of 4 KBytes, made where they are not there yet. */
#include "libvmxsim/scenario/memory.h"

enum { ENTRY_PRESENT = 1, ENTRY_WRITE = 2, ENTRY_USER = 4, ENTRY_ACCESSED = 0x20, ENTRY_DIRTY = 0x40 };
#define ENTRY_NX (UINT64_C(1) << 63)

static uint64_t get(struct runner *runner, uint64_t address, unsigned size) {
  uint8_t bytes[8] = {0};
  uint64_t value = 0;
  vmxsim_machine_read(runner->machine, address, bytes, size);
  for (unsigned i = 0; i < size; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static unsigned levels_of(const struct space *space) {
  if (space->mode == MODE_64) return space->five ? 5 : 4;
  return space->mode == MODE_PAE ? 3 : 2;
}

/* The table below an entry, made if it is not there. PDPTEs have no R/W and U/S. */
static uint64_t table_below(struct runner *runner, const struct space *space, uint64_t entry_at, unsigned level) {
  const unsigned size = space->mode == MODE_32 ? 4 : 8;
  const uint64_t entry = get(runner, entry_at, size);
  if (entry & ENTRY_PRESENT) return entry & 0xffffffffff000;
  if (runner->next_table == TABLES_END) {
    runner_failed(runner, "expected at most 256 paging structures");
    return TABLES_END - 0x1000;
  }
  const uint64_t table = runner->next_table;
  const uint64_t flags = space->mode == MODE_PAE && level == 3 ? 0 : ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED;
  runner->next_table += 0x1000;
  memory_put_value(runner, entry_at, table | ENTRY_PRESENT | flags, size);
  return table;
}

static void map_page(struct runner *runner, const struct space *space, uint64_t linear, uint64_t physical,
                     unsigned flags) {
  const unsigned size = space->mode == MODE_32 ? 4 : 8, bits = space->mode == MODE_32 ? 10 : 9;
  uint64_t table = space->root & 0xffffffffffff0, entry = physical;
  if (space->mode != MODE_PAE) table &= ~UINT64_C(0xfff);
  if (space->mode != MODE_64) linear &= UINT32_MAX;
  for (unsigned level = levels_of(space);; level--) {
    const uint64_t index = (linear >> (12 + bits * (level - 1))) & ((1u << bits) - 1);
    if (level == 1) {
      table += index * size;
      break;
    }
    table = table_below(runner, space, table + index * size, level);
  }
  entry |= ENTRY_ACCESSED | ENTRY_DIRTY;
  if (!(flags & PAGE_ABSENT)) entry |= ENTRY_PRESENT;
  if (!(flags & PAGE_READ_ONLY)) entry |= ENTRY_WRITE;
  if (flags & PAGE_USER) entry |= ENTRY_USER;
  if (flags & PAGE_NO_EXECUTE && space->mode != MODE_32) entry |= ENTRY_NX;
  memory_put_value(runner, table, entry, size);
}

void memory_map(struct runner *runner, const struct space *space, const struct scenario_mapping *mapping) {
  for (uint64_t at = 0; at < mapping->size; at += 0x1000) {
    map_page(runner, space, mapping->linear + at, mapping->physical + at, mapping->flags);
  }
}

void memory_map_identity(struct runner *runner, const struct space *space) {
  const uint64_t ram = runner->scenario->ram, size = ram < IDENTITY_MAX ? ram : IDENTITY_MAX;
  const unsigned flags = space->user ? PAGE_USER : 0;
  memory_map(runner, space, &(struct scenario_mapping){0, 0, size, flags});
  memory_map(runner, space, &(struct scenario_mapping){0xfee00000, 0xfee00000, 0x1000, flags}); /* the local APIC */
}
