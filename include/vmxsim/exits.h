/* Names of what a VM entry or a VM exit reports: exit reasons, VM-instruction errors.
 *
 * SDM 3D, appendix "VMX Basic Exit Reasons"; SDM 3C, "VM Instruction Error Numbers".
 */
#ifndef VMXSIM_EXITS_H
#define VMXSIM_EXITS_H

#include "vmxsim/bits.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Basic exit reasons: VMXSIM_EXIT_vmcall = 18 and so on. */
enum vmxsim_exit_reason_number {
#define EXIT_REASON(number, name, term, when) VMXSIM_EXIT_##name = (number),
#include "vmxsim/tables/exit_reasons.def"
#undef EXIT_REASON
};

/* VM-instruction errors: VMXSIM_ERROR_NUMBER_vmclear_with_vmxon_pointer = 3 and so on. */
enum vmxsim_instruction_error_number {
#define INSTRUCTION_ERROR(number, name, term) VMXSIM_ERROR_NUMBER_##name = (number),
#include "vmxsim/tables/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

struct vmxsim_numbered_name {
  uint32_t number;
  const char *name;  /* "vmcall" */
  const char *term;  /* the manual's: "VMCALL" */
  const char *about; /* a sentence */
};

/* The basic exit reason (bits 15:0) or error number; NULL if the manual names none. */
const struct vmxsim_numbered_name *vmxsim_exit_reason(uint32_t number);
const struct vmxsim_numbered_name *vmxsim_instruction_error(uint32_t number);
/* By table position, NULL past the last. */
const struct vmxsim_numbered_name *vmxsim_exit_reason_at(size_t index);
const struct vmxsim_numbered_name *vmxsim_instruction_error_at(size_t index);
/* By name, term or macro name of vmcs/exit_reason_aliases.def; NULL if unknown. */
const struct vmxsim_numbered_name *vmxsim_exit_reason_from_name(const char *name, size_t length);

/* What the exit qualification holds after an exit for a basic exit reason. */
struct vmxsim_exit_qualification {
  uint32_t reason;
  vmxsim_layout layout; /* its bits, or VMXSIM_LAYOUT_COUNT if it is one number */
  const char *what;     /* that number: "displacement of the operand"; "" with a layout */
  const char *when;     /* which kind of exit of this reason: "page fault (#PF)"; "" if there is only one */
};

/* The n-th kind of qualification of a basic exit reason, NULL past the last: none means that it is 0. */
const struct vmxsim_exit_qualification *vmxsim_exit_qualification(uint32_t reason, size_t n);

#ifdef __cplusplus
}
#endif
#endif
