/* cpu/exec, system instructions and far transfers: control and debug registers, MSRs, CPUID, descriptor tables, gates,
 * tasks, SYSCALL and SYSENTER, and what each refuses.
 *
 * Links cpu/ (without x87 and vector groups), decode/ and the checks library; nothing of the machine.
 */
#include "tests/cpu/event_machine.h"

static void set_rax(uint64_t value) {
  v->s.gpr[VMXSIM_RAX] = value;
}

/* --- control registers
 * ------------------------------------------------------------------------------------------------- */

static void test_cr0(void **state) {
  (void)state;
  long_mode(0);
  const uint64_t cr0 = v->s.cr0;
  set_rax(cr0 | BIT(32));
  EXPECT_FAULT("\x0f\x22\xc0", VECTOR_GP, 0);
  set_rax(cr0 & ~CR0_PE);
  EXPECT_FAULT("\x0f\x22\xc0", VECTOR_GP, 0);
  set_rax(cr0 & ~CR0_PG); /* not in 64-bit mode */
  EXPECT_FAULT("\x0f\x22\xc0", VECTOR_GP, 0);
  set_rax(cr0 | CR0_NW);
  EXPECT_FAULT("\x0f\x22\xc0", VECTOR_GP, 0);
  set_rax((cr0 | CR0_TS | BIT(10)) & ~CR0_ET); /* ET stays, bit 10 is not there */
  RUN("\x0f\x22\xc0");
  assert_int_equal(v->s.cr0, cr0 | CR0_TS);
  RUN("\x0f\x06"); /* clts */
  assert_int_equal(v->s.cr0, cr0);
}

/* From protected mode to 64-bit mode and what stands against it. */
static void test_entering_ia32e(void **state) {
  (void)state;
  protected_mode(0);
  put(TABLES, 8, (TABLES + 0x1000) | 7);
  put(TABLES + 0x1000, 8, 0x87); /* 1 GiB */
  v->s.cr3 = TABLES;
  v->s.efer = EFER_LME;
  set_rax(v->s.cr0 | CR0_PG);
  EXPECT_FAULT("\x0f\x22\xc0", VECTOR_GP, 0); /* without PAE */
  v->s.cr4 = CR4_PAE;
  settle();
  RUN("\x0f\x22\xc0");
  assert_true(v->s.efer & EFER_LMA);
  assert_false(vcpu_in_64_bit_mode(v));
  run_bytes("\xea\x00\xc0\x00\x00\x28\x00", 7); /* jmp 28h:c000h */
  assert_at(0xc000);
  assert_true(vcpu_in_64_bit_mode(v));
}

static void test_cr4(void **state) {
  (void)state;
  long_mode(0);
  set_rax(v->s.cr4 | BIT(63));
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
  set_rax(v->s.cr4 & ~CR4_PAE);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
  set_rax(v->s.cr4 | CR4_LA57);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
  v->s.cr3 = TABLES | 8;
  set_rax(v->s.cr4 | CR4_PCIDE);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
  v->s.cr3 = TABLES;
  RUN("\x0f\x22\xe0");
  assert_true(v->s.cr4 & CR4_PCIDE);
  v->s.cr0 &= ~CR0_WP;
  set_rax(v->s.cr4 | CR4_CET);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
}

static void test_cr4_of_old_processors(void **state) {
  (void)state;
  recreate("nehalem");
  long_mode(0);
  set_rax(v->s.cr4 | CR4_SMEP);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
  set_rax(v->s.cr4 | CR4_LAM_SUP);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
}

static void test_cr3(void **state) {
  (void)state;
  recreate("skylake-server");
  long_mode(0);
  set_rax(TABLES | BIT(46));
  EXPECT_FAULT("\x0f\x22\xd8", VECTOR_GP, 0);
  set_rax(TABLES | CR3_NO_FLUSH);
  EXPECT_FAULT("\x0f\x22\xd8", VECTOR_GP, 0);
  v->s.cr4 |= CR4_PCIDE;
  RUN("\x0f\x22\xd8");
  assert_int_equal(v->s.cr3, TABLES);
}

static void test_cr8_and_privilege(void **state) {
  (void)state;
  long_mode(0);
  set_rax(16);
  EXPECT_FAULT("\x44\x0f\x22\xc0", VECTOR_GP, 0);
  set_rax(5);
  RUN("\x44\x0f\x22\xc0");
  assert_int_equal(apic_tpr(v->apic), 5);
  long_mode(3);
  EXPECT_FAULT("\x0f\x20\xc0", VECTOR_GP, 0);
  EXPECT_FAULT("\x0f\x23\xc0", VECTOR_GP, 0);
  EXPECT_FAULT("\x0f\x06", VECTOR_GP, 0);
}

static void test_lmsw_smsw_umip(void **state) {
  (void)state;
  protected_mode(0);
  set_rax(CR0_TS);
  RUN("\x0f\x01\xf0"); /* lmsw ax: PE cannot be cleared */
  assert_int_equal(v->s.cr0 & 15, CR0_PE | CR0_TS);
  RUN("\x0f\x01\xe0"); /* smsw eax */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], v->s.cr0);
  long_mode(3);
  RUN("\x0f\x01\xe0");
  v->s.cr4 |= CR4_UMIP;
  EXPECT_FAULT("\x0f\x01\xe0", VECTOR_GP, 0);
  EXPECT_FAULT("\x0f\x00\xc0", VECTOR_GP, 0); /* sldt */
  EXPECT_FAULT("\x0f\x00\xc8", VECTOR_GP, 0); /* str */
}

static void test_debug_registers(void **state) {
  (void)state;
  long_mode(0);
  set_rax(BIT(32));
  EXPECT_FAULT("\x0f\x23\xf8", VECTOR_GP, 0);
  set_rax(UINT32_MAX & ~DR7_GD);
  RUN("\x0f\x23\xf8");
  assert_int_equal(v->s.dr7, 0xffff07ff);
  set_rax(0);
  RUN("\x0f\x23\xf8");
  assert_int_equal(v->s.dr7, DR7_FIXED);
  RUN("\x0f\x23\xe0"); /* mov dr4, rax */
  assert_int_equal(v->s.dr6, DR6_FIXED);
  v->s.cr4 |= CR4_DE;
  EXPECT_FAULT("\x0f\x23\xe0", VECTOR_UD, 0);
}

