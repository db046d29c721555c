/* VM exits that instructions cause: each with and without its controls, at CPL 0 and 3, against the faults that come
 * before an exit or after it. What instructions do without an exit is test_vmx_non_root.c. */
#include "tests/cpu/vmx_guest.h"

/* --- instructions that a control intercepts -------------------------------------------------------------------------
 */

struct plain {
  const char *name;
  const char *bytes;
  size_t size;
  const char *needs;   /* controls without which it is #UD; NULL: none */
  const char *control; /* NULL: it exits in any case */
  uint16_t reason;
  uint64_t qualification;
  uint32_t information;
  int at_cpl_3;  /* COMPLETES, EXITS or a vector, with the control */
  int otherwise; /* the same at CPL 0 without the control: COMPLETES or a vector */
  enum guest_mode mode;
};

#define NO_INDEX (1u << 22)
#define NO_BASE (1u << 27)
#define A32 (1u << 7)
#define A64 (2u << 7)
#define DS (3u << 15)
#define ES_SEGMENT 0u
#define REGISTER (1u << 10)
#define REG1(n) ((n) << 3)
#define INDEX(n) ((n) << 18)
#define BASE(n) ((n) << 23)
#define IDENTITY(n) ((uint32_t)(n) << 28)
#define REG2(n) ((uint32_t)(n) << 28)

