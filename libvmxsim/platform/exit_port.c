/* The exit port F4H: a write stops the machine and leaves its value for the embedder. The first one counts. */
#include "libvmxsim/platform/platform.h"

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)context;
  (void)port;
  (void)size;
  return 0;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  (void)size;
  vmxsim_pc *pc = context;
  if (!pc->exited) pc->exit_value = value;
  pc->exited = true;
  pc_stop(pc);
}

vmxsim_status exit_port_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, 0xf4, 0xf7, port_read, port_write);
}
