/* The keyboard controller as far as boot code needs it: status, output port (A20, reset), self-test; and keys for INT
 * 16H. */
#include "libvmxsim/platform/platform.h"

enum { DATA = 0x60, COMMAND = 0x64, OUTPUT_FULL = 1, SYSTEM_FLAG = 4 };
enum {
  READ_COMMAND_BYTE = 0x20,
  WRITE_COMMAND_BYTE = 0x60,
  SELF_TEST = 0xaa,
  INTERFACE_TEST = 0xab,
  READ_OUTPUT = 0xd0,
  WRITE_OUTPUT = 0xd1,
  DISABLE_A20 = 0xdd,
  ENABLE_A20 = 0xdf,
  PULSE = 0xf0
};
enum { OUTPUT_NOT_RESET = 1, OUTPUT_A20 = 2 };

static void answer(struct keyboard *keyboard, uint8_t byte) {
  keyboard->output = byte;
  keyboard->output_full = true;
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  vmxsim_pc *pc = context;
  struct keyboard *keyboard = &pc->keyboard;
  if (port == COMMAND) return SYSTEM_FLAG | (keyboard->output_full ? OUTPUT_FULL : 0u);
  keyboard->output_full = false;
  return keyboard->output;
}

static void write_command(vmxsim_pc *pc, uint8_t command) {
  struct keyboard *keyboard = &pc->keyboard;
  keyboard->command = command;
  switch (command) {
  case READ_COMMAND_BYTE: answer(keyboard, 0x61); break;
  case SELF_TEST: answer(keyboard, 0x55); break;
  case INTERFACE_TEST: answer(keyboard, 0); break;
  case READ_OUTPUT: answer(keyboard, OUTPUT_NOT_RESET | (system_a20(pc) ? OUTPUT_A20 : 0)); break;
  case DISABLE_A20: system_set_a20(pc, false); break;
  case ENABLE_A20: system_set_a20(pc, true); break;
  default:
    if (command >= PULSE && !(command & 1)) pc_defer(pc, ACTION_INIT); /* bit 0 low: the reset line is pulsed */
  }
}

static void write_data(vmxsim_pc *pc, uint8_t byte) {
  struct keyboard *keyboard = &pc->keyboard;
  if (keyboard->command == WRITE_OUTPUT) {
    system_set_a20(pc, byte & OUTPUT_A20);
    if (!(byte & OUTPUT_NOT_RESET)) pc_defer(pc, ACTION_INIT);
  } else if (keyboard->command != WRITE_COMMAND_BYTE) {
    answer(keyboard, 0xfa); /* the keyboard acknowledges whatever it is told */
  }
  keyboard->command = 0;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  if (port == COMMAND) {
    write_command(context, (uint8_t)value);
  } else {
    write_data(context, (uint8_t)value);
  }
}

bool keyboard_store(vmxsim_pc *pc, uint16_t key) {
  struct keyboard *keyboard = &pc->keyboard;
  if (keyboard->key_count == KEYS) return false;
  keyboard->keys[(keyboard->key_first + keyboard->key_count++) % KEYS] = key;
  return true;
}

/* ASCII alone: the scan code is that of Enter, or 0. */
vmxsim_status vmxsim_pc_key(vmxsim_pc *pc, uint8_t ascii) {
  if (!keyboard_store(pc, (uint16_t)((ascii == '\r' ? 0x1c00 : 0) | ascii))) return VMXSIM_ERROR_LIMIT;
  pc_set_line(pc, 1, true); /* wakes a HLT of INT 16H */
  pc_set_line(pc, 1, false);
  return VMXSIM_OK;
}

void keyboard_reset(vmxsim_pc *pc) {
  pc->keyboard = (struct keyboard){.output_full = false};
}

vmxsim_status keyboard_init(vmxsim_pc *pc) {
  const vmxsim_status status = pc_map_ports(pc, DATA, DATA, port_read, port_write);
  return status ? status : pc_map_ports(pc, COMMAND, COMMAND, port_read, port_write);
}
