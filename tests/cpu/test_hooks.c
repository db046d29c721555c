/* Hooks by address range, breakpoints, stops, CPUID and MSR callbacks, the host's floating-point control. */
#include "tests/cpu/face_machine.h"

#include <fenv.h>
#include <threads.h>

/* mov cx,1000; L: add ax,cx; dec cx; jnz L; hlt */
static const uint8_t sum[] = {0xb9, 0xe8, 0x03, 0x01, 0xc8, 0x49, 0x75, 0xfb, 0xf4};

struct calls {
  unsigned count, stop_at; /* at which call to stop; 0: never */
  struct vmxsim_hook_access last;
  vmxsim_machine *machine;
  vmxsim_hook_id id; /* to be removed in the call */
};

static enum vmxsim_hook_answer note(void *context, const struct vmxsim_hook_access *access) {
  struct calls *calls = context;
  calls->last = *access;
  if (calls->id) assert_int_equal(vmxsim_machine_remove_hook(calls->machine, calls->id), VMXSIM_OK);
  return ++calls->count == calls->stop_at ? VMXSIM_HOOK_STOP : VMXSIM_HOOK_CONTINUE;
}

static vmxsim_hook_id hook(vmxsim_machine *machine, unsigned kinds, uint64_t first, uint64_t last,
                           struct calls *calls) {
  const struct vmxsim_hook_range range = {.kinds = kinds, .first = first, .last = last};
  vmxsim_hook_id id = 0;
  assert_int_equal(vmxsim_machine_add_hook(machine, &range, note, calls, &id), VMXSIM_OK);
  assert_int_not_equal(id, 0);
  return id;
}

/* --- execution ---------------------------------------------------------------------------------------------------- */

static void an_execution_hook_sees_every_time(void **test) {
  (void)test;
  vmxsim_machine *plain = MACHINE_RUNNING(sum), *machine = MACHINE_RUNNING(sum);
  struct calls calls = {0};
  const struct vmxsim_run_result without = run(plain);
  const vmxsim_hook_id id = hook(machine, VMXSIM_HOOK_EXECUTE, CODE + 5, CODE + 5, &calls);
  const struct vmxsim_run_result with = run(machine);
  assert_int_equal(calls.count, 1000);
  assert_int_equal(calls.last.linear, CODE + 5);
  assert_int_equal(calls.last.physical, CODE + 5);
  assert_int_equal(with.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(with.cycles, without.cycles);
  assert_int_equal(with.instructions, without.instructions);
  assert_int_equal(gpr(machine, VMXSIM_RAX), gpr(plain, VMXSIM_RAX));
  assert_int_equal(vmxsim_machine_remove_hook(machine, id), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_remove_hook(machine, id), VMXSIM_ERROR_ARGUMENT);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  run(machine);
  assert_int_equal(calls.count, 1000);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(plain);
}

static void an_execution_hook_stops_before_its_instruction(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  struct calls calls = {.stop_at = 3};
  const vmxsim_hook_id id = hook(machine, VMXSIM_HOOK_EXECUTE, CODE + 3, CODE + 4, &calls);
  struct vmxsim_run_result result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_HOOK);
  assert_int_equal(result.hook, id);
  assert_int_equal(result.rip, CODE + 3);
  assert_int_equal(result.address, CODE + 3);
  assert_int_equal(result.instructions, 1 + 2 * 3);
  assert_int_equal(gpr(machine, VMXSIM_RAX), 1000 + 999);
  result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(calls.count, 1000);
  vmxsim_machine_destroy(machine);
}

static enum vmxsim_hook_answer go_elsewhere(void *context, const struct vmxsim_hook_access *access) {
  struct vmxsim_state state;
  (void)context;
  vmxsim_vcpu_get_state(access->vcpu, &state);
  state.rip = CODE + 8;
  state.gpr[VMXSIM_RBX] = 77;
  assert_int_equal(vmxsim_vcpu_set_state(access->vcpu, &state), VMXSIM_OK);
  return VMXSIM_HOOK_CONTINUE;
}

static void an_execution_hook_may_go_elsewhere(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  const struct vmxsim_hook_range range = {.kinds = VMXSIM_HOOK_EXECUTE, .first = CODE + 3, .last = CODE + 3};
  vmxsim_hook_id id;
  assert_int_equal(vmxsim_machine_add_hook(machine, &range, go_elsewhere, NULL, &id), VMXSIM_OK);
  const struct vmxsim_run_result result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(result.instructions, 2);
  assert_int_equal(gpr(machine, VMXSIM_RBX), 77);
  vmxsim_machine_destroy(machine);
}

