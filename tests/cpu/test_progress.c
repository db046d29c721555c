/* Runs that make no progress are found, and others are not: small loops, and what would end them. */
#include "tests/cpu/face_machine.h"

#include "vmxsim/platform.h"

/* The runs are looked at a thousand times as often as usual. */
enum { WINDOW = 100000, LONG_RUN = 3000000 };
static const uint8_t forever[] = {0xeb, 0xfe}; /* jmp $ */

static struct vmxsim_run_result run_long(vmxsim_machine *machine) {
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_run(machine, LONG_RUN, &result), VMXSIM_OK);
  return result;
}

static vmxsim_machine *create(unsigned vcpus) {
  const struct vmxsim_machine_options options = {.size = sizeof options, .vcpus = vcpus, .progress_cycles = WINDOW};
  return machine_with(&options);
}

static vmxsim_machine *begin(const void *code, size_t size) {
  vmxsim_machine *machine = create(1);
  assert_int_equal(vmxsim_machine_write(machine, CODE, code, size), VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  return machine;
}
#define BEGIN(code) begin(code, sizeof code)

static void assert_end(const void *code, size_t size, enum vmxsim_stop_reason reason) {
  vmxsim_machine *machine = begin(code, size);
  assert_int_equal(run_long(machine).reason, reason);
  vmxsim_machine_destroy(machine);
}
#define ENDS(code, reason) assert_end(code, sizeof(code) - 1, reason)
#define NO_PROGRESS(code) ENDS(code, VMXSIM_STOP_NO_PROGRESS)
#define GOES_ON(code) ENDS(code, VMXSIM_STOP_BUDGET)

static void an_endless_loop_is_found(void **test) {
  (void)test;
  vmxsim_machine *machine = BEGIN(forever);
  const struct vmxsim_run_result result = run_long(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_NO_PROGRESS);
  assert_int_equal(result.rip, CODE);
  assert_in_range(result.cycles, WINDOW, 2 * WINDOW);
  assert_int_equal(run_long(machine).reason, VMXSIM_STOP_NO_PROGRESS);
  vmxsim_machine_destroy(machine);
}

static void so_are_others_that_change_nothing(void **test) {
  (void)test;
  NO_PROGRESS("\xf3\x90\x80\x3e\x00\x50\x00\x74\xf7");             /* L: pause; cmp byte [5000h],0; je L */
  NO_PROGRESS("\xe8\x02\x00\xeb\xfb\x60\x61\xc3");                 /* L: call F; jmp L; F: pusha; popa; ret */
  NO_PROGRESS("\xb9\x64\x00\xe2\xfe\xeb\xf9");                     /* L: mov cx,100; loop $; jmp L */
  NO_PROGRESS("\xb0\x01\x86\x06\x00\x50\x84\xc0\x75\xf8\xeb\xf6"); /* a lock taken twice: xchg [5000h],al; test al,al */
  /* IVT: the handler of #UD at 2000h is an IRET to the UD2 */
  NO_PROGRESS("\xc7\x06\x18\x00\x00\x20\xc7\x06\x1a\x00\x00\x00\xc6\x06\x00\x20\xcf\x0f\x0b");
}

static void loops_that_change_something_are_not(void **test) {
  (void)test;
  GOES_ON("\xff\x06\x00\x50\x11\x06\x02\x50\xeb\xf6"); /* L: inc word [5000h]; adc [5002h],ax; jmp L */
  GOES_ON("\x66\x40\xeb\xfc");                         /* L: inc eax; jmp L */
}

static void nor_those_that_look_at_what_changes(void **test) {
  (void)test;
  GOES_ON("\x0f\x31\xeb\xfc");             /* L: rdtsc; jmp L */
  GOES_ON("\x0f\xc7\xf0\x31\xc0\xeb\xf9"); /* L: rdrand ax; xor ax,ax; jmp L */
  GOES_ON("\xe4\x61\xeb\xfc");             /* L: in al,61h; jmp L */
  GOES_ON("\x0f\xa2\xeb\xfc");             /* L: cpuid; jmp L */
}

static void ring(void *context) {
  vmxsim_vcpu_inject_nmi(context);
}

static void a_timer_of_the_embedder_may_do_anything(void **test) {
  (void)test;
  vmxsim_machine *machine = BEGIN(forever);
  vmxsim_vcpu *const vcpu = vmxsim_machine_vcpu(machine, 0);
  static const uint8_t handler[] = {0xf4}, vector[] = {0x00, 0x20, 0x00, 0x00};
  vmxsim_machine_write(machine, 0x2000, handler, sizeof handler);
  vmxsim_machine_write(machine, 2 * 4, vector, sizeof vector);
  assert_int_equal(vmxsim_machine_set_timer(machine, 4 * WINDOW, ring, vcpu), VMXSIM_OK);
  const struct vmxsim_run_result result = run_long(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(result.rip, 0x2001);
  vmxsim_machine_destroy(machine);
}

static void also_while_the_processor_waits(void **test) {
  (void)test;
  static const uint8_t halt[] = {0xfa, 0xf4}; /* cli; hlt */
  vmxsim_machine *machine = BEGIN(halt);
  static const uint8_t vector[] = {0x00, 0x20, 0x00, 0x00};
  vmxsim_machine_write(machine, 0x2000, halt, sizeof halt);
  vmxsim_machine_write(machine, 2 * 4, vector, sizeof vector);
  vmxsim_machine_set_timer(machine, WINDOW, ring, vmxsim_machine_vcpu(machine, 0));
  assert_int_equal(run_long(machine).rip, 0x2002);
  vmxsim_machine_destroy(machine);
}

static enum vmxsim_hook_answer nothing(void *context, const struct vmxsim_hook_access *access) {
  (void)context;
  (void)access;
  return VMXSIM_HOOK_CONTINUE;
}

static void hooks_that_are_not_called_do_nothing(void **test) {
  (void)test;
  static const struct vmxsim_hook_range elsewhere = {VMXSIM_HOOK_EXECUTE | VMXSIM_HOOK_WRITE, true, 0x6000, 0x6fff},
                                        flag = {VMXSIM_HOOK_READ, true, 0x5000, 0x5000};
  static const uint8_t reads[] = {0xa0, 0x00, 0x50, 0xeb, 0xfb}; /* L: mov al,[5000h]; jmp L */
  struct vmxsim_run_result result;
  vmxsim_machine *machine = BEGIN(reads);
  vmxsim_hook_id id;
  assert_int_equal(vmxsim_machine_add_hook(machine, &elsewhere, nothing, NULL, &id), VMXSIM_OK);
  assert_int_equal(run_long(machine).reason, VMXSIM_STOP_NO_PROGRESS);
  assert_int_equal(vmxsim_machine_add_hook(machine, &flag, nothing, NULL, &id), VMXSIM_OK);
  vmxsim_machine_run(machine, 4 * WINDOW, &result);
  assert_int_equal(result.reason, VMXSIM_STOP_BUDGET);
  vmxsim_machine_destroy(machine);
}

static void hooks_may_do_anything(void **test) {
  (void)test;
  vmxsim_machine *machine = BEGIN(forever);
  const struct vmxsim_hook_range range = {.first = CODE, .last = CODE, .kinds = VMXSIM_HOOK_EXECUTE};
  vmxsim_hook_id id;
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_add_hook(machine, &range, nothing, NULL, &id), VMXSIM_OK);
  vmxsim_machine_run(machine, 2 * WINDOW, &result);
  assert_int_equal(result.reason, VMXSIM_STOP_BUDGET);
  vmxsim_machine_remove_hook(machine, id);
  assert_int_equal(run_long(machine).reason, VMXSIM_STOP_NO_PROGRESS);
  vmxsim_machine_destroy(machine);
}

/* --- several processors --- */

/* L: cmp byte [5000h],0; je L; hlt */
static const uint8_t waits_for_flag[] = {0x80, 0x3e, 0x00, 0x50, 0x00, 0x74, 0xf9, 0xf4};

static enum vmxsim_stop_reason run_pair(const void *one, size_t size, const void *other, size_t other_size) {
  vmxsim_machine *machine = create(2);
  vmxsim_machine_write(machine, CODE, one, size);
  vmxsim_machine_write(machine, 0x2000, other, other_size);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  start_at(vmxsim_machine_vcpu(machine, 1), 0x2000);
  const enum vmxsim_stop_reason reason = run_long(machine).reason;
  vmxsim_machine_destroy(machine);
  return reason;
}
#define run_with(one, size, code) run_pair(one, size, code, sizeof(code) - 1)
#define RUN_TWO(code) run_with(waits_for_flag, sizeof waits_for_flag, code)

static void two_processors_may_wait_for_each_other(void **test) {
  (void)test;
  assert_int_equal(RUN_TWO("\x80\x3e\x01\x50\x00\x74\xf9"), VMXSIM_STOP_NO_PROGRESS); /* for [5001h] */
  assert_int_equal(RUN_TWO("\xf4"), VMXSIM_STOP_NO_PROGRESS);
  /* L: xor al,al; lock xadd [5001h],al; jmp L */
  assert_int_equal(RUN_TWO("\x30\xc0\xf0\x0f\xc0\x06\x01\x50\xeb\xf6"), VMXSIM_STOP_NO_PROGRESS);
}

/* mov ax,5000h; xor cx,cx; xor dx,dx; monitor; mwait; hlt */
#define WAITS_FOR_STORE "\xb8\x00\x50\x31\xc9\x31\xd2\x0f\x01\xc8\x31\xc0\x0f\x01\xc9\xf4"

static void one_may_wait_for_a_store(void **test) {
  (void)test;
  static const uint8_t stores[] = {0xc6, 0x06, 0x00, 0x51, 0x01, 0xeb, 0xf9};  /* L: mov byte [5100h],1; jmp L */
  static const uint8_t ends_it[] = {0xc6, 0x06, 0x20, 0x50, 0x00, 0xeb, 0xfe}; /* mov byte [5020h],0; jmp $ */
  assert_int_equal(run_with(forever, sizeof forever, WAITS_FOR_STORE), VMXSIM_STOP_NO_PROGRESS);
  assert_int_equal(run_with(stores, sizeof stores, WAITS_FOR_STORE), VMXSIM_STOP_NO_PROGRESS);
  assert_int_equal(run_with(ends_it, sizeof ends_it, WAITS_FOR_STORE), VMXSIM_STOP_NO_PROGRESS);
}

/* UMWAIT with a deadline: xor ecx,ecx; mov ax,5000h; umonitor ax; mov edx,10000000; xor eax,eax; umwait ecx; mov byte
 * [5000h],1; hlt. The other one waits for that. */
static void a_deadline_ends_a_wait(void **test) {
  (void)test;
  assert_int_equal(run_with(waits_for_flag, sizeof waits_for_flag,
                            "\xb8\x00\x50\xf3\x0f\xae\xf0\x66\x31\xd2\x66\xb8\x80\x84\x1e\x00\x66\x31\xc9"
                            "\xf2\x0f\xae\xf1\xc6\x06\x00\x50\x01\xf4"),
                   VMXSIM_STOP_IDLE);
}

static void one_that_works_ends_the_wait_of_another(void **test) {
  (void)test;
  /* mov ecx,1,000,000; L: dec ecx; jnz L; inc byte [5000h]; hlt */
  assert_int_equal(RUN_TWO("\x66\xb9\x40\x42\x0f\x00\x66\x49\x75\xfc\xfe\x06\x00\x50\xf4"), VMXSIM_STOP_IDLE);
  /* Set and reset all the time, which has to be looked at more than once. L: inc byte [5001h]; dec byte [5001h]; jmp L
   */
  assert_int_equal(RUN_TWO("\xfe\x06\x01\x50\xfe\x0e\x01\x50\xeb\xf6"), VMXSIM_STOP_BUDGET);
}

/* --- on a PC, whose interval timer ticks --- */

static enum vmxsim_stop_reason run_on_pc(const void *code, size_t size) {
  enum { TICK = 109850000 }; /* of the interval timer, in cycles */
  const struct vmxsim_machine_options options = {.size = sizeof options, .progress_cycles = WINDOW};
  vmxsim_machine *machine = NULL;
  vmxsim_pc *pc = NULL;
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_create(&options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_create(machine, NULL, &pc), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_load_flat(pc, code, size, CODE, VMXSIM_PC_MODE_32), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_run(machine, 2 * TICK, &result), VMXSIM_OK);
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
  return result.reason;
}
#define ON_PC(code) run_on_pc(code, sizeof(code) - 1)

static void interrupts_that_are_masked_do_not_count(void **test) {
  (void)test;
  assert_int_equal(ON_PC("\xb0\xfe\xe6\x21\xfa\xeb\xfe"), VMXSIM_STOP_NO_PROGRESS); /* OCW1: IRQ 0; cli; jmp $ */
  /* The APIC's timer: LVT, initial count, jmp $ */
  assert_int_equal(ON_PC("\xc7\x05\xf0\x00\xe0\xfe\xff\x01\x00\x00\xc7\x05\x20\x03\xe0\xfe\x40\x00\x02\x00"
                         "\xc7\x05\x80\x03\xe0\xfe\x00\x00\x00\x01\xeb\xfe"),
                   VMXSIM_STOP_NO_PROGRESS);
}

/* lidt [200000h]: none, so that whatever comes is a triple fault */
#define NO_IDT "\x0f\x01\x1d\x00\x00\x20\x00"

/* The I/O APIC's pin 2 in NMI mode; jmp $ */
static void those_that_come_as_an_nmi_do(void **test) {
  (void)test;
  assert_int_equal(
      ON_PC(NO_IDT "\xc7\x05\x00\x00\xc0\xfe\x14\x00\x00\x00\xc7\x05\x10\x00\xc0\xfe\x00\x04\x00\x00\xeb\xfe"),
      VMXSIM_STOP_SHUTDOWN);
}

static void and_so_do_those_that_are_enabled(void **test) {
  (void)test;
  assert_int_equal(ON_PC(NO_IDT "\xb0\xfe\xe6\x21\xfb\xeb\xfe"), VMXSIM_STOP_SHUTDOWN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_endless_loop_is_found),
      cmocka_unit_test(so_are_others_that_change_nothing),
      cmocka_unit_test(loops_that_change_something_are_not),
      cmocka_unit_test(nor_those_that_look_at_what_changes),
      cmocka_unit_test(a_timer_of_the_embedder_may_do_anything),
      cmocka_unit_test(also_while_the_processor_waits),
      cmocka_unit_test(hooks_that_are_not_called_do_nothing),
      cmocka_unit_test(hooks_may_do_anything),
      cmocka_unit_test(two_processors_may_wait_for_each_other),
      cmocka_unit_test(one_that_works_ends_the_wait_of_another),
      cmocka_unit_test(one_may_wait_for_a_store),
      cmocka_unit_test(a_deadline_ends_a_wait),
      cmocka_unit_test(interrupts_that_are_masked_do_not_count),
      cmocka_unit_test(those_that_come_as_an_nmi_do),
      cmocka_unit_test(and_so_do_those_that_are_enabled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