static void test_xcr0(void **state) {
  (void)state;
  long_mode(0);
  set_rax(7);
  v->s.gpr[VMXSIM_RDX] = v->s.gpr[VMXSIM_RCX] = 0;
  EXPECT_FAULT("\x0f\x01\xd1", VECTOR_UD, 0);
  v->s.cr4 |= CR4_OSXSAVE;
  settle();
  RUN("\x0f\x01\xd1");
  assert_int_equal(v->s.xcr0, 7);
  assert_true(v->mode & DECODE_OSXSAVE_AVX);
  set_rax(5);
  EXPECT_FAULT("\x0f\x01\xd1", VECTOR_GP, 0); /* AVX without SSE */
  set_rax(6);
  EXPECT_FAULT("\x0f\x01\xd1", VECTOR_GP, 0);
  set_rax(0xe7);
  EXPECT_FAULT("\x0f\x01\xd1", VECTOR_GP, 0); /* AVX-512 */
}

/* --- MSRs
 * ---------------------------------------------------------------------------------------------------------------- */

static bool written(uint32_t msr, uint64_t value) {
  return msr_write(v, msr, value);
}
static uint64_t read_msr(uint32_t msr) {
  uint64_t value = 0;
  assert_true(msr_read(v, msr, &value));
  return value;
}
static bool readable(uint32_t msr) {
  uint64_t value;
  return msr_read(v, msr, &value);
}
#define NON_CANONICAL UINT64_C(0xaaaaaaaaaaaaaaaa)

static void test_msr_instructions(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RCX] = MSR_IA32_LSTAR;
  v->s.gpr[VMXSIM_RDX] = 0xffffffff12345678;
  set_rax(0x9abcdef0);
  EXPECT_FAULT("\x0f\x30", VECTOR_GP, 0);
  v->s.gpr[VMXSIM_RDX] = 0x1234;
  RUN("\x0f\x30");
  assert_int_equal(v->s.lstar, UINT64_C(0x12349abcdef0));
  v->s.gpr[VMXSIM_RAX] = v->s.gpr[VMXSIM_RDX] = UINT64_MAX;
  RUN("\x0f\x32");
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x9abcdef0);
  assert_int_equal(v->s.gpr[VMXSIM_RDX], 0x1234);
  for (uint32_t msr = 0; msr < 2; msr++) {
    v->s.gpr[VMXSIM_RCX] = msr;
    EXPECT_FAULT("\x0f\x32", VECTOR_GP, 0);
    EXPECT_FAULT("\x0f\x30", VECTOR_GP, 0);
  }
  long_mode(3);
  v->s.gpr[VMXSIM_RCX] = MSR_IA32_LSTAR;
  EXPECT_FAULT("\x0f\x32", VECTOR_GP, 0);
}

static void test_msr_values(void **state) {
  (void)state;
  assert_true(written(MSR_IA32_SYSENTER_CS, 0x1234));
  assert_int_equal(read_msr(MSR_IA32_SYSENTER_CS), 0x1234);
  assert_false(written(MSR_IA32_SYSENTER_EIP, NON_CANONICAL));
  assert_false(written(MSR_IA32_FMASK, BIT(32)));
  assert_false(written(MSR_IA32_TSC_AUX, BIT(32)));
  assert_true(written(MSR_IA32_PAT, 0x07070707));
  assert_false(written(MSR_IA32_PAT, 2));
  assert_true(written(0x1a0, UINT64_C(0x400c50809) | 0x1880)); /* IA32_MISC_ENABLE */
  assert_int_equal(read_msr(0x1a0), UINT64_C(0x400c50809) | 0x1800);
  assert_false(written(0x1a0, BIT(63)));
  assert_true(written(0x48, 7));
  assert_false(readable(0x49)); /* IA32_PRED_CMD is written only */
  assert_true(written(0x49, 1));
  assert_false(written(0x49, 2));
  assert_false(readable(0x10b));
  assert_true(written(0x10b, 1));
  assert_false(written(MSR_IA32_DEBUGCTL, BIT(20)));
  assert_false(written(MSR_IA32_PL3_SSP, 1));
  assert_false(written(MSR_IA32_U_CET, BIT(6)));
  assert_false(written(MSR_IA32_S_CET, CET_SUPPRESS | CET_TRACKER));
  assert_true(written(MSR_IA32_DS_AREA, 0x1000));
  assert_false(written(MSR_IA32_XSS, BIT(8)));
  assert_true(written(MSR_IA32_XSS, BITS(12, 11)));
  assert_false(written(MSR_IA32_FEATURE_CONTROL, 0)); /* locked */
}

static void test_msr_ranges(void **state) {
  (void)state;
  for (uint32_t bank = 0; bank < 32; bank++) {
    const uint32_t msr = 0x400 + 4 * bank;
    const bool exists = bank < (read_msr(0x179) & 0xff);
    assert_int_equal(readable(msr), exists);
    assert_int_equal(written(msr, UINT64_MAX), exists);
    assert_false(written(msr, NON_CANONICAL));
    assert_int_equal(written(msr + 1, 0), exists);
    assert_false(written(msr + 1, 1));
    assert_int_equal(written(msr + 2, NON_CANONICAL), exists);
    assert_int_equal(written(msr + 3, UINT64_MAX), exists);
  }
  assert_false(written(0xfe, 0));
  assert_true(written(0x200, 0xc0000000 | 6));
  assert_false(written(0x200, 2));
  assert_false(written(0x201, 1));
  assert_true(written(0x201, 0xc0000800));
  assert_false(readable(0x214));
  assert_true(written(0x250, UINT64_C(0x0606060606060606)));
  assert_false(written(0x26f, 3));
  assert_true(written(0x2ff, 0xc06));
  assert_false(written(0x2ff, 0x106));
}

