/* ACPI hardware: PM1a event and control blocks, the PM timer, sleep and wake. ACPI specification, "ACPI Hardware
 * Specification".
 *
 * Sleep type 1 is S3: the processors stop, memory stays, the RTC's alarm wakes, and the firmware's waking vector of the
 * FACS is entered in real mode. Sleep type 0 (S5) switches off. SCI_EN is always 1.
 */
#include "libvmxsim/platform/platform.h"

#include "cpu/events/events.h"

enum { PM1_STATUS = 0x600, PM1_ENABLE = 0x602, PM1_CONTROL = 0x604, PM_TIMER = 0x608, PM_LAST = 0x60b };
enum { PM_HZ = 3579545, RTC_BIT = 1 << 10, WAKE_BIT = 1 << 15, SLEEP_ENABLE = 1 << 13, SCI_ENABLE = 1 };
enum { SLEEP_S5 = 0, SLEEP_S3 = 1 };

static void update_sci(vmxsim_pc *pc) {
  pc_set_line(pc, LINE_SCI, pc->acpi.pm1_status & pc->acpi.pm1_enable & 0x7fff);
}

void acpi_rtc_alarm(vmxsim_pc *pc) {
  pc->acpi.pm1_status |= RTC_BIT;
  if (pc->acpi.suspended && (pc->acpi.pm1_enable & RTC_BIT)) {
    pc_defer(pc, ACTION_RESUME);
  } else if (!pc->acpi.suspended) {
    update_sci(pc);
  }
}

/* Nothing executes until the processors are reset: shutdown is the state that does that. */
void acpi_suspend(vmxsim_pc *pc) {
  struct machine *machine = &pc->machine->machine;
  pc->acpi.suspended = machine->asleep = true;
  for (unsigned i = 0; i < machine->vcpus; i++) machine->vcpu[i]->cpu.s.activity = VMXSIM_SHUTDOWN;
}

void acpi_resume(vmxsim_pc *pc) {
  enum { WAKING_VECTOR = 12 };
  uint8_t vector[4];
  vmxsim_machine_read(pc->machine, FACS_ADDRESS + WAKING_VECTOR, vector, sizeof vector);
  const uint32_t address = get_32(vector);
  pc->machine->machine.asleep = false;
  bios_set_up(pc);
  pc->acpi.pm1_status |= WAKE_BIT | RTC_BIT;
  start_real_mode(pc, (uint16_t)(address >> 4), address & 15, 0);
}

static void write_control(vmxsim_pc *pc, uint16_t value) {
  const unsigned type = value >> 10 & 7;
  pc->acpi.pm1_control = value & 0x1c06; /* SLP_EN reads as 0 */
  if (!(value & SLEEP_ENABLE)) return;
  if (type == SLEEP_S3) {
    pc_defer(pc, ACTION_SUSPEND);
  } else if (type == SLEEP_S5) {
    pc->powered_off = true;
    pc_stop(pc);
  }
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  const uint16_t word = (uint16_t)value;
  if (port == PM1_STATUS) pc->acpi.pm1_status &= (uint16_t)~word;
  if (port == PM1_STATUS && size == 4) pc->acpi.pm1_enable = (uint16_t)(value >> 16);
  if (port == PM1_ENABLE) pc->acpi.pm1_enable = word;
  update_sci(pc);
  if (port == PM1_CONTROL) write_control(pc, word);
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  const vmxsim_pc *pc = context;
  switch (port) {
  case PM1_STATUS: return pc->acpi.pm1_status | (uint32_t)pc->acpi.pm1_enable << 16;
  case PM1_ENABLE: return pc->acpi.pm1_enable;
  case PM1_CONTROL: return pc->acpi.pm1_control | SCI_ENABLE;
  case PM_TIMER: return (uint32_t)pc_ticks(pc, pc_now(pc), PM_HZ);
  default: return 0;
  }
}

void acpi_reset(vmxsim_pc *pc) {
  pc->acpi = (struct acpi){.pm1_status = 0};
}

vmxsim_status acpi_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, PM1_STATUS, PM_LAST, port_read, port_write);
}
