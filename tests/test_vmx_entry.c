/* VM entry in the VMX engine: what is loaded, what stays, injection, failures; incremental verdicts. */
#include "tests/fake_vmx_cpu.h"

#include "tests/random_vmcs.h"

#define PROCESSOR "skylake-server"
#define EVENT(type, vector) (EVENT_VALID | (uint64_t)(type) << 8 | (vector))

static struct fake_cpu cpu;

static void long_mode(void) {
  fake_set_up(&cpu, PROCESSOR, "long-mode");
}

static void loads_registers(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, guest_cr0, 0x80050033 | CR0_CD | CR0_NW | BIT(3));
  VMWRITE(&cpu, guest_ia32_sysenter_esp, 0x1234);
  VMWRITE(&cpu, guest_dr7, 0xf401); /* bits 12, 14, 15 are not loaded */
  VMWRITE(&cpu, guest_ia32_debugctl, 1);
  VMWRITE(&cpu, guest_rsp, 0x5678);
  cpu.state.gpr[VMXSIM_RAX] = 0xaa;
  cpu.state.dr6 = 0xffff0ff0;
  cpu.state.blocking_by_nmi = true;
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.cr0, 0x80050033 | BIT(3));
  assert_int_equal(cpu.state.cr3, 0x10000);
  assert_int_equal(cpu.state.rip, 0x100000);
  assert_int_equal(cpu.state.rflags, 2);
  assert_int_equal(cpu.state.gpr[VMXSIM_RSP], 0x5678);
  assert_int_equal(cpu.state.gpr[VMXSIM_RAX], 0xaa);
  assert_int_equal(cpu.state.sysenter_esp, 0x1234);
  assert_int_equal(cpu.state.dr7, 0x2401 | 0x400);
  assert_int_equal(cpu.state.debugctl, 1);
  assert_int_equal(cpu.state.dr6, 0xffff0ff0);
  assert_int_equal(cpu.state.segment[VMXSIM_CS].access_rights, 0xa09b);
  assert_int_equal(cpu.state.tr.base, 0x2000);
  assert_int_equal(cpu.state.idtr.limit, 0xfff);
  assert_int_equal(cpu.state.gdtr.base, 0x3000);
  assert_false(cpu.state.blocking_by_nmi);
  assert_int_equal(cpu.replaced, 1);
  assert_int_equal(cpu.flushed, 1);
}

static void what_controls_leave_out_stays(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_controls, VMREAD(&cpu, vm_entry_controls) & ~BIT(2)); /* load debug controls */
  VMWRITE(&cpu, guest_dr7, 0x4ff);
  VMWRITE(&cpu, guest_ia32_debugctl, 1);
  VMWRITE(&cpu, guest_ia32_pat, 0);
  cpu.state.pat = 0x0606;
  cpu.state.spec_ctrl = 1;
  cpu.state.ssp = 0x100;
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.dr7, 0x400);
  assert_int_equal(cpu.state.debugctl, 0);
  assert_int_equal(cpu.state.pat, 0x0606);
  assert_int_equal(cpu.state.spec_ctrl, 1);
  assert_int_equal(cpu.state.ssp, 0x100);
}

static void loads_msrs_by_control(void **state) {
  (void)state;
  fake_set_up(&cpu, "sapphire-rapids", "long-mode");
  fake_add_msr(&cpu, MSR_IA32_PERF_GLOBAL_CTRL, 0);
  SET_ENTRY(&cpu, load_ia32_pat);
  SET_ENTRY(&cpu, load_ia32_efer);
  SET_ENTRY(&cpu, load_ia32_perf_global_ctrl);
  SET_ENTRY(&cpu, load_cet_state);
  SET_ENTRY(&cpu, load_pkrs);
  VMWRITE(&cpu, guest_ia32_efer, EFER_LMA | EFER_LME | EFER_NXE);
  VMWRITE(&cpu, guest_ia32_pat, 0x0606060606060606);
  VMWRITE(&cpu, guest_ia32_perf_global_ctrl, 3);
  VMWRITE(&cpu, guest_ia32_s_cet, 4);
  VMWRITE(&cpu, guest_ssp, 0x7008);
  VMWRITE(&cpu, guest_ia32_interrupt_ssp_table_addr, 0x9000);
  VMWRITE(&cpu, guest_ia32_pkrs, 0x33);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.efer, EFER_LMA | EFER_LME | EFER_NXE);
  assert_true(cpu.state.pat == 0x0606060606060606);
  assert_int_equal(*fake_msr(&cpu, MSR_IA32_PERF_GLOBAL_CTRL), 3);
  assert_int_equal(cpu.state.s_cet, 4);
  assert_int_equal(cpu.state.ssp, 0x7008);
  assert_int_equal(cpu.state.interrupt_ssp_table, 0x9000);
  assert_int_equal(cpu.state.pkrs, 0x33);
}

