/* Memory as instructions see it: segmentation, paging, the TLB, and physical memory behind it.
 *
 * Every function that returns bool returns false with an exception pending in the vCPU (or, for physical accesses, if
 * there is nothing at the address), having changed nothing.
 */
#ifndef VMXSIM_CPU_MMU_MEMORY_H
#define VMXSIM_CPU_MMU_MEMORY_H

#include "cpu/vcpu.h"
#include "vmxsim/memory.h"

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };
#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

/* --- as instructions see it: segment:offset, at the current privilege ------------------------------------------- */

/* `offset` is already truncated to the address size. size is 1, 2, 4 or 8. */
bool mem_read(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t *value);
bool mem_write(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t value);
/* Any size up to 64 bytes (SSE, x87, descriptors). `alignment` 0: #AC unless aligned as EFLAGS.AC may ask; 1: any will
 * do; otherwise #GP(0) unless so aligned, before anything else is looked at. */
bool mem_read_bytes(struct vcpu *vcpu, unsigned segment, uint64_t offset, void *bytes, size_t size, unsigned alignment);
bool mem_write_bytes(struct vcpu *vcpu, unsigned segment, uint64_t offset, const void *bytes, size_t size,
                     unsigned alignment);

/* Read-modify-write: checks for reading and writing first, so that the write cannot fail. `locked` as LOCK has it. */
struct mem_rmw {
  uint8_t *host; /* NULL: through `physical` */
  uint64_t physical[2];
  uint8_t first; /* bytes on the first page */
  uint8_t size;
};
bool mem_rmw_read(struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned size, uint64_t *value,
                  struct mem_rmw *rmw);
void mem_rmw_write(struct vcpu *vcpu, const struct mem_rmw *rmw, uint64_t value);
/* The same for CMPXCHG16B. */
bool mem_rmw16_read(struct vcpu *vcpu, unsigned segment, uint64_t offset, uint64_t value[2], struct mem_rmw *rmw);
void mem_rmw16_write(struct vcpu *vcpu, const struct mem_rmw *rmw, const uint64_t value[2]);

/* Can these bytes be written? Faults as a write would. For instructions that write several things and must commit all
 * or nothing (PUSHA, ENTER, far calls, XSAVE). `alignment` 0 or 1 as above. */
bool mem_probe_write(struct vcpu *vcpu, unsigned segment, uint64_t offset, size_t size, unsigned alignment);

/* For operands that are accessed in pieces: #GP(0) or #SS(0) unless all of it is within its segment and canonical, then
 * #AC as EFLAGS.AC may ask of `unit` bytes. */
bool mem_check_operand(struct vcpu *vcpu, unsigned segment, uint64_t offset, size_t size, unsigned unit, bool write);

/* The cache line at segment:offset is written back and, but to `keep` it, dropped. Faults as a load of a byte would. */
bool mem_flush_line(struct vcpu *vcpu, unsigned segment, uint64_t offset, bool keep);

/* Effective address of an op's memory operand, truncated to its address size. */
uint64_t mem_effective_address(const struct vcpu *vcpu, const struct ir_op *op);

/* For REP MOVS and STOS: a host pointer to RAM for the rest of the page at segment:offset, or NULL where the slow way
 * has to be gone (the first access to the page, MMIO, watchpoints, code pages to be written, fault). *bytes is how many
 * up to the page's end. Changes nothing. */
uint8_t *mem_host_span(struct vcpu *vcpu, unsigned segment, uint64_t offset, bool write, size_t *bytes);

/* --- as the processor itself accesses it: linear addresses ------------------------------------------------------- */

enum mem_access {
  MEM_READ = 0,
  MEM_WRITE = 1,
  MEM_FETCH = 2,
  MEM_SYSTEM = 4,       /* implicit supervisor access: descriptor tables, TSS, event delivery */
  MEM_SHADOW_STACK = 8, /* shadow-stack access */
  MEM_USER = 16,        /* as CPL 3 whatever the CPL (CET user shadow stacks) */
};
bool mem_read_linear(struct vcpu *vcpu, uint64_t linear, unsigned size, enum mem_access access, uint64_t *value);
bool mem_write_linear(struct vcpu *vcpu, uint64_t linear, unsigned size, enum mem_access access, uint64_t value);

