/* What callbacks of a running machine may do, and what is refused there: VMXSIM_ERROR_BUSY, and nothing has changed. */
#include "tests/cpu/face_machine.h"

#include "vmxsim/determinism.h"
#include "vmxsim/events.h"
#include "vmxsim/hooks.h"
#include "vmxsim/memory.h"
#include "vmxsim/platform.h"
#include "vmxsim/snapshot.h"

enum { DEVICE = 0x200000, PORT = 0x10 };

struct world {
  vmxsim_machine *machine;
  vmxsim_snapshot *snapshot;
  unsigned calls;
};

static void snapshots_are_refused(const struct world *world) {
  vmxsim_machine *machine = world->machine;
  vmxsim_snapshot *snapshot;
  size_t size;
  const void *bytes = vmxsim_snapshot_bytes(world->snapshot, &size);
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_ERROR_BUSY);
  assert_null(snapshot);
  assert_int_equal(vmxsim_machine_reset_to(machine, world->snapshot), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_machine_restore(machine, bytes, size), VMXSIM_ERROR_BUSY);
  assert_int_not_equal(vmxsim_machine_error(machine)[0], 0);
}

static void running_is_refused(vmxsim_machine *machine) {
  struct vmxsim_run_result result;
  assert_int_equal(vmxsim_machine_run(machine, 0, &result), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_machine_step(machine, &result), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_vcpu_step(vmxsim_machine_vcpu(machine, 0), &result), VMXSIM_ERROR_BUSY);
}

static void try_everything(struct world *world) {
  vmxsim_machine *machine = world->machine;
  vmxsim_pc *pc;
  world->calls++;
  snapshots_are_refused(world);
  running_is_refused(machine);
  assert_int_equal(vmxsim_machine_hash_trace(machine, true), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_pc_create(machine, NULL, &pc), VMXSIM_ERROR_BUSY);
  assert_null(pc);
  vmxsim_machine_destroy(machine); /* does nothing */
  vmxsim_machine_drop_caches(machine);
  assert_int_equal(vmxsim_machine_map(machine, 0x300000, 0x1000, VMXSIM_RAM, NULL), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_unmap(machine, 0x300000, 0x1000), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, 0x123, true), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_set_breakpoint(machine, 0x123, false), VMXSIM_OK);
}

/* --- each kind of callback ---------------------------------------------------------------------------------------- */

static uint32_t read_port(void *context, uint16_t port, unsigned size) {
  (void)port, (void)size;
  try_everything(context);
  return 0x5a;
}

static void write_port(void *context, uint16_t port, unsigned size, uint32_t value) {
  (void)port, (void)size, (void)value;
  try_everything(context);
}

static uint64_t read_device(void *context, uint64_t address, unsigned size) {
  (void)address, (void)size;
  try_everything(context);
  return 0;
}

static void write_device(void *context, uint64_t address, unsigned size, uint64_t value) {
  (void)address, (void)size, (void)value;
  try_everything(context);
}

static enum vmxsim_hook_answer hook(void *context, const struct vmxsim_hook_access *access) {
  (void)access;
  try_everything(context);
  return VMXSIM_HOOK_CONTINUE;
}

static void event(void *context, const struct vmxsim_event *what) {
  (void)what;
  try_everything(context);
}

static void timer(void *context) {
  try_everything(context);
}

static void cpuid(void *context, vmxsim_vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]) {
  (void)vcpu, (void)leaf, (void)subleaf, (void)registers;
  try_everything(context);
}

/* in al,10h; out 10h,al; mov [5000h],al; mov es:[0],al; mov al,es:[0]; cpuid; hlt */
static const uint8_t code[] = {0xe4, 0x10, 0xe6, 0x10, 0xa2, 0x00, 0x50, 0x26, 0xa2,
                               0x00, 0x00, 0x26, 0xa0, 0x00, 0x00, 0x0f, 0xa2, 0xf4};

static void prepare(struct world *world) {
  struct vmxsim_state state;
  world->machine = MACHINE_RUNNING(code);
  vmxsim_vcpu *vcpu = vmxsim_machine_vcpu(world->machine, 0);
  vmxsim_vcpu_get_state(vcpu, &state);
  state.segment[VMXSIM_ES].base = DEVICE;
  assert_int_equal(vmxsim_vcpu_set_state(vcpu, &state), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map_mmio(world->machine, DEVICE, 0x1000, read_device, write_device, world),
                   VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map_ports(world->machine, PORT, PORT, read_port, write_port, world), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_snapshot(world->machine, &world->snapshot), VMXSIM_OK);
}

