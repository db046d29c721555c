/* The command `vmx=enter`: a VMM is started, enters a guest, and does something about its VMCALL, CPUID and HLT. */
#include "kernel/console.h"
#include "vmm/examples.h"
#include "vmm/guests.h"
#include "vmm/vm.h"

static struct vm vm;

static void show_exit(const struct vm *from) {
  print("exit %u (%s) at +%u: AX %x BX %x CX %x DX %x\n", from->exit_reason, exit_reason_term(from->exit_reason),
        vm_offset(from), (uint32_t)from->gpr[AX], (uint32_t)from->gpr[BX], (uint32_t)from->gpr[CX],
        (uint32_t)from->gpr[DX]);
}

static bool on_vmcall(struct vm *from) {
  show_exit(from);
  vm_skip_instruction();
  return from->gpr[AX] != SAYS_END;
}

/* The VMM's own leaf: "VMM of guest/". */
static bool on_cpuid(struct vm *from) {
  show_exit(from);
  from->gpr[AX] = 0x40000000;
  from->gpr[BX] = 0x204d4d56;
  from->gpr[CX] = 0x6720666f;
  from->gpr[DX] = 0x74736575;
  vm_skip_instruction();
  return true;
}

static bool on_hlt(struct vm *from) {
  show_exit(from);
  vm_skip_instruction();
  return true;
}

static exit_handler *const handlers[EXIT_REASONS] = {
    [VMXSIM_EXIT_vmcall] = on_vmcall,
    [VMXSIM_EXIT_cpuid] = on_cpuid,
    [VMXSIM_EXIT_hlt] = on_hlt,
};

/* The other fields of the guest-state area are as the guest was created. */
static void show_guest(const struct vm *from) {
  struct vmcs_fields fields;
  vmcs_read(&fields, VMCS_GUEST_STATE | VMCS_EXIT_INFORMATION, &this_vmm()->capabilities);
  print("guest: +%u, flags %x, activity state %u, interruptibility %x\n", (uint32_t)(fields.guest_rip - from->code),
        (uint32_t)fields.guest_rflags, (uint32_t)fields.guest_activity_state,
        (uint32_t)fields.guest_interruptibility_state);
}

bool vmx_enter(void) {
  if (!vmm_start()) return false;
  vm_create(&vm, guest_enter, handlers);
  const bool good = vm_begin(&vm) && vm_run(&vm);
  if (good) show_guest(&vm);
  vmm_stop();
  print("vmx=enter: %s\n", good ? "the guest has ended" : "failed");
  return good;
}
