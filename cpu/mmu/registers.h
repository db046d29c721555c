/* Bits of control registers, EFLAGS and paging-structure entries that translation depends on, beside those of
 * vmcs/architecture.h. */
#ifndef VMXSIM_CPU_MMU_REGISTERS_H
#define VMXSIM_CPU_MMU_REGISTERS_H

#include "vmcs/architecture.h"

#define CR0_AM BIT(18)
#define CR3_PCID BITS(11, 0)
#define CR4_PSE BIT(4)
#define CR4_PGE BIT(7)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_PKS BIT(24)
#define CR4_LAM_SUP BIT(28)
#define RFLAGS_AC BIT(18)

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
