/* Data that is watched: breakpoints of DR0 to DR3, and the embedder's hooks. Pages with either never get into the fast
 * cache, so that only accesses to them come here.
 */
#include <stdlib.h>

#include "cpu/mmu/mmu.h"
#include "cpu/mmu/registers.h"

static bool overlap(uint64_t first, uint64_t last, uint64_t other_first, uint64_t other_last) {
  return first <= other_last && other_first <= last;
}

bool watch_covers_page(const struct mmu *mmu, uint64_t linear) {
  const uint64_t first = linear & PAGE_MASK, last = linear | ~PAGE_MASK;
  for (unsigned i = 0; i < 4; i++)
    if (overlap(first, last, mmu->breakpoint[i].first, mmu->breakpoint[i].last)) return true;
  for (size_t i = 0; i < mmu->watches; i++)
    if (overlap(first, last, mmu->watch[i].first, mmu->watch[i].last)) return true;
  return false;
}

void watch_note(struct mmu *mmu, uint64_t linear, size_t size, bool write) {
  struct vcpu *v = mmu->vcpu;
  const uint64_t last = linear + (size - 1);
  for (unsigned i = 0; i < 4; i++) {
    const struct breakpoint *b = &mmu->breakpoint[i];
    if (!overlap(linear, last, b->first, b->last) || (!write && !b->on_read)) continue;
    v->trap_dr6 |= BIT(i);
    v->attention |= ATTENTION_BOUNDARY;
  }
  for (size_t i = 0; i < mmu->watches; i++) {
    const struct mem_watch *w = &mmu->watch[i];
    if (overlap(linear, last, w->first, w->last)) w->hook(w->context, v, linear, size, write);
  }
}

void watch_refresh(struct mmu *mmu) {
  mmu->any_watched = mmu->watches > 0;
  for (unsigned i = 0; i < 4; i++) mmu->any_watched |= mmu->breakpoint[i].first <= mmu->breakpoint[i].last;
  fast_drop_kind(mmu, FAST_READ);
  fast_drop_kind(mmu, FAST_WRITE);
}

/* SDM 3B, "Debug Control Register (DR7)": R/W is 01 for writes, 11 for reads and writes; LEN 10 is 8 bytes. */
static struct breakpoint data_breakpoint(const struct vmxsim_state *s, unsigned n) {
  static const uint8_t bytes[4] = {1, 2, 8, 4};
  const unsigned kind = s->dr7 >> (16 + 4 * n) & 3, length = s->dr7 >> (18 + 4 * n) & 3;
  const bool enabled = s->dr7 >> (2 * n) & 3;
  if (!enabled || !(kind & 1)) return (struct breakpoint){1, 0, false};
  const uint64_t first = s->dr[n] & ~(uint64_t)(bytes[length] - 1);
  return (struct breakpoint){first, first + bytes[length] - 1, kind == 3};
}

void mem_breakpoints_changed(struct vcpu *v) {
  for (unsigned i = 0; i < 4; i++) v->mmu->breakpoint[i] = data_breakpoint(&v->s, i);
  watch_refresh(v->mmu);
}

bool mem_watch_range(struct vcpu *v, uint64_t first, uint64_t last, mem_hook *hook, void *context) {
  struct mmu *mmu = v->mmu;
  struct mem_watch *watch = realloc(mmu->watch, (mmu->watches + 1) * sizeof *watch);
  if (!watch) return false;
  mmu->watch = watch;
  watch[mmu->watches++] = (struct mem_watch){first, last, hook, context};
  watch_refresh(mmu);
  return true;
}

void mem_unwatch_range(struct vcpu *v, uint64_t first, uint64_t last, mem_hook *hook, void *context) {
  struct mmu *mmu = v->mmu;
  for (size_t i = 0; i < mmu->watches; i++) {
    const struct mem_watch *w = &mmu->watch[i];
    if (w->first != first || w->last != last || w->hook != hook || w->context != context) continue;
    mmu->watch[i] = mmu->watch[--mmu->watches];
    break;
  }
  watch_refresh(mmu);
}
