/* The PC as a whole: making it, its memory map, its interrupt lines, its clock, and what waits for an instruction's
 * end.
 *
 * Each device has a file of its own; images are the loaders' business, and what firmware does is bios.c's.
 */
#include "libvmxsim/platform/platform.h"

#include <string.h>

#include "cpu/allocate.h"
#include "cpu/events/events.h"
#include "libvmxsim/platform/disk.h"

/* --- services --- */

vmxsim_status pc_fail(vmxsim_pc *pc, vmxsim_status status, const char *text) {
  strncpy(pc->error, text, sizeof pc->error - 1);
  return status;
}

const char *vmxsim_pc_error(const vmxsim_pc *pc) {
  return pc->error;
}

void *pc_allocate(vmxsim_pc *pc, size_t size) {
  return memory_allocate(&pc->allocator, size ? size : 1);
}

void pc_release(vmxsim_pc *pc, void *pointer) {
  memory_release(&pc->allocator, pointer);
}

struct vcpu *pc_running(const vmxsim_pc *pc) {
  const struct machine *machine = &pc->machine->machine;
  return &machine->vcpu[machine->running]->cpu;
}

vmxsim_status pc_map_ports(vmxsim_pc *pc, uint16_t first, uint16_t last, vmxsim_port_read *read,
                           vmxsim_port_write *write) {
  return vmxsim_machine_map_ports(pc->machine, first, last, read, write, pc);
}

/* --- the clock --- */

uint64_t pc_now(const vmxsim_pc *pc) {
  return pc->in_timer ? pc_running(pc)->cycles : timing_now(pc_running(pc));
}

/* value * by / from without overflow, as long as `from` and `by` have 32 bits. */
static uint64_t scale(uint64_t value, uint64_t by, uint64_t from) {
  return value / from * by + value % from * by / from;
}

uint64_t pc_ticks(const vmxsim_pc *pc, uint64_t cycle, uint64_t hz) {
  return scale(cycle, hz, pc->machine->machine.tsc_hz);
}

uint64_t pc_cycle_of_tick(const vmxsim_pc *pc, uint64_t ticks, uint64_t hz) {
  const uint64_t cycle = scale(ticks, pc->machine->machine.tsc_hz, hz);
  return pc_ticks(pc, cycle, hz) < ticks ? cycle + 1 : cycle;
}

void pc_set_timer(vmxsim_pc *pc, uint64_t cycle, vmxsim_timer *expired) {
  vmxsim_machine_set_timer(pc->machine, cycle, expired, pc);
}

vmxsim_status pc_name_timer(vmxsim_pc *pc, const char *name, vmxsim_timer *expired) {
  return vmxsim_machine_name_timer(pc->machine, name, expired, pc);
}

/* --- interrupt lines --- */

bool pc_line(const vmxsim_pc *pc, unsigned line) {
  return (pc->level_device | pc->level_test) >> line & 1;
}

/* IRQ 0 is on pin 2 of the I/O APIC, as on every PC; the MADT says so. */
static void line_changed(vmxsim_pc *pc, unsigned line) {
  const bool level = pc_line(pc, line);
  if (line < 16) pic_set_line(pc, line, level);
  ioapic_set_line(pc, line == LINE_PIT ? 2 : line, level);
}

static void drive(vmxsim_pc *pc, uint32_t *levels, unsigned line, bool level) {
  const uint32_t bit = UINT32_C(1) << line;
  const bool before = pc_line(pc, line);
  *levels = level ? *levels | bit : *levels & ~bit;
  if (pc_line(pc, line) != before) line_changed(pc, line);
}

void pc_set_line(vmxsim_pc *pc, unsigned line, bool level) {
  drive(pc, &pc->level_device, line, level);
}

void pc_set_test_line(vmxsim_pc *pc, unsigned line, bool level) {
  drive(pc, &pc->level_test, line, level);
}

/* --- what waits for the end of an instruction --- */

