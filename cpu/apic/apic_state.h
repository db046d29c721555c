/* The state of a local APIC as a table (struct apic), and what is worked out anew after it has been restored. */
#ifndef VMXSIM_CPU_APIC_APIC_STATE_H
#define VMXSIM_CPU_APIC_APIC_STATE_H

#include "cpu/apic/apic.h"
#include "cpu/state_table.h"

extern const struct state_table apic_state;
void apic_restored(struct apic *apic);

#endif
