/* Stack, near branches, strings, ports and decimal arithmetic against values worked out by hand: modes, faults that
 * must change nothing, repetition that is cut. */
#include "tests/cmocka_main.h"

#include "cpu/exec/cet.h"
#include "cpu/exec/flags.h"
#include "tests/cpu/fake_processor.h"

enum { CODE_64 = DECODE_CODE_64 | DECODE_PROTECTED, CODE_32 = DECODE_CODE_32 | DECODE_STACK_32 | DECODE_PROTECTED };

static struct vcpu *v;

static int create(void **state) {
  (void)state;
  v = fake_create();
  memset(fake_memory, 0, sizeof fake_memory);
  fake_base = 0;
  fake_limit = FAKE_MEMORY;
  fake_spans = false;
  fake_port_accesses = 0;
  v->s.gpr[VMXSIM_RSP] = 0x800;
  v->s.rip = 0x100;
  v->s.segment[VMXSIM_CS].limit = 0xffff;
  return 0;
}

static int destroy(void **state) {
  (void)state;
  fake_destroy(v);
  return 0;
}

static uint64_t *gpr(unsigned reg) {
  return &v->s.gpr[reg];
}

static uint64_t memory_at(uint64_t address, unsigned size) {
  return host_load(fake_memory + address, size);
}

#define RUN(...) run_code((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
static void run_code(const uint8_t *code, size_t length) {
  assert_true(fake_run(v, code, length) > 0);
}

static void assert_raised(unsigned vector) {
  assert_true(v->exception.pending);
  assert_int_equal(v->exception.vector, vector);
}

/* --- the stack --------------------------------------------------------------------------------------------------- */

static void test_push_pop(void **state) {
  (void)state;
  *gpr(VMXSIM_RBX) = 0x1122334455667788;
  for (unsigned fast = 0; fast < 2; fast++) {
    fake_fill_fast_cache(v, fast);
    *gpr(VMXSIM_RAX) = *gpr(VMXSIM_RCX) = 0;
    RUN(0x53, 0x54, 0x6a, 0xff, 0x58, 0x5c, 0x59); /* push rbx; push rsp; push -1; pop rax; pop rsp; pop rcx */
    assert_false(v->exception.pending);
    assert_true(*gpr(VMXSIM_RAX) == UINT64_MAX);
    assert_true(*gpr(VMXSIM_RCX) == 0x1122334455667788);
    assert_int_equal(*gpr(VMXSIM_RSP), 0x800);
  }
}

static void test_pop_memory_uses_the_new_pointer(void **state) {
  (void)state;
  host_store(fake_memory + 0x800, 8, 0x77);
  RUN(0x8f, 0x44, 0x24, 0x10); /* pop qword [rsp + 16] */
  assert_int_equal(memory_at(0x818, 8), 0x77);
  fake_limit = 0x810;
  *gpr(VMXSIM_RSP) = 0x800;
  RUN(0x8f, 0x44, 0x24, 0x10);
  assert_raised(VECTOR_PF);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x800);
}

static void test_pusha_popa_16(void **state) {
  (void)state;
  v->mode = 0;
  for (unsigned i = 0; i < 8; i++) *gpr(i) = 0xaaaa0000u + i;
  *gpr(VMXSIM_RSP) = 0xaaaa0200;
  RUN(0x60);
  assert_int_equal(*gpr(VMXSIM_RSP), 0xaaaa01f0);
  assert_int_equal(memory_at(0x1fe, 2), 0);
  assert_int_equal(memory_at(0x1f6, 2), 0x200);
  assert_int_equal(memory_at(0x1f0, 2), 7);
  for (unsigned i = 0; i < 8; i++)
    if (i != VMXSIM_RSP) *gpr(i) = 0;
  RUN(0x61);
  for (unsigned i = 0; i < 8; i++) assert_int_equal(*gpr(i), i == VMXSIM_RSP ? 0xaaaa0200 : i);
}

