/* VM exit in the VMX engine: what is recorded, saved and loaded; aborts; and what would cause an exit. */
#include "tests/fake_vmx_cpu.h"

#define PROCESSOR "skylake-server"

static struct fake_cpu cpu;

static void enter(void) {
  fake_enter(&cpu, cpu.vmx.vmcs.launched ? VMXSIM_VMRESUME : VMXSIM_VMLAUNCH);
}

static void set_up(void) {
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  enter();
}

static void records_information(void **state) {
  (void)state;
  set_up();
  const struct vmxsim_vmx_exit exit = {
      .reason = VMXSIM_EXIT_exception_or_nmi,
      .reason_flags = (uint32_t)BIT(27),
      .qualification = 0x123456789,
      .guest_linear_address = 0x1111,
      .guest_physical_address = 0x2222,
      .instruction_length = 4,
      .instruction_information = 0x3333,
      .has_event = true,
      .event = {.type = VMXSIM_EVENT_HARDWARE_EXCEPTION, .vector = 14, .has_error_code = true, .error_code = 7},
      .nmi_unblocking = true,
  };
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, exit_reason), BIT(27));
  assert_int_equal(VMREAD(&cpu, exit_qualification), 0x123456789);
  assert_int_equal(VMREAD(&cpu, guest_linear_address), 0x1111);
  assert_int_equal(VMREAD(&cpu, guest_physical_address), 0x2222);
  assert_int_equal(VMREAD(&cpu, vm_exit_instruction_length), 4);
  assert_int_equal(VMREAD(&cpu, vm_exit_instruction_information), 0x3333);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_information), 0x80001b0e);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_error_code), 7);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0);
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_information), 0);
}

/* Exceptions have no error code in real-address mode. */
static void records_no_error_code_in_real_mode(void **state) {
  (void)state;
  const struct vmxsim_vmx_exit exit = {
      .has_event = true,
      .event = {.type = VMXSIM_EVENT_HARDWARE_EXCEPTION, .vector = 13, .has_error_code = true, .error_code = 8},
  };
  set_up();
  cpu.state.cr0 &= ~(CR0_PE | CR0_PG);
  cpu.state.efer = 0;
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_information), 0x8000030d);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_error_code), 0);
}

/* Words that nothing activates count as 0. */
static void controls_in_force(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, secondary_processor_based_vm_execution_controls, BIT(VMXSIM_BIT_secondary_wbinvd_exiting));
  SET_PRIMARY(&cpu, hlt_exiting);
  assert_false(vmxsim_vmx_on(&cpu.vmx, primary, hlt_exiting));
  enter();
  assert_true(vmxsim_vmx_on(&cpu.vmx, primary, hlt_exiting));
  assert_false(vmxsim_vmx_on(&cpu.vmx, secondary, wbinvd_exiting));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  SET_PRIMARY(&cpu, activate_secondary_controls);
  enter();
  assert_true(vmxsim_vmx_on(&cpu.vmx, secondary, wbinvd_exiting));
}

static void vectoring_information(void **state) {
  (void)state;
  const struct vmxsim_vmx_event fault = {VMXSIM_EVENT_HARDWARE_EXCEPTION, 14, true, 2, 0};
  struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_ept_violation};
  set_up();
  vmxsim_vmx_begin_delivery(&cpu.vmx, &fault);
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0x80000b0e);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_error_code), 2);
  enter();
  vmxsim_vmx_begin_delivery(&cpu.vmx, &fault);
  exit.reason = VMXSIM_EXIT_triple_fault;
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0);
  enter();
  vmxsim_vmx_begin_delivery(&cpu.vmx, &fault);
  exit = (struct vmxsim_vmx_exit){
      .has_event = true, .event = {.type = VMXSIM_EVENT_HARDWARE_EXCEPTION, .vector = 8, .has_error_code = true}};
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0); /* the double fault exits itself */
  enter();
  vmxsim_vmx_begin_delivery(&cpu.vmx, &fault);
  vmxsim_vmx_end_delivery(&cpu.vmx);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0);
}

