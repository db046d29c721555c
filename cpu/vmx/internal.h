/* What the stages of the VMX engine share. Private to cpu/vmx/. */
#ifndef VMXSIM_CPU_VMX_INTERNAL_H
#define VMXSIM_CPU_VMX_INTERNAL_H

#include "cpu/registers.h"
#include "cpu/vectors.h"
#include "vmxsim/vmx.h"

typedef enum vmxsim_vmx_result vmx_instruction(struct vmxsim_vmx *vmx,
                                               const struct vmxsim_vmx_instruction *instruction);

#define FIELD(vmx, name) ((vmx)->vmcs.value[VMXSIM_FIELD_##name])
#define SET_FIELD(vmx, name, to) vmx_set_field((vmx), VMXSIM_FIELD_##name, (to))
/* A control of the VM entry or VM exit under way. */
#define CONTROL(vmx, word, name) (((vmx)->controls[VMXSIM_WORD_##word] >> VMXSIM_BIT_##word##_##name) & 1)
/* Whether the processor knows a control: its 1-setting is allowed. */
#define SUPPORTS(vmx, word, name) (((vmx)->capabilities->word##_may_be_1 >> VMXSIM_BIT_##word##_##name) & 1)

/* A field counts as changed only if its value differs: that is what the next VM entry evaluates again. */
static inline void vmx_set_field(struct vmxsim_vmx *vmx, vmxsim_field field, uint64_t value) {
  if (vmx->vmcs.value[field] == value) return;
  vmx->vmcs.value[field] = value;
  vmxsim_field_set_add(&vmx->vmcs.changed, field);
}

/* Fields of the eight segment registers stand in this order, one kind after the other; the first six are those of
 * enum vmxsim_segment_number. */
enum { SEGMENT_LDTR = VMXSIM_SEGMENTS, SEGMENT_TR, SEGMENT_REGISTERS };
_Static_assert(VMXSIM_FIELD_guest_tr_selector - VMXSIM_FIELD_guest_es_selector == SEGMENT_TR &&
                   VMXSIM_FIELD_guest_tr_limit - VMXSIM_FIELD_guest_es_limit == SEGMENT_TR &&
                   VMXSIM_FIELD_guest_tr_access_rights - VMXSIM_FIELD_guest_es_access_rights == SEGMENT_TR &&
                   VMXSIM_FIELD_guest_tr_base - VMXSIM_FIELD_guest_es_base == SEGMENT_TR,
               "guest segment fields stand in one order");
static inline struct vmxsim_segment *vmx_segment(struct vmxsim_state *state, unsigned n) {
  return n < VMXSIM_SEGMENTS ? &state->segment[n] : n == SEGMENT_LDTR ? &state->ldtr : &state->tr;
}

/* Bits of CR0 that neither VM entry nor VM exit changes: ET, NW, CD and the reserved ones. */
#define CR0_NEVER_LOADED (BITS(63, 32) | CR0_CD | CR0_NW | BITS(28, 19) | BIT(17) | BITS(15, 6) | BIT(4))

static inline bool vmx_uses_pae_paging(const struct vmxsim_state *state) {
  return is_pae_paging(state->cr0, state->cr4, state->efer);
}

