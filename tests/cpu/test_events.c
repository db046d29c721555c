/* cpu/events: delivery in every mode, double and triple faults, the boundary and its priorities, debug exceptions, SMM,
 * INIT.
 *
 * Links cpu/ (without x87 and vector groups), decode/ and the checks library; nothing of the machine.
 */
#include "tests/cpu/event_machine.h"

/* Member by member: the padding of a struct is nobody's. */
static void assert_same_segment(const struct vmxsim_segment *a, const struct vmxsim_segment *b) {
  assert_int_equal(a->selector, b->selector);
  assert_int_equal(a->limit, b->limit);
  assert_int_equal(a->access_rights, b->access_rights);
  assert_int_equal(a->base, b->base);
}

/* --- real-address mode ---------------------------------------------------------------------------------------------
 */

static void test_real_interrupt(void **state) {
  (void)state;
  real_mode();
  v->s.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_AC;
  events_rearm(v);
  CODE_AT(CODE, "\xcd\x21"); /* int 21h */
  step();
  assert_vector(0x21);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK - 6);
  assert_int_equal(get(KERNEL_STACK - 6, 2), CODE + 2);
  assert_int_equal(get(KERNEL_STACK - 4, 2), 0);
  assert_int_equal(get(KERNEL_STACK - 2, 2), 0x302);
  assert_int_equal(v->s.rflags & (RFLAGS_IF | RFLAGS_TF | RFLAGS_AC), 0);
  step(); /* no trap after INT: the handler runs */
  assert_at(handler(0x21) + 1);
}

static void test_real_limit(void **state) {
  (void)state;
  real_mode();
  v->s.idtr.limit = 8 * 4 + 3; /* #DF is the last one */
  CODE_AT(CODE, "\xcd\x21");
  step();
  assert_vector(VECTOR_DF);
  v->s.idtr.limit = 3;
  v->s.rip = CODE;
  step();
  assert_int_equal(v->s.activity, VMXSIM_SHUTDOWN);
}

static void test_real_iret(void **state) {
  (void)state;
  real_mode();
  v->s.gpr[VMXSIM_RSP] = KERNEL_STACK - 6;
  put(KERNEL_STACK - 6, 2, 0x1234);
  put(KERNEL_STACK - 4, 2, 0x50);
  put(KERNEL_STACK - 2, 2, 0xffff);
  CODE_AT(CODE, "\xcf");
  step();
  assert_at(0x1234);
  assert_int_equal(v->s.segment[VMXSIM_CS].base, 0x500);
  assert_int_equal(flags_read(v) & 0xffff, 0x7fd7);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK);
}

/* --- protected mode --------------------------------------------------------------------------------------------------
 */

static void test_same_level(void **state) {
  (void)state;
  protected_mode(0);
  v->s.rflags |= RFLAGS_IF;
  CODE_AT(CODE, "\x0f\x0b"); /* ud2 */
  step();
  assert_vector(VECTOR_UD);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK - 12);
  assert_int_equal(slot32(0), CODE);
  assert_int_equal(slot32(1), CODE32);
  assert_int_equal(slot32(2), 0x10202); /* a fault has RF pushed as 1 */
  assert_int_equal(v->s.rflags, 2);
}

static void test_trap_gate_keeps_if(void **state) {
  (void)state;
  protected_mode(0);
  gate(VECTOR_UD, CODE32, (uint32_t)handler(VECTOR_UD), 0x8f);
  v->s.rflags |= RFLAGS_IF | RFLAGS_NT;
  CODE_AT(CODE, "\x0f\x0b");
  step();
  assert_int_equal(v->s.rflags, 0x202);
}

static void test_inner_level(void **state) {
  (void)state;
  protected_mode(3);
  CODE_AT(CODE, "\xf4"); /* hlt */
  step();
  assert_vector(VECTOR_GP);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], INNER_STACK - 24);
  assert_int_equal(slot32(0), 0);
  assert_int_equal(slot32(1), CODE);
  assert_int_equal(slot32(2), USER_CODE32);
  assert_int_equal(slot32(4), USER_STACK);
  assert_int_equal(slot32(5), USER_DATA);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, DATA);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, CODE32);
  CODE_AT(handler(VECTOR_GP), "\x83\xc4\x04\xcf"); /* add esp, 4; iret */
  steps(2);
  assert_at(CODE);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], USER_STACK);
}

static void test_gate_checks(void **state) {
  (void)state;
  protected_mode(3);
  EXPECT_FAULT("\xcd\x30", VECTOR_GP, 0x30 * 8 + 2); /* DPL 0 */
  gate(0x30, CODE32, 0, 0x6e);
  EXPECT_FAULT("\xcd\x30", VECTOR_NP, 0x30 * 8 + 2);
  gate(0x30, 0, 0, 0xee);
  EXPECT_FAULT("\xcd\x30", VECTOR_GP, 0);
  gate(0x30, DATA, 0, 0xee);
  EXPECT_FAULT("\xcd\x30", VECTOR_GP, DATA);
  gate(0x30, CODE32, 0, 0xec); /* call gate */
  EXPECT_FAULT("\xcd\x30", VECTOR_GP, 0x30 * 8 + 2);
  gate(0x30, CODE32, 0, 0xee);
  put(TSS + 8, 2, CODE32); /* no stack segment */
  const struct vmxsim_state before = v->s;
  CODE_AT(CODE, "\xcd\x30");
  step();
  /* #TS cannot be delivered through the same stack either */
  assert_int_equal(v->s.activity, VMXSIM_SHUTDOWN);
  v->s = before;
}