/* Without "load IA32_EFER", LMA and LME follow the mode of the guest. */
static void efer_follows_the_mode(void **state) {
  (void)state;
  long_mode();
  cpu.state.efer |= EFER_NXE | EFER_SCE;
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.efer, EFER_LMA | EFER_LME | EFER_NXE | EFER_SCE);
  fake_set_up(&cpu, PROCESSOR, "pae");
  cpu.state.efer |= EFER_NXE;
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.efer, EFER_NXE);
}

static void unusable_segments(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, guest_cs_access_rights, 0xa0fb);
  VMWRITE(&cpu, guest_cs_selector, 0xb);
  VMWRITE(&cpu, guest_ss_access_rights, 0x10060);
  VMWRITE(&cpu, guest_ss_selector, 0x13);
  VMWRITE(&cpu, guest_ss_base, 0x123456789);
  VMWRITE(&cpu, guest_fs_access_rights, 0x10000);
  VMWRITE(&cpu, guest_fs_base, 0x7fff12345678);
  VMWRITE(&cpu, guest_ds_access_rights, 0x10000);
  VMWRITE(&cpu, guest_ds_base, 0x123456789);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.segment[VMXSIM_SS].base, 0x23456780);
  assert_int_equal(cpu.state.segment[VMXSIM_SS].access_rights, 0x14060); /* DPL is the CPL */
  assert_int_equal(cpu.state.segment[VMXSIM_DS].base, 0x23456789);
  assert_int_equal(cpu.state.segment[VMXSIM_FS].base, 0x7fff12345678);
  assert_int_equal(cpu.state.ldtr.access_rights & AR_UNUSABLE, AR_UNUSABLE);
}

static void loads_pdptes(void **state) {
  (void)state;
  fake_set_up(&cpu, PROCESSOR, "pae");
  fake_put(&cpu, 0x10000, 0x12001, 8);
  fake_put(&cpu, 0x10018, 0x13001, 8);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.state.pdpte[0], 0x12001);
  assert_int_equal(cpu.state.pdpte[1], 0);
  assert_int_equal(cpu.state.pdpte[3], 0x13001);
  /* Memory is looked at anew at each entry. */
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  fake_put(&cpu, 0x10000, 0x12003, 8);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMRESUME, 0, 0), VMXSIM_VMX_EXITED);
  assert_int_equal(VMREAD(&cpu, exit_reason), 0x80000021);
  assert_int_equal(VMREAD(&cpu, exit_qualification), 2);
  assert_false(cpu.vmx.verdict_differs);
}

