/* A test device as QEMU's pc-testdev: ports E0H-E3H that read back what was written, port 2000H + n that drives
 * interrupt line n, and 64 KiB at FF000000H that are read and written as MMIO.
 */
#include "libvmxsim/platform/platform.h"

#include <string.h>

enum { DATA_PORT = 0xe0, LINE_PORT = 0x2000, MEMORY_SIZE = TEST_MEMORY_SIZE };
#define MEMORY_ADDRESS ((uint64_t)0xff000000)

static uint32_t data_read(void *context, uint16_t port, unsigned size) {
  (void)size;
  const vmxsim_pc *pc = context;
  return pc->test.data >> (8 * (port & 3));
}

static void data_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  vmxsim_pc *pc = context;
  const uint32_t bytes = size == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * size)) - 1;
  const unsigned shift = 8 * (port & 3);
  pc->test.data = (pc->test.data & ~(bytes << shift)) | (value & bytes) << shift;
}

static void line_write(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)size;
  pc_set_test_line(context, port - LINE_PORT, value != 0);
}

/* An access never crosses the end: MMIO is split at pages at the latest. */
static uint64_t memory_read(void *context, uint64_t address, unsigned size) {
  const vmxsim_pc *pc = context;
  uint8_t bytes[8] = {0};
  const size_t offset = address % MEMORY_SIZE;
  memcpy(bytes, pc->test.memory + offset, size < MEMORY_SIZE - offset ? size : MEMORY_SIZE - offset);
  return get_64(bytes);
}

static void memory_write(void *context, uint64_t address, unsigned size, uint64_t value) {
  vmxsim_pc *pc = context;
  uint8_t bytes[8];
  const size_t offset = address % MEMORY_SIZE;
  put_64(bytes, value);
  memcpy(pc->test.memory + offset, bytes, size < MEMORY_SIZE - offset ? size : MEMORY_SIZE - offset);
}

vmxsim_status test_device_init(vmxsim_pc *pc) {
  pc->test.memory = pc_allocate(pc, MEMORY_SIZE);
  if (!pc->test.memory) return VMXSIM_ERROR_MEMORY;
  vmxsim_status status = pc_map_ports(pc, DATA_PORT, DATA_PORT + 3, data_read, data_write);
  if (!status) status = pc_map_ports(pc, LINE_PORT, LINE_PORT + LINES - 1, NULL, line_write);
  if (status) return status;
  return vmxsim_machine_map_mmio(pc->machine, MEMORY_ADDRESS, MEMORY_SIZE, memory_read, memory_write, pc);
}
