/* The two 8259A interrupt controllers, the slave on the master's input 2. Intel 8259A data sheet.
 *
 * The pair's output is the INTR line of vCPU 0, and LINT0 of every local APIC.
 */
#include "libvmxsim/platform/platform.h"

enum { MASTER, SLAVE, CASCADE = 2, SPURIOUS = 7 };

static bool is_level(const struct pic *pic, unsigned input) {
  return pic->elcr >> input & 1;
}

/* The input of highest priority in a set: the one after `lowest` is the first. 8 if the set is empty. */
static unsigned first_of(const struct pic *pic, uint8_t set) {
  for (unsigned i = 1; i <= 8; i++) {
    const unsigned input = (pic->lowest + i) & 7;
    if (set >> input & 1) return input;
  }
  return 8;
}

/* How far an input is from the highest priority; 8 for none. */
static unsigned rank(const struct pic *pic, unsigned input) {
  return input == 8 ? 8 : (input - pic->lowest - 1) & 7;
}

/* The input that asks and that nothing in service stands before, 8 if there is none. */
static unsigned pending(const struct pic *pic) {
  const unsigned asking = first_of(pic, pic->irr & (uint8_t)~pic->imr);
  uint8_t in_service = pic->isr;
  if (pic->special_mask) in_service &= (uint8_t)~pic->imr;
  return rank(pic, asking) < rank(pic, first_of(pic, in_service)) ? asking : 8;
}

static void set_input(struct pic *pic, unsigned input, bool level) {
  const uint8_t bit = (uint8_t)(1 << input);
  const bool rises = level && !(pic->lines & bit);
  pic->lines = level ? pic->lines | bit : pic->lines & (uint8_t)~bit;
  if (rises || (level && is_level(pic, input))) pic->irr |= bit;
  /* An edge stays latched when its line falls again, as in the chipsets' 8259s that software is written for; the chip
   * of 1976 would forget it. */
  if (!level && is_level(pic, input)) pic->irr &= (uint8_t)~bit;
}

static void drive_processors(vmxsim_pc *pc, bool level) {
  struct machine *machine = &pc->machine->machine;
  vmxsim_vcpu_raise_line(machine->vcpu[0], level);
  for (unsigned i = 0; i < machine->vcpus; i++) apic_set_lint(machine->vcpu[i]->cpu.apic, 0, level);
}

static void update(vmxsim_pc *pc) {
  set_input(&pc->pic[MASTER], CASCADE, pending(&pc->pic[SLAVE]) != 8);
  drive_processors(pc, pending(&pc->pic[MASTER]) != 8);
}

void pic_set_line(vmxsim_pc *pc, unsigned line, bool level) {
  set_input(&pc->pic[line / 8], line & 7, level);
  update(pc);
}

bool pic_is_masked(const vmxsim_pc *pc, unsigned line) {
  return pc->pic[line / 8].imr >> (line & 7) & 1;
}

/* Acknowledging one controller: its input goes in service. A request that has gone is the spurious one, on input 7. */
static unsigned acknowledge(struct pic *pic) {
  const unsigned input = pending(pic);
  if (input == 8) return SPURIOUS;
  const uint8_t bit = (uint8_t)(1 << input);
  if (!is_level(pic, input)) pic->irr &= (uint8_t)~bit;
  if (!pic->auto_eoi) {
    pic->isr |= bit;
  } else if (pic->rotate_on_auto_eoi) {
    pic->lowest = (uint8_t)input;
  }
  return input;
}

uint8_t pic_acknowledge(void *context) {
  vmxsim_pc *pc = context;
  struct pic *master = &pc->pic[MASTER], *slave = &pc->pic[SLAVE];
  const bool real = pending(master) != 8;
  const unsigned input = acknowledge(master);
  uint8_t vector = (uint8_t)(master->base + input);
  if (real && input == CASCADE) vector = (uint8_t)(slave->base + acknowledge(slave));
  update(pc);
  return vector;
}

/* --- ports --- */

static void end_of_interrupt(struct pic *pic, uint8_t command) {
  enum { SPECIFIC = 0x40, ROTATE = 0x80 };
  const unsigned input = command & SPECIFIC ? command & 7u : first_of(pic, pic->isr);
  if (input == 8) return;
  pic->isr &= (uint8_t) ~(1 << input);
  if (command & ROTATE) pic->lowest = (uint8_t)input;
}