/* Frequency and power, which software reads where it sees the family. */
static void test_msrs_of_families(void **state) {
  (void)state;
  enum { PLATFORM_INFO = 0xce, PKG_CST_CONFIG = 0xe2, POWER_CTL = 0x1fc };
  static const struct {
    const char *processor;
    unsigned ratio; /* 0: none of them */
  } cases[] = {{"max", 24}, {"nehalem", 18}, {"haswell", 24}, {"penryn", 0}, {"yonah", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    recreate(cases[i].processor);
    v->tsc_hz = UINT64_C(2400000000);
    assert_int_equal(readable(PLATFORM_INFO) ? read_msr(PLATFORM_INFO) : 0, cases[i].ratio << 8);
    assert_false(written(PLATFORM_INFO, 0) || written(PKG_CST_CONFIG, 0));
    assert_int_equal(written(POWER_CTL, 2), cases[i].ratio != 0);
    assert_int_equal(readable(POWER_CTL) && read_msr(POWER_CTL) == 2, cases[i].ratio != 0);
  }
}

/* Intel PT: with the trace transport subsystem as its only output, two ranges of addresses, no cycle-accurate mode. */
static void test_processor_trace(void **state) {
  (void)state;
  enum { CTL = MSR_IA32_RTIT_CTL, STATUS, CR3_MATCH, ADDR0_A = MSR_IA32_RTIT_ADDR0_A, ADDR0_B, ADDR1_A, ADDR1_B };
  enum { OS = 4, USER = 8, FABRIC = 0x40, CR3_FILTER = 0x80, FILTERS = 1 };
  const uint64_t range_0 = UINT64_C(1) << 32;
  long_mode(0);
  assert_false(readable(0x560) || readable(0x561) || readable(ADDR1_B + 1)); /* output to memory; a third range */
  for (unsigned bit = 0; bit < 64; bit++) {
    const bool exists = (UINT64_C(0x3300002ccc) >> bit) & 1; /* of ADDRn_CFG 1 and 2 */
    assert_int_equal(written(CTL, BIT(bit)), exists);
  }
  assert_false(written(CTL, 3 * range_0));
  assert_false(written(CTL, RTIT_CTL_TRACE_EN | OS)); /* to nowhere */
  assert_true(written(ADDR0_A, CODE) && written(ADDR0_B, CODE + 0xfff) && written(ADDR1_B, UINT64_MAX));
  assert_false(written(ADDR0_A, NON_CANONICAL));
  assert_true(written(STATUS, 0x37));
  assert_int_equal(read_msr(STATUS), 0x30);
  assert_false(written(STATUS, 8) || written(STATUS, BIT(32)) || written(CR3_MATCH, BIT(4)));
  assert_true(written(CTL, RTIT_CTL_TRACE_EN | FABRIC | OS)); /* Stopped and Error: not triggered */
  assert_int_equal(read_msr(STATUS), 0x30);
  assert_true(written(CTL, 0) && written(STATUS, 0) && written(CR3_MATCH, v->s.cr3 ^ BIT(12)));
  static const struct {
    uint64_t ctl;
    unsigned status;
  } cases[] = {
      {OS, 7}, {USER, 5}, {OS | CR3_FILTER, 5}, {OS | (uint64_t)FILTERS << 32, 7}, {OS | (uint64_t)FILTERS << 36, 6}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const uint64_t on = cases[i].ctl | FABRIC | RTIT_CTL_TRACE_EN;
    assert_true(written(CTL, on));
    assert_int_equal(read_msr(STATUS), cases[i].status);
    assert_true(written(CTL, on)); /* the same again */
    assert_false(written(CTL, on ^ USER));
    assert_false(written(STATUS, 0) || written(CR3_MATCH, 0) || written(ADDR0_A, 0));
    assert_true(written(CTL, 0));
    assert_true(written(ADDR1_A, CODE + 0x1000));
  }
  recreate("max,-pt");
  uint32_t r[4];
  cpuid_execute(v, 7, 0, r);
  assert_false(r[CPUID_EBX] & BIT(25));
  assert_false(readable(CTL) || readable(ADDR0_A));
}

static void test_msrs_of_old_processors(void **state) {
  (void)state;
  recreate("yonah");
  assert_false(readable(MSR_IA32_LSTAR));
  assert_false(written(MSR_IA32_KERNEL_GS_BASE, 0));
  assert_false(readable(MSR_IA32_TSC_AUX));
  assert_false(readable(MSR_IA32_U_CET));
  assert_false(readable(MSR_IA32_XSS));
  assert_false(readable(0x48));
  assert_false(written(0x10b, 0));
}

static void test_efer(void **state) {
  (void)state;
  long_mode(0);
  assert_false(written(MSR_IA32_EFER, v->s.efer & ~EFER_LME)); /* not while paging */
  assert_false(written(MSR_IA32_EFER, v->s.efer | BIT(12)));
  assert_true(written(MSR_IA32_EFER, EFER_LME)); /* LMA cannot be written */
  assert_int_equal(v->s.efer, EFER_LME | EFER_LMA);
}

static void test_tsc(void **state) {
  (void)state;
  long_mode(0);
  v->cycles = 1000;
  assert_true(written(0x10, 5000));
  assert_int_equal(read_msr(0x3b), 4000);
  assert_true(written(0x3b, 100));
  assert_int_equal(read_msr(0x10), 1100);
  v->s.cr4 |= CR4_TSD;
  RUN("\x0f\x31");
  long_mode(3);
  v->s.cr4 |= CR4_TSD;
  EXPECT_FAULT("\x0f\x31", VECTOR_GP, 0);
  EXPECT_FAULT("\x0f\x33", VECTOR_GP, 0); /* rdpmc: there are no counters */
}

/* --- CPUID
 * ---------------------------------------------------------------------------------------------------------------- */

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
  cpuid_execute(v, leaf, subleaf, r);
}

static void test_cpuid(void **state) {
  (void)state;
  uint32_t r[4], highest[4];
  long_mode(0);
  set_rax(0);
  RUN("\x0f\xa2");
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 0x756e6547);
  cpuid(1, 0, r);
  assert_false(r[CPUID_ECX] & BIT(31)); /* no hypervisor */
  assert_false(r[CPUID_ECX] & BIT(27));
  assert_true(r[CPUID_EDX] & BIT(9));
  v->s.cr4 |= CR4_OSXSAVE;
  v->s.apic_base &= ~APIC_BASE_EN;
  cpuid(1, 0, r);
  assert_true(r[CPUID_ECX] & BIT(27));
  assert_false(r[CPUID_EDX] & BIT(9));
  cpuid(0xa, 0, r);
  assert_int_equal(r[0] | r[1] | r[2] | r[3], 0); /* no performance counters */
  cpuid(0x14, 0, highest);
  cpuid(0x40000000, 0, r);
  assert_memory_equal(r, highest, sizeof r);
  cpuid(0x80000008, 0, r);
  assert_int_equal(r[CPUID_EAX], 52 | 57 << 8);
}