static void non_register_state(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, guest_interruptibility_state, BLOCKING_BY_MOV_SS | BLOCKING_BY_NMI);
  VMWRITE(&cpu, guest_pending_debug_exceptions, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_true(cpu.state.blocking_by_mov_ss && cpu.state.blocking_by_nmi && !cpu.state.blocking_by_sti);
  assert_int_equal(cpu.state.pending_debug, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  assert_true(vmxsim_vmx_nmis_blocked(&cpu.vmx));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  VMWRITE(&cpu, guest_interruptibility_state, 0);
  VMWRITE(&cpu, guest_activity_state, VMXSIM_SHUTDOWN);
  VMWRITE(&cpu, guest_pending_debug_exceptions, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  assert_int_equal(cpu.state.activity, VMXSIM_SHUTDOWN);
  assert_int_equal(cpu.state.pending_debug, 0); /* lost in shutdown */
}

/* Who is the NMI blocking of: with virtual NMIs the field says nothing of real ones. */
static void virtual_nmi_blocking(void **state) {
  (void)state;
  long_mode();
  SET_PIN(&cpu, nmi_exiting);
  SET_PIN(&cpu, virtual_nmis);
  VMWRITE(&cpu, guest_interruptibility_state, BLOCKING_BY_NMI);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_true(cpu.state.blocking_by_nmi);
  assert_false(vmxsim_vmx_nmis_blocked(&cpu.vmx));
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_false(cpu.state.blocking_by_nmi);
  assert_int_equal(VMREAD(&cpu, guest_interruptibility_state), BLOCKING_BY_NMI);
}

static void injects(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(3, 14) | EVENT_DELIVER_ERROR_CODE);
  VMWRITE(&cpu, vm_entry_exception_error_code, 6);
  VMWRITE(&cpu, vm_entry_instruction_length, 5);
  VMWRITE(&cpu, guest_activity_state, VMXSIM_HLT);
  VMWRITE(&cpu, guest_interruptibility_state, BLOCKING_BY_MOV_SS);
  VMWRITE(&cpu, guest_pending_debug_exceptions, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  VMWRITE(&cpu, guest_activity_state, VMXSIM_ACTIVE);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.delivered, 1);
  assert_int_equal(cpu.event.type, VMXSIM_EVENT_HARDWARE_EXCEPTION);
  assert_int_equal(cpu.event.vector, 14);
  assert_true(cpu.event.has_error_code);
  assert_int_equal(cpu.event.error_code, 6);
  assert_int_equal(cpu.event.instruction_length, 0);
  assert_false(cpu.state.blocking_by_mov_ss); /* vectoring */
  assert_int_equal(cpu.state.pending_debug, 0);
  assert_false(cpu.vmx.mtf_pending);
  assert_false(cpu.vmx.vectoring_valid);
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, vm_entry_interruption_information), 0xb0e); /* the valid bit is cleared */
  fake_enter(&cpu, VMXSIM_VMRESUME);
  assert_int_equal(cpu.delivered, 1);
}

static void injects_software_events(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_SOFTWARE_EXCEPTION, 3));
  VMWRITE(&cpu, vm_entry_instruction_length, 1);
  VMWRITE(&cpu, guest_interruptibility_state, BLOCKING_BY_MOV_SS);
  VMWRITE(&cpu, guest_pending_debug_exceptions, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.event.instruction_length, 1);
  assert_int_equal(cpu.state.pending_debug, PENDING_DEBUG_ENABLED_BREAKPOINT | 1); /* kept after MOV SS */
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_SOFTWARE_INTERRUPT, 0x80));
  VMWRITE(&cpu, guest_interruptibility_state, 0);
  VMWRITE(&cpu, guest_pending_debug_exceptions, PENDING_DEBUG_ENABLED_BREAKPOINT | 1);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  assert_int_equal(cpu.event.vector, 0x80);
  assert_int_equal(cpu.state.pending_debug, 0);
}

static void injected_nmi_blocks_nmis(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_NMI, 2));
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_true(cpu.state.blocking_by_nmi);
}

static void pending_mtf(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_OTHER, 0));
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_true(cpu.vmx.mtf_pending);
  assert_int_equal(cpu.delivered, 0);
  fake_exit(&cpu, VMXSIM_EXIT_monitor_trap_flag);
  assert_false(cpu.vmx.mtf_pending);
  SET_PRIMARY(&cpu, monitor_trap_flag);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  assert_false(cpu.vmx.mtf_pending); /* after the first instruction: the processor's to say */
  fake_exit(&cpu, VMXSIM_EXIT_monitor_trap_flag);
  VMWRITE(&cpu, guest_rflags, 0x202);
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_EXTERNAL_INTERRUPT, 0x40));
  fake_enter(&cpu, VMXSIM_VMRESUME);
  assert_int_equal(cpu.delivered, 1);
  assert_true(cpu.vmx.mtf_pending); /* before the handler's first */
}

