/* The local APIC, in xAPIC mode. */
#ifndef GUEST_LOCAL_APIC_H
#define GUEST_LOCAL_APIC_H

#include "kernel/types.h"

void local_apic_enable(void);
uint32_t local_apic_id(void);
void local_apic_end_of_interrupt(void);

void local_apic_send(uint32_t apic_id, uint8_t vector);
void local_apic_send_init_to_others(void);
void local_apic_send_start_up(uint32_t apic_id, uint8_t vector);

/* A periodic interrupt every `period` cycles of the bus clock; 0 stops it. */
void local_apic_timer(uint32_t period);

#endif