static inline uint64_t vmx_get_bytes(const uint8_t *at, unsigned count) {
  uint64_t value = 0;
  for (unsigned i = 0; i < count; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}
static inline void vmx_put_bytes(uint8_t *at, uint64_t value, unsigned count) {
  for (unsigned i = 0; i < count; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static inline void vmx_trace(const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_trace *what) {
  if (vmx->port->trace) vmx->port->trace(vmx->context, vmx, what);
}

/* vmx.c */
uint64_t vmx_read_memory(const struct vmxsim_vmx *vmx, uint64_t address, unsigned bytes);
void vmx_write_memory(const struct vmxsim_vmx *vmx, uint64_t address, uint64_t value, unsigned bytes);
void vmx_establish_controls(struct vmxsim_vmx *vmx);
unsigned vmx_cpl(const struct vmxsim_state *state);
bool vmx_cr_is_allowed(const struct vmxsim_capabilities *capabilities, unsigned cr, uint64_t value);

/* instructions.c: the ends of an instruction. VMfail is VMfailValid if there is a current VMCS. */
enum vmxsim_vmx_result vmx_succeed(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction);
enum vmxsim_vmx_result vmx_fail_invalid(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction);
enum vmxsim_vmx_result vmx_fail(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                                uint32_t error);

/* instruction_operation.c, instruction_pointers.c, instruction_fields.c, instruction_invalidate.c, entry.c */
bool vmx_may_enter_operation(const struct vmxsim_vmx *vmx);
vmx_instruction vmx_vmxon, vmx_vmxoff, vmx_vmcall;
vmx_instruction vmx_vmptrld, vmx_vmptrst, vmx_vmclear;
vmx_instruction vmx_vmread, vmx_vmwrite;
vmx_instruction vmx_invept, vmx_invvpid;
vmx_instruction vmx_enter;

/* The operand of VMXON, VMPTRLD and VMCLEAR; false: it faulted. And whether a VMX region can be at an address. */
bool vmx_read_pointer(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction, uint64_t *pointer);
bool vmx_region_may_be_at(const struct vmxsim_vmx *vmx, uint64_t address);
/* There is no current VMCS any more: its data go to its region. */
void vmx_release_current(struct vmxsim_vmx *vmx);

/* Stages of a VM entry. vmx_load_guest() leaves out MSR lists and injection. */
struct vmxsim_outcome vmx_evaluate_entry(struct vmxsim_vmx *vmx, bool vmresume); /* entry_checks.c */
void vmx_load_guest(struct vmxsim_vmx *vmx);                                     /* entry_load_guest.c */
void vmx_inject(struct vmxsim_vmx *vmx);                                         /* entry_inject.c */

/* Stages of a VM exit. */
void vmx_record_exit(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit); /* exit_record.c */
void vmx_save_guest(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit);  /* exit_save_guest.c */
bool vmx_load_host(struct vmxsim_vmx *vmx); /* exit_load_host.c; false: PDPTEs are not valid */
/* Loads the host and its MSR list: the end of VM exits and of VM entries that fail late. exit.c */
void vmx_return_to_host(struct vmxsim_vmx *vmx);

/* Indicators of a VMX abort (SDM 3C, "VMX Aborts"); 3 and 5 do not occur. */
enum vmx_abort_indicator {
  ABORT_SAVING_GUEST_MSRS = 1,
  ABORT_HOST_PDPTES = 2,
  ABORT_LOADING_HOST_MSRS = 4,
  ABORT_HOST_NOT_IA32E = 6,
};
void vmx_abort(struct vmxsim_vmx *vmx, enum vmx_abort_indicator indicator); /* abort.c */

/* msr_lists.c: each gives the number (from 1) of the entry that failed, 0 if none. */
uint32_t vmx_load_msrs(struct vmxsim_vmx *vmx, uint64_t area, uint32_t count);
uint32_t vmx_store_msrs(struct vmxsim_vmx *vmx, uint64_t area, uint32_t count);

/* timer.c */
#define VMX_NO_PAUSE UINT64_MAX /* ple_last: no PAUSE at CPL 0 since the VM entry */
void vmx_start_timer(struct vmxsim_vmx *vmx);
uint32_t vmx_timer_value(const struct vmxsim_vmx *vmx);

/* The MSRs that VM entry and VM exit can load or save and that are not in vmxsim_state: other_msrs.c */
void vmx_load_guest_msrs(struct vmxsim_vmx *vmx);
void vmx_save_guest_msrs(struct vmxsim_vmx *vmx);
void vmx_load_host_msrs(struct vmxsim_vmx *vmx);
/* Those that nearly every VM entry or VM exit looks at: 0 where the processor around has none. */
enum vmx_usual_msr { USUAL_BNDCFGS, USUAL_LBR_CTL, USUAL_RTIT_CTL, USUAL_UINTR_MISC };
/* Intel PT in VMX operation: without it VMXON ends a trace. */
bool vmx_allows_trace(const struct vmxsim_vmx *vmx);
void vmx_end_trace(struct vmxsim_vmx *vmx);
uint64_t vmx_read_usual_msr(struct vmxsim_vmx *vmx, enum vmx_usual_msr which);

#endif
