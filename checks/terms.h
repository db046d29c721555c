/* The words of the manual that rules are written in, over F(), CAP(), CPU() and MEMORY_READ().
 *
 * Those four are defined by each file that expands the catalog (full.c reads plain memory; partial.c also
 * notes what was not known).
 */
#ifndef VMXSIM_CHECKS_TERMS_H
#define VMXSIM_CHECKS_TERMS_H

#include "vmcs/architecture.h"

/* clang-format off */

#define ALWAYS 1

/* A control, as it takes effect: secondary and tertiary controls count as 0 while their activation is 0. */
#define ON(word, control) CONTROL_BIT(word, control, WORD_##word)
#define CONTROL_BIT(word, control, value) (((value) >> VMXSIM_BIT_##word##_##control) & 1)
#define WORD_pin_based F(pin_based_vm_execution_controls)
#define WORD_primary F(primary_processor_based_vm_execution_controls)
#define WORD_secondary \
  (CONTROL_BIT(primary, activate_secondary_controls, WORD_primary) ? \
   F(secondary_processor_based_vm_execution_controls) : 0)
#define WORD_tertiary \
  (CONTROL_BIT(primary, activate_tertiary_controls, WORD_primary) ? \
   F(tertiary_processor_based_vm_execution_controls) : 0)
#define WORD_vm_exit F(vm_exit_controls)
#define WORD_secondary_vm_exit \
  (CONTROL_BIT(vm_exit, activate_secondary_controls, WORD_vm_exit) ? F(secondary_vm_exit_controls) : 0)
#define WORD_vm_entry F(vm_entry_controls)
#define WORD_vm_function (CONTROL_BIT(secondary, enable_vm_functions, WORD_secondary) ? F(vm_function_controls) : 0)

/* Whether the processor supports the 1-setting of a control. */
#define SUPPORTS(word, control) ((CAP(word##_may_be_1) >> VMXSIM_BIT_##word##_##control) & 1)
#define HAS_FEATURE(feature) ((CAP(features) >> VMXSIM_FEATURE_##feature) & 1)

/* Bits 63:N identical, with N linear-address bits (upper_identical), or N-1 (canonical). On processors without Intel
 * 64 architecture fields of natural width have 32 bits, and the manual has no such check. */
#define SIGN_EXTENDED(address, bits) ((uint64_t)((int64_t)((address) << (64 - (bits))) >> (64 - (bits))) == (address))
#define IS_CANONICAL(address) SIGN_EXTENDED((uint64_t)(address), CAP(linear_bits))
#define UPPER_BITS_IDENTICAL(address) \
  (((uint64_t)(address) >> CAP(linear_bits)) == 0 || ~((uint64_t)(address) | (BIT(CAP(linear_bits)) - 1)) == 0)

/* Bits 63:52 of a CR3 field that are not 0. The manual's sentence allows none; where linear-address masking exists, CR3 has
 * LAM_U57 and LAM_U48 in bits 62:61, they are not reserved, and VM entry loads them. */
#define CR3_ABOVE_52(cr3) (((cr3) & BITS(63, 52) & ~CR3_LAM) | ((cr3) & CR3_LAM && !HAS_FEATURE(lam) ? (cr3) & CR3_LAM : 0))

/* The guest that is entered */
#define GUEST_IS_IA32E ON(vm_entry, ia_32e_mode_guest)
#define GUEST_IS_V86 ((F(guest_rflags) >> 17) & 1)
#define USABLE(segment) (!(F(guest_##segment##_access_rights) & AR_UNUSABLE))
#define TYPE_OF(segment) (F(guest_##segment##_access_rights) & AR_TYPE)
#define UNRESTRICTED GUEST_CONTROL(secondary, unrestricted_guest)
#define GUEST_HAS_PAE_PAGING ((F(guest_cr0) & CR0_PG) && (F(guest_cr4) & CR4_PAE) && !GUEST_IS_IA32E)

/* A VM entry that returns from SMM, under the dual-monitor treatment. The guest that it enters runs under the controls of the
 * executive VMCS, or under none if it returns to VMX root operation, when the pointer is the VMXON pointer (SDM 3C,
 * "VM Entries that Return from SMM", "Checks on the Guest State Area"). */
#define RETURNS_FROM_SMM (CPU(in_smm) && !ON(vm_entry, entry_to_smm))
#define EXECUTIVE_CONTROL(control) (F(executive_vmcs_pointer) != CPU(vmxon_pointer) && CPU(executive_##control))
#define GUEST_CONTROL(word, control) (RETURNS_FROM_SMM ? EXECUTIVE_CONTROL(control) : ON(word, control))
/* For READS: what GUEST_CONTROL() of a secondary control looks at; of a pin-based one. */
#define SECONDARY_GUEST_CONTROL(control) \
  primary_processor_based_vm_execution_controls, secondary_processor_based_vm_execution_controls, \
      RETURN_FROM_SMM_CONTROL(control)
#define PIN_BASED_GUEST_CONTROL(control) pin_based_vm_execution_controls, RETURN_FROM_SMM_CONTROL(control)
#define RETURN_FROM_SMM_CONTROL(control) \
  vm_entry_controls, executive_vmcs_pointer, cpu_in_smm, cpu_vmxon_pointer, cpu_executive_##control

/* The last byte of an MSR area, which has 16 bytes an entry */
#define MSR_AREA_LAST(address, count) ((address) + 16 * (count) - 1)

/* The event that is injected */
#define INJECTING (F(vm_entry_interruption_information) & EVENT_VALID)
#define INJECTED_TYPE EVENT_TYPE_OF(F(vm_entry_interruption_information))
#define INJECTED_VECTOR (F(vm_entry_interruption_information) & EVENT_VECTOR)

/* Each of the eight memory types of an IA32_PAT value is 0, 1, 4, 5, 6 or 7: no byte above 7, none 2 or 3. */
#define PAT_ABOVE_7 UINT64_C(0xf8f8f8f8f8f8f8f8)
#define PAT_IS_VALID(pat) \
  (!((pat) & PAT_ABOVE_7) && !(((pat) >> 1) & ~((pat) >> 2) & UINT64_C(0x0101010101010101)))

/* clang-format on */

#endif