static void test_enter_leave(void **state) {
  (void)state;
  *gpr(VMXSIM_RBP) = 0x900;
  host_store(fake_memory + 0x8f8, 8, 0x1234);
  RUN(0xc8, 0x20, 0x00, 0x02); /* enter 32, 2 */
  assert_int_equal(memory_at(0x7f8, 8), 0x900);
  assert_int_equal(memory_at(0x7f0, 8), 0x1234);
  assert_int_equal(memory_at(0x7e8, 8), 0x7f8);
  assert_int_equal(*gpr(VMXSIM_RBP), 0x7f8);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x7e8 - 32);
  RUN(0xc9);
  assert_int_equal(*gpr(VMXSIM_RBP), 0x900);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x800);
  *gpr(VMXSIM_RSP) = 0x10;
  RUN(0xc8, 0x20, 0x00, 0x00);
  assert_raised(VECTOR_PF);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x10);
  assert_int_equal(*gpr(VMXSIM_RBP), 0x900);
}

static void test_pushf_popf(void **state) {
  (void)state;
  flags_write(v, 2 | FLAG_CF | FLAG_RF | FLAG_IF);
  RUN(0x9c);
  assert_int_equal(memory_at(0x7f8, 8), 2 | FLAG_CF | FLAG_IF);
  host_store(fake_memory + 0x7f8, 8, FLAG_IOPL | FLAG_ZF | FLAG_AC | FLAG_VM | FLAG_VIP);
  v->cpl = 3;
  RUN(0x9d);
  assert_int_equal(v->s.rflags, 2 | FLAG_ZF | FLAG_AC | FLAG_IF); /* IF and IOPL stay */
  host_store(fake_memory + 0x7f8, 8, FLAG_IOPL);
  *gpr(VMXSIM_RSP) = 0x7f8;
  v->cpl = 0;
  v->attention = 0;
  RUN(0x9d);
  assert_int_equal(v->s.rflags, 2 | FLAG_IOPL);
  assert_true(v->attention & ATTENTION_MODE);
}

static void test_flags_in_virtual_8086_mode(void **state) {
  (void)state;
  v->mode = DECODE_V86;
  v->cpl = 3;
  flags_write(v, 2 | FLAG_VM | FLAG_IF);
  RUN(0x9c);
  assert_raised(VECTOR_GP);
  v->s.cr4 = 1; /* VME */
  flags_write(v, 2 | FLAG_VM | FLAG_VIF);
  RUN(0x9c);
  assert_int_equal(memory_at(0x7fe, 2), 2 | FLAG_IOPL | FLAG_IF);
  host_store(fake_memory + 0x7fe, 2, FLAG_CF);
  RUN(0x9d);
  assert_int_equal(v->s.rflags, 2 | FLAG_VM | FLAG_CF);
  host_store(fake_memory + 0x800, 2, FLAG_IF);
  v->s.rflags |= FLAG_VIP;
  RUN(0x9d);
  assert_raised(VECTOR_GP);
}

/* --- branches ---------------------------------------------------------------------------------------------------- */

static void test_call_ret(void **state) {
  (void)state;
  for (unsigned fast = 0; fast < 2; fast++) {
    fake_fill_fast_cache(v, fast);
    v->s.rip = 0x100;
    RUN(0xe8, 0x10, 0x00, 0x00, 0x00);
    assert_int_equal(v->s.rip, 0x115);
    assert_int_equal(memory_at(0x7f8, 8), 0x105);
    RUN(0xc3);
    assert_int_equal(v->s.rip, 0x105);
  }
  *gpr(VMXSIM_RSP) = 0x7f8;
  RUN(0xc2, 0x20, 0x00);
  assert_int_equal(v->s.rip, 0x105);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x820);
}

static void test_targets_that_fault(void **state) {
  (void)state;
  *gpr(VMXSIM_RAX) = 0x8000000000000000;
  RUN(0x90, 0xff, 0xd0); /* nop; call rax */
  assert_raised(VECTOR_GP);
  assert_int_equal(v->s.rip, 0x101);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x800);
  v->mode = CODE_32;
  v->s.rip = 0x100;
  RUN(0xe9, 0x00, 0x00, 0x10, 0x00);
  assert_raised(VECTOR_GP);
  v->s.segment[VMXSIM_CS].limit = 0xffffffff;
  RUN(0xe9, 0x00, 0x00, 0x10, 0x00);
  assert_int_equal(v->s.rip, 0x100105);
  v->mode = 0;
  v->s.rip = 0xfff0;
  RUN(0xe9, 0x20, 0x00); /* wraps */
  assert_int_equal(v->s.rip, 0x13);
}

