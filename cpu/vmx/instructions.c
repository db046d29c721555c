/* VMX instructions: the conditions that they share, in the manual's order, and the flags that they end with.
 *
 * #UD, then a VM exit in VMX non-root operation, then #GP(0); the rest is each instruction's own (instruction_*.c,
 * entry.c). SDM 3C, "VMX Instruction Reference".
 */
#include "cpu/vmx/internal.h"

static const struct {
  vmx_instruction *execute; /* in VMX root operation at CPL 0 */
  uint16_t exit_reason;
} opcodes[VMXSIM_VMX_OPCODES] = {
    [VMXSIM_VMXON] = {vmx_vmxon, VMXSIM_EXIT_vmxon},       [VMXSIM_VMXOFF] = {vmx_vmxoff, VMXSIM_EXIT_vmxoff},
    [VMXSIM_VMPTRLD] = {vmx_vmptrld, VMXSIM_EXIT_vmptrld}, [VMXSIM_VMPTRST] = {vmx_vmptrst, VMXSIM_EXIT_vmptrst},
    [VMXSIM_VMCLEAR] = {vmx_vmclear, VMXSIM_EXIT_vmclear}, [VMXSIM_VMREAD] = {vmx_vmread, VMXSIM_EXIT_vmread},
    [VMXSIM_VMWRITE] = {vmx_vmwrite, VMXSIM_EXIT_vmwrite}, [VMXSIM_VMLAUNCH] = {vmx_enter, VMXSIM_EXIT_vmlaunch},
    [VMXSIM_VMRESUME] = {vmx_enter, VMXSIM_EXIT_vmresume}, [VMXSIM_VMCALL] = {vmx_vmcall, VMXSIM_EXIT_vmcall},
    [VMXSIM_VMFUNC] = {NULL, VMXSIM_EXIT_vmfunc},          [VMXSIM_INVEPT] = {vmx_invept, VMXSIM_EXIT_invept},
    [VMXSIM_INVVPID] = {vmx_invvpid, VMXSIM_EXIT_invvpid},
};

static void trace_end(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                      enum vmxsim_vmx_fail fail, uint32_t error) {
  const enum vmxsim_vmx_opcode opcode = instruction->opcode;
  const bool has_operand = opcode == VMXSIM_VMXON || opcode == VMXSIM_VMPTRLD || opcode == VMXSIM_VMCLEAR;
  const bool is_access = opcode == VMXSIM_VMREAD || opcode == VMXSIM_VMWRITE;
  if (is_access && fail == VMXSIM_VMX_SUCCEED) return; /* traced with its value: instruction_fields.c */
  const struct vmxsim_vmx_trace what = {
      .kind = VMXSIM_VMX_TRACE_INSTRUCTION,
      .opcode = opcode,
      .fail = fail,
      .error = error,
      .pointer = has_operand ? vmx->operand : vmx->current,
      .encoding = is_access ? instruction->register_value : 0,
  };
  vmx_trace(vmx, &what);
}

enum vmxsim_vmx_result vmx_succeed(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  vmx->state->rflags &= ~RFLAGS_ARITHMETIC;
  trace_end(vmx, instruction, VMXSIM_VMX_SUCCEED, 0);
  return VMXSIM_VMX_DONE;
}

enum vmxsim_vmx_result vmx_fail_invalid(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  vmx->state->rflags = (vmx->state->rflags & ~RFLAGS_ARITHMETIC) | RFLAGS_CF;
  trace_end(vmx, instruction, VMXSIM_VMX_FAIL_INVALID, 0);
  return VMXSIM_VMX_DONE;
}

enum vmxsim_vmx_result vmx_fail(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                                uint32_t error) {
  if (vmx->current == VMXSIM_NO_VMCS) return vmx_fail_invalid(vmx, instruction);
  vmx->state->rflags = (vmx->state->rflags & ~RFLAGS_ARITHMETIC) | RFLAGS_ZF;
  SET_FIELD(vmx, vm_instruction_error, error);
  trace_end(vmx, instruction, VMXSIM_VMX_FAIL_VALID, error);
  return VMXSIM_VMX_DONE;
}

/* Virtual-8086 and compatibility mode. */
static bool mode_is_wrong(const struct vmxsim_state *state) {
  return (state->rflags & RFLAGS_VM) || ((state->efer & EFER_LMA) && !(state->segment[VMXSIM_CS].access_rights & AR_L));
}

static bool supports(const struct vmxsim_vmx *vmx, enum vmxsim_vmx_opcode opcode) {
  const uint64_t ept_vpid = vmx->capabilities->ia32_vmx_ept_vpid_cap;
  if (opcode == VMXSIM_INVEPT) return SUPPORTS(vmx, secondary, enable_ept) && (ept_vpid & EPT_CAP_INVEPT);
  if (opcode == VMXSIM_INVVPID) return SUPPORTS(vmx, secondary, enable_vpid) && (ept_vpid & EPT_CAP_INVVPID);
  return true;
}

/* #UD. VMCALL in VMX non-root operation causes its VM exit in every mode; VMFUNC exists nowhere else. */
static bool is_undefined(const struct vmxsim_vmx *vmx, enum vmxsim_vmx_opcode opcode) {
  const struct vmxsim_state *state = vmx->state;
  switch (opcode) {
  case VMXSIM_VMXON: return !(state->cr0 & CR0_PE) || !(state->cr4 & CR4_VMXE) || mode_is_wrong(state);
  case VMXSIM_VMCALL: return !vmx->in_vmx_operation || (!vmx->in_non_root && mode_is_wrong(state));
  case VMXSIM_VMFUNC: return !vmxsim_vmx_on(vmx, secondary, enable_vm_functions);
  default: return !vmx->in_vmx_operation || !(state->cr0 & CR0_PE) || mode_is_wrong(state) || !supports(vmx, opcode);
  }
}

static enum vmxsim_vmx_result exit_for(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction) {
  const struct vmxsim_vmx_exit exit = {
      .reason = opcodes[instruction->opcode].exit_reason,
      .qualification = instruction->qualification,
      .instruction_length = instruction->length,
      .instruction_information = instruction->instruction_information,
      .saved_rf = VMXSIM_RF_0,
  };
  vmxsim_vmx_exit(vmx, &exit);
  return VMXSIM_VMX_EXITED;
}

static enum vmxsim_vmx_result raise(struct vmxsim_vmx_fault *fault, uint8_t vector) {
  *fault = (struct vmxsim_vmx_fault){.vector = vector, .has_error_code = vector == VECTOR_GP};
  return VMXSIM_VMX_FAULT;
}

/* #GP(0): only VMXON outside VMX operation has more than the CPL to look at. */
static bool is_forbidden(const struct vmxsim_vmx *vmx, enum vmxsim_vmx_opcode opcode) {
  if (vmx_cpl(vmx->state) > 0) return true;
  return opcode == VMXSIM_VMXON && !vmx->in_vmx_operation && !vmx_may_enter_operation(vmx);
}

enum vmxsim_vmx_result vmxsim_vmx_execute(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                                          struct vmxsim_vmx_fault *fault) {
  const enum vmxsim_vmx_opcode opcode = instruction->opcode;
  if (is_undefined(vmx, opcode)) return raise(fault, VECTOR_UD);
  if (vmx->in_non_root) return exit_for(vmx, instruction);
  if (is_forbidden(vmx, opcode)) return raise(fault, VECTOR_GP);
  return opcodes[opcode].execute(vmx, instruction);
}
