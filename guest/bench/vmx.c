/* VMX: 1,000 round trips, failed entries or field accesses a round. A VMM and a VM of guest/vmm are prepared; the VM's
 * own exit handlers are what a VMM does at the least.
 */
#include "bench/kernels.h"
#include "kernel/cpu.h"
#include "vmm/guests.h"
#include "vmm/vm.h"

static struct vm vm;
static struct {
  uint32_t exits_left;
  uint64_t checksum;
} progress;

/* --- round trips: 3 VMREAD, 1 of them in the dispatcher, and 1 VMWRITE --- */

static bool go_on(void) {
  const word rip = vmx_read(VMXSIM_ENCODING_guest_rip);
  const word next = rip + vmx_read(VMXSIM_ENCODING_vm_exit_instruction_length);
  vmx_write(VMXSIM_ENCODING_guest_rip, next);
  progress.checksum = mix(progress.checksum, next - vm.code);
  return --progress.exits_left != 0;
}

static bool on_vmcall(struct vm *from) {
  progress.checksum += from->gpr[BX];
  from->gpr[AX] = progress.exits_left & 0xff;
  return go_on();
}

static bool on_cpuid(struct vm *from) {
  from->gpr[AX] = 1;
  from->gpr[BX] = (uint32_t)(from->gpr[BX] + progress.exits_left);
  from->gpr[CX] = 3;
  from->gpr[DX] = 4;
  progress.checksum += from->gpr[BX];
  return go_on();
}

static exit_handler *const handlers[EXIT_REASONS] = {
    [VMXSIM_EXIT_vmcall] = on_vmcall,
    [VMXSIM_EXIT_cpuid] = on_cpuid,
};

static void create(const uint8_t *code) {
  if (vmm_start()) vm_create(&vm, code, handlers);
}

static uint64_t run_exits(uint32_t rounds) {
  progress.exits_left = rounds * VMX_OPERATIONS;
  progress.checksum = 0;
  return vm_run(&vm) ? progress.checksum : 0;
}

void vmcall_prepare(void) {
  create(guest_vmcalls);
  vm_begin(&vm);
}

uint64_t vmcall_run(uint32_t rounds) {
  return run_exits(rounds);
}

void cpuid_prepare(void) {
  create(guest_cpuids);
  vm_begin(&vm);
}

uint64_t cpuid_run(uint32_t rounds) {
  return run_exits(rounds);
}

/* --- failed entries: each has another value of RIP --- */

static uint64_t run_entries(uint32_t rounds, enum vmx_result expected, uint32_t field) {
  const bool were_on = interrupts_disable();
  uint64_t checksum = 0;
  for (uint32_t i = rounds * VMX_OPERATIONS; i; i--) {
    vmx_write(VMXSIM_ENCODING_guest_rip, vm.code + (i & 0xff));
    if (vm_enter(&vm, false) != expected) break;
    checksum = mix(checksum, vmx_read(field));
  }
  if (were_on) interrupts_on();
  return checksum;
}

/* The IA32_VMX_PINBASED_CTLS has bits that must be 1. */
void vmlaunch_control_prepare(void) {
  create(guest_vmcalls);
  vm_begin(&vm);
  vmx_write(VMXSIM_ENCODING_pin_based_vm_execution_controls, 0);
}

uint64_t vmlaunch_control_run(uint32_t rounds) {
  return run_entries(rounds, VMX_FAIL_VALID, VMXSIM_ENCODING_vm_instruction_error);
}

/* Bit 1 of RFLAGS must be 1. */
void vmlaunch_guest_prepare(void) {
  create(guest_vmcalls);
  vm.fields.guest_rflags = 0;
  vm_begin(&vm);
}

uint64_t vmlaunch_guest_run(uint32_t rounds) {
  return run_entries(rounds, VMX_SUCCEED, VMXSIM_ENCODING_exit_reason);
}

/* --- field accesses: VMWRITE and 2 VMREAD --- */

uint64_t vmread_run(uint32_t rounds) {
  uint64_t checksum = 0;
  for (uint32_t i = rounds * VMX_OPERATIONS; i; i--) {
    vmx_write(VMXSIM_ENCODING_guest_rip, i);
    checksum += vmx_read(VMXSIM_ENCODING_guest_rip) ^ vmx_read(VMXSIM_ENCODING_guest_rflags);
  }
  return mix(0, checksum);
}