/* EXT is 0 for INT n, 1 for what the processor raises itself. */
static void test_ext_bit(void **state) {
  (void)state;
  protected_mode(0);
  gate(VECTOR_UD, DATA, 0, 0x8e);
  EXPECT_FAULT("\x0f\x0b", VECTOR_GP, DATA | 1);
  gate(VECTOR_DB, CODE32, 0, 0x0e);
  EXPECT_FAULT("\xf1", VECTOR_NP, 1 * 8 + 2 + 1); /* int1 */
  gate(VECTOR_BP, CODE32, 0, 0x0e);
  EXPECT_FAULT("\xcc", VECTOR_NP, 3 * 8 + 2);
}

static void test_double_fault(void **state) {
  (void)state;
  protected_mode(0);
  v->s.gpr[VMXSIM_RAX] = 0x1000;
  gate(VECTOR_GP, DATA, 0, 0x8e);
  EXPECT_FAULT("\x8e\xd8", VECTOR_DF, 0);
  /* #UD is benign: the #GP of its delivery comes after it, alone */
  gate(VECTOR_GP, CODE32, (uint32_t)handler(VECTOR_GP), 0x8e);
  gate(VECTOR_UD, DATA, 0, 0x8e);
  EXPECT_FAULT("\x0f\x0b", VECTOR_GP, DATA | 1);
}

static void test_triple_fault(void **state) {
  (void)state;
  protected_mode(0);
  v->s.idtr.limit = 0;
  CODE_AT(CODE, "\x0f\x0b");
  step();
  assert_int_equal(v->s.activity, VMXSIM_SHUTDOWN);
  assert_at(CODE);
  /* an NMI wakes it, and finds no gate either */
  v->s.idtr.limit = 0xfff;
  events_signal_nmi(v);
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_vector(VECTOR_NMI);
}

static void test_16_bit_gate(void **state) {
  (void)state;
  protected_mode(0);
  gate(0x30, CODE32, (uint32_t)handler(0x30), 0x86);
  CODE_AT(CODE, "\xcd\x30");
  step();
  assert_vector(0x30);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK - 6);
}

/* --- 64-bit mode
 * ------------------------------------------------------------------------------------------------------- */

static void test_64_bit_frame(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RSP] = KERNEL_STACK - 4;
  CODE_AT(CODE, "\xcd\x30");
  step();
  assert_vector(0x30);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK - 16 - 40);
  assert_int_equal(slot64(0), CODE + 2);
  assert_int_equal(slot64(1), CODE64);
  assert_int_equal(slot64(3), KERNEL_STACK - 4);
  assert_int_equal(slot64(4), DATA);
  CODE_AT(handler(0x30), "\x48\xcf");
  step();
  assert_at(CODE + 2);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK - 4);
}

static void test_64_bit_inner(void **state) {
  (void)state;
  long_mode(3);
  CODE_AT(CODE, "\x0f\x0b");
  step();
  assert_vector(VECTOR_UD);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, 0);
  assert_true(v->s.segment[VMXSIM_SS].access_rights & AR_UNUSABLE);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], INNER_STACK - 40);
  CODE_AT(handler(VECTOR_UD), "\x48\xcf");
  step();
  assert_at(CODE);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, USER_DATA);
}

static void test_interrupt_stack_table(void **state) {
  (void)state;
  long_mode(0);
  gate64(0x30, CODE64, handler(0x30), 0x8e, 3);
  put(TSS + 0x24 + 2 * 8, 8, 0x5808);
  CODE_AT(CODE, "\xcd\x30");
  step();
  assert_vector(0x30);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], 0x5800 - 40);
  assert_int_equal(v->s.segment[VMXSIM_SS].selector, DATA); /* same level: SS stays */
}

static void test_page_fault(void **state) {
  (void)state;
  long_mode(3);
  put(TABLES + 0x3000 + 0xb0 * 8, 8, 0); /* 0xb0000 is not mapped */
  v->s.gpr[VMXSIM_RAX] = 0xb0123;
  CODE_AT(CODE, "\x89\x00"); /* mov [rax], eax */
  step();
  assert_vector(VECTOR_PF);
  assert_int_equal(slot64(0), 6); /* write, user */
  assert_int_equal(v->s.cr2, 0xb0123);
  assert_true(slot64(3) & RFLAGS_RF);
}

/* The stack of the handler is not mapped: #PF in the delivery of #PF. */
static void test_page_fault_twice(void **state) {
  (void)state;
  long_mode(0);
  put(TABLES + 0x3000 + 0xb0 * 8, 8, 0);
  gate64(VECTOR_DF, CODE64, handler(VECTOR_DF), 0x8e, 1);
  put(TSS + 0x24, 8, 0x5800);
  v->s.gpr[VMXSIM_RSP] = 0xb0800;
  CODE_AT(CODE, "\x50"); /* push rax */
  step();
  assert_vector(VECTOR_DF);
  assert_int_equal(slot64(0), 0);
  assert_int_equal(slot64(1), CODE);
  assert_int_equal(v->s.cr2, 0xb0800 - 8);
}

static void test_non_canonical_stack(void **state) {
  (void)state;
  long_mode(0);
  gate64(VECTOR_SS, CODE64, handler(VECTOR_SS), 0x8e, 1);
  put(TSS + 0x24, 8, 0x5800);
  v->s.gpr[VMXSIM_RSP] = UINT64_C(0x0000900000000000);
  CODE_AT(CODE, "\xcd\x30");
  step();
  assert_vector(VECTOR_SS);
}