static void linear_and_physical_hooks_differ_where_paging_does(void **test) {
  (void)test;
  /* In 64-bit mode 0-2 MiB is mapped at 0 and at 40000000H. hlt at CODE. */
  static const uint8_t code[] = {0x90, 0xf4};
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  const uint64_t pml4 = 0x11000 | 3, low = 0x12000 | 3, page = 0x83;
  assert_int_equal(vmxsim_machine_write(machine, 0x10000, &pml4, 8), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_write(machine, 0x11000, &low, 8), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_write(machine, 0x11008, &low, 8), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_write(machine, 0x12000, &page, 8), VMXSIM_OK);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vcpu, &state);
  state.cr0 = 0x80000011;
  state.cr3 = 0x10000;
  state.cr4 = 0x20;
  state.efer = 0x500;
  state.segment[VMXSIM_CS] = (struct vmxsim_segment){8, UINT32_MAX, 0xa09b, 0};
  struct calls at_low = {0}, at_high = {0}, physical = {0};
  hook(machine, VMXSIM_HOOK_EXECUTE, CODE, CODE, &at_low);
  hook(machine, VMXSIM_HOOK_EXECUTE, 0x40000000 + CODE, 0x40000000 + CODE, &at_high);
  const struct vmxsim_hook_range range = {
      .kinds = VMXSIM_HOOK_EXECUTE, .is_physical = true, .first = CODE, .last = CODE};
  vmxsim_hook_id id;
  assert_int_equal(vmxsim_machine_add_hook(machine, &range, note, &physical, &id), VMXSIM_OK);
  static const uint64_t rips[] = {CODE, 0x40000000 + CODE, 0x40000000 + CODE};
  for (unsigned i = 0; i < 3; i++) {
    state.rip = rips[i];
    state.activity = VMXSIM_ACTIVE;
    assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
    run(machine);
  }
  assert_int_equal(at_low.count, 1);
  assert_int_equal(at_high.count, 2);
  assert_int_equal(physical.count, 3);
  assert_int_equal(physical.last.linear, 0x40000000 + CODE);
  assert_int_equal(physical.last.physical, CODE);
  vmxsim_machine_destroy(machine);
}

static void a_step_calls_hooks_and_executes(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  struct calls calls = {0};
  struct vmxsim_run_result result;
  hook(machine, VMXSIM_HOOK_EXECUTE, CODE, CODE + 8, &calls);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, CODE, true), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_step(vmxsim_machine_vcpu(machine, 0), &result), VMXSIM_OK);
  assert_int_equal(result.reason, VMXSIM_STOP_STEP);
  assert_int_equal(result.rip, CODE + 3);
  assert_int_equal(calls.count, 1);
  vmxsim_machine_destroy(machine);
}

/* --- breakpoints -------------------------------------------------------------------------------------------------- */

static void breakpoints_stop_and_go_on(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, CODE + 6, true), VMXSIM_OK);
  for (unsigned i = 1; i <= 3; i++) {
    const struct vmxsim_run_result result = run(machine);
    assert_int_equal(result.reason, VMXSIM_STOP_BREAKPOINT);
    assert_int_equal(result.rip, CODE + 6);
    assert_int_equal(gpr(machine, VMXSIM_RCX), 1000 - i);
  }
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, CODE + 6, false), VMXSIM_OK);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  for (unsigned i = 0; i < 64; i++)
    assert_int_equal(vmxsim_machine_set_breakpoint(machine, 0x2000 + i, true), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, 0x3000, true), VMXSIM_ERROR_LIMIT);
  vmxsim_machine_destroy(machine);
}

/* --- data --------------------------------------------------------------------------------------------------------- */

/* mov ax,[5010]; mov [5012],ax; add [5014],ax; mov [5020],ax; hlt */
static const uint8_t accesses[] = {0xa1, 0x10, 0x50, 0xa3, 0x12, 0x50, 0x01, 0x06, 0x14, 0x50, 0xa3, 0x20, 0x50, 0xf4};

static void data_hooks_see_their_range(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(accesses), *plain = MACHINE_RUNNING(accesses);
  struct calls reads = {0}, writes = {0};
  hook(machine, VMXSIM_HOOK_READ, 0x5010, 0x5017, &reads);
  hook(machine, VMXSIM_HOOK_WRITE, 0x5010, 0x5017, &writes);
  const struct vmxsim_run_result with = run(machine), without = run(plain);
  assert_int_equal(reads.count, 1);
  assert_int_equal(writes.count, 2);
  assert_int_equal(writes.last.linear, 0x5014);
  assert_int_equal(writes.last.bytes, 2);
  assert_int_equal(writes.last.kind, VMXSIM_HOOK_WRITE);
  assert_int_equal(with.cycles, without.cycles);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(plain);
}

static void a_data_hook_stops_behind_its_instruction(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(accesses);
  struct calls calls = {.stop_at = 1};
  hook(machine, VMXSIM_HOOK_WRITE, 0x5012, 0x5013, &calls);
  const struct vmxsim_run_result result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_HOOK);
  assert_int_equal(result.rip, CODE + 6);
  assert_int_equal(result.address, 0x5012);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  vmxsim_machine_destroy(machine);
}

