/* What a VM exit reports of the instruction that causes it: displacement and instruction information. */
#ifndef VMXSIM_CPU_EXEC_VMX_INFORMATION_H
#define VMXSIM_CPU_EXEC_VMX_INFORMATION_H

#include "cpu/vcpu.h"

/* The VM-exit instruction-information field. Bits that the manual calls undefined are 0. */
typedef uint32_t vmx_information(const struct vcpu *v, const struct ir_op *op);
vmx_information vmx_memory_information;     /* VMCLEAR, VMPTRLD, VMPTRST, VMXON, XRSTORS, XSAVES */
vmx_information vmx_field_information;      /* VMREAD, VMWRITE */
vmx_information vmx_invalidate_information; /* INVEPT, INVPCID, INVVPID */
vmx_information vmx_table_information;      /* LGDT, LIDT, SGDT, SIDT */
vmx_information vmx_selector_information;   /* LLDT, LTR, SLDT, STR */
vmx_information vmx_random_information;     /* RDRAND, RDSEED */
vmx_information vmx_register_information;   /* TPAUSE, UMWAIT */
vmx_information vmx_string_information;     /* INS, OUTS */

/* The exit qualification of the instructions with a memory operand above: its displacement, sign-extended; 0 for a
 * register. Of a RIP-relative one, the address. */
uint64_t vmx_displacement(struct vcpu *v, const struct ir_op *op);

#endif
