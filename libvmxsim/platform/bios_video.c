/* INT 10H: the screen, as a stream of bytes, and the cursor in the BIOS data area. */
#include "libvmxsim/platform/bios_services.h"

enum { CURSORS = 0x450, PAGES = 8 };

static void put_character(vmxsim_pc *pc, uint8_t byte) {
  if (pc->options.screen) pc->options.screen(pc->options.output_context, byte);
}

/* The cursor of a page, row and column, as the BIOS data area has it. */
static uint64_t cursor_place(uint8_t page) {
  return CURSORS + 2u * (page % PAGES);
}

static uint16_t read_cursor(vmxsim_pc *pc, uint8_t page) {
  uint8_t bytes[2];
  vmxsim_machine_read(pc->machine, cursor_place(page), bytes, sizeof bytes);
  return get_16(bytes);
}

static void write_cursor(vmxsim_pc *pc, uint8_t page, uint16_t cursor) {
  uint8_t bytes[2];
  put_16(bytes, cursor);
  vmxsim_machine_write(pc->machine, cursor_place(page), bytes, sizeof bytes);
}

/* Where the cursor is after a character; in the last row the screen scrolls. */
static uint16_t advance(uint16_t cursor, uint8_t byte) {
  unsigned row = cursor >> 8, column = cursor & 0xff;
  switch (byte) {
  case '\a': break;
  case '\b': column -= column != 0; break;
  case '\r': column = 0; break;
  case '\n': row++; break;
  default: column++; break;
  }
  if (column >= BIOS_COLUMNS) column = 0, row++;
  if (row >= BIOS_ROWS) row = BIOS_ROWS - 1;
  return (uint16_t)(row << 8 | column);
}

static void teletype(vmxsim_pc *pc, uint8_t page, uint8_t byte) {
  put_character(pc, byte);
  write_cursor(pc, page, advance(read_cursor(pc, page), byte));
}

/* From row DH, column DL on; bit 0 of AL leaves the cursor at the end. */
static void write_string(vmxsim_pc *pc, struct vcpu *v) {
  const uint8_t page = bios_high(v, VMXSIM_RBX);
  const uint16_t before = read_cursor(pc, page);
  const uint64_t string = bios_address(v, VMXSIM_ES, bios_word(v, VMXSIM_RBP));
  const unsigned stride = bios_low(v, VMXSIM_RAX) & 2 ? 2 : 1; /* with attributes between */
  const unsigned count = bios_word(v, VMXSIM_RCX);
  write_cursor(pc, page, bios_word(v, VMXSIM_RDX));
  for (unsigned i = 0; i < count; i++) {
    uint8_t byte;
    vmxsim_machine_read(pc->machine, string + (uint64_t)i * stride, &byte, 1);
    teletype(pc, page, byte);
  }
  if (!(bios_low(v, VMXSIM_RAX) & 1)) write_cursor(pc, page, before);
}

void bios_video(vmxsim_pc *pc, struct vcpu *v) {
  const uint8_t page = bios_high(v, VMXSIM_RBX);
  switch (bios_high(v, VMXSIM_RAX)) {
  case 0x00: /* a mode; a new screen */
    for (uint8_t i = 0; i < PAGES; i++) write_cursor(pc, i, 0);
    break;
  case 0x02: write_cursor(pc, page, bios_word(v, VMXSIM_RDX)); break;
  case 0x03:
    bios_set_word(v, VMXSIM_RCX, 0x0607); /* its lines */
    bios_set_word(v, VMXSIM_RDX, read_cursor(pc, page));
    break;
  case 0x08: bios_set_word(v, VMXSIM_RAX, 0x07 << 8 | ' '); break; /* what is shown is not kept */
  case 0x09:
  case 0x0a:
    for (unsigned i = bios_word(v, VMXSIM_RCX); i; i--) put_character(pc, bios_low(v, VMXSIM_RAX));
    break;
  case 0x0e: teletype(pc, page, bios_low(v, VMXSIM_RAX)); break;
  case 0x0f: /* mode 3, page 0 */
    bios_set_word(v, VMXSIM_RAX, BIOS_COLUMNS << 8 | 3);
    bios_set_high(v, VMXSIM_RBX, 0);
    break;
  case 0x13: write_string(pc, v); break;
  default: break;
  }
}
