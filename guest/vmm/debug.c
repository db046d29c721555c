/* The command `vmx=debug`: debug exceptions that are pending at VM entry. SDM 3C, "Delivery of Pending Debug Exceptions
 * after VM Entry". Without the exception bitmap's bit the guest's IDT catches them, with it they cause VM exits.
 */
#include "kernel/blocks.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "vmm/examples.h"
#include "vmm/guests.h"
#include "vmm/vm.h"

enum { VECTOR_DEBUG = 1, VECTOR_INJECTED = 0x50, INJECT_EXTERNAL_INTERRUPT = 0x80000000 | VECTOR_INJECTED };
enum { PENDING_B0 = 0x1001 };

static const struct debug_case {
  const char *title;
  uint32_t pending, exception_bitmap, injection, flags;
} cases[] = {
    {"single step, the guest's IDT", PENDING_BS, 0, 0, 0},
    {"single step, exception bitmap", PENDING_BS, 1 << VECTOR_DEBUG, 0, 0},
    {"breakpoint 0, the guest's IDT", PENDING_B0, 0, 0, 0},
    {"breakpoint 0, exception bitmap", PENDING_B0, 1 << VECTOR_DEBUG, 0, 0},
    {"single step, and TF is set", PENDING_BS, 0, 0, RFLAGS_TF},
    {"single step, but an external interrupt is injected", PENDING_BS, 0, INJECT_EXTERNAL_INTERRUPT, RFLAGS_IF},
};

static struct vm vm;

static uint32_t read_dr6(void) {
  word value;
  __asm__ volatile("mov %%dr6, %0" : "=r"(value));
  return (uint32_t)value;
}

static void write_dr6(word value) {
  __asm__ volatile("mov %0, %%dr6" : : "r"(value));
}

/* What an interrupt handler of the guest was called for is on its stack. */
static uint32_t interrupted_at(const struct vm *from) {
  const word *stack = at_address(vmx_read(VMXSIM_ENCODING_guest_rsp));
  return (uint32_t)(*stack - from->code);
}

static bool on_vmcall(struct vm *from) {
  static const char *const handlers[] = {
      [SAYS_DEBUG_EXCEPTION] = "#DB handler", [SAYS_INTERRUPT] = "interrupt handler"};
  const word says = from->gpr[AX];
  if (says == SAYS_END) {
    print("  end at +%u\n", vm_offset(from));
  } else {
    print("  the guest's %s: from +%u, DR6 %x\n", handlers[says], interrupted_at(from), read_dr6());
    write_dr6(DR6_FIXED);
  }
  vm_skip_instruction();
  return says != SAYS_END;
}

static bool on_exception(struct vm *from) {
  print("  exit %u: interruption information %x, qualification %x, at +%u, DR6 %x\n", from->exit_reason,
        (uint32_t)vmx_read(VMXSIM_ENCODING_vm_exit_interruption_information),
        (uint32_t)vmx_read(VMXSIM_ENCODING_exit_qualification), vm_offset(from), read_dr6());
  return true; /* what was pending is no more */
}

static exit_handler *const handlers[EXIT_REASONS] = {
    [VMXSIM_EXIT_vmcall] = on_vmcall,
    [VMXSIM_EXIT_exception_or_nmi] = on_exception,
};

static bool run_case(const struct debug_case *what) {
  print("%s\n", what->title);
  vm_create(&vm, guest_debug, handlers);
  vm_set_interrupt_handler(&vm, VECTOR_DEBUG, guest_debug_handler);
  vm_set_interrupt_handler(&vm, VECTOR_INJECTED, guest_interrupt_handler);
  vm.fields.guest_pending_debug_exceptions = what->pending;
  vm.fields.exception_bitmap = what->exception_bitmap;
  vm.fields.vm_entry_interruption_information = what->injection;
  vm.fields.guest_rflags |= what->flags;
  write_dr6(DR6_FIXED);
  return vm_begin(&vm) && vm_run(&vm);
}

bool vmx_debug(void) {
  bool good = true;
  if (!vmm_start()) return false;
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) good &= run_case(&cases[i]);
  vmm_stop();
  print("vmx=debug: %s\n", good ? "done" : "failed");
  return good;
}
