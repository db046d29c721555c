/* Every allocation of a machine's life fails once: a status each time, nothing lost, nothing leaked. */
#include "tests/cpu/face_machine.h"

#include <stdlib.h>

#include "vmxsim/platform.h"
#include "vmxsim/snapshot.h"

struct account {
  long live;      /* pieces that are allocated */
  long countdown; /* the allocation that fails; 0: none any more */
  bool failed;
};

static void *counted(void *context, void *pointer, size_t size) {
  struct account *account = context;
  if (!size) {
    if (pointer) account->live--;
    free(pointer);
    return NULL;
  }
  if (account->countdown && --account->countdown == 0) {
    account->failed = true;
    return NULL;
  }
  void *const memory = realloc(pointer, size);
  assert_non_null(memory);
  if (!pointer) account->live++;
  return memory;
}

static enum vmxsim_hook_answer nothing(void *context, const struct vmxsim_hook_access *access) {
  (void)context, (void)access;
  return VMXSIM_HOOK_CONTINUE;
}

static uint64_t zero(void *context, uint64_t address, unsigned size) {
  (void)context, (void)address, (void)size;
  return 0;
}

static void ignore(void *context, uint64_t address, unsigned size, uint64_t value) {
  (void)context, (void)address, (void)size, (void)value;
}

/* mov al,[5000]; hlt */
static const uint8_t code[] = {0xa0, 0x00, 0x50, 0xf4};

static vmxsim_status live(vmxsim_machine *machine) {
  const struct vmxsim_hook_range range = {.kinds = 7, .first = DATA, .last = DATA};
  struct vmxsim_run_result result;
  vmxsim_hook_id id;
  vmxsim_status status = vmxsim_machine_map(machine, 0, RAM_BYTES, VMXSIM_RAM, NULL);
  if (!status) status = vmxsim_machine_map_mmio(machine, 0x200000, 0x1000, zero, ignore, NULL);
  for (unsigned i = 0; i < 8 && !status; i++) {
    status = vmxsim_machine_protect(machine, 0x20000 + 0x2000 * i, 0x1000, VMXSIM_ROM);
  }
  if (!status) status = vmxsim_machine_add_hook(machine, &range, nothing, NULL, &id);
  if (!status) status = vmxsim_machine_write(machine, CODE, code, sizeof code);
  if (status) return status;
  start_at(vmxsim_machine_vcpu(machine, 0), CODE);
  return vmxsim_machine_run(machine, 1000, &result);
}

static vmxsim_status whole_life(struct account *account) {
  const struct vmxsim_allocator allocator = {counted, account};
  const struct vmxsim_machine_options options = {.size = sizeof options, .vcpus = 2, .allocator = &allocator};
  vmxsim_machine *machine = NULL;
  vmxsim_status status = vmxsim_machine_create(&options, &machine);
  assert_int_equal(status == VMXSIM_OK, machine != NULL);
  if (!status) status = live(machine);
  vmxsim_machine_destroy(machine);
  return status;
}

static vmxsim_status life_of_a_pc(struct account *account) {
  const struct vmxsim_allocator allocator = {counted, account};
  const struct vmxsim_machine_options options = {.size = sizeof options, .allocator = &allocator};
  const struct vmxsim_pc_options pc_options = {.size = sizeof pc_options, .memory = 2 << 20};
  uint8_t sector[512] = {0xfa, 0xf4};
  vmxsim_machine *machine = NULL;
  vmxsim_pc *pc = NULL;
  sector[510] = 0x55, sector[511] = 0xaa;
  vmxsim_status status = vmxsim_machine_create(&options, &machine);
  if (!status) status = vmxsim_pc_create(machine, &pc_options, &pc);
  if (!status) status = vmxsim_pc_load_disk(pc, sector, sizeof sector);
  struct vmxsim_run_result result;
  if (!status) status = vmxsim_machine_run(machine, 100000, &result);
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
  return status;
}

static vmxsim_status there_and_back(vmxsim_machine *machine, vmxsim_snapshot *snapshot) {
  size_t size;
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &size);
  vmxsim_status status = vmxsim_machine_reset_to(machine, snapshot);
  if (!status) status = vmxsim_machine_restore(machine, bytes, size);
  if (status) assert_int_not_equal(vmxsim_machine_error(machine)[0], 0);
  return status;
}

static vmxsim_status life_with_a_snapshot(struct account *account) {
  const struct vmxsim_allocator allocator = {counted, account};
  const struct vmxsim_machine_options options = {.size = sizeof options, .allocator = &allocator};
  vmxsim_machine *machine = NULL;
  vmxsim_snapshot *snapshot = NULL;
  vmxsim_status status = vmxsim_machine_create(&options, &machine);
  if (!status) status = vmxsim_machine_map(machine, 0, 0x1000, VMXSIM_RAM, NULL);
  if (!status) status = vmxsim_machine_snapshot(machine, &snapshot);
  if (!status) status = there_and_back(machine, snapshot);
  vmxsim_snapshot_free(snapshot);
  vmxsim_machine_destroy(machine);
  return status;
}

static void fail_each(vmxsim_status (*life)(struct account *)) {
  for (long n = 1;; n++) {
    struct account account = {.countdown = n};
    const vmxsim_status status = life(&account);
    assert_int_equal(account.live, 0);
    assert_int_equal(status, account.failed ? VMXSIM_ERROR_MEMORY : VMXSIM_OK);
    if (!account.failed) return;
    assert_in_range(n, 1, 1000);
  }
}

static void every_allocation_of_a_machine_may_fail(void **test) {
  (void)test;
  fail_each(whole_life);
}

static void every_allocation_of_a_pc_may_fail(void **test) {
  (void)test;
  fail_each(life_of_a_pc);
}

static void every_allocation_of_a_snapshot_may_fail(void **test) {
  (void)test;
  fail_each(life_with_a_snapshot);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_of_a_machine_may_fail),
      cmocka_unit_test(every_allocation_of_a_pc_may_fail),
      cmocka_unit_test(every_allocation_of_a_snapshot_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
