/* Which processors there are, by ACPI's tables. */
#ifndef GUEST_ACPI_H
#define GUEST_ACPI_H

#include "kernel/types.h"

/* The local APIC IDs of usable processors, in the order of the MADT; 0 if there is none. */
unsigned acpi_find_processors(uint8_t *apic_ids, unsigned room);

#endif