/* --- virtual-8086 mode
 * --------------------------------------------------------------------------------------------------- */

static void test_v86_there_and_back(void **state) {
  (void)state;
  v86_mode(3);
  gate(0x30, CODE32, (uint32_t)handler(0x30), 0xee);
  const uint16_t gs = v->s.segment[VMXSIM_GS].selector;
  CODE_AT(CODE, "\xcd\x30");
  step();
  assert_vector(0x30);
  assert_int_equal(v->cpl, 0);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], INNER_STACK - 36);
  assert_int_equal(slot32(8), gs);
  assert_int_equal(slot32(3), USER_STACK);
  assert_true(slot32(2) & RFLAGS_VM);
  assert_true(v->s.segment[VMXSIM_GS].access_rights & AR_UNUSABLE);
  CODE_AT(handler(0x30), "\xcf");
  step();
  assert_at(CODE + 2);
  assert_true(v->mode & DECODE_V86);
  assert_int_equal(v->s.segment[VMXSIM_GS].selector, gs);
  assert_int_equal(v->s.segment[VMXSIM_GS].access_rights, 0xf3);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], USER_STACK);
}

static void test_v86_iopl(void **state) {
  (void)state;
  v86_mode(0);
  gate(0x30, CODE32, (uint32_t)handler(0x30), 0xee);
  EXPECT_FAULT("\xcd\x30", VECTOR_GP, 0);
  EXPECT_FAULT("\xfa", VECTOR_GP, 0);
}

/* CR4.VME: the redirection bitmap sends INT to the program's own table, with VIF for IF. */
static void test_v86_redirection(void **state) {
  (void)state;
  v86_mode(0);
  v->s.cr4 |= CR4_VME;
  v->s.tr.limit = 0x67 + 64;
  put(TSS + 102, 2, 0x68 + 32);
  put(0x21 * 4, 4, 0x00504321);
  v->s.rflags |= RFLAGS_VIF | RFLAGS_NT;
  CODE_AT(CODE, "\xcd\x21");
  step();
  assert_at(0x4321);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, 0x50);
  assert_true(v->mode & DECODE_V86);
  assert_false(v->s.rflags & RFLAGS_VIF);
  assert_true(v->s.rflags & RFLAGS_NT); /* nothing says that it were cleared */
  assert_true(get(USER_STACK - 2, 2) & RFLAGS_IF);
  assert_int_equal(get(USER_STACK - 2, 2) & RFLAGS_IOPL, RFLAGS_IOPL);
}

/* --- task gates
 * ---------------------------------------------------------------------------------------------------------- */

static void write_task_2(uint32_t eip) {
  put(TSS_2 + 0x20, 4, eip);
  put(TSS_2 + 0x24, 4, 2);
  put(TSS_2 + 0x38, 4, 0x4800);
  put(TSS_2 + 0x48, 4, DATA);
  put(TSS_2 + 0x4c, 4, CODE32);
  for (unsigned i = 2; i < 6; i++) put(TSS_2 + 0x48 + 4 * i, 4, DATA);
}

static void test_task_gate(void **state) {
  (void)state;
  protected_mode(0);
  write_task_2(0xc000);
  put(IDT + VECTOR_GP * 8, 4, (uint32_t)TASK_2 << 16);
  put(IDT + VECTOR_GP * 8 + 4, 4, 0x8500);
  v->s.gpr[VMXSIM_RAX] = 0x1000;
  CODE_AT(CODE, "\x8e\xd8"); /* mov ds, eax */
  step();
  assert_at(0xc000);
  assert_int_equal(v->s.tr.selector, TASK_2);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], 0x47fc);
  assert_int_equal(slot32(0), 0x1000); /* the error code */
  assert_int_equal(get(TSS_2, 2), TASK);
  assert_true(v->s.rflags & RFLAGS_NT);
  assert_int_equal(get(TSS + 0x20, 4), CODE);
  assert_true(v->s.cr0 & CR0_TS);
  assert_int_equal(get(GDT + TASK_2 + 5, 1), 0x8b);
  CODE_AT(0xc000, "\xcf");
  step();
  assert_at(CODE);
  assert_int_equal(v->s.tr.selector, TASK);
  assert_int_equal(get(GDT + TASK_2 + 5, 1), 0x89);
  assert_int_equal(v->s.gpr[VMXSIM_RSP], KERNEL_STACK);
}

/* A bad SS in the new TSS: #TS in the new task. */
static void test_fault_in_new_task(void **state) {
  (void)state;
  protected_mode(0);
  write_task_2(0xc000);
  put(TSS_2 + 0x50, 4, CODE32);
  CODE_AT(CODE, "\x9a\x00\x00\x00\x00\x50\x00"); /* call 50h:0 */
  gate(VECTOR_TS, CODE32, (uint32_t)handler(VECTOR_TS), 0x8e);
  step();
  assert_int_equal(v->s.tr.selector, TASK_2);
  assert_int_equal(v->s.activity, VMXSIM_SHUTDOWN); /* there is no stack for #TS */
}

/* --- shadows and debug exceptions
 * ------------------------------------------------------------------------------------- */

