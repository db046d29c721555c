/* The floating pointer structure and the configuration table of the MultiProcessor Specification 1.4, at F0000H in the
 * ROM: for kernels that do not read ACPI tables. They say the same as the MADT (acpi_tables.c).
 */
#include "libvmxsim/platform/platform.h"

#include <string.h>

enum { POINTER_SIZE = 16, HEADER_SIZE = 44, SPECIFICATION = 4 /* 1.4 */, ALL = 0xff };
enum entry { PROCESSOR, BUS, IO_APIC, IO_INTERRUPT, LOCAL_INTERRUPT };
enum interrupt { INT = 0, NMI = 1, EXT_INT = 3 };
enum { AS_THE_BUS = 0, ACTIVE_HIGH_LEVEL = 0x0d };

struct table {
  uint8_t *bytes;
  unsigned size, entries;
};

static void complete(uint8_t *bytes, size_t size, uint8_t *checksum) {
  *checksum = 0;
  for (size_t i = 0; i < size; i++) *checksum = (uint8_t)(*checksum - (&bytes[i] == checksum ? 0 : bytes[i]));
}

/* Bytes beyond the first are zero. */
static uint8_t *add(struct table *table, enum entry type) {
  uint8_t *const entry = table->bytes + table->size;
  entry[0] = (uint8_t)type;
  table->size += type == PROCESSOR ? 20 : 8;
  table->entries++;
  return entry;
}

/* CPUID says more about it than this entry could. */
static void add_processor(struct table *table, unsigned id) {
  enum { ENABLED = 1, BOOT_PROCESSOR = 2, FPU_AND_APIC = 1 << 0 | 1 << 9 };
  uint8_t *const entry = add(table, PROCESSOR);
  entry[1] = (uint8_t)id;
  entry[2] = 0x14;
  entry[3] = (uint8_t)(ENABLED | (id ? 0 : BOOT_PROCESSOR));
  put_32(entry + 8, FPU_AND_APIC);
}

static void add_io_apic(struct table *table) {
  uint8_t *const entry = add(table, IO_APIC);
  entry[2] = 0x20;
  entry[3] = 1; /* usable */
  put_32(entry + 4, 0xfec00000);
}

static void add_interrupt(struct table *table, enum entry type, enum interrupt kind, uint16_t flags, unsigned irq,
                          unsigned apic, unsigned pin) {
  uint8_t *const entry = add(table, type);
  entry[1] = (uint8_t)kind;
  put_16(entry + 2, flags);
  entry[5] = (uint8_t)irq;
  entry[6] = (uint8_t)apic;
  entry[7] = (uint8_t)pin;
}

static void add_interrupts(struct table *table) {
  enum { CASCADE = 2 };
  for (unsigned irq = 0; irq < 16; irq++) {
    const uint16_t flags = irq == LINE_SCI ? ACTIVE_HIGH_LEVEL : AS_THE_BUS;
    if (irq != CASCADE) add_interrupt(table, IO_INTERRUPT, INT, flags, irq, 0, irq == LINE_PIT ? 2 : irq);
  }
  add_interrupt(table, LOCAL_INTERRUPT, EXT_INT, AS_THE_BUS, 0, ALL, 0);
  add_interrupt(table, LOCAL_INTERRUPT, NMI, AS_THE_BUS, 0, ALL, 1);
}

static void write_configuration(vmxsim_pc *pc, uint8_t *bytes) {
  struct table table = {bytes, HEADER_SIZE, 0};
  for (unsigned i = 0; i < pc->machine->machine.vcpus; i++) add_processor(&table, i);
  memcpy(add(&table, BUS) + 2, "ISA   ", 6);
  add_io_apic(&table);
  add_interrupts(&table);
  memcpy(bytes, "PCMP", 4);
  put_16(bytes + 4, (uint16_t)table.size);
  bytes[6] = SPECIFICATION;
  memcpy(bytes + 8, "VMXSIM  PLATFORM    ", 20);
  put_16(bytes + 34, (uint16_t)table.entries);
  put_32(bytes + 36, 0xfee00000);
  complete(bytes, table.size, bytes + 7);
}

void mp_write_table(vmxsim_pc *pc) {
  uint8_t *const pointer = pc->rom + BIOS_OFFSET;
  write_configuration(pc, pointer + POINTER_SIZE);
  memcpy(pointer, "_MP_", 4);
  put_32(pointer + 4, (uint32_t)ROM_ADDRESS + BIOS_OFFSET + POINTER_SIZE);
  pointer[8] = POINTER_SIZE / 16;
  pointer[9] = SPECIFICATION;
  complete(pointer, POINTER_SIZE, pointer + 10);
}