static void write_ocw2(struct pic *pic, uint8_t value) {
  switch (value >> 5) {
  case 0: pic->rotate_on_auto_eoi = false; break;
  case 4: pic->rotate_on_auto_eoi = true; break;
  case 6: pic->lowest = value & 7; break;
  case 2: break;
  default: end_of_interrupt(pic, value); break;
  }
}

static void write_ocw3(struct pic *pic, uint8_t value) {
  pic->poll = value & 4;
  if (value & 2) pic->read_isr = value & 1;
  if (value & 0x40) pic->special_mask = value & 0x20;
}

static void write_icw1(struct pic *pic, uint8_t value) {
  const uint8_t lines = pic->lines, elcr = pic->elcr;
  *pic = (struct pic){.lines = lines, .elcr = elcr, .lowest = 7, .next_icw = 2};
  pic->needs_icw4 = value & 1;
  pic->single = value & 2;
  pic->irr = lines & elcr;
}

static void write_icw(struct pic *pic, uint8_t value) {
  switch (pic->next_icw) {
  case 2:
    pic->base = value & 0xf8;
    pic->next_icw = pic->single ? 4 : 3;
    break;
  case 3: pic->next_icw = 4; break;
  default:
    pic->auto_eoi = value & 2;
    pic->next_icw = 0;
    break;
  }
  if (pic->next_icw == 4 && !pic->needs_icw4) pic->next_icw = 0;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  vmxsim_pc *pc = context;
  struct pic *pic = &pc->pic[port >= 0xa0 ? SLAVE : MASTER];
  const uint8_t byte = (uint8_t)value;
  if (port & 1) {
    if (pic->next_icw) {
      write_icw(pic, byte);
    } else {
      pic->imr = byte;
    }
  } else if (byte & 0x10) {
    write_icw1(pic, byte);
  } else if (byte & 8) {
    write_ocw3(pic, byte);
  } else {
    write_ocw2(pic, byte);
  }
  update(pc);
  pit_arm(pc);
}

static uint32_t poll(vmxsim_pc *pc, struct pic *pic) {
  pic->poll = false;
  const bool asks = pending(pic) != 8;
  const unsigned input = asks ? acknowledge(pic) : 0;
  update(pc);
  return (asks ? 0x80u : 0) | input;
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  vmxsim_pc *pc = context;
  struct pic *pic = &pc->pic[port >= 0xa0 ? SLAVE : MASTER];
  if (pic->poll) return poll(pc, pic);
  if (port & 1) return pic->imr;
  return pic->read_isr ? pic->isr : pic->irr;
}

/* Edge or level, at 4D0H and 4D1H; the timer, the keyboard, the cascade, the RTC and the FPU are edges always. */
static uint32_t elcr_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  return ((vmxsim_pc *)context)->pic[port & 1].elcr;
}

static void elcr_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  ((vmxsim_pc *)context)->pic[port & 1].elcr = (uint8_t)(value & (port & 1 ? 0xde : 0xf8));
}

void pic_reset(vmxsim_pc *pc) {
  for (unsigned i = 0; i < 2; i++) pc->pic[i] = (struct pic){.imr = 0xff, .lowest = 7};
  update(pc);
}

vmxsim_status pic_init(vmxsim_pc *pc) {
  struct machine *machine = &pc->machine->machine;
  vmxsim_machine_set_acknowledge(pc->machine, pic_acknowledge, pc);
  for (unsigned i = 0; i < machine->vcpus; i++) {
    machine->vcpu[i]->cpu.interrupt_acknowledge = pic_acknowledge;
    machine->vcpu[i]->cpu.interrupt_acknowledge_context = pc;
  }
  vmxsim_status status = pc_map_ports(pc, 0x20, 0x21, port_read, port_write);
  if (!status) status = pc_map_ports(pc, 0xa0, 0xa1, port_read, port_write);
  if (!status) status = pc_map_ports(pc, 0x4d0, 0x4d1, elcr_read, elcr_write);
  return status;
}