static void test_single_step(void **state) {
  (void)state;
  long_mode(0);
  v->s.gpr[VMXSIM_RAX] = 0x102;
  CODE_AT(CODE, "\x50\x9d\x90\x90"); /* push rax; popf; nop */
  CODE_AT(handler(VECTOR_DB), "\x48\xcf");
  steps(2);
  assert_at(CODE + 2); /* no trap after the POPF that sets TF */
  step();
  assert_at(CODE + 3);
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 3);
  assert_int_equal(v->s.dr6, DR6_FIXED | DR6_BS);
  step(); /* IRET sets TF again: the next instruction traps, not it */
  assert_at(CODE + 3);
  step();
  assert_at(CODE + 4);
  step();
  assert_vector(VECTOR_DB);
}

static void single_stepping(void) {
  long_mode(0);
  v->s.rflags |= RFLAGS_TF;
  events_rearm(v);
}

static void test_single_step_and_popf(void **state) {
  (void)state;
  single_stepping();
  put(KERNEL_STACK, 8, 2);
  CODE_AT(CODE, "\x9d\x90"); /* the POPF that clears TF still traps */
  step();
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 1);
}

static void test_single_step_and_mov_ss(void **state) {
  (void)state;
  single_stepping();
  v->s.gpr[VMXSIM_RAX] = DATA;
  CODE_AT(CODE, "\x8e\xd0\x90\x90"); /* mov ss, eax; nop */
  step();
  assert_true(v->s.blocking_by_mov_ss);
  step();
  assert_at(CODE + 3);
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 3);
}

static void test_int1_in_shadow(void **state) {
  (void)state;
  single_stepping();
  v->s.gpr[VMXSIM_RAX] = DATA;
  CODE_AT(CODE, "\x8e\xd0\xf1\x90");
  steps(2);
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 3);
  assert_int_equal(v->s.dr6, DR6_FIXED);
  step(); /* and nothing is pending in the handler */
  assert_at(handler(VECTOR_DB) + 1);
}

static void test_branch_step(void **state) {
  (void)state;
  long_mode(0);
  v->s.rflags |= RFLAGS_TF;
  v->s.debugctl = DEBUGCTL_BTF;
  events_rearm(v);
  CODE_AT(CODE, "\x90\xeb\x02"); /* nop; jmp +2 */
  step();
  assert_at(CODE + 1);
  step();
  assert_at(CODE + 5);
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(v->s.debugctl, 0);
}

static void test_code_breakpoint(void **state) {
  (void)state;
  long_mode(0);
  v->s.dr[2] = CODE + 1;
  v->s.dr7 = DR7_FIXED | 0x20;
  v->s.dr6 |= DR6_BS | 2;
  mem_breakpoints_changed(v);
  CODE_AT(CODE, "\x90\x90\x90");
  CODE_AT(handler(VECTOR_DB), "\x48\xcf");
  steps(2);
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 1);
  assert_int_equal(v->s.dr6, DR6_FIXED | DR6_BS | 4);
  assert_false(slot64(2) & RFLAGS_RF);
  put(v->s.gpr[VMXSIM_RSP] + 16, 8, 2 | RFLAGS_RF);
  step();
  assert_at(CODE + 1);
  step(); /* RF lets it pass once */
  assert_at(CODE + 2);
  assert_false(v->s.rflags & RFLAGS_RF);
}

static void test_data_breakpoint(void **state) {
  (void)state;
  long_mode(0);
  v->s.dr[0] = 0xc004;
  v->s.dr7 = DR7_FIXED | 1 | 0x000d0000; /* four bytes, writes */
  mem_breakpoints_changed(v);
  v->s.gpr[VMXSIM_RBX] = 0xc004;
  CODE_AT(CODE, "\x89\x03\x90"); /* mov [rbx], eax */
  step();
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE + 2);
  assert_int_equal(v->s.dr6, DR6_FIXED | 1);
}

/* An access to linear address 0 is not one to breakpoints that are off. */
static void test_no_data_breakpoint_at_0(void **state) {
  (void)state;
  long_mode(0);
  v->s.dr[0] = 0x100;
  v->s.dr7 = DR7_FIXED | 1 | 0x000d0000;
  mem_breakpoints_changed(v);
  v->s.gpr[VMXSIM_RBX] = 0;
  CODE_AT(CODE, "\x89\x03\x90"); /* mov [rbx], eax */
  step();
  step();
  assert_at(CODE + 3);
}

/* A data breakpoint of MOV SS waits for the instruction after it; if that is INT, for its handler. */
static void test_data_breakpoint_of_mov_ss(void **state) {
  (void)state;
  long_mode(0);
  v->s.dr[1] = 0xc000;
  v->s.dr7 = DR7_FIXED | 4 | 0x00700000; /* two bytes, reads and writes */
  mem_breakpoints_changed(v);
  v->s.gpr[VMXSIM_RBX] = 0xc000;
  put(0xc000, 2, DATA);
  CODE_AT(CODE, "\x8e\x13\xcd\x30"); /* mov ss, [rbx]; int 30h */
  step();
  assert_int_equal(v->s.pending_debug & 15, 2);
  step();
  assert_vector(0x30);
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), handler(0x30));
  assert_int_equal(v->s.dr6, DR6_FIXED | 2);
}

static void test_general_detect(void **state) {
  (void)state;
  long_mode(0);
  v->s.dr7 = DR7_FIXED | DR7_GD;
  CODE_AT(CODE, "\x0f\x23\xf0"); /* mov dr6, rax */
  step();
  assert_vector(VECTOR_DB);
  assert_int_equal(slot64(0), CODE);
  assert_int_equal(v->s.dr6, DR6_FIXED | DR6_BD);
  assert_int_equal(v->s.dr7, DR7_FIXED);
}

