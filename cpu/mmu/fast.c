/* The fast cache of host pointers: filling and dropping. Looking up is mmu_fast.h. */
#include <limits.h>
#include <string.h>

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/registers.h"

enum { GENERATIONS = PAGE_SIZE };

/* --- tables by number: bank * FAST_KINDS + kind ------------------------------------------------------------------- */

static struct fast_table *table_of(struct mmu *mmu, unsigned number) {
  return &mmu->banks[number / FAST_KINDS].table[number % FAST_KINDS];
}

static void drop_table(struct mmu *mmu, unsigned number) {
  struct fast_table *const table = table_of(mmu, number);
  mmu->fast_filled &= ~(1u << number);
  if (++table->generation < GENERATIONS) return;
  table->generation = 1;
  memset(table->entry, 0, sizeof table->entry);
}

static void drop_tables(struct mmu *mmu, unsigned numbers) {
  for (unsigned left = mmu->fast_filled & numbers; left; left &= left - 1)
    drop_table(mmu, (unsigned)__builtin_ctz(left));
}

void fast_initialize(struct mmu *mmu) {
  for (unsigned n = 0; n < FAST_BANKS * FAST_KINDS; n++) table_of(mmu, n)->generation = 1;
}

void fast_drop_kind(struct mmu *mmu, enum fast_kind kind) {
  unsigned numbers = 0;
  for (unsigned bank = 0; bank < FAST_BANKS; bank++) numbers |= 1u << (bank * FAST_KINDS + kind);
  drop_tables(mmu, numbers);
  if (kind == FAST_FETCH) vcpu_code_changed(mmu->vcpu);
}

void mmu_drop_fast(struct mmu *mmu) {
  drop_tables(mmu, UINT_MAX);
  vcpu_code_changed(mmu->vcpu);
}

static void drop_page(struct fast_table *table, uint64_t page) {
  struct fast_entry *entry = &table->entry[(page >> PAGE_SHIFT) % FAST_ENTRIES];
  if ((entry->tag & PAGE_MASK) == page) entry->tag = 0;
}

void fast_drop_entry(struct mmu *mmu, struct tlb_entry *entry) {
  for (unsigned n = 0; entry->fast >> n; n++) {
    if (!(entry->fast >> n & 1)) continue;
    if (n % FAST_KINDS == FAST_FETCH) vcpu_code_changed(mmu->vcpu);
    if (entry->shift == PAGE_SHIFT)
      drop_page(table_of(mmu, n), entry->linear);
    else
      drop_table(mmu, n);
  }
  entry->fast = 0;
}

/* As the access has it, not as the current bank does: implicit accesses are a supervisor's, and without SMAP's
 * exception. */
enum fast_bank_number fast_bank_of(const struct mmu *mmu, unsigned access) {
  const struct vcpu *v = mmu->vcpu;
  if (access_is_user(v, access)) return BANK_USER;
  if (access & MEM_SYSTEM) return BANK_SUPERVISOR;
  return mmu->context.smap && v->s.rflags & RFLAGS_AC ? BANK_SUPERVISOR_AC : BANK_SUPERVISOR;
}

/* Whether the local APIC answers on this page. */
static bool is_apic_page(const struct vcpu *v, uint64_t page) {
  return (v->s.apic_base & (APIC_BASE_EN | APIC_BASE_EXTD)) == APIC_BASE_EN && (v->s.apic_base & PAGE_MASK) == page;
}

/* The memory behind a page that may be accessed without anybody noticing; NULL: there is somebody. */
static const struct physical_region *plain_region(struct mmu *mmu, uint64_t linear, uint64_t page) {
  if (mmu->any_watched && watch_covers_page(mmu, linear, page)) return NULL;
  const struct physical_region *region = physical_find(mmu->memory, page);
  return region && region->block->host && !is_apic_page(mmu->vcpu, page) ? region : NULL;
}

static bool writes_go_unnoticed(const struct physical_region *region, uint64_t page) {
  return region->kind == PHYSICAL_RAM && region->block->code[block_page(region->block, page)] == 0;
}

struct fast_page {
  uint64_t linear, target; /* of the first byte */
  enum fast_bank_number bank;
  struct tlb_entry *tlb_entry;
};

static void put(struct mmu *mmu, const struct fast_page *page, enum fast_kind kind) {
  struct fast_table *table = &mmu->banks[page->bank].table[kind];
  const unsigned filled = 1u << (page->bank * FAST_KINDS + kind);
  const uint64_t linear = page->linear;
  mmu->fast_filled |= filled;
  table->entry[(linear >> PAGE_SHIFT) % FAST_ENTRIES] =
      (struct fast_entry){linear | table->generation, page->target - linear};
  if (page->tlb_entry) page->tlb_entry->fast = (uint16_t)(page->tlb_entry->fast | filled);
}

/* What may be written may be read. What has been read is entered for writing, too, if that leaves no trace: its dirty
 * bits are set already, that of the page and that of the log. */
static void put_data(struct mmu *mmu, struct fast_page *page, unsigned access, uint64_t physical) {
  if (mmu->caches) return;
  const struct physical_region *const region = plain_region(mmu, page->linear, physical);
  if (!region) return;
  struct physical_block *const block = region->block;
  page->target = (uintptr_t)block_host(block, physical);
  const bool writable = writes_go_unnoticed(region, physical);
  if (access & MEM_WRITE) {
    if (!writable) return;
    block_set_dirty(block, physical);
    put(mmu, page, FAST_WRITE);
  } else if (writable && block_is_dirty(block, physical) &&
             (!page->tlb_entry || paging_grants(mmu, page->tlb_entry, access | MEM_WRITE))) {
    put(mmu, page, FAST_WRITE);
  }
  put(mmu, page, FAST_READ);
}

void fast_enter(struct mmu *mmu, unsigned access, uint64_t linear, uint64_t physical, struct tlb_entry *tlb_entry) {
  if (access & MEM_SHADOW_STACK) return;
  struct fast_page page = {linear & PAGE_MASK, physical & PAGE_MASK, fast_bank_of(mmu, access), tlb_entry};
  if (access & MEM_FETCH)
    put(mmu, &page, FAST_FETCH);
  else
    put_data(mmu, &page, access, page.target);
}
