/* The PC's parts, and what they share: interrupt lines, a clock, deferred actions. Private to libvmxsim/platform/.
 *
 * A device is a struct here, an init function that maps its ports, a reset function where it has state, in a file of
 * its name.
 */
#ifndef VMXSIM_LIBVMXSIM_PLATFORM_PLATFORM_H
#define VMXSIM_LIBVMXSIM_PLATFORM_PLATFORM_H

#include "libvmxsim/machine/machine_internal.h"
#include "cpu/apic/apic.h"
#include "vmxsim/platform.h"

enum {
  LINES = 24, /* interrupt lines: 0-15 are the PICs' as well */
  LINE_PIT = 0,
  LINE_SERIAL = 4,
  LINE_RTC = 8,
  LINE_SCI = 9,
  LINE_FPU = 13,
};

#define MIB ((uint64_t)1 << 20)
#define RAM_BELOW_4G ((uint64_t)3 << 30)
#define EBDA ((uint64_t)0x9fc00)
#define FACS_ADDRESS (EBDA + 0x40)
#define ROM_ADDRESS ((uint64_t)0xe0000)
enum { SECTOR = 512, FLOPPY_MAX = 2949120 };        /* of disks; a larger image is a hard disk's */
enum { ROM_SIZE = 0x20000, BIOS_OFFSET = 0x10000 }; /* F000:0 in the ROM */

struct pic {
  uint8_t irr, isr, imr, lines, elcr;
  uint8_t base, lowest; /* vector base; the input of lowest priority */
  uint8_t next_icw;     /* 2 to 4 while being initialized */
  bool needs_icw4, single, auto_eoi, rotate_on_auto_eoi, special_mask, read_isr, poll;
};

struct pit_channel {
  uint8_t mode, access; /* access: 1 low, 2 high, 3 both */
  bool bcd, gate, counting, write_high_next, read_high_next, latched, status_latched;
  uint8_t write_low, status;
  uint16_t latch;
  uint32_t reload; /* 1 to 65536 */
  uint64_t start;  /* tick of the PIT at which `reload` was loaded */
};

struct pit {
  struct pit_channel channel[3];
  uint64_t edge; /* tick of the next rise of channel 0 that the machine's timer waits for */
};

struct rtc {
  uint8_t index;
  uint8_t cmos[128];
  int64_t offset;          /* seconds of the clock at cycle 0 */
  uint64_t seconds, ticks; /* of uptime, and of the divider: what register C accounts for */
};

struct ioapic {
  uint8_t select;
  uint32_t id;
  uint64_t redirection[LINES];
  uint32_t lines;
};

struct serial {
  uint8_t ier, lcr, mcr, scratch, fcr;
  uint16_t divisor;
  bool transmit_empty_pending;
  bool status_read; /* since a byte was sent or the FIFO cleared */
  uint8_t fifo[16];
  unsigned fifo_first, fifo_count;
};

struct acpi {
  uint16_t pm1_status, pm1_enable, pm1_control;
  bool suspended;
};

struct fw_cfg {
  uint16_t key;
  unsigned position;
};

enum { KEYS = 16 };
struct keyboard {
  uint8_t command, output;
  bool output_full;
  uint16_t keys[KEYS]; /* for INT 16H: scan code and ASCII */
  unsigned key_first, key_count;
};

enum { CRTC_REGISTERS = 25 };
struct crtc {
  uint8_t index, reg[CRTC_REGISTERS];
};

struct test_device {
  uint32_t data;
  uint8_t *memory; /* TEST_MEMORY_SIZE */
};
enum { TEST_MEMORY_SIZE = 0x10000 };

struct system_ports {
  uint8_t port_92, port_cf9, port_61;
  unsigned shutdown_matched;
  uint32_t pci_address;
};

/* What cannot be done inside an instruction waits for the boundary after it. */
enum action { ACTION_NONE, ACTION_BOOT, ACTION_RESET, ACTION_INIT, ACTION_SUSPEND, ACTION_RESUME };

struct image {
  uint8_t *bytes;
  size_t size;
  uint64_t checksum;
};

/* Sectors that the guest has written, ascending (disk.c). */
struct disk_writes {
  struct written_sector {
    uint64_t number;
    uint8_t bytes[SECTOR];
  } * sector;
  size_t count, capacity;
};