/* --- watched data: hooks and breakpoints ------------------------------------------------------------------------- */

/* A data access that can fault no more: `first` of its bytes are on the first page. A read-modify-write is one write,
 * seen before memory changes; others are seen when they are done. */
struct mem_touch {
  uint64_t linear, physical[2];
  size_t first, size;
  bool write;
};
/* Called for every data access that touches first ... last: linear or physical addresses. */
typedef void mem_hook(void *context, struct vcpu *vcpu, const struct mem_touch *touch);
bool mem_watch_range(struct vcpu *vcpu, uint64_t first, uint64_t last, bool is_physical, mem_hook *hook,
                     void *context);                                      /* false: no memory */
void mem_unwatch(struct vcpu *vcpu, mem_hook *hook, const void *context); /* one such range */
/* After DR0-DR3 or DR7 has changed. Hits of data breakpoints are then collected in trap_dr6, with ATTENTION_BOUNDARY
 * set. */
void mem_breakpoints_changed(struct vcpu *vcpu);

/* --- translations ------------------------------------------------------------------------------------------------ */

/* Physical address of the code at s.rip for the block cache; false: #PF, #GP pending. */
bool mem_translate_fetch(struct vcpu *vcpu, uint64_t linear, uint64_t *physical);
/* The linear address of `size` bytes of code at CS:rip, checked against CS.limit or for canonicality; false: #GP(0)
 * pending. */
bool mem_code_linear(struct vcpu *vcpu, uint64_t rip, unsigned size, uint64_t *linear);
/* Without side effects (no A/D bits, no TLB fill, no fault): for the embedder and the debugger. `access`: enum
 * mem_access. The second is for where permissions do not matter. */
void mem_walk(const struct vcpu *vcpu, uint64_t linear, unsigned access, struct vmxsim_walk *walk);
bool mem_translate_quietly(const struct vcpu *vcpu, uint64_t linear, uint64_t *physical);

/* After s.cr3 or s.cr4 has been written: what is not global and of the current PCID; or everything of all PCIDs. They
 * do what mmu_mode_changed() does, too. */
void mmu_flush_all(struct vcpu *vcpu, bool global_too);
void mmu_flush_translations(struct vcpu *vcpu, bool global_too); /* without that */
void mmu_flush_page(struct vcpu *vcpu, uint64_t linear);         /* INVLPG */
void mmu_invpcid(struct vcpu *vcpu, unsigned type, uint16_t pcid, uint64_t linear);
/* To be called when any of this has changed: CPL, CR0.PG, CR0.WP, CR0.AM, CR3 (without a flush), CR4, EFER, EFLAGS.AC,
 * PKRU, PKRS, IA32_APIC_BASE. Cheap; it flushes nothing that software could miss. */
void mmu_mode_changed(struct vcpu *vcpu);
/* A number that is another one after any change of what the TLB holds. */
uint64_t mmu_translation_changes(const struct mmu *mmu);
bool mmu_load_pdptes(struct vcpu *vcpu, uint64_t cr3);           /* false: #GP(0) pending */
bool mmu_is_canonical(const struct vcpu *vcpu, uint64_t linear); /* by CR4.LA57 */
void mmu_flush_caches(struct vcpu *vcpu);                        /* INVD, WBINVD */

/* A20M#: while it is off, bit 20 of every physical address of the vCPU is 0. */
void mem_set_a20(struct vcpu *vcpu, bool on);

/* --- physical memory: one map a machine -------------------------------------------------------------------------- */

struct physical_memory;

enum physical_kind { PHYSICAL_RAM, PHYSICAL_ROM, PHYSICAL_MMIO };
typedef uint64_t mmio_read(void *context, uint64_t offset, unsigned size);
typedef void mmio_write(void *context, uint64_t offset, unsigned size, uint64_t value);