/* --- the boundary
 * ------------------------------------------------------------------------------------------------------ */

static uint8_t acknowledge(void *context) {
  (void)context;
  v->interrupt_line = false;
  return 0x40;
}

static void request_interrupt(void) {
  v->s.apic_base &= ~APIC_BASE_EN; /* the 8259 reaches the processor directly */
  v->interrupt_acknowledge = acknowledge;
  v->interrupt_line = true;
}

static void test_sti_shadow(void **state) {
  (void)state;
  long_mode(0);
  request_interrupt();
  CODE_AT(CODE, "\xfb\x90\x90"); /* sti; nop */
  step();
  assert_true(v->s.blocking_by_sti);
  assert_false(events_any(v));
  step();
  assert_at(CODE + 2);
  assert_false(v->s.blocking_by_sti);
  step();
  assert_vector(0x40);
  assert_int_equal(slot64(0), CODE + 2);
}

static void test_sti_when_enabled(void **state) {
  (void)state;
  long_mode(0);
  v->s.rflags |= RFLAGS_IF;
  CODE_AT(CODE, "\xfb");
  step();
  assert_false(v->s.blocking_by_sti);
}

static void test_nmi_blocking(void **state) {
  (void)state;
  long_mode(0);
  CODE_AT(handler(VECTOR_NMI), "\x90\x48\xcf");
  events_signal_nmi(v);
  events_signal_nmi(v);
  events_signal_nmi(v); /* two are held */
  step();
  assert_vector(VECTOR_NMI);
  step();
  assert_at(handler(VECTOR_NMI) + 1);
  events_signal_nmi(v); /* one is held already */
  step();
  assert_at(CODE);
  step();
  assert_vector(VECTOR_NMI);
  steps(2);
  assert_at(CODE);
  assert_false(events_any(v));
}

static void test_priorities(void **state) {
  (void)state;
  long_mode(0);
  v->s.rflags |= RFLAGS_IF;
  request_interrupt();
  events_signal_nmi(v);
  v->s.pending_debug = DR6_BS;
  step();
  assert_vector(VECTOR_DB);
  step();
  assert_vector(VECTOR_NMI);
  v->s.rflags |= RFLAGS_IF;
  step();
  assert_vector(0x40);
}

static void test_hlt(void **state) {
  (void)state;
  long_mode(0);
  CODE_AT(CODE, "\xf4");
  v->s.rflags |= RFLAGS_IF;
  steps(3);
  assert_int_equal(v->s.activity, VMXSIM_HLT);
  request_interrupt();
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_vector(0x40);
  assert_int_equal(slot64(0), CODE + 1);
}

static void test_machine_check(void **state) {
  (void)state;
  long_mode(0);
  v->s.cr4 |= CR4_MCE;
  events_signal_machine_check(v);
  step();
  assert_vector(VECTOR_MC);
  assert_int_equal(v->s.mcg_status, 5);
  events_signal_machine_check(v); /* MCIP is still 1 */
  step();
  assert_int_equal(v->s.activity, VMXSIM_SHUTDOWN);
}

/* --- INIT, start-up IPI, SMM
 * ------------------------------------------------------------------------------------------- */

static void test_reset_state(void **state) {
  (void)state;
  assert_int_equal(v->s.cr0, 0x60000010);
  assert_at(0xfff0);
  assert_int_equal(v->s.segment[VMXSIM_CS].base, 0xffff0000);
  assert_int_equal(v->s.dr6, DR6_FIXED);
  assert_int_equal(v->s.gpr[VMXSIM_RDX], cpuid_signature(v->cpuid));
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
}

static void test_tsc_of_resets(void **state) {
  (void)state;
  v->cycles = 1000;
  vcpu_reset(v, 990);
  assert_int_equal(timing_tsc(v), 10);
  v->s.tsc_offset += 5;
  vcpu_init_signal(v);
  assert_int_equal(timing_tsc(v), 15);
}

static void test_init_and_startup(void **state) {
  (void)state;
  long_mode(0);
  v->s.apic_base &= ~APIC_BASE_BSP;
  v->s.lstar = 0x1234;
  events_signal_init(v);
  step();
  assert_int_equal(v->s.activity, VMXSIM_WAIT_FOR_SIPI);
  assert_int_equal(v->s.efer, 0);
  assert_int_equal(v->s.lstar, 0x1234);
  events_signal_nmi(v);
  assert_false(events_any(v));
  events_signal_sipi(v, 8);
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_int_equal(v->s.segment[VMXSIM_CS].base, 0x8000);
  assert_int_equal(v->s.segment[VMXSIM_CS].selector, 0x800);
  assert_at(0);
}

/* Both may be pending before the processor gets to run. */
static void test_startup_behind_init(void **state) {
  (void)state;
  long_mode(0);
  v->s.apic_base &= ~APIC_BASE_BSP;
  events_signal_init(v);
  events_signal_sipi(v, 8);
  steps(2);
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_int_equal(v->s.segment[VMXSIM_CS].base, 0x8000);
  events_signal_sipi(v, 9); /* the other way round it is lost */
  events_signal_init(v);
  step();
  assert_int_equal(v->s.activity, VMXSIM_WAIT_FOR_SIPI);
  assert_false(events_any(v));
}