static void saves_registers(void **state) {
  (void)state;
  set_up();
  cpu.state.rip = 0x100003;
  cpu.state.gpr[VMXSIM_RSP] = 0x6ff8;
  cpu.state.rflags = 0x10246;
  cpu.state.cr0 |= BIT(3);
  cpu.state.cr3 = 0x15000;
  cpu.state.cr4 |= BIT(9);
  cpu.state.dr7 = 0x401;
  cpu.state.debugctl = 2;
  cpu.state.sysenter_cs = UINT64_C(0x900000008);
  cpu.state.segment[VMXSIM_ES] = (struct vmxsim_segment){0x33, 0xfff, 0x1ff0f3 | 0xf00, 0x5000};
  cpu.state.segment[VMXSIM_DS] = (struct vmxsim_segment){0, 0, 0x10000, UINT64_C(0x500001000)};
  cpu.state.gdtr.limit = 0x7f;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_rip), 0x100003);
  assert_int_equal(VMREAD(&cpu, guest_rsp), 0x6ff8);
  assert_int_equal(VMREAD(&cpu, guest_rflags), 0x10246);
  assert_int_equal(VMREAD(&cpu, guest_cr0), 0x80050033 | BIT(3));
  assert_int_equal(VMREAD(&cpu, guest_cr3), 0x15000);
  assert_int_equal(VMREAD(&cpu, guest_cr4), CR4_PAE | CR4_VMXE | BIT(9));
  assert_int_equal(VMREAD(&cpu, guest_dr7), 0x401);
  assert_int_equal(VMREAD(&cpu, guest_ia32_debugctl), 2);
  assert_int_equal(VMREAD(&cpu, guest_ia32_sysenter_cs), 8);
  assert_int_equal(VMREAD(&cpu, guest_es_selector), 0x33);
  assert_int_equal(VMREAD(&cpu, guest_es_limit), 0xfff);
  assert_int_equal(VMREAD(&cpu, guest_es_access_rights), 0x1f0f3);
  assert_int_equal(VMREAD(&cpu, guest_ds_base), 0x1000);
  assert_int_equal(VMREAD(&cpu, guest_gdtr_limit), 0x7f);
}

static void saves_by_control(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, vm_exit_controls, VMREAD(&cpu, vm_exit_controls) & ~BIT(2)); /* save debug controls */
  enter();
  cpu.state.dr7 = 0x4ff;
  cpu.state.pat = 6;
  cpu.state.efer |= EFER_NXE;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_dr7), 0x400);
  assert_true(VMREAD(&cpu, guest_ia32_pat) == 0x0007040600070406);
  assert_int_equal(VMREAD(&cpu, guest_ia32_efer), EFER_LMA | EFER_LME);
  SET_EXIT(&cpu, save_ia32_pat);
  SET_EXIT(&cpu, save_ia32_efer);
  enter();
  cpu.state.pat = 6;
  cpu.state.efer |= EFER_NXE;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_ia32_pat), 6);
  assert_int_equal(VMREAD(&cpu, guest_ia32_efer), EFER_LMA | EFER_LME | EFER_NXE);
}

/* A guest that left IA-32e mode is entered again outside it. */
static void saves_the_mode(void **state) {
  (void)state;
  set_up();
  cpu.state.efer = 0;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, vm_entry_controls), 0x11ff);
}

static void saves_rf(void **state) {
  (void)state;
  static const struct {
    uint8_t saved_rf;
    uint64_t before, saved;
  } rows[] = {
      {VMXSIM_RF_UNCHANGED, 0x10002, 0x10002},
      {VMXSIM_RF_UNCHANGED, 2, 2},
      {VMXSIM_RF_0, 0x10002, 2},
      {VMXSIM_RF_1, 2, 0x10002},
  };
  set_up();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_hlt, .saved_rf = rows[i].saved_rf};
    cpu.state.rflags = rows[i].before;
    vmxsim_vmx_exit(&cpu.vmx, &exit);
    assert_int_equal(VMREAD(&cpu, guest_rflags), rows[i].saved);
    enter();
  }
}

/* Arithmetic flags alone are no change that a VM entry has to look at. */
static void saves_rflags_and_notes_a_change(void **state) {
  (void)state;
  set_up();
  const uint64_t before = cpu.vmx.vmcs.value[VMXSIM_FIELD_guest_rflags];
  cpu.state.rflags = before ^ RFLAGS_ARITHMETIC;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_true(cpu.vmx.vmcs.value[VMXSIM_FIELD_guest_rflags] == (before ^ RFLAGS_ARITHMETIC));
  assert_false(vmxsim_field_set_has(&cpu.vmx.vmcs.changed, VMXSIM_FIELD_guest_rflags));
  enter();
  cpu.state.rflags = before ^ RFLAGS_IF;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_true(cpu.vmx.vmcs.value[VMXSIM_FIELD_guest_rflags] == (before ^ RFLAGS_IF));
  assert_true(vmxsim_field_set_has(&cpu.vmx.vmcs.changed, VMXSIM_FIELD_guest_rflags));
  assert_false(cpu.vmx.verdict_differs);
}

