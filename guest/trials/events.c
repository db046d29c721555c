/* Events of the VM entry: an injected one, pending debug exceptions, blocking, activity states, the timer. */
#include "trials/layout.h"
#include "trials/trial.h"

enum { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI };
enum { BLOCKING_BY_MOV_SS = 2 };
#define NMI_WINDOW (UINT64_C(1) << VMXSIM_BIT_primary_nmi_window_exiting)
#define VALID UINT64_C(0x80000000)

/* Mostly one that could be; then any bits. */
static uint64_t any_event(struct generator *g) {
  static const uint32_t events[] = {0x020, 0x0ff, 0x202, 0x300, 0x301, 0xb0a, 0xb0b, 0xb0c, 0xb0d,
                                    0xb0e, 0x310, 0xb11, 0x306, 0x305, 0x304, 0x303, 0x312, 0x313,
                                    0x307, 0xb08, 0x420, 0x480, 0x403, 0x501, 0x603, 0x604, 0x60d};
  if (chance(g, 85)) return VALID | ANY_OF(g, events);
  const uint64_t mask = chance(g, 30) ? 0xffffffff : 0xfff;
  return VALID | (next(g) & mask);
}

static void inject(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  f->vm_entry_interruption_information = any_event(&t->random);
  f->vm_entry_exception_error_code = chance(&t->random, 10) ? next(&t->random) & 0xffffffff : next(&t->random) & 0x7fff;
  f->vm_entry_instruction_length = chance(&t->random, 10) ? below(&t->random, 20) : 1 + below(&t->random, 3);
  if ((f->vm_entry_interruption_information & 0x700) == 0 && chance(&t->random, 80)) f->guest_rflags |= RFLAGS_IF;
}

static void block(struct trial *t) {
  static const uint8_t states[] = {1, 2, 8, 9, 10, 3, 4};
  t->vm.fields.guest_interruptibility_state = ANY_OF(&t->random, states);
  if (chance(&t->random, 60)) t->vm.fields.guest_rflags |= RFLAGS_IF;
}

static void pend(struct trial *t) {
  static const uint32_t pending[] = {0x1, 0x2, 0x1001, 0x1008, 0x4000, 0x5004, 0x100f, 0x5001};
  t->vm.fields.guest_pending_debug_exceptions = ANY_OF(&t->random, pending);
  if (t->vm.fields.guest_pending_debug_exceptions & PENDING_BS && chance(&t->random, 70))
    t->vm.fields.guest_rflags |= RFLAGS_TF;
}

/* Wait-for-SIPI would last: no timer ends it. */
static void rest(struct trial *t) {
  t->vm.fields.guest_activity_state = 1 + below(&t->random, 2);
}

static void time_out(struct trial *t) {
  t->vm.fields.vmx_preemption_timer_value = 0;
}

static void trap(struct trial *t) {
  t->vm.fields.primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_monitor_trap_flag;
}

static void open_window(struct trial *t) {
  struct vmcs_fields *f = &t->vm.fields;
  if (chance(&t->random, 50)) {
    f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_interrupt_window_exiting;
  } else {
    f->pin_based_vm_execution_controls |= 0x28;
    f->primary_processor_based_vm_execution_controls |= 1U << VMXSIM_BIT_primary_nmi_window_exiting;
  }
}

/* Combinations that other implementations are known to treat otherwise (docs/comparison.md), or that would last. */
static void settle(struct vmcs_fields *f) {
  const bool single_steps = f->guest_rflags & RFLAGS_TF, injects = f->vm_entry_interruption_information & VALID;
  uint64_t *pending = &f->guest_pending_debug_exceptions;
  if (f->guest_activity_state == WAIT_FOR_SIPI || injects) f->guest_activity_state = ACTIVE;
  if (f->guest_activity_state) f->guest_rflags &= ~RFLAGS_IF;
  const uint64_t windows = f->primary_processor_based_vm_execution_controls & (INTERRUPT_WINDOW | NMI_WINDOW);
  if (!f->vmx_preemption_timer_value || windows & INTERRUPT_WINDOW)
    f->guest_interruptibility_state &= ~BLOCKING_STI_MOV_SS;
  if (!f->vmx_preemption_timer_value || windows || f->guest_activity_state) f->guest_dr7 = DR7_FIXED;
  if (injects || f->guest_activity_state || f->guest_interruptibility_state & BLOCKING_BY_MOV_SS) *pending = 0;
  if (!(f->guest_interruptibility_state & BLOCKING_STI_MOV_SS) && !f->guest_activity_state) return;
  if (single_steps && *pending == 0) {
    f->guest_rflags &= ~RFLAGS_TF;
  } else {
    *pending = single_steps ? *pending | PENDING_BS : *pending & ~PENDING_BS;
  }
}

void change_events(struct trial *t) {
  if (chance(&t->random, 25)) inject(t), t->mutations |= 0x10000;
  if (chance(&t->random, 15)) block(t), t->mutations |= 0x20000;
  if (chance(&t->random, 12)) pend(t), t->mutations |= 0x40000;
  if (chance(&t->random, 5)) rest(t), t->mutations |= 0x80000;
  if (chance(&t->random, 4)) time_out(t), t->mutations |= 0x100000;
  if (chance(&t->random, 10)) trap(t), t->mutations |= 0x200000;
  if (chance(&t->random, 5)) open_window(t), t->mutations |= 0x400000;
  settle(&t->vm.fields);
  if (t->kind == GUEST_V8086 && (t->vm.fields.vm_entry_interruption_information & 0x700) == 0x400)
    t->vm.fields.guest_rflags |= RFLAGS_IOPL;
}
