/* What instructions do in VMX non-root operation where they do not exit: masks and shadows, the guest's TSC, controls
 * without which an instruction is #UD. VM exits are test_vmx_intercepts.c. */
#include "tests/cpu/vmx_guest.h"

static void spec_ctrl_can_be_virtual(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "virtualize_ia32_spec_ctrl");
  v->s.spec_ctrl = 1;
  GUEST_FIELD(ia32_spec_ctrl_mask) = 1;
  GUEST_FIELD(ia32_spec_ctrl_shadow) = 4;
  run_msr(false, 0x48);
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 4);
  v->s.gpr[VMXSIM_RAX] = 2;
  run_msr(true, 0x48);
  EXPECT(COMPLETES);
  assert_int_equal(v->s.spec_ctrl, 3);
  assert_int_equal(GUEST_FIELD(ia32_spec_ctrl_shadow), 2);
  v->s.spec_ctrl = 0;
}

static void masks_and_shadows_of_cr0(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_TS | CR0_AM;
  GUEST_FIELD(cr0_read_shadow) = CR0_TS;
  RUN("\x0f\x20\xc0"); /* mov rax, cr0 */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], (0x80050033 | CR0_TS) & ~CR0_AM);
  v->s.gpr[VMXSIM_RAX] |= CR0_MP | CR0_TS;
  RUN("\x0f\x22\xc0"); /* mov cr0, rax: as the shadow has it, so AM and TS stay as they are */
  EXPECT(COMPLETES);
  assert_int_equal(v->s.cr0, 0x80050033);
  v->s.gpr[VMXSIM_RAX] &= ~CR0_TS;
  RUN("\x0f\x22\xc0");
  EXPECT(EXITS + VMXSIM_EXIT_control_register_accesses);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0);
}

static void smsw_reads_the_shadow(void **state) {
  (void)state;
  guest_enter(GUEST_64, 3, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = 0xf;
  GUEST_FIELD(cr0_read_shadow) = 0xffff000c;
  v->s.gpr[VMXSIM_RAX] = UINT64_MAX;
  RUN("\x66\x0f\x01\xe0"); /* smsw ax */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0xffffffffffff003c);
  RUN("\x0f\x01\xe0"); /* smsw eax */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x8005003c);
}

static void cr8_in_the_virtual_apic_page(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "use_tpr_shadow");
  GUEST_FIELD(tpr_threshold) = 5;
  v->s.gpr[VMXSIM_RAX] = 5;
  RUN("\x44\x0f\x22\xc0"); /* mov cr8, rax */
  EXPECT(COMPLETES);
  assert_int_equal(guest_get(GUEST_VIRTUAL_APIC + 0x80, 4), 0x50);
  assert_false(v->tpr_below_threshold);
  RUN("\x44\x0f\x20\xc3"); /* mov rbx, cr8 */
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 5);
  v->s.gpr[VMXSIM_RAX] = 16;
  guest_enter(GUEST_64, 0, "use_tpr_shadow");
  v->s.gpr[VMXSIM_RAX] = 16;
  RUN("\x44\x0f\x22\xc0");
  EXPECT(GP);
}

static void the_guest_has_a_tsc_of_its_own(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "use_tsc_offsetting use_tsc_scaling enable_rdtscp");
  GUEST_FIELD(tsc_offset) = UINT64_C(0x5000000000000);
  GUEST_FIELD(tsc_multiplier) = UINT64_C(3) << 48;
  const uint64_t before = v->cycles + v->s.tsc_offset;
  RUN("\x0f\x31");
  const uint64_t read = v->s.gpr[VMXSIM_RDX] << 32 | v->s.gpr[VMXSIM_RAX];
  assert_int_equal(read, 3 * before + UINT64_C(0x5000000000000));
  run_msr(false, 0x10);
  assert_true(v->s.gpr[VMXSIM_RDX] >= 0x50000);
  RUN("\x0f\x01\xf9"); /* rdtscp */
  assert_true(v->s.gpr[VMXSIM_RDX] >= 0x50000);
  v->s.gpr[VMXSIM_RAX] = 1000000;
  v->s.gpr[VMXSIM_RDX] = 0;
  run_msr(true, 0x10); /* the TSC itself */
  assert_in_range(v->cycles + v->s.tsc_offset, 1000000, 1000010);
}

/* A deadline in the guest's time: a third of the cycles. */
static void tpause_counts_the_guests_time(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "use_tsc_offsetting use_tsc_scaling enable_user_wait_and_pause");
  GUEST_FIELD(tsc_offset) = 77;
  GUEST_FIELD(tsc_multiplier) = UINT64_C(3) << 48;
  v->s.umwait_control = 0;
  const uint64_t deadline = 3 * (v->cycles + v->s.tsc_offset) + 77 + 3000;
  v->s.gpr[VMXSIM_RAX] = (uint32_t)deadline;
  v->s.gpr[VMXSIM_RDX] = deadline >> 32;
  const uint64_t began = v->cycles;
  RUN("\x66\x0f\xae\xf1"); /* tpause ecx */
  assert_int_equal(v->s.activity, VMXSIM_MWAIT);
  assert_int_equal(v->wake_cycle, began + 1000);
  v->s.activity = VMXSIM_ACTIVE;
}