/* What is announced is what decodes, and switching a feature off takes both. */
static void test_cpuid_features(void **state) {
  (void)state;
  uint32_t r[4];
  cpuid(7, 0, r);
  assert_true(r[CPUID_EBX] & BIT(20));
  assert_true(r[CPUID_ECX] & BIT(7));
  assert_true(r[CPUID_EDX] & BIT(20));
  assert_false(r[CPUID_EBX] & BIT(2)); /* SGX is not modelled */
  cpuid(7, 1, r);
  assert_true(r[CPUID_EAX] & BIT(26));
  assert_false(r[CPUID_EAX] & BIT(17));
  cpuid(1, 0, r);
  assert_true(r[CPUID_ECX] & BIT(24));
  recreate("max,-tsc_deadline");
  cpuid(1, 0, r);
  assert_int_equal(r[CPUID_ECX] & (BIT(24) | BIT(21)), BIT(21));
  recreate("max,-smap,-cet_ss,-cet_ibt,-umip,-lam");
  cpuid(7, 0, r);
  assert_false(r[CPUID_EBX] & BIT(20));
  assert_false(r[CPUID_ECX] & (BIT(7) | BIT(2)));
  long_mode(0);
  EXPECT_FAULT("\x0f\x01\xcb", VECTOR_UD, 0); /* stac */
  set_rax(v->s.cr4 | CR4_SMAP);
  EXPECT_FAULT("\x0f\x22\xe0", VECTOR_GP, 0);
}

static void test_cpuid_signatures(void **state) {
  (void)state;
  recreate("skylake-server");
  assert_int_equal(cpuid_signature(v->cpuid), 0x50654);
  recreate("nehalem");
  assert_int_equal(cpuid_signature(v->cpuid) & ~15U, 0x106e0);
  uint32_t r[4];
  cpuid(7, 0, r);
  assert_false(r[CPUID_EBX] & BIT(5)); /* AVX2 */
  cpuid(1, 0, r);
  assert_true(r[CPUID_ECX] & BIT(20));
  assert_false(r[CPUID_ECX] & BIT(26));
}

/* --- descriptor tables and selectors
 * ---------------------------------------------------------------------------------------- */

static void test_tables(void **state) {
  (void)state;
  long_mode(0);
  put(0xc000, 2, 0x123);
  put(0xc002, 8, NON_CANONICAL);
  v->s.gpr[VMXSIM_RBX] = 0xc000;
  EXPECT_FAULT("\x0f\x01\x13", VECTOR_GP, 0); /* lgdt */
  put(0xc002, 8, UINT64_C(0xffff800000001000));
  const struct vmxsim_table_register gdtr = v->s.gdtr;
  RUN("\x0f\x01\x13");
  assert_int_equal(v->s.gdtr.base, UINT64_C(0xffff800000001000));
  assert_int_equal(v->s.gdtr.limit, 0x123);
  v->s.gdtr = gdtr;
  RUN("\x0f\x01\x03"); /* sgdt */
  assert_int_equal(get(0xc002, 8), GDT);
  long_mode(3);
  EXPECT_FAULT("\x0f\x01\x1b", VECTOR_GP, 0); /* lidt */
}

static void test_ltr_and_lldt(void **state) {
  (void)state;
  protected_mode(0);
  set_rax(TASK); /* busy */
  EXPECT_FAULT("\x0f\x00\xd8", VECTOR_GP, TASK);
  set_rax(0);
  EXPECT_FAULT("\x0f\x00\xd8", VECTOR_GP, 0);
  set_rax(TASK_2);
  RUN("\x0f\x00\xd8");
  assert_int_equal(v->s.tr.base, TSS_2);
  assert_int_equal(get(GDT + TASK_2 + 5, 1), 0x8b);
  assert_int_equal(v->s.tr.access_rights, 0x8b);
  descriptor(SPARE, 0xc000, 0x17, 0x82);
  set_rax(SPARE);
  RUN("\x0f\x00\xd0");
  assert_int_equal(v->s.ldtr.base, 0xc000);
  set_rax(DATA);
  EXPECT_FAULT("\x0f\x00\xd0", VECTOR_GP, DATA);
  descriptor(SPARE, 0xc000, 0x17, 0x02);
  set_rax(SPARE);
  EXPECT_FAULT("\x0f\x00\xd0", VECTOR_NP, SPARE);
  set_rax(0);
  RUN("\x0f\x00\xd0");
  assert_true(v->s.ldtr.access_rights & AR_UNUSABLE);
}

static void test_lar_lsl(void **state) {
  (void)state;
  protected_mode(3);
  set_rax(USER_DATA);
  RUN("\x0f\x02\xd8"); /* lar ebx, eax */
  assert_true(flags_read(v) & FLAG_ZF);
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 0xcff300);
  RUN("\x0f\x03\xd8"); /* lsl */
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 0xffffffff);
  RUN("\x0f\x00\xe8"); /* verw */
  assert_true(flags_read(v) & FLAG_ZF);
  set_rax(DATA);
  v->s.gpr[VMXSIM_RBX] = 7;
  RUN("\x0f\x02\xd8"); /* DPL 0 is not visible */
  assert_false(flags_read(v) & FLAG_ZF);
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 7);
  RUN("\x0f\x00\xe0"); /* verr */
  assert_false(flags_read(v) & FLAG_ZF);
  set_rax(CONFORMING);
  RUN("\x0f\x00\xe0");
  assert_true(flags_read(v) & FLAG_ZF);
  set_rax(0x1000);
  RUN("\x0f\x03\xd8");
  assert_false(flags_read(v) & FLAG_ZF);
}

static void test_arpl(void **state) {
  (void)state;
  protected_mode(0);
  set_rax(0x10);
  v->s.gpr[VMXSIM_RCX] = 3;
  RUN("\x63\xc8");
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x13);
  assert_true(flags_read(v) & FLAG_ZF);
  RUN("\x63\xc8");
  assert_false(flags_read(v) & FLAG_ZF);
}