static void check_smm(void) {
  const uint64_t smbase = 0x20000;
  v->s.smbase = smbase;
  v->s.gpr[VMXSIM_RCX] = 0x11223344;
  v->s.gpr[VMXSIM_RSI] = 0x55;
  CODE_AT(smbase + 0x8000, "\x0f\xaa"); /* rsm */
  const struct vmxsim_state before = v->s;
  events_signal_smi(v);
  step();
  assert_true(v->s.in_smm);
  assert_at(0x8000);
  assert_int_equal(v->s.segment[VMXSIM_CS].base, smbase);
  assert_int_equal(v->s.cr4, 0);
  assert_int_equal(v->s.efer, 0);
  assert_int_equal(v->cpl, 0);
  events_signal_init(v);
  assert_false(events_any(v)); /* waits for RSM */
  v->init_pending = false;
  step();
  assert_false(v->s.in_smm);
  assert_at(CODE);
  for (unsigned i = 0; i < 8; i++) assert_int_equal(v->s.gpr[i], before.gpr[i]);
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++) assert_same_segment(&v->s.segment[i], &before.segment[i]);
  assert_int_equal(v->s.cr0, before.cr0);
  assert_int_equal(v->s.cr3, before.cr3);
  assert_int_equal(v->s.cr4, before.cr4);
  assert_int_equal(v->s.efer, before.efer);
  assert_int_equal(v->s.gdtr.base, before.gdtr.base);
  assert_int_equal(v->s.idtr.limit, before.idtr.limit);
  assert_int_equal(v->s.blocking_by_nmi, before.blocking_by_nmi);
}

static void test_smm_64(void **state) {
  (void)state;
  long_mode(3);
  check_smm();
  assert_int_equal(get(0x20000 + 0xff64, 8), 0x11223344); /* RCX in the map of Intel 64 */
  assert_int_equal(get(0x20000 + 0xfef8, 4), 0x20000);
  assert_int_equal(v->cpl, 3);
}

static void test_smm_suspends_tracing(void **state) {
  (void)state;
  const uint64_t ctl = RTIT_CTL_TRACE_EN | BIT(6) | BIT(2);
  long_mode(0);
  v->s.smbase = 0x20000;
  v->s.rtit_ctl = ctl;
  CODE_AT(0x28000, "\x0f\xaa"); /* rsm */
  events_signal_smi(v);
  step();
  assert_int_equal(v->s.rtit_ctl, ctl & ~RTIT_CTL_TRACE_EN);
  step();
  assert_int_equal(v->s.rtit_ctl, ctl);
}

static void test_smm_32(void **state) {
  (void)state;
  recreate("yonah");
  protected_mode(0);
  check_smm();
  assert_int_equal(get(0x20000 + 0xffd4, 4), 0x11223344);
}

static void test_smbase_relocation_and_halt(void **state) {
  (void)state;
  long_mode(0);
  CODE_AT(CODE, "\xf4");
  step();
  v->s.smbase = 0x20000;
  CODE_AT(0x28000, "\x0f\xaa");
  events_signal_smi(v);
  step();
  assert_int_equal(get(0x2ff02, 2), 1); /* it was in HLT */
  put(0x2fef8, 4, 0x40000);
  step();
  assert_int_equal(v->s.smbase, 0x40000);
  assert_int_equal(v->s.activity, VMXSIM_HLT);
  events_signal_smi(v);
  step();
  put(0x4ff02, 2, 0); /* go on after the HLT instead */
  CODE_AT(0x48000, "\x0f\xaa");
  step();
  assert_int_equal(v->s.activity, VMXSIM_ACTIVE);
  assert_at(CODE + 1);
}

static void test_rsm_outside_smm(void **state) {
  (void)state;
  long_mode(0);
  EXPECT_FAULT("\x0f\xaa", VECTOR_UD, 0);
}

/* --- shadow stacks
 * ------------------------------------------------------------------------------------------------------ */

static void shadow_pages(void) {
  for (uint64_t page = SHADOW >> 12; page < (SHADOW >> 12) + 2; page++)
    put(TABLES + 0x3000 + page * 8, 8, page << 12 | 0x41); /* supervisor, read-only, dirty */
  v->s.cr4 |= CR4_CET;
  settle();
}

/* A CS base that a VM entry can have loaded is not in the address that the shadow stack gets. */
static void test_shadow_stack_same_level(void **state) {
  (void)state;
  long_mode(0);
  shadow_pages();
  v->s.segment[VMXSIM_CS].base = 0x10000;
  v->s.s_cet = CET_SH_STK_EN;
  v->s.ssp = SHADOW + 0x100;
  vcpu_update_mode(v);
  CODE_AT(CODE, "\xcd\x30");
  CODE_AT(handler(0x30), "\x48\xcf");
  step();
  assert_vector(0x30);
  assert_int_equal(v->s.ssp, SHADOW + 0x100 - 24);
  assert_int_equal(get(v->s.ssp, 8), SHADOW + 0x100);
  assert_int_equal(get(v->s.ssp + 8, 8), CODE + 2);
  assert_int_equal(get(v->s.ssp + 16, 8), CODE64);
  step();
  assert_at(CODE + 2);
  assert_int_equal(v->s.ssp, SHADOW + 0x100);
}

