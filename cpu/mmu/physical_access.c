/* Reading and writing physical memory: RAM, ROM, devices, and what is not mapped. */
#include "cpu/mmu/physical.h"

#include <string.h>

static void note_device(const struct physical_memory *memory, uint64_t address, unsigned size, bool write,
                        uint64_t value) {
  if (memory->device_accessed) memory->device_accessed(memory->device_context, address, size, write, value);
}

void physical_on_device(struct physical_memory *memory, physical_device_accessed *accessed, void *context) {
  memory->device_accessed = accessed;
  memory->device_context = context;
}

/* What is mapped may change in a device's callback: all of an access goes to the device that it began with. */
static void device_read(const struct physical_memory *memory, const struct physical_block *mapped, uint64_t offset,
                        uint8_t *bytes, size_t size) {
  const struct physical_block copy = *mapped, *const block = &copy;
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = block->read(block->context, offset, n);
    note_device(memory, block->address + offset, n, false, value);
    memcpy(bytes, &value, n);
    bytes += n;
    offset += n;
    size -= n;
  }
}

static void device_write(const struct physical_memory *memory, const struct physical_block *mapped, uint64_t offset,
                         const uint8_t *bytes, size_t size) {
  const struct physical_block copy = *mapped, *const block = &copy;
  while (size > 0) {
    unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    note_device(memory, block->address + offset, n, true, value);
    block->write(block->context, offset, n, value);
    bytes += n;
    offset += n;
    size -= n;
  }
}

/* How many of `size` bytes lie in the region of `address`, or before the next one if it is in none. */
static size_t bytes_here(const struct physical_memory *memory, const struct physical_region *region, uint64_t address,
                         size_t size) {
  uint64_t last = UINT64_MAX;
  if (region) {
    last = region->last;
  } else {
    for (size_t i = 0; i < memory->count; i++) {
      if (memory->region[i].first <= address) continue;
      last = memory->region[i].first - 1;
      break;
    }
  }
  return size - 1 > last - address ? (size_t)(last - address) + 1 : size;
}

/* The embedder answers for what is not mapped, if it wants to, in pieces as devices get them. */
static void read_unmapped(const struct physical_memory *memory, uint64_t address, uint8_t *bytes, size_t size) {
  memset(bytes, 0xff, size);
  while (memory->unmapped && size > 0) {
    const unsigned n = device_size(size);
    uint64_t value = UINT64_MAX;
    memory->unmapped(memory->unmapped_context, address, n, false, &value);
    memcpy(bytes, &value, n);
    bytes += n;
    address += n;
    size -= n;
  }
}

static void write_unmapped(const struct physical_memory *memory, uint64_t address, const uint8_t *bytes, size_t size) {
  while (memory->unmapped && size > 0) {
    const unsigned n = device_size(size);
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    memory->unmapped(memory->unmapped_context, address, n, true, &value);
    bytes += n;
    address += n;
    size -= n;
  }
}

void physical_on_unmapped(struct physical_memory *memory, physical_unmapped *unmapped, void *context) {
  memory->unmapped = unmapped;
  memory->unmapped_context = context;
}

static void read_region(const struct physical_memory *memory, const struct physical_region *region, uint64_t address,
                        uint8_t *bytes, size_t size) {
  if (!region)
    read_unmapped(memory, address, bytes, size);
  else if (region->block->host)
    memcpy(bytes, block_host(region->block, address), size);
  else
    device_read(memory, region->block, address - region->block->address, bytes, size);
}

/* A number in memory, as most are that the processor reads of its own. */
static bool read_number(struct physical_memory *memory, uint64_t address, void *bytes) {
  const struct physical_region *const region = physical_find(memory, address);
  if (!region || !region->block->host || region->last - address < 7) return false;
  memcpy(bytes, block_host(region->block, address), 8);
  return true;
}

void physical_read(struct physical_memory *memory, uint64_t address, void *bytes, size_t size) {
  uint8_t *to = bytes;
  if (size == 8 && read_number(memory, address, bytes)) return;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    read_region(memory, region, address, to, n);
    to += n;
    address += n;
    size -= n;
  }
}

static void write_ram(struct physical_memory *memory, struct physical_block *block, uint64_t address,
                      const uint8_t *bytes, size_t size) {
  while (size > 0) {
    unsigned offset = (unsigned)(address & ~PAGE_MASK);
    size_t n = size < PAGE_SIZE - offset ? size : PAGE_SIZE - offset;
    uint64_t page = block_page(block, address);
    memcpy(block_host(block, address), bytes, n);
    block_set_dirty(block, address);
    if (block->code[page] & chunks_of(offset, offset + (unsigned)n - 1)) {
      block->code[page] = 0;
      if (memory->code_written) memory->code_written(memory->code_context, address, n);
    }
    bytes += n;
    address += n;
    size -= n;
  }
}

static void write_all(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size, bool through) {
  const uint8_t *from = bytes;
  while (size > 0) {
    const struct physical_region *region = physical_find(memory, address);
    size_t n = bytes_here(memory, region, address, size);
    if (!region)
      write_unmapped(memory, address, from, n);
    else if (region->kind == PHYSICAL_RAM || (through && region->kind == PHYSICAL_ROM))
      write_ram(memory, region->block, address, from, n);
    else if (region->kind == PHYSICAL_MMIO)
      device_write(memory, region->block, address - region->block->address, from, n);
    from += n;
    address += n;
    size -= n;
  }
}

void physical_write(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size) {
  write_all(memory, address, bytes, size, false);
}

void physical_write_through(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size) {
  write_all(memory, address, bytes, size, true);
}

uint8_t *physical_page(struct physical_memory *memory, uint64_t address) {
  const struct physical_region *region = physical_find(memory, address);
  return region ? block_host(region->block, address & PAGE_MASK) : NULL;
}