static void exit_during_injection(void **state) {
  (void)state;
  long_mode();
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(VMXSIM_EVENT_SOFTWARE_INTERRUPT, 0x21));
  VMWRITE(&cpu, vm_entry_instruction_length, 2);
  SET_PRIMARY(&cpu, monitor_trap_flag);
  cpu.nested = true;
  cpu.nested_exit = (struct vmxsim_vmx_exit){
      .reason = VMXSIM_EXIT_exception_or_nmi,
      .has_event = true,
      .event = {.type = VMXSIM_EVENT_HARDWARE_EXCEPTION, .vector = 13, .has_error_code = true, .error_code = 0x10a},
      .saved_rf = VMXSIM_RF_1,
  };
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMLAUNCH, 0, 0), VMXSIM_VMX_EXITED);
  assert_int_equal(VMREAD(&cpu, exit_reason), 0);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_information), 0x80000b0d);
  assert_int_equal(VMREAD(&cpu, vm_exit_interruption_error_code), 0x10a);
  assert_int_equal(VMREAD(&cpu, idt_vectoring_information), 0x80000421);
  assert_int_equal(VMREAD(&cpu, vm_exit_instruction_length), 2);
  assert_int_equal(VMREAD(&cpu, guest_rflags), 0x10002);
  assert_false(cpu.vmx.mtf_pending);
  assert_false(cpu.vmx.vectoring_valid);
}

/* Neither information fields nor guest state nor the event are touched, but for reason and qualification. */
static void fails_on_guest_state(void **state) {
  (void)state;
  long_mode();
  cpu.state.blocking_by_nmi = true;
  VMWRITE(&cpu, vm_exit_instruction_length, 9);
  VMWRITE(&cpu, guest_rflags, 0);
  VMWRITE(&cpu, guest_ia32_sysenter_eip, 0x1111);
  VMWRITE(&cpu, vm_entry_interruption_information, EVENT(3, 6));
  const uint64_t cr3 = VMREAD(&cpu, guest_cr3);
  assert_int_equal(fake_execute(&cpu, VMXSIM_VMLAUNCH, 0, 0), VMXSIM_VMX_EXITED);
  assert_int_equal(cpu.state.rflags, 2);
  assert_true(cpu.state.rip == UINT64_C(0xffff800000100000));
  assert_int_equal(cpu.state.cr3, 0x11000);
  assert_true(cpu.state.blocking_by_nmi);
  assert_int_equal(VMREAD(&cpu, exit_reason), 0x80000021);
  assert_int_equal(VMREAD(&cpu, exit_qualification), 0);
  assert_int_equal(VMREAD(&cpu, vm_exit_instruction_length), 9);
  assert_int_equal(VMREAD(&cpu, vm_entry_interruption_information), EVENT(3, 6));
  assert_int_equal(VMREAD(&cpu, guest_cr3), cr3);
  assert_false(cpu.vmx.vmcs.launched);
  VMWRITE(&cpu, guest_rflags, 2);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_false(cpu.vmx.verdict_differs);
}

static void put_entry(uint64_t area, unsigned number, uint64_t index, uint64_t data) {
  fake_put(&cpu, area + 16 * (number - 1), index, 8);
  fake_put(&cpu, area + 16 * (number - 1) + 8, data, 8);
}

static void loads_an_msr_list(void **state) {
  (void)state;
  long_mode();
  fake_add_msr(&cpu, MSR_IA32_KERNEL_GS_BASE, 0);
  fake_add_msr(&cpu, MSR_IA32_LSTAR, 0);
  put_entry(ENTRY_LOAD_AREA, 1, MSR_IA32_KERNEL_GS_BASE, 0x111);
  put_entry(ENTRY_LOAD_AREA, 2, MSR_IA32_LSTAR, 0x222);
  VMWRITE(&cpu, vm_entry_msr_load_address, ENTRY_LOAD_AREA);
  VMWRITE(&cpu, vm_entry_msr_load_count, 2);
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(*fake_msr(&cpu, MSR_IA32_KERNEL_GS_BASE), 0x111);
  assert_int_equal(*fake_msr(&cpu, MSR_IA32_LSTAR), 0x222);
}