struct vmxsim_pc {
  vmxsim_machine *machine;
  struct vmxsim_allocator allocator; /* the machine's, which goes before the PC */
  struct vmxsim_pc_options options;
  uint64_t low_memory_end, high_memory; /* end of RAM below 4 GiB; bytes above */
  uint8_t *rom;
  uint32_t level_device, level_test; /* interrupt lines by who drives them */
  bool in_timer;                     /* a timer's callback runs: no op does */
  enum action action;

  struct pic pic[2];
  struct pit pit;
  struct rtc rtc;
  struct ioapic ioapic;
  struct serial serial;
  struct acpi acpi;
  struct fw_cfg fw_cfg;
  struct keyboard keyboard;
  struct crtc crtc;
  struct test_device test;
  struct system_ports ports;

  bool exited, powered_off;
  uint32_t exit_value;

  /* The image: how it is booted, and with what. */
  vmxsim_status (*boot)(vmxsim_pc *pc);
  struct image image, module;
  struct disk_writes disk;
  char *command_line, *module_command_line;
  uint64_t flat_address;
  enum vmxsim_pc_mode flat_mode;
  char error[200];
};

/* --- platform.c --- */

vmxsim_status pc_fail(vmxsim_pc *pc, vmxsim_status status, const char *text);
void *pc_allocate(vmxsim_pc *pc, size_t size); /* zeroed; NULL: no memory */
void pc_release(vmxsim_pc *pc, void *pointer);
struct vcpu *pc_running(const vmxsim_pc *pc); /* the vCPU that executes the op whose callback this is */

/* The cycle: exact within a block, too, so that single-stepping sees the same. */
uint64_t pc_now(const vmxsim_pc *pc);
/* Clocks of `hz` from the machine's cycles: how many have gone by at a cycle; the first cycle at which `ticks` have. */
uint64_t pc_ticks(const vmxsim_pc *pc, uint64_t cycle, uint64_t hz);
uint64_t pc_cycle_of_tick(const vmxsim_pc *pc, uint64_t ticks, uint64_t hz);
/* A timer whose callback runs with in_timer set; cycle 0 removes it. */
void pc_set_timer(vmxsim_pc *pc, uint64_t cycle, vmxsim_timer *expired);
vmxsim_status pc_name_timer(vmxsim_pc *pc, const char *name, vmxsim_timer *expired); /* in snapshots */

void pc_set_line(vmxsim_pc *pc, unsigned line, bool level);
void pc_set_test_line(vmxsim_pc *pc, unsigned line, bool level);
bool pc_line(const vmxsim_pc *pc, unsigned line);

void pc_defer(vmxsim_pc *pc, enum action action);
void pc_stop(vmxsim_pc *pc);
vmxsim_status pc_map_ports(vmxsim_pc *pc, uint16_t first, uint16_t last, vmxsim_port_read *read,
                           vmxsim_port_write *write);

/* --- platform_state.c --- */
vmxsim_status pc_declare_state(vmxsim_pc *pc);

/* --- interrupt_bus.c --- */
unsigned bus_deliver(struct machine *machine, const struct apic_message *message); /* how many took it */

/* --- devices --- */
vmxsim_status pic_init(vmxsim_pc *pc);
void pic_reset(vmxsim_pc *pc);
void pic_set_line(vmxsim_pc *pc, unsigned line, bool level);
uint8_t pic_acknowledge(void *pc);
bool pic_is_masked(const vmxsim_pc *pc, unsigned line);

vmxsim_status pit_init(vmxsim_pc *pc);
void pit_reset(vmxsim_pc *pc);
void pit_arm(vmxsim_pc *pc); /* the timer of channel 0, if anybody listens: after changes of masks */

vmxsim_status rtc_init(vmxsim_pc *pc);
void rtc_reset(vmxsim_pc *pc);
uint8_t rtc_read(vmxsim_pc *pc, uint8_t index); /* as the guest reads it */
vmxsim_status ioapic_init(vmxsim_pc *pc);
void ioapic_reset(vmxsim_pc *pc);
void ioapic_set_line(vmxsim_pc *pc, unsigned line, bool level);
bool ioapic_is_masked(const vmxsim_pc *pc, unsigned line);
bool ioapic_only_interrupts(const vmxsim_pc *pc); /* and no NMI, SMI, INIT */