static void test_conditions(void **state) {
  (void)state;
  *gpr(VMXSIM_RAX) = 3;
  RUN(0x48, 0x83, 0xf8, 0x04, 0x7c, 0x10); /* cmp rax, 4; jl */
  assert_int_equal(v->s.rip, 0x116);
  v->s.rip = 0x100;
  RUN(0x48, 0x83, 0xf8, 0x04, 0x73, 0x10); /* cmp rax, 4; jae */
  assert_int_equal(v->s.rip, 0x106);
  *gpr(VMXSIM_RCX) = 0x100000000;
  v->s.rip = 0x100;
  RUN(0x67, 0xe3, 0x10); /* jecxz */
  assert_int_equal(v->s.rip, 0x113);
  v->s.rip = 0x100;
  RUN(0xe2, 0x10);
  assert_int_equal(v->s.rip, 0x112);
  assert_int_equal(*gpr(VMXSIM_RCX), 0xffffffff);
}

static void test_shadow_stack(void **state) {
  (void)state;
  v->mode = CODE_64 | DECODE_SHADOW_STACK;
  v->s.ssp = 0x1000;
  RUN(0xe8, 0x10, 0x00, 0x00, 0x00);
  assert_int_equal(v->s.ssp, 0xff8);
  assert_int_equal(memory_at(0xff8, 8), 0x105);
  host_store(fake_memory + 0x7f8, 8, 0x106);
  RUN(0xc3);
  assert_raised(VECTOR_CP);
  assert_int_equal(v->exception.error_code, CP_NEAR_RET);
  assert_int_equal(*gpr(VMXSIM_RSP), 0x7f8);
  host_store(fake_memory + 0x7f8, 8, 0x105);
  RUN(0xc3);
  assert_int_equal(v->s.ssp, 0x1000);
}

/* RSTORSSP to another shadow stack and SAVEPREVSSP on the one that was left. */
static void test_shadow_stack_switch(void **state) {
  (void)state;
  v->mode = CODE_64 | DECODE_SHADOW_STACK;
  v->s.ssp = 0xf00;
  *gpr(VMXSIM_RAX) = 0xdf8;
  host_store(fake_memory + 0xdf8, 8, 0xe00); /* not of 64-bit mode */
  RUN(0xf3, 0x0f, 0x01, 0x28);
  assert_raised(VECTOR_CP);
  assert_int_equal(v->exception.error_code, CP_RSTORSSP);
  host_store(fake_memory + 0xdf8, 8, 0xe01);
  RUN(0xf3, 0x0f, 0x01, 0x28);
  assert_false(v->exception.pending);
  assert_int_equal(v->s.ssp, 0xdf8);
  assert_int_equal(memory_at(0xdf8, 8), 0xf03);
  assert_false(flags_read(v) & FLAG_CF);
  RUN(0xf3, 0x0f, 0x01, 0xea);
  assert_int_equal(v->s.ssp, 0xe00);
  assert_int_equal(memory_at(0xef8, 8), 0xf01);
  *gpr(VMXSIM_RAX) = 0xdf9;
  RUN(0xf3, 0x0f, 0x01, 0x28);
  assert_raised(VECTOR_GP);
}

/* In 32-bit code there may be four bytes of nothing above a token. */
static void test_shadow_stack_alignment_hole(void **state) {
  (void)state;
  v->mode = CODE_32 | DECODE_SHADOW_STACK;
  v->s.ssp = 0xf04;
  *gpr(VMXSIM_RAX) = 0xdf8;
  host_store(fake_memory + 0xdf8, 8, 0xe04);
  host_store(fake_memory + 0xefc, 8, UINT64_MAX);
  RUN(0xf3, 0x0f, 0x01, 0x28, 0xf3, 0x0f, 0x01, 0xea);
  assert_false(v->exception.pending);
  assert_int_equal(v->s.ssp, 0xe04);
  assert_int_equal(memory_at(0xef8, 8), 0xf04);
  assert_int_equal(memory_at(0xf00, 4), 0);
  assert_true(flags_read(v) & FLAG_CF);
}

