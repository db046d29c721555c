/* The command `vmx=mtf`: a guest is followed by the monitor trap flag. SDM 3C, "Monitor Trap Flag". */
#include "kernel/console.h"
#include "vmm/examples.h"
#include "vmm/guests.h"
#include "vmm/vm.h"

enum { VECTOR_BREAKPOINT = 3, VECTOR_INT_N = 0x50 };

static struct vm vm;
static uint8_t memory[16];

static bool on_mtf(struct vm *from) {
  print(" +%u", vm_offset(from));
  return true;
}

static bool on_vmcall(struct vm *from) {
  print("\nVMCALL at +%u\n", vm_offset(from));
  return false;
}

static exit_handler *const handlers[EXIT_REASONS] = {
    [VMXSIM_EXIT_monitor_trap_flag] = on_mtf,
    [VMXSIM_EXIT_vmcall] = on_vmcall,
};

bool vmx_mtf(void) {
  if (!vmm_start()) return false;
  vm_create(&vm, guest_steps, handlers);
  vm_set_interrupt_handler(&vm, VECTOR_BREAKPOINT, guest_steps_handler);
  vm_set_interrupt_handler(&vm, VECTOR_INT_N, guest_steps_handler);
  vm.fields.primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_monitor_trap_flag;
  vm.gpr[DI] = (word)memory;
  print("MTF:");
  const bool good = vm_begin(&vm) && vm_run(&vm);
  vmm_stop();
  print("vmx=mtf: %s\n", good ? "done" : "failed");
  return good;
}
