/* A boot sector, alone or at the start of a floppy or disk image. */
#include "libvmxsim/platform/disk.h"
#include "libvmxsim/platform/loaders.h"

enum { BOOT_ADDRESS = 0x7c00, HARD_DISKS = 0x475 };

static vmxsim_status boot(vmxsim_pc *pc) {
  uint8_t sector[SECTOR];
  disk_read(pc, 0, sector); /* which a guest that is reset may have written */
  ram_write(pc, BOOT_ADDRESS, sector, SECTOR);
  start_real_mode(pc, 0, BOOT_ADDRESS, BOOT_ADDRESS);
  struct vcpu *v = &pc->machine->machine.vcpu[0]->cpu;
  const uint8_t hard_disks = pc->image.size > FLOPPY_MAX;
  v->s.gpr[VMXSIM_RDX] = hard_disks ? 0x80 : 0;
  ram_write(pc, HARD_DISKS, &hard_disks, sizeof hard_disks);
  /* Boot sectors rely on the timer and the keyboard. */
  pc->pic[0].imr = 0xb8;
  pic_set_line(pc, LINE_PIT, pc_line(pc, LINE_PIT));
  pit_arm(pc);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_pc_load_disk(vmxsim_pc *pc, const void *image, size_t size) {
  const uint8_t *bytes = image;
  if (size < SECTOR || get_16(bytes + SECTOR - 2) != 0xaa55) {
    return pc_fail(pc, VMXSIM_ERROR_SYNTAX,
                   "neither Multiboot nor ELF, and no boot sector: bytes 510 and 511 are not 55H AAH");
  }
  const vmxsim_status status = image_keep(pc, image, size, NULL);
  return status ? status : image_boot(pc, boot);
}