vmxsim_status serial_init(vmxsim_pc *pc);
void serial_reset(vmxsim_pc *pc);
vmxsim_status debug_console_init(vmxsim_pc *pc);
vmxsim_status crtc_init(vmxsim_pc *pc);
vmxsim_status exit_port_init(vmxsim_pc *pc);
vmxsim_status acpi_init(vmxsim_pc *pc);
void acpi_reset(vmxsim_pc *pc);
void acpi_rtc_alarm(vmxsim_pc *pc);
void acpi_suspend(vmxsim_pc *pc); /* at a boundary */
void acpi_resume(vmxsim_pc *pc);
void acpi_write_tables(vmxsim_pc *pc); /* acpi_tables.c */
void mp_write_table(vmxsim_pc *pc);    /* mp_table.c */
vmxsim_status pci_init(vmxsim_pc *pc);
vmxsim_status fw_cfg_init(vmxsim_pc *pc);
vmxsim_status test_device_init(vmxsim_pc *pc);
vmxsim_status keyboard_init(vmxsim_pc *pc);
void keyboard_reset(vmxsim_pc *pc);
bool keyboard_store(vmxsim_pc *pc, uint16_t key); /* for INT 16H; false: there is no room */
vmxsim_status system_ports_init(vmxsim_pc *pc);
void system_ports_reset(vmxsim_pc *pc);
bool system_a20(const vmxsim_pc *pc);
void system_set_a20(vmxsim_pc *pc, bool on); /* whoever switches it last is right */

/* --- bios.c --- */
vmxsim_status bios_init(vmxsim_pc *pc);
void bios_write_rom(vmxsim_pc *pc); /* bios_rom.c */
/* Leaves the devices and low memory as a BIOS does before it gives control to what it boots. */
void bios_set_up(vmxsim_pc *pc);
/* From the reset vector: by CMOS 0FH to 40:67, or the image. */
vmxsim_status bios_boot(vmxsim_pc *pc);
struct bios_range {
  uint64_t address, size;
  uint32_t type; /* 1 RAM, 2 reserved, 4 ACPI NVS */
};
enum { BIOS_RANGES = 6 };
unsigned bios_memory_map(const vmxsim_pc *pc, struct bios_range ranges[BIOS_RANGES]);

/* --- loaders --- */
/* Where vCPU 0 starts. */
void start_real_mode(vmxsim_pc *pc, uint16_t segment, uint16_t offset, uint16_t stack);
void start_protected_mode(vmxsim_pc *pc, uint32_t entry, struct vmxsim_state *state); /* start.c */
void start_64_bit_mode(vmxsim_pc *pc, uint64_t entry, uint64_t argument);
/* loader_elf.c: puts the segments where they belong. */
vmxsim_status elf_load(vmxsim_pc *pc, const struct image *image, uint64_t *entry, uint64_t *end, bool *is_64);
bool elf_is(const struct image *image);
/* image.c */
vmxsim_status image_keep(vmxsim_pc *pc, const void *image, size_t size, const struct vmxsim_pc_boot *boot);
/* Into RAM; false: does not fit. */
bool ram_write(vmxsim_pc *pc, uint64_t address, const void *bytes, size_t size);
bool ram_clear(vmxsim_pc *pc, uint64_t address, uint64_t size);
bool ram_has(const vmxsim_pc *pc, uint64_t address, uint64_t size);

/* Little-endian fields in bytes. */
static inline uint16_t get_16(const uint8_t *b) {
  return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t get_32(const uint8_t *b) {
  return get_16(b) | (uint32_t)get_16(b + 2) << 16;
}
static inline uint64_t get_64(const uint8_t *b) {
  return get_32(b) | (uint64_t)get_32(b + 4) << 32;
}
static inline void put_16(uint8_t *b, uint16_t value) {
  b[0] = (uint8_t)value;
  b[1] = (uint8_t)(value >> 8);
}
static inline void put_32(uint8_t *b, uint32_t value) {
  put_16(b, (uint16_t)value);
  put_16(b + 2, (uint16_t)(value >> 16));
}
static inline void put_64(uint8_t *b, uint64_t value) {
  put_32(b, (uint32_t)value);
  put_32(b + 4, (uint32_t)(value >> 32));
}

#endif