/* What the processor refuses is not asked for again, until it may have come. */
static void an_msr_that_is_not_there(void **state) {
  (void)state;
  fake_set_up(&cpu, "max", "long-mode");
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_add_msr(&cpu, MSR_IA32_LBR_CTL, 2);
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_ia32_lbr_ctl), 0);
  vmxsim_vmx_capabilities_changed(&cpu.vmx);
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_ia32_lbr_ctl), 2);
}

static void saves_pending_debug_exceptions(void **state) {
  (void)state;
  const uint64_t pending = PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED_BREAKPOINT | 2;
  static const struct {
    uint16_t reason;
    bool kept;
  } rows[] = {
      {VMXSIM_EXIT_init_signal, true},         {VMXSIM_EXIT_other_smi, true},           {VMXSIM_EXIT_bus_lock, true},
      {VMXSIM_EXIT_monitor_trap_flag, true},   {VMXSIM_EXIT_tpr_below_threshold, true}, {VMXSIM_EXIT_hlt, false},
      {VMXSIM_EXIT_external_interrupt, false}, {VMXSIM_EXIT_exception_or_nmi, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    set_up();
    cpu.state.pending_debug = pending | BIT(20);
    fake_exit(&cpu, rows[i].reason);
    assert_int_equal(VMREAD(&cpu, guest_pending_debug_exceptions), rows[i].kept ? pending : 0);
    assert_int_equal(cpu.state.pending_debug, 0);
  }
  struct vmxsim_vmx_exit exit = {.has_event = true, .event = {.type = VMXSIM_EVENT_HARDWARE_EXCEPTION, .vector = 18}};
  set_up();
  cpu.state.pending_debug = pending;
  vmxsim_vmx_exit(&cpu.vmx, &exit); /* a machine check */
  assert_int_equal(VMREAD(&cpu, guest_pending_debug_exceptions), pending);
  /* After MOV SS, whatever the reason but #DB; BS as the next entry wants it. */
  set_up();
  cpu.state.blocking_by_mov_ss = true;
  cpu.state.pending_debug = PENDING_DEBUG_ENABLED_BREAKPOINT | 1;
  cpu.state.rflags |= RFLAGS_TF;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, guest_pending_debug_exceptions),
                   PENDING_DEBUG_ENABLED_BREAKPOINT | PENDING_DEBUG_BS | 1);
  assert_int_equal(VMREAD(&cpu, guest_interruptibility_state), BLOCKING_BY_MOV_SS);
  enter(); /* passes the checks */
  exit.event.vector = 1;
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(VMREAD(&cpu, guest_pending_debug_exceptions), 0);
}

static void saves_activity(void **state) {
  (void)state;
  set_up();
  cpu.state.activity = VMXSIM_HLT;
  cpu.state.blocking_by_sti = true;
  fake_exit(&cpu, VMXSIM_EXIT_external_interrupt);
  assert_int_equal(VMREAD(&cpu, guest_activity_state), 1);
  assert_int_equal(VMREAD(&cpu, guest_interruptibility_state), BLOCKING_BY_STI);
  assert_int_equal(cpu.state.activity, VMXSIM_ACTIVE);
  assert_false(cpu.state.blocking_by_sti);
  VMWRITE(&cpu, guest_activity_state, 0);
  VMWRITE(&cpu, guest_interruptibility_state, 0);
  enter();
  cpu.state.activity = VMXSIM_MWAIT;
  fake_exit(&cpu, VMXSIM_EXIT_external_interrupt);
  assert_int_equal(VMREAD(&cpu, guest_activity_state), 0);
}

static void nmi_blocking(void **state) {
  (void)state;
  struct vmxsim_vmx_exit exit = {
      .reason = VMXSIM_EXIT_exception_or_nmi, .has_event = true, .event = {.type = VMXSIM_EVENT_NMI, .vector = 2}};
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  SET_PIN(&cpu, nmi_exiting);
  enter();
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_true(cpu.state.blocking_by_nmi);
  assert_int_equal(VMREAD(&cpu, guest_interruptibility_state), 0);
  enter();
  assert_false(cpu.state.blocking_by_nmi);
  cpu.state.blocking_by_nmi = true; /* the guest's */
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_true(cpu.state.blocking_by_nmi);
}

