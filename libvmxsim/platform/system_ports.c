/* Port 92H (A20, fast reset), the delay port 80H, and Bochs' way of switching off, "Shutdown" to port 8900H. */
#include "libvmxsim/platform/platform.h"

enum { FAST_RESET = 1, A20 = 2 };

static uint32_t read_92(void *context, uint16_t port, unsigned size) {
  (void)port;
  (void)size;
  return ((const vmxsim_pc *)context)->ports.port_92;
}

/* Bit 0 going from 0 to 1 is INIT. It stays 1, which is how software tells this reset from that of the system. */
static void write_92(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  vmxsim_pc *pc = context;
  const bool resets = (value & FAST_RESET) && !(pc->ports.port_92 & FAST_RESET);
  pc->ports.port_92 = value & (FAST_RESET | A20);
  if (resets) pc_defer(pc, ACTION_INIT);
}

static uint32_t read_80(void *context, uint16_t port, unsigned size) {
  (void)context;
  (void)port;
  (void)size;
  return 0;
}

static void write_8900(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  static const char word[] = "Shutdown";
  vmxsim_pc *pc = context;
  unsigned *matched = &pc->ports.shutdown_matched;
  *matched = (uint8_t)value == (uint8_t)word[*matched] ? *matched + 1 : (uint8_t)value == (uint8_t)word[0];
  if (word[*matched]) return;
  *matched = 0;
  pc->powered_off = true;
  pc_stop(pc);
}

void system_ports_reset(vmxsim_pc *pc) {
  pc->ports = (struct system_ports){.port_92 = A20};
}

vmxsim_status system_ports_init(vmxsim_pc *pc) {
  vmxsim_status status = pc_map_ports(pc, 0x80, 0x80, read_80, NULL);
  if (!status) status = pc_map_ports(pc, 0x92, 0x92, read_92, write_92);
  if (!status) status = pc_map_ports(pc, 0x8900, 0x8900, NULL, write_8900);
  return status;
}
