/* A machine by its public face: code in real mode and in 64-bit mode, ports, stops, determinism. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/machine.h"

enum { RAM_BYTES = 1 << 20, CODE = 0x1000 };

static vmxsim_machine *create(unsigned vcpus) {
  vmxsim_machine *machine = NULL;
  const struct vmxsim_machine_options options = {.size = sizeof options, .vcpus = vcpus};
  assert_int_equal(vmxsim_machine_create(&options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(machine, 0, RAM_BYTES, VMXSIM_RAM, NULL), VMXSIM_OK);
  return machine;
}

static vmxsim_vcpu *load(vmxsim_machine *machine, const uint8_t *code, size_t size) {
  struct vmxsim_state state;
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  assert_int_equal(vmxsim_machine_write(machine, CODE, code, size), VMXSIM_OK);
  vmxsim_vcpu_get_state(vcpu, &state);
  state.segment[VMXSIM_CS].selector = 0;
  state.segment[VMXSIM_CS].base = 0;
  state.rip = CODE;
  state.gpr[VMXSIM_RSP] = 0x8000;
  assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
  return vcpu;
}

/* mov cx,1000; L: add ax,cx; dec cx; jnz L; hlt */
static const uint8_t sum[] = {0xb9, 0xe8, 0x03, 0x01, 0xc8, 0x49, 0x75, 0xfb, 0xf4};

static void a_loop_runs_to_its_halt(void **test) {
  (void)test;
  vmxsim_machine *machine = create(1);
  vmxsim_vcpu *vcpu = load(machine, sum, sizeof sum);
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_OK);
  vmxsim_vcpu_get_state(vcpu, &state);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(state.gpr[VMXSIM_RAX] & 0xffff, 1000 * 1001 / 2 & 0xffff);
  assert_int_equal(state.activity, VMXSIM_HLT);
  assert_int_equal(result.instructions, 1 + 3 * 1000 + 1);
  vmxsim_machine_destroy(machine);
}

/* A run until the machine is at rest, and as many steps as that had instructions. */
static void assert_same_in_steps(const uint8_t *code, size_t size, uint64_t instructions) {
  vmxsim_machine *machine = create(1), *stepped = create(1);
  vmxsim_vcpu *whole = load(machine, code, size), *vcpu = load(stepped, code, size);
  struct vmxsim_run_result result;
  struct vmxsim_state a, b;
  vmxsim_machine_run(machine, 0, &result);
  assert_int_equal(result.instructions, instructions);
  for (uint64_t i = 0; i < result.instructions; i++) {
    struct vmxsim_run_result step;
    assert_int_equal(vmxsim_vcpu_step(vcpu, &step), VMXSIM_OK);
    assert_int_equal(step.instructions, 1);
  }
  vmxsim_vcpu_get_state(whole, &a);
  vmxsim_vcpu_get_state(vcpu, &b);
  assert_memory_equal(a.gpr, b.gpr, sizeof a.gpr);
  assert_int_equal(a.rip, b.rip);
  assert_int_equal(a.rflags, b.rflags);
  assert_int_equal(a.activity, b.activity);
  assert_int_equal(vmxsim_vcpu_cycles(whole), vmxsim_vcpu_cycles(vcpu));
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(stepped);
}

static void single_steps_are_the_same_run(void **test) {
  (void)test;
  assert_same_in_steps(sum, sizeof sum, 1 + 3 * 1000 + 1);
}

/* MOV and arithmetic behind it, whose flags nobody sees, are done together in a block, and one by one in steps. */
static void neither_do_neighbours_matter(void **test) {
  (void)test;
  enum { BEGINNING = 12, OP = 3, KINDS = 17, PAIR = 3 + 4, END = 4 };
  static const uint8_t beginning[BEGINNING] = {0x66, 0xb8, 0x78, 0x56, 0x34, 0x92,  /* mov eax,92345678h */
                                               0x66, 0xb9, 0x03, 0x11, 0x22, 0x33}; /* mov ecx,33221103h */
  /* add, or, and, sub, xor with ecx and with 11h; rol, ror, shl, shr, sar by 5; add, or with itself; all of ebx */
  static const uint8_t ops[KINDS][OP] = {{0x01, 0xcb},       {0x09, 0xcb},       {0x21, 0xcb},       {0x29, 0xcb},
                                         {0x31, 0xcb},       {0x83, 0xc3, 0x11}, {0x83, 0xcb, 0x11}, {0x83, 0xe3, 0x11},
                                         {0x83, 0xeb, 0x11}, {0x83, 0xf3, 0x11}, {0xc1, 0xc3, 0x05}, {0xc1, 0xcb, 0x05},
                                         {0xc1, 0xe3, 0x05}, {0xc1, 0xeb, 0x05}, {0xc1, 0xfb, 0x05}, {0x01, 0xdb},
                                         {0x09, 0xdb}};
  for (unsigned i = 0; i < KINDS; i++) {
    for (unsigned own = 0; own < 2; own++) {
      uint8_t code[BEGINNING + PAIR + END], *next = code + BEGINNING;
      memcpy(code, beginning, BEGINNING);
      *next++ = 0x66, *next++ = 0x89, *next++ = own ? 0xdb : 0xc3; /* mov ebx,eax, or ebx to itself */
      *next++ = 0x66;
      memcpy(next, ops[i], OP);
      next += ops[i][2] ? OP : OP - 1;
      *next++ = 0x85, *next++ = 0xc0, *next++ = 0xf4; /* test ax,ax; hlt */
      assert_same_in_steps(code, (size_t)(next - code), 6);
    }
  }
}