static void loads_a_64_bit_host(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, host_fs_selector, 0);
  enter();
  cpu.state.cr0 |= CR0_CD | BIT(3);
  cpu.state.cr4 = CR4_VMXE | CR4_PAE;
  cpu.state.dr7 = 0x4ff;
  cpu.state.debugctl = 1;
  cpu.state.rflags = 0x247;
  cpu.state.efer |= EFER_SCE;
  cpu.state.dr[0] = 0x99;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(cpu.state.cr0, 0x80050033 | CR0_CD); /* CD is not loaded */
  assert_int_equal(cpu.state.cr3, 0x11000);
  assert_int_equal(cpu.state.dr7, 0x400);
  assert_int_equal(cpu.state.dr[0], 0x99);
  assert_int_equal(cpu.state.debugctl, 0);
  assert_int_equal(cpu.state.rflags, 2);
  assert_int_equal(cpu.state.efer, EFER_LMA | EFER_LME | EFER_SCE);
  assert_true(cpu.state.rip == UINT64_C(0xffff800000100000));
  assert_true(cpu.state.gpr[VMXSIM_RSP] == UINT64_C(0xffff800000007000));
  const struct vmxsim_segment *cs = &cpu.state.segment[VMXSIM_CS];
  assert_int_equal(cs->selector, 8);
  assert_int_equal(cs->access_rights, 0xa09b);
  assert_int_equal(cs->limit, UINT32_MAX);
  assert_int_equal(cpu.state.segment[VMXSIM_SS].access_rights, 0xc093);
  assert_int_equal(cpu.state.segment[VMXSIM_FS].access_rights & AR_UNUSABLE, AR_UNUSABLE);
  assert_true(cpu.state.segment[VMXSIM_FS].base == UINT64_C(0x700000001000));
  assert_int_equal(cpu.state.tr.limit, 0x67);
  assert_int_equal(cpu.state.tr.access_rights, 0x8b);
  assert_int_equal(cpu.state.ldtr.access_rights, AR_UNUSABLE);
  assert_int_equal(cpu.state.gdtr.limit, 0xffff);
  assert_true(cpu.state.idtr.base == UINT64_C(0xffff800000004000));
  assert_int_equal(cpu.state.sysenter_cs, 8);
  assert_int_equal(cpu.replaced, 2);
}

static void loads_by_control(void **state) {
  (void)state;
  fake_set_up(&cpu, "sapphire-rapids", "long-mode");
  fake_add_msr(&cpu, MSR_IA32_PERF_GLOBAL_CTRL, 0);
  VMWRITE(&cpu, host_ia32_efer, EFER_LMA | EFER_LME | EFER_NXE);
  VMWRITE(&cpu, host_ia32_pat, 6);
  VMWRITE(&cpu, host_ia32_perf_global_ctrl, 1);
  VMWRITE(&cpu, host_ssp, 0x1000);
  VMWRITE(&cpu, host_ia32_pkrs, 5);
  enter();
  cpu.state.pat = 1;
  cpu.state.pkrs = 1;
  cpu.state.ssp = 8;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(cpu.state.pat, 1);
  assert_int_equal(cpu.state.pkrs, 1);
  assert_int_equal(cpu.state.ssp, 8);
  assert_int_equal(VMREAD(&cpu, guest_ssp), 8); /* saved wherever the entry control exists */
  assert_int_equal(VMREAD(&cpu, guest_ia32_pkrs), 1);
  assert_int_equal(cpu.state.efer, EFER_LMA | EFER_LME);
  SET_EXIT(&cpu, load_ia32_pat);
  SET_EXIT(&cpu, load_ia32_efer);
  SET_EXIT(&cpu, load_ia32_perf_global_ctrl);
  SET_EXIT(&cpu, load_cet_state);
  SET_EXIT(&cpu, load_pkrs);
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(cpu.state.pat, 6);
  assert_int_equal(cpu.state.pkrs, 5);
  assert_int_equal(cpu.state.ssp, 0x1000);
  assert_int_equal(cpu.state.efer, EFER_LMA | EFER_LME | EFER_NXE);
  assert_int_equal(*fake_msr(&cpu, MSR_IA32_PERF_GLOBAL_CTRL), 1);
}

/* A 32-bit host with PAE paging. */
static void set_up_32_bit_host(void) {
  fake_set_up(&cpu, PROCESSOR, "32-bit");
  cpu.state.efer = 0;
  cpu.state.segment[VMXSIM_CS].access_rights = 0xc09b;
  VMWRITE(&cpu, host_cr4, CR4_VMXE | CR4_PAE);
  VMWRITE(&cpu, host_cr3, 0x12020);
  fake_put(&cpu, 0x12020, 0x13001, 8);
  enter();
}

