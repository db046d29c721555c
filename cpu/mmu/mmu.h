/* The memory-management unit of one vCPU: the modelled TLB, the fast cache of host pointers, and what both depend on.
 * Private to cpu/mmu/, but for mmu_create() and what is under "of the vCPU's owner".
 *
 * There are two caches. The TLB (tlb.c) is machine state: it holds translations as silicon does, stale ones included,
 * and its misses cost cycles. Its contents depend on nothing but the accesses that missed the last time and on flushes.
 * The fast cache (fast.c, mmu_fast.h) holds host addresses of pages that may be accessed without any further check;
 * what is in it is in the TLB (or paging is off), and it can be dropped at any time.
 */
#ifndef VMXSIM_CPU_MMU_MMU_H
#define VMXSIM_CPU_MMU_MMU_H

#include "cpu/mmu/physical.h"
#include "cpu/timing/caches.h"

/* --- of the vCPU's owner ------------------------------------------------------------------------------------------ */

/* vcpu->capabilities must be set; it gives the physical and linear address widths. The caller sets vcpu->mmu. */
struct mmu *mmu_create(struct vcpu *vcpu, struct physical_memory *memory); /* NULL: no memory */
void mmu_destroy(struct mmu *mmu);
void mmu_set_miss_cycles(struct mmu *mmu, unsigned cycles); /* timing_tlb_miss(); 0 at first */
/* The data caches of the timing model `memory`, NULL at first. They are to see all accesses: with them there is no data
 * in the fast cache. Destroyed with the unit. */
void mmu_set_caches(struct mmu *mmu, struct caches *caches);
void mmu_set_gigabyte_pages(struct mmu *mmu, bool present); /* CPUID.80000001H:EDX[26]; true at first */
void mmu_drop_fast(struct mmu *mmu);                        /* without any effect that software or a trace could see */

/* --- the fast cache ----------------------------------------------------------------------------------------------- */

enum { FAST_ENTRIES = 2048 };

/* Where there is no entry the tag has generation 0, which no table has. */
struct fast_entry {
  uint64_t tag;    /* linear address of the page, plus the table's generation */
  uint64_t addend; /* plus linear address: host address; for FAST_FETCH, physical address */
};

/* 12 bits of generation, never 0; moving to the next one empties the table. */
struct fast_table {
  uint64_t generation;
  struct fast_entry entry[FAST_ENTRIES];
};

enum fast_kind { FAST_READ, FAST_WRITE, FAST_FETCH, FAST_KINDS };
/* By privilege; EFLAGS.AC matters to a supervisor under SMAP. BANK_NONE stays empty: it is current where every access
 * has to be looked at (alignment checking). */
enum fast_bank_number { BANK_SUPERVISOR, BANK_SUPERVISOR_AC, BANK_USER, BANK_NONE, FAST_BANKS };

struct fast_bank {
  struct fast_table table[FAST_KINDS];
};

/* --- the TLB ------------------------------------------------------------------------------------------------------ */

enum page_flag {
  PAGE_WRITABLE = 1,
  PAGE_USER = 2,
  PAGE_NO_EXECUTE = 4,
  PAGE_GLOBAL = 8,
  PAGE_DIRTY = 16,
  PAGE_SHADOW_STACK = 32,
};

struct tlb_entry {
  uint64_t linear, physical; /* of the page's first byte */
  uint64_t stamp;            /* tlb.clock when it was filled; 0: empty */
  uint16_t pcid;
  uint16_t fast; /* tables of the fast cache it may be in: 1 << (bank * FAST_KINDS + kind) */
  uint8_t flags; /* enum page_flag */
  uint8_t key;   /* protection key */
  uint8_t shift; /* 12, 21, 22, 30 */
};

enum { TLB_WAYS = 6, TLB_PCIDS = 4096 };
enum tlb_class { TLB_SMALL, TLB_LARGE, TLB_HUGE, TLB_CLASSES }; /* 4 KiB; 2 and 4 MiB; 1 GiB */
enum { TLB_SMALL_SETS = 256, TLB_LARGE_SETS = 64, TLB_HUGE_SETS = 4 };