static void test_shadow_stack_tampered(void **state) {
  (void)state;
  long_mode(0);
  shadow_pages();
  v->s.s_cet = CET_SH_STK_EN;
  v->s.ssp = SHADOW + 0x100;
  vcpu_update_mode(v);
  CODE_AT(CODE, "\xcd\x30");
  CODE_AT(handler(0x30), "\x48\xcf");
  step();
  put(v->s.gpr[VMXSIM_RSP], 8, CODE + 3);
  step();
  assert_vector(VECTOR_CP);
  assert_int_equal(slot64(0), CP_FAR_RET_IRET);
}

static void test_shadow_stack_inner(void **state) {
  (void)state;
  long_mode(3);
  shadow_pages();
  v->s.s_cet = CET_SH_STK_EN;
  v->s.pl_ssp[0] = SHADOW + 0x1f8;
  put(SHADOW + 0x1f8, 8, SHADOW + 0x1f8); /* a free token */
  CODE_AT(CODE, "\x0f\x0b");
  CODE_AT(handler(VECTOR_UD), "\x48\xcf");
  step();
  assert_vector(VECTOR_UD);
  assert_int_equal(v->s.ssp, SHADOW + 0x1f8); /* from level 3 no frame */
  assert_int_equal(get(SHADOW + 0x1f8, 8), (SHADOW + 0x1f8) | 1);
  step();
  assert_at(CODE);
  assert_int_equal(get(SHADOW + 0x1f8, 8), SHADOW + 0x1f8); /* free again */
}

/* --- task switches with shadow stacks
 * ----------------------------------------------------------------------------------- */

enum { OLD_STACK = SHADOW + 0x100, NEW_STACK = SHADOW + 0x200, TASK_CODE = 0xc000 };

/* PAE paging, since shadow stacks want it, and a task of its own on each of two shadow stacks. */
static void shadow_tasks(unsigned cpl) {
  const uint64_t directory = TABLES + 0x1000;
  protected_mode(cpl);
  put(directory, 8, (TABLES + 0x2000) | 1);
  put(TABLES + 0x2000, 8, (TABLES + 0x3000) | 7);
  for (uint64_t i = 0; i < 256; i++) put(TABLES + 0x3000 + i * 8, 8, i << 12 | 7);
  for (uint64_t tss = TSS; tss <= TSS_2; tss += TSS_2 - TSS) put(tss + 0x1c, 4, directory);
  descriptor(TASK, TSS, 0x6b, 0x008b);
  descriptor(TASK_2, TSS_2, 0x6b, 0x00e9);
  write_task_2(TASK_CODE);
  put(TSS_2 + 0x68, 4, NEW_STACK);
  put(NEW_STACK, 8, NEW_STACK);
  put(OLD_STACK, 8, OLD_STACK | 1);
  v->s.cr0 |= CR0_PG | CR0_WP;
  v->s.cr4 = CR4_PAE;
  v->s.cr3 = directory;
  shadow_pages();
  assert_true(control_write_cr3(v, directory));
  v->s.s_cet = CET_SH_STK_EN;
  v->s.ssp = OLD_STACK;
  vcpu_update_mode(v);
  CODE_AT(CODE, "\x9a\x00\x00\x00\x00\x50\x00"); /* call 50h:0 */
  CODE_AT(TASK_CODE, "\xcf");
}

static void test_task_shadow_nested(void **state) {
  (void)state;
  shadow_tasks(0);
  step();
  assert_at(TASK_CODE);
  assert_int_equal(v->s.ssp, NEW_STACK - 24);
  assert_int_equal(get(v->s.ssp, 8), OLD_STACK);
  assert_int_equal(get(v->s.ssp + 8, 8), CODE + 7);
  assert_int_equal(get(v->s.ssp + 16, 8), CODE32);
  assert_int_equal(get(NEW_STACK, 8), NEW_STACK | 1);
  step();
  assert_at(CODE + 7);
  assert_int_equal(v->s.ssp, OLD_STACK);
  assert_int_equal(get(NEW_STACK, 8), NEW_STACK); /* free again */
  assert_int_equal(get(OLD_STACK, 8), OLD_STACK | 1);
}

/* Who changes the TSS that is returned to cannot choose where execution goes on. The old task's shadow stack is left by
 * then and the new one's not there yet, so that only a task gate can take the #CP. */
static void test_task_shadow_tampered(void **state) {
  (void)state;
  shadow_tasks(0);
  put(IDT + VECTOR_CP * 8, 4, (uint32_t)TASK_2 << 16);
  put(IDT + VECTOR_CP * 8 + 4, 4, 0x8500);
  step();
  put(TSS + 0x20, 4, CODE + 8);
  step();
  assert_int_equal(v->s.tr.selector, TASK_2);
  assert_int_equal(slot32(0), CP_FAR_RET_IRET);
  assert_int_equal(get(TSS + 0x20, 4), CODE + 8);
  assert_int_equal(v->s.ssp, NEW_STACK - 24);
  assert_int_equal(get(v->s.ssp, 8), 0);
}

static void test_task_shadow_token(void **state) {
  (void)state;
  static const uint64_t bad[] = {NEW_STACK | 1, NEW_STACK + 8, 0};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    shadow_tasks(0);
    put(NEW_STACK, 8, bad[i]);
    step();
    assert_vector(VECTOR_TS);
    assert_int_equal(slot32(0), TASK_2);
    assert_int_equal(v->s.tr.selector, TASK_2);
    assert_int_equal(get(NEW_STACK, 8), bad[i]);
    recreate("max");
  }
  shadow_tasks(0);
  put(TSS_2 + 0x68, 4, NEW_STACK + 4);
  step();
  assert_vector(VECTOR_TS);
  assert_int_equal(v->s.tr.selector, TASK_2);
}

