/* Events in VMX non-root operation: what is taken first at a boundary, what wakes which activity state, exceptions that
 * cause VM exits, IDT-vectoring information, the monitor trap flag, the VMX-preemption timer. */
#include "tests/cpu/vmx_guest.h"

#include "cpu/apic/apic.h"
#include "cpu/events/events.h"

#define CODE(bytes) (bytes), sizeof(bytes) - 1

enum {
  IDT = GUEST_DATA + 0x1000,
  GDT = GUEST_DATA + 0x2000,
  STACK = GUEST_DATA + 0x4000,
  HANDLER = GUEST_CODE + 0x1000
};

static void intercept_only(uint32_t vectors) {
  GUEST_FIELD(exception_bitmap) = vectors;
}

static void step(void) {
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_vcpu_step(vmxsim_machine_vcpu(guest_machine, 0), &result), VMXSIM_OK);
}

static void assert_exit(unsigned reason) {
  assert_false(v->vmx.in_non_root);
  assert_int_equal(GUEST_FIELD(exit_reason), reason);
}

/* --- causes, in the order of their priority -------------------------------------------------------------------------
 */

static void tpr(void) {
  v->tpr_below_threshold = true;
}
static void init(void) {
  events_signal_init(v);
}
static void mtf(void) {
  v->vmx.mtf_pending = true;
}
static void debug(void) {
  v->s.pending_debug = UINT64_C(1) << 14;
}
static void timer(void) {
  v->vmx.preemption_deadline = 0;
}
static void nmi_window(void) {
  guest_set("nmi_window_exiting");
}
static void nmi(void) {
  events_signal_nmi(v);
}
static void interrupt_window(void) {
  guest_set("interrupt_window_exiting");
}
static void interrupt(void) {
  apic_mmio_write(v->apic, 0xf0, 4, 0x1ff);
  assert_int_equal(vmxsim_vcpu_inject_interrupt(vmxsim_machine_vcpu(guest_machine, 0), 0x41), VMXSIM_OK);
}
static void startup(void) {
  events_signal_sipi(v, 0x9a);
}

enum { WAKES_HLT = 1, WAKES_SHUTDOWN = 2, WAKES_WAIT = 4 };
static const struct {
  void (*cause)(void);
  uint16_t reason;
  uint8_t wakes;
} causes[] = {
    {tpr, VMXSIM_EXIT_tpr_below_threshold, WAKES_HLT},
    {init, VMXSIM_EXIT_init_signal, WAKES_HLT | WAKES_SHUTDOWN},
    {mtf, VMXSIM_EXIT_monitor_trap_flag, WAKES_HLT},
    {debug, VMXSIM_EXIT_exception_or_nmi, WAKES_HLT},
    {timer, VMXSIM_EXIT_vmx_preemption_timer_expired, WAKES_HLT | WAKES_SHUTDOWN},
    {nmi_window, VMXSIM_EXIT_nmi_window, WAKES_HLT | WAKES_SHUTDOWN},
    {nmi, VMXSIM_EXIT_exception_or_nmi, WAKES_HLT | WAKES_SHUTDOWN},
    {interrupt_window, VMXSIM_EXIT_interrupt_window, WAKES_HLT},
    {interrupt, VMXSIM_EXIT_external_interrupt, WAKES_HLT},
};
enum { CAUSES = sizeof causes / sizeof *causes };

static void enter(void) {
  guest_enter(GUEST_64, 0, "external_interrupt_exiting nmi_exiting virtual_nmis");
  v->s.rflags |= RFLAGS_IF;
  v->nmi_pending = v->nmi_pending_2 = v->init_pending = v->sipi_pending = v->tpr_below_threshold = false;
  apic_reset(v->apic, false);
}

static void test_priorities(void **state) {
  (void)state;
  for (unsigned first = 0; first < CAUSES; first++) {
    for (unsigned second = first + 1; second < CAUSES; second++) {
      enter();
      causes[second].cause();
      causes[first].cause();
      step();
      assert_exit(causes[first].reason);
    }
  }
}

static bool wakes(unsigned cause, enum vmxsim_activity activity) {
  enter();
  v->s.activity = activity;
  causes[cause].cause();
  step();
  if (!v->vmx.in_non_root) assert_int_equal(GUEST_FIELD(guest_activity_state), activity);
  return !v->vmx.in_non_root;
}