static void loads_a_pae_host(void **state) {
  (void)state;
  set_up_32_bit_host();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_false(cpu.vmx.aborted);
  assert_int_equal(cpu.state.pdpte[0], 0x13001);
  assert_int_equal(cpu.state.efer & (EFER_LMA | EFER_LME), 0);
  assert_int_equal(cpu.state.segment[VMXSIM_CS].access_rights, 0xc09b);
}

static void aborts(unsigned indicator) {
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_hlt};
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_true(cpu.vmx.aborted);
  assert_false(cpu.vmx.in_non_root);
  assert_int_equal(cpu.state.activity, VMXSIM_SHUTDOWN);
  assert_int_equal(fake_get(&cpu, VMCS_A + 4, 4), indicator);
  assert_int_equal(cpu.traced[VMXSIM_VMX_TRACE_ABORT], 1);
}

static void abort_for_host_pdptes(void **state) {
  (void)state;
  set_up_32_bit_host();
  fake_put(&cpu, 0x12020, 0x13003, 8);
  aborts(2);
}

static void abort_from_ia32e_mode_to_a_32_bit_host(void **state) {
  (void)state;
  set_up_32_bit_host();
  cpu.state.efer = EFER_LMA | EFER_LME;
  aborts(6);
}

static void abort_for_the_store_list(void **state) {
  (void)state;
  static const uint64_t bad[] = {0x1234, 0x808, MSR_IA32_SMBASE, BIT(40) | MSR_IA32_LSTAR};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    fake_set_up(&cpu, PROCESSOR, "long-mode");
    fake_add_msr(&cpu, MSR_IA32_LSTAR, 0);
    fake_add_msr(&cpu, 0x808, 0);
    fake_add_msr(&cpu, MSR_IA32_SMBASE, 0);
    fake_put(&cpu, STORE_AREA, bad[i], 8);
    VMWRITE(&cpu, vm_exit_msr_store_address, STORE_AREA);
    VMWRITE(&cpu, vm_exit_msr_store_count, 1);
    enter();
    aborts(1);
  }
}

static void abort_for_the_load_list(void **state) {
  (void)state;
  static const uint64_t bad[] = {0x1234, 0x808, MSR_IA32_GS_BASE, MSR_IA32_SMM_MONITOR_CTL, BIT(40) | MSR_IA32_LSTAR};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    fake_set_up(&cpu, PROCESSOR, "long-mode");
    fake_add_msr(&cpu, MSR_IA32_LSTAR, 0);
    fake_add_msr(&cpu, 0x808, 0);
    fake_add_msr(&cpu, MSR_IA32_GS_BASE, 0);
    fake_add_msr(&cpu, MSR_IA32_SMM_MONITOR_CTL, 0);
    fake_put(&cpu, EXIT_LOAD_AREA, bad[i], 8);
    VMWRITE(&cpu, vm_exit_msr_load_address, EXIT_LOAD_AREA);
    VMWRITE(&cpu, vm_exit_msr_load_count, 1);
    enter();
    aborts(4);
  }
}

static void msr_lists(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  fake_add_msr(&cpu, MSR_IA32_LSTAR, 0x111);
  fake_put(&cpu, STORE_AREA, MSR_IA32_LSTAR, 8);
  fake_put(&cpu, EXIT_LOAD_AREA, MSR_IA32_LSTAR, 8);
  fake_put(&cpu, EXIT_LOAD_AREA + 8, 0x222, 8);
  VMWRITE(&cpu, vm_exit_msr_store_address, STORE_AREA);
  VMWRITE(&cpu, vm_exit_msr_store_count, 1);
  VMWRITE(&cpu, vm_exit_msr_load_address, EXIT_LOAD_AREA);
  VMWRITE(&cpu, vm_exit_msr_load_count, 1);
  enter();
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(fake_get(&cpu, STORE_AREA + 8, 8), 0x111); /* stored before it is loaded */
  assert_int_equal(*fake_msr(&cpu, MSR_IA32_LSTAR), 0x222);
}

/* An exit marks only what changed, and after it the state passes every check. */
static void marks_what_changed(void **state) {
  (void)state;
  set_up();
  fake_exit(&cpu, VMXSIM_EXIT_cpuid);
  enter();
  cpu.state.rip += 2;
  fake_exit(&cpu, VMXSIM_EXIT_cpuid);
  unsigned changed = 0;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    changed += vmxsim_field_set_has(&cpu.vmx.vmcs.changed, (vmxsim_field)i);
  }
  assert_int_equal(changed, 1);
  assert_true(vmxsim_field_set_has(&cpu.vmx.vmcs.changed, VMXSIM_FIELD_guest_rip));
}

