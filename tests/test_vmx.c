/* The VMX engine: its instructions, over a fake processor. Entries are test_vmx_entry.c's, exits test_vmx_exit.c's. */
#include "tests/fake_vmx_cpu.h"

#define PROCESSOR "skylake-server"

static struct fake_cpu cpu;

static void a_whole_life(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  fake_exit(&cpu, VMXSIM_EXIT_cpuid);
  assert_int_equal(VMREAD(&cpu, exit_reason), VMXSIM_EXIT_cpuid);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_succeeds(&cpu, VMXSIM_VMPTRST, 0);
  assert_int_equal(fake_operand(&cpu), VMCS_A);
  fake_succeeds(&cpu, VMXSIM_VMCLEAR, VMCS_A);
  fake_succeeds(&cpu, VMXSIM_VMPTRST, 0);
  assert_true(fake_operand(&cpu) == VMXSIM_NO_VMCS);
  fake_succeeds(&cpu, VMXSIM_VMXOFF, 0);
  assert_false(cpu.vmx.in_vmx_operation);
  assert_false(cpu.vmx.verdict_differs);
  assert_int_equal(cpu.traced[VMXSIM_VMX_TRACE_ENTRY], 2);
  assert_int_equal(cpu.traced[VMXSIM_VMX_TRACE_EXIT], 2);
}

static void undefined_outside_vmx_operation(void **state) {
  (void)state;
  fake_reset(&cpu, PROCESSOR);
  for (unsigned opcode = 0; opcode < VMXSIM_VMX_OPCODES; opcode++) {
    if (opcode != VMXSIM_VMXON) fake_faults(&cpu, (enum vmxsim_vmx_opcode)opcode, VMCS_A, VECTOR_UD);
  }
}

static void undefined_in_wrong_modes(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  cpu.state.segment[VMXSIM_CS].access_rights &= ~(uint32_t)AR_L; /* compatibility mode; before #GP(0) */
  cpu.state.segment[VMXSIM_SS].access_rights |= 0x60;
  for (unsigned opcode = 0; opcode < VMXSIM_VMX_OPCODES; opcode++) {
    fake_faults(&cpu, (enum vmxsim_vmx_opcode)opcode, VMCS_A, VECTOR_UD);
  }
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  cpu.state.efer = 0;
  cpu.state.rflags |= RFLAGS_VM;
  for (unsigned opcode = 0; opcode < VMXSIM_VMX_OPCODES; opcode++) {
    fake_faults(&cpu, (enum vmxsim_vmx_opcode)opcode, VMCS_A, VECTOR_UD);
  }
  fake_reset(&cpu, PROCESSOR);
  cpu.state.cr4 &= ~CR4_VMXE;
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_UD);
  fake_reset(&cpu, PROCESSOR);
  cpu.state.cr0 &= ~(CR0_PE | CR0_PG);
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_UD);
}

static void forbidden_above_cpl_0(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  cpu.state.segment[VMXSIM_SS].access_rights |= 0x60;
  for (unsigned opcode = 0; opcode < VMXSIM_VMX_OPCODES; opcode++) {
    if (opcode != VMXSIM_VMFUNC) fake_faults(&cpu, (enum vmxsim_vmx_opcode)opcode, VMCS_A, VECTOR_GP);
  }
}

/* In VMX non-root operation the exit comes before the look at the CPL. */
static void exits_in_non_root_operation(void **state) {
  (void)state;
  static const struct {
    enum vmxsim_vmx_opcode opcode;
    unsigned reason;
  } rows[] = {
      {VMXSIM_VMCALL, 18},  {VMXSIM_VMCLEAR, 19}, {VMXSIM_VMLAUNCH, 20}, {VMXSIM_VMPTRLD, 21},
      {VMXSIM_VMPTRST, 22}, {VMXSIM_VMREAD, 23},  {VMXSIM_VMRESUME, 24}, {VMXSIM_VMWRITE, 25},
      {VMXSIM_VMXOFF, 26},  {VMXSIM_VMXON, 27},   {VMXSIM_INVEPT, 50},   {VMXSIM_INVVPID, 53},
  };
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fake_enter(&cpu, i ? VMXSIM_VMRESUME : VMXSIM_VMLAUNCH);
    cpu.state.segment[VMXSIM_SS].access_rights |= 0x60;
    cpu.state.rflags |= BIT(16); /* RF, which such exits save as 0 */
    assert_int_equal(fake_execute(&cpu, rows[i].opcode, 0x1234, 0), VMXSIM_VMX_EXITED);
    assert_int_equal(VMREAD(&cpu, guest_rflags), 2);
    VMWRITE(&cpu, guest_ss_access_rights, 0xc093);
    assert_int_equal(VMREAD(&cpu, exit_reason), rows[i].reason);
    assert_int_equal(VMREAD(&cpu, exit_qualification), 0x55);
    assert_int_equal(VMREAD(&cpu, vm_exit_instruction_length), 3);
    assert_int_equal(VMREAD(&cpu, vm_exit_instruction_information), 0x77);
  }
  fake_enter(&cpu, VMXSIM_VMRESUME);
  fake_faults(&cpu, VMXSIM_VMFUNC, 0, VECTOR_UD);
  /* VMCALL exits from every mode, the others are undefined in compatibility mode. */
  cpu.state.segment[VMXSIM_CS].access_rights &= ~(uint32_t)AR_L;
  fake_faults(&cpu, VMXSIM_VMREAD, 0, VECTOR_UD);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMCALL, 0, 0), VMXSIM_VMX_EXITED);
}

