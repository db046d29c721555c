/* A virtual machine: from the staging buffer to the last exit. SDM 3C, "Virtual-Machine Monitor Programming". */
#include "vmm/vm.h"

#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"

bool vm_dispatch(struct vm *vm);

static const char *const exit_reason_terms[EXIT_REASONS] = {
#define EXIT_REASON(number, name, term, when) [number] = term,
#include "vmxsim/tables/exit_reasons.def"
#undef EXIT_REASON
};

static const struct instruction_error {
  uint32_t number;
  const char *term;
} instruction_errors[] = {
#define INSTRUCTION_ERROR(number, name, term) {number, term},
#include "vmxsim/tables/instruction_errors.def"
#undef INSTRUCTION_ERROR
};

const char *exit_reason_term(uint32_t reason) {
  const uint32_t basic = reason & 0xffff;
  return basic < EXIT_REASONS && exit_reason_terms[basic] ? exit_reason_terms[basic] : "unknown";
}

static const char *instruction_error_term(uint32_t number) {
  for (unsigned i = 0; i < sizeof instruction_errors / sizeof *instruction_errors; i++) {
    if (instruction_errors[i].number == number) return instruction_errors[i].term;
  }
  return "unknown";
}

/* --- making one --- */

/* A guest in the kernel's own mode. The exit controls say in which mode the host is. */
static void fill_controls(struct vmcs_fields *fields) {
  const uint64_t in_ia32e_mode = PAGING_LEVELS == 4;
  fields->primary_processor_based_vm_execution_controls = 1U << VMXSIM_BIT_primary_hlt_exiting;
  fields->vm_exit_controls =
      in_ia32e_mode << VMXSIM_BIT_vm_exit_host_address_space_size | 1U << VMXSIM_BIT_vm_exit_save_debug_controls;
  fields->vm_entry_controls =
      in_ia32e_mode << VMXSIM_BIT_vm_entry_ia_32e_mode_guest | 1U << VMXSIM_BIT_vm_entry_load_debug_controls;
}

void vm_create(struct vm *vm, const uint8_t *code, exit_handler *const *handlers) {
  memset(vm, 0, sizeof *vm);
  vm->handlers = handlers;
  vm->code = (word)code;
  fill_controls(&vm->fields);
  capture_guest_state(&vm->fields);
  vm->fields.guest_rip = vm->code;
  vm->fields.guest_rsp = (word)(vm->stack + VM_STACK_SIZE);
  vm->fields.guest_idtr_base = (word)vm->idt;
  vm->fields.guest_idtr_limit = sizeof vm->idt - 1;
}

void vm_set_interrupt_handler(struct vm *vm, unsigned vector, const uint8_t *handler) {
  vm->idt[vector] = interrupt_gate((word)handler, GDT_CODE * 8);
}

static bool adjust(const struct capabilities *capabilities, vmxsim_control_word word, const char *term,
                   uint64_t *value) {
  const uint64_t wanted = *value;
  *value = capabilities_adjust(capabilities, word, wanted);
  if ((*value & wanted) == wanted) return true;
  print("vmx: %s: the processor has no bits %q\n", term, wanted & ~*value);
  return false;
}

static bool adjust_controls(struct vmcs_fields *fields, const struct capabilities *capabilities) {
  bool good = true;
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) \
  good &= adjust(capabilities, VMXSIM_WORD_##word, term, &fields->field);
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
  return good;
}

/* --- on and off the processor --- */

static bool complain(const char *what, enum vmx_result result) {
  if (result == VMX_SUCCEED) return true;
  if (result == VMX_FAIL_INVALID) {
    print("vmx: %s: VMfailInvalid\n", what);
  } else {
    const uint32_t error = (uint32_t)vmx_read(VMXSIM_ENCODING_vm_instruction_error);
    print("vmx: %s: VM-instruction error %u, %s\n", what, error, instruction_error_term(error));
  }
  return false;
}

static bool write_fields(const struct vm *vm, unsigned kinds) {
  const char *failure = vmcs_write(&vm->fields, kinds, &this_vmm()->capabilities);
  return !failure || complain(failure, VMX_FAIL_VALID);
}

bool vm_begin(struct vm *vm) {
  const struct capabilities *capabilities = &this_vmm()->capabilities;
  vm->launched = false;
  vm->processor = this_processor()->index;
  region_initialize(&vm->vmcs, capabilities);
  capture_host_state(&vm->fields);
  return adjust_controls(&vm->fields, capabilities) && complain("VMCLEAR", vmx_clear((word)&vm->vmcs)) &&
         complain("VMPTRLD", vmx_load((word)&vm->vmcs)) &&
         write_fields(vm, VMCS_CONTROLS | VMCS_GUEST_STATE | VMCS_HOST_STATE);
}

/* Where another processor had the VMCS its host state was that one's. */
bool vm_load(struct vm *vm) {
  if (!complain("VMPTRLD", vmx_load((word)&vm->vmcs))) return false;
  if (vm->processor == this_processor()->index) return true;
  vm->processor = this_processor()->index;
  capture_host_state(&vm->fields);
  return write_fields(vm, VMCS_HOST_STATE);
}

bool vm_unload(struct vm *vm) {
  vm->launched = false;
  return complain("VMCLEAR", vmx_clear((word)&vm->vmcs));
}

/* --- running --- */

/* The VM exits of vm_enter() come here. */
bool vm_dispatch(struct vm *vm) {
  vm->exit_reason = (uint32_t)vmx_read(VMXSIM_ENCODING_exit_reason);
  exit_handler *const handler = vm->exit_reason < EXIT_REASONS ? vm->handlers[vm->exit_reason] : NULL;
  vm->handled = handler != NULL;
  return handler && handler(vm);
}

void vm_explain(const struct vm *vm, enum vmx_result result) {
  if (!complain(vm->launched ? "VMRESUME" : "VMLAUNCH", result)) return;
  const bool failed = vm->exit_reason >> ENTRY_FAILURE_BIT;
  print("vmx: %s, exit reason %u (%s), qualification %q, at +%u\n", failed ? "VM entry failed" : "unexpected VM exit",
        vm->exit_reason & 0xffff, exit_reason_term(vm->exit_reason),
        (uint64_t)vmx_read(VMXSIM_ENCODING_exit_qualification), vm_offset(vm));
}

bool vm_run(struct vm *vm) {
  const bool were_on = interrupts_disable();
  vm->handled = false;
  const enum vmx_result result = vm_enter(vm, vm->launched);
  if (result == VMX_SUCCEED && !(vm->exit_reason >> ENTRY_FAILURE_BIT)) vm->launched = true;
  if (!vm->handled) vm_explain(vm, result);
  if (were_on) interrupts_on();
  return vm->handled;
}

void vm_skip_instruction(void) {
  const word rip = vmx_read(VMXSIM_ENCODING_guest_rip);
  vmx_write(VMXSIM_ENCODING_guest_rip, rip + vmx_read(VMXSIM_ENCODING_vm_exit_instruction_length));
}

uint32_t vm_offset(const struct vm *vm) {
  return (uint32_t)(vmx_read(VMXSIM_ENCODING_guest_rip) - vm->code);
}
