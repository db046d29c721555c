/* INT 13H: reading and writing sectors of the disk, by cylinder, head and sector or by block address. */
#include "libvmxsim/platform/bios_services.h"
#include "libvmxsim/platform/disk.h"

#include "cpu/exec/flags.h"

enum { ERROR_COMMAND = 0x01, ERROR_PROTECTED = 0x03, ERROR_SECTOR = 0x04, ERROR_CONTROLLER = 0x20 };

struct geometry {
  unsigned cylinders, heads, sectors;
};

static bool is_floppy(const vmxsim_pc *pc) {
  return pc->image.size <= FLOPPY_MAX;
}

/* By the sizes that floppies have; anything smaller is taken as the beginning of the next larger. */
static struct geometry geometry_of(const vmxsim_pc *pc) {
  static const struct geometry floppies[] = {{40, 2, 9}, {80, 2, 9}, {80, 2, 15}, {80, 2, 18}, {80, 2, 36}};
  enum { COUNT = sizeof floppies / sizeof *floppies, MOST_COMMON = 3 };
  for (unsigned i = 0; i < COUNT; i++) {
    if (pc->image.size == (size_t)SECTOR * floppies[i].cylinders * floppies[i].heads * floppies[i].sectors) {
      return floppies[i];
    }
  }
  if (is_floppy(pc)) return floppies[pc->image.size > 1474560 ? COUNT - 1 : MOST_COMMON];
  const size_t cylinders = pc->image.size / (SECTOR * 16 * 63) + 1;
  return (struct geometry){cylinders > 1024 ? 1024 : (unsigned)cylinders, 16, 63};
}

static bool has_drive(const vmxsim_pc *pc, uint8_t drive) {
  return pc->image.size && drive == (is_floppy(pc) ? 0 : 0x80);
}

static void finish(vmxsim_pc *pc, struct vcpu *v, uint8_t error) {
  bios_set_high(v, VMXSIM_RAX, error);
  bios_return_flag(pc, v, FLAG_CF, error != 0);
}

/* AL is how many sectors were transferred: all or, as nobody can say more, none. */
static void finish_transfer(vmxsim_pc *pc, struct vcpu *v, uint8_t error) {
  if (error) bios_set_low(v, VMXSIM_RAX, 0);
  finish(pc, v, error);
}

/* Which sectors, from where or to where. */
struct transfer {
  uint64_t sector, address;
  unsigned count;
};

typedef uint8_t transfer_sectors(vmxsim_pc *pc, const struct transfer *t);

static uint8_t read_sectors(vmxsim_pc *pc, const struct transfer *t) {
  uint8_t bytes[SECTOR];
  for (unsigned i = 0; i < t->count; i++) {
    disk_read(pc, t->sector + i, bytes);
    vmxsim_machine_write(pc->machine, t->address + (uint64_t)i * SECTOR, bytes, SECTOR);
  }
  return 0;
}

static uint8_t write_sectors(vmxsim_pc *pc, const struct transfer *t) {
  uint8_t bytes[SECTOR];
  for (unsigned i = 0; i < t->count; i++) {
    vmxsim_machine_read(pc->machine, t->address + (uint64_t)i * SECTOR, bytes, SECTOR);
    if (!disk_write(pc, t->sector + i, bytes)) return ERROR_CONTROLLER;
  }
  return 0;
}

static uint8_t transfer_chs(vmxsim_pc *pc, struct vcpu *v, transfer_sectors *transfer) {
  const struct geometry geometry = geometry_of(pc);
  const unsigned sector = bios_low(v, VMXSIM_RCX) & 0x3f;
  const unsigned cylinder = bios_high(v, VMXSIM_RCX) | (bios_low(v, VMXSIM_RCX) & 0xc0u) << 2;
  const unsigned head = bios_high(v, VMXSIM_RDX), count = bios_low(v, VMXSIM_RAX);
  if (!sector || sector > geometry.sectors || head >= geometry.heads || cylinder >= geometry.cylinders) {
    return ERROR_SECTOR;
  }
  const uint64_t block = ((uint64_t)cylinder * geometry.heads + head) * geometry.sectors + sector - 1;
  const uint64_t blocks = (uint64_t)geometry.cylinders * geometry.heads * geometry.sectors;
  if (block + count > blocks) return ERROR_SECTOR;
  const uint64_t address = bios_address(v, VMXSIM_ES, bios_word(v, VMXSIM_RBX));
  return transfer(pc, &(struct transfer){block, address, count});
}

