/* PCI configuration by ports CF8H and CFCH: the address register can be read back, and no device answers. */
#include "libvmxsim/platform/platform.h"

enum { ADDRESS = 0xcf8, RESET = 0xcf9, DATA = 0xcfc };

static uint32_t address_read(void *context, uint16_t port, unsigned size) {
  const vmxsim_pc *pc = context;
  if (port == RESET && size == 1) return pc->ports.port_cf9;
  return port == ADDRESS && size == 4 ? pc->ports.pci_address : UINT32_MAX;
}

/* The reset control register shares the dword: bit 2 going from 0 to 1 resets the system. */
static void address_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  if (port == ADDRESS && size == 4) pc->ports.pci_address = value;
  if (port != RESET || size != 1) return;
  const bool resets = (value & 4) && !(pc->ports.port_cf9 & 4);
  pc->ports.port_cf9 = (uint8_t)value & 0x0e;
  if (resets) pc_defer(pc, ACTION_RESET);
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