static void test_shadow_stack_pointer(void **state) {
  (void)state;
  v->s.ssp = 0xf00;
  *gpr(VMXSIM_RAX) = 2;
  RUN(0xf3, 0x48, 0x0f, 0x1e, 0xc8); /* rdssp rax: off */
  assert_int_equal(*gpr(VMXSIM_RAX), 2);
  RUN(0xf3, 0x48, 0x0f, 0xae, 0xe8); /* incssp rax */
  assert_raised(VECTOR_UD);
  v->mode |= DECODE_SHADOW_STACK;
  *gpr(VMXSIM_RAX) = 0x102;
  RUN(0xf3, 0x48, 0x0f, 0xae, 0xe8);
  assert_int_equal(v->s.ssp, 0xf10);
  RUN(0xf3, 0x0f, 0xae, 0xe8);
  assert_int_equal(v->s.ssp, 0xf18);
  RUN(0xf3, 0x48, 0x0f, 0x1e, 0xc8);
  assert_int_equal(*gpr(VMXSIM_RAX), 0xf18);
  *gpr(VMXSIM_RAX) = 255;
  v->s.ssp = FAKE_MEMORY - 64;
  RUN(0xf3, 0x48, 0x0f, 0xae, 0xe8);
  assert_raised(VECTOR_PF);
  assert_int_equal(v->s.ssp, FAKE_MEMORY - 64);
}

static void test_shadow_stack_writes(void **state) {
  (void)state;
  v->mode = CODE_64 | DECODE_SHADOW_STACK;
  *gpr(VMXSIM_RAX) = 0x1122334455667788;
  *gpr(VMXSIM_RSI) = 0xf00;
  RUN(0x48, 0x0f, 0x38, 0xf6, 0x06); /* wrss [rsi], rax */
  assert_raised(VECTOR_UD);
  v->s.s_cet = CET_SH_STK_EN | CET_WR_SHSTK_EN;
  RUN(0x48, 0x0f, 0x38, 0xf6, 0x06, 0x0f, 0x38, 0xf6, 0x46, 0x0c);
  assert_false(v->exception.pending);
  assert_true(memory_at(0xf00, 8) == 0x1122334455667788);
  assert_true(memory_at(0xf08, 8) == 0x5566778800000000);
  RUN(0x48, 0x0f, 0x38, 0xf6, 0x46, 0x04);
  assert_raised(VECTOR_GP);
  RUN(0x66, 0x48, 0x0f, 0x38, 0xf5, 0x46, 0x10); /* wruss [rsi + 16], rax */
  assert_raised(VECTOR_UD);
  v->s.cr4 = UINT64_C(1) << 23;
  RUN(0x66, 0x48, 0x0f, 0x38, 0xf5, 0x46, 0x10);
  assert_true(memory_at(0xf10, 8) == 0x1122334455667788);
  v->cpl = 3;
  RUN(0x66, 0x48, 0x0f, 0x38, 0xf5, 0x46, 0x10);
  assert_raised(VECTOR_GP);
}

static void test_shadow_stack_busy(void **state) {
  (void)state;
  v->s.cr4 = UINT64_C(1) << 23;
  v->s.s_cet = CET_SH_STK_EN;
  v->s.pl_ssp[0] = *gpr(VMXSIM_RAX) = 0xf00;
  RUN(0xf3, 0x0f, 0x01, 0xe8);
  assert_raised(VECTOR_CP);
  assert_int_equal(v->exception.error_code, CP_SETSSBSY);
  host_store(fake_memory + 0xf00, 8, 0xf00);
  RUN(0xf3, 0x0f, 0x01, 0xe8);
  assert_int_equal(v->s.ssp, 0xf00);
  assert_int_equal(memory_at(0xf00, 8), 0xf01);
  RUN(0xf3, 0x0f, 0xae, 0x30); /* clrssbsy [rax] */
  assert_int_equal(v->s.ssp, 0);
  assert_int_equal(memory_at(0xf00, 8), 0xf00);
  assert_false(flags_read(v) & FLAG_CF);
  RUN(0xf3, 0x0f, 0xae, 0x30);
  assert_true(flags_read(v) & FLAG_CF);
}