/* The packet at DS:SI: size, 0, count (16), offset (16), segment (16), block (64). */
static uint8_t transfer_extended(vmxsim_pc *pc, struct vcpu *v, transfer_sectors *transfer) {
  uint8_t packet[16];
  vmxsim_machine_read(pc->machine, bios_address(v, VMXSIM_DS, bios_word(v, VMXSIM_RSI)), packet, sizeof packet);
  const uint64_t block = get_64(packet + 8), blocks = (pc->image.size + SECTOR - 1) / SECTOR;
  const unsigned count = get_16(packet + 2);
  if (packet[0] < sizeof packet) return ERROR_COMMAND;
  if (block >= blocks || count > blocks - block) return ERROR_SECTOR;
  const uint64_t address = ((uint64_t)get_16(packet + 6) << 4) + get_16(packet + 4);
  return transfer(pc, &(struct transfer){block, address, count});
}

static uint8_t get_parameters(vmxsim_pc *pc, struct vcpu *v) {
  const struct geometry geometry = geometry_of(pc);
  const unsigned last = geometry.cylinders - 1;
  bios_set_word(v, VMXSIM_RCX, (uint16_t)((last & 0xff) << 8 | (last >> 8 & 3) << 6 | geometry.sectors));
  bios_set_word(v, VMXSIM_RDX, (uint16_t)((geometry.heads - 1) << 8 | 1));
  bios_set_low(v, VMXSIM_RBX, is_floppy(pc) ? 4 : 0);
  bios_set_low(v, VMXSIM_RAX, 0);
  return 0;
}

static uint8_t get_extended_parameters(vmxsim_pc *pc, struct vcpu *v) {
  const struct geometry geometry = geometry_of(pc);
  uint8_t result[26] = {0};
  put_16(result, sizeof result);
  put_32(result + 4, geometry.cylinders);
  put_32(result + 8, geometry.heads);
  put_32(result + 12, geometry.sectors);
  put_64(result + 16, (pc->image.size + SECTOR - 1) / SECTOR);
  put_16(result + 24, SECTOR);
  vmxsim_machine_write(pc->machine, bios_address(v, VMXSIM_DS, bios_word(v, VMXSIM_RSI)), result, sizeof result);
  return 0;
}

static uint8_t check_extensions(struct vcpu *v) {
  if (bios_word(v, VMXSIM_RBX) != 0x55aa) return ERROR_COMMAND;
  bios_set_word(v, VMXSIM_RBX, 0xaa55);
  bios_set_word(v, VMXSIM_RCX, 1); /* packet access */
  return 0;
}

/* AH is an answer here and not an error. */
static void get_type(vmxsim_pc *pc, struct vcpu *v) {
  bios_set_high(v, VMXSIM_RAX, is_floppy(pc) ? 1 : 3);
  if (!is_floppy(pc)) {
    bios_set_word(v, VMXSIM_RCX, (uint16_t)(pc->image.size / SECTOR >> 16));
    bios_set_word(v, VMXSIM_RDX, (uint16_t)(pc->image.size / SECTOR));
  }
  bios_return_flag(pc, v, FLAG_CF, false);
}

void bios_disk(vmxsim_pc *pc, struct vcpu *v) {
  const uint8_t function = bios_high(v, VMXSIM_RAX);
  if (!has_drive(pc, bios_low(v, VMXSIM_RDX))) {
    const bool is_transfer = function == 0x02 || function == 0x03;
    (is_transfer ? finish_transfer : finish)(pc, v, ERROR_COMMAND);
    return;
  }
  switch (function) {
  case 0x00:
  case 0x01:
  case 0x04:
  case 0x0c:
  case 0x0d:
  case 0x47: finish(pc, v, 0); break; /* reset, status, verify, seek */
  case 0x02: finish_transfer(pc, v, transfer_chs(pc, v, read_sectors)); break;
  case 0x03: finish_transfer(pc, v, transfer_chs(pc, v, write_sectors)); break;
  case 0x05: finish(pc, v, ERROR_PROTECTED); break; /* formatting */
  case 0x08: finish(pc, v, get_parameters(pc, v)); break;
  case 0x15: get_type(pc, v); break;
  case 0x41: finish(pc, v, check_extensions(v)); break;
  case 0x42: finish(pc, v, transfer_extended(pc, v, read_sectors)); break;
  case 0x43: finish(pc, v, transfer_extended(pc, v, write_sectors)); break;
  case 0x48: finish(pc, v, get_extended_parameters(pc, v)); break;
  default: finish(pc, v, ERROR_COMMAND); break;
  }
  if (function == 0x41 && bios_word(v, VMXSIM_RBX) == 0xaa55) bios_set_high(v, VMXSIM_RAX, 0x30); /* EDD 3.0 */
}