static void vmfunc_exits_where_it_exists(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  SET_SECONDARY(&cpu, enable_vm_functions);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMFUNC, 0, 0), VMXSIM_VMX_EXITED);
  assert_int_equal(VMREAD(&cpu, exit_reason), 59);
}

static void vmxon_conditions(void **state) {
  (void)state;
  fake_reset(&cpu, PROCESSOR);
  cpu.state.feature_control = 4;
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_GP);
  cpu.state.feature_control = 1;
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_GP);
  cpu.state.feature_control = 5;
  cpu.a20_masked = true;
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_GP);
  cpu.a20_masked = false;
  cpu.state.cr0 &= ~BIT(5); /* NE is fixed to 1 */
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_GP);
  cpu.state.cr0 |= BIT(5);
  cpu.state.cr4 |= BIT(63); /* fixed to 0 */
  fake_faults(&cpu, VMXSIM_VMXON, VMXON_REGION, VECTOR_GP);
  cpu.state.cr4 &= ~BIT(63);
  cpu.operand_faults = true;
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMXON, VMXON_REGION, 0), VMXSIM_VMX_PENDING);
  cpu.operand_faults = false;
  fake_fails_invalid(&cpu, VMXSIM_VMXON, VMXON_REGION + 8);
  fake_fails_invalid(&cpu, VMXSIM_VMXON, BIT(cpu.capabilities.phys_bits));
  fake_fails_invalid(&cpu, VMXSIM_VMXON, 0x1000); /* no revision identifier */
  fake_put(&cpu, VMXON_REGION + 3, 0x80, 1);
  fake_fails_invalid(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_put(&cpu, VMXON_REGION + 3, 0, 1);
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  assert_true(cpu.vmx.in_vmx_operation);
  fake_fails_invalid(&cpu, VMXSIM_VMXON, VMXON_REGION); /* no current VMCS for error 15 */
}

static void addresses_of_32_bits(void **state) {
  (void)state;
  fake_reset(&cpu, PROCESSOR);
  cpu.capabilities.ia32_vmx_basic |= VMX_BASIC_32_BIT_ADDRESSES;
  vmxsim_capabilities_derive(&cpu.capabilities);
  fake_fails_invalid(&cpu, VMXSIM_VMXON, BIT(32));
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
}

/* Each error number that these instructions can end with. */
static void instruction_errors(void **state) {
  (void)state;
  const uint64_t beyond = UINT64_C(1) << 52;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  fake_fails_valid(&cpu, VMXSIM_VMCALL, 0, 0, 1);
  fake_fails_valid(&cpu, VMXSIM_VMCLEAR, VMCS_A + 1, 0, 2);
  fake_fails_valid(&cpu, VMXSIM_VMCLEAR, beyond, 0, 2);
  fake_fails_valid(&cpu, VMXSIM_VMCLEAR, VMXON_REGION, 0, 3);
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 5);
  fake_fails_valid(&cpu, VMXSIM_VMPTRLD, VMCS_B + 0x800, 0, 9);
  fake_fails_valid(&cpu, VMXSIM_VMPTRLD, beyond, 0, 9);
  fake_fails_valid(&cpu, VMXSIM_VMPTRLD, VMXON_REGION, 0, 10);
  fake_fails_valid(&cpu, VMXSIM_VMPTRLD, 0x1000, 0, 11);
  fake_fails_valid(&cpu, VMXSIM_VMREAD, 0, 0x7ffe, 12);
  fake_fails_valid(&cpu, VMXSIM_VMWRITE, 0, 0x7ffe, 12);
  fake_fails_valid(&cpu, VMXSIM_VMXON, VMXON_REGION, 0, 15);
  fake_fails_valid(&cpu, VMXSIM_INVEPT, 0, 9, 28);
  fake_fails_valid(&cpu, VMXSIM_INVVPID, 0, 9, 28);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_fails_valid(&cpu, VMXSIM_VMLAUNCH, 0, 0, 4);
  cpu.state.blocking_by_mov_ss = true;
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 26);
  cpu.state.blocking_by_mov_ss = false;
  VMWRITE(&cpu, vm_entry_controls, 0);
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 7);
  VMWRITE(&cpu, vm_entry_controls, 0x13ff);
  VMWRITE(&cpu, host_rip, UINT64_C(0x800000000000));
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 8);
  assert_false(cpu.vmx.verdict_differs);
  cpu.capabilities.ia32_vmx_misc &= ~VMX_MISC_VMWRITE_ALL;
  fake_fails_valid(&cpu, VMXSIM_VMWRITE, 0, VMXSIM_ENCODING_exit_reason, 13);
}