static void test_segment_loads(void **state) {
  (void)state;
  protected_mode(0);
  set_rax(0);
  EXPECT_FAULT("\x8e\xd0", VECTOR_GP, 0); /* mov ss, 0 */
  set_rax(USER_DATA);
  EXPECT_FAULT("\x8e\xd0", VECTOR_GP, USER_DATA & 0xfffc);
  set_rax(CODE32);
  EXPECT_FAULT("\x8e\xd0", VECTOR_GP, CODE32);
  RUN("\x8e\xd8");                          /* readable code in DS */
  descriptor(SPARE, 0x1230000, 0x10, 0x12); /* not present */
  set_rax(SPARE);
  EXPECT_FAULT("\x8e\xd8", VECTOR_NP, SPARE);
  EXPECT_FAULT("\x8e\xd0", VECTOR_SS, SPARE);
  descriptor(SPARE, 0x1230000, 0x10, 0x92);
  RUN("\x8e\xd8");
  assert_int_equal(v->s.segment[VMXSIM_DS].base, 0x1230000);
  assert_int_equal(v->s.segment[VMXSIM_DS].limit, 0x10);
  assert_int_equal(get(GDT + SPARE + 5, 1), 0x93); /* accessed */
  set_rax(0);
  RUN("\x8e\xd8");
  assert_true(v->s.segment[VMXSIM_DS].access_rights & AR_UNUSABLE);
  put(0xc000, 4, 0x55667788);
  put(0xc004, 2, DATA);
  v->s.gpr[VMXSIM_RBX] = 0xc000;
  RUN("\x36\xc5\x03"); /* lds eax, ss:[ebx] */
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x55667788);
  assert_int_equal(v->s.segment[VMXSIM_DS].selector, DATA);
  put(KERNEL_STACK, 4, DATA);
  RUN("\x17"); /* pop ss */
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK + 4);
  assert_true(v->s.blocking_by_mov_ss);
  protected_mode(3);
  set_rax(DATA); /* RPL 0 does not help at CPL 3 */
  EXPECT_FAULT("\x8e\xd8", VECTOR_GP, DATA);
  set_rax(USER_DATA & 0xfffc);
  RUN("\x8e\xd8");
}

/* --- far transfers
 * --------------------------------------------------------------------------------------------------------- */

static void test_far_jmp_checks(void **state) {
  (void)state;
  protected_mode(0);
  EXPECT_FAULT("\xea\x00\xc0\x00\x00\x00\x00", VECTOR_GP, 0);
  EXPECT_FAULT("\xea\x00\xc0\x00\x00\x10\x00", VECTOR_GP, DATA);
  EXPECT_FAULT("\xea\x00\xc0\x00\x00\x1b\x00", VECTOR_GP, 0x18);
  EXPECT_FAULT("\xea\x00\xc0\x01\x00\x38\x00", VECTOR_GP, 0); /* beyond the limit */
  descriptor(SPARE, 0, 0xfffff, 0xc01b);
  EXPECT_FAULT("\xea\x00\xc0\x00\x00\x60\x00", VECTOR_NP, SPARE);
  run_bytes("\xea\x00\xc0\x00\x00\x80\x00", 7);
  assert_at(0xc000);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, CONFORMING);
}

static void test_far_call_and_ret(void **state) {
  (void)state;
  protected_mode(0);
  run_bytes("\x9a\x00\xc0\x00\x00\x08\x00", 7);
  assert_at(0xc000);
  assert_int_equal(slot32(0), CODE + 7);
  assert_int_equal(slot32(1), CODE32);
  CODE_AT(0xc000, "\xca\x08\x00"); /* retf 8 */
  step();
  assert_at(CODE + 7);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK + 8);
}

/* A call gate from level 3 to level 0 with two parameters, and RET back. */
static void test_call_gate(void **state) {
  (void)state;
  protected_mode(3);
  put(GDT + SPARE, 4, (uint32_t)CODE32 << 16 | 0xc000);
  put(GDT + SPARE + 4, 4, 0xec02);
  put(USER_STACK - 8, 4, 0x1111);
  put(USER_STACK - 4, 4, 0x2222);
  v->s.gpr[VMXSIM_RSP] = USER_STACK - 8;
  run_bytes("\x9a\x00\x00\x00\x00\x63\x00", 7);
  assert_at(0xc000);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], INNER_STACK - 24);
  assert_int_equal(slot32(0), CODE + 7);
  assert_int_equal(slot32(1), USER_CODE32);
  assert_int_equal(slot32(2), 0x1111);
  assert_int_equal(slot32(3), 0x2222);
  assert_int_equal(slot32(4), USER_STACK - 8);
  assert_int_equal(slot32(5), USER_DATA);
  load(VMXSIM_FS, DATA); /* an inner level's segment does not survive */
  CODE_AT(0xc000, "\xca\x08\x00");
  step();
  assert_at(CODE + 7);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], USER_STACK);
  assert_int_equal(v->s.segment[VMXSIM_FS].selector, 0);
  assert_int_equal(v->s.segment[VMXSIM_DS].selector, USER_DATA);
  put(GDT + SPARE + 4, 4, 0x8c02);
  EXPECT_FAULT("\x9a\x00\x00\x00\x00\x63\x00", VECTOR_GP, SPARE);
}

static void test_call_gate_64(void **state) {
  (void)state;
  long_mode(3);
  put(GDT + SPARE, 4, (uint32_t)CODE64 << 16 | 0xc000);
  put(GDT + SPARE + 4, 4, 0xec00);
  put(0xd000, 4, 0);
  put(0xd004, 2, SPARE | 3);
  v->s.gpr[VMXSIM_RBX] = 0xd000;
  run_bytes("\xff\x1b", 2); /* call far [rbx] */
  assert_at(0xc000);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], INNER_STACK - 32);
  assert_int_equal(slot64(3), USER_DATA);
  CODE_AT(0xc000, "\x48\xcb");
  step();
  assert_at(CODE + 2);
  assert_int_equal(v->cpl, 3);
  put(GDT + SPARE + 12, 4, 0x100); /* the upper type has to be 0 */
  EXPECT_FAULT("\xff\x1b", VECTOR_GP, SPARE);
}

