/* The debug console of Bochs and QEMU: what is written to port E9H goes to the embedder, and it reads as E9H. */
#include "libvmxsim/platform/platform.h"

enum { PORT = 0xe9 };

static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  (void)context;
  (void)port;
  (void)size;
  return PORT;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port;
  vmxsim_pc *pc = context;
  for (unsigned i = 0; i < size && pc->options.debug; i++) {
    pc->options.debug(pc->options.output_context, (uint8_t)(value >> (8 * i)));
  }
}

vmxsim_status debug_console_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, PORT, PORT, port_read, port_write);
}