/* clang-format off */
static const struct plain plains[] = {
  {"cpuid", CODE("\x0f\xa2"), NULL, NULL, VMXSIM_EXIT_cpuid, 0, 0, EXITS, 0, GUEST_64},
  {"invd", CODE("\x0f\x08"), NULL, NULL, VMXSIM_EXIT_invd, 0, 0, GP, 0, GUEST_64},
  {"hlt", CODE("\xf4"), NULL, "hlt_exiting", VMXSIM_EXIT_hlt, 0, 0, GP, COMPLETES, GUEST_64},
  {"hlt with a prefix", CODE("\x66\xf4"), NULL, "hlt_exiting", VMXSIM_EXIT_hlt, 0, 0, GP, COMPLETES, GUEST_32},
  {"mwait", CODE("\x0f\x01\xc9"), NULL, "mwait_exiting", VMXSIM_EXIT_mwait, 0, 0, UD, COMPLETES, GUEST_64},
  {"monitor", CODE("\x0f\x01\xc8"), NULL, "monitor_exiting", VMXSIM_EXIT_monitor, 0, 0, UD, COMPLETES, GUEST_64},
  {"pause", CODE("\xf3\x90"), NULL, "pause_exiting", VMXSIM_EXIT_pause, 0, 0, EXITS, COMPLETES, GUEST_64},
  {"umwait ecx", CODE("\xf2\x0f\xae\xf1"), "enable_user_wait_and_pause", "rdtsc_exiting", VMXSIM_EXIT_umwait, 0, REG1(1), EXITS, COMPLETES, GUEST_64},
  {"tpause r11d", CODE("\x66\x41\x0f\xae\xf3"), "enable_user_wait_and_pause", "rdtsc_exiting", VMXSIM_EXIT_tpause, 0, REG1(11), EXITS, COMPLETES, GUEST_64},

  {"rdtsc", CODE("\x0f\x31"), NULL, "rdtsc_exiting", VMXSIM_EXIT_rdtsc, 0, 0, EXITS, COMPLETES, GUEST_64},
  {"rdtscp", CODE("\x0f\x01\xf9"), "enable_rdtscp", "rdtsc_exiting", VMXSIM_EXIT_rdtscp, 0, 0, EXITS, COMPLETES, GUEST_64},
  {"rdpmc", CODE("\x0f\x33"), NULL, "rdpmc_exiting", VMXSIM_EXIT_rdpmc, 0, 0, GP, GP, GUEST_64},
  {"rdrand r10d", CODE("\x41\x0f\xc7\xf2"), NULL, "rdrand_exiting", VMXSIM_EXIT_rdrand, 0, REG1(10) | 1 << 11, EXITS, COMPLETES, GUEST_64},
  {"rdrand bx", CODE("\x66\x0f\xc7\xf3"), NULL, "rdrand_exiting", VMXSIM_EXIT_rdrand, 0, REG1(3), EXITS, COMPLETES, GUEST_32},
  {"rdseed rax", CODE("\x48\x0f\xc7\xf8"), NULL, "rdseed_exiting", VMXSIM_EXIT_rdseed, 0, 2 << 11, EXITS, COMPLETES, GUEST_64},

  {"mov rdx, cr3", CODE("\x0f\x20\xda"), NULL, "cr3_store_exiting", VMXSIM_EXIT_control_register_accesses, 0x213, 0, GP, COMPLETES, GUEST_64},
  {"mov r9, cr8", CODE("\x45\x0f\x20\xc1"), NULL, "cr8_store_exiting", VMXSIM_EXIT_control_register_accesses, 0x918, 0, GP, COMPLETES, GUEST_64},
  {"mov cr8, rbx", CODE("\x44\x0f\x22\xc3"), NULL, "cr8_load_exiting", VMXSIM_EXIT_control_register_accesses, 0x308, 0, GP, COMPLETES, GUEST_64},
  {"mov dr3, r9", CODE("\x41\x0f\x23\xd9"), NULL, "mov_dr_exiting", VMXSIM_EXIT_mov_dr, 0x903, 0, EXITS, COMPLETES, GUEST_64},
  {"mov esi, dr7", CODE("\x0f\x21\xfe"), NULL, "mov_dr_exiting", VMXSIM_EXIT_mov_dr, 0x617, 0, EXITS, COMPLETES, GUEST_32},

  {"lgdt [rbx+rcx*4+30000h]", CODE("\x0f\x01\x94\x8b\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, 0x30000, 2 | A64 | DS | INDEX(1) | BASE(3) | IDENTITY(2), GP, COMPLETES, GUEST_64},
  {"lidt [rip+10h]", CODE("\x0f\x01\x1d\x10\x00\x00\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, GUEST_CODE + 7 + 0x10, A64 | DS | NO_INDEX | NO_BASE | IDENTITY(3), GP, COMPLETES, GUEST_64},
  {"sgdt gs:[r13+30000h]", CODE("\x65\x41\x0f\x01\x85\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, 0x30000, A64 | 5 << 15 | NO_INDEX | BASE(13), EXITS, COMPLETES, GUEST_64},
  {"sidt [ebp+30000h]", CODE("\x0f\x01\x8d\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, 0x30000, A32 | 1 << 11 | 2 << 15 | NO_INDEX | BASE(5) | IDENTITY(1), EXITS, COMPLETES, GUEST_32},
  {"o16 sgdt [30000h]", CODE("\x66\x0f\x01\x05\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, 0x30000, A32 | DS | NO_INDEX | NO_BASE, EXITS, COMPLETES, GUEST_32},
  {"a16 lgdt [bx+si-2]", CODE("\x67\x0f\x01\x50\xfe"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_gdtr_or_idtr, (uint64_t)-2, 1 << 11 | DS | INDEX(6) | BASE(3) | IDENTITY(2), GP, COMPLETES, GUEST_32},
  {"lldt cx", CODE("\x0f\x00\xd1"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0, REG1(1) | REGISTER | IDENTITY(2), GP, COMPLETES, GUEST_64},
  {"ltr ax", CODE("\x0f\x00\xd8"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0, REGISTER | IDENTITY(3), GP, GP, GUEST_64},
  {"sldt [rax+30000h]", CODE("\x0f\x00\x80\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0x30000, A64 | DS | NO_INDEX | BASE(0), EXITS, COMPLETES, GUEST_64},
  {"lldt [rbx-7]", CODE("\x0f\x00\x53\xf9"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, (uint64_t)-7, A64 | DS | NO_INDEX | BASE(3) | IDENTITY(2), GP, VECTOR_PF, GUEST_64},
  {"ltr [rsi+30000h]", CODE("\x0f\x00\x9e\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0x30000, A64 | DS | NO_INDEX | BASE(6) | IDENTITY(3), GP, GP, GUEST_64},
  {"str [rdi+30000h]", CODE("\x0f\x00\x8f\x00\x00\x03\x00"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0x30000, A64 | DS | NO_INDEX | BASE(7) | IDENTITY(1), EXITS, COMPLETES, GUEST_64},
  {"str r12d", CODE("\x41\x0f\x00\xcc"), NULL, "descriptor_table_exiting", VMXSIM_EXIT_access_to_ldtr_or_tr, 0, REG1(12) | REGISTER | IDENTITY(1), EXITS, COMPLETES, GUEST_64},

  {"invlpg [rbx+8]", CODE("\x0f\x01\x7b\x08"), NULL, "invlpg_exiting", VMXSIM_EXIT_invlpg, 8, 0, GP, COMPLETES, GUEST_64},
  {"invpcid rsi, [rax+30000h]", CODE("\x66\x0f\x38\x82\xb0\x00\x00\x03\x00"), "enable_invpcid", "invlpg_exiting", VMXSIM_EXIT_invpcid, 0x30000, A64 | DS | NO_INDEX | BASE(0) | REG2(6), GP, COMPLETES, GUEST_64},
  {"wbinvd", CODE("\x0f\x09"), NULL, "wbinvd_exiting", VMXSIM_EXIT_wbinvd_or_wbnoinvd, 0, 0, GP, COMPLETES, GUEST_64},
  {"wbnoinvd", CODE("\xf3\x0f\x09"), NULL, "wbinvd_exiting", VMXSIM_EXIT_wbinvd_or_wbnoinvd, 1, 0, GP, COMPLETES, GUEST_64},

  {"in al, 80h", CODE("\xe4\x80"), NULL, "unconditional_io_exiting", VMXSIM_EXIT_io_instruction, 0x800048, 0, GP, COMPLETES, GUEST_64},
  {"out 80h, eax", CODE("\xe7\x80"), NULL, "unconditional_io_exiting", VMXSIM_EXIT_io_instruction, 0x800043, 0, GP, COMPLETES, GUEST_64},
  {"outsb", CODE("\x6e"), NULL, "unconditional_io_exiting", VMXSIM_EXIT_io_instruction, 0x10, A64 | DS, GP, COMPLETES, GUEST_64},
  {"in ax, dx", CODE("\x66\xed"), NULL, "unconditional_io_exiting", VMXSIM_EXIT_io_instruction, 0x9, 0, GP, COMPLETES, GUEST_64},
};
/* clang-format on */

static void expect_outcome(const struct plain *p, const char *what, int expected) {
  const int outcome = guest_outcome();
  if (expected == EXITS) expected += p->reason;
  if (outcome != expected) print_error("%s, %s: %d instead of %d\n", p->name, what, outcome, expected);
  assert_int_equal(outcome, expected);
}

static void enter_and_run(const struct plain *p, unsigned cpl, const char *needs, const char *control) {
  guest_enter(p->mode, cpl, control);
  guest_set(needs);
  guest_run(p->bytes, p->size);
}

static void assert_reported(const struct plain *p) {
  if (GUEST_FIELD(exit_qualification) != p->qualification ||
      GUEST_FIELD(vm_exit_instruction_information) != p->information ||
      GUEST_FIELD(vm_exit_instruction_length) != p->size)
    print_error("%s\n", p->name);
  assert_int_equal(GUEST_FIELD(exit_qualification), p->qualification);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_information), p->information);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_length), p->size);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE);
  assert_int_equal(GUEST_FIELD(guest_rflags) & RFLAGS_RF, 0);
  assert_int_equal(v->s.rip, GUEST_FIELD(host_rip));
}

static void a_control_makes_its_instructions_exit(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
    const struct plain *const p = &plains[i];
    enter_and_run(p, 0, p->needs, p->control);
    expect_outcome(p, "with the control", EXITS);
    assert_reported(p);
    enter_and_run(p, 3, p->needs, p->control);
    expect_outcome(p, "at CPL 3", p->at_cpl_3);
    if (p->control) {
      enter_and_run(p, 0, p->needs, NULL);
      expect_outcome(p, "without the control", p->otherwise);
    }
    if (p->needs) {
      enter_and_run(p, 0, NULL, p->control);
      expect_outcome(p, "without what it needs", UD);
    }
  }
}

/* Outside VMX non-root operation the controls mean nothing. */
static void no_control_matters_in_root_operation(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof plains / sizeof *plains; i++) {
    const struct plain *const p = &plains[i];
    if (p->otherwise != COMPLETES) continue;
    guest_enter(p->mode, 0, p->control);
    v->vmx.in_non_root = false;
    vcpu_update_mode(v);
    guest_run(p->bytes, p->size);
    assert_int_equal(GUEST_FIELD(exit_reason), UINT32_MAX);
    assert_int_equal(v->s.rip, GUEST_CODE + p->size);
  }
}

/* --- faults that come first -----------------------------------------------------------------------------------------
 */

static void getsec_and_xsetbv_exit_where_they_are_enabled(void **state) {
  (void)state;
  guest_enter(GUEST_64, 3, NULL);
  RUN("\x0f\x01\xd1"); /* xsetbv */
  EXPECT(UD);
  guest_enter(GUEST_64, 3, NULL);
  v->s.cr4 |= CR4_OSXSAVE;
  RUN("\x0f\x01\xd1");
  EXPECT(EXITS + VMXSIM_EXIT_xsetbv);
  guest_enter(GUEST_64, 0, NULL);
  RUN("\x0f\x37"); /* getsec */
  EXPECT(UD);
  guest_enter(GUEST_64, 3, NULL);
  v->s.cr4 |= CR4_SMXE;
  RUN("\x0f\x37");
  EXPECT(EXITS + VMXSIM_EXIT_getsec);
}

/* At CPL 3, with a bit of CR4 that decides, and without. */
static void control_bits_of_cr4_come_before_exits(void **state) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *controls;
    uint64_t bit;
    int with, without, reason;
  } cases[] = {
      {CODE("\x0f\x31"), "rdtsc_exiting", CR4_TSD, GP, EXITS, VMXSIM_EXIT_rdtsc},
      {CODE("\x0f\x01\xf9"), "rdtsc_exiting enable_rdtscp", CR4_TSD, GP, EXITS, VMXSIM_EXIT_rdtscp},
      {CODE("\x66\x0f\xae\xf1"), "rdtsc_exiting enable_user_wait_and_pause", CR4_TSD, GP, EXITS, VMXSIM_EXIT_tpause},
      {CODE("\xf2\x0f\xae\xf1"), "rdtsc_exiting enable_user_wait_and_pause", CR4_TSD, GP, EXITS, VMXSIM_EXIT_umwait},
      {CODE("\x0f\x33"), "rdpmc_exiting", CR4_PCE, EXITS, GP, VMXSIM_EXIT_rdpmc},
      {CODE("\x0f\x01\x00"), "descriptor_table_exiting", CR4_UMIP, GP, EXITS, VMXSIM_EXIT_access_to_gdtr_or_idtr},
      {CODE("\x0f\x01\x08"), "descriptor_table_exiting", CR4_UMIP, GP, EXITS, VMXSIM_EXIT_access_to_gdtr_or_idtr},
      {CODE("\x0f\x00\xc0"), "descriptor_table_exiting", CR4_UMIP, GP, EXITS, VMXSIM_EXIT_access_to_ldtr_or_tr},
      {CODE("\x0f\x00\xc8"), "descriptor_table_exiting", CR4_UMIP, GP, EXITS, VMXSIM_EXIT_access_to_ldtr_or_tr},
      {CODE("\x0f\x21\xe0"), "mov_dr_exiting", CR4_DE, EXITS, EXITS, VMXSIM_EXIT_mov_dr}, /* mov rax, dr4 */
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (unsigned with = 0; with < 2; with++) {
      const int expected = with ? cases[i].with : cases[i].without;
      guest_enter(GUEST_64, 3, cases[i].controls);
      if (with) v->s.cr4 |= cases[i].bit;
      vcpu_update_mode(v);
      guest_run(cases[i].bytes, cases[i].size);
      EXPECT(expected == EXITS ? EXITS + cases[i].reason : expected);
    }
  }
}

static void what_is_wrong_with_operands_comes_after_exits(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "descriptor_table_exiting");
  v->s.gpr[VMXSIM_RAX] = UNMAPPED;
  RUN("\x0f\x01\x10"); /* lgdt [rax] */
  EXPECT(EXITS + VMXSIM_EXIT_access_to_gdtr_or_idtr);
  guest_enter(GUEST_64, 0, "enable_invpcid invlpg_exiting");
  v->s.gpr[VMXSIM_RAX] = UNMAPPED;
  v->s.gpr[VMXSIM_RSI] = 7;
  RUN("\x66\x0f\x38\x82\x30"); /* invpcid rsi, [rax] */
  EXPECT(EXITS + VMXSIM_EXIT_invpcid);
  guest_enter(GUEST_64, 0, "mwait_exiting");
  v->s.gpr[VMXSIM_RCX] = 8;
  RUN("\x0f\x01\xc9");
  EXPECT(EXITS + VMXSIM_EXIT_mwait);
  guest_enter(GUEST_64, 0, "cr8_load_exiting");
  v->s.gpr[VMXSIM_RAX] = 16;
  RUN("\x44\x0f\x22\xc0"); /* mov cr8, rax */
  EXPECT(EXITS + VMXSIM_EXIT_control_register_accesses);
}

static void virtual_8086_mode_has_no_privilege(void **state) {
  (void)state;
  guest_enter(GUEST_V86, 3, "hlt_exiting unconditional_io_exiting descriptor_table_exiting");
  RUN("\xf4");
  EXPECT(GP);
  guest_enter(GUEST_V86, 3, "descriptor_table_exiting");
  RUN("\x0f\x00\xc8"); /* str ax */
  EXPECT(UD);
  guest_enter(GUEST_V86, 3, "unconditional_io_exiting");
  RUN("\xec"); /* in al, dx: the I/O permission bitmap lies beyond the TSS */
  EXPECT(GP);
}

/* --- MSRs -----------------------------------------------------------------------------------------------------------
 */

static void bitmaps_choose_msrs(void **state) {
  static const struct {
    uint32_t msr, at;
    bool write;
  } bits[] = {{0x174, 0x2000, false}, {0xc0000081, 0x2400, false}, {0x174, 0x2800, true}, {0xc0000081, 0x2c00, true}};
  (void)state;
  for (unsigned i = 0; i < 4; i++) {
    const uint64_t address = GUEST_BITMAPS + bits[i].at + (bits[i].msr & 0x1fff) / 8;
    const int reason = bits[i].write ? VMXSIM_EXIT_wrmsr : VMXSIM_EXIT_rdmsr;
    guest_enter(GUEST_64, 0, NULL);
    run_msr(bits[i].write, bits[i].msr);
    EXPECT(COMPLETES);
    guest_put(address, 1, 1u << (bits[i].msr & 7));
    guest_enter(GUEST_64, 0, NULL);
    run_msr(!bits[i].write, bits[i].msr);
    EXPECT(COMPLETES);
    guest_enter(GUEST_64, 0, NULL);
    run_msr(bits[i].write, bits[i].msr);
    EXPECT(EXITS + reason);
    assert_int_equal(GUEST_FIELD(exit_qualification), 0);
    guest_enter(GUEST_64, 3, NULL);
    run_msr(bits[i].write, bits[i].msr);
    EXPECT(GP);
    guest_put(address, 1, 0);
  }
}

/* MSRs beyond the bitmaps, MSRs that are not there, and no bitmaps at all. */
static void msrs_exit_before_they_fault(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  run_msr(false, 0x2000);
  EXPECT(EXITS + VMXSIM_EXIT_rdmsr);
  guest_enter(GUEST_64, 0, NULL);
  run_msr(true, 0xbfffffff);
  EXPECT(EXITS + VMXSIM_EXIT_wrmsr);
  guest_enter(GUEST_64, 0, NULL);
  run_msr(false, 0x1fff);
  EXPECT(GP);
  guest_enter(GUEST_64, 0, NULL);
  v->vmx.controls[VMXSIM_WORD_primary] = 0;
  run_msr(false, 0x1fff);
  EXPECT(EXITS + VMXSIM_EXIT_rdmsr);
}

/* --- control registers ----------------------------------------------------------------------------------------------
 */

/* A value that MOV would refuse exits all the same; where it does not exit, bits that VMX operation fixes are #GP. */
static void mov_to_cr_exits_before_it_faults(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_PE;
  GUEST_FIELD(cr0_read_shadow) = CR0_PE;
  v->s.gpr[VMXSIM_RBX] = 0x80050032;
  RUN("\x0f\x22\xc3"); /* mov cr0, rbx */
  EXPECT(EXITS + VMXSIM_EXIT_control_register_accesses);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0x300);
  guest_enter(GUEST_64, 0, NULL);
  v->s.gpr[VMXSIM_RBX] = 0x80050013; /* NE */
  RUN("\x0f\x22\xc3");
  EXPECT(GP);
  guest_enter(GUEST_64, 0, NULL);
  v->s.gpr[VMXSIM_RBX] = CR4_PAE; /* VMXE */
  RUN("\x0f\x22\xe3");
  EXPECT(GP);
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr4_guest_host_mask) = CR4_VMXE;
  v->s.gpr[VMXSIM_RBX] = CR4_PAE | CR4_PGE;
  RUN("\x0f\x22\xe3"); /* VMXE is the host's, and 0 in the shadow */
  EXPECT(COMPLETES);
  assert_int_equal(v->s.cr4, CR4_PAE | CR4_PGE | CR4_VMXE);
  RUN("\x0f\x20\xe0"); /* mov rax, cr4 */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], CR4_PAE | CR4_PGE);
  guest_enter(GUEST_64, 3, NULL);
  GUEST_FIELD(cr4_guest_host_mask) = UINT64_MAX;
  RUN("\x0f\x22\xe3");
  EXPECT(GP);
}

static void cr3_targets(void **state) {
  (void)state;
  for (unsigned targets = 0; targets < 3; targets++) {
    guest_enter(GUEST_64, 0, "cr3_load_exiting");
    GUEST_FIELD(cr3_target_count) = targets;
    GUEST_FIELD(cr3_target_value_1) = GUEST_TABLES;
    v->s.gpr[VMXSIM_RSI] = GUEST_TABLES;
    RUN("\x0f\x22\xde"); /* mov cr3, rsi */
    EXPECT(targets < 2 ? EXITS + VMXSIM_EXIT_control_register_accesses : COMPLETES);
    if (targets < 2) assert_int_equal(GUEST_FIELD(exit_qualification), 0x603);
  }
  guest_enter(GUEST_64, 0, NULL);
  v->s.gpr[VMXSIM_RSI] = UINT64_C(1) << 60;
  RUN("\x0f\x22\xde");
  EXPECT(GP);
}

static void clts_by_mask_and_shadow(void **state) {
  static const struct {
    uint64_t mask, shadow;
    bool clears;
    int outcome;
  } cases[] = {{0, 0, true, COMPLETES},
               {0, CR0_TS, true, COMPLETES},
               {CR0_TS, 0, false, COMPLETES},
               {CR0_TS, CR0_TS, false, EXITS + VMXSIM_EXIT_control_register_accesses}};
  (void)state;
  for (unsigned i = 0; i < 4; i++) {
    guest_enter(GUEST_64, 0, NULL);
    GUEST_FIELD(cr0_guest_host_mask) = cases[i].mask;
    GUEST_FIELD(cr0_read_shadow) = cases[i].shadow;
    v->s.cr0 |= CR0_TS;
    RUN("\x0f\x06");
    EXPECT(cases[i].outcome);
    if (cases[i].outcome == COMPLETES) {
      assert_int_equal(v->s.cr0 & CR0_TS, cases[i].clears ? 0 : CR0_TS);
    } else {
      assert_int_equal(GUEST_FIELD(exit_qualification), 0x20);
    }
  }
  guest_enter(GUEST_64, 3, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = GUEST_FIELD(cr0_read_shadow) = CR0_TS;
  RUN("\x0f\x06");
  EXPECT(GP);
}

static void lmsw_reads_its_operand_first(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_TS;
  v->s.gpr[VMXSIM_RCX] = 0x123b;
  RUN("\x0f\x01\xf1"); /* lmsw cx */
  EXPECT(EXITS + VMXSIM_EXIT_control_register_accesses);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0x123b0030);
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_TS;
  v->s.gpr[VMXSIM_RBX] = GUEST_DATA;
  guest_put(GUEST_DATA + 4, 2, 0xf00a);
  RUN("\x0f\x01\x73\x04"); /* lmsw [rbx+4] */
  EXPECT(EXITS + VMXSIM_EXIT_control_register_accesses);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0xf00a0070);
  assert_int_equal(GUEST_FIELD(guest_linear_address), GUEST_DATA + 4);
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_TS;
  v->s.gpr[VMXSIM_RBX] = UNMAPPED;
  RUN("\x0f\x01\x33");
  EXPECT(VECTOR_PF);
  guest_enter(GUEST_64, 0, NULL);
  GUEST_FIELD(cr0_guest_host_mask) = CR0_TS | CR0_PE;
  v->s.gpr[VMXSIM_RCX] = CR0_MP; /* PE is not cleared, so its mask does not count */
  RUN("\x0f\x01\xf1");
  EXPECT(COMPLETES);
  assert_int_equal(v->s.cr0, 0x80050033);
}

/* --- ports ----------------------------------------------------------------------------------------------------------
 */

static void bitmaps_choose_ports(void **state) {
  static const struct {
    uint16_t port, bit;
    unsigned size;
    bool exits;
  } cases[] = {
      {0x80, 0x80, 1, true},      {0x80, 0x81, 1, false},    {0x80, 0x81, 2, true},
      {0x7ffc, 0x7fff, 4, true},  {0x7ffd, 0x8000, 4, true}, {0x8000, 0x8000, 1, true},
      {0x8000, 0x7fff, 1, false}, {0xffff, 0x100, 2, true},  {0xffff, 0x100, 1, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const uint64_t at = GUEST_BITMAPS + cases[i].bit / 8;
    guest_put(at, 1, 1u << (cases[i].bit & 7));
    guest_enter(GUEST_64, 0, "use_io_bitmaps unconditional_io_exiting");
    v->s.gpr[VMXSIM_RDX] = cases[i].port;
    if (cases[i].size == 1) RUN("\xec");
    if (cases[i].size == 2) RUN("\x66\xed");
    if (cases[i].size == 4) RUN("\xed");
    EXPECT(cases[i].exits ? EXITS + VMXSIM_EXIT_io_instruction : COMPLETES);
    if (cases[i].exits) {
      assert_int_equal(GUEST_FIELD(exit_qualification), (uint64_t)cases[i].port << 16 | 8 | (cases[i].size - 1));
    }
    guest_put(at, 1, 0);
  }
}

static void strings_report_where(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "unconditional_io_exiting");
  v->s.gpr[VMXSIM_RDX] = 0x3f8;
  v->s.gpr[VMXSIM_RCX] = 2;
  v->s.gpr[VMXSIM_RDI] = UINT64_C(0x123456789a);
  RUN("\xf3\x6c"); /* rep insb: not mapped, which comes after the exit */
  EXPECT(EXITS + VMXSIM_EXIT_io_instruction);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0x3f80038);
  assert_int_equal(GUEST_FIELD(guest_linear_address), UINT64_C(0x123456789a));
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_information), A64 | ES_SEGMENT);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_length), 2);
  assert_int_equal(v->s.gpr[VMXSIM_RCX], 2);

  guest_enter(GUEST_32, 0, "unconditional_io_exiting");
  v->s.segment[VMXSIM_FS] = (struct vmxsim_segment){.base = 0xfffffff0, .access_rights = 0x10000}; /* unusable */
  v->s.gpr[VMXSIM_RSI] = 0xff0020;
  RUN("\x64\x67\x6f"); /* outsd fs:[si] */
  EXPECT(EXITS + VMXSIM_EXIT_io_instruction);
  assert_int_equal(GUEST_FIELD(exit_qualification), 0x13);
  assert_int_equal(GUEST_FIELD(guest_linear_address), 0x10);
  assert_int_equal(GUEST_FIELD(vm_exit_instruction_information), 4 << 15);

  guest_enter(GUEST_64, 0, "unconditional_io_exiting");
  RUN("\xf3\x6c"); /* nothing to repeat */
  EXPECT(COMPLETES);
}

