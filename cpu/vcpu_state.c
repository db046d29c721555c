/* The state of a vCPU as tables: the architectural state, x87 to AVX, and what lies between two instructions. At a
 * boundary there is no more: no op executes and no exception is pending. */
#include "cpu/vcpu_state.h"

#include "cpu/exec/flags.h"
#include "cpu/exec/wait.h"
#include "cpu/mmu/mmu.h"

#define NUMBER(member) STATE_NUMBER(struct vmxsim_state, member)
#define ARRAY(member) STATE_ARRAY(struct vmxsim_state, member)
#define FLAG(member) STATE_FLAG(struct vmxsim_state, member)
#define SEGMENT(of) NUMBER(of.selector), NUMBER(of.limit), NUMBER(of.access_rights), NUMBER(of.base)
#define SEGMENTS(member) STATE_EACH(struct vmxsim_state, segment, member)

static const struct state_field architectural[] = {
    ARRAY(gpr),
    NUMBER(rip),
    NUMBER(rflags),
    SEGMENTS(selector),
    SEGMENTS(limit),
    SEGMENTS(access_rights),
    SEGMENTS(base),
    SEGMENT(ldtr),
    SEGMENT(tr),
    NUMBER(gdtr.base),
    NUMBER(gdtr.limit),
    NUMBER(idtr.base),
    NUMBER(idtr.limit),
    NUMBER(cr0),
    NUMBER(cr2),
    NUMBER(cr3),
    NUMBER(cr4),
    NUMBER(xcr0),
    ARRAY(dr),
    NUMBER(dr6),
    NUMBER(dr7),
    ARRAY(pdpte),
    NUMBER(efer),
    NUMBER(star),
    NUMBER(lstar),
    NUMBER(cstar),
    NUMBER(fmask),
    NUMBER(kernel_gs_base),
    NUMBER(tsc_aux),
    NUMBER(sysenter_cs),
    NUMBER(sysenter_esp),
    NUMBER(sysenter_eip),
    NUMBER(pat),
    NUMBER(debugctl),
    NUMBER(misc_enable),
    NUMBER(spec_ctrl),
    NUMBER(xss),
    NUMBER(pkrs),
    NUMBER(feature_control),
    NUMBER(apic_base),
    NUMBER(smbase),
    NUMBER(u_cet),
    NUMBER(s_cet),
    ARRAY(pl_ssp),
    NUMBER(interrupt_ssp_table),
    NUMBER(ssp),
    NUMBER(pkru),
    NUMBER(mtrr_def_type),
    ARRAY(mtrr_fix),
    ARRAY(mtrr_base),
    ARRAY(mtrr_mask),
    NUMBER(mcg_status),
    NUMBER(ds_area),
    NUMBER(tsc_offset),
    NUMBER(tsc_adjust),
    NUMBER(tsc_deadline),
    NUMBER(umwait_control),
    NUMBER(bios_sign_id),
    NUMBER(power_ctl),
    NUMBER(rtit_ctl),
    NUMBER(rtit_status),
    NUMBER(rtit_cr3_match),
    ARRAY(rtit_addr),
    ARRAY(mci_ctl),
    ARRAY(mci_status),
    ARRAY(mci_addr),
    ARRAY(mci_misc),
    STATE_UP_TO(struct vmxsim_state, activity, VMXSIM_MWAIT),
    FLAG(in_smm),
    FLAG(blocking_by_sti),
    FLAG(blocking_by_mov_ss),
    FLAG(blocking_by_nmi),
    NUMBER(pending_debug),
};
const struct state_table architectural_state = STATE_TABLE(architectural);

#undef NUMBER
#undef FLAG
#define NUMBER(member) STATE_NUMBER(struct vcpu, member)
#define FLAG(member) STATE_FLAG(struct vcpu, member)