static void a_budget_stops_it(void **test) {
  (void)test;
  static const uint8_t forever[] = {0xeb, 0xfe};
  vmxsim_machine *machine = create(1);
  struct vmxsim_run_result result;
  load(machine, forever, sizeof forever);
  vmxsim_machine_run(machine, 12345, &result);
  assert_int_equal(result.reason, VMXSIM_STOP_BUDGET);
  assert_int_equal(result.cycles, 12345);
  vmxsim_machine_destroy(machine);
}

/* #DB whose delivery, or whose handler's first instruction, hits a breakpoint again: no instruction is ever executed.
 */
static void so_it_does_where_only_events_follow_each_other(void **test) {
  (void)test;
  static const uint8_t reads_ivt[] = {0xa1, 0x04, 0x00}; /* mov ax,[4] */
  enum { HANDLER = 0x2000, IVT_READ = 0xf0001, BOTH_EXECUTED = 5 };
  static const struct { uint64_t dr0, dr7, executed; } cases[] = {{4, IVT_READ, 1}, {HANDLER, BOTH_EXECUTED, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    static const uint32_t handler = HANDLER;
    vmxsim_machine *machine = create(1);
    vmxsim_vcpu *vcpu = load(machine, reads_ivt, sizeof reads_ivt);
    struct vmxsim_run_result result;
    struct vmxsim_state state;
    assert_int_equal(vmxsim_machine_write(machine, 4, &handler, sizeof handler), VMXSIM_OK);
    vmxsim_vcpu_get_state(vcpu, &state);
    state.dr[0] = cases[i].dr0;
    state.dr[1] = CODE;
    state.dr7 |= cases[i].dr7;
    assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
    assert_int_equal(vmxsim_machine_run(machine, 1000, &result), VMXSIM_OK);
    assert_int_equal(result.reason, VMXSIM_STOP_BUDGET);
    assert_int_equal(result.instructions, cases[i].executed);
    assert_in_range(result.cycles, 1000, 1001);
    vmxsim_machine_destroy(machine);
  }
}

/* Intel PT: the second range stops tracing; what lies before it is traced. */
static void tracing_stops_where_it_is_told_to(void **test) {
  (void)test;
  static const uint8_t code[] = {0x90, 0x90, 0x90, 0xf4}; /* nop; nop; nop; hlt */
  for (uint64_t at = CODE + 1; at <= CODE + sizeof code; at++) {
    vmxsim_machine *machine = create(1);
    vmxsim_vcpu *vcpu = load(machine, code, sizeof code);
    struct vmxsim_run_result result;
    struct vmxsim_state state;
    vmxsim_vcpu_get_state(vcpu, &state);
    state.rtit_ctl = UINT64_C(0x2000000045); /* ADDR1 stops; FabricEn, OS, TraceEn */
    state.rtit_addr[2] = state.rtit_addr[3] = at;
    assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
    for (uint64_t i = CODE; i <= CODE + 3; i++) {
      vmxsim_vcpu_get_state(vcpu, &state);
      assert_int_equal(state.rtit_status, i > at ? 0x20 : 0);
      vmxsim_machine_step(machine, &result);
    }
    assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_OK);
    vmxsim_vcpu_get_state(vcpu, &state);
    assert_int_equal(state.rtit_status, at < CODE + sizeof code ? 0x20 : 0);
    vmxsim_machine_destroy(machine);
  }
}

