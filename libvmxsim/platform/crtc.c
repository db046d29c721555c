/* The registers of a VGA's CRT controller, by ports 3D4H and 3D5H: they hold what is written, so that kernels that keep
 * the cursor there find it again. There is no screen; the text memory at B8000H is RAM.
 */
#include "libvmxsim/platform/platform.h"

enum { INDEX = 0x3d4, DATA = 0x3d5 };

static uint8_t read_byte(const struct crtc *crtc, uint16_t port) {
  if (port == INDEX) return crtc->index;
  return crtc->index < CRTC_REGISTERS ? crtc->reg[crtc->index] : 0xff;
}

static void write_byte(struct crtc *crtc, uint16_t port, uint8_t value) {
  if (port == INDEX) {
    crtc->index = value & 0x1f;
  } else if (crtc->index < CRTC_REGISTERS) {
    crtc->reg[crtc->index] = value;
  }
}

/* A word is both, the index first. */
static uint32_t port_read(void *context, uint16_t port, unsigned size) {
  const vmxsim_pc *pc = context;
  uint32_t value = size >= 4 ? 0xffff0000U : 0;
  for (unsigned i = 0; i < size && port + i <= DATA; i++)
    value |= (uint32_t)read_byte(&pc->crtc, (uint16_t)(port + i)) << (8 * i);
  return value;
}

static void port_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  for (unsigned i = 0; i < size && port + i <= DATA; i++)
    write_byte(&pc->crtc, (uint16_t)(port + i), (uint8_t)(value >> (8 * i)));
}

vmxsim_status crtc_init(vmxsim_pc *pc) {
  return pc_map_ports(pc, INDEX, DATA, port_read, port_write);
}