static void controls_make_instructions_exist(void **state) {
  (void)state;
  guest_enter(GUEST_64, 3, NULL);
  RUN("\xf3\x0f\xc7\xf8"); /* rdpid rax */
  EXPECT(UD);
  guest_enter(GUEST_64, 3, "enable_rdtscp rdtsc_exiting");
  RUN("\xf3\x0f\xc7\xf8");
  EXPECT(COMPLETES);
  guest_enter(GUEST_64, 0, NULL);
  RUN("\xf3\x0f\xae\xf0"); /* umonitor rax */
  EXPECT(UD);
  guest_enter(GUEST_64, 0, "enable_user_wait_and_pause rdtsc_exiting");
  RUN("\xf3\x0f\xae\xf0");
  EXPECT(COMPLETES);
}

/* ECX[0] with interrupts masked, and an interrupt window asked for: no waiting. */
static void mwait_does_not_miss_an_interrupt_window(void **state) {
  (void)state;
  for (unsigned window = 0; window < 2; window++) {
    guest_enter(GUEST_64, 0, window ? "interrupt_window_exiting" : NULL);
    v->s.gpr[VMXSIM_RAX] = GUEST_DATA;
    RUN("\x0f\x01\xc8");
    v->s.gpr[VMXSIM_RCX] = 1;
    RUN("\x0f\x01\xc9");
    EXPECT(COMPLETES);
    assert_int_equal(v->s.activity, window ? VMXSIM_ACTIVE : VMXSIM_MWAIT);
    v->s.activity = VMXSIM_ACTIVE;
  }
}

static void iret_and_nmis(void **state) {
  static const struct {
    const char *controls;
    bool unblocks;
  } cases[] = {{NULL, true}, {"nmi_exiting", false}, {"nmi_exiting virtual_nmis", true}};
  (void)state;
  for (unsigned i = 0; i < 3; i++) {
    guest_enter(GUEST_64, 0, cases[i].controls);
    v->s.blocking_by_nmi = true;
    v->s.gpr[VMXSIM_RSP] = UNMAPPED;
    RUN("\x48\xcf"); /* iretq: faults, which changes nothing of this */
    EXPECT(VECTOR_PF);
    assert_int_equal((GUEST_FIELD(guest_interruptibility_state) >> 3) & 1, !cases[i].unblocks);
    assert_int_equal((GUEST_FIELD(vm_exit_interruption_information) >> 12) & 1, cases[i].unblocks);
  }
}

/* L: pause; jmp L, looked at very often; how the run ends. */
static enum vmxsim_stop_reason run_endless_loop(const char *controls, uint64_t preemption_deadline) {
  enum { WINDOW = 100000, LONG_RUN = 2000000 };
  static const uint8_t loop[] = {0xf3, 0x90, 0xeb, 0xfc};
  struct vmxsim_run_result result;
  struct machine *const machine = v->machine;
  machine->progress = (struct progress){.first_window = WINDOW};
  guest_enter(GUEST_64, 0, controls);
  v->vmx.preemption_deadline = preemption_deadline;
  assert_int_equal(vmxsim_machine_write(guest_machine, GUEST_CODE, loop, sizeof loop), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_run(guest_machine, LONG_RUN, &result), VMXSIM_OK);
  return result.reason;
}

static void a_guest_that_makes_no_progress(void **state) {
  (void)state;
  assert_int_equal(run_endless_loop(NULL, UINT64_MAX), VMXSIM_STOP_NO_PROGRESS);
  assert_true(v->vmx.in_non_root);
  assert_int_equal(run_endless_loop("activate_vmx_preemption_timer", v->cycles + v->s.tsc_offset + 100000000),
                   VMXSIM_STOP_BUDGET);
  assert_int_equal(run_endless_loop("primary.activate_secondary_controls secondary.pause_loop_exiting", UINT64_MAX),
                   VMXSIM_STOP_BUDGET);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spec_ctrl_can_be_virtual),
      cmocka_unit_test(masks_and_shadows_of_cr0),
      cmocka_unit_test(smsw_reads_the_shadow),
      cmocka_unit_test(cr8_in_the_virtual_apic_page),
      cmocka_unit_test(the_guest_has_a_tsc_of_its_own),
      cmocka_unit_test(tpause_counts_the_guests_time),
      cmocka_unit_test(controls_make_instructions_exist),
      cmocka_unit_test(mwait_does_not_miss_an_interrupt_window),
      cmocka_unit_test(iret_and_nmis),
      cmocka_unit_test(a_guest_that_makes_no_progress),
  };
  return cmocka_run_group_tests(tests, guest_create, guest_destroy);
}