static void test_activity(void **state) {
  (void)state;
  for (unsigned i = 0; i < CAUSES; i++) {
    assert_int_equal(wakes(i, VMXSIM_HLT), (causes[i].wakes & WAKES_HLT) != 0);
    assert_int_equal(wakes(i, VMXSIM_SHUTDOWN), (causes[i].wakes & WAKES_SHUTDOWN) != 0);
    assert_int_equal(wakes(i, VMXSIM_WAIT_FOR_SIPI), (causes[i].wakes & WAKES_WAIT) != 0);
  }
}

static void test_startup_ipi(void **state) {
  (void)state;
  enter();
  startup();
  step();
  assert_true(v->vmx.in_non_root); /* lost */
  assert_false(v->sipi_pending);
  v->s.activity = VMXSIM_WAIT_FOR_SIPI;
  startup();
  step();
  assert_exit(VMXSIM_EXIT_start_up_ipi);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0x9a);
}

/* --- what blocks them ------------------------------------------------------------------------------------------------
 */

static void test_interrupt_exiting_ignores_if(void **state) {
  (void)state;
  enter();
  v->s.rflags &= ~RFLAGS_IF;
  interrupt();
  v->s.blocking_by_mov_ss = true;
  guest_run(CODE("\x90"));
  assert_true(v->vmx.in_non_root);
  step();
  assert_exit(VMXSIM_EXIT_external_interrupt);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), 0);
  assert_int_equal(apic_pending(v->apic), 0x41); /* not acknowledged */
}

static void test_acknowledge(void **state) {
  (void)state;
  enter();
  guest_set("acknowledge_interrupt_on_exit");
  interrupt();
  step();
  assert_exit(VMXSIM_EXIT_external_interrupt);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), 0x80000041);
  assert_int_equal(apic_pending(v->apic), -1);
}

static void test_virtual_nmi_blocking(void **state) {
  (void)state;
  enter();
  nmi_window();
  v->s.blocking_by_nmi = true; /* virtual: NMIs themselves are not blocked */
  guest_run(CODE("\x90"));
  assert_true(v->vmx.in_non_root);
  nmi();
  step();
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), 0x80000202);
  assert_int_equal(GUEST_FIELD(guest_interruptibility_state), 8);
  assert_true(v->s.blocking_by_nmi);
}

static void test_init_in_root_operation(void **state) {
  (void)state;
  enter();
  v->vmx.in_non_root = false;
  init();
  assert_false(events_any(v));
  v->vmx.in_vmx_operation = false;
  assert_true(events_any(v));
  v->init_pending = false;
}

/* SMM is outside VMX operation, and RSM returns to it. */
static void test_smi(void **state) {
  enum { SMBASE = 0x30000 };
  (void)state;
  enter();
  v->s.smbase = SMBASE;
  v->s.rflags &= ~RFLAGS_IF;
  v->s.blocking_by_nmi = true; /* virtual */
  events_signal_smi(v);
  step();
  assert_true(v->s.in_smm);
  assert_false(v->vmx.in_vmx_operation);
  assert_int_equal(v->s.cr4 & CR4_VMXE, 0);
  guest_run(CODE("\x0f\xaa")); /* RSM */
  assert_true(v->vmx.in_non_root);
  assert_false(v->s.in_smm);
  assert_true(v->s.blocking_by_nmi);
  assert_int_equal(v->s.cr4 & CR4_VMXE, CR4_VMXE);
  assert_int_equal(v->s.rip, GUEST_CODE);
}

/* --- exceptions ------------------------------------------------------------------------------------------------------
 */

static void put_gate(unsigned vector, uint64_t to, bool wide) {
  const uint64_t at = IDT + vector * (wide ? 16u : 8u);
  guest_put(at, 8, (to & 0xffff) | 8 << 16 | UINT64_C(0x8e00) << 32 | (to >> 16 & 0xffff) << 48);
  if (wide) guest_put(at + 8, 8, to >> 32);
}

/* A guest with a GDT, and handlers at HANDLER for every vector below `vectors`. */
static void enter_with_handlers(enum guest_mode mode, unsigned vectors) {
  const unsigned size = mode == GUEST_64 ? 16 : 8;
  guest_enter(mode, 0, NULL);
  intercept_only(0);
  guest_put(GDT + 8, 8, mode == GUEST_64 ? UINT64_C(0x00af9b000000ffff) : UINT64_C(0x00cf9b000000ffff));
  guest_put(GDT + 16, 8, UINT64_C(0x00cf93000000ffff));
  guest_put(GDT + 24, 8, UINT64_C(0x0000890000000067) | (uint64_t)(GUEST_TSS & 0xffffff) << 16);
  for (unsigned i = 0; i < vectors; i++) put_gate(i, HANDLER, mode == GUEST_64);
  v->s.gdtr = (struct vmxsim_table_register){GDT, 0xff};
  v->s.idtr = (struct vmxsim_table_register){IDT, (uint16_t)(vectors ? vectors * size - 1 : 0)};
  v->s.segment[VMXSIM_CS].selector = 8;
  v->s.gpr[VMXSIM_RSP] = STACK;
}

