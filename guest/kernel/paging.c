/* Paging. Both modes have 8-byte entries and tables of 4 KiB, so that one walk serves both; IA-32e has a level more,
 * and of PAE's top level only four entries count. SDM 3A, "PAE Paging", "4-Level Paging and 5-Level Paging".
 *
 * RAM is in 4-KiB pages, all else up to 4 GiB in 2-MiB pages without caching: devices are there.
 */
#include "kernel/paging.h"

#include "kernel/cpu.h"
#include "kernel/width.h"

enum { PRESENT = 1, WRITABLE = 2, NO_CACHE = 0x10, LARGE = 0x80 };
enum { TABLE_ENTRIES = 512, TABLES = 96, INDEX_BITS = 9, PAGE_BITS = 12 };
#define PAGE_SIZE 0x1000
#define LARGE_PAGE_SIZE 0x200000
#define RAM_END (ARENA_ADDRESS + ARENA_SIZE + LARGE_PAGE_SIZE)
#define ADDRESS_MASK UINT64_C(0x000ffffffffff000)

struct table {
  uint64_t entry[TABLE_ENTRIES];
};

static struct table tables[TABLES] __attribute__((aligned(4096)));
static unsigned tables_used;
uint32_t paging_root;

static struct table *new_table(void) {
  return &tables[tables_used++]; /* as many as the map below takes: see the number of them */
}

/* A PAE page-directory-pointer-table entry has no writable bit. */
static uint64_t pointer_flags(unsigned level) {
  return PAGING_LEVELS == 3 && level == 3 ? PRESENT : PRESENT | WRITABLE;
}

static uint64_t *entry_of(struct table *table, uint64_t address, unsigned level) {
  return &table->entry[address >> (PAGE_BITS + INDEX_BITS * (level - 1)) & (TABLE_ENTRIES - 1)];
}

/* Goes down to the table of `level` (1: its entries are 4-KiB pages), making what is missing on the way. */
static uint64_t *find_entry(struct table *root, uint64_t address, unsigned level) {
  struct table *table = root;
  for (unsigned at = PAGING_LEVELS; at > level; at--) {
    uint64_t *entry = entry_of(table, address, at);
    if (!*entry) *entry = (word)new_table() | pointer_flags(at);
    table = (struct table *)(word)(*entry & ADDRESS_MASK);
  }
  return entry_of(table, address, level);
}

static void map(struct table *root, uint64_t begin, uint64_t end, unsigned level, uint64_t flags) {
  const uint64_t size = level == 1 ? PAGE_SIZE : LARGE_PAGE_SIZE;
  if (level > 1) flags |= LARGE;
  for (uint64_t address = begin; address < end; address += size) *find_entry(root, address, level) = address | flags;
}

void paging_init(void) {
  struct table *root = new_table();
  map(root, 0, RAM_END, 1, PRESENT | WRITABLE);
  map(root, RAM_END, UINT64_C(1) << 32, 2, PRESENT | WRITABLE | NO_CACHE);
  paging_root = (uint32_t)(word)root;
  write_cr4(read_cr4() | CR4_PAE);
  write_cr3((word)root);
  write_cr0(read_cr0() | CR0_PG | CR0_WP);
}
