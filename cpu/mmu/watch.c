/* Data that is watched: breakpoints of DR0 to DR3, and the embedder's hooks. Pages with either never get into the fast
 * cache, so that only accesses to them come here.
 */
#include "cpu/mmu/mmu.h"

#include "cpu/allocate.h"
#include "cpu/mmu/registers.h"

static bool overlap(uint64_t first, uint64_t last, uint64_t other_first, uint64_t other_last) {
  return first <= other_last && other_first <= last;
}

bool watch_covers_page(const struct mmu *mmu, uint64_t linear, uint64_t physical) {
  const uint64_t first = linear & PAGE_MASK, last = linear | ~PAGE_MASK;
  for (unsigned i = 0; i < 4; i++)
    if (overlap(first, last, mmu->breakpoint[i].first, mmu->breakpoint[i].last)) return true;
  for (size_t i = 0; i < mmu->watches; i++) {
    const struct mem_watch *const w = &mmu->watch[i];
    const uint64_t page = w->is_physical ? physical & PAGE_MASK : first;
    if (overlap(page, page | ~PAGE_MASK, w->first, w->last)) return true;
  }
  return false;
}

/* An access in up to two pieces, each in one page. */
static bool touches(const struct mem_watch *w, const struct mem_touch *touch) {
  if (!w->is_physical) return overlap(touch->linear, touch->linear + (touch->size - 1), w->first, w->last);
  return overlap(touch->physical[0], touch->physical[0] + (touch->first - 1), w->first, w->last) ||
         (touch->first < touch->size &&
          overlap(touch->physical[1], touch->physical[1] + (touch->size - touch->first - 1), w->first, w->last));
}

/* A hook may add and remove hooks. */
static void call_hooks(struct mmu *mmu, const struct mem_touch *touch) {
  for (size_t i = 0; i < mmu->watches; i++) {
    const struct mem_watch w = mmu->watch[i];
    if (touches(&w, touch)) w.hook(w.context, mmu->vcpu, touch);
  }
}

void watch_note(struct mmu *mmu, const struct mem_touch *touch) {
  struct vcpu *v = mmu->vcpu;
  const uint64_t linear = touch->linear, last = linear + (touch->size - 1);
  for (unsigned i = 0; i < 4; i++) {
    const struct breakpoint *b = &mmu->breakpoint[i];
    if (!overlap(linear, last, b->first, b->last) || (!touch->write && !b->on_read)) continue;
    v->trap_dr6 |= BIT(i);
    vcpu_attend(v, ATTENTION_BOUNDARY);
  }
  call_hooks(mmu, touch);
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
  if (!enabled || !(kind & 1)) return BREAKPOINT_OFF;
  const uint64_t first = s->dr[n] & ~(uint64_t)(bytes[length] - 1);
  return (struct breakpoint){first, first + bytes[length] - 1, kind == 3};
}

void mem_breakpoints_changed(struct vcpu *v) {
  const bool any = v->s.dr7 & DR7_ENABLED;
  if (!any && !v->mmu->any_breakpoint) return;
  for (unsigned i = 0; i < 4; i++) v->mmu->breakpoint[i] = data_breakpoint(&v->s, i);
  v->mmu->any_breakpoint = any;
  watch_refresh(v->mmu);
}

bool mem_watch_range(struct vcpu *v, uint64_t first, uint64_t last, bool is_physical, mem_hook *hook, void *context) {
  struct mmu *mmu = v->mmu;
  struct mem_watch *watch = memory_resize(v->allocator, mmu->watch, (mmu->watches + 1) * sizeof *watch);
  if (!watch) return false;
  mmu->watch = watch;
  watch[mmu->watches++] = (struct mem_watch){first, last, is_physical, hook, context};
  watch_refresh(mmu);
  return true;
}

void mem_unwatch(struct vcpu *v, mem_hook *hook, const void *context) {
  struct mmu *mmu = v->mmu;
  for (size_t i = 0; i < mmu->watches; i++) {
    if (mmu->watch[i].hook != hook || mmu->watch[i].context != context) continue;
    mmu->watch[i] = mmu->watch[--mmu->watches];
    break;
  }
  watch_refresh(mmu);
}