#define INTERRUPTION 0x80000000u
#define ERROR_CODE 0x800u

static void test_nested_exception(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 0);
  intercept_only(1u << VECTOR_GP);
  guest_run(CODE("\x0f\x0b")); /* UD2 */
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), INTERRUPTION | ERROR_CODE | 3 << 8 | VECTOR_GP);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_error_code), VECTOR_UD * 8 + 3);
  assert_int_equal(GUEST_FIELD(idt_vectoring_information), INTERRUPTION | 3 << 8 | VECTOR_UD);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE);
}

static void test_double_and_triple_fault(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 0);
  intercept_only(1u << VECTOR_DF);
  v->s.gpr[VMXSIM_RAX] = UNMAPPED;
  guest_run(CODE("\x8b\x00")); /* MOV EAX, [RAX] */
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), INTERRUPTION | ERROR_CODE | 3 << 8 | VECTOR_DF);
  assert_int_equal(GUEST_FIELD(idt_vectoring_information), 0);
  assert_int_equal(v->s.cr2, UNMAPPED);
  enter_with_handlers(GUEST_64, 0);
  v->s.gpr[VMXSIM_RAX] = UNMAPPED;
  guest_run(CODE("\x8b\x00"));
  assert_exit(VMXSIM_EXIT_triple_fault);
  assert_int_equal(GUEST_FIELD(idt_vectoring_information), 0);
}

static void test_page_fault(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  intercept_only(1u << VECTOR_PF);
  v->s.cr2 = 5;
  v->s.gpr[VMXSIM_RAX] = UNMAPPED;
  guest_run(CODE("\x89\x00")); /* MOV [RAX], EAX */
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(exit_qualification), UNMAPPED);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_error_code), 2);
  assert_int_equal(GUEST_FIELD(guest_rflags) & RFLAGS_RF, RFLAGS_RF);
  assert_int_equal(v->s.cr2, 5);
}

static void test_software_events(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  intercept_only(1u << VECTOR_BP | 1u << VECTOR_GP);
  guest_run(CODE("\xcc")); /* INT3 */
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information), INTERRUPTION | 6 << 8 | VECTOR_BP);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_length), 1);
  enter_with_handlers(GUEST_64, 32);
  intercept_only(1u << VECTOR_BP | 1u << VECTOR_GP);
  guest_run(CODE("\xcd\x03")); /* INT 3 by its vector is no exception */
  assert_true(v->vmx.in_non_root);
  assert_int_equal(v->s.rip, HANDLER);
  guest_run(CODE("\xcd\x21")); /* beyond the IDT */
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(idt_vectoring_information), INTERRUPTION | 4 << 8 | 0x21);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_length), 2);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_error_code), 0x21 * 8 + 2);
}

static void test_debug_exception(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  intercept_only(1u << VECTOR_DB);
  v->s.dr6 = 0xffff0ff0;
  v->s.rflags |= RFLAGS_TF;
  events_rearm(v);
  guest_run(CODE("\x90"));
  step();
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(exit_qualification), 1 << 14);
  assert_int_equal(GUEST_FIELD(guest_pending_debug_exceptions), 0);
  assert_int_equal(v->s.dr6, 0xffff0ff0);
}

/* IRET in 64-bit mode to a selector that is none. */
static void test_nmi_unblocking(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  guest_set("nmi_exiting virtual_nmis");
  intercept_only(1u << VECTOR_GP);
  v->s.blocking_by_nmi = true;
  for (unsigned i = 0; i < 5; i++) guest_put(STACK + 8 * i, 8, 0);
  guest_run(CODE("\x48\xcf"));
  assert_exit(VMXSIM_EXIT_exception_or_nmi);
  assert_int_equal(GUEST_FIELD(vm_exit_interruption_information),
                   INTERRUPTION | 1 << 12 | ERROR_CODE | 3 << 8 | VECTOR_GP);
  assert_int_equal(GUEST_FIELD(guest_interruptibility_state), 0);
}

/* --- task switches ---------------------------------------------------------------------------------------------------
 */

