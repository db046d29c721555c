/* The symbol table of an ELF image. System V ABI, "Symbol Table"; nothing in the image is trusted. */
#include "cli/elf_symbols.h"

#include <string.h>

enum { SECTION_SYMBOLS = 2, ENTRY_32 = 16, ENTRY_64 = 24, HEADER_32 = 40, HEADER_64 = 64, TYPE_FUNCTION = 2 };

static uint64_t get(const uint8_t *at, unsigned size) {
  uint64_t value = 0;
  for (unsigned i = size; i--;) value = value << 8 | at[i];
  return value;
}

struct image {
  const uint8_t *bytes;
  size_t size;
  bool is_64;
};

struct section {
  uint32_t type, link;
  uint64_t offset, size;
};

static bool is_inside(const struct image *image, uint64_t offset, uint64_t size) {
  return offset <= image->size && size <= image->size - offset;
}

static bool read_section(const struct image *image, uint64_t number, struct section *section) {
  const uint8_t *const b = image->bytes;
  const uint64_t table = image->is_64 ? get(b + 40, 8) : get(b + 32, 4);
  const uint64_t width = image->is_64 ? HEADER_64 : HEADER_32, count = get(b + (image->is_64 ? 60 : 48), 2);
  if (number >= count || table > image->size || !is_inside(image, table + number * width, width)) return false;
  const uint8_t *const at = b + table + number * width;
  *section =
      image->is_64
          ? (struct section){(uint32_t)get(at + 4, 4), (uint32_t)get(at + 40, 4), get(at + 24, 8), get(at + 32, 8)}
          : (struct section){(uint32_t)get(at + 4, 4), (uint32_t)get(at + 24, 4), get(at + 16, 4), get(at + 20, 4)};
  return is_inside(image, section->offset, section->size);
}

struct elf_symbols elf_symbols_find(const void *bytes, size_t size) {
  const struct elf_symbols none = {0};
  const struct image image = {bytes, size, size > 4 && ((const uint8_t *)bytes)[4] == 2};
  if (size < 64 || memcmp(bytes, "\177ELF", 4) != 0) return none;
  const uint64_t count = get(image.bytes + (image.is_64 ? 60 : 48), 2);
  for (uint64_t i = 0; i < count; i++) {
    struct section symbols, names;
    if (!read_section(&image, i, &symbols) || symbols.type != SECTION_SYMBOLS) continue;
    if (!read_section(&image, symbols.link, &names) || !names.size || image.bytes[names.offset + names.size - 1])
      continue;
    return (struct elf_symbols){image.bytes + symbols.offset, image.bytes + names.offset,
                                (size_t)symbols.size / (image.is_64 ? ENTRY_64 : ENTRY_32), (size_t)names.size,
                                image.is_64};
  }
  return none;
}

const char *elf_symbol_at(const struct elf_symbols *symbols, uint64_t address, uint64_t *offset) {
  const char *best = NULL;
  for (size_t i = 0; i < symbols->count; i++) {
    const uint8_t *const at = symbols->entries + i * (symbols->is_64 ? ENTRY_64 : ENTRY_32);
    const uint64_t name = get(at, 4), value = symbols->is_64 ? get(at + 8, 8) : get(at + 4, 4);
    const unsigned type = at[symbols->is_64 ? 4 : 12] & 15;
    if (name == 0 || name >= symbols->names_size || type > TYPE_FUNCTION || value == 0 || value > address) continue;
    if (best && address - value >= *offset) continue;
    best = (const char *)symbols->names + name;
    *offset = address - value;
  }
  return best;
}