struct physical_memory *physical_create(const struct vmxsim_allocator *allocator); /* NULL: no memory */
void physical_destroy(struct physical_memory *memory);
/* Page-aligned. RAM and ROM are `host`'s bytes, which stay the caller's. Later mappings cover earlier ones. */
bool physical_map(struct physical_memory *memory, uint64_t address, uint64_t size, enum physical_kind kind,
                  uint8_t *host);
bool physical_map_mmio(struct physical_memory *memory, uint64_t address, uint64_t size, mmio_read *read,
                       mmio_write *write, void *context);
bool physical_unmap(struct physical_memory *memory, uint64_t address, uint64_t size);
/* Makes ROM of RAM or RAM of ROM, all of which is mapped; false: it is not, or no memory. */
bool physical_protect(struct physical_memory *memory, uint64_t address, uint64_t size, enum physical_kind kind);
/* Whether all of it is mapped; `only_memory`: as RAM or ROM. */
bool physical_is_mapped(struct physical_memory *memory, uint64_t address, uint64_t size, bool only_memory);
/* Accesses of any size, across pages and regions; unmapped memory reads as ones and ignores writes, unless
 * physical_on_unmapped() has said who answers. Writes to pages with decoded code invalidate it (all vCPUs). */
void physical_read(struct physical_memory *memory, uint64_t address, void *bytes, size_t size);
void physical_write(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size);
/* Accesses of 1, 2, 4, 8 bytes to addresses where nothing is mapped; a read sets *value, which is all ones before. */
typedef void physical_unmapped(void *context, uint64_t address, unsigned size, bool write, uint64_t *value);
void physical_on_unmapped(struct physical_memory *memory, physical_unmapped *unmapped, void *context);
/* The same; ROM is written, too. */
void physical_write_through(struct physical_memory *memory, uint64_t address, const void *bytes, size_t size);
/* Told of accesses to MMIO: behind reads, before writes. */
typedef void physical_device_accessed(void *context, uint64_t address, unsigned size, bool write, uint64_t value);
void physical_on_device(struct physical_memory *memory, physical_device_accessed *accessed, void *context);
/* The bytes of a RAM or ROM page, NULL for anything else. */
uint8_t *physical_page(struct physical_memory *memory, uint64_t address);
/* Pages with decoded code: a write to one calls `invalidate` with the bytes of the page that were written (none if the
 * page was replaced), after which
 * the page counts as having none. physical_watch_code_bytes() says more exactly where code is, by 64 bytes: writes to
 * the rest of the page then leave its blocks alone. Lines that MONITOR watches are watched so, too. */
typedef void physical_code_written(void *context, uint64_t address, size_t size);
void physical_watch_code_bytes(struct physical_memory *memory, uint64_t address, size_t size);
void physical_watch_code(struct physical_memory *memory, uint64_t page, bool has_code);
void physical_on_code_written(struct physical_memory *memory, physical_code_written *invalidate, void *context);
/* Dirty log: pages written since the last call, as bits. */
void physical_dirty_log(struct physical_memory *memory, uint64_t address, uint64_t size, uint64_t *bits, bool clear);

/* --- for snapshots (physical_snapshot.c) -------------------------------------------------------------------------- */

struct physical_extent {
  uint64_t first, last;
  enum physical_kind kind;
  const uint8_t *host; /* NULL for MMIO */
};
bool physical_region_at(const struct physical_memory *memory, size_t index, struct physical_extent *extent);
/* The contents of a page of RAM, NULL for zeros; one that has them already is left alone. */
void physical_set_page(struct physical_memory *memory, uint64_t page, const uint8_t *bytes);
/* From now on, which pages have been written; the first one at or above `from`, false if there is none. */
void physical_forget_changes(struct physical_memory *memory);
bool physical_next_change(const struct physical_memory *memory, uint64_t from, uint64_t *page);

#endif
