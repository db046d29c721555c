/* The ACPI tables in the ROM: RSDP, RSDT, XSDT, FADT, MADT, DSDT; and the FACS in the EBDA, which the guest writes to.
 * ACPI specification, "ACPI Software Programming Model".
 */
#include "libvmxsim/platform/platform.h"

#include <string.h>

enum { HEADER = 36, FADT_SIZE = 244, FACS_SIZE = 64, RSDP_SIZE = 36, RSDP_SIZE_1 = 20 };

/* Tables are laid one after the other from the ROM's start. */
struct writer {
  vmxsim_pc *pc;
  uint32_t offset; /* in the ROM */
};

static uint8_t checksum(const uint8_t *bytes, size_t size) {
  uint8_t sum = 0;
  for (size_t i = 0; i < size; i++) sum = (uint8_t)(sum + bytes[i]);
  return (uint8_t)(0x100 - sum);
}

/* Room for a table with its header filled in; finish_table() completes it. */
static uint8_t *begin_table(struct writer *writer, const char *signature, uint8_t revision) {
  writer->offset = (writer->offset + 15) & ~UINT32_C(15);
  uint8_t *table = writer->pc->rom + writer->offset;
  memcpy(table, signature, 4);
  table[8] = revision;
  memcpy(table + 10, "VMXSIMPLATFORM", 14);
  put_32(table + 24, 1);
  memcpy(table + 28, "VMXS", 4);
  put_32(table + 32, 1);
  return table;
}

static uint32_t finish_table(struct writer *writer, uint8_t *table, uint32_t size) {
  const uint32_t address = (uint32_t)ROM_ADDRESS + writer->offset;
  put_32(table + 4, size);
  table[9] = checksum(table, size);
  writer->offset += size;
  return address;
}

/* Name (_S3_, Package (4) {1, 1, 0, 0}) and Name (_S5_, Package (4) {0, 0, 0, 0}). */
static uint32_t write_dsdt(struct writer *writer) {
  static const uint8_t aml[] = {0x08, '_', 'S', '3', '_', 0x12, 0x06, 0x04, 0x01, 0x01, 0x00, 0x00,
                                0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00};
  uint8_t *table = begin_table(writer, "DSDT", 2);
  memcpy(table + HEADER, aml, sizeof aml);
  return finish_table(writer, table, HEADER + sizeof aml);
}

/* A generic address in I/O space. */
static void put_port(uint8_t *at, unsigned bits, uint16_t port) {
  at[0] = 1;
  at[1] = (uint8_t)bits;
  at[3] = bits == 32 ? 3 : bits == 16 ? 2 : 1;
  put_64(at + 4, port);
}

static uint32_t write_fadt(struct writer *writer, uint32_t dsdt) {
  enum { WBINVD = 1, SLP_BUTTON = 1 << 5, TMR_VAL_EXT = 1 << 8, RESET_SUPPORTED = 1 << 10 };
  uint8_t *table = begin_table(writer, "FACP", 3);
  put_32(table + 36, (uint32_t)FACS_ADDRESS);
  put_32(table + 40, dsdt);
  put_16(table + 46, LINE_SCI);
  put_32(table + 56, 0x600); /* PM1a event block */
  put_32(table + 64, 0x604); /* PM1a control block */
  put_32(table + 76, 0x608); /* PM timer */
  table[88] = 4;
  table[89] = 2;
  table[91] = 4;
  put_16(table + 96, 0xffff); /* no C2 */
  put_16(table + 98, 0xffff); /* no C3 */
  table[108] = 0x32;          /* century in the CMOS */
  put_16(table + 109, 3);     /* legacy devices, keyboard controller */
  put_32(table + 112, WBINVD | SLP_BUTTON | TMR_VAL_EXT | RESET_SUPPORTED);
  put_port(table + 116, 8, 0xcf9);
  table[128] = 6; /* what resets */
  put_64(table + 132, FACS_ADDRESS);
  put_64(table + 140, dsdt);
  put_port(table + 148, 32, 0x600);
  put_port(table + 172, 16, 0x604);
  put_port(table + 208, 32, 0x608);
  return finish_table(writer, table, FADT_SIZE);
}

