/* From linear to physical addresses: page walks, permissions, accessed and dirty bits, the error code of page faults.
 *
 * SDM 3A, "Paging". A walk reads paging structures and changes nothing; when it and the permissions are found good, the
 * accessed and dirty bits are set and the TLB gets an entry. An access that its TLB entry does not allow walks again,
 * as the processor does before it faults; so the first write to a clean page finds its dirty bit to set.
 */
#include <string.h>

#include "cpu/mmu/mmu_fast.h"
#include "cpu/mmu/registers.h"

bool access_is_user(const struct vcpu *v, unsigned access) {
  return (access & MEM_USER) || (v->cpl == 3 && !(access & MEM_SYSTEM));
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

enum walk_result { WALK_GOOD, WALK_ABSENT, WALK_RESERVED };

/* A20M# has no effect in VMX operation. */
static uint64_t on_bus(const struct mmu *mmu, uint64_t physical) {
  return mmu->vcpu->a20_off && !mmu->vcpu->vmx.in_vmx_operation ? physical & ~BIT(20) : physical;
}

void mem_set_a20(struct vcpu *v, bool on) {
  if (v->a20_off == !on) return;
  v->a20_off = !on;
  mmu_drop_fast(v->mmu);
  vcpu_code_changed(v);
}

static uint64_t read_entry(const struct mmu *mmu, uint64_t address, unsigned size) {
  const struct physical_region *region = physical_find(mmu->memory, address);
  uint64_t entry = 0;
  if (region && region->block->host) return host_load(block_host(region->block, address), size);
  physical_read(mmu->memory, address, &entry, size);
  return entry;
}

/* The first table of a walk; PAE paging begins with a register. */
static bool first_table(const struct mmu *mmu, uint64_t linear, uint64_t *table) {
  const struct vmxsim_state *s = &mmu->vcpu->s;
  *table = s->cr3;
  if (mmu->context.mode != PAGING_PAE) return true;
  *table = s->pdpte[linear >> 30 & 3];
  return *table & ENTRY_PRESENT;
}

static uint64_t page_address(const struct mmu_context *c, uint64_t entry, unsigned shift) {
  uint64_t address = entry & c->address_bits;
  if (c->mode == PAGING_32 && shift == 22) address |= (entry & BITS(20, 13)) << 19;
  return address >> shift << shift;
}

/* Writable and user are what all entries allow, execute-disable what any says. A shadow-stack page is one whose last
 * entry is dirty and read-only, and whose others are writable (SDM 3A, "Shadow-Stack Accesses"). */
static uint8_t page_flags(const struct mmu_context *c, const struct walk *w) {
  const uint64_t last = w->entry[w->entries - 1];
  uint64_t all = last, any = last, tables = ENTRY_WRITABLE;
  for (unsigned i = 0; i + 1 < w->entries; i++) {
    all &= w->entry[i];
    any |= w->entry[i];
    tables &= w->entry[i];
  }
  unsigned flags = 0;
  if (all & ENTRY_WRITABLE) flags |= PAGE_WRITABLE;
  if (all & ENTRY_USER) flags |= PAGE_USER;
  if (c->no_execute && (any & ENTRY_NO_EXECUTE)) flags |= PAGE_NO_EXECUTE;
  if (c->global_pages && (last & ENTRY_GLOBAL)) flags |= PAGE_GLOBAL;
  if (last & ENTRY_DIRTY) flags |= PAGE_DIRTY;
  if (c->shadow_stacks && tables && (last & (ENTRY_DIRTY | ENTRY_WRITABLE)) == ENTRY_DIRTY) flags |= PAGE_SHADOW_STACK;
  return (uint8_t)flags;
}

static void describe_page(const struct mmu_context *c, struct walk *w, uint64_t linear, unsigned shift) {
  const uint64_t last = w->entry[w->entries - 1];
  w->page = (struct tlb_entry){.linear = linear >> shift << shift,
                               .physical = page_address(c, last, shift),
                               .flags = page_flags(c, w),
                               .key = c->mode >= PAGING_4_LEVEL ? ENTRY_KEY_OF(last) : 0,
                               .shift = (uint8_t)shift};
}

static enum walk_result walk_tables(const struct mmu *mmu, uint64_t linear, struct walk *w) {
  const struct mmu_context *c = &mmu->context;
  const unsigned index_bits = c->mode == PAGING_32 ? 10 : 9;
  w->entries = 0;
  w->entry_size = c->mode == PAGING_32 ? 4 : 8;
  if (!first_table(mmu, linear, &w->root)) return WALK_ABSENT;
  uint64_t table = w->root;
  for (unsigned level = c->levels;; level--) {
    const unsigned shift = PAGE_SHIFT + (level - 1) * index_bits;
    const uint64_t index = linear >> shift & ((1u << index_bits) - 1);
    const uint64_t address = on_bus(mmu, (table & c->address_bits) + index * w->entry_size);
    const uint64_t entry = read_entry(mmu, address, w->entry_size);
    const bool is_page = level == 1 || ((entry & ENTRY_PAGE_SIZE) && (c->page_levels >> level & 1));
    w->address[w->entries] = address;
    w->entry[w->entries++] = entry;
    if (!(entry & ENTRY_PRESENT)) return WALK_ABSENT;
    if (entry & (is_page ? c->reserved_page[level] : c->reserved_table[level])) return WALK_RESERVED;
    if (is_page) {
      describe_page(c, w, linear, shift);
      return WALK_GOOD;
    }
    table = entry;
  }
}

/* True: they were set already. */
static bool set_accessed_and_dirty(struct mmu *mmu, const struct walk *w, bool dirty) {
  bool unchanged = true;
  for (unsigned i = 0; i < w->entries; i++) {
    const bool is_last = i + 1 == w->entries;
    const uint64_t entry = w->entry[i] | ENTRY_ACCESSED | (is_last && dirty ? ENTRY_DIRTY : 0);
    if (entry == w->entry[i]) continue;
    physical_write(mmu->memory, w->address[i], &entry, w->entry_size);
    unchanged = false;
  }
  return unchanged;
}

/* --- permissions -------------------------------------------------------------------------------------------------- */

/* Protection keys: SDM 3A, "Protection Keys". */
static bool key_denies(const struct mmu_context *c, const struct tlb_entry *page, bool user_access, bool write) {
  const bool user_page = page->flags & PAGE_USER;
  if (user_page ? !c->user_keys : !c->supervisor_keys) return false;
  const uint32_t rights = (user_page ? c->pkru : c->pkrs) >> (2 * page->key);
  return (rights & 1) || ((rights & 2) && write && (user_access || c->write_protect));
}

static bool fetch_denied(const struct mmu_context *c, const struct tlb_entry *page, bool user_access) {
  return (page->flags & PAGE_NO_EXECUTE) || (!user_access && (page->flags & PAGE_USER) && c->smep);
}

static bool shadow_stack_denied(const struct tlb_entry *page, bool user_access) {
  return !(page->flags & PAGE_SHADOW_STACK) || user_access != ((page->flags & PAGE_USER) != 0);
}

static bool data_denied(const struct mmu *mmu, const struct tlb_entry *page, bool user_access, unsigned access) {
  const struct mmu_context *c = &mmu->context;
  if (!user_access && (page->flags & PAGE_USER) && c->smap &&
      ((access & MEM_SYSTEM) || !(mmu->vcpu->s.rflags & RFLAGS_AC)))
    return true;
  return (access & MEM_WRITE) && !(page->flags & PAGE_WRITABLE) && (user_access || c->write_protect);
}

/* Whether the page does not allow the access; FAULT_KEY is set in *error if its protection key does not. */
static bool is_denied(const struct mmu *mmu, const struct tlb_entry *page, unsigned access, uint32_t *error) {
  const bool user_access = access_is_user(mmu->vcpu, access);
  const bool beyond_user = user_access && !(page->flags & PAGE_USER);
  if (access & MEM_FETCH) return beyond_user || fetch_denied(&mmu->context, page, user_access);
  bool denied = beyond_user;
  if (access & MEM_SHADOW_STACK)
    denied |= shadow_stack_denied(page, user_access);
  else
    denied |= data_denied(mmu, page, user_access, access);
  if (!key_denies(&mmu->context, page, user_access, access & MEM_WRITE)) return denied;
  *error |= FAULT_KEY;
  return true;
}

static uint32_t access_error(const struct mmu *mmu, unsigned access) {
  uint32_t error = 0;
  if (access & MEM_WRITE) error |= FAULT_WRITE;
  if (access_is_user(mmu->vcpu, access)) error |= FAULT_USER;
  if ((access & MEM_FETCH) && mmu->context.fetch_code) error |= FAULT_FETCH;
  if (access & MEM_SHADOW_STACK) error |= FAULT_SHADOW_STACK;
  return error;
}

/* --- translation -------------------------------------------------------------------------------------------------- */

bool paging_grants(const struct mmu *mmu, const struct tlb_entry *entry, unsigned access) {
  uint32_t ignored = 0;
  if ((access & MEM_WRITE) && !(entry->flags & PAGE_DIRTY)) return false;
  return !is_denied(mmu, entry, access, &ignored);
}

static struct tlb_entry *missed(struct mmu *mmu, const struct tlb_entry *page) {
  vcpu_charge(mmu->vcpu, mmu->miss_cycles);
  return tlb_enter(mmu, page);
}

/* NULL: a fault, *error is its code. */
static struct tlb_entry *walk_and_enter(struct mmu *mmu, uint64_t linear, unsigned access, uint32_t *error) {
  struct walk w;
  const enum walk_result result = walk_tables(mmu, linear, &w);
  for (unsigned i = 0; mmu->caches && i < w.entries; i++) caches_walk(mmu->caches, w.address[i]);
  *error = access_error(mmu, access);
  if (result == WALK_ABSENT) return NULL;
  *error |= FAULT_PRESENT;
  if (result == WALK_RESERVED) *error |= FAULT_RESERVED;
  if (result == WALK_RESERVED || is_denied(mmu, &w.page, access, error)) return NULL;
  if (set_accessed_and_dirty(mmu, &w, access & MEM_WRITE)) known_walk_note(mmu, linear, &w);
  if (access & MEM_WRITE) w.page.flags |= PAGE_DIRTY;
  return missed(mmu, &w.page);
}

/* What follows from a TLB miss. */
static struct tlb_entry *fill(struct mmu *mmu, uint64_t linear, unsigned access, uint32_t *error) {
  uint64_t root;
  const struct tlb_entry *const known =
      first_table(mmu, linear, &root) ? known_walk_find(mmu, linear, root, access) : NULL;
  return known ? missed(mmu, known) : walk_and_enter(mmu, linear, access, error);
}

bool paging_resolve(struct mmu *mmu, uint64_t linear, unsigned access, uint64_t *physical, uint32_t *error) {
  if (mmu->context.mode == PAGING_OFF) {
    *physical = on_bus(mmu, (uint32_t)linear);
    fast_enter(mmu, access, linear, *physical, NULL);
    return true;
  }
  struct tlb_entry *entry = tlb_find(&mmu->tlb, linear);
  if (entry && !paging_grants(mmu, entry, access)) {
    fast_drop_entry(mmu, entry);
    entry->stamp = 0;
    mmu->tlb.changes++;
    entry = NULL;
  }
  if (!entry) entry = fill(mmu, linear, access, error);
  if (!entry) return false;
  *physical = on_bus(mmu, entry->physical + (linear - entry->linear));
  fast_enter(mmu, access, linear, *physical, entry);
  return true;
}

bool paging_translate(struct vcpu *v, uint64_t linear, unsigned access, uint64_t *physical) {
  uint32_t error = 0;
  if (!linear_is_canonical(v->mmu, linear)) {
    vcpu_raise_with_code(v, VECTOR_GP, 0);
    return false;
  }
  if (paging_resolve(v->mmu, linear, access, physical, &error)) return true;
  vcpu_raise_with_code(v, VECTOR_PF, error);
  v->exception.address = linear;
  return false;
}

/* --- translation without side effects, with reasons --------------------------------------------------------------- */

static enum vmxsim_walk_end why_denied(const struct mmu *mmu, const struct tlb_entry *page, unsigned access) {
  const bool user_access = access_is_user(mmu->vcpu, access), user_page = page->flags & PAGE_USER;
  uint32_t error = 0;
  if (!is_denied(mmu, page, access, &error)) return VMXSIM_WALK_MAPPED;
  if (error & FAULT_KEY) return VMXSIM_WALK_PROTECTION_KEY;
  if (user_access && !user_page) return VMXSIM_WALK_SUPERVISOR_PAGE;
  if (access & MEM_FETCH) return page->flags & PAGE_NO_EXECUTE ? VMXSIM_WALK_EXECUTE_DISABLED : VMXSIM_WALK_SMEP;
  if (access & MEM_SHADOW_STACK) return VMXSIM_WALK_NO_SHADOW_STACK;
  const bool read_denied = data_denied(mmu, page, user_access, access & ~(unsigned)MEM_WRITE);
  return read_denied ? VMXSIM_WALK_SMAP : VMXSIM_WALK_READ_ONLY;
}

static uint32_t error_code(const struct mmu *mmu, enum vmxsim_walk_end end, unsigned access) {
  uint32_t error = access_error(mmu, access);
  if (end != VMXSIM_WALK_NOT_PRESENT) error |= FAULT_PRESENT;
  if (end == VMXSIM_WALK_RESERVED_BIT) error |= FAULT_RESERVED;
  if (end == VMXSIM_WALK_PROTECTION_KEY) error |= FAULT_KEY;
  return error;
}

static void explain_walk(const struct mmu *mmu, uint64_t linear, unsigned access, struct vmxsim_walk *result) {
  struct walk w;
  physical_unmapped *const unmapped = mmu->memory->unmapped; /* is not to hear of tables where nothing is mapped */
  mmu->memory->unmapped = NULL;
  const enum walk_result end = walk_tables(mmu, linear, &w);
  mmu->memory->unmapped = unmapped;
  if (w.entries) {
    result->level = mmu->context.levels + 1U - w.entries;
    result->entry = w.entry[w.entries - 1];
    result->entry_address = w.address[w.entries - 1];
    result->entry_size = w.entry_size;
  } else { /* PAE paging: one of the four registers */
    result->level = 3;
    result->entry = mmu->vcpu->s.pdpte[linear >> 30 & 3];
  }
  if (end == WALK_ABSENT) result->end = VMXSIM_WALK_NOT_PRESENT;
  if (end == WALK_RESERVED) result->end = VMXSIM_WALK_RESERVED_BIT;
  if (end != WALK_GOOD) return;
  result->end = why_denied(mmu, &w.page, access);
  result->physical = on_bus(mmu, w.page.physical + (linear - w.page.linear));
  result->page_size = UINT64_C(1) << w.page.shift;
}

void mem_walk(const struct vcpu *v, uint64_t linear, unsigned access, struct vmxsim_walk *result) {
  const struct mmu *const mmu = v->mmu;
  *result = (struct vmxsim_walk){.end = VMXSIM_WALK_MAPPED, .linear = linear};
  if (mmu->context.mode == PAGING_OFF) {
    result->physical = on_bus(mmu, (uint32_t)linear);
    result->page_size = PAGE_SIZE;
  } else if (!linear_is_canonical(mmu, linear)) {
    result->end = VMXSIM_WALK_NOT_CANONICAL;
    return;
  } else {
    explain_walk(mmu, linear, access, result);
  }
  if (result->end != VMXSIM_WALK_MAPPED) {
    result->error_code = error_code(mmu, result->end, access);
  } else if (!physical_is_mapped(mmu->memory, result->physical, 1, false)) {
    result->end = VMXSIM_WALK_UNMAPPED;
  }
}

bool mem_translate_quietly(const struct vcpu *v, uint64_t linear, uint64_t *physical) {
  struct vmxsim_walk walk;
  mem_walk(v, linear, MEM_READ | MEM_SYSTEM, &walk);
  *physical = walk.physical;
  return walk.page_size != 0;
}

/* --- PAE paging's four registers ---------------------------------------------------------------------------------- */

bool mmu_load_pdptes(struct vcpu *v, uint64_t cr3) {
  const uint64_t reserved = PDPTE_RESERVED | ~(UINT64_MAX >> (64 - v->capabilities->phys_bits));
  uint64_t pdpte[4];
  physical_read(v->mmu->memory, on_bus(v->mmu, cr3 & CR3_PAE_TABLE), pdpte, sizeof pdpte);
  for (unsigned i = 0; i < 4; i++) {
    if (!(pdpte[i] & PDPTE_P) || !(pdpte[i] & reserved)) continue;
    vcpu_raise_with_code(v, VECTOR_GP, 0);
    return false;
  }
  memcpy(v->s.pdpte, pdpte, sizeof pdpte);
  return true;
}