static void the_permission_bitmap_comes_first(void **state) {
  static const char *const forms[] = {"\xec", "\xee", "\x6c", "\x6e"}; /* in, out, insb, outsb */
  (void)state;
  for (unsigned i = 0; i < 8; i++) {
    guest_enter(GUEST_64, 3, "unconditional_io_exiting");
    guest_put(GUEST_TSS + 102, 2, 104);
    guest_put(GUEST_TSS + 104, 2, i & 1);
    v->s.tr.limit = 104 + 2;
    guest_run(forms[i / 2], 1);
    EXPECT(i & 1 ? GP : EXITS + VMXSIM_EXIT_io_instruction);
  }
}

/* --- PAUSE loops, time ----------------------------------------------------------------------------------------------
 */

static void pause_loops_exit_at_cpl_0(void **state) {
  (void)state;
  for (unsigned cpl = 0; cpl < 4; cpl += 3) {
    guest_enter(GUEST_64, cpl, "pause_loop_exiting");
    GUEST_FIELD(ple_gap) = 100;
    GUEST_FIELD(ple_window) = 3;
    unsigned pauses = 0;
    while (v->vmx.in_non_root && pauses < 100) {
      v->s.rip = GUEST_CODE;
      RUN("\xf3\x90");
      pauses++;
    }
    EXPECT(cpl ? COMPLETES : EXITS + VMXSIM_EXIT_pause);
    assert_true(cpl ? pauses == 100 : pauses > 2 && pauses < 10);
  }
}