static void a_hook_may_remove_itself(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  struct calls calls = {.machine = machine};
  calls.id = hook(machine, VMXSIM_HOOK_EXECUTE, CODE + 3, CODE + 3, &calls);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  assert_int_equal(calls.count, 1);
  vmxsim_machine_destroy(machine);
}

static void wrong_hooks_are_refused(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(sum);
  const struct vmxsim_hook_range none = {.first = 0, .last = 1}, backwards = {.kinds = 1, .first = 2, .last = 1};
  vmxsim_hook_id id;
  struct calls calls = {0};
  assert_int_equal(vmxsim_machine_add_hook(machine, &none, note, NULL, &id), VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(vmxsim_machine_add_hook(machine, &backwards, note, NULL, &id), VMXSIM_ERROR_ARGUMENT);
  assert_string_not_equal(vmxsim_machine_error(machine), "");
  for (unsigned i = 0; i < 64; i++) hook(machine, VMXSIM_HOOK_READ, 0, 10, &calls);
  const struct vmxsim_hook_range one = {.kinds = VMXSIM_HOOK_READ};
  assert_int_equal(vmxsim_machine_add_hook(machine, &one, note, NULL, &id), VMXSIM_ERROR_LIMIT);
  vmxsim_machine_destroy(machine);
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

static void stop_in_callback(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port, (void)size, (void)value;
  vmxsim_machine_stop(context);
}

static void a_device_stops_behind_its_instruction(void **test) {
  (void)test;
  /* out 10h,al; inc ax; hlt */
  static const uint8_t code[] = {0xe6, 0x10, 0x40, 0xf4};
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  assert_int_equal(vmxsim_machine_map_ports(machine, 0x10, 0x10, NULL, stop_in_callback, machine), VMXSIM_OK);
  struct vmxsim_run_result result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_REQUEST);
  assert_int_equal(result.rip, CODE + 2);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  vmxsim_machine_stop(machine);
  result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_REQUEST);
  assert_int_equal(result.instructions, 0);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  vmxsim_machine_destroy(machine);
}

static int stop_later(void *machine) {
  thrd_sleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  vmxsim_machine_stop(machine);
  return 0;
}

static void another_thread_stops_it(void **test) {
  (void)test;
  static const uint8_t forever[] = {0x40, 0xeb, 0xfd}; /* L: inc ax; jmp L */
  vmxsim_machine *machine = MACHINE_RUNNING(forever);
  struct vmxsim_run_result result;
  thrd_t thread;
  assert_int_equal(thrd_create(&thread, stop_later, machine), thrd_success);
  assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_OK);
  assert_int_equal(result.reason, VMXSIM_STOP_REQUEST);
  thrd_join(thread, NULL);
  vmxsim_machine_destroy(machine);
}

static void run_again(void *context, uint16_t port, unsigned size, uint32_t value) {
  struct vmxsim_run_result result;
  struct vmxsim_state state;
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(context, 0);
  (void)port, (void)size, (void)value;
  assert_int_equal(vmxsim_machine_run(context, 0, &result), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_vcpu_step(vcpu, &result), VMXSIM_ERROR_BUSY);
  vmxsim_vcpu_get_state(vcpu, &state);
  assert_int_equal(state.rip, CODE + 1);
  assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_ERROR_BUSY);
}

static void a_device_cannot_run_the_machine(void **test) {
  (void)test;
  static const uint8_t code[] = {0x90, 0xe6, 0x10, 0xf4};
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  assert_int_equal(vmxsim_machine_map_ports(machine, 0x10, 0x10, NULL, run_again, machine), VMXSIM_OK);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  vmxsim_machine_destroy(machine);
}

/* --- CPUID, MSRs -------------------------------------------------------------------------------------------------- */

static void answer_cpuid(void *context, vmxsim_vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
  (void)context, (void)vcpu, (void)subleaf;
  if (leaf == 0) registers[1] = 0x11223344;
}

static enum vmxsim_msr_answer answer_msr(void *context, vmxsim_vcpu *vcpu, uint32_t msr, bool write, uint64_t *value) {
  (void)vcpu;
  if (msr != 0x12345) return VMXSIM_MSR_MODEL;
  if (write)
    *(uint64_t *)context = *value;
  else
    *value = 0x5566;
  return VMXSIM_MSR_DONE;
}

