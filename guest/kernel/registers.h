/* Bits of registers and of fields of the VMCS, and numbers of MSRs, that more than one file uses. Those that the
 * assembler needs as well are in boot/layout.h. */
#ifndef GUEST_REGISTERS_H
#define GUEST_REGISTERS_H

#include "boot/layout.h"
#include "kernel/types.h"

#define CR4_VMXE 0x2000

#define RFLAGS_FIXED UINT64_C(0x2)
#define RFLAGS_TF UINT64_C(0x100)
#define RFLAGS_IF UINT64_C(0x200)
#define RFLAGS_IOPL UINT64_C(0x3000)

#define DR6_FIXED 0xffff0ff0
#define DR7_FIXED 0x400
#define PENDING_BS UINT64_C(0x4000) /* single step: pending debug exceptions, DR6, exit qualification */

#define UNUSABLE 0x10000                  /* access rights */
#define BLOCKING_STI_MOV_SS UINT64_C(0x3) /* interruptibility state */

#define IA32_DEBUGCTL 0x1d9
#define IA32_FS_BASE 0xc0000100
#define IA32_GS_BASE 0xc0000101

#endif
