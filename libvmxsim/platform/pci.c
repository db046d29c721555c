/* PCI configuration by ports CF8H and CFCH: the address register can be read back, and no device answers. */
#include "libvmxsim/platform/platform.h"

enum { ADDRESS = 0xcf8, RESET = 0xcf9, DATA = 0xcfc };

static uint32_t address_read(void *context, uint16_t port, unsigned size) {
  const vmxsim_pc *pc = context;
  if (port == RESET && size == 1) return pc->ports.port_cf9;
  return port == ADDRESS && size == 4 ? pc->ports.pci_address : UINT32_MAX;
}

/* The reset control register (I/O controller hub data sheets, "RST_CNT"), which shares the dword: bit 2 going from 0 to
 * 1 is INIT, or with bit 1 a reset of the system. */
static void write_reset(vmxsim_pc *pc, uint8_t value) {
  enum { SYSTEM_RESET = 2, RESET_PROCESSOR = 4, FULL_RESET = 8 };
  const bool resets = (value & RESET_PROCESSOR) && !(pc->ports.port_cf9 & RESET_PROCESSOR);
  pc->ports.port_cf9 = value & (SYSTEM_RESET | RESET_PROCESSOR | FULL_RESET);
  if (resets) pc_defer(pc, value & SYSTEM_RESET ? ACTION_RESET : ACTION_INIT);
}

static void address_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  if (port == ADDRESS && size == 4) pc->ports.pci_address = value;
  if (port == RESET && size == 1) write_reset(pc, (uint8_t)value);
}

static uint32_t data_read(void *context, uint16_t port, unsigned size) {
  (void)context;
  (void)port;
  (void)size;
  return UINT32_MAX;
}

vmxsim_status pci_init(vmxsim_pc *pc) {
  const vmxsim_status status = pc_map_ports(pc, ADDRESS, ADDRESS + 3, address_read, address_write);
  return status ? status : pc_map_ports(pc, DATA, DATA + 3, data_read, NULL);
}