static void test_indirect_branch_tracking(void **state) {
  (void)state;
  v->mode = CODE_64 | DECODE_INDIRECT_BRANCH;
  v->s.s_cet = CET_ENDBR_EN;
  *gpr(VMXSIM_RAX) = 0x200;
  RUN(0xff, 0xe0);
  assert_true(cet_waits_for_endbranch(v));
  struct ir_op op = {.opcode = IR_NOP};
  assert_false(cet_check_endbranch(v, &op));
  assert_raised(VECTOR_CP);
  op.opcode = IR_ENDBR64;
  assert_true(cet_check_endbranch(v, &op));
  RUN(0xf3, 0x0f, 0x1e, 0xfa);
  assert_false(cet_waits_for_endbranch(v));
}

/* --- strings ----------------------------------------------------------------------------------------------------- */

static void prepare_copy(void) {
  for (unsigned i = 0; i < 0x400; i++) fake_memory[i] = (uint8_t)(i * 7);
  memset(fake_memory + 0x400, 0, FAKE_MEMORY - 0x400);
  *gpr(VMXSIM_RSI) = 0;
  *gpr(VMXSIM_RDI) = 0x1000;
  *gpr(VMXSIM_RCX) = 0x400;
  v->cycles = 0;
  v->s.rip = 0x100;
}

static void test_rep_movs_is_cut_anywhere(void **state) {
  (void)state;
  for (unsigned spans = 0; spans < 2; spans++) {
    fake_spans = spans;
    prepare_copy();
    v->next_event = 100;
    RUN(0xf3, 0xa4);
    assert_int_equal(v->s.rip, 0x100);
    assert_int_equal(*gpr(VMXSIM_RCX), 0x400 - 100);
    assert_int_equal(*gpr(VMXSIM_RSI), 100);
    assert_int_equal(v->cycles, 99);
    v->next_event = UINT64_MAX;
    RUN(0xf3, 0xa4);
    assert_int_equal(v->s.rip, 0x102);
    assert_int_equal(*gpr(VMXSIM_RCX), 0);
    assert_int_equal(v->cycles, 0x400 - 2);
    assert_memory_equal(fake_memory, fake_memory + 0x1000, 0x400);
  }
}

static void test_rep_movs_overlapping_repeats(void **state) {
  (void)state;
  for (unsigned spans = 0; spans < 2; spans++) {
    fake_spans = spans;
    prepare_copy();
    *gpr(VMXSIM_RDI) = 3;
    RUN(0xf3, 0xa4);
    for (unsigned i = 0; i < 0x400; i++) assert_int_equal(fake_memory[i], i % 3 * 7);
  }
}

static void test_rep_movs_faults_midway(void **state) {
  (void)state;
  prepare_copy();
  fake_limit = 0x1010;
  RUN(0xf3, 0x48, 0xa5);
  assert_raised(VECTOR_PF);
  assert_int_equal(v->s.rip, 0x100);
  assert_int_equal(*gpr(VMXSIM_RDI), 0x1010);
  assert_int_equal(*gpr(VMXSIM_RCX), 0x3fe);
}

static void test_rep_stos_backwards_and_wide(void **state) {
  (void)state;
  fake_spans = true;
  *gpr(VMXSIM_RAX) = 0x11223344;
  *gpr(VMXSIM_RDI) = 0x1ffc;
  *gpr(VMXSIM_RCX) = 3;
  RUN(0xf3, 0xab);
  assert_int_equal(memory_at(0x1ffc, 4), 0x11223344); /* then the array ends */
  assert_raised(VECTOR_PF);
  v->s.rflags |= FLAG_DF;
  *gpr(VMXSIM_RDI) = 0x1000;
  RUN(0xf3, 0xab);
  assert_int_equal(memory_at(0xffc, 8), 0x1122334411223344);
  assert_int_equal(*gpr(VMXSIM_RDI), 0xff8);
}