/* --- the rest -------------------------------------------------------------------------------------------------------
 */

static void xsaves_by_the_bitmap(void **state) {
  static const struct {
    const char *bytes;
    int reason;
  } forms[] = {{"\x0f\xc7\x6b\x40", VMXSIM_EXIT_xsaves}, {"\x0f\xc7\x5b\x40", VMXSIM_EXIT_xrstors}}; /* [rbx+40h] */
  (void)state;
  for (unsigned i = 0; i < 2; i++) {
    guest_enter(GUEST_64, 0, NULL);
    v->s.cr4 |= CR4_OSXSAVE;
    guest_run(forms[i].bytes, 4);
    EXPECT(UD);
    for (unsigned without = 0; without < 4; without++) {
      guest_enter(GUEST_64, 0, "enable_xsaves_xrstors");
      v->s.cr4 |= CR4_OSXSAVE;
      v->s.xcr0 = 3;
      v->s.xss = without == 1 ? 0 : 0x800;
      GUEST_FIELD(xss_exiting_bitmap) = without == 2 ? 0 : 0x1800;
      v->s.gpr[VMXSIM_RAX] = without == 3 ? 0 : 0x800;
      guest_run(forms[i].bytes, 4);
      if (without) {
        assert_true(guest_outcome() < EXITS);
      } else {
        EXPECT(EXITS + forms[i].reason);
        assert_int_equal(GUEST_FIELD(vm_exit_instruction_information), A64 | DS | NO_INDEX | BASE(3));
        assert_int_equal(GUEST_FIELD(exit_qualification), 0x40);
      }
    }
    for (unsigned cpl = 0; cpl < 4; cpl += 3) {
      guest_enter(GUEST_64, cpl, "enable_xsaves_xrstors");
      if (cpl) v->s.cr4 |= CR4_OSXSAVE;
      v->s.xss = 0x800;
      GUEST_FIELD(xss_exiting_bitmap) = 0x800;
      v->s.gpr[VMXSIM_RAX] = 0x800;
      guest_run(forms[i].bytes, 4);
      EXPECT(cpl ? GP : UD);
    }
  }
}

