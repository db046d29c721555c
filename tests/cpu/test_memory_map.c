/* Memory and registers by the public face: mapping, protecting, what is not mapped, linear addresses, registers by
 * number. */
#include "tests/cpu/face_machine.h"

#define UNMAPPED UINT64_C(0x200000)

/* mov ax,[5000]; inc word [5000]; hlt */
static const uint8_t increment[] = {0xa1, 0x00, 0x50, 0xff, 0x06, 0x00, 0x50, 0xf4};

static uint16_t word_at(vmxsim_machine *machine, uint64_t address) {
  uint16_t word = 0;
  assert_int_equal(vmxsim_machine_read(machine, address, &word, sizeof word), VMXSIM_OK);
  return word;
}

static void protection_can_change(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  uint64_t dirty;
  run(machine);
  assert_int_equal(word_at(machine, DATA), 1);
  assert_int_equal(vmxsim_machine_protect(machine, DATA, 0x1000, VMXSIM_ROM), VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  run(machine);
  assert_int_equal(word_at(machine, DATA), 1);
  assert_int_equal(vmxsim_machine_dirty_log(machine, DATA, 0x1000, &dirty, true), VMXSIM_OK);
  assert_int_equal(dirty, 1);
  assert_int_equal(vmxsim_machine_protect(machine, 0, RAM_BYTES, VMXSIM_RAM), VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  run(machine);
  assert_int_equal(word_at(machine, DATA), 2);
  assert_int_equal(vmxsim_machine_protect(machine, 0, UNMAPPED, VMXSIM_ROM), VMXSIM_ERROR_GUEST_MEMORY);
  assert_int_equal(vmxsim_machine_protect(machine, 1, 0x1000, VMXSIM_ROM), VMXSIM_ERROR_ARGUMENT);
  vmxsim_machine_destroy(machine);
}

static void what_is_not_mapped_is_reported(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  uint8_t bytes[16] = {0};
  assert_int_equal(vmxsim_machine_read(machine, UNMAPPED, bytes, 1), VMXSIM_ERROR_GUEST_MEMORY);
  assert_int_equal(vmxsim_machine_read(machine, RAM_BYTES - 8, bytes, 16), VMXSIM_ERROR_GUEST_MEMORY);
  assert_int_equal(vmxsim_machine_write(machine, RAM_BYTES - 8, bytes, 16), VMXSIM_ERROR_GUEST_MEMORY);
  assert_int_equal(vmxsim_machine_read(machine, RAM_BYTES - 16, bytes, 16), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_unmap(machine, DATA, 0x1000), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_write(machine, DATA - 1, bytes, 2), VMXSIM_ERROR_GUEST_MEMORY);
  vmxsim_machine_destroy(machine);
}

struct device {
  uint64_t address, value;
  unsigned reads, writes;
};

static uint64_t device_read(void *context, uint64_t address, unsigned size) {
  struct device *device = context;
  assert_int_equal(size, 2);
  device->reads++;
  device->address = address;
  return 0x1234;
}

static void device_write(void *context, uint64_t address, unsigned size, uint64_t value) {
  struct device *device = context;
  assert_int_equal(size, 2);
  device->writes++;
  device->address = address;
  device->value = value;
}

static void unmapped_accesses_as_chosen(void **test) {
  (void)test;
  struct device device = {0};
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  assert_int_equal(vmxsim_machine_unmap(machine, DATA, 0x1000), VMXSIM_OK);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  assert_int_equal(gpr(machine, VMXSIM_RAX), 0xffff);

  assert_int_equal(vmxsim_machine_set_unmapped(machine, VMXSIM_UNMAPPED_STOP, NULL, NULL, NULL), VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  const struct vmxsim_run_result result = run(machine);
  assert_int_equal(result.reason, VMXSIM_STOP_UNMAPPED);
  assert_int_equal(result.address, DATA);
  assert_int_equal(result.rip, CODE + 3);

  assert_int_equal(vmxsim_machine_set_unmapped(machine, VMXSIM_UNMAPPED_CALLBACK, NULL, NULL, NULL),
                   VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(vmxsim_machine_set_unmapped(machine, VMXSIM_UNMAPPED_CALLBACK, device_read, device_write, &device),
                   VMXSIM_OK);
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  assert_int_equal(gpr(machine, VMXSIM_RAX), 0x1234);
  assert_int_equal(device.reads, 2);
  assert_int_equal(device.writes, 1);
  assert_int_equal(device.address, DATA);
  assert_int_equal(device.value, 0x1235);
  vmxsim_machine_destroy(machine);
}

static void devices_answer(void **test) {
  (void)test;
  struct device device = {0};
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  assert_int_equal(vmxsim_machine_map_mmio(machine, DATA, 0x1000, NULL, device_write, &device), VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(vmxsim_machine_map_mmio(machine, DATA, 0x1000, device_read, device_write, &device), VMXSIM_OK);
  run(machine);
  assert_int_equal(device.reads, 2);
  assert_int_equal(device.address, 0);
  vmxsim_machine_destroy(machine);
}

/* --- linear addresses --------------------------------------------------------------------------------------------- */

static void put(vmxsim_machine *machine, uint64_t address, uint64_t value) {
  assert_int_equal(vmxsim_machine_write(machine, address, &value, sizeof value), VMXSIM_OK);
}

/* 4-level paging over tables from 10000H: linear 0 user and read-only at 5000H, 1000H absent, 2000H with a reserved
 * bit, 3000H execute-disabled, 4000H where nothing is mapped. */
static vmxsim_vcpu *enable_paging(vmxsim_machine *machine) {
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  struct vmxsim_state state;
  for (unsigned i = 0; i < 3; i++) put(machine, 0x10000 + 0x1000 * i, (0x11000 + 0x1000 * i) | 7);
  put(machine, 0x13000, DATA | 5);
  put(machine, 0x13008, 0);
  put(machine, 0x10008, 0x11000 | 0x83);
  put(machine, 0x13018, DATA | UINT64_C(1) << 63 | 3);
  put(machine, 0x13020, UNMAPPED | 3);
  vmxsim_vcpu_get_state(vcpu, &state);
  state.cr0 = 0x80010011;
  state.cr3 = 0x10000;
  state.cr4 = 0x20;
  state.efer = 0xd00;
  state.segment[VMXSIM_CS] = (struct vmxsim_segment){8, UINT32_MAX, 0xa09b, 0};
  assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
  return vcpu;
}

static void walks_say_why(void **test) {
  (void)test;
  static const struct {
    uint64_t linear;
    unsigned access, level;
    enum vmxsim_walk_end end;
    uint32_t error;
  } cases[] = {
      {0x10, 0, 1, VMXSIM_WALK_MAPPED, 0},
      {0x10, VMXSIM_WALK_WRITE, 1, VMXSIM_WALK_READ_ONLY, 3},
      {0x10, VMXSIM_WALK_USER, 1, VMXSIM_WALK_MAPPED, 0},
      {0x1000, VMXSIM_WALK_WRITE, 1, VMXSIM_WALK_NOT_PRESENT, 2},
      {UINT64_C(1) << 39, 0, 4, VMXSIM_WALK_RESERVED_BIT, 9},
      {0x3000, VMXSIM_WALK_EXECUTE, 1, VMXSIM_WALK_EXECUTE_DISABLED, 0x11},
      {0x3000, VMXSIM_WALK_USER, 1, VMXSIM_WALK_SUPERVISOR_PAGE, 5},
      {0x4000, 0, 1, VMXSIM_WALK_UNMAPPED, 0},
      {UINT64_C(2) << 39, 0, 4, VMXSIM_WALK_NOT_PRESENT, 0},
      {UINT64_C(1) << 47, 0, 0, VMXSIM_WALK_NOT_CANONICAL, 0},
  };
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = enable_paging(machine);
  for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct vmxsim_walk walk;
    const vmxsim_status status = vmxsim_vcpu_walk(vcpu, cases[i].linear, cases[i].access, &walk);
    assert_int_equal(walk.end, cases[i].end);
    assert_int_equal(walk.level, cases[i].level);
    assert_int_equal(status == VMXSIM_OK, walk.end == VMXSIM_WALK_MAPPED);
    if (walk.end != VMXSIM_WALK_NOT_CANONICAL) assert_int_equal(walk.error_code, cases[i].error);
    assert_string_not_equal(vmxsim_walk_end_text(walk.end), "unknown");
  }
  struct vmxsim_walk walk;
  vmxsim_vcpu_walk(vcpu, 0x123, 0, &walk);
  assert_int_equal(walk.physical, DATA + 0x123);
  assert_int_equal(walk.page_size, 0x1000);
  assert_int_equal(walk.entry_address, 0x13000);
  assert_int_equal(walk.entry, DATA | 5);
  vmxsim_machine_destroy(machine);
}

static void linear_memory_is_reached_or_not_at_all(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = enable_paging(machine);
  struct vmxsim_walk failure;
  uint64_t physical;
  uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8}, read[8] = {0};
  assert_int_equal(vmxsim_vcpu_write_linear(vcpu, 0x20, bytes, 8, NULL), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_read_linear(vcpu, 0x20, read, 8, NULL), VMXSIM_OK);
  assert_memory_equal(read, bytes, 8);
  assert_int_equal(vmxsim_vcpu_write_linear(vcpu, 0xffc, bytes, 8, &failure), VMXSIM_ERROR_GUEST_MEMORY);
  assert_int_equal(failure.linear, 0x1000);
  assert_int_equal(failure.end, VMXSIM_WALK_NOT_PRESENT);
  assert_int_equal(word_at(machine, DATA + 0xffc), 0);
  assert_int_equal(vmxsim_vcpu_translate(vcpu, 0x21, &physical), VMXSIM_OK);
  assert_int_equal(physical, DATA + 0x21);
  assert_int_equal(vmxsim_vcpu_translate(vcpu, 0x1000, &physical), VMXSIM_ERROR_GUEST_MEMORY);
  vmxsim_machine_destroy(machine);
}

/* --- registers ---------------------------------------------------------------------------------------------------- */

static void registers_go_by_number(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  for (unsigned i = 0; i < VMXSIM_REGISTERS; i++) {
    unsigned number;
    uint8_t bytes[32], again[32];
    const size_t size = vmxsim_register_size(i);
    assert_int_equal(vmxsim_register_find(vmxsim_register_name(i), &number), VMXSIM_OK);
    assert_int_equal(number, i);
    assert_in_range(size, 1, 32);
    assert_int_equal(vmxsim_vcpu_get_register(vcpu, i, bytes, size), VMXSIM_OK);
    assert_int_equal(vmxsim_vcpu_set_register(vcpu, i, bytes, size), VMXSIM_OK);
    assert_int_equal(vmxsim_vcpu_get_register(vcpu, i, again, size), VMXSIM_OK);
    assert_memory_equal(bytes, again, size);
    assert_int_equal(vmxsim_vcpu_get_register(vcpu, i, bytes, size + 1), VMXSIM_ERROR_ARGUMENT);
  }
  uint64_t value = UINT64_C(0x1122334455667788);
  unsigned number;
  assert_int_equal(vmxsim_register_find("R9", &number), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_set_register(vcpu, number, &value, 8), VMXSIM_OK);
  assert_int_equal(gpr(machine, VMXSIM_R9), value);
  assert_int_equal(vmxsim_register_find("r16", &number), VMXSIM_ERROR_UNKNOWN_NAME);
  assert_null(vmxsim_register_name(VMXSIM_REGISTERS));
  assert_int_equal(vmxsim_vcpu_get_register(vcpu, VMXSIM_REGISTERS, &value, 8), VMXSIM_ERROR_ARGUMENT);
  vmxsim_machine_destroy(machine);
}

static void set_by_name(vmxsim_vcpu *vcpu, const char *name, uint64_t value) {
  uint8_t bytes[32] = {0};
  unsigned number;
  memcpy(bytes, &value, sizeof value);
  assert_int_equal(vmxsim_register_find(name, &number), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_set_register(vcpu, number, bytes, vmxsim_register_size(number)), VMXSIM_OK);
}

static uint64_t get_by_name(vmxsim_vcpu *vcpu, const char *name) {
  uint8_t bytes[32] = {0};
  uint64_t value;
  unsigned number;
  assert_int_equal(vmxsim_register_find(name, &number), VMXSIM_OK);
  assert_int_equal(vmxsim_vcpu_get_register(vcpu, number, bytes, vmxsim_register_size(number)), VMXSIM_OK);
  memcpy(&value, bytes, sizeof value);
  return value;
}

static void parts_leave_the_rest_alone(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  set_by_name(vcpu, "rax", UINT64_C(0x1122334455667788));
  set_by_name(vcpu, "eax", 0xaabbccdd);
  set_by_name(vcpu, "ah", 0x99);
  set_by_name(vcpu, "AL", 0x11);
  assert_int_equal(get_by_name(vcpu, "rax"), UINT64_C(0x11223344aabb9911));
  assert_int_equal(get_by_name(vcpu, "ax"), 0x9911);
  set_by_name(vcpu, "r15", UINT64_MAX);
  set_by_name(vcpu, "r15w", 0);
  assert_int_equal(get_by_name(vcpu, "r15"), UINT64_C(0xffffffffffff0000));
  assert_int_equal(get_by_name(vcpu, "r15d"), 0xffff0000);
  assert_int_equal(get_by_name(vcpu, "sil"), get_by_name(vcpu, "rsi") & 0xff);
  assert_int_equal(get_by_name(vcpu, "eflags"), get_by_name(vcpu, "rflags"));
  vmxsim_machine_destroy(machine);
}

static void vector_registers_overlap(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  struct vmxsim_extended_state extended = {.size = sizeof extended};
  assert_int_equal(vmxsim_vcpu_get_extended_state(vcpu, &extended), VMXSIM_OK);
  extended.status = 5 << 11;
  extended.ymm[3][31] = 0x77;
  assert_int_equal(vmxsim_vcpu_set_extended_state(vcpu, &extended), VMXSIM_OK);
  set_by_name(vcpu, "mm6", 0x1234567);
  set_by_name(vcpu, "xmm3", 42);
  assert_int_equal(get_by_name(vcpu, "st1"), 0x1234567); /* TOP is 5 */
  assert_int_equal(get_by_name(vcpu, "ymm3"), 42);
  assert_int_equal(vmxsim_vcpu_get_extended_state(vcpu, &extended), VMXSIM_OK);
  assert_int_equal(extended.ymm[3][31], 0x77);
  vmxsim_machine_destroy(machine);
}

static void tpr_and_tsc_are_registers(void **test) {
  (void)test;
  /* mov ax,1; rdtsc; hlt */
  static const uint8_t code[] = {0xb8, 0x01, 0x00, 0x0f, 0x31, 0xf4};
  const uint64_t above = 16;
  vmxsim_machine *machine = MACHINE_RUNNING(code);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  set_by_name(vcpu, "cr8", 9);
  assert_int_equal(get_by_name(vcpu, "cr8"), 9);
  assert_int_equal(vmxsim_vcpu_set_register(vcpu, VMXSIM_REGISTER_cr8, &above, 8), VMXSIM_ERROR_ARGUMENT);
  set_by_name(vcpu, "tsc", UINT64_C(0x500000000));
  assert_int_equal(get_by_name(vcpu, "tsc"), UINT64_C(0x500000000));
  assert_int_equal(get_by_name(vcpu, "activity"), VMXSIM_ACTIVE);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  assert_int_equal(get_by_name(vcpu, "edx"), 5);
  assert_in_range(get_by_name(vcpu, "eax"), 1, 1000);
  assert_int_equal(get_by_name(vcpu, "activity"), VMXSIM_HLT);
  set_by_name(vcpu, "pdpte2", 0x3001);
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vcpu, &state);
  assert_int_equal(state.pdpte[2], 0x3001);
  vmxsim_machine_destroy(machine);
}

static void extended_state_goes_at_once(void **test) {
  (void)test;
  vmxsim_machine *machine = MACHINE_RUNNING(increment);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(machine, 0);
  struct vmxsim_extended_state a = {.size = sizeof a}, b = {.size = 1};
  assert_int_equal(vmxsim_vcpu_get_extended_state(vcpu, &b), VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(vmxsim_vcpu_get_extended_state(vcpu, &a), VMXSIM_OK);
  assert_int_equal(a.mxcsr, 0x1f80);
  for (unsigned i = 0; i < 8; i++) a.st[i][9] = (uint8_t)(i + 1);
  a.status = 5 << 11;
  a.ymm[15][31] = 0x99;
  assert_int_equal(vmxsim_vcpu_set_extended_state(vcpu, &a), VMXSIM_OK);
  b.size = sizeof b;
  assert_int_equal(vmxsim_vcpu_get_extended_state(vcpu, &b), VMXSIM_OK);
  assert_int_equal(b.st[7][9], 8);
  assert_int_equal(b.status, 5 << 11);
  assert_int_equal(b.ymm[15][31], 0x99);
  a.mxcsr = 0x10000;
  assert_int_equal(vmxsim_vcpu_set_extended_state(vcpu, &a), VMXSIM_ERROR_ARGUMENT);
  vmxsim_machine_destroy(machine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(protection_can_change),
      cmocka_unit_test(what_is_not_mapped_is_reported),
      cmocka_unit_test(unmapped_accesses_as_chosen),
      cmocka_unit_test(devices_answer),
      cmocka_unit_test(walks_say_why),
      cmocka_unit_test(linear_memory_is_reached_or_not_at_all),
      cmocka_unit_test(registers_go_by_number),
      cmocka_unit_test(parts_leave_the_rest_alone),
      cmocka_unit_test(vector_registers_overlap),
      cmocka_unit_test(tpr_and_tsc_are_registers),
      cmocka_unit_test(extended_state_goes_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