static void a_breakpoint_stops_before_its_instruction(void **test) {
  (void)test;
  vmxsim_machine *machine = create(1);
  struct vmxsim_run_result result;
  load(machine, sum, sizeof sum);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, CODE + 8, true), VMXSIM_OK);
  vmxsim_machine_run(machine, 0, &result);
  assert_int_equal(result.reason, VMXSIM_STOP_BREAKPOINT);
  assert_int_equal(result.rip, CODE + 8);
  vmxsim_machine_destroy(machine);
}

static uint8_t written[8];
static size_t writes;

static void take_byte(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)context;
  assert_int_equal(port, 0xe9);
  assert_int_equal(size, 1);
  if (writes < sizeof written) written[writes++] = (uint8_t)value;
}

static void ports_reach_the_embedder(void **test) {
  (void)test;
  /* mov al,'o'; out 0e9h,al; mov al,'k'; out 0e9h,al; hlt */
  static const uint8_t code[] = {0xb0, 'o', 0xe6, 0xe9, 0xb0, 'k', 0xe6, 0xe9, 0xf4};
  vmxsim_machine *machine = create(1);
  struct vmxsim_run_result result;
  writes = 0;
  assert_int_equal(vmxsim_machine_map_ports(machine, 0xe9, 0xe9, NULL, take_byte, NULL), VMXSIM_OK);
  load(machine, code, sizeof code);
  vmxsim_machine_run(machine, 0, &result);
  assert_int_equal(writes, 2);
  assert_memory_equal(written, "ok", 2);
  vmxsim_machine_destroy(machine);
}

static void an_exception_goes_through_the_ivt(void **test) {
  (void)test;
  /* ud2 at CODE; the handler at 2000h: mov bx,1234h; hlt */
  static const uint8_t code[] = {0x0f, 0x0b}, handler[] = {0xbb, 0x34, 0x12, 0xf4};
  static const uint8_t vector[] = {0x00, 0x20, 0x00, 0x00};
  vmxsim_machine *machine = create(1);
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  vmxsim_vcpu *vcpu = load(machine, code, sizeof code);
  vmxsim_machine_write(machine, 0x2000, handler, sizeof handler);
  vmxsim_machine_write(machine, 6 * 4, vector, sizeof vector);
  vmxsim_machine_run(machine, 0, &result);
  vmxsim_vcpu_get_state(vcpu, &state);
  assert_int_equal(state.gpr[VMXSIM_RBX] & 0xffff, 0x1234);
  uint16_t pushed;
  vmxsim_machine_read(machine, 0x8000 - 6, &pushed, sizeof pushed);
  assert_int_equal(pushed, CODE);
  vmxsim_machine_destroy(machine);
}

/* Of IA32_DEBUGCTL WRMSR takes LBR, BTF, TR, BTS and BTINT (CPUID shows DS), and the uncore's bit, which CPUID does not
 * tell of; not what is of bus-lock detection, DS-CPL, performance counters, IA32_PERF_CAPABILITIES and RTM. */
static void debugctl_has_the_bits_that_cpuid_implies(void **test) {
  (void)test;
  enum { TAKEN = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 13 };
  static const uint8_t code[] = {0x0f, 0x30, 0xf4}; /* wrmsr; hlt */
  static const uint8_t vector[] = {0x00, 0x20, 0x00, 0x00}, halt = 0xf4;
  for (unsigned bit = 0; bit < 32; bit++) {
    vmxsim_machine *machine = create(1);
    vmxsim_vcpu *vcpu = load(machine, code, sizeof code);
    struct vmxsim_run_result result;
    struct vmxsim_state state;
    vmxsim_machine_write(machine, 0x2000, &halt, 1);
    vmxsim_machine_write(machine, 13 * 4, vector, sizeof vector);
    vmxsim_vcpu_get_state(vcpu, &state);
    state.gpr[VMXSIM_RCX] = 0x1d9;
    state.gpr[VMXSIM_RAX] = UINT64_C(1) << bit;
    state.gpr[VMXSIM_RDX] = 0;
    assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
    assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_OK);
    assert_int_equal(result.rip, TAKEN >> bit & 1 ? CODE + sizeof code : 0x2001);
    vmxsim_machine_destroy(machine);
  }
}

static void a_write_to_code_is_seen_at_once(void **test) {
  (void)test;
  /* mov byte [cs:L+1],77h; L: mov al,11h; hlt */
  static const uint8_t code[] = {0x2e, 0xc6, 0x06, 0x07, 0x10, 0x77, 0xb0, 0x11, 0xf4};
  vmxsim_machine *machine = create(1);
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  vmxsim_vcpu *vcpu = load(machine, code, sizeof code);
  vmxsim_machine_run(machine, 0, &result);
  vmxsim_vcpu_get_state(vcpu, &state);
  assert_int_equal(state.gpr[VMXSIM_RAX] & 0xff, 0x77);
  vmxsim_machine_destroy(machine);
}