static void test_scas_cmps(void **state) {
  (void)state;
  for (unsigned spans = 0; spans < 2; spans++) {
    fake_spans = spans;
    prepare_copy();
    *gpr(VMXSIM_RDI) = 1;
    *gpr(VMXSIM_RAX) = 0x15; /* 3 * 7 */
    RUN(0xf2, 0xae);
    assert_int_equal(*gpr(VMXSIM_RDI), 4);
    assert_true(flags_read(v) & FLAG_ZF);
    memcpy(fake_memory + 0x1000, fake_memory, 0x400);
    fake_memory[0x1020]++;
    *gpr(VMXSIM_RDI) = 0x1000;
    *gpr(VMXSIM_RCX) = 0x400;
    RUN(0xf3, 0xa6);
    assert_int_equal(*gpr(VMXSIM_RSI), 0x21);
    assert_true(flags_read(v) & FLAG_CF);
    assert_int_equal(*gpr(VMXSIM_RCX), 0x3df);
  }
}

static void test_count_of_zero(void **state) {
  (void)state;
  *gpr(VMXSIM_RCX) = 0x100000000;
  *gpr(VMXSIM_RSI) = *gpr(VMXSIM_RDI) = 0xffffffff00000000;
  RUN(0x67, 0xf3, 0xa4);
  assert_int_equal(v->s.rip, 0x103);
  assert_int_equal(*gpr(VMXSIM_RCX), 0);
  assert_int_equal(*gpr(VMXSIM_RDI), 0);
}

/* --- ports ------------------------------------------------------------------------------------------------------- */

static void test_io_permission(void **state) {
  (void)state;
  v->cpl = 3;
  v->s.tr.access_rights = 0x8b;
  v->s.tr.base = 0x1000;
  v->s.tr.limit = 0x68 + 0x20;
  host_store(fake_memory + 0x1066, 2, 0x68);
  fake_memory[0x1068 + 0x60 / 8] = 2; /* port 61H */
  RUN(0xe6, 0x60);
  assert_false(v->exception.pending);
  RUN(0xe6, 0x61);
  assert_raised(VECTOR_GP);
  RUN(0x66, 0xe7, 0x60); /* two ports */
  assert_raised(VECTOR_GP);
  RUN(0xe6, 0xff); /* its second byte is beyond the limit? no: 68H + 1FH + 1 = limit */
  assert_false(v->exception.pending);
  v->s.tr.limit--;
  RUN(0xe6, 0xff);
  assert_raised(VECTOR_GP);
  assert_int_equal(fake_port_accesses, 2);
}

static void test_ins_outs(void **state) {
  (void)state;
  fake_port_value = 0x5a;
  *gpr(VMXSIM_RCX) = 4;
  *gpr(VMXSIM_RDI) = 0x1ffe;
  RUN(0xf3, 0x6c);
  assert_raised(VECTOR_PF);
  assert_int_equal(fake_port_accesses, 2); /* not a third, whose value would be lost */
  assert_int_equal(*gpr(VMXSIM_RCX), 2);
  v->s.rip = 0x100;
  *gpr(VMXSIM_RSI) = 0x1ffe;
  RUN(0x6e);
  assert_int_equal(fake_port_value, 0x5a);
  assert_int_equal(*gpr(VMXSIM_RSI), 0x1fff);
}

/* --- decimal arithmetic, BOUND -------------------------------------------------------------------------------------
 */

static void decimal(unsigned opcode, unsigned ax, unsigned flags, unsigned result, unsigned flags_after) {
  *gpr(VMXSIM_RAX) = ax;
  flags_write(v, 2 | flags);
  RUN((uint8_t)opcode);
  assert_int_equal(*gpr(VMXSIM_RAX), result);
  assert_int_equal(flags_read(v) & (FLAG_CF | FLAG_AF), flags_after);
}

static void test_decimal(void **state) {
  (void)state;
  v->mode = CODE_32;
  decimal(0x27, 0xae, 0, 0x14, FLAG_CF | FLAG_AF);
  decimal(0x27, 0x2e, FLAG_CF, 0x94, FLAG_CF | FLAG_AF);
  decimal(0x2f, 0x35 - 0x47 + 0x100, FLAG_CF | FLAG_AF, 0x88, FLAG_CF | FLAG_AF);
  decimal(0x37, 0x000f, 0, 0x0105, FLAG_CF | FLAG_AF);
  decimal(0x37, 0x00ff, 0, 0x0205, FLAG_CF | FLAG_AF);
  decimal(0x3f, 0x0205, FLAG_AF, 0x000f, FLAG_CF | FLAG_AF);
  *gpr(VMXSIM_RAX) = 0x00ff;
  RUN(0xd4, 0x0a);
  assert_int_equal(*gpr(VMXSIM_RAX), 0x1905);
  RUN(0xd5, 0x0a);
  assert_int_equal(*gpr(VMXSIM_RAX), 0xff);
  RUN(0xd4, 0x00);
  assert_raised(VECTOR_DE);
}

