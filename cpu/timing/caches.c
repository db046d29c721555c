/* Looking up, replacing and dropping lines of the modelled data caches. */
#include "cpu/timing/caches.h"

#include <string.h>

#include "cpu/allocate.h"

static const struct state_field shared_fields[] = {STATE_ARRAY(struct caches_shared, l3)};
const struct state_table caches_shared_state = STATE_TABLE(shared_fields);

static const struct state_field fields[] = {STATE_ARRAY(struct caches, l1d), STATE_ARRAY(struct caches, l2)};
const struct state_table caches_state = STATE_TABLE(fields);

/* --- creation ----------------------------------------------------------------------------------------------------- */

struct caches_shared *caches_shared_create(const struct vmxsim_allocator *allocator) {
  return memory_allocate(allocator, sizeof(struct caches_shared));
}

struct caches *caches_create(struct vcpu *vcpu, struct caches_shared *shared) {
  struct caches *const caches = memory_allocate(vcpu->allocator, sizeof *caches);
  if (!caches) return NULL;
  caches->vcpu = vcpu;
  caches->shared = shared;
  caches->next = shared->first;
  shared->first = caches;
  return caches;
}

void caches_destroy(struct caches *caches) {
  struct caches **link = &caches->shared->first;
  while (*link != caches) link = &(*link)->next;
  *link = caches->next;
  memory_release(caches->vcpu->allocator, caches);
}

/* --- one set ------------------------------------------------------------------------------------------------------ */

static uint64_t tag_of(uint64_t physical) {
  return (physical & ~(uint64_t)(CACHE_LINE - 1)) + 1;
}

static uint64_t *set_of(uint64_t *lines, unsigned sets, unsigned ways, uint64_t tag) {
  return lines + tag / CACHE_LINE % sets * ways;
}

/* The line's place in its set, `ways` if it is not there. */
static unsigned place_in(const uint64_t *set, unsigned ways, uint64_t tag) {
  unsigned way = 0;
  while (way < ways && set[way] != tag) way++;
  return way;
}

/* The line comes first; returns whether it was there. */
static bool touch(uint64_t *lines, unsigned sets, unsigned ways, uint64_t tag) {
  uint64_t *const set = set_of(lines, sets, ways, tag);
  const unsigned way = place_in(set, ways, tag);
  memmove(set + 1, set, (way < ways ? way : ways - 1) * sizeof *set);
  set[0] = tag;
  return way < ways;
}

static void drop(uint64_t *lines, unsigned sets, unsigned ways, uint64_t tag) {
  uint64_t *const set = set_of(lines, sets, ways, tag);
  const unsigned way = place_in(set, ways, tag);
  if (way == ways) return;
  memmove(set + way, set + way + 1, (ways - way - 1) * sizeof *set);
  set[ways - 1] = 0;
}

/* --- all levels --------------------------------------------------------------------------------------------------- */

/* What a load takes. It does not go further than to the first cache that has the line. */
static unsigned access_line(struct caches *c, uint64_t tag) {
  if (touch(c->l1d, L1D_SETS, L1D_WAYS, tag)) return L1D_LATENCY;
  if (touch(c->l2, L2_SETS, L2_WAYS, tag)) return L2_LATENCY;
  if (touch(c->shared->l3, L3_SETS, L3_WAYS, tag)) return L3_LATENCY;
  return MEMORY_LATENCY_CYCLES;
}

static void drop_line(struct caches *c, uint64_t tag) {
  drop(c->l1d, L1D_SETS, L1D_WAYS, tag);
  drop(c->l2, L2_SETS, L2_WAYS, tag);
}

void caches_load(struct caches *c, uint64_t physical, size_t size) {
  const uint64_t last = tag_of(physical + size - 1);
  unsigned waits = 0;
  for (uint64_t tag = tag_of(physical); tag <= last; tag += CACHE_LINE) waits += access_line(c, tag) - L1D_LATENCY;
  if (waits) vcpu_charge(c->vcpu, waits);
}

void caches_store(struct caches *c, uint64_t physical, size_t size) {
  const uint64_t last = tag_of(physical + size - 1);
  for (uint64_t tag = tag_of(physical); tag <= last; tag += CACHE_LINE) {
    access_line(c, tag);
    for (struct caches *other = c->shared->first; other; other = other->next)
      if (other != c) drop_line(other, tag);
  }
}

void caches_walk(struct caches *c, uint64_t physical) {
  vcpu_charge(c->vcpu, access_line(c, tag_of(physical)));
}

void caches_flush_line(struct caches *c, uint64_t physical) {
  const uint64_t tag = tag_of(physical);
  for (struct caches *one = c->shared->first; one; one = one->next) drop_line(one, tag);
  drop(c->shared->l3, L3_SETS, L3_WAYS, tag);
}

void caches_flush(struct caches *c) {
  memset(c->l1d, 0, sizeof c->l1d);
  memset(c->l2, 0, sizeof c->l2);
  memset(c->shared->l3, 0, sizeof c->shared->l3);
}