/* A shadow VMCS is refused where there is no VMCS shadowing, else no entry can use it. */
static void shadow_vmcs(void **state) {
  (void)state;
  fake_reset(&cpu, "nehalem");
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_put(&cpu, VMCS_A + 3, 0x80, 1);
  fake_fails_invalid(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  fake_reset(&cpu, PROCESSOR);
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_put(&cpu, VMCS_A + 3, 0x80, 1);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  fake_fails_invalid(&cpu, VMXSIM_VMLAUNCH, 0);
}

static void without_a_current_vmcs(void **state) {
  (void)state;
  fake_reset(&cpu, PROCESSOR);
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_fails_invalid(&cpu, VMXSIM_VMCALL, 0);
  fake_fails_invalid(&cpu, VMXSIM_VMCLEAR, 1);
  fake_fails_invalid(&cpu, VMXSIM_VMPTRLD, 1);
  fake_fails_invalid(&cpu, VMXSIM_VMREAD, 0);
  fake_fails_invalid(&cpu, VMXSIM_VMWRITE, 0);
  fake_fails_invalid(&cpu, VMXSIM_VMLAUNCH, 0);
  fake_fails_invalid(&cpu, VMXSIM_VMRESUME, 0);
}

static void operands_that_fault(void **state) {
  (void)state;
  static const enum vmxsim_vmx_opcode opcodes[] = {VMXSIM_VMPTRLD, VMXSIM_VMPTRST, VMXSIM_VMCLEAR, VMXSIM_VMREAD,
                                                   VMXSIM_VMWRITE};
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  cpu.state.rflags |= RFLAGS_ARITHMETIC;
  cpu.operand_faults = true;
  for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
    assert_int_equal(fake_execute(&cpu, opcodes[i], 0, VMXSIM_ENCODING_guest_rip), VMXSIM_VMX_PENDING);
    assert_int_equal(cpu.state.rflags & RFLAGS_ARITHMETIC, RFLAGS_ARITHMETIC);
  }
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVEPT, 0, 2), VMXSIM_VMX_PENDING);
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVVPID, 0, 2), VMXSIM_VMX_PENDING);
  cpu.operand_faults = false;
  assert_int_equal(VMREAD(&cpu, guest_rip), 0x100000);
}

/* Data and launch state follow a VMCS through its region, also when another one or VMXOFF takes its place. */
static void several_vmcss(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  fake_put(&cpu, VMCS_A + 4, 0x1234, 4); /* software's: the VMX-abort indicator */
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A); /* the current one: nothing changes */
  assert_int_equal(VMREAD(&cpu, guest_rip), 0x100000);
  fake_succeeds(&cpu, VMXSIM_VMCLEAR, VMCS_B);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_B);
  assert_int_equal(VMREAD(&cpu, guest_rip), 0);
  VMWRITE(&cpu, guest_rip, 0x77);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  assert_int_equal(fake_get(&cpu, VMCS_A + 4, 4), 0x1234);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_B);
  assert_int_equal(VMREAD(&cpu, guest_rip), 0x77);
  fake_succeeds(&cpu, VMXSIM_VMCLEAR, VMCS_A); /* not the current one */
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 5);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  VMWRITE(&cpu, guest_rip, 0x100010);
  fake_succeeds(&cpu, VMXSIM_VMXOFF, 0);
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_fails_invalid(&cpu, VMXSIM_VMRESUME, 0);
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  assert_int_equal(VMREAD(&cpu, guest_rip), 0x100010);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_succeeds(&cpu, VMXSIM_VMCLEAR, VMCS_A); /* the current one */
  fake_succeeds(&cpu, VMXSIM_VMPTRLD, VMCS_A);
  fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 5);
  assert_false(cpu.vmx.verdict_differs);
}

