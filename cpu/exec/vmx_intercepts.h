/* VM exits that instructions cause in VMX non-root operation: the table vmx_intercepts.def, and the functions that it
 * names. In that mode exec_bind() gives an instruction of the table a handler that either exits or goes on to the
 * ordinary one; outside it none of this is there.
 */
#ifndef VMXSIM_CPU_EXEC_VMX_INTERCEPTS_H
#define VMXSIM_CPU_EXEC_VMX_INTERCEPTS_H

#include "cpu/exec/exec.h"

/* The handler of an op in VMX non-root operation; NULL: the ordinary one, the op is not in the table. */
ir_execute *vmx_bind_intercept(const struct ir_op *op);

/* vmx_intercept_checks.c: faults that come before an exit; false: one is pending. */
typedef bool vmx_check(struct vcpu *v, const struct ir_op *op);
vmx_check vmx_needs_privilege;  /* CPL 0, else #GP(0) */
vmx_check vmx_needs_supervisor; /* CPL 0 in protected mode, else #UD */
vmx_check vmx_needs_port;       /* IOPL and the I/O permission bitmap, where an element is due at all */
vmx_check vmx_needs_xsave;      /* CR4.OSXSAVE, else #UD; CPL 0, else #GP(0) */

/* vmx_intercept_conditions.c: whether an instruction exits that passes those checks. */
typedef bool vmx_condition(struct vcpu *v, const struct ir_op *op);
vmx_condition vmx_getsec_exits, vmx_xsetbv_exits, vmx_rsm_exits, vmx_pause_exits;
vmx_condition vmx_rdmsr_exits, vmx_wrmsr_exits, vmx_msr_list_exits;
vmx_condition vmx_mov_cr_exits, vmx_clts_exits, vmx_lmsw_exits;
vmx_condition vmx_io_exits, vmx_xss_exits, vmx_encls_exits, vmx_enclv_exits, vmx_pconfig_exits;

/* vmx_intercept_details.c: exit qualifications. */
typedef uint64_t vmx_qualification(struct vcpu *v, const struct ir_op *op);
vmx_qualification vmx_one, vmx_monitor_armed, vmx_invlpg_address;
vmx_qualification vmx_mov_cr_access, vmx_clts_access, vmx_lmsw_access, vmx_mov_dr_access, vmx_io_access;
/* The guest-linear address: of the memory operand of LMSW, INS and OUTS; 0 for all else. */
uint64_t vmx_guest_linear_address(const struct vcpu *v, const struct ir_op *op);

/* The port of IN, OUT, INS and OUTS, and the bytes of an element. */
uint16_t vmx_io_port(const struct vcpu *v, const struct ir_op *op);
unsigned vmx_io_size(const struct ir_op *op);

#endif
