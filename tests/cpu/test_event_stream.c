/* The event stream: that events come, with the right contents, as text and JSON, and that listening changes nothing. */
#include "tests/cpu/face_machine.h"

struct heard {
  unsigned count[VMXSIM_EVENT_KINDS];
  struct vmxsim_event last[VMXSIM_EVENT_KINDS];
};

static void hear(void *context, const struct vmxsim_event *event) {
  struct heard *heard = context;
  char text[400];
  assert_int_equal(event->size, sizeof *event);
  assert_in_range(event->kind, 0, VMXSIM_EVENT_KINDS - 1);
  heard->count[event->kind]++;
  heard->last[event->kind] = *event;
  assert_in_range(vmxsim_event_text(event, text, sizeof text), 20, sizeof text - 1);
  assert_in_range(vmxsim_event_json(event, text, sizeof text), 20, sizeof text - 1);
  assert_int_equal(text[strlen(text) - 1], '}');
}

/* in al,40h; out 80h,al; ud2, whose handler at 2000h does mov eax,cr0; mov cr0,eax; mov ecx,10h; rdmsr; cli; hlt */
static const uint8_t code[] = {0xe4, 0x40, 0xe6, 0x80, 0x0f, 0x0b};
static const uint8_t handler[] = {0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0, 0x66, 0xb9,
                                  0x10, 0x00, 0x00, 0x00, 0x0f, 0x32, 0xfa, 0xf4};
static const uint8_t vector[] = {0x00, 0x20, 0x00, 0x00};

static vmxsim_machine *prepare(void) {
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  vmxsim_machine_write(machine, 0x2000, handler, sizeof handler);
  vmxsim_machine_write(machine, 6 * 4, vector, sizeof vector);
  return machine;
}

static void events_tell_what_happens(void **test) {
  (void)test;
  struct heard heard = {0};
  vmxsim_machine *machine = prepare(), *silent = prepare();
  assert_int_equal(vmxsim_machine_on_event(machine, VMXSIM_EVENT_ALL, hear, &heard), VMXSIM_OK);
  const struct vmxsim_run_result with = run(machine), without = run(silent);
  assert_int_equal(with.cycles, without.cycles);
  assert_int_equal(with.instructions, without.instructions);
  assert_int_equal(with.rip, without.rip);
  assert_int_equal(heard.count[VMXSIM_EVENT_instruction], with.instructions);
  assert_int_equal(heard.count[VMXSIM_EVENT_port_read], 1);
  assert_int_equal(heard.last[VMXSIM_EVENT_port_read].u.access.value, 0xff);
  assert_int_equal(heard.last[VMXSIM_EVENT_port_write].u.access.address, 0x80);
  assert_int_equal(heard.last[VMXSIM_EVENT_port_write].rip, CODE + 2);
  assert_int_equal(heard.last[VMXSIM_EVENT_exception].u.interrupt.vector, 6);
  assert_int_equal(heard.last[VMXSIM_EVENT_exception].rip, CODE + 4);
  assert_int_equal(heard.last[VMXSIM_EVENT_control_write].u.system_register.number, 0);
  assert_int_equal(heard.last[VMXSIM_EVENT_msr_read].u.system_register.number, 0x10);
  assert_int_equal(heard.count[VMXSIM_EVENT_halt], 1);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(silent);
}

static void cycles_do_not_depend_on_who_listens(void **test) {
  (void)test;
  struct heard all = {0}, some = {0};
  vmxsim_machine *a = prepare(), *b = prepare();
  const uint64_t mask = VMXSIM_EVENT_ALL & ~VMXSIM_EVENT_BIT(VMXSIM_EVENT_instruction);
  vmxsim_machine_on_event(a, VMXSIM_EVENT_ALL, hear, &all);
  vmxsim_machine_on_event(b, mask, hear, &some);
  run(a);
  run(b);
  for (unsigned i = 1; i < VMXSIM_EVENT_KINDS; i++) {
    assert_int_equal(all.count[i], some.count[i]);
    assert_int_equal(all.last[i].cycle, some.last[i].cycle);
    assert_int_equal(all.last[i].rip, some.last[i].rip);
  }
  vmxsim_machine_destroy(a);
  vmxsim_machine_destroy(b);
}

static void nobody_listens_any_more(void **test) {
  (void)test;
  struct heard heard = {0};
  vmxsim_machine *machine = prepare();
  assert_int_equal(vmxsim_machine_on_event(machine, UINT64_C(1) << 63, hear, &heard), VMXSIM_ERROR_ARGUMENT);
  vmxsim_machine_on_event(machine, VMXSIM_EVENT_ALL, hear, &heard);
  vmxsim_machine_on_event(machine, 0, NULL, NULL);
  run(machine);
  assert_int_equal(heard.count[VMXSIM_EVENT_instruction], 0);
  vmxsim_machine_destroy(machine);
}

static void lines_read_well(void **test) {
  (void)test;
  char text[200];
  struct vmxsim_event event = {.size = sizeof event, .kind = VMXSIM_EVENT_instruction, .cycle = 42, .rip = 0x7c00};
  event.u.instruction.bits = 16;
  event.u.instruction.length = 3;
  memcpy(event.u.instruction.bytes, "\xb8\x34\x12", 3);
  vmxsim_event_text(&event, text, sizeof text);
  assert_string_equal(text, " 0           42  0000:00007c00  b8 34 12                 mov ax, 0x1234");
  assert_int_equal(vmxsim_event_text(&event, text, 10),
                   strlen(" 0           42  0000:00007c00  b8 34 12                 mov ax, 0x1234"));
  assert_int_equal(strlen(text), 9);
  event.kind = VMXSIM_EVENT_exception;
  event.u.interrupt.vector = 14;
  event.u.interrupt.has_error_code = true;
  event.u.interrupt.error_code = 2;
  event.u.interrupt.address = 0x5000;
  vmxsim_event_json(&event, text, sizeof text);
  assert_string_equal(text, "{\"event\": \"exception\", \"cpu\": 0, \"cycle\": 42, \"cs\": 0, \"rip\": \"0x7c00\", "
                            "\"vector\": 14, \"error_code\": 2, \"address\": \"0x5000\"}");
  assert_int_equal(vmxsim_disassemble(64, 0x1000, (const uint8_t *)"\x06\xff\xff", 3, text, sizeof text), 0);
  assert_string_equal(vmxsim_event_name(VMXSIM_EVENT_nmi), "nmi");
  assert_string_equal(vmxsim_event_group(VMXSIM_EVENT_nmi), "interrupts");
  assert_null(vmxsim_event_name(VMXSIM_EVENT_KINDS));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_tell_what_happens),
      cmocka_unit_test(cycles_do_not_depend_on_who_listens),
      cmocka_unit_test(nobody_listens_any_more),
      cmocka_unit_test(lines_read_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
