/* A virtual machine with one processor: its VMCS, its registers, and what is done about its VM exits.
 *
 *   vm_create()     fills the staging buffer: a guest like the running kernel, in the same paging structures
 *   (the caller)    changes in `fields` and `gpr` what shall be otherwise
 *   vm_begin()      VMCLEAR, VMPTRLD, and the staging buffer goes to the VMCS
 *   vm_run()        VMLAUNCH or VMRESUME; then exits are dispatched and the guest resumed until a handler ends it
 *   vm_unload(), vm_load()   off the processor, and onto another one
 */
#ifndef GUEST_VMM_VM_H
#define GUEST_VMM_VM_H

#include "kernel/width.h"
#include "vmm/vmcs.h"
#include "vmm/vmm.h"
#include "vmxsim/exits.h"

enum { VM_STACK_SIZE = 1024, VM_VECTORS = 0x51, EXIT_REASONS = 96, ENTRY_FAILURE_BIT = 31 };

/* As instructions number them. The 32-bit build has no others than the first eight. SP is in the VMCS. */
enum { AX, CX, DX, BX, SP, BP, SI, DI, GPRS = 16 };

struct vm;
/* What is done about an exit: whether the guest is to be resumed. The VMCS is current, interrupts are off. */
typedef bool exit_handler(struct vm *vm);

struct vm {
  word gpr[GPRS]; /* first: vm_enter_32.S and vm_enter_64.S count on it */
  struct vmcs_fields fields;
  exit_handler *const *handlers; /* EXIT_REASONS of them, NULL for what is not expected */
  word code;                     /* where the guest began */
  uint32_t processor;            /* whose host state is in the VMCS */
  uint32_t exit_reason;          /* of the last exit */
  bool launched, handled;
  struct gate idt[VM_VECTORS] __attribute__((aligned(16))); /* the guest's own */
  uint8_t stack[VM_STACK_SIZE] __attribute__((aligned(16)));
  struct region vmcs;
};

/* `code` and interrupt handlers are labels of guests_32.S, guests_64.S. */
void vm_create(struct vm *vm, const uint8_t *code, exit_handler *const *handlers);
void vm_set_interrupt_handler(struct vm *vm, unsigned vector, const uint8_t *handler);

/* Each of these says on the console what went wrong. */
bool vm_begin(struct vm *vm);
bool vm_load(struct vm *vm);
bool vm_unload(struct vm *vm);
bool vm_run(struct vm *vm);

/* The parts that they are made of, for who needs the failure itself. vm_enter_32.S and vm_enter_64.S: VMLAUNCH, or
 * VMRESUME of a launched VMCS; VMX_SUCCEED when an exit was not followed by a VMRESUME. Interrupts are off. */
enum vmx_result vm_enter(struct vm *vm, bool launched);
void vm_explain(const struct vm *vm, enum vmx_result result);

/* For handlers: RIP goes past the instruction that caused the exit. */
void vm_skip_instruction(void);
/* RIP, counted from where the guest began. */
uint32_t vm_offset(const struct vm *vm);
/* The manual's term for an exit reason. */
const char *exit_reason_term(uint32_t reason);

/* state.c: the staging buffer's host-state and guest-state area from the running processor. */
void capture_host_state(struct vmcs_fields *fields);
void capture_guest_state(struct vmcs_fields *fields);

#endif