/* Instruction sets that no processor has yet, but for a decoder that knows them all. */
static void instructions_to_come(void **state) {
  static const struct {
    const char *bytes;
    size_t size;
    const char *controls;
    int reason, with, without, at_cpl_3; /* the controls at CPL 0, none, the controls at CPL 3 */
    uint64_t qualification;
  } cases[] = {
      {CODE("\x0f\x01\xc6"), "", VMXSIM_EXIT_wrmsr, EXITS, EXITS, GP, 1}, /* wrmsrns */
      {CODE("\xf2\x0f\x01\xc6"), "enable_msr_list_instructions", VMXSIM_EXIT_rdmsrlist, EXITS, UD, GP, 0},
      {CODE("\xf3\x0f\x01\xc6"), "enable_msr_list_instructions", VMXSIM_EXIT_wrmsrlist, EXITS, UD, GP, 0},
      {CODE("\x0f\x01\xcf"), "enable_encls_exiting", VMXSIM_EXIT_encls, EXITS, UD, UD, 0},
      {CODE("\x0f\x01\xc0"), "enable_enclv_exiting", VMXSIM_EXIT_enclv, EXITS, UD, UD, 0},
      {CODE("\x0f\x01\xc5"), "enable_pconfig", VMXSIM_EXIT_pconfig, EXITS, UD, GP, 0},
  };
  const struct decoder before = v->decoder;
  (void)state;
  decoder_init(&v->decoder, UINT64_MAX);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (unsigned n = 0; n < 3; n++) {
      const int expected = n == 0 ? cases[i].with : n == 1 ? cases[i].without : cases[i].at_cpl_3;
      guest_enter(GUEST_64, n == 2 ? 3 : 0, n == 1 ? NULL : cases[i].controls);
      v->vmx.controls[VMXSIM_WORD_primary] = 0; /* no MSR bitmaps */
      GUEST_FIELD(encls_exiting_bitmap) = GUEST_FIELD(enclv_exiting_bitmap) = GUEST_FIELD(pconfig_exiting_bitmap) =
          UINT64_C(1) << 63;
      v->s.gpr[VMXSIM_RAX] = 1000;
      guest_run(cases[i].bytes, cases[i].size);
      EXPECT(expected == EXITS ? EXITS + cases[i].reason : expected);
      if (expected == EXITS) assert_int_equal(GUEST_FIELD(exit_qualification), cases[i].qualification);
    }
    guest_enter(GUEST_64, 0, cases[i].controls);
    guest_run(cases[i].bytes, cases[i].size); /* bitmaps of zeros */
    EXPECT(cases[i].reason == VMXSIM_EXIT_pconfig ? GP : UD);
  }
  v->decoder = before;
}

