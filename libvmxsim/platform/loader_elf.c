/* ELF32 and ELF64 images: their segments into RAM, and starting them directly. System V ABI, "Object Files". */
#include "libvmxsim/platform/loaders.h"

#include <string.h>

enum {
  HEADER_32 = 52,
  HEADER_64 = 64,
  PROGRAM_32 = 32,
  PROGRAM_64 = 56,
  LOAD = 1,
  MACHINE_386 = 3,
  MACHINE_X86_64 = 62
};

struct segment {
  uint64_t offset, physical, virtual, file_size, memory_size;
};

struct program_headers {
  uint64_t offset;
  unsigned size, count;
};

bool elf_is(const struct image *image) {
  const uint8_t *b = image->bytes;
  if (image->size < HEADER_32 || memcmp(b, "\177ELF", 4) != 0) return false;
  const unsigned machine = get_16(b + 18);
  const bool little = b[5] == 1;
  if (b[4] == 1) return little && (machine == MACHINE_386 || machine == MACHINE_X86_64);
  return b[4] == 2 && little && machine == MACHINE_X86_64 && image->size >= HEADER_64;
}

static bool is_64_bit(const struct image *image) {
  return image->bytes[4] == 2;
}

static struct program_headers find_program_headers(const struct image *image) {
  const uint8_t *b = image->bytes;
  if (is_64_bit(image)) return (struct program_headers){get_64(b + 32), get_16(b + 54), get_16(b + 56)};
  return (struct program_headers){get_32(b + 28), get_16(b + 42), get_16(b + 44)};
}

static bool is_inside(const struct image *image, uint64_t offset, uint64_t size) {
  return offset <= image->size && size <= image->size - offset;
}

/* False: not a segment to be loaded. */
static bool read_segment(const struct image *image, const uint8_t *at, struct segment *segment) {
  if (get_32(at) != LOAD) return false;
  if (is_64_bit(image)) {
    *segment = (struct segment){get_64(at + 8), get_64(at + 24), get_64(at + 16), get_64(at + 32), get_64(at + 40)};
  } else {
    *segment = (struct segment){get_32(at + 4), get_32(at + 12), get_32(at + 8), get_32(at + 16), get_32(at + 20)};
  }
  return true;
}

static vmxsim_status load_segment(vmxsim_pc *pc, const struct image *image, const struct segment *segment) {
  if (segment->file_size > segment->memory_size || !is_inside(image, segment->offset, segment->file_size)) {
    return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "an ELF segment that is not in the image");
  }
  const uint64_t rest = segment->memory_size - segment->file_size;
  if (!ram_has(pc, segment->physical, segment->memory_size) ||
      !ram_write(pc, segment->physical, image->bytes + segment->offset, (size_t)segment->file_size) ||
      !ram_clear(pc, segment->physical + segment->file_size, rest)) {
    return pc_fail(pc, VMXSIM_ERROR_LIMIT, "an ELF segment that does not fit into the RAM");
  }
  return VMXSIM_OK;
}

/* Entry points are virtual: where paging is off that has to be the physical address of the segment they are in. */
static void place_entry(const struct segment *segment, uint64_t virtual_entry, uint64_t *entry) {
  const uint64_t offset = virtual_entry - segment->virtual;
  if (offset < segment->memory_size) *entry = segment->physical + offset;
}

vmxsim_status elf_load(vmxsim_pc *pc, const struct image *image, uint64_t *entry, uint64_t *end, bool *is_64) {
  const uint8_t *b = image->bytes;
  if (!elf_is(image)) return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "not an ELF image of x86");
  const struct program_headers headers = find_program_headers(image);
  *is_64 = is_64_bit(image);
  if (headers.size < (*is_64 ? PROGRAM_64 : PROGRAM_32) ||
      !is_inside(image, headers.offset, (uint64_t)headers.size * headers.count)) {
    return pc_fail(pc, VMXSIM_ERROR_SYNTAX, "ELF program headers that are not in the image");
  }
  const uint64_t virtual_entry = *is_64 ? get_64(b + 24) : get_32(b + 24);
  *entry = virtual_entry;
  *end = 0;
  for (unsigned i = 0; i < headers.count; i++) {
    struct segment segment;
    if (!read_segment(image, b + headers.offset + (uint64_t)i * headers.size, &segment)) continue;
    const vmxsim_status status = load_segment(pc, image, &segment);
    if (status) return status;
    place_entry(&segment, virtual_entry, entry);
    if (segment.physical + segment.memory_size > *end) *end = segment.physical + segment.memory_size;
  }
  return VMXSIM_OK;
}

/* The command line goes behind the image. */
static vmxsim_status boot(vmxsim_pc *pc) {
  uint64_t entry = 0, end = 0;
  bool is_64 = false;
  const vmxsim_status status = elf_load(pc, &pc->image, &entry, &end, &is_64);
  if (status) return status;
  const uint64_t command_line = (end + PAGE_SIZE - 1) & PAGE_MASK;
  if (!ram_write(pc, command_line, pc->command_line, strlen(pc->command_line) + 1)) {
    return pc_fail(pc, VMXSIM_ERROR_LIMIT, "no room for the command line behind the image");
  }
  if (is_64) {
    start_64_bit_mode(pc, entry, command_line);
    return VMXSIM_OK;
  }
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(pc->machine, 0), &state);
  state.gpr[VMXSIM_RDI] = command_line;
  start_protected_mode(pc, (uint32_t)entry, &state);
  return VMXSIM_OK;
}

vmxsim_status vmxsim_pc_load_elf(vmxsim_pc *pc, const void *image, size_t size, const struct vmxsim_pc_boot *options) {
  const vmxsim_status status = image_keep(pc, image, size, options);
  return status ? status : image_boot(pc, boot);
}
