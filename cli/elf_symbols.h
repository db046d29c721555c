/* The symbol table of an ELF image: which function an address is in. */
#ifndef VMXSIM_CLI_ELF_SYMBOLS_H
#define VMXSIM_CLI_ELF_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the table is; the image stays the caller's. All zero: there is none. */
struct elf_symbols {
  const uint8_t *entries, *names;
  size_t count, names_size;
  bool is_64;
};

/* All zero if the image is no ELF image, has no symbols, or is malformed. */
struct elf_symbols elf_symbols_find(const void *image, size_t size);
/* The nearest symbol at or below an address, and how far below; NULL: none. */
const char *elf_symbol_at(const struct elf_symbols *symbols, uint64_t address, uint64_t *offset);

#endif
