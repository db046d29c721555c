/* Bytes at an address, without any format. */
#include "libvmxsim/platform/loaders.h"

/* Real-mode code has the BIOS, whose INT 16H waits for IRQ 1. */
static void unmask_keyboard(vmxsim_pc *pc) {
  pc->pic[0].imr &= (uint8_t)~2;
}

static void start(vmxsim_pc *pc) {
  const uint64_t address = pc->flat_address;
  struct vmxsim_state state;
  switch (pc->flat_mode) {
  case VMXSIM_PC_MODE_16:
    start_real_mode(pc, (uint16_t)(address >> 4), address & 15, 0);
    unmask_keyboard(pc);
    break;
  case VMXSIM_PC_MODE_32:
    vmxsim_vcpu_get_state(vmxsim_machine_vcpu(pc->machine, 0), &state);
    start_protected_mode(pc, (uint32_t)address, &state);
    break;
  case VMXSIM_PC_MODE_64: start_64_bit_mode(pc, address, 0); break;
  }
}

static vmxsim_status boot(vmxsim_pc *pc) {
  if (!ram_write(pc, pc->flat_address, pc->image.bytes, pc->image.size)) {
    return pc_fail(pc, VMXSIM_ERROR_LIMIT, "an image that does not fit into the RAM at its address");
  }
  start(pc);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_pc_load_flat(vmxsim_pc *pc, const void *image, size_t size, uint64_t address,
                                  enum vmxsim_pc_mode mode) {
  if (mode == VMXSIM_PC_MODE_16 && address >= MIB) {
    return pc_fail(pc, VMXSIM_ERROR_ARGUMENT, "real mode starts below 1 MiB");
  }
  const vmxsim_status status = image_keep(pc, image, size, NULL);
  if (status) return status;
  pc->flat_address = address;
  pc->flat_mode = mode;
  return image_boot(pc, boot);
}
