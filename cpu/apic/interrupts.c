/* Interrupts in a local APIC: requested (IRR), in service (ISR), their trigger mode (TMR), and the processor priority
 * that decides between them. SDM 3A, "Handling Interrupts".
 */
#include "cpu/apic/apic_internal.h"

static void set_bit(uint32_t words[APIC_WORDS], uint8_t vector, bool value) {
  const uint32_t bit = UINT32_C(1) << (vector & 31);
  words[vector / 32] = value ? words[vector / 32] | bit : words[vector / 32] & ~bit;
}

static bool get_bit(const uint32_t words[APIC_WORDS], uint8_t vector) {
  return words[vector / 32] >> (vector & 31) & 1;
}

/* The highest vector whose bit is set, -1 if none is. */
static int highest(const uint32_t words[APIC_WORDS]) {
  for (int i = APIC_WORDS - 1; i >= 0; i--) {
    if (words[i]) return 32 * i + 31 - __builtin_clz(words[i]);
  }
  return -1;
}

uint32_t apic_ppr(const struct apic *apic) {
  const int in_service = highest(apic->isr);
  const uint32_t service = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;
  return (apic->tpr & 0xf0) >= service ? apic->tpr : service;
}

uint32_t apic_processor_priority(const struct apic *apic) {
  return apic_ppr(apic);
}

int apic_find_deliverable(const struct apic *apic) {
  if (!apic_is_enabled(apic)) return -1;
  const int vector = highest(apic->irr);
  if (vector < 0 || ((uint32_t)vector & 0xf0) <= (apic_ppr(apic) & 0xf0)) return -1;
  return vector;
}

void apic_update(struct apic *apic) {
  apic->deliverable = apic_find_deliverable(apic);
  if (apic->deliverable >= 0) vcpu_signal(apic->vcpu);
}

int apic_pending(const struct apic *apic) {
  return apic->deliverable;
}

bool apic_takes_interrupts(const struct apic *apic) {
  return apic_is_software_enabled(apic);
}

void apic_request(struct apic *apic, uint8_t vector, bool level) {
  if (!apic_is_software_enabled(apic)) return;
  if (vector < APIC_FIRST_VECTOR) {
    apic_error(apic, ERROR_RECEIVE_VECTOR);
    return;
  }
  set_bit(apic->irr, vector, true);
  set_bit(apic->tmr, vector, level);
  apic_update(apic);
}

/* A request that has gone since it was seen gives the spurious vector, which is not in service (SDM 3A, "Spurious
 * Interrupt"). */
int apic_acknowledge(struct apic *apic) {
  const int vector = apic->deliverable;
  if (vector < 0) return (int)(apic->svr & 0xff);
  set_bit(apic->irr, (uint8_t)vector, false);
  set_bit(apic->isr, (uint8_t)vector, true);
  apic_update(apic);
  return vector;
}

/* A local level-triggered interrupt (LINT0, LINT1) asks again while its pin is high. */
static void end_of_local_interrupt(struct apic *apic, uint8_t vector) {
  for (unsigned pin = 0; pin < 2; pin++) {
    uint32_t *lvt = &apic->lvt[APIC_LVT_LINT0 - APIC_LVT_TIMER + pin];
    if (!(*lvt & LVT_REMOTE_IRR) || (uint8_t)*lvt != vector) continue;
    *lvt &= ~(uint32_t)LVT_REMOTE_IRR;
    if (apic->lint[pin]) apic_deliver_lvt(apic, APIC_LVT_LINT0 + pin);
  }
}

void apic_end_of_interrupt(struct apic *apic) {
  const int vector = highest(apic->isr);
  if (vector < 0) return;
  set_bit(apic->isr, (uint8_t)vector, false);
  apic_update(apic);
  if (!get_bit(apic->tmr, (uint8_t)vector)) return;
  end_of_local_interrupt(apic, (uint8_t)vector);
  if (apic->eoi && !(apic->svr & SVR_NO_EOI_BROADCAST)) apic->eoi(apic->eoi_context, (uint8_t)vector);
}
