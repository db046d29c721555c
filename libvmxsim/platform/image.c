/* Images in general: keeping a copy to boot from, putting bytes into RAM, and telling formats apart. */
#include "libvmxsim/platform/platform.h"

#include "libvmxsim/platform/disk.h"
#include "libvmxsim/platform/loaders.h"

#include <string.h>

#include "libvmxsim/snapshot/stream.h"

/* --- keeping --- */

static bool keep_bytes(vmxsim_pc *pc, struct image *image, const void *bytes, size_t size) {
  pc_release(pc, image->bytes);
  *image = (struct image){.bytes = NULL};
  image->bytes = pc_allocate(pc, size);
  if (!image->bytes) return false;
  if (size) memcpy(image->bytes, bytes, size);
  image->size = size;
  image->checksum = checksum_of(image->bytes, size);
  return true;
}

static bool keep_text(vmxsim_pc *pc, char **text, const char *value) {
  const size_t size = value ? strlen(value) + 1 : 1;
  pc_release(pc, *text);
  *text = pc_allocate(pc, size);
  if (*text && value) memcpy(*text, value, size);
  return *text;
}

vmxsim_status image_keep(vmxsim_pc *pc, const void *bytes, size_t size, const struct vmxsim_pc_boot *boot) {
  static const struct vmxsim_pc_boot standard = {.size = sizeof standard};
  if (!boot) boot = &standard;
  if (boot->size != sizeof *boot) return pc_fail(pc, VMXSIM_ERROR_ARGUMENT, "struct vmxsim_pc_boot of another size");
  if (machine_is_busy(&pc->machine->machine))
    return pc_fail(pc, VMXSIM_ERROR_BUSY, "no image can be loaded while the machine runs");
  disk_forget_writes(pc);
  const bool kept = keep_bytes(pc, &pc->image, bytes, size) &&
                    keep_bytes(pc, &pc->module, boot->module, boot->module ? boot->module_size : 0) &&
                    keep_text(pc, &pc->command_line, boot->command_line) &&
                    keep_text(pc, &pc->module_command_line, boot->module_command_line);
  return kept ? VMXSIM_OK : pc_fail(pc, VMXSIM_ERROR_MEMORY, "no memory for the image");
}

vmxsim_status image_boot(vmxsim_pc *pc, vmxsim_status (*boot)(vmxsim_pc *pc)) {
  pc->boot = boot;
  pc->error[0] = 0;
  return bios_boot(pc);
}

/* --- RAM --- */

bool ram_has(const vmxsim_pc *pc, uint64_t address, uint64_t size) {
  const uint64_t four_gib = UINT64_C(1) << 32;
  const uint64_t end = address + size;
  if (end < address) return false;
  if (end <= EBDA) return true;
  if (address >= MIB && end <= pc->low_memory_end) return true;
  return address >= four_gib && end <= four_gib + pc->high_memory;
}

bool ram_write(vmxsim_pc *pc, uint64_t address, const void *bytes, size_t size) {
  if (!ram_has(pc, address, size)) return false;
  if (size) vmxsim_machine_write(pc->machine, address, bytes, size);
  return true;
}

bool ram_clear(vmxsim_pc *pc, uint64_t address, uint64_t size) {
  static const uint8_t zeros[4096];
  if (!ram_has(pc, address, size)) return false;
  for (; size; size -= size < sizeof zeros ? size : sizeof zeros) {
    const size_t part = size < sizeof zeros ? (size_t)size : sizeof zeros;
    vmxsim_machine_write(pc->machine, address, zeros, part);
    address += part;
  }
  return true;
}

/* --- telling apart --- */

/* A Multiboot header in a later sector of a disk is that of a kernel which its boot sector loads. */
enum vmxsim_pc_image vmxsim_pc_detect(const void *bytes, size_t size) {
  const struct image image = {.bytes = (uint8_t *)(uintptr_t)bytes, .size = size};
  const bool elf = elf_is(&image), boot_sector = size >= 512 && get_16(image.bytes + 510) == 0xaa55;
  const size_t header = multiboot_find_header(&image);
  if (header != MULTIBOOT_NONE && (elf || !boot_sector || header < 512)) return VMXSIM_PC_MULTIBOOT;
  if (elf) return VMXSIM_PC_ELF;
  return boot_sector ? VMXSIM_PC_DISK : VMXSIM_PC_UNKNOWN;
}