static void rsm_exits_in_smm(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  RUN("\x0f\xaa");
  EXPECT(UD);
  guest_enter(GUEST_64, 3, NULL);
  v->s.in_smm = true;
  RUN("\x0f\xaa");
  EXPECT(EXITS + VMXSIM_EXIT_rsm);
  v->s.in_smm = false;
}

static void mwait_says_whether_it_is_armed(void **state) {
  (void)state;
  guest_enter(GUEST_64, 0, "mwait_exiting");
  v->s.gpr[VMXSIM_RAX] = GUEST_DATA;
  RUN("\x0f\x01\xc8"); /* monitor */
  EXPECT(COMPLETES);
  v->s.gpr[VMXSIM_RAX] = 0;
  RUN("\x0f\x01\xc9");
  EXPECT(EXITS + VMXSIM_EXIT_mwait);
  assert_int_equal(GUEST_FIELD(exit_qualification), 1);
}

/* Blocks are made anew at the other side: the same code exits only in VMX non-root operation. */
static void blocks_know_their_side(void **state) {
  struct vmxsim_run_result result;
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  v->vmx.in_non_root = false;
  vcpu_update_mode(v);
  RUN("\x0f\xa2");
  guest_enter(GUEST_64, 0, NULL);
  vmxsim_machine_run(guest_machine, 1, &result);
  EXPECT(EXITS + VMXSIM_EXIT_cpuid);
}

