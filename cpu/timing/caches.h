/* The data caches of the timing model `memory`, by physical address: which lines they hold, not what is in them. Sizes
 * and latencies are caches.def.
 *
 * L1 and L2 belong to a vCPU, L3 to the machine. A line that is accessed is then in all three; the one that goes is the
 * one not accessed for longest. A store takes the line out of the L1 and L2 of all other vCPUs. Nothing else depends on
 * this: other models have none, and what memory holds never comes from here.
 */
#ifndef VMXSIM_CPU_TIMING_CACHES_H
#define VMXSIM_CPU_TIMING_CACHES_H

#include "cpu/state_table.h"
#include "cpu/vcpu.h"

enum cache_geometry {
#define CACHE(name, level, ways, sets, latency, source) \
  name##_WAYS = ways, name##_SETS = sets, name##_LATENCY = latency,
#define MEMORY_LATENCY(cycles, source) MEMORY_LATENCY_CYCLES = cycles,
#include "cpu/timing/caches.def"
#undef CACHE
#undef MEMORY_LATENCY
  CACHE_LINE = 64
};

struct caches;

/* Each set has its lines in order, the one accessed last first: address of the first byte plus 1; 0 for none. */
struct caches_shared {
  uint64_t l3[L3_SETS * L3_WAYS];
  struct caches *first; /* of the machine's vCPUs */
};

struct caches {
  uint64_t l1d[L1D_SETS * L1D_WAYS], l2[L2_SETS * L2_WAYS];
  struct vcpu *vcpu;
  struct caches_shared *shared;
  struct caches *next;
};

extern const struct state_table caches_shared_state, caches_state;

struct caches_shared *caches_shared_create(const struct vmxsim_allocator *allocator); /* NULL: no memory */
struct caches *caches_create(struct vcpu *vcpu, struct caches_shared *shared);        /* NULL: no memory */
void caches_destroy(struct caches *caches); /* the shared one: just released */

/* Accesses, of bytes of one page. What a load waits beyond a hit in L1, which is in the cycles of the op, is charged to
 * the vCPU; for a store nobody waits. */
void caches_load(struct caches *caches, uint64_t physical, size_t size);
void caches_store(struct caches *caches, uint64_t physical, size_t size);
/* An access of a page walk: no op has any of it. */
void caches_walk(struct caches *caches, uint64_t physical);

void caches_flush_line(struct caches *caches, uint64_t physical); /* everywhere: CLFLUSH */
void caches_flush(struct caches *caches);                         /* its own and the shared one: WBINVD */

#endif
