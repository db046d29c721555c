/* The state of a local APIC as a table. */
#include "cpu/apic/apic_internal.h"
#include "cpu/apic/apic_state.h"

#define NUMBER(member) STATE_NUMBER(struct apic, member)
#define ARRAY(member) STATE_ARRAY(struct apic, member)
#define MESSAGE(member) STATE_USED(struct apic, inbox_count, inbox, member)

static const struct state_field fields[] = {
    NUMBER(id),
    NUMBER(tpr),
    NUMBER(ldr),
    NUMBER(dfr),
    NUMBER(svr),
    ARRAY(isr),
    ARRAY(tmr),
    ARRAY(irr),
    NUMBER(errors),
    NUMBER(errors_read),
    NUMBER(icr),
    ARRAY(lvt),
    STATE_FLAGS(struct apic, lint),
    NUMBER(initial_count),
    NUMBER(divide),
    NUMBER(expiry),
    STATE_UP_TO(struct apic, inbox_count, APIC_INBOX),
    MESSAGE(cycle),
    MESSAGE(message.destination),
    STATE_USED_RANGE(struct apic, inbox_count, inbox, message.logical, 0, 1),
    MESSAGE(message.vector),
    MESSAGE(message.delivery),
    MESSAGE(message.trigger_level),
    MESSAGE(message.shorthand),
    MESSAGE(message.source),
};
const struct state_table apic_state = STATE_TABLE(fields);

/* Without a signal: that was given when the interrupt was requested. */
void apic_restored(struct apic *apic) {
  apic->deliverable = apic_find_deliverable(apic);
}