static void the_embedder_answers_cpuid_and_msrs(void **test) {
  (void)test;
  /* xor eax,eax; cpuid; mov ecx,12345h; rdmsr; wrmsr; hlt */
  static const uint8_t code[] = {0x66, 0x31, 0xc0, 0x0f, 0xa2, 0x66, 0xb9, 0x45,
                                 0x23, 0x01, 0x00, 0x0f, 0x32, 0x0f, 0x30, 0xf4};
  for (unsigned scope = VMXSIM_MSR_REFUSED; scope <= VMXSIM_MSR_ALL; scope++) {
    vmxsim_machine *machine = MACHINE_RUNNING(code);
    uint64_t written = 0;
    assert_int_equal(vmxsim_machine_on_cpuid(machine, answer_cpuid, NULL), VMXSIM_OK);
    assert_int_equal(vmxsim_machine_on_msr(machine, (enum vmxsim_msr_scope)scope, answer_msr, &written), VMXSIM_OK);
    assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
    assert_int_equal(gpr(machine, VMXSIM_RBX), 0x11223344);
    assert_int_equal(gpr(machine, VMXSIM_RAX), 0x5566);
    assert_int_equal(written & UINT32_MAX, 0x5566);
    vmxsim_machine_destroy(machine);
  }
}

/* --- instruction sets --------------------------------------------------------------------------------------------- */

static void switched_off_instructions_are_absent(void **test) {
  (void)test;
  /* popcnt ax,cx; the handler of #UD at 2000h: mov bx,1; hlt */
  static const uint8_t code[] = {0xf3, 0x0f, 0xb8, 0xc1, 0xf4}, handler[] = {0xbb, 0x01, 0x00, 0xf4};
  static const uint8_t vector[] = {0x00, 0x20, 0x00, 0x00};
  for (unsigned off = 0; off < 2; off++) {
    const struct vmxsim_machine_options options = {.size = sizeof options, .instruction_sets = off ? "-popcnt" : NULL};
    vmxsim_machine *machine = machine_with(&options);
    vmxsim_machine_write(machine, CODE, code, sizeof code);
    vmxsim_machine_write(machine, 0x2000, handler, sizeof handler);
    vmxsim_machine_write(machine, 6 * 4, vector, sizeof vector);
    start_at(vmxsim_machine_vcpu(machine, 0), CODE);
    run(machine);
    assert_int_equal(gpr(machine, VMXSIM_RBX), off);
    vmxsim_machine_destroy(machine);
  }
  const struct vmxsim_machine_options wrong = {.size = sizeof wrong, .instruction_sets = "-popcount"};
  vmxsim_machine *none;
  assert_int_equal(vmxsim_machine_create(&wrong, &none), VMXSIM_ERROR_UNKNOWN_NAME);
  assert_null(none);
  assert_string_equal(vmxsim_instruction_set_name(0), "sep");
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static void the_hosts_rounding_neither_counts_nor_changes(void **test) {
  (void)test;
  /* mov eax,600h; mov cr4,eax; cvtsi2ss xmm0,[5000]; hlt: the result depends on the rounding */
  static const uint8_t code[] = {0x66, 0xb8, 0x00, 0x06, 0x00, 0x00, 0x0f, 0x22,
                                 0xe0, 0xf3, 0x0f, 0x2a, 0x06, 0x00, 0x50, 0xf4};
  const uint32_t number = 0x7fffffff;
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  vmxsim_machine_write(machine, DATA, &number, sizeof number);
  assert_int_equal(fesetround(FE_TOWARDZERO), 0);
  run(machine);
  assert_int_equal(fegetround(), FE_TOWARDZERO);
  fesetround(FE_TONEAREST);
  uint8_t ymm[32];
  assert_int_equal(vmxsim_vcpu_get_register(vmxsim_machine_vcpu(machine, 0), VMXSIM_REGISTER_ymm0, ymm, 32), VMXSIM_OK);
  uint32_t low;
  memcpy(&low, ymm, 4);
  assert_int_equal(low, 0x4f000000);
  vmxsim_machine_destroy(machine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_execution_hook_sees_every_time),
      cmocka_unit_test(an_execution_hook_stops_before_its_instruction),
      cmocka_unit_test(an_execution_hook_may_go_elsewhere),
      cmocka_unit_test(linear_and_physical_hooks_differ_where_paging_does),
      cmocka_unit_test(a_step_calls_hooks_and_executes),
      cmocka_unit_test(breakpoints_stop_and_go_on),
      cmocka_unit_test(data_hooks_see_their_range),
      cmocka_unit_test(a_data_hook_stops_behind_its_instruction),
      cmocka_unit_test(a_hook_may_remove_itself),
      cmocka_unit_test(wrong_hooks_are_refused),
      cmocka_unit_test(a_device_stops_behind_its_instruction),
      cmocka_unit_test(another_thread_stops_it),
      cmocka_unit_test(a_device_cannot_run_the_machine),
      cmocka_unit_test(the_embedder_answers_cpuid_and_msrs),
      cmocka_unit_test(switched_off_instructions_are_absent),
      cmocka_unit_test(the_hosts_rounding_neither_counts_nor_changes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