struct tlb_set {
  struct tlb_entry way[TLB_WAYS];
  uint64_t newest; /* stamp of any of them; older than a flush of everything: they are all gone */
  uint32_t next;   /* first in, first out: hits leave no trace, so that the fast cache cannot change what is evicted */
};

/* An entry is live if it is not older than the flush that would have removed it. */
struct tlb {
  uint64_t clock;           /* counts flushes */
  uint64_t all, all_local;  /* clock of the last flush of everything; of everything that is not global */
  uint64_t pcid[TLB_PCIDS]; /* of one PCID */
  uint64_t local;           /* the newest of these for the current PCID */
  uint64_t changes;         /* counts entries that were put in or taken out */
  uint16_t current;         /* PCID */
  bool used[TLB_CLASSES];   /* since everything was flushed */
  uint8_t large_shift;      /* 21 or 22 */
  struct tlb_set small[TLB_SMALL_SETS], large[TLB_LARGE_SETS], huge[TLB_HUGE_SETS];
};

/* --- what translations depend on ---------------------------------------------------------------------------------- */

enum paging_mode { PAGING_OFF, PAGING_32, PAGING_PAE, PAGING_4_LEVEL, PAGING_5_LEVEL };
enum { PAGING_LEVELS_MAX = 5 };

/* Worked out from the control registers when they change; `inputs` is what from, to see whether they have. */
struct mmu_context {
  enum paging_mode mode;
  uint64_t address_bits; /* of physical addresses in entries */
  uint64_t reserved_table[PAGING_LEVELS_MAX + 1], reserved_page[PAGING_LEVELS_MAX + 1]; /* by level; 1: page table */
  uint8_t page_levels; /* bit n: an entry of level n may map a page by its PS bit */
  uint8_t levels, linear_bits;
  uint8_t lam_user, lam_supervisor; /* address bits that LAM leaves: 0 for off, 48, 57 */
  bool write_protect, no_execute, smep, smap, user_keys, supervisor_keys, global_pages, fetch_code, shadow_stacks;
  uint32_t pkru, pkrs;
  uint64_t number; /* of these inputs: two that are equal get the same as long as they are remembered */
  uint64_t inputs[6];
};

/* The contexts that were current last: VM entries and VM exits go back and forth between two. */
enum { CONTEXTS = 4 };
struct context_history {
  struct mmu_context context[CONTEXTS];
  uint64_t count; /* that were worked out, ever */
};

/* --- walks ---------------------------------------------------------------------------------------------------------
 */

struct walk {
  struct tlb_entry page;
  uint64_t root;                                                 /* CR3, or one of the PDPTE registers */
  uint64_t address[PAGING_LEVELS_MAX], entry[PAGING_LEVELS_MAX]; /* read on the way, the last one maps the page */
  unsigned entries, entry_size;
};

/* A walk that found all as it wanted it, and had no bit to set. What it read is compared with what is there now: then
 * the walk need not be made again after a flush, though the TLB has to miss. */
enum { KNOWN_WALKS = 512 };
struct known_walk {
  uint64_t linear, root;
  uint64_t context; /* its number; 0: nothing is known */
  unsigned entries;
  const uint8_t *host[PAGING_LEVELS_MAX];
  uint64_t entry[PAGING_LEVELS_MAX];
  struct tlb_entry page;
};

/* --- watched data ------------------------------------------------------------------------------------------------- */

struct mem_watch {
  uint64_t first, last;
  bool is_physical; /* or linear */
  mem_hook *hook;
  void *context;
};

struct breakpoint {
  uint64_t first, last;
  bool on_read;
};
#define BREAKPOINT_OFF ((struct breakpoint){UINT64_MAX, 0, false}) /* overlaps with no access */

struct mmu {
  struct fast_bank *bank; /* of ordinary accesses at the current privilege */
  struct vcpu *vcpu;
  struct physical_memory *memory;
  struct physical_listener listener;
  struct mmu_context context;
  struct context_history history;
  unsigned miss_cycles;
  struct caches *caches; /* NULL: not modelled */
  bool has_gigabyte_pages, check_alignment;

  struct breakpoint breakpoint[4]; /* of DR0-DR3, if for data; else BREAKPOINT_OFF */
  bool any_breakpoint;             /* enabled, for data or not */
  bool any_watched;
  struct mem_watch *watch;
  size_t watches;

