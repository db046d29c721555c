/* The local vector table: which bits an entry has, and what a local interrupt does. SDM 3A, "Local Vector Table". */
#include "cpu/apic/apic_internal.h"

#include "cpu/events/events.h"

enum { DELIVERY_SHIFT = 8, DELIVERY_MASK = 7, LINT1_PIN = 1 };

static uint32_t timer_mode_bits(const struct apic *apic) {
  return apic_has_deadline_mode(apic) ? LVT_TIMER_MODE : LVT_TIMER_PERIODIC;
}

static uint32_t writable_bits(const struct apic *apic, unsigned reg) {
  enum { VECTOR = 0xff, DELIVERY = 7 << 8, POLARITY = 1 << 13 };
  switch (reg) {
  case APIC_LVT_TIMER: return VECTOR | LVT_MASKED | timer_mode_bits(apic);
  case APIC_LVT_ERROR: return VECTOR | LVT_MASKED;
  case APIC_LVT_LINT0:
  case APIC_LVT_LINT1: return VECTOR | DELIVERY | POLARITY | LVT_LEVEL | LVT_MASKED;
  default: return VECTOR | DELIVERY | LVT_MASKED;
  }
}

void apic_write_lvt(struct apic *apic, unsigned reg, uint32_t value) {
  uint32_t *lvt = &apic->lvt[reg - APIC_LVT_TIMER];
  const uint32_t before = *lvt;
  uint32_t after = (value & writable_bits(apic, reg)) | (before & LVT_REMOTE_IRR);
  if (!(after & LVT_LEVEL)) after &= ~(uint32_t)LVT_REMOTE_IRR;
  if (!(apic->svr & SVR_ENABLED)) after |= LVT_MASKED;
  *lvt = after;
  if (reg == APIC_LVT_TIMER) apic_timer_mode_changed(apic, before, after);
}

/* With the APIC disabled by software every entry is masked and stays so. */
void apic_mask_lvts(struct apic *apic) {
  for (unsigned i = 0; i < APIC_LVTS; i++) apic->lvt[i] |= LVT_MASKED;
}

static void deliver_fixed(struct apic *apic, unsigned reg) {
  uint32_t *lvt = &apic->lvt[reg - APIC_LVT_TIMER];
  const bool level = reg == APIC_LVT_LINT0 && (*lvt & LVT_LEVEL); /* LINT1 is always edge-triggered */
  if (level && (*lvt & LVT_REMOTE_IRR)) return;
  if (level) *lvt |= LVT_REMOTE_IRR;
  apic_request(apic, (uint8_t)*lvt, level);
}

void apic_deliver_lvt(struct apic *apic, unsigned reg) {
  const uint32_t lvt = apic->lvt[reg - APIC_LVT_TIMER];
  if (lvt & LVT_MASKED) return;
  const bool has_mode = reg != APIC_LVT_TIMER && reg != APIC_LVT_ERROR;
  switch (has_mode ? lvt >> DELIVERY_SHIFT & DELIVERY_MASK : APIC_FIXED) {
  case APIC_FIXED: deliver_fixed(apic, reg); break;
  case APIC_SMI: events_signal_smi(apic->vcpu); break;
  case APIC_NMI: events_signal_nmi(apic->vcpu); break;
  case APIC_INIT: events_signal_init(apic->vcpu); break;
  default: break; /* ExtINT is the virtual wire's, the rest is reserved */
  }
}

/* An error that itself cannot be delivered must not be an error again. */
void apic_error(struct apic *apic, uint32_t error) {
  apic->errors |= error;
  const uint32_t lvt = apic->lvt[APIC_LVT_ERROR - APIC_LVT_TIMER];
  if ((uint8_t)lvt >= APIC_FIRST_VECTOR) apic_deliver_lvt(apic, APIC_LVT_ERROR);
}

bool apic_accepts_virtual_wire(const struct apic *apic) {
  if (!apic_is_enabled(apic)) return true;
  const uint32_t lvt = apic->lvt[APIC_LVT_LINT0 - APIC_LVT_TIMER];
  return !(lvt & LVT_MASKED) && (lvt >> DELIVERY_SHIFT & DELIVERY_MASK) == APIC_EXTINT;
}

bool apic_lint0_only_interrupts(const struct apic *apic) {
  const uint32_t lvt = apic->lvt[APIC_LVT_LINT0 - APIC_LVT_TIMER], delivery = lvt >> DELIVERY_SHIFT & DELIVERY_MASK;
  return (lvt & LVT_MASKED) || delivery == APIC_FIXED || delivery == APIC_EXTINT;
}

/* A rising edge, or a level where one is configured. With the APIC off, LINT1 is the processor's NMI pin. */
void apic_set_lint(struct apic *apic, unsigned pin, bool level) {
  const bool rises = level && !apic->lint[pin];
  apic->lint[pin] = level;
  if (!rises) return;
  if (apic_is_enabled(apic)) {
    apic_deliver_lvt(apic, APIC_LVT_LINT0 + pin);
  } else if (pin == LINT1_PIN) {
    events_signal_nmi(apic->vcpu);
  }
}