/* The flags of the guest are complete, whatever was still to be computed. */
static void an_exit_saves_the_flags(void **state) {
  struct vmxsim_run_result result;
  (void)state;
  guest_enter(GUEST_64, 0, NULL);
  const uint8_t code[] = {0x31, 0xc0, 0xff, 0xc8, 0x0f, 0xa2}; /* xor eax, eax; dec eax; cpuid */
  assert_int_equal(vmxsim_machine_write(guest_machine, GUEST_CODE, code, sizeof code), VMXSIM_OK);
  vmxsim_machine_run(guest_machine, 3, &result);
  EXPECT(EXITS + VMXSIM_EXIT_cpuid);
  assert_int_equal(GUEST_FIELD(guest_rip), GUEST_CODE + 4);
  assert_int_equal(GUEST_FIELD(guest_rflags), 0x96);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_control_makes_its_instructions_exit),
      cmocka_unit_test(no_control_matters_in_root_operation),
      cmocka_unit_test(getsec_and_xsetbv_exit_where_they_are_enabled),
      cmocka_unit_test(control_bits_of_cr4_come_before_exits),
      cmocka_unit_test(what_is_wrong_with_operands_comes_after_exits),
      cmocka_unit_test(virtual_8086_mode_has_no_privilege),
      cmocka_unit_test(bitmaps_choose_msrs),
      cmocka_unit_test(msrs_exit_before_they_fault),
      cmocka_unit_test(mov_to_cr_exits_before_it_faults),
      cmocka_unit_test(cr3_targets),
      cmocka_unit_test(clts_by_mask_and_shadow),
      cmocka_unit_test(lmsw_reads_its_operand_first),
      cmocka_unit_test(bitmaps_choose_ports),
      cmocka_unit_test(strings_report_where),
      cmocka_unit_test(the_permission_bitmap_comes_first),
      cmocka_unit_test(pause_loops_exit_at_cpl_0),
      cmocka_unit_test(xsaves_by_the_bitmap),
      cmocka_unit_test(instructions_to_come),
      cmocka_unit_test(rsm_exits_in_smm),
      cmocka_unit_test(mwait_says_whether_it_is_armed),
      cmocka_unit_test(blocks_know_their_side),
      cmocka_unit_test(an_exit_saves_the_flags),
  };
  return cmocka_run_group_tests(tests, guest_create, guest_destroy);
}