static void no_exit_outside_non_root_operation(void **state) {
  (void)state;
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_hlt};
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, exception_bitmap, UINT32_MAX);
  VMWRITE(&cpu, cr0_guest_host_mask, UINT64_MAX);
  vmxsim_vmx_exit(&cpu.vmx, &exit);
  assert_int_equal(cpu.state.rip, 0x1000);
  assert_false(vmxsim_vmx_intercepts_exception(&cpu.vmx, 6, 0));
  assert_false(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x80, 1));
  assert_false(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x10, false));
  assert_false(vmxsim_vmx_intercepts_cr(&cpu.vmx, 0, 0));
  assert_false(vmxsim_vmx_intercepts_cr3(&cpu.vmx, 0));
  assert_false(vmxsim_vmx_intercepts_clts(&cpu.vmx));
  assert_false(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 0xf));
  assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx));
  assert_int_equal(vmxsim_vmx_read_cr(&cpu.vmx, 0), cpu.state.cr0);
  assert_int_equal(vmxsim_vmx_written_cr(&cpu.vmx, 0, 0x1234), 0x1234);
  assert_int_equal(vmxsim_vmx_guest_tsc(&cpu.vmx, 77), 77);
}

static void intercepts_exceptions(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, exception_bitmap, BIT(6) | BIT(14));
  VMWRITE(&cpu, page_fault_error_code_mask, 3);
  VMWRITE(&cpu, page_fault_error_code_match, 1);
  enter();
  assert_true(vmxsim_vmx_intercepts_exception(&cpu.vmx, 6, 0));
  assert_false(vmxsim_vmx_intercepts_exception(&cpu.vmx, 13, 0));
  assert_true(vmxsim_vmx_intercepts_exception(&cpu.vmx, 14, 5));
  assert_false(vmxsim_vmx_intercepts_exception(&cpu.vmx, 14, 3));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  VMWRITE(&cpu, exception_bitmap, 0);
  enter();
  assert_false(vmxsim_vmx_intercepts_exception(&cpu.vmx, 14, 5)); /* with bit 14 clear it is the reverse */
  assert_true(vmxsim_vmx_intercepts_exception(&cpu.vmx, 14, 3));
}

static void intercepts_io(void **state) {
  (void)state;
  set_up();
  assert_false(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x80, 1));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  SET_PRIMARY(&cpu, unconditional_io_exiting);
  enter();
  assert_true(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x80, 1));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  SET_PRIMARY(&cpu, use_io_bitmaps); /* the other control does not count then */
  VMWRITE(&cpu, io_bitmap_a_address, BITMAP_A);
  VMWRITE(&cpu, io_bitmap_b_address, BITMAP_B);
  fake_put(&cpu, BITMAP_A + 0x80 / 8, 2, 1); /* port 81H */
  fake_put(&cpu, BITMAP_B, 1, 1);            /* port 8000H */
  enter();
  assert_false(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x80, 1));
  assert_true(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x80, 2));
  assert_true(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x81, 1));
  assert_false(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x7fff, 1));
  assert_true(vmxsim_vmx_intercepts_io(&cpu.vmx, 0x7fff, 2));
  fake_put(&cpu, BITMAP_B, 0, 1);
  assert_false(vmxsim_vmx_intercepts_io(&cpu.vmx, 0xffff, 1));
  assert_true(vmxsim_vmx_intercepts_io(&cpu.vmx, 0xffff, 2)); /* beyond the last port */
}

static void intercepts_msrs(void **state) {
  (void)state;
  set_up();
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x10, false));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  SET_PRIMARY(&cpu, use_msr_bitmaps);
  VMWRITE(&cpu, msr_bitmap_address, BITMAP_MSR);
  fake_put(&cpu, BITMAP_MSR + 2, 1, 1);                /* read of 10H */
  fake_put(&cpu, BITMAP_MSR + 0x400, 2, 1);            /* read of C0000001H */
  fake_put(&cpu, BITMAP_MSR + 0x800 + 0x3ff, 0x80, 1); /* write of 1FFFH */
  fake_put(&cpu, BITMAP_MSR + 0xc00, 4, 1);            /* write of C0000002H */
  enter();
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x10, false));
  assert_false(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x10, true));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0xc0000001, false));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x1fff, true));
  assert_false(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x1fff, false));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0xc0000002, true));
  assert_false(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0xc0000001, true));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x2000, false));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0xc0002000, true));
  assert_true(vmxsim_vmx_intercepts_msr(&cpu.vmx, 0x40000000, true));
}