static void test_ret_checks(void **state) {
  (void)state;
  protected_mode(3);
  put(USER_STACK, 4, 0xc000);
  put(USER_STACK + 4, 4, CODE32); /* inwards */
  EXPECT_FAULT("\xcb", VECTOR_GP, CODE32);
  put(USER_STACK + 4, 4, 0);
  EXPECT_FAULT("\xcb", VECTOR_GP, 0);
  protected_mode(0);
  put(KERNEL_STACK, 4, 0xc000);
  put(KERNEL_STACK + 4, 4, USER_CODE32);
  put(KERNEL_STACK + 8, 4, USER_STACK);
  put(KERNEL_STACK + 12, 4, DATA);
  EXPECT_FAULT("\xcb", VECTOR_GP, DATA);
}

static void test_iret_checks(void **state) {
  (void)state;
  long_mode(0);
  v->s.rflags |= RFLAGS_NT;
  EXPECT_FAULT("\x48\xcf", VECTOR_GP, 0);
  v->s.rflags &= ~RFLAGS_NT;
  put(KERNEL_STACK, 8, UINT64_C(0x0000800000000000));
  put(KERNEL_STACK + 8, 8, CODE64);
  put(KERNEL_STACK + 16, 8, 2);
  put(KERNEL_STACK + 24, 8, KERNEL_STACK);
  put(KERNEL_STACK + 32, 8, DATA);
  EXPECT_FAULT("\x48\xcf", VECTOR_GP, 0);
  put(KERNEL_STACK, 8, 0xc000);
  put(KERNEL_STACK + 32, 8, 3); /* a null SS with RPL 3 */
  EXPECT_FAULT("\x48\xcf", VECTOR_GP, 0);
  put(KERNEL_STACK + 32, 8, 0);
  v->s.blocking_by_nmi = true;
  run_bytes("\x48\xcf", 2);
  assert_at(0xc000);
  assert_false(v->s.blocking_by_nmi);
  assert_true(v->s.segment[VMXSIM_SS].access_rights & AR_UNUSABLE);
}

/* To compatibility mode and back by far returns. */
static void test_compatibility_mode(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RSP] = KERNEL_STACK - 16;
  put(KERNEL_STACK - 16, 8, 0xc000);
  put(KERNEL_STACK - 8, 8, CODE32);
  run_bytes("\x48\xcb", 2);
  assert_at(0xc000);
  assert_false(vcpu_in_64_bit_mode(v));
  assert_true(v->mode & DECODE_CODE_32);
  CODE_AT(0xc000, "\xea\x00\xd0\x00\x00\x28\x00");
  step();
  assert_at(0xd000);
  assert_true(vcpu_in_64_bit_mode(v));
}

static void test_syscall(void **state) {
  (void)state;
  long_mode(3);
  v->s.star = (uint64_t)CODE64 << 32 | (uint64_t)0x18 << 48;
  v->s.lstar = 0xc000;
  v->s.fmask = RFLAGS_IF | RFLAGS_TF;
  v->s.rflags |= RFLAGS_IF;
  run_bytes("\x0f\x05", 2);
  assert_at(0xc000);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RCX], CODE + 2);
  assert_int_equal(v->s.gpr[VMXSIM_R11], 0x202);
  assert_int_equal(v->s.rflags, 2);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, CODE64 + 8);
  CODE_AT(0xc000, "\x48\x0f\x07"); /* sysretq */
  step();
  assert_at(CODE + 2);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, 0x2b);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, 0x23);
  v->s.efer &= ~EFER_SCE;
  EXPECT_FAULT("\x0f\x05", VECTOR_UD, 0);
}

static void test_sysret_non_canonical(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RCX] = NON_CANONICAL;
  EXPECT_FAULT("\x48\x0f\x07", VECTOR_GP, 0);
  v->s.gpr[VMXSIM_RCX] = CODE;
  long_mode(3);
  EXPECT_FAULT("\x48\x0f\x07", VECTOR_GP, 0);
  protected_mode(0);
  v->s.efer = 0;
  settle();
  EXPECT_FAULT("\x0f\x05", VECTOR_UD, 0);
}

static void test_sysenter(void **state) {
  (void)state;
  protected_mode(3);
  EXPECT_FAULT("\x0f\x34", VECTOR_GP, 0); /* no selector */
  v->s.sysenter_cs = CODE32;
  v->s.sysenter_esp = 0x5500;
  v->s.sysenter_eip = 0xc000;
  v->s.rflags |= RFLAGS_IF;
  run_bytes("\x0f\x34", 2);
  assert_at(0xc000);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], 0x5500);
  assert_false(v->s.rflags & RFLAGS_IF);
  v->s.gpr[VMXSIM_RCX] = USER_STACK;
  v->s.gpr[VMXSIM_RDX] = CODE;
  CODE_AT(0xc000, "\x0f\x35");
  step();
  assert_at(CODE);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, CODE32 + 16 + 3);
  EXPECT_FAULT("\x0f\x35", VECTOR_GP, 0);
}

/* --- tasks
 * -------------------------------------------------------------------------------------------------------------------
 */

static void write_task_2(void) {
  put(TSS_2 + 0x20, 4, 0xc000);
  put(TSS_2 + 0x24, 4, 2);
  put(TSS_2 + 0x28, 4, 0x77); /* EAX */
  put(TSS_2 + 0x38, 4, 0x4800);
  for (unsigned i = 0; i < 6; i++) put(TSS_2 + 0x48 + 4 * i, 4, i == 1 ? CODE32 : DATA);
}

static void test_task_call_and_iret(void **state) {
  (void)state;
  protected_mode(0);
  write_task_2();
  set_rax(0x99);
  run_bytes("\x9a\xf4\xf4\xf4\xf4\x50\x00", 7);
  assert_at(0xc000);
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x77);
  assert_true(v->s.rflags & RFLAGS_NT);
  assert_int_equal(get(TSS + 0x28, 4), 0x99);
  assert_int_equal(get(TSS + 0x20, 4), CODE + 7);
  CODE_AT(0xc000, "\xcf\x90");
  step();
  assert_at(CODE + 7);
  assert_int_equal(v->s.gpr[VMXSIM_RAX], 0x99);
  assert_false(v->s.rflags & RFLAGS_NT);
  assert_int_equal(get(TSS_2 + 0x20, 4), 0xc001); /* it goes on after its IRET */
  assert_int_equal(get(TSS_2 + 0x24, 4) & RFLAGS_NT, 0);
}