/* With CR4.CET a TSS has to have a place for SSP, enabled or not. */
static void test_task_shadow_limit(void **state) {
  (void)state;
  shadow_tasks(0);
  v->s.s_cet = 0;
  vcpu_update_mode(v);
  descriptor(TASK_2, TSS_2, 0x6a, 0x0089);
  EXPECT_FAULT("\x9a\x00\x00\x00\x00\x50\x00", VECTOR_TS, TASK_2);
  descriptor(TASK_2, TSS_2, 0x6b, 0x0081); /* 16 bits */
  EXPECT_FAULT("\x9a\x00\x00\x00\x00\x50\x00", VECTOR_TS, TASK_2);
  assert_int_equal(v->s.tr.selector, TASK);
}

static void test_task_shadow_misaligned_iret(void **state) {
  (void)state;
  shadow_tasks(0);
  step();
  v->s.ssp -= 4;
  step();
  assert_vector(VECTOR_TS);
  assert_int_equal(slot32(0), TASK_2); /* the current one */
  assert_int_equal(v->s.tr.selector, TASK_2);
}

/* JMP does not nest: no frame; and the first instruction has to be ENDBRANCH. */
static void test_task_shadow_jmp(void **state) {
  (void)state;
  shadow_tasks(0);
  v->s.s_cet |= CET_ENDBR_EN;
  vcpu_update_mode(v);
  CODE_AT(CODE, "\xea\x00\x00\x00\x00\x50\x00");
  step();
  assert_at(TASK_CODE);
  assert_int_equal(v->s.ssp, NEW_STACK);
  assert_true(v->s.s_cet & CET_TRACKER);
  assert_int_equal(get(OLD_STACK, 8), OLD_STACK | 1);
}

/* From level 3 there is no frame: SSP waits in IA32_PL3_SSP. */
static void test_task_shadow_user(void **state) {
  (void)state;
  shadow_tasks(3);
  v->s.u_cet = CET_SH_STK_EN;
  vcpu_update_mode(v);
  step();
  assert_at(TASK_CODE);
  assert_int_equal(v->s.ssp, NEW_STACK);
  assert_int_equal(v->s.pl_ssp[3], OLD_STACK);
  step();
  assert_at(CODE + 7);
  assert_int_equal(v->cpl, 3);
  assert_int_equal(v->s.ssp, OLD_STACK);
  assert_int_equal(get(NEW_STACK, 8), NEW_STACK);
}

static void test_task_shadow_v86(void **state) {
  (void)state;
  shadow_tasks(0);
  v->s.u_cet = CET_ENDBR_EN;
  put(TSS_2 + 0x24, 4, RFLAGS_VM | 2);
  put(TSS_2 + 4, 4, INNER_STACK);
  put(TSS_2 + 8, 2, DATA);
  v->s.pl_ssp[0] = NEW_STACK + 0x38;
  put(NEW_STACK + 0x38, 8, NEW_STACK + 0x38);
  step();
  assert_vector(VECTOR_TS);
  assert_int_equal(slot32(0), TASK_2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(test_real_interrupt),
      TEST(test_real_limit),
      TEST(test_real_iret),
      TEST(test_same_level),
      TEST(test_trap_gate_keeps_if),
      TEST(test_inner_level),
      TEST(test_gate_checks),
      TEST(test_ext_bit),
      TEST(test_double_fault),
      TEST(test_triple_fault),
      TEST(test_16_bit_gate),
      TEST(test_64_bit_frame),
      TEST(test_64_bit_inner),
      TEST(test_interrupt_stack_table),
      TEST(test_page_fault),
      TEST(test_page_fault_twice),
      TEST(test_non_canonical_stack),
      TEST(test_v86_there_and_back),
      TEST(test_v86_iopl),
      TEST(test_v86_redirection),
      TEST(test_task_gate),
      TEST(test_fault_in_new_task),
      TEST(test_single_step),
      TEST(test_single_step_and_popf),
      TEST(test_single_step_and_mov_ss),
      TEST(test_int1_in_shadow),
      TEST(test_branch_step),
      TEST(test_code_breakpoint),
      TEST(test_data_breakpoint),
      TEST(test_no_data_breakpoint_at_0),
      TEST(test_data_breakpoint_of_mov_ss),
      TEST(test_general_detect),
      TEST(test_sti_shadow),
      TEST(test_sti_when_enabled),
      TEST(test_nmi_blocking),
      TEST(test_priorities),
      TEST(test_hlt),
      TEST(test_machine_check),
      TEST(test_reset_state),
      TEST(test_tsc_of_resets),
      TEST(test_init_and_startup),
      TEST(test_startup_behind_init),
      TEST(test_smm_64),
      TEST(test_smm_32),
      TEST(test_smm_suspends_tracing),
      TEST(test_smbase_relocation_and_halt),
      TEST(test_rsm_outside_smm),
      TEST(test_shadow_stack_same_level),
      TEST(test_shadow_stack_tampered),
      TEST(test_shadow_stack_inner),
      TEST(test_task_shadow_nested),
      TEST(test_task_shadow_tampered),
      TEST(test_task_shadow_token),
      TEST(test_task_shadow_limit),
      TEST(test_task_shadow_misaligned_iret),
      TEST(test_task_shadow_jmp),
      TEST(test_task_shadow_user),
      TEST(test_task_shadow_v86),
#undef TEST
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