static void invalidation_operands(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVEPT, 0, 2), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.state.rflags & RFLAGS_ARITHMETIC, 0);
  fake_fails_valid(&cpu, VMXSIM_INVEPT, 0, 1, 28); /* EPTP 0 */
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVEPT, 0x101e, 1), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.state.rflags & RFLAGS_ARITHMETIC, 0);
  fake_fails_valid(&cpu, VMXSIM_INVEPT, 0x101f, 1, 28);
  fake_fails_valid(&cpu, VMXSIM_INVVPID, 0, 1, 28); /* VPID 0 */
  fake_fails_valid(&cpu, VMXSIM_INVVPID, 0x10001, 1, 28);
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVVPID, 1, 1), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.state.rflags & RFLAGS_ARITHMETIC, 0);
  cpu.operand[14] = 0x80; /* a linear address that is not canonical */
  fake_fails_valid(&cpu, VMXSIM_INVVPID, 1, 0, 28);
  cpu.operand[14] = 0;
  assert_int_equal(fake_execute(&cpu, VMXSIM_INVVPID, 1, 0), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.state.rflags & RFLAGS_ARITHMETIC, 0);
}

/* What the engine does not carry out is not offered. */
static void supported_capabilities(void **state) {
  (void)state;
  fake_reset(&cpu, "max");
  vmxsim_vmx_supported(&cpu.capabilities);
  const struct vmxsim_capabilities *c = &cpu.capabilities;
  assert_false(c->secondary_may_be_1 & (BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(7) | BIT(13) | BIT(14) | BIT(17)));
  assert_false(c->pin_based_may_be_1 & BIT(7));
  assert_true(c->pin_based_may_be_1 & BIT(6));
  assert_true(c->secondary_may_be_1 & BIT(25));
  assert_true(c->ia32_vmx_ept_vpid_cap == 0);
  fake_succeeds(&cpu, VMXSIM_VMXON, VMXON_REGION);
  fake_faults(&cpu, VMXSIM_INVEPT, 0, VECTOR_UD);
  fake_faults(&cpu, VMXSIM_INVVPID, 0, VECTOR_UD);
}

static void traces_instructions(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, guest_rip, 0x1234);
  assert_int_equal(cpu.last_trace.opcode, VMXSIM_VMWRITE);
  assert_int_equal(cpu.last_trace.encoding, VMXSIM_ENCODING_guest_rip);
  assert_int_equal(cpu.last_trace.value, 0x1234);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMREAD, 0, 0x7ffe), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.last_trace.error, 12);
  assert_int_equal(cpu.last_trace.encoding, 0x7ffe);
  fake_succeeds(&cpu, VMXSIM_VMCLEAR, VMCS_B);
  assert_int_equal(cpu.last_trace.opcode, VMXSIM_VMCLEAR);
  assert_int_equal(cpu.last_trace.pointer, VMCS_B);
  assert_int_equal(cpu.last_trace.fail, VMXSIM_VMX_SUCCEED);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMPTRLD, 1, 0), VMXSIM_VMX_DONE);
  assert_int_equal(cpu.last_trace.pointer, 1);
  assert_int_equal(cpu.last_trace.fail, VMXSIM_VMX_FAIL_VALID);
  assert_int_equal(cpu.last_trace.error, 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_life),
      cmocka_unit_test(undefined_outside_vmx_operation),
      cmocka_unit_test(undefined_in_wrong_modes),
      cmocka_unit_test(forbidden_above_cpl_0),
      cmocka_unit_test(exits_in_non_root_operation),
      cmocka_unit_test(vmfunc_exits_where_it_exists),
      cmocka_unit_test(vmxon_conditions),
      cmocka_unit_test(addresses_of_32_bits),
      cmocka_unit_test(instruction_errors),
      cmocka_unit_test(shadow_vmcs),
      cmocka_unit_test(without_a_current_vmcs),
      cmocka_unit_test(operands_that_fault),
      cmocka_unit_test(several_vmcss),
      cmocka_unit_test(invalidation_operands),
      cmocka_unit_test(supported_capabilities),
      cmocka_unit_test(traces_instructions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