static void listen(struct world *world) {
  const struct vmxsim_hook_range ranges[] = {{.kinds = VMXSIM_HOOK_WRITE, .first = DATA, .last = DATA},
                                             {.kinds = VMXSIM_HOOK_EXECUTE, .first = CODE + 2, .last = CODE + 2}};
  vmxsim_hook_id id;
  for (unsigned i = 0; i < 2; i++)
    assert_int_equal(vmxsim_machine_add_hook(world->machine, &ranges[i], hook, world, &id), VMXSIM_OK);
  const uint64_t mask = VMXSIM_EVENT_BIT(VMXSIM_EVENT_instruction) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_port_write);
  assert_int_equal(vmxsim_machine_on_event(world->machine, mask, event, world), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_on_cpuid(world->machine, cpuid, world), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_set_timer(world->machine, 2, timer, world), VMXSIM_OK);
}

static void the_state_is_refused_to_callbacks(void **test) {
  (void)test;
  struct world world = {.calls = 0};
  prepare(&world);
  listen(&world);
  const struct vmxsim_run_result result = run(world.machine);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
  assert_int_equal(result.rip, CODE + sizeof code);
  assert_int_equal(world.calls,
                   4 /* port, device */ + 2 /* hooks */ + 7 + 1 /* events */ + 1 /* CPUID */ + 1 /* timer */);
  vmxsim_machine_destroy(world.machine);
  vmxsim_snapshot_free(world.snapshot);
}

/* --- an image ----------------------------------------------------------------------------------------------------- */

static void load_again(void *context, uint8_t byte) {
  static const uint8_t other[512] = {[510] = 0x55, [511] = 0xaa};
  vmxsim_pc *const pc = *(vmxsim_pc **)context;
  (void)byte;
  assert_int_equal(vmxsim_pc_load_disk(pc, other, sizeof other), VMXSIM_ERROR_BUSY);
  assert_int_equal(vmxsim_pc_load_flat(pc, other, sizeof other, 0x8000, VMXSIM_PC_MODE_16), VMXSIM_ERROR_BUSY);
  assert_int_not_equal(vmxsim_pc_error(pc)[0], 0);
}

static void images_are_loaded_between_runs(void **test) {
  (void)test;
  /* out 0e9h,al; hlt */
  static const uint8_t sector[512] = {0xe6, 0xe9, 0xfa, 0xf4, [510] = 0x55, [511] = 0xaa};
  vmxsim_pc *pc = NULL;
  vmxsim_machine *machine = NULL;
  const struct vmxsim_pc_options options = {
      .size = sizeof options, .memory = 2 << 20, .debug = load_again, .output_context = &pc};
  assert_int_equal(vmxsim_machine_create(NULL, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_create(machine, &options, &pc), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_load_disk(pc, sector, sizeof sector), VMXSIM_OK);
  assert_int_equal(run(machine).reason, VMXSIM_STOP_IDLE);
  assert_int_not_equal(vmxsim_pc_error(pc)[0], 0);
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
}

/* --- a device that goes away -------------------------------------------------------------------------------------- */

static uint64_t leave(void *context, uint64_t address, unsigned size) {
  struct world *const world = context;
  (void)size;
  world->calls++;
  assert_int_equal(vmxsim_machine_unmap(world->machine, DEVICE, 0x1000), VMXSIM_OK);
  return address + 1;
}

static void stay(void *context, uint64_t address, unsigned size, uint64_t value) {
  (void)context, (void)address, (void)size, (void)value;
}

/* All of an access is the device's that it began with. */
static void a_device_may_unmap_itself(void **test) {
  (void)test;
  uint8_t bytes[16];
  struct world world = {.machine = machine_with(NULL)};
  assert_int_equal(vmxsim_machine_map_mmio(world.machine, DEVICE, 0x1000, leave, stay, &world), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_read(world.machine, DEVICE, bytes, sizeof bytes), VMXSIM_OK);
  assert_int_equal(world.calls, 2);
  assert_int_equal(bytes[8], 9);
  assert_int_equal(vmxsim_machine_read(world.machine, DEVICE, bytes, sizeof bytes), VMXSIM_ERROR_GUEST_MEMORY);
  vmxsim_machine_destroy(world.machine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_state_is_refused_to_callbacks),
      cmocka_unit_test(images_are_loaded_between_runs),
      cmocka_unit_test(a_device_may_unmap_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
