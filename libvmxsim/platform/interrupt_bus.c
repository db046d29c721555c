/* The bus between local APICs, I/O APIC and MSIs: finds who is meant, and hands messages over with the cycle they were
 * sent at. */
#include "libvmxsim/platform/platform.h"

#include "cpu/observe.h"

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_ALL_BUT_SELF };

static bool is_meant(const struct machine *machine, const struct apic_message *message, unsigned index) {
  switch (message->shorthand) {
  case SHORTHAND_SELF: return index == message->source;
  case SHORTHAND_ALL: return true;
  case SHORTHAND_ALL_BUT_SELF: return index != message->source;
  default: return apic_is_destination(machine->vcpu[index]->cpu.apic, message->destination, message->logical);
  }
}

/* Of those that are meant, the one with the lowest processor priority; of equals, the first. */
static unsigned arbitrate(const struct machine *machine, const struct apic_message *message) {
  unsigned best = machine->vcpus;
  for (unsigned i = 0; i < machine->vcpus; i++) {
    const struct apic *apic = machine->vcpu[i]->cpu.apic;
    if (!is_meant(machine, message, i) || !apic_takes_interrupts(apic)) continue;
    if (best == machine->vcpus ||
        apic_processor_priority(apic) < apic_processor_priority(machine->vcpu[best]->cpu.apic)) {
      best = i;
    }
  }
  return best;
}

/* Messages to oneself take effect at once; to others when their clock gets to where the sender's is. */
static void hand_over(struct machine *machine, const struct apic_message *message, unsigned index) {
  const struct vcpu *sender = machine_running(machine);
  const uint64_t cycle = index == machine->running ? sender->cycles : timing_now(sender);
  apic_receive(machine->vcpu[index]->cpu.apic, message, cycle);
}

static void tell(struct machine *machine, const struct apic_message *message) {
  struct vcpu *const v = &machine->vcpu[machine->running]->cpu;
  if (!observes(v, VMXSIM_EVENT_message)) return;
  struct vmxsim_event event = observe_begin(v, VMXSIM_EVENT_message);
  event.u.message.vector = message->vector;
  event.u.message.delivery = message->delivery;
  event.u.message.logical = message->logical;
  event.u.message.shorthand = message->shorthand;
  event.u.message.destination = message->destination;
  observe_tell(v, &event);
}

unsigned bus_deliver(struct machine *machine, const struct apic_message *message) {
  unsigned taken = 0;
  tell(machine, message);
  if (message->delivery == APIC_LOWEST && message->shorthand == SHORTHAND_NONE) {
    const unsigned one = arbitrate(machine, message);
    if (one == machine->vcpus) return 0;
    hand_over(machine, message, one);
    return 1;
  }
  for (unsigned i = 0; i < machine->vcpus; i++) {
    if (!is_meant(machine, message, i)) continue;
    hand_over(machine, message, i);
    taken++;
  }
  return taken;
}

void apic_bus_send(struct machine *machine, const struct apic_message *message) {
  bus_deliver(machine, message);
}