/* TF of a TSS traps after the new task's first instruction, that of the old task not any more. */
static void test_task_single_step(void **state) {
  (void)state;
  for (unsigned both = 0; both < 2; both++) {
    protected_mode(0);
    write_task_2();
    put(TSS_2 + 0x24, 4, 2 | RFLAGS_TF);
    put(GDT + TASK_2 + 5, 1, 0x89);
    CODE_AT(0xc000, "\x90\x90");
    if (both) v->s.rflags |= RFLAGS_TF;
    events_rearm(v);
    run_bytes("\xea\x00\x00\x00\x00\x50\x00", 7);
    assert_at(0xc000);
    assert_false(events_any(v));
    step();
    assert_at(0xc001);
    step();
    assert_vector(VECTOR_DB);
    assert_int_equal(v->s.dr6 & DR6_BS, DR6_BS);
    assert_int_equal(slot32(0), 0xc001);
    v->s.dr6 = DR6_FIXED;
  }
}

static void test_task_jmp(void **state) {
  (void)state;
  protected_mode(0);
  write_task_2();
  put(TSS_2 + 0x64, 2, 1); /* T: a debug trap on entry */
  run_bytes("\xea\x00\x00\x00\x00\x50\x00", 7);
  assert_at(0xc000);
  assert_false(v->s.rflags & RFLAGS_NT);
  assert_int_equal(get(GDT + TASK + 5, 1), 0x89);
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(v->s.dr6, DR6_FIXED | DR6_BT);
  v->s.rip = CODE;
  run_bytes("\xea\x00\x00\x00\x00\x50\x00", 7); /* to itself: busy */
  assert_vector(VECTOR_GP);
  assert_int_equal(slot32(0), TASK_2);
}

static void test_task_16(void **state) {
  (void)state;
  protected_mode(0);
  descriptor(TASK_2, TSS_2, 0x2b, 0x81);
  put(TSS_2 + 0x0e, 2, 0xc000);
  put(TSS_2 + 0x10, 2, 2);
  put(TSS_2 + 0x12, 2, 0x1234);
  put(TSS_2 + 0x1a, 2, 0x4800);
  for (unsigned i = 0; i < 4; i++) put(TSS_2 + 0x22 + 2 * i, 2, i == 1 ? CODE32 : DATA);
  run_bytes("\x9a\x00\x00\x00\x00\x50\x00", 7);
  assert_at(0xc000);
  assert_int_equal(v->s.gpr[VMXSIM_RAX] & 0xffff, 0x1234);
  assert_true(v->s.segment[VMXSIM_FS].access_rights & AR_UNUSABLE);
  CODE_AT(0xc000, "\xcf");
  step();
  assert_at(CODE + 7);
}

static void test_task_checks(void **state) {
  (void)state;
  protected_mode(0);
  write_task_2();
  descriptor(TASK_2, TSS_2, 0x66, 0x89);
  EXPECT_FAULT("\x9a\x00\x00\x00\x00\x50\x00", VECTOR_TS, TASK_2);
  descriptor(TASK_2, TSS_2, 0x67, 0x09);
  EXPECT_FAULT("\x9a\x00\x00\x00\x00\x50\x00", VECTOR_NP, TASK_2);
  put(TSS, 2, 0);
  v->s.rflags |= RFLAGS_NT;
  EXPECT_FAULT("\xcf", VECTOR_TS, 0);
}

/* --- the rest
 * ---------------------------------------------------------------------------------------------------------------- */

static void test_bases(void **state) {
  (void)state;
  long_mode(3);
  v->s.cr4 |= CR4_FSGSBASE;
  settle();
  set_rax(NON_CANONICAL);
  EXPECT_FAULT("\xf3\x48\x0f\xae\xd0", VECTOR_GP, 0); /* wrfsbase rax */
  set_rax(0x123456789);
  RUN("\xf3\x48\x0f\xae\xd0");
  assert_int_equal(v->s.segment[VMXSIM_FS].base, 0x123456789);
  RUN("\xf3\x0f\xae\xc3"); /* rdfsbase ebx */
  assert_int_equal(v->s.gpr[VMXSIM_RBX], 0x23456789);
  EXPECT_FAULT("\x0f\x01\xf8", VECTOR_GP, 0); /* swapgs */
  long_mode(0);
  v->s.kernel_gs_base = 0x1000;
  v->s.segment[VMXSIM_GS].base = 0x2000;
  RUN("\x0f\x01\xf8");
  assert_int_equal(v->s.segment[VMXSIM_GS].base, 0x1000);
  assert_int_equal(v->s.kernel_gs_base, 0x2000);
}

static void test_cli_sti_virtual(void **state) {
  (void)state;
  protected_mode(3);
  EXPECT_FAULT("\xfa", VECTOR_GP, 0);
  v->s.cr4 |= CR4_PVI;
  RUN("\xfb");
  assert_true(v->s.rflags & RFLAGS_VIF);
  assert_false(v->s.rflags & RFLAGS_IF);
  RUN("\xfa");
  assert_false(v->s.rflags & RFLAGS_VIF);
  v->s.rflags |= RFLAGS_VIP;
  EXPECT_FAULT("\xfb", VECTOR_GP, 0);
}

static void test_invpcid(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RBX] = 0xc000;
  put(0xc000, 8, 0);
  put(0xc008, 8, 0x1000);
  set_rax(4);
  EXPECT_FAULT("\x66\x0f\x38\x82\x03", VECTOR_GP, 0);
  set_rax(0);
  RUN("\x66\x0f\x38\x82\x03");
  put(0xc000, 8, 5); /* a PCID without CR4.PCIDE */
  EXPECT_FAULT("\x66\x0f\x38\x82\x03", VECTOR_GP, 0);
  put(0xc000, 8, 0x1000);
  EXPECT_FAULT("\x66\x0f\x38\x82\x03", VECTOR_GP, 0);
  put(0xc000, 8, 0);
  put(0xc008, 8, NON_CANONICAL);
  EXPECT_FAULT("\x66\x0f\x38\x82\x03", VECTOR_GP, 0);
}