static void test_task_switches(void **state) {
  (void)state;
  enter_with_handlers(GUEST_32, 32);
  guest_run(CODE("\xea\x00\x00\x00\x00\x18\x00")); /* JMP 18H:0 */
  assert_exit(VMXSIM_EXIT_task_switch);
  assert_int_equal(GUEST_FIELD(exit_qualification), UINT64_C(0x80000018));
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_length), 7);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE);
  enter_with_handlers(GUEST_32, 32);
  guest_put(IDT + 8 * VECTOR_UD, 8, UINT64_C(0x0000850000180000));
  guest_run(CODE("\x0f\x0b"));
  assert_exit(VMXSIM_EXIT_task_switch);
  assert_int_equal(GUEST_FIELD(exit_qualification), UINT64_C(0xc0000018));
  assert_int_equal(GUEST_FIELD(idt_vectoring_information), INTERRUPTION | 3 << 8 | VECTOR_UD);
}

/* --- monitor trap flag -----------------------------------------------------------------------------------------------
 */

static void test_mtf(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  guest_set("monitor_trap_flag");
  guest_run(CODE("\x90"));
  assert_true(v->vmx.in_non_root);
  step();
  assert_exit(VMXSIM_EXIT_monitor_trap_flag);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE + 1);
  enter_with_handlers(GUEST_64, 32);
  guest_set("monitor_trap_flag");
  guest_run(CODE("\x0f\x0b")); /* after the delivery of its fault */
  step();
  assert_exit(VMXSIM_EXIT_monitor_trap_flag);
  assert_int_equal(GUEST_FIELD(guest_rip), HANDLER);
}

static void test_mtf_and_repetition(void **state) {
  struct vmxsim_run_result result;
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  guest_set("monitor_trap_flag");
  v->s.gpr[VMXSIM_RCX] = 10;
  v->s.gpr[VMXSIM_RDI] = GUEST_DATA;
  guest_put(GUEST_CODE, 4, 0x9090aaf3); /* REP STOSB */
  while (v->vmx.in_non_root) assert_int_equal(vmxsim_machine_step(guest_machine, &result), VMXSIM_OK);
  assert_exit(VMXSIM_EXIT_monitor_trap_flag);
  assert_int_equal(v->s.gpr[VMXSIM_RCX], 9);
}

/* --- VMX-preemption timer --------------------------------------------------------------------------------------------
 */

static void run_to_exit(void) {
  struct vmxsim_run_result result;
  for (unsigned i = 0; v->vmx.in_non_root && i < 1000; i++)
    assert_int_equal(vmxsim_machine_run(guest_machine, 1000, &result), VMXSIM_OK);
}

static void test_timer_boundary(void **state) {
  (void)state;
  enter_with_handlers(GUEST_64, 32);
  const uint64_t deadline = v->cycles + 1000;
  v->vmx.preemption_deadline = deadline + v->s.tsc_offset;
  guest_put(GUEST_CODE, 2, 0xfeeb); /* JMP to itself, a cycle each */
  run_to_exit();
  assert_exit(VMXSIM_EXIT_vmx_preemption_timer_expired);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE);
}

static void test_timer_when_halted(void **state) {
  static const enum vmxsim_activity activities[] = {VMXSIM_HLT, VMXSIM_SHUTDOWN};
  (void)state;
  for (unsigned i = 0; i < 2; i++) {
    enter_with_handlers(GUEST_64, 32);
    v->s.activity = activities[i];
    const uint64_t deadline = v->cycles + 12345;
    v->vmx.preemption_deadline = deadline + v->s.tsc_offset;
    run_to_exit();
    assert_exit(VMXSIM_EXIT_vmx_preemption_timer_expired);
    assert_true(v->cycles >= deadline);
    assert_int_equal(GUEST_FIELD(guest_activity_state), activities[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_priorities),
      cmocka_unit_test(test_activity),
      cmocka_unit_test(test_startup_ipi),
      cmocka_unit_test(test_interrupt_exiting_ignores_if),
      cmocka_unit_test(test_acknowledge),
      cmocka_unit_test(test_virtual_nmi_blocking),
      cmocka_unit_test(test_init_in_root_operation),
      cmocka_unit_test(test_smi),
      cmocka_unit_test(test_nested_exception),
      cmocka_unit_test(test_double_and_triple_fault),
      cmocka_unit_test(test_page_fault),
      cmocka_unit_test(test_software_events),
      cmocka_unit_test(test_debug_exception),
      cmocka_unit_test(test_nmi_unblocking),
      cmocka_unit_test(test_task_switches),
      cmocka_unit_test(test_mtf),
      cmocka_unit_test(test_mtf_and_repetition),
      cmocka_unit_test(test_timer_boundary),
      cmocka_unit_test(test_timer_when_halted),
  };
  return cmocka_run_group_tests(tests, guest_create, guest_destroy);
}