static void control_registers(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  const uint64_t ts = BIT(3), mp = BIT(1);
  VMWRITE(&cpu, cr0_guest_host_mask, ts | CR0_PE);
  VMWRITE(&cpu, cr0_read_shadow, ts);
  VMWRITE(&cpu, cr4_guest_host_mask, CR4_VMXE);
  VMWRITE(&cpu, cr4_read_shadow, 0);
  VMWRITE(&cpu, cr3_target_count, 2);
  VMWRITE(&cpu, cr3_target_value_1, 0x5000);
  VMWRITE(&cpu, cr3_target_value_2, 0x6000);
  enter();
  const uint64_t cr0 = cpu.state.cr0, guest = cr0 & ~CR0_PE;
  assert_int_equal(vmxsim_vmx_read_cr(&cpu.vmx, 0), guest | ts);
  assert_int_equal(vmxsim_vmx_read_cr(&cpu.vmx, 4), CR4_PAE);
  assert_false(vmxsim_vmx_intercepts_cr(&cpu.vmx, 0, guest | ts));
  assert_true(vmxsim_vmx_intercepts_cr(&cpu.vmx, 0, guest));
  assert_true(vmxsim_vmx_intercepts_cr(&cpu.vmx, 0, cr0 | ts));
  assert_int_equal(vmxsim_vmx_written_cr(&cpu.vmx, 0, (guest | ts) & ~mp), cr0 & ~mp);
  assert_true(vmxsim_vmx_intercepts_cr(&cpu.vmx, 4, CR4_PAE | CR4_VMXE));
  assert_int_equal(vmxsim_vmx_written_cr(&cpu.vmx, 4, CR4_PAE), CR4_PAE | CR4_VMXE);
  assert_true(vmxsim_vmx_intercepts_clts(&cpu.vmx));
  assert_false(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 8));
  assert_true(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 9)); /* sets PE */
  assert_true(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 0)); /* clears TS */
  assert_false(vmxsim_vmx_intercepts_cr3(&cpu.vmx, 0x5000));
  assert_true(vmxsim_vmx_intercepts_cr3(&cpu.vmx, 0x6000));
  assert_true(vmxsim_vmx_allows_cr(&cpu.vmx, 0, cr0));
  assert_false(vmxsim_vmx_allows_cr(&cpu.vmx, 0, cr0 & ~CR0_PG));
  assert_false(vmxsim_vmx_allows_cr(&cpu.vmx, 4, CR4_PAE));
}

/* LMSW does not clear PE: a shadow of 1 does not matter to it. */
static void lmsw_and_pe(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, cr0_guest_host_mask, CR0_PE);
  VMWRITE(&cpu, cr0_read_shadow, CR0_PE);
  enter();
  assert_false(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 0));
  assert_false(vmxsim_vmx_intercepts_lmsw(&cpu.vmx, 1));
  assert_false(vmxsim_vmx_intercepts_clts(&cpu.vmx));
}

static void pause_loops(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  SET_SECONDARY(&cpu, pause_loop_exiting);
  VMWRITE(&cpu, ple_gap, 10);
  VMWRITE(&cpu, ple_window, 25);
  enter();
  cpu.tsc = 5;
  assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx)); /* begins a loop */
  cpu.tsc = 15;
  assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx));
  cpu.tsc = 26;
  assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx)); /* after a gap: begins another */
  for (cpu.tsc = 36; cpu.tsc <= 46; cpu.tsc += 10) assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx));
  cpu.tsc = 52;
  cpu.state.segment[VMXSIM_SS].access_rights |= 0x60;
  assert_false(vmxsim_vmx_intercepts_pause(&cpu.vmx));
  cpu.state.segment[VMXSIM_SS].access_rights &= ~0x60u;
  assert_true(vmxsim_vmx_intercepts_pause(&cpu.vmx));
  fake_exit(&cpu, VMXSIM_EXIT_pause);
  SET_PRIMARY(&cpu, pause_exiting);
  enter();
  assert_true(vmxsim_vmx_intercepts_pause(&cpu.vmx));
}