static void wrong_arguments_are_refused(void **test) {
  (void)test;
  vmxsim_machine *machine = create(1);
  const struct vmxsim_machine_options wrong = {.size = 1};
  vmxsim_machine *none;
  assert_int_equal(vmxsim_machine_create(&wrong, &none), VMXSIM_ERROR_ARGUMENT);
  assert_null(none);
  assert_int_equal(vmxsim_machine_map(machine, 1, 4096, VMXSIM_RAM, NULL), VMXSIM_ERROR_ARGUMENT);
  assert_null(vmxsim_machine_vcpu(machine, 1));
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(NULL);
}

/* mov ax,2000h; xor cx,cx; xor dx,dx; monitor; mwait; mov byte [3000h],1; hlt */
static const uint8_t waiting[] = {0xb8, 0x00, 0x20, 0x31, 0xc9, 0x31, 0xd2, 0x0f, 0x01, 0xc8,
                                  0x0f, 0x01, 0xc9, 0xc6, 0x06, 0x00, 0x30, 0x01, 0xf4};
/* mov cx,5000; loop $; mov byte [2000h],0; hlt */
static const uint8_t storing[] = {0xb9, 0x88, 0x13, 0xe2, 0xfe, 0xc6, 0x06, 0x00, 0x20, 0x00, 0xf4};

static void a_store_of_the_same_value_ends_mwait(void **test) {
  (void)test;
  enum { OTHER_CODE = 0x4000 };
  vmxsim_machine *machine = create(2);
  vmxsim_vcpu *other = vmxsim_machine_vcpu(machine, 1);
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  uint8_t woken = 0;
  vmxsim_vcpu_get_state(load(machine, storing, sizeof storing), &state);
  state.rip = OTHER_CODE;
  assert_int_equal(vmxsim_machine_write(machine, OTHER_CODE, waiting, sizeof waiting), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_set_state(other, &state), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_run(machine, 100000, &result), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_read(machine, 0x3000, &woken, 1), VMXSIM_OK);
  assert_int_equal(woken, 1);
  assert_in_range(vmxsim_vcpu_cycles(other), 5000, 12000);
  vmxsim_machine_destroy(machine);
}

static void stop(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port, (void)size, (void)value;
  vmxsim_machine_stop(context);
}

/* Where the clock of a processor that waits stands when another has stopped the run. */
static uint64_t clock_of_a_waiting_one(uint64_t piece) {
  /* mov cx,1000; loop $; out 0f4h,al; hlt */
  static const uint8_t code[] = {0xb9, 0xe8, 0x03, 0xe2, 0xfe, 0xe6, 0xf4, 0xf4};
  vmxsim_machine *machine = create(2);
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_map_ports(machine, 0xf4, 0xf4, NULL, stop, machine), VMXSIM_OK);
  load(machine, code, sizeof code);
  do {
    assert_int_equal(vmxsim_machine_run(machine, piece, &result), VMXSIM_OK);
  } while (result.reason == VMXSIM_STOP_BUDGET);
  assert_int_equal(result.reason, VMXSIM_STOP_REQUEST);
  const uint64_t clock = vmxsim_vcpu_cycles(vmxsim_machine_vcpu(machine, 1));
  vmxsim_machine_destroy(machine);
  return clock;
}

static void how_a_run_is_cut_moves_no_clock(void **test) {
  (void)test;
  const uint64_t uncut = clock_of_a_waiting_one(0);
  assert_true(uncut > 1000);
  for (uint64_t piece = 7; piece < 2000; piece = 3 * piece) assert_int_equal(clock_of_a_waiting_one(piece), uncut);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(how_a_run_is_cut_moves_no_clock),
      cmocka_unit_test(a_store_of_the_same_value_ends_mwait),
      cmocka_unit_test(a_loop_runs_to_its_halt),
      cmocka_unit_test(single_steps_are_the_same_run),
      cmocka_unit_test(neither_do_neighbours_matter),
      cmocka_unit_test(a_budget_stops_it),
      cmocka_unit_test(so_it_does_where_only_events_follow_each_other),
      cmocka_unit_test(tracing_stops_where_it_is_told_to),
      cmocka_unit_test(a_breakpoint_stops_before_its_instruction),
      cmocka_unit_test(ports_reach_the_embedder),
      cmocka_unit_test(an_exception_goes_through_the_ivt),
      cmocka_unit_test(debugctl_has_the_bits_that_cpuid_implies),
      cmocka_unit_test(a_write_to_code_is_seen_at_once),
      cmocka_unit_test(wrong_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
