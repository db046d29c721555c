/* Bits of registers and error codes that the processor knows, beside those that rules speak of (vmcs/architecture.h).
 */
#ifndef VMXSIM_CPU_REGISTERS_H
#define VMXSIM_CPU_REGISTERS_H

#include <stdbool.h>

#include "vmcs/architecture.h"

#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_AM BIT(18)

#define CR3_PCID BITS(11, 0)
#define CR3_NO_FLUSH BIT(63)

#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_PKS BIT(24)
#define CR4_LAM_SUP BIT(28)

/* PDPTEs are registers then. */
static inline bool is_pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer) {
  return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

#define RFLAGS_CF BIT(0)
#define RFLAGS_ALWAYS_1 BIT(1)
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)
#define RFLAGS_NT BIT(14)
#define RFLAGS_RF BIT(16)
#define RFLAGS_AC BIT(18)
#define RFLAGS_VIF BIT(19)
#define RFLAGS_VIP BIT(20)
#define RFLAGS_ID BIT(21)
/* What POPF and IRET can load: all but the bits that are always 0 or 1. */
#define RFLAGS_DEFINED (BITS(21, 0) & ~(BIT(1) | BIT(3) | BIT(5) | BIT(15)))

#define DR6_FIXED UINT64_C(0xffff0ff0)
#define DR6_BREAKPOINTS BITS(3, 0)
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_BT BIT(15)
/* Pending debug exceptions, as the VMCS has them: with one of these they are delivered. */
#define PENDING_VALID (PENDING_DEBUG_ENABLED_BREAKPOINT | PENDING_DEBUG_BS)
#define DR7_FIXED BIT(10)
#define DR7_ENABLED BITS(7, 0)
#define DR7_GD BIT(13)
#define DEBUGCTL_LBR BIT(0)

#define APIC_BASE_BSP BIT(8)

#define MISC_ENABLE_MONITOR BIT(18)
#define MISC_ENABLE_LIMIT_CPUID BIT(22)
#define MISC_ENABLE_XD_DISABLE BIT(34)

#define MXCSR_INITIAL UINT32_C(0x1f80)
#define MXCSR_MASK UINT32_C(0xffff) /* bits that are not reserved */

/* IA32_U_CET, IA32_S_CET */
#define CET_SH_STK_EN BIT(0)
#define CET_WR_SHSTK_EN BIT(1)
#define CET_ENDBR_EN BIT(2)
#define CET_LEG_IW_EN BIT(3)
#define CET_NO_TRACK_EN BIT(4)
#define CET_SUPPRESS_DIS BIT(5)
/* Supervisor shadow-stack token */
#define TOKEN_BUSY BIT(0)

/* Error codes of #CP (SDM 3A, "Interrupt 21-Control Protection Exception") */
enum cp_error { CP_NEAR_RET = 1, CP_FAR_RET_IRET = 2, CP_ENDBRANCH = 3, CP_RSTORSSP = 4, CP_SETSSBSY = 5 };

#endif