void pc_stop(vmxsim_pc *pc) {
  pc_running(pc)->attention |= ATTENTION_STOP;
  vmxsim_machine_stop(pc->machine);
}

static void reset_devices(vmxsim_pc *pc) {
  pc->level_device = 0;
  pic_reset(pc);
  pit_reset(pc);
  ioapic_reset(pc);
  serial_reset(pc);
  rtc_reset(pc);
  acpi_reset(pc);
  keyboard_reset(pc);
  system_ports_reset(pc);
}

static void reset_vcpus(vmxsim_pc *pc) {
  struct machine *machine = &pc->machine->machine;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    vcpu_reset(&machine->vcpu[i]->cpu, pc_now(pc));
    machine->vcpu[i]->cpu.attention |= ATTENTION_MODE | ATTENTION_BOUNDARY;
  }
}

static void init_vcpus(vmxsim_pc *pc) {
  struct machine *machine = &pc->machine->machine;
  for (unsigned i = 0; i < machine->vcpus; i++) events_signal_init(&machine->vcpu[i]->cpu);
  system_set_a20(pc, true); /* else the reset vector would not be where it is */
}

static void act(void *context) {
  vmxsim_pc *pc = context;
  const enum action action = pc->action;
  pc->action = ACTION_NONE;
  pc->in_timer = true;
  switch (action) {
  case ACTION_BOOT: bios_boot(pc); break;
  case ACTION_RESET:
    reset_devices(pc);
    reset_vcpus(pc);
    break;
  case ACTION_INIT: init_vcpus(pc); break;
  case ACTION_SUSPEND: acpi_suspend(pc); break;
  case ACTION_RESUME:
    reset_devices(pc);
    reset_vcpus(pc);
    acpi_resume(pc);
    break;
  case ACTION_NONE: break;
  }
  pc->in_timer = false;
}

/* The run loop looks at timers before the next instruction, once something makes the block end here. The cycle is one
 * that has gone by, the same however the block was run. */
void pc_defer(vmxsim_pc *pc, enum action action) {
  struct vcpu *v = pc_running(pc);
  pc->action = action;
  pc_set_timer(pc, 1, act);
  vcpu_attend(v, ATTENTION_BOUNDARY);
}

/* --- making it --- */

static vmxsim_status map_ram(vmxsim_pc *pc, uint64_t address, uint64_t size, uint64_t offset) {
  uint8_t *ram = pc->options.ram;
  if (!size) return VMXSIM_OK;
  return vmxsim_machine_map(pc->machine, address, size, VMXSIM_RAM, ram ? ram + offset : NULL);
}

static vmxsim_status map_memory(vmxsim_pc *pc) {
  enum { VIDEO = 0xa0000, VIDEO_SIZE = 0x20000 };
  const uint64_t four_gib = UINT64_C(1) << 32;
  pc->low_memory_end = pc->options.memory < RAM_BELOW_4G ? pc->options.memory : RAM_BELOW_4G;
  pc->high_memory = pc->options.memory - pc->low_memory_end;
  vmxsim_status status = map_ram(pc, 0, VIDEO, 0);
  if (!status) status = vmxsim_machine_map(pc->machine, VIDEO, VIDEO_SIZE, VMXSIM_RAM, NULL);
  if (!status) status = map_ram(pc, MIB, pc->low_memory_end - MIB, MIB);
  if (!status) status = map_ram(pc, four_gib, pc->high_memory, pc->low_memory_end);
  if (!status) status = vmxsim_machine_map(pc->machine, ROM_ADDRESS, ROM_SIZE, VMXSIM_ROM, pc->rom);
  if (!status) status = vmxsim_machine_map(pc->machine, four_gib - ROM_SIZE, ROM_SIZE, VMXSIM_ROM, pc->rom);
  return status;
}

typedef vmxsim_status device_init(vmxsim_pc *pc);