/* The entries before the one that fails have been loaded, whoever finds the failure. */
static void fails_in_the_msr_list(void **state) {
  (void)state;
  static const uint64_t bad[] = {MSR_IA32_FS_BASE /* the checks */, 0x1234 /* WRMSR */, BIT(32) | MSR_IA32_LSTAR};
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    long_mode();
    fake_add_msr(&cpu, MSR_IA32_KERNEL_GS_BASE, 0);
    fake_add_msr(&cpu, MSR_IA32_LSTAR, 0);
    put_entry(ENTRY_LOAD_AREA, 1, MSR_IA32_KERNEL_GS_BASE, 0x111);
    put_entry(ENTRY_LOAD_AREA, 2, bad[i], 0x222);
    put_entry(ENTRY_LOAD_AREA, 3, MSR_IA32_LSTAR, 0x333);
    VMWRITE(&cpu, vm_entry_msr_load_address, ENTRY_LOAD_AREA);
    VMWRITE(&cpu, vm_entry_msr_load_count, 3);
    VMWRITE(&cpu, guest_interruptibility_state, BLOCKING_BY_NMI);
    assert_int_equal(fake_execute(&cpu, VMXSIM_VMLAUNCH, 0, 0), VMXSIM_VMX_EXITED);
    assert_int_equal(*fake_msr(&cpu, MSR_IA32_KERNEL_GS_BASE), 0x111);
    assert_int_equal(*fake_msr(&cpu, MSR_IA32_LSTAR), 0);
    assert_int_equal(VMREAD(&cpu, exit_reason), 0x80000022);
    assert_int_equal(VMREAD(&cpu, exit_qualification), 2);
    assert_false(cpu.state.blocking_by_nmi); /* as before the entry */
    assert_true(cpu.state.rip == UINT64_C(0xffff800000100000));
    fake_fails_valid(&cpu, VMXSIM_VMRESUME, 0, 0, 5); /* still clear */
  }
}

static void preemption_timer(void **state) {
  (void)state;
  const unsigned rate = 5;
  long_mode();
  cpu.capabilities.ia32_vmx_misc = (cpu.capabilities.ia32_vmx_misc & ~BITS(4, 0)) | rate;
  SET_PIN(&cpu, activate_vmx_preemption_timer);
  SET_EXIT(&cpu, save_vmx_preemption_timer_value);
  VMWRITE(&cpu, vmx_preemption_timer_value, 10);
  cpu.tsc = 100; /* three ticks, and a part */
  fake_enter(&cpu, VMXSIM_VMLAUNCH);
  assert_int_equal(cpu.vmx.preemption_deadline, 13 << rate);
  cpu.tsc = 8 << rate;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, vmx_preemption_timer_value), 5);
  assert_true(cpu.vmx.preemption_deadline == UINT64_MAX);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  vmxsim_vmx_tsc_written(&cpu.vmx, cpu.tsc, cpu.tsc + 64);
  cpu.tsc += 64;
  fake_exit(&cpu, VMXSIM_EXIT_hlt);
  assert_int_equal(VMREAD(&cpu, vmx_preemption_timer_value), 5);
  fake_enter(&cpu, VMXSIM_VMRESUME);
  cpu.tsc += 1000;
  fake_exit(&cpu, VMXSIM_EXIT_vmx_preemption_timer_expired);
  assert_int_equal(VMREAD(&cpu, vmx_preemption_timer_value), 0);
  fake_enter(&cpu, VMXSIM_VMRESUME); /* 0: due at once */
  assert_true(cpu.vmx.preemption_deadline <= cpu.tsc);
}

