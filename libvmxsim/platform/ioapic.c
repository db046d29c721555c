/* The I/O APIC at FEC00000H: 24 pins, version 20H (with an EOI register). Intel 82093AA data sheet; the register map of
 * later ones. */
#include "libvmxsim/platform/platform.h"

enum {
  VERSION = 0x20 | (LINES - 1) << 16,
  REGISTER_ID = 0,
  REGISTER_VERSION = 1,
  REGISTER_ARBITRATION = 2,
  FIRST_REDIRECTION = 0x10
};
#define IOAPIC_BASE ((uint64_t)0xfec00000)
#define ENTRY_MASKED ((uint64_t)1 << 16)
#define ENTRY_LEVEL ((uint64_t)1 << 15)
#define ENTRY_REMOTE_IRR ((uint64_t)1 << 14)
#define ENTRY_STATUS ((uint64_t)1 << 12)
#define ENTRY_LOGICAL ((uint64_t)1 << 11)
#define ENTRY_WRITABLE ((uint64_t)0xff0000000001afff)

static void send(vmxsim_pc *pc, unsigned pin) {
  uint64_t *entry = &pc->ioapic.redirection[pin];
  const uint32_t destination = (uint32_t)(*entry >> 56);
  const struct apic_message message = {
      .destination = destination == 0xff ? UINT32_MAX : destination,
      .logical = *entry & ENTRY_LOGICAL,
      .vector = (uint8_t)*entry,
      .delivery = *entry >> 8 & 7,
      .trigger_level = (*entry & ENTRY_LEVEL) != 0,
  };
  const unsigned taken = bus_deliver(&pc->machine->machine, &message);
  if (taken && (*entry & ENTRY_LEVEL)) *entry |= ENTRY_REMOTE_IRR;
}

/* A level asks as long as it is high and not being served. */
static void check_level(vmxsim_pc *pc, unsigned pin) {
  const uint64_t entry = pc->ioapic.redirection[pin];
  const bool high = pc->ioapic.lines >> pin & 1;
  if (high && (entry & ENTRY_LEVEL) && !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR))) send(pc, pin);
}

void ioapic_set_line(vmxsim_pc *pc, unsigned line, bool level) {
  const uint32_t bit = UINT32_C(1) << line;
  const bool rises = level && !(pc->ioapic.lines & bit);
  pc->ioapic.lines = level ? pc->ioapic.lines | bit : pc->ioapic.lines & ~bit;
  const uint64_t entry = pc->ioapic.redirection[line];
  if (entry & ENTRY_LEVEL) {
    check_level(pc, line);
  } else if (rises && !(entry & ENTRY_MASKED)) {
    send(pc, line); /* an edge while masked is lost */
  }
}

bool ioapic_is_masked(const vmxsim_pc *pc, unsigned line) {
  return pc->ioapic.redirection[line] & ENTRY_MASKED;
}

bool ioapic_only_interrupts(const vmxsim_pc *pc) {
  for (unsigned pin = 0; pin < LINES; pin++) {
    const uint64_t entry = pc->ioapic.redirection[pin], delivery = entry >> 8 & 7;
    if (!(entry & ENTRY_MASKED) && delivery != APIC_FIXED && delivery != APIC_LOWEST && delivery != APIC_EXTINT)
      return false;
  }
  return true;
}

static void end_of_interrupt(void *context, uint8_t vector) {
  vmxsim_pc *pc = context;
  for (unsigned pin = 0; pin < LINES; pin++) {
    uint64_t *entry = &pc->ioapic.redirection[pin];
    if ((uint8_t)*entry != vector || !(*entry & ENTRY_REMOTE_IRR)) continue;
    *entry &= ~ENTRY_REMOTE_IRR;
    check_level(pc, pin);
  }
}

/* An entry made edge-triggered is not being served any more. */
static void write_redirection(vmxsim_pc *pc, unsigned index, uint32_t value) {
  const unsigned pin = index / 2;
  uint64_t *entry = &pc->ioapic.redirection[pin];
  const unsigned shift = index & 1 ? 32 : 0;
  const uint64_t mask = ENTRY_WRITABLE & ((uint64_t)UINT32_MAX << shift);
  *entry = (*entry & ~mask) | ((uint64_t)value << shift & mask);
  if (!(*entry & ENTRY_LEVEL)) *entry &= ~ENTRY_REMOTE_IRR;
  check_level(pc, pin);
  pit_arm(pc);
}

static uint32_t read_register(const vmxsim_pc *pc) {
  const struct ioapic *ioapic = &pc->ioapic;
  const unsigned reg = ioapic->select;
  if (reg == REGISTER_ID || reg == REGISTER_ARBITRATION) return ioapic->id;
  if (reg == REGISTER_VERSION) return VERSION;
  if (reg < FIRST_REDIRECTION || reg >= FIRST_REDIRECTION + 2 * LINES) return 0;
  const uint64_t entry = ioapic->redirection[(reg - FIRST_REDIRECTION) / 2];
  return (uint32_t)(reg & 1 ? entry >> 32 : entry);
}

static void write_register(vmxsim_pc *pc, uint32_t value) {
  const unsigned reg = pc->ioapic.select;
  if (reg == REGISTER_ID) {
    pc->ioapic.id = value & 0x0f000000;
  } else if (reg >= FIRST_REDIRECTION && reg < FIRST_REDIRECTION + 2 * LINES) {
    write_redirection(pc, reg - FIRST_REDIRECTION, value);
  }
}

enum { PAGE_OFFSET = 0xfff, IOREGSEL = 0x00, IOWIN = 0x10, EOI_REGISTER = 0x40 };

static uint64_t mmio_read_register(void *context, uint64_t address, unsigned size) {
  (void)size;
  const vmxsim_pc *pc = context;
  switch (address & PAGE_OFFSET) {
  case IOREGSEL: return pc->ioapic.select;
  case IOWIN: return read_register(pc);
  default: return 0;
  }
}

static void mmio_write_register(void *context, uint64_t address, unsigned size, uint64_t value) {
  (void)size;
  vmxsim_pc *pc = context;
  switch (address & PAGE_OFFSET) {
  case IOREGSEL: pc->ioapic.select = (uint8_t)value; break;
  case IOWIN: write_register(pc, (uint32_t)value); break;
  case EOI_REGISTER: end_of_interrupt(pc, (uint8_t)value); break;
  default: break;
  }
}

void ioapic_reset(vmxsim_pc *pc) {
  const uint32_t lines = pc->ioapic.lines;
  pc->ioapic = (struct ioapic){.lines = lines};
  for (unsigned i = 0; i < LINES; i++) pc->ioapic.redirection[i] = ENTRY_MASKED;
}

vmxsim_status ioapic_init(vmxsim_pc *pc) {
  struct machine *machine = &pc->machine->machine;
  for (unsigned i = 0; i < machine->vcpus; i++) apic_on_eoi(machine->vcpu[i]->cpu.apic, end_of_interrupt, pc);
  return vmxsim_machine_map_mmio(pc->machine, IOAPIC_BASE, 0x1000, mmio_read_register, mmio_write_register, pc);
}