  struct tlb tlb;
  struct known_walk known_walk[KNOWN_WALKS];
  unsigned fast_filled; /* tables with something in them: 1 << (bank * FAST_KINDS + kind) */
  struct fast_bank banks[FAST_BANKS];
};

/* fast.c */
void fast_initialize(struct mmu *mmu);
void fast_drop_kind(struct mmu *mmu, enum fast_kind kind);
void fast_drop_entry(struct mmu *mmu, struct tlb_entry *entry); /* what was made from it */
/* Enters a page that an access has just been granted to, where it is plain memory that nobody watches. `entry` NULL:
 * paging off. */
void fast_enter(struct mmu *mmu, unsigned access, uint64_t linear, uint64_t physical, struct tlb_entry *entry);
enum fast_bank_number fast_bank_of(const struct mmu *mmu, unsigned access);

/* tlb.c */
void tlb_initialize(struct tlb *tlb);
struct tlb_entry *tlb_find(struct tlb *tlb, uint64_t linear);                 /* live, for the current PCID */
struct tlb_entry *tlb_enter(struct mmu *mmu, const struct tlb_entry *entry);  /* that tlb_find() has not found */
void tlb_place(struct tlb *tlb, const struct tlb_entry *entry, unsigned way); /* as it is, from a snapshot */
void tlb_set_current(struct tlb *tlb, uint16_t pcid);
void tlb_flush_all(struct tlb *tlb);
void tlb_flush_all_local(struct tlb *tlb);
void tlb_flush_pcid(struct tlb *tlb, uint16_t pcid);
void tlb_flush_page(struct mmu *mmu, uint64_t linear, uint16_t pcid, bool global_too);

/* context.c */
bool context_refresh(struct mmu *mmu);    /* true: something changed that the fast cache depends on */
void context_forget_all(struct mmu *mmu); /* something else that they depend on has changed */

/* known_walks.c */
/* What a walk to this address would find, if it would be granted and set no bit; NULL: walk. `root` as in the walk. */
const struct tlb_entry *known_walk_find(const struct mmu *mmu, uint64_t linear, uint64_t root, unsigned access);
void known_walk_note(struct mmu *mmu, uint64_t linear, const struct walk *walk);
void known_walks_forget(struct mmu *mmu); /* host addresses have changed */

/* paging.c */
/* The translation of a linear address that is canonical, or the error code of its page fault (false). */
bool paging_resolve(struct mmu *mmu, uint64_t linear, unsigned access, uint64_t *physical, uint32_t *error);
/* The same with the fault raised; checks canonicality too (#GP(0)). */
bool paging_translate(struct vcpu *vcpu, uint64_t linear, unsigned access, uint64_t *physical);
/* Whether an entry allows an access with nothing left to do (its dirty bit). */
bool paging_grants(const struct mmu *mmu, const struct tlb_entry *entry, unsigned access);
bool access_is_user(const struct vcpu *vcpu, unsigned access);

/* segmentation.c */
/* Segment and offset to a linear address, with all checks of both (#GP, #SS). Alignment is checked by the caller. */
bool segment_linear(struct vcpu *vcpu, unsigned segment, uint64_t offset, size_t size, unsigned access,
                    uint64_t *linear);
/* The same without a fault: how many bytes from `offset` on are inside the segment; 0 for none. */
uint64_t segment_span(const struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned access, uint64_t *linear);
bool alignment_good(struct vcpu *vcpu, uint64_t linear, size_t size); /* false: #AC pending */
/* Whether the linear address is, whatever else is wrong with it. */
bool segment_aligned(const struct vcpu *vcpu, unsigned segment, uint64_t offset, unsigned alignment);

/* watch.c */
bool watch_covers_page(const struct mmu *mmu, uint64_t linear, uint64_t physical);
void watch_note(struct mmu *mmu, const struct mem_touch *touch);
void watch_refresh(struct mmu *mmu); /* any_watched, and the fast cache dropped */

static inline bool linear_is_canonical(const struct mmu *mmu, uint64_t linear) {
  unsigned unused = 64u - mmu->context.linear_bits;
  return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

#endif