/* Whatever changes between entries: the incremental verdict is the full one. */
static void incremental_verdicts(void **state) {
  (void)state;
  uint64_t seed = 7;
  for (unsigned round = 0; round < 300; round++) {
    fake_set_up(&cpu, PROCESSOR, round % 2 ? "long-mode" : "pae");
    for (unsigned entry = 0; entry < 20; entry++) {
      const vmxsim_field field = random_field(&seed);
      const uint64_t old = cpu.vmx.vmcs.value[field];
      const uint64_t value = random_value(&seed, old) & field_limit(field);
      const bool exists = vmxsim_field_exists(field, &cpu.capabilities) && !vmxsim_field_is_read_only(field);
      if (exists) fake_vmwrite(&cpu, field, value);
      if (random_next(&seed) % 8 == 0) cpu.state.apic_base ^= APIC_BASE_EXTD;
      const enum vmxsim_vmx_opcode opcode = cpu.vmx.vmcs.launched ? VMXSIM_VMRESUME : VMXSIM_VMLAUNCH;
      if (fake_execute(&cpu, opcode, 0, 0) == VMXSIM_VMX_ENTERED) fake_exit(&cpu, VMXSIM_EXIT_hlt);
      assert_false(cpu.vmx.verdict_differs);
      if (cpu.vmx.aborted) break;
      if (exists) fake_vmwrite(&cpu, field, old);
    }
  }
}

/* A VMCS near a template, put into the engine without VMWRITE: on any processor, whatever fields it has. */
static void set_up_random(uint64_t *seed) {
  const struct vmxsim_template *base = vmxsim_template_at(random_next(seed) % vmxsim_template_count());
  fake_reset(&cpu, vmxsim_profile_at(random_next(seed) % vmxsim_profile_count())->name);
  cpu.vmx.in_vmx_operation = true;
  cpu.vmx.vmxon_pointer = VMXON_REGION;
  cpu.vmx.current = VMCS_A;
  cpu.vmx.vmcs = base->vmcs;
  for (uint64_t changes = 1 + random_next(seed) % 6; changes; changes--) random_change(seed, &cpu.vmx.vmcs);
  if (cpu.vmx.vmcs.value[VMXSIM_FIELD_vm_exit_controls] & BIT(VMXSIM_BIT_vm_exit_host_address_space_size)) return;
  cpu.state.efer = 0;
  cpu.state.segment[VMXSIM_CS].access_rights = 0xc09b;
}

/* What an exit at once saves passes every check when it is entered again. */
static void saved_state_can_be_entered(void **state) {
  (void)state;
  const struct vmxsim_vmx_exit exit = {.reason = VMXSIM_EXIT_init_signal}; /* leaves debug exceptions pending */
  uint64_t seed = 99;
  unsigned entered = 0;
  for (unsigned round = 0; round < 5000; round++) {
    set_up_random(&seed);
    if (fake_execute(&cpu, VMXSIM_VMLAUNCH, 0, 0) != VMXSIM_VMX_ENTERED) continue;
    entered++;
    vmxsim_vmx_exit(&cpu.vmx, &exit);
    if (cpu.vmx.aborted) continue;
    fake_enter(&cpu, VMXSIM_VMRESUME);
    assert_false(cpu.vmx.verdict_differs);
  }
  assert_true(entered > 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loads_registers),
      cmocka_unit_test(what_controls_leave_out_stays),
      cmocka_unit_test(loads_msrs_by_control),
      cmocka_unit_test(efer_follows_the_mode),
      cmocka_unit_test(unusable_segments),
      cmocka_unit_test(loads_pdptes),
      cmocka_unit_test(non_register_state),
      cmocka_unit_test(virtual_nmi_blocking),
      cmocka_unit_test(injects),
      cmocka_unit_test(injects_software_events),
      cmocka_unit_test(injected_nmi_blocks_nmis),
      cmocka_unit_test(pending_mtf),
      cmocka_unit_test(exit_during_injection),
      cmocka_unit_test(fails_on_guest_state),
      cmocka_unit_test(loads_an_msr_list),
      cmocka_unit_test(fails_in_the_msr_list),
      cmocka_unit_test(preemption_timer),
      cmocka_unit_test(incremental_verdicts),
      cmocka_unit_test(saved_state_can_be_entered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