static void test_bound(void **state) {
  (void)state;
  v->mode = CODE_32;
  host_store(fake_memory + 0x40, 4, (uint32_t)-5);
  host_store(fake_memory + 0x44, 4, 5);
  *gpr(VMXSIM_RBX) = 0x40;
  *gpr(VMXSIM_RAX) = (uint32_t)-5;
  RUN(0x62, 0x03);
  assert_false(v->exception.pending);
  *gpr(VMXSIM_RAX) = 6;
  RUN(0x62, 0x03);
  assert_raised(VECTOR_BR);
}

static void test_bit_string(void **state) {
  (void)state;
  *gpr(VMXSIM_RBX) = 0x100;
  *gpr(VMXSIM_RAX) = (uint64_t)-9;
  RUN(0x48, 0x0f, 0xab, 0x03); /* bts [rbx], rax */
  assert_int_equal(fake_memory[0xfe], 0x80);
  *gpr(VMXSIM_RAX) = 0x123;
  RUN(0x0f, 0xab, 0x03);
  assert_int_equal(fake_memory[0x100 + 0x123 / 8], 1 << 3);
  *gpr(VMXSIM_RSI) = 0x12345678;
  RUN(0x0f, 0x38, 0xf1, 0x33); /* movbe [rbx], esi */
  assert_int_equal(memory_at(0x100, 4), 0x78563412);
}

static void test_double_exchange(void **state) {
  (void)state;
  host_store(fake_memory + 0x100, 8, 0x1111111122222222);
  *gpr(VMXSIM_RSI) = 0x100;
  RUN(0x0f, 0xc7, 0x0e);
  assert_false(flags_read(v) & FLAG_ZF);
  assert_int_equal(*gpr(VMXSIM_RDX), 0x11111111);
  *gpr(VMXSIM_RBX) = 7;
  *gpr(VMXSIM_RCX) = 8;
  RUN(0x0f, 0xc7, 0x0e);
  assert_true(flags_read(v) & FLAG_ZF);
  assert_int_equal(memory_at(0x100, 8), 0x800000007);
  *gpr(VMXSIM_RAX) = 0x800000007;
  *gpr(VMXSIM_RDX) = 0;
  RUN(0x48, 0x0f, 0xc7, 0x0e);
  assert_true(flags_read(v) & FLAG_ZF);
  assert_int_equal(memory_at(0x100, 8), 7);
  assert_int_equal(memory_at(0x108, 8), 8);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, create, destroy)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_push_pop),
      CASE(test_pop_memory_uses_the_new_pointer),
      CASE(test_pusha_popa_16),
      CASE(test_enter_leave),
      CASE(test_pushf_popf),
      CASE(test_flags_in_virtual_8086_mode),
      CASE(test_call_ret),
      CASE(test_targets_that_fault),
      CASE(test_conditions),
      CASE(test_shadow_stack),
      CASE(test_shadow_stack_switch),
      CASE(test_shadow_stack_alignment_hole),
      CASE(test_shadow_stack_pointer),
      CASE(test_shadow_stack_writes),
      CASE(test_shadow_stack_busy),
      CASE(test_indirect_branch_tracking),
      CASE(test_rep_movs_is_cut_anywhere),
      CASE(test_rep_movs_overlapping_repeats),
      CASE(test_rep_movs_faults_midway),
      CASE(test_rep_stos_backwards_and_wide),
      CASE(test_scas_cmps),
      CASE(test_count_of_zero),
      CASE(test_io_permission),
      CASE(test_ins_outs),
      CASE(test_decimal),
      CASE(test_bound),
      CASE(test_bit_string),
      CASE(test_double_exchange),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