static void guest_tsc(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  VMWRITE(&cpu, tsc_offset, 1000);
  SET_SECONDARY(&cpu, use_tsc_scaling);
  VMWRITE(&cpu, tsc_multiplier, BIT(49)); /* twice as fast */
  enter();
  assert_int_equal(vmxsim_vmx_guest_tsc(&cpu.vmx, 50), 50);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  SET_PRIMARY(&cpu, use_tsc_offsetting);
  enter();
  assert_int_equal(vmxsim_vmx_guest_tsc(&cpu.vmx, 50), 1100);
}

/* SMM is outside VMX operation; RSM restores what SMRAM does not have. */
static void smi_and_rsm(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "long-mode");
  SET_PIN(&cpu, nmi_exiting);
  SET_PIN(&cpu, virtual_nmis);
  enter();
  cpu.state.blocking_by_nmi = cpu.state.blocking_by_mov_ss = true;
  cpu.state.segment[VMXSIM_SS].access_rights |= 0x60;
  cpu.vmx.mtf_pending = true;
  vmxsim_vmx_enter_smm(&cpu.vmx);
  assert_false(cpu.vmx.in_vmx_operation || cpu.vmx.in_non_root || cpu.vmx.mtf_pending || cpu.state.blocking_by_nmi);
  assert_int_equal(cpu.state.cr4 & CR4_VMXE, 0);
  fake_faults(&cpu, VMXSIM_VMREAD, 0, 6);
  cpu.state.blocking_by_mov_ss = false;
  cpu.state.cr0 &= ~BIT(5);
  cpu.state.segment[VMXSIM_SS] = (struct vmxsim_segment){.selector = 0x10, .access_rights = 0xc093};
  vmxsim_vmx_leave_smm(&cpu.vmx);
  assert_true(cpu.vmx.in_vmx_operation && cpu.vmx.in_non_root && cpu.vmx.mtf_pending);
  assert_true(cpu.state.blocking_by_nmi && cpu.state.blocking_by_mov_ss);
  assert_false(vmxsim_vmx_nmis_blocked(&cpu.vmx));
  assert_int_equal(cpu.state.cr4 & CR4_VMXE, CR4_VMXE);
  assert_int_equal(cpu.state.cr0 & BIT(5), BIT(5)); /* NE is fixed */
  assert_int_equal(cpu.state.segment[VMXSIM_SS].access_rights, 0xc0f3);
  assert_int_equal(cpu.state.segment[VMXSIM_SS].selector, 0x13);
  assert_int_equal(cpu.state.segment[VMXSIM_CS].selector, 0xb);
  fake_reset(&cpu, PROCESSOR);
  vmxsim_vmx_enter_smm(&cpu.vmx);
  vmxsim_vmx_leave_smm(&cpu.vmx);
  assert_false(cpu.vmx.in_vmx_operation);
  assert_int_equal(cpu.state.cr4 & CR4_VMXE, CR4_VMXE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_information),
      cmocka_unit_test(records_no_error_code_in_real_mode),
      cmocka_unit_test(controls_in_force),
      cmocka_unit_test(vectoring_information),
      cmocka_unit_test(saves_registers),
      cmocka_unit_test(saves_by_control),
      cmocka_unit_test(saves_the_mode),
      cmocka_unit_test(saves_rf),
      cmocka_unit_test(saves_pending_debug_exceptions),
      cmocka_unit_test(saves_rflags_and_notes_a_change),
      cmocka_unit_test(an_msr_that_is_not_there),
      cmocka_unit_test(saves_activity),
      cmocka_unit_test(nmi_blocking),
      cmocka_unit_test(loads_a_64_bit_host),
      cmocka_unit_test(loads_by_control),
      cmocka_unit_test(loads_a_pae_host),
      cmocka_unit_test(abort_for_host_pdptes),
      cmocka_unit_test(abort_from_ia32e_mode_to_a_32_bit_host),
      cmocka_unit_test(abort_for_the_store_list),
      cmocka_unit_test(abort_for_the_load_list),
      cmocka_unit_test(msr_lists),
      cmocka_unit_test(marks_what_changed),
      cmocka_unit_test(no_exit_outside_non_root_operation),
      cmocka_unit_test(intercepts_exceptions),
      cmocka_unit_test(intercepts_io),
      cmocka_unit_test(intercepts_msrs),
      cmocka_unit_test(control_registers),
      cmocka_unit_test(lmsw_and_pe),
      cmocka_unit_test(pause_loops),
      cmocka_unit_test(guest_tsc),
      cmocka_unit_test(smi_and_rsm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
