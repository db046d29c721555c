/* The local APIC's timer, in its three modes, on the cycles of its vCPU. SDM 3A, "APIC Timer".
 *
 * It counts one a cycle at divide-by-1. Kept is only the cycle of the next expiry; the current count follows from it.
 */
#include "cpu/apic/apic_internal.h"

#include "cpu/timing/timing.h"

#define STOPPED UINT64_MAX

static uint32_t *timer_lvt(struct apic *apic) {
  return &apic->lvt[0];
}

static bool is_deadline_mode(const struct apic *apic) {
  return (apic->lvt[0] & LVT_TIMER_MODE) == LVT_TIMER_DEADLINE;
}

/* Divide configuration: bits 3, 1, 0 are 0 to 6 for 2 to 128 and 7 for 1. */
static uint64_t divisor(const struct apic *apic) {
  const uint32_t code = (apic->divide & 3) | (apic->divide >> 1 & 4);
  return UINT64_C(1) << ((code + 1) & 7);
}

void apic_timer_reset(struct apic *apic) {
  apic->initial_count = 0;
  apic->divide = 0;
  apic->expiry = STOPPED;
  apic->vcpu->s.tsc_deadline = 0;
}

static void start_at(struct apic *apic, uint64_t now, uint32_t count) {
  apic->expiry = count ? now + count * divisor(apic) : STOPPED;
}

void apic_timer_start(struct apic *apic, uint32_t count) {
  if (is_deadline_mode(apic)) return;
  apic->initial_count = count;
  start_at(apic, timing_now(apic->vcpu), count);
}

uint32_t apic_timer_count(const struct apic *apic) {
  const uint64_t now = timing_now(apic->vcpu);
  if (apic->expiry == STOPPED || apic->expiry <= now) return 0;
  return (uint32_t)((apic->expiry - now + divisor(apic) - 1) / divisor(apic));
}

/* A running timer goes on from its count with the new divisor. */
void apic_timer_divide(struct apic *apic, uint32_t value) {
  const uint32_t count = apic_timer_count(apic);
  apic->divide = value & 0xb;
  if (count) start_at(apic, timing_now(apic->vcpu), count);
}

/* Going to or from TSC-deadline mode disarms; between one-shot and periodic the count goes on. */
void apic_timer_mode_changed(struct apic *apic, uint32_t before, uint32_t after) {
  const bool was_deadline = (before & LVT_TIMER_MODE) == LVT_TIMER_DEADLINE;
  const bool is_deadline = (after & LVT_TIMER_MODE) == LVT_TIMER_DEADLINE;
  if (was_deadline == is_deadline) return;
  apic->expiry = STOPPED;
  apic->initial_count = 0;
  apic->vcpu->s.tsc_deadline = 0;
}

void apic_timer_set_deadline(struct apic *apic, uint64_t tsc) {
  if (is_deadline_mode(apic)) apic->vcpu->s.tsc_deadline = tsc;
}

/* At a boundary: the TSC is cycles plus offset there. */
static uint64_t deadline_cycle(const struct apic *apic) {
  const struct vcpu *v = apic->vcpu;
  if (!v->s.tsc_deadline) return STOPPED;
  const uint64_t tsc = v->cycles + v->s.tsc_offset;
  const uint64_t left = v->s.tsc_deadline > tsc ? v->s.tsc_deadline - tsc : 0;
  return left > STOPPED - v->cycles ? STOPPED : v->cycles + left;
}

static uint64_t timer_cycle(const struct apic *apic) {
  return is_deadline_mode(apic) ? deadline_cycle(apic) : apic->expiry;
}

bool apic_has_mail(const struct apic *apic) {
  return apic->inbox_count != 0;
}

uint64_t apic_next_event(const struct apic *apic) {
  const uint64_t timer = timer_cycle(apic);
  const uint64_t message = apic->inbox_count ? apic->inbox[0].cycle : STOPPED;
  return timer < message ? timer : message;
}

/* Several periods that have gone by at once are one interrupt, as their IRR bit is one. */
static void reload(struct apic *apic) {
  const uint64_t period = apic->initial_count * divisor(apic);
  if (!(*timer_lvt(apic) & LVT_TIMER_PERIODIC) || !period) {
    apic->expiry = STOPPED;
    return;
  }
  const uint64_t late = apic->vcpu->cycles - apic->expiry;
  apic->expiry += (late / period + 1) * period;
}

void apic_timer_expired(struct apic *apic) {
  if (timer_cycle(apic) <= apic->vcpu->cycles) {
    if (is_deadline_mode(apic)) {
      apic->vcpu->s.tsc_deadline = 0;
    } else {
      reload(apic);
    }
    apic_deliver_lvt(apic, APIC_LVT_TIMER);
  }
  apic_take_inbox(apic);
}