static void note_store(void *context, uint64_t address, size_t size) {
  (void)context;
  wait_note_store(v, address, size);
}

static void test_monitor_mwait(void **state) {
  (void)state;
  const uint8_t zero = 0;
  long_mode(0);
  physical_on_code_written(memory, note_store, NULL);
  set_rax(0xc000);
  v->s.gpr[VMXSIM_RCX] = 1;
  EXPECT_FAULT("\x0f\x01\xc8", VECTOR_GP, 0);
  v->s.gpr[VMXSIM_RCX] = 0;
  RUN("\x0f\x01\xc8");
  RUN("\x0f\x01\xc9");
  assert_int_equal(v->s.activity, VMXSIM_MWAIT);
  assert_false(events_any(v));
  physical_write(memory, 0xc040, &zero, 1); /* the next line */
  assert_false(events_any(v));
  physical_write(memory, 0xc03f, &zero, 1); /* it held that before */
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  RUN("\x0f\x01\xc9"); /* nothing is monitored: no wait */
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  v->s.misc_enable &= ~MISC_ENABLE_MONITOR;
  EXPECT_FAULT("\x0f\x01\xc8", VECTOR_UD, 0);
}

static void check_movdir64b(void) {
  enum { FROM = 0xf001, TO = 0xf080 };
  for (unsigned i = 0; i < 8; i++) {
    put(FROM + 8 * i, 8, i + 1);
    put(TO + 8 * i, 8, 0);
  }
  v->s.gpr[VMXSIM_RSI] = FROM;
  v->s.gpr[VMXSIM_RDI] = TO + 8;
  EXPECT_FAULT("\x66\x0f\x38\xf8\x3e", VECTOR_GP, 0); /* movdir64b rdi, [rsi] */
  assert_int_equal(get(TO + 8, 8), 0);
  v->s.gpr[VMXSIM_RDI] = TO;
  RUN("\x66\x0f\x38\xf8\x3e");
  for (unsigned i = 0; i < 8; i++) assert_int_equal(get(TO + 8 * i, 8), i + 1);
}

static void test_movdir64b(void **state) {
  (void)state;
  long_mode(0);
  check_movdir64b();
}

/* To ES, whatever segment the source is in. */
static void test_movdir64b_32(void **state) {
  (void)state;
  protected_mode(0);
  check_movdir64b();
  v->s.segment[VMXSIM_ES].limit = 0xf0be;
  settle();
  EXPECT_FAULT("\x3e\x66\x0f\x38\xf8\x3e", VECTOR_GP, 0);
}

static void test_tpause(void **state) {
  (void)state;
  long_mode(3);
  v->s.umwait_control = 64;
  v->s.gpr[VMXSIM_RBX] = 2;
  v->s.gpr[VMXSIM_RDX] = 1;
  EXPECT_FAULT("\x66\x0f\xae\xf3", VECTOR_GP, 0);
  v->s.gpr[VMXSIM_RBX] = 0;
  v->s.rflags |= RFLAGS_ZF;
  RUN("\x66\x0f\xae\xf3");
  assert_int_equal(v->s.activity, VMXSIM_MWAIT);
  v->cycles = events_next(v);
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_int_equal(flags_read(v) & FLAGS_ARITHMETIC, FLAG_CF); /* by the system's limit */
}

static void test_switched_off(void **state) {
  (void)state;
  long_mode(0);
  EXPECT_FAULT("\x0f\x01\xc1", VECTOR_UD, 0); /* vmcall */
  EXPECT_FAULT("\x0f\x37", VECTOR_UD, 0);     /* getsec */
  EXPECT_FAULT("\x0f\x01\xcf", VECTOR_UD, 0); /* encls */
  EXPECT_FAULT("\x0f\x01\xc5", VECTOR_UD, 0); /* pconfig */
}

static void test_protection_keys(void **state) {
  (void)state;
  long_mode(3);
  EXPECT_FAULT("\x0f\x01\xee", VECTOR_UD, 0);
  v->s.cr4 |= CR4_PKE;
  settle();
  v->s.gpr[VMXSIM_RCX] = v->s.gpr[VMXSIM_RDX] = 0;
  set_rax(0x12345678);
  RUN("\x0f\x01\xef");
  assert_int_equal(v->s.pkru, 0x12345678);
  v->s.gpr[VMXSIM_RDX] = 1;
  EXPECT_FAULT("\x0f\x01\xef", VECTOR_GP, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(test_cr0),
      TEST(test_entering_ia32e),
      TEST(test_cr4),
      TEST(test_cr4_of_old_processors),
      TEST(test_cr3),
      TEST(test_cr8_and_privilege),
      TEST(test_lmsw_smsw_umip),
      TEST(test_debug_registers),
      TEST(test_xcr0),
      TEST(test_msr_instructions),
      TEST(test_msr_values),
      TEST(test_msr_ranges),
      TEST(test_msrs_of_families),
      TEST(test_processor_trace),
      TEST(test_msrs_of_old_processors),
      TEST(test_efer),
      TEST(test_tsc),
      TEST(test_cpuid),
      TEST(test_cpuid_features),
      TEST(test_cpuid_signatures),
      TEST(test_tables),
      TEST(test_ltr_and_lldt),
      TEST(test_lar_lsl),
      TEST(test_arpl),
      TEST(test_segment_loads),
      TEST(test_far_jmp_checks),
      TEST(test_far_call_and_ret),
      TEST(test_call_gate),
      TEST(test_call_gate_64),
      TEST(test_ret_checks),
      TEST(test_iret_checks),
      TEST(test_compatibility_mode),
      TEST(test_syscall),
      TEST(test_sysret_non_canonical),
      TEST(test_sysenter),
      TEST(test_task_call_and_iret),
      TEST(test_task_jmp),
      TEST(test_task_single_step),
      TEST(test_task_16),
      TEST(test_task_checks),
      TEST(test_bases),
      TEST(test_cli_sti_virtual),
      TEST(test_invpcid),
      TEST(test_monitor_mwait),
      TEST(test_movdir64b),
      TEST(test_movdir64b_32),
      TEST(test_tpause),
      TEST(test_switched_off),
      TEST(test_protection_keys),
#undef TEST
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
