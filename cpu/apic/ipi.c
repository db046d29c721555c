/* Interrupt messages: sending them by the ICR, whom a destination means, and what they do where they arrive.
 *
 * Who is on the bus is the machine's business (apic_bus_send()). SDM 3A, "Issuing Interprocessor Interrupts".
 */
#include "cpu/apic/apic_internal.h"

#include <string.h>

#include "cpu/events/events.h"

#define BROADCAST UINT32_MAX

/* --- sending --- */

static uint32_t destination_of_icr(const struct apic *apic, uint64_t icr) {
  if (apic_in_x2apic_mode(apic)) return (uint32_t)(icr >> 32);
  const uint32_t destination = (uint32_t)(icr >> 56);
  return destination == 0xff ? BROADCAST : destination;
}

static bool has_vector(unsigned delivery) {
  return delivery == APIC_FIXED || delivery == APIC_LOWEST;
}

/* An INIT level de-assert has done nothing since the Pentium 4 (SDM 3A, "Interrupt Command Register"). */
static bool is_init_deassert(uint64_t icr) {
  enum { LEVEL_ASSERT = 1 << 14, TRIGGER_LEVEL = 1 << 15 };
  return (icr & TRIGGER_LEVEL) && !(icr & LEVEL_ASSERT);
}

void apic_write_icr(struct apic *apic, uint64_t value) {
  enum { DELIVERY_STATUS = 1 << 12, LOGICAL = 1 << 11 };
  apic->icr = value & ~(uint64_t)DELIVERY_STATUS;
  const struct apic_message message = {
      .destination = destination_of_icr(apic, value),
      .logical = value & LOGICAL,
      .vector = (uint8_t)value,
      .delivery = value >> 8 & 7,
      .trigger_level = 0, /* IPIs are edge-triggered whatever the ICR says */
      .shorthand = value >> 18 & 3,
      .source = apic->vcpu->index,
  };
  if (has_vector(message.delivery) && message.vector < APIC_FIRST_VECTOR) {
    apic_error(apic, ERROR_SEND_VECTOR);
    return;
  }
  if (message.delivery == APIC_INIT && is_init_deassert(value)) return;
  if (message.delivery == 3 || message.delivery == APIC_EXTINT) return; /* reserved */
  apic_bus_send(apic->vcpu->machine, &message);
}

void apic_self_ipi(struct apic *apic, uint8_t vector) {
  if (vector < APIC_FIRST_VECTOR) {
    apic_error(apic, ERROR_SEND_VECTOR);
    return;
  }
  apic_request(apic, vector, false);
}

/* --- destinations --- */

/* In x2APIC mode the logical ID follows from the ID: cluster ID[31:4], bit ID[3:0]. */
uint32_t apic_logical_id(const struct apic *apic) {
  if (!apic_in_x2apic_mode(apic)) return apic->ldr;
  return (apic->initial_id >> 4) << 16 | UINT32_C(1) << (apic->initial_id & 15);
}

static bool matches_x2apic_logical(const struct apic *apic, uint32_t destination) {
  const uint32_t id = apic_logical_id(apic);
  return id >> 16 == destination >> 16 && (id & destination & 0xffff);
}

static bool matches_xapic_logical(const struct apic *apic, uint32_t destination) {
  const uint32_t id = apic->ldr >> 24;
  if (destination > 0xff) return false;
  if (apic->dfr >> 28 == 0xf) return id & destination;
  const bool same_cluster = destination >> 4 == 0xf || destination >> 4 == id >> 4;
  return same_cluster && (id & destination & 0xf);
}

bool apic_is_destination(const struct apic *apic, uint32_t destination, bool logical) {
  if (!apic_is_enabled(apic)) return false;
  if (destination == BROADCAST) return true;
  if (apic_in_x2apic_mode(apic)) {
    return logical ? matches_x2apic_logical(apic, destination) : destination == apic->initial_id;
  }
  return logical ? matches_xapic_logical(apic, destination) : destination == apic->id;
}

/* --- receiving --- */

static void accept(struct apic *apic, const struct apic_message *message) {
  struct vcpu *v = apic->vcpu;
  switch (message->delivery) {
  case APIC_FIXED:
  case APIC_LOWEST: apic_request(apic, message->vector, message->trigger_level); break;
  case APIC_SMI: events_signal_smi(v); break;
  case APIC_NMI: events_signal_nmi(v); break;
  case APIC_INIT: events_signal_init(v); break;
  case APIC_STARTUP: events_signal_sipi(v, message->vector); break;
  case APIC_EXTINT:
    v->interrupt_line = true;
    vcpu_signal(v);
    break;
  default: break;
  }
}

static void drop_first(struct apic *apic) {
  apic->inbox_count--;
  memmove(apic->inbox, apic->inbox + 1, apic->inbox_count * sizeof *apic->inbox);
}

/* Messages of one sender arrive in order; an inbox that is full gives up its oldest early rather than losing it. */
static void put_in_inbox(struct apic *apic, const struct apic_message *message, uint64_t cycle) {
  if (apic->inbox_count == APIC_INBOX) {
    accept(apic, &apic->inbox[0].message);
    drop_first(apic);
  }
  unsigned place = apic->inbox_count++;
  for (; place && apic->inbox[place - 1].cycle > cycle; place--) apic->inbox[place] = apic->inbox[place - 1];
  apic->inbox[place] = (struct inbox_entry){cycle, *message};
}

void apic_receive(struct apic *apic, const struct apic_message *message, uint64_t cycle) {
  vcpu_signal(apic->vcpu);
  if (cycle <= apic->vcpu->cycles) {
    accept(apic, message);
  } else {
    put_in_inbox(apic, message, cycle);
  }
}

void apic_take_inbox(struct apic *apic) {
  while (apic->inbox_count && apic->inbox[0].cycle <= apic->vcpu->cycles) {
    const struct apic_message message = apic->inbox[0].message;
    drop_first(apic);
    accept(apic, &message);
  }
}
