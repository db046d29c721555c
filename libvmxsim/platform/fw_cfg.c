/* The firmware configuration interface of QEMU, by ports: a key to 510H, then its bytes from 511H. Key 3 is the RAM in
 * bytes (64 bits), key 5 the number of CPUs (16 bits); every other key reads 0.
 */
#include "libvmxsim/platform/platform.h"

enum { SELECTOR = 0x510, DATA = 0x511, KEY_RAM = 3, KEY_CPUS = 5 };

static uint8_t next_byte(vmxsim_pc *pc) {
  uint64_t value = 0;
  if (pc->fw_cfg.key == KEY_RAM) value = pc->options.memory;
  if (pc->fw_cfg.key == KEY_CPUS) value = pc->machine->machine.vcpus;
  const unsigned position = pc->fw_cfg.position++;
  return (uint8_t)(position < 8 ? value >> (8 * position) : 0);
}

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  vmxsim_pc *pc = context;
  uint32_t value = 0;
  if (port != DATA) return 0;
  for (unsigned i = 0; i < size; i++) value |= (uint32_t)next_byte(pc) << (8 * i);
  return value;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  if (port != SELECTOR || size != 2) return;
  pc->fw_cfg = (struct fw_cfg){.key = (uint16_t)value};
}

vmxsim_status fw_cfg_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, SELECTOR, DATA, port_read, port_write);
}
