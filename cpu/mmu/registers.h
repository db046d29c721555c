/* Bits of paging-structure entries and of the error code of a page fault. */
#ifndef VMXSIM_CPU_MMU_REGISTERS_H
#define VMXSIM_CPU_MMU_REGISTERS_H

#include "cpu/registers.h"

#define ENTRY_PRESENT BIT(0)
#define ENTRY_WRITABLE BIT(1)
#define ENTRY_USER BIT(2)
#define ENTRY_ACCESSED BIT(5)
#define ENTRY_DIRTY BIT(6)
#define ENTRY_PAGE_SIZE BIT(7)
#define ENTRY_GLOBAL BIT(8)
#define ENTRY_KEY_OF(entry) ((entry) >> 59 & 15)
#define ENTRY_NO_EXECUTE BIT(63)

/* Error code of a page fault (SDM 3A, "Page-Fault Exceptions") */
#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u
#define FAULT_KEY 32u
#define FAULT_SHADOW_STACK 64u

#endif