static uint8_t *add_local_apic(uint8_t *at, unsigned id) {
  at[0] = 0;
  at[1] = 8;
  at[2] = (uint8_t)id;
  at[3] = (uint8_t)id;
  put_32(at + 4, 1);
  return at + 8;
}

static uint8_t *add_io_apic(uint8_t *at) {
  at[0] = 1;
  at[1] = 12;
  put_32(at + 4, 0xfec00000);
  return at + 12;
}

static uint8_t *add_override(uint8_t *at, uint8_t irq, uint8_t pin, uint16_t flags) {
  at[0] = 2;
  at[1] = 10;
  at[3] = irq;
  put_32(at + 4, pin);
  put_16(at + 8, flags);
  return at + 10;
}

static uint8_t *add_nmi_on_lint1(uint8_t *at) {
  at[0] = 4;
  at[1] = 6;
  at[2] = 0xff; /* of all processors */
  at[5] = 1;
  return at + 6;
}

static uint32_t write_madt(struct writer *writer) {
  enum { ACTIVE_HIGH_LEVEL = 0x0d };
  uint8_t *table = begin_table(writer, "APIC", 3);
  put_32(table + HEADER, 0xfee00000);
  put_32(table + HEADER + 4, 1); /* 8259s are there, too */
  uint8_t *at = table + HEADER + 8;
  for (unsigned i = 0; i < writer->pc->machine->machine.vcpus; i++) at = add_local_apic(at, i);
  at = add_io_apic(at);
  at = add_override(at, LINE_PIT, 2, 0);
  at = add_override(at, LINE_SCI, LINE_SCI, ACTIVE_HIGH_LEVEL);
  at = add_nmi_on_lint1(at);
  return finish_table(writer, table, (uint32_t)(at - table));
}

static uint32_t write_rsdt(struct writer *writer, uint32_t fadt, uint32_t madt) {
  uint8_t *table = begin_table(writer, "RSDT", 1);
  put_32(table + HEADER, fadt);
  put_32(table + HEADER + 4, madt);
  return finish_table(writer, table, HEADER + 8);
}

static uint32_t write_xsdt(struct writer *writer, uint32_t fadt, uint32_t madt) {
  uint8_t *table = begin_table(writer, "XSDT", 1);
  put_64(table + HEADER, fadt);
  put_64(table + HEADER + 8, madt);
  return finish_table(writer, table, HEADER + 16);
}

static void write_rsdp(uint8_t *rsdp, uint32_t rsdt, uint32_t xsdt) {
  memcpy(rsdp, "RSD PTR ", 8);
  memcpy(rsdp + 9, "VMXSIM", 6);
  rsdp[15] = 2;
  put_32(rsdp + 16, rsdt);
  put_32(rsdp + 20, RSDP_SIZE);
  put_64(rsdp + 24, xsdt);
  rsdp[8] = checksum(rsdp, RSDP_SIZE_1);
  rsdp[32] = checksum(rsdp, RSDP_SIZE);
}

void acpi_write_tables(vmxsim_pc *pc) {
  struct writer writer = {pc, 0x40}; /* the RSDP is at the ROM's very start */
  uint8_t facs[FACS_SIZE] = "FACS";
  put_32(facs + 4, FACS_SIZE);
  vmxsim_machine_write(pc->machine, FACS_ADDRESS, facs, sizeof facs);
  const uint32_t fadt = write_fadt(&writer, write_dsdt(&writer));
  const uint32_t madt = write_madt(&writer);
  const uint32_t rsdt = write_rsdt(&writer, fadt, madt);
  write_rsdp(pc->rom, rsdt, write_xsdt(&writer, fadt, madt));
}
