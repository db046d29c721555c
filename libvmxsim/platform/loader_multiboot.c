/* Multiboot 1: header, loading, and the information that the image gets. Multiboot specification 0.6.96.
 *
 * Information, command lines and module go behind the image, each on a page of its own.
 */
#include "libvmxsim/platform/loaders.h"

#include <string.h>

#define HEADER_MAGIC UINT32_C(0x1badb002)
#define LOADER_MAGIC UINT32_C(0x2badb002)
enum {
  HEADER_SEARCHED = 8192,
  HEADER_SIZE = 12,
  ADDRESSES_SIZE = 20,
  FLAG_ADDRESSES = 1 << 16,
  FLAGS_KNOWN = 7,
  FLAGS_REQUIRED = 0xffff
};
enum { INFO_SIZE = 120, MAP_ENTRY = 24 };
enum { INFO_MEMORY = 1, INFO_DEVICE = 2, INFO_COMMAND_LINE = 4, INFO_MODULES = 8, INFO_MAP = 64, INFO_LOADER = 512 };

size_t multiboot_find_header(const struct image *image) {
  for (size_t at = 0; at + HEADER_SIZE <= image->size && at + HEADER_SIZE <= HEADER_SEARCHED; at += 4) {
    const uint8_t *header = image->bytes + at;
    if (get_32(header) != HEADER_MAGIC) continue;
    if (get_32(header) + get_32(header + 4) + get_32(header + 8) == 0) return at;
  }
  return MULTIBOOT_NONE;
}

/* --- loading --- */

/* By the addresses of the header: header, load, load end, BSS end, entry. */
static vmxsim_status load_by_addresses(vmxsim_pc *pc, size_t at, uint64_t *entry, uint64_t *end) {
  const struct image *image = &pc->image;
  if (at + HEADER_SIZE + ADDRESSES_SIZE > image->size) return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "a truncated header");
  const uint8_t *fields = image->bytes + at + HEADER_SIZE;
  const uint32_t header = get_32(fields), load = get_32(fields + 4), bss_end = get_32(fields + 12);
  uint32_t load_end = get_32(fields + 8);
  *entry = get_32(fields + 16);
  if (header < load || header - load > at) return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "load address behind the header's");
  const size_t from = at - (header - load);
  if (!load_end) load_end = load + (uint32_t)(image->size - from);
  if (load_end < load || load_end - load > image->size - from) {
    return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "addresses beyond the image");
  }
  *end = bss_end > load_end ? bss_end : load_end;
  if (!ram_write(pc, load, image->bytes + from, load_end - load) || !ram_clear(pc, load_end, *end - load_end)) {
    return pc_fail(pc, VMXSIM_ERROR_LIMIT, "an image that does not fit into the RAM");
  }
  return VMXSIM_OK;
}

static vmxsim_status load(vmxsim_pc *pc, uint64_t *entry, uint64_t *end) {
  const size_t at = multiboot_find_header(&pc->image);
  if (at == MULTIBOOT_NONE) return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "no Multiboot header in the first 8192 bytes");
  const uint32_t flags = get_32(pc->image.bytes + at + 4);
  if (flags & FLAGS_REQUIRED & ~(uint32_t)FLAGS_KNOWN) {
    return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "the Multiboot header requires something unknown");
  }
  if (flags & FLAG_ADDRESSES) return load_by_addresses(pc, at, entry, end);
  bool is_64;
  return elf_load(pc, &pc->image, entry, end, &is_64);
}

/* --- information --- */

/* Bytes on pages of their own, from 1 MiB on if there is no room below; 0 if there is none at all. */
static uint32_t place(vmxsim_pc *pc, uint64_t *at, const void *bytes, size_t size) {
  uint64_t address = (*at + PAGE_SIZE - 1) & PAGE_MASK;
  if (address < MIB && !ram_has(pc, address, size)) address = MIB;
  if (address + size > UINT32_MAX || !ram_write(pc, address, bytes, size)) return 0;
  *at = address + size;
  return (uint32_t)address;
}

static uint32_t place_text(vmxsim_pc *pc, uint64_t *at, const char *text) {
  return place(pc, at, text, strlen(text) + 1);
}

static bool add_map(vmxsim_pc *pc, uint64_t *at, uint8_t *info) {
  struct bios_range ranges[BIOS_RANGES];
  uint8_t map[BIOS_RANGES * MAP_ENTRY] = {0};
  const unsigned count = bios_memory_map(pc, ranges);
  for (unsigned i = 0; i < count; i++) {
    uint8_t *entry = map + (size_t)i * MAP_ENTRY;
    put_32(entry, MAP_ENTRY - 4);
    put_64(entry + 4, ranges[i].address);
    put_64(entry + 12, ranges[i].size);
    put_32(entry + 20, ranges[i].type);
  }
  const uint32_t address = place(pc, at, map, (size_t)count * MAP_ENTRY);
  put_32(info + 44, count * MAP_ENTRY);
  put_32(info + 48, address);
  return address;
}

static bool add_module(vmxsim_pc *pc, uint64_t *at, uint8_t *info) {
  uint8_t entry[16] = {0};
  if (!pc->module.size) return true;
  const uint32_t text = place_text(pc, at, pc->module_command_line);
  const uint32_t start = place(pc, at, pc->module.bytes, pc->module.size);
  put_32(entry, start);
  put_32(entry + 4, start + (uint32_t)pc->module.size);
  put_32(entry + 8, text);
  const uint32_t list = place(pc, at, entry, sizeof entry);
  put_32(info + 20, 1);
  put_32(info + 24, list);
  return text && start && list;
}

/* Its address; 0 if there is no room. */
static uint32_t write_information(vmxsim_pc *pc, uint64_t end) {
  uint8_t info[INFO_SIZE] = {0};
  uint64_t at = end;
  const uint32_t modules = pc->module.size ? INFO_MODULES : 0;
  put_32(info, INFO_MEMORY | INFO_DEVICE | INFO_COMMAND_LINE | INFO_MAP | INFO_LOADER | modules);
  put_32(info + 4, (uint32_t)(EBDA / 1024));
  put_32(info + 8, (uint32_t)((pc->low_memory_end - MIB) / 1024));
  put_32(info + 12, UINT32_C(0x8000ffff)); /* the first disk */
  const uint32_t command_line = place_text(pc, &at, pc->command_line);
  const uint32_t loader = place_text(pc, &at, "vmxsim");
  put_32(info + 16, command_line);
  put_32(info + 64, loader);
  if (!command_line || !loader || !add_module(pc, &at, info) || !add_map(pc, &at, info)) return 0;
  return place(pc, &at, info, sizeof info);
}

static vmxsim_status boot(vmxsim_pc *pc) {
  uint64_t entry = 0, end = 0;
  const vmxsim_status status = load(pc, &entry, &end);
  if (status) return status;
  const uint32_t information = write_information(pc, end);
  if (!information) return pc_fail(pc, VMXSIM_ERROR_LIMIT, "no room behind the image for what Multiboot tells it");
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(pc->machine, 0), &state);
  state.gpr[VMXSIM_RAX] = LOADER_MAGIC;
  state.gpr[VMXSIM_RBX] = information;
  start_protected_mode(pc, (uint32_t)entry, &state);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_pc_load_multiboot(vmxsim_pc *pc, const void *image, size_t size,
                                       const struct vmxsim_pc_boot *options) {
  const vmxsim_status status = image_keep(pc, image, size, options);
  return status ? status : image_boot(pc, boot);
}
