/* VMX operation on this processor: the engine of cpu/vmx/ and what joins it to the rest of cpu/.
 *
 *   vmx_port.c          what the engine asks of the processor
 *   vmx_instructions.c  VMXON to INVVPID; vmx_information.c: what VM exits report of an instruction
 *   vmx_fields.c        VMREAD and VMWRITE in VMX root operation
 *   vmx_tpr.c           CR8
 *   vmx_intercepts.def  VM exits that other instructions cause (vmx_intercepts.h)
 *
 * VM exits between instructions, and of events that are delivered, are cpu/events/.
 */
#ifndef VMXSIM_CPU_EXEC_VMX_H
#define VMXSIM_CPU_EXEC_VMX_H

#include "cpu/vcpu.h"

/* The handler of every instruction of VMX; and of some a quicker one, NULL if there is none. */
ir_execute exec_vmx;
ir_execute *vmx_bind_field(const struct ir_op *op); /* VMREAD, VMWRITE */

/* To be called once, before the first reset. Everything else of the vCPU but `vmx` has to be there. */
void exec_vmx_init(struct vcpu *vcpu);

/* A VM exit with s.rip as the guest is to be saved. After it the state is the host's: an op returns at once, and what
 * comes after it at the boundary leaves the host's state alone. */
void exec_vm_exit(struct vcpu *vcpu, const struct vmxsim_vmx_exit *exit);
/* The same for an op that causes it instead of being executed: RIP, instruction length and RFLAGS.RF are set here. */
void exec_vm_exit_for(struct vcpu *vcpu, const struct ir_op *op, struct vmxsim_vmx_exit exit);

/* CR8: that of the local APIC or, with "use TPR shadow", of the virtual-APIC page. vmx_tpr.c. */
uint64_t exec_tpr_read(const struct vcpu *vcpu);
void exec_tpr_write(struct vcpu *vcpu, uint64_t priority_class);

#endif