static vmxsim_status add_devices(vmxsim_pc *pc) {
  static device_init *const inits[] = {
      pic_init,          pit_init,  rtc_init,  ioapic_init, serial_init,      debug_console_init,
      exit_port_init,    acpi_init, pci_init,  fw_cfg_init, test_device_init, keyboard_init,
      system_ports_init, bios_init, disk_init, crtc_init,
  };
  vmxsim_status status = VMXSIM_OK;
  for (size_t i = 0; i < sizeof inits / sizeof *inits && !status; i++) status = inits[i](pc);
  return status;
}

static bool are_good(const struct vmxsim_pc_options *options) {
  if (options->size != sizeof *options) return false;
  return !options->memory || (options->memory % MIB == 0 && options->memory >= 2 * MIB);
}

/* Every port is behind the LPC bus: 13 clocks of 33 MHz a byte (Intel, "Low Pin Count (LPC) Interface Specification",
 * "I/O Read and Write Cycles"), without wait states. */
static unsigned lpc_cycles(const struct machine *machine) {
  enum { LPC_CLOCKS = 13, LPC_HZ = 33333333 };
  return (unsigned)(machine->tsc_hz * LPC_CLOCKS / LPC_HZ);
}

/* What the devices' timers do: interrupt lines, and what is deferred. */
static bool only_interrupt(const void *context) {
  const vmxsim_pc *pc = context;
  const struct machine *machine = &pc->machine->machine;
  for (unsigned i = 0; i < machine->vcpus; i++)
    if (!apic_lint0_only_interrupts(machine->vcpu[i]->cpu.apic)) return false;
  return pc->action == ACTION_NONE && !pc->acpi.suspended && ioapic_only_interrupts(pc);
}

static vmxsim_status build(vmxsim_pc *pc) {
  pc->rom = pc_allocate(pc, ROM_SIZE);
  if (!pc->rom) return VMXSIM_ERROR_MEMORY;
  pc->machine->machine.port_byte_cycles = lpc_cycles(&pc->machine->machine);
  pc->machine->machine.only_interrupt = only_interrupt;
  pc->machine->machine.only_interrupt_context = pc;
  vmxsim_status status = map_memory(pc);
  if (!status) status = add_devices(pc);
  if (!status) status = pc_name_timer(pc, "pc.deferred", act);
  if (!status) status = pc_declare_state(pc);
  if (status) return status;
  bios_write_rom(pc);
  acpi_write_tables(pc);
  mp_write_table(pc);
  pc->in_timer = true;
  reset_devices(pc);
  pc->in_timer = false;
  return VMXSIM_OK;
}

vmxsim_status vmxsim_pc_create(vmxsim_machine *machine, const struct vmxsim_pc_options *options, vmxsim_pc **result) {
  static const struct vmxsim_pc_options standard = {.size = sizeof standard};
  *result = NULL;
  if (!options) options = &standard;
  if (!are_good(options)) return VMXSIM_ERROR_ARGUMENT;
  if (machine_is_busy(&machine->machine)) return VMXSIM_ERROR_BUSY;
  vmxsim_pc *pc = memory_allocate(&machine->machine.allocator, sizeof *pc);
  if (!pc) return VMXSIM_ERROR_MEMORY;
  pc->machine = machine;
  pc->allocator = machine->machine.allocator;
  pc->options = *options;
  if (!pc->options.memory) pc->options.memory = 128 * MIB;
  *result = pc; /* on failure, too: what is mapped already refers to it */
  return build(pc);
}

void vmxsim_pc_destroy(vmxsim_pc *pc) {
  if (!pc) return;
  pc_release(pc, pc->rom);
  pc_release(pc, pc->test.memory);
  disk_forget_writes(pc);
  pc_release(pc, pc->image.bytes);
  pc_release(pc, pc->module.bytes);
  pc_release(pc, pc->command_line);
  pc_release(pc, pc->module_command_line);
  pc_release(pc, pc);
}

bool vmxsim_pc_exited(const vmxsim_pc *pc, uint32_t *value) {
  *value = pc->exit_value;
  return pc->exited;
}

bool vmxsim_pc_powered_off(const vmxsim_pc *pc) {
  return pc->powered_off;
}