static const struct state_field between_instructions[] = {
    NUMBER(cycles),
    FLAG(nmi_pending),
    FLAG(nmi_pending_2),
    FLAG(smi_pending),
    FLAG(init_pending),
    FLAG(sipi_pending),
    FLAG(machine_check_pending),
    NUMBER(sipi_vector),
    FLAG(tpr_below_threshold),
    FLAG(interrupt_line),
    NUMBER(trap_dr6),
    NUMBER(monitor_address),
    FLAG(monitor_armed),
    FLAG(monitor_written),
    FLAG(shadow_is_new),
    FLAG(resume_is_new),
    FLAG(single_step),
    FLAG(in_repetition),
    FLAG(branch_taken),
    FLAG(wait_ignores_if),
    FLAG(wait_has_limit),
    NUMBER(wake_cycle),
    FLAG(ignne),
    FLAG(a20_off),
};
const struct state_table vcpu_state = STATE_TABLE(between_instructions);

#undef NUMBER
#define NUMBER(member) STATE_NUMBER(struct fpu, member)

static const struct state_field floating_point[] = {
    STATE_EACH(struct fpu, st, significand),
    STATE_EACH(struct fpu, st, sign_exponent),
    NUMBER(control),
    NUMBER(status),
    STATE_UP_TO(struct fpu, top, 7),
    NUMBER(tags),
    NUMBER(opcode),
    NUMBER(instruction),
    NUMBER(data),
    NUMBER(instruction_selector),
    NUMBER(data_selector),
    NUMBER(mxcsr),
    STATE_BYTES(struct fpu, ymm),
};
const struct state_table fpu_state = STATE_TABLE(floating_point);

#undef NUMBER
#undef ARRAY
#undef FLAG
#define NUMBER(member) STATE_NUMBER(struct vmxsim_vmx, member)
#define ARRAY(member) STATE_ARRAY(struct vmxsim_vmx, member)
#define FLAG(member) STATE_FLAG(struct vmxsim_vmx, member)

/* The verdict on the last VM entry is left out: it is found again. */
static const struct state_field vmx_operation[] = {
    FLAG(in_vmx_operation),
    FLAG(in_non_root),
    FLAG(aborted),
    NUMBER(vmxon_pointer),
    NUMBER(current),
    ARRAY(vmcs.value),
    ARRAY(vmcs.known.word),
    NUMBER(vmcs.revision_identifier),
    FLAG(vmcs.shadow),
    FLAG(vmcs.launched),
    NUMBER(vmcs.abort_indicator),
    ARRAY(controls),
    FLAG(mtf_pending),
    FLAG(vectoring_valid),
    STATE_UP_TO(struct vmxsim_vmx, vectoring.type, 7),
    NUMBER(vectoring.vector),
    FLAG(vectoring.has_error_code),
    NUMBER(vectoring.error_code),
    NUMBER(vectoring.instruction_length),
    NUMBER(preemption_deadline),
    NUMBER(ple_first),
    NUMBER(ple_last),
    FLAG(before_smm.cr4_vmxe),
    FLAG(before_smm.in_vmx_operation),
    FLAG(before_smm.in_non_root),
    STATE_UP_TO(struct vmxsim_vmx, before_smm.ss_dpl, 3),
    FLAG(before_smm.rflags_vm),
    FLAG(before_smm.blocking_by_sti),
    FLAG(before_smm.blocking_by_mov_ss),
    FLAG(before_smm.virtual_nmi_blocking),
    FLAG(before_smm.mtf_pending),
};
const struct state_table vmx_state = STATE_TABLE(vmx_operation);

void vcpu_settle(struct vcpu *v) {
  flags_read(v);
}

void vcpu_restored(struct vcpu *v) {
  v->lazy.kind = LAZY_NONE;
  v->exception.pending = false;
  v->current = NULL;
  v->vmx.verdict_holds = false;
  vcpu_update_mode(v);
  mmu_mode_changed(v);
  mmu_drop_fast(v->mmu);
  mem_breakpoints_changed(v);
  wait_watch(v);
}
