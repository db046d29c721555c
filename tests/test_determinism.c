/* Two processors: whatever is done around a run, it is the same run. The hash of its trace and its final state do not
 * depend on how it is cut, on what is cached, on snapshots, on the compiler or the host.
 *
 * Of a small image, whose hashes are in here, and of the platform guest, whose code depends on who compiled it. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guest_machine.h"
#include "tests/two_processors.h"
#include "vmxsim/determinism.h"

/* Of the whole run, by timing model. All builds of the library have these; they change when a model's figures do. */
static const uint64_t golden[] = {
    [VMXSIM_TIMING_FIXED] = UINT64_C(0xbd829dfeaf0f003d),
    [VMXSIM_TIMING_LATENCY] = UINT64_C(0x9c152f5f243c0cc7),
    [VMXSIM_TIMING_MEMORY] = UINT64_C(0xee36dcc4987f5d72),
};

/* What is run: `create` makes a machine to restore into, `load` one that is ready to run. */
struct subject {
  vmxsim_machine *(*create)(enum vmxsim_timing timing);
  vmxsim_machine *(*load)(enum vmxsim_timing timing);
  void (*destroy)(vmxsim_machine *machine);
  struct vmxsim_hook_range shared; /* data that both processors read and write */
  unsigned points;                 /* to save at */
};

static const struct subject small_image = {two_processors_create,
                                           two_processors_load,
                                           vmxsim_machine_destroy,
                                           {VMXSIM_HOOK_READ | VMXSIM_HOOK_WRITE, true, IMAGE_RESULTS, 0x60fff},
                                           100};
static const struct subject platform_guest = {
    guest_machine_load,
    guest_machine_load,
    guest_machine_destroy,
    {VMXSIM_HOOK_READ | VMXSIM_HOOK_WRITE, true, GUEST_KERNEL, GUEST_KERNEL + 0xfffff},
    10};

static const struct subject *subject;
static enum vmxsim_timing timing;
static vmxsim_snapshot *reference; /* the final state of a run of one piece */
static uint64_t reference_hash, reference_cycles;

static uint64_t next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 33;
}

static vmxsim_machine *begin(void) {
  vmxsim_machine *machine = subject->load(timing);
  assert_non_null(machine);
  vmxsim_machine_hash_trace(machine, true);
  return machine;
}

static void print_difference(void *context, const char *line) {
  unsigned *lines = context;
  if ((*lines)++ < 10) fprintf(stderr, "  %s\n", line);
}

static void assert_final_state(vmxsim_machine *machine) {
  vmxsim_snapshot *snapshot;
  size_t size, expected_size, differences;
  unsigned lines = 0;
  vmxsim_machine_hash_trace(machine, false);
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_OK);
  const void *expected = vmxsim_snapshot_bytes(reference, &expected_size);
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &size);
  assert_int_equal(
      vmxsim_snapshot_compare(expected, expected_size, bytes, size, print_difference, &lines, &differences), VMXSIM_OK);
  assert_int_equal(differences, 0);
  vmxsim_snapshot_free(snapshot);
}

static void assert_same_run(vmxsim_machine *machine) {
  assert_true(vmxsim_machine_trace_hash(machine) == reference_hash);
  assert_final_state(machine);
  subject->destroy(machine);
}

/* To the very end: a guest that wrote to the exit port goes on to its HLT. */
static void run_in_pieces(vmxsim_machine *machine, uint64_t budget) {
  struct vmxsim_run_result result;
  do {
    vmxsim_machine_run(machine, budget, &result);
  } while (result.reason == VMXSIM_STOP_BUDGET || result.reason == VMXSIM_STOP_REQUEST);
  assert_int_equal(result.reason, VMXSIM_STOP_IDLE);
}

static void one_run(void **test) {
  (void)test;
  vmxsim_machine *machine = begin();
  run_in_pieces(machine, 0);
  reference_hash = vmxsim_machine_trace_hash(machine);
  reference_cycles = vmxsim_machine_now(machine);
  vmxsim_machine_hash_trace(machine, false);
  assert_int_equal(vmxsim_machine_snapshot(machine, &reference), VMXSIM_OK);
  subject->destroy(machine);
}

static void the_image_works(void **test) {
  (void)test;
  uint64_t done = 0;
  vmxsim_machine *machine = subject->load(timing);
  run_in_pieces(machine, 0);
  vmxsim_machine_read(machine, IMAGE_DONE, &done, sizeof done);
  assert_int_equal(done, 2);
  subject->destroy(machine);
}

static void the_guest_works(void **test) {
  (void)test;
  vmxsim_machine *machine = subject->load(timing);
  run_in_pieces(machine, 0);
  assert_int_equal(guest_machine_status(), 0);
  subject->destroy(machine);
}

static void the_hash_is_known(void **test) {
  (void)test;
  if (reference_hash != golden[timing]) fprintf(stderr, "the hash is 0x%016llx\n", (unsigned long long)reference_hash);
  assert_true(reference_hash == golden[timing]);
}

static void without_the_hash(void **test) {
  (void)test;
  vmxsim_machine *machine = subject->load(timing);
  run_in_pieces(machine, 0);
  assert_final_state(machine);
  subject->destroy(machine);
}

static void assert_same_in_pieces(uint64_t budget) {
  vmxsim_machine *machine = begin();
  run_in_pieces(machine, budget);
  assert_same_run(machine);
}

static void many_runs(void **test) {
  (void)test;
  static const uint64_t budgets[] = {100003, 9973, 1009};
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) assert_same_in_pieces(budgets[i]);
}

static void very_many_runs(void **test) {
  (void)test;
  assert_same_in_pieces(101);
  assert_same_in_pieces(11);
}

static void single_steps(void **test) {
  (void)test;
  struct vmxsim_run_result result;
  vmxsim_machine *machine = begin();
  do {
    vmxsim_machine_step(machine, &result);
  } while (result.reason == VMXSIM_STOP_STEP || result.reason == VMXSIM_STOP_REQUEST);
  assert_same_run(machine);
}

/* A breakpoint that is never met has each instruction looked at. */
static void under_observation(void **test) {
  (void)test;
  vmxsim_machine *machine = begin();
  vmxsim_machine_set_breakpoint(machine, 0xdead000, true);
  run_in_pieces(machine, 0);
  assert_same_run(machine);
}

static enum vmxsim_hook_answer count(void *context, const struct vmxsim_hook_access *access) {
  (void)access;
  ++*(unsigned *)context;
  return VMXSIM_HOOK_CONTINUE;
}

/* Hooks that only look: on all code, and on pages that both processors read and write. */
static void hooks(void **test) {
  (void)test;
  static const struct vmxsim_hook_range code = {VMXSIM_HOOK_EXECUTE, false, 0, UINT64_MAX};
  unsigned executed = 0, accessed = 0;
  vmxsim_hook_id id;
  vmxsim_machine *machine = begin();
  assert_int_equal(vmxsim_machine_add_hook(machine, &code, count, &executed, &id), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_add_hook(machine, &subject->shared, count, &accessed, &id), VMXSIM_OK);
  run_in_pieces(machine, 0);
  assert_true(executed > 1000 && accessed > 1000);
  assert_same_run(machine);
}

static void caches_dropped(void **test) {
  (void)test;
  struct vmxsim_run_result result;
  uint64_t random = 1;
  vmxsim_machine *machine = begin();
  do {
    vmxsim_machine_run(machine, 1 + next_random(&random) % (reference_cycles / 200), &result);
    vmxsim_machine_drop_caches(machine);
  } while (result.reason == VMXSIM_STOP_BUDGET || result.reason == VMXSIM_STOP_REQUEST);
  assert_same_run(machine);
}

/* --- in another process ------------------------------------------------------------------------------------------- */

/* What the child does with bytes alone; its exit status tells. */
static int go_on(const void *bytes, size_t size) {
  vmxsim_machine *machine = subject->create(timing);
  struct vmxsim_run_result result;
  size_t end_size, expected_size, differences;
  vmxsim_snapshot *end;
  if (!machine || vmxsim_machine_restore(machine, bytes, size)) return 1;
  do {
    vmxsim_machine_run(machine, 0, &result);
  } while (result.reason == VMXSIM_STOP_REQUEST);
  if (vmxsim_machine_trace_hash(machine) != reference_hash) return 2;
  vmxsim_machine_hash_trace(machine, false);
  if (vmxsim_machine_snapshot(machine, &end)) return 3;
  const void *expected = vmxsim_snapshot_bytes(reference, &expected_size);
  const void *final = vmxsim_snapshot_bytes(end, &end_size);
  vmxsim_snapshot_compare(expected, expected_size, final, end_size, NULL, NULL, &differences);
  vmxsim_snapshot_free(end);
  subject->destroy(machine);
  return differences ? 4 : 0;
}

/* All in `fixed`; the other models differ in what they count, not in what a snapshot holds of the rest. */
static void saved_at_random_points(void **test) {
  (void)test;
  uint64_t random = 42;
  const unsigned points = timing == VMXSIM_TIMING_FIXED ? subject->points : subject->points / 5;
  for (unsigned i = 0; i < points; i++) {
    struct vmxsim_run_result result;
    vmxsim_snapshot *snapshot;
    size_t size;
    int status;
    vmxsim_machine *machine = begin();
    vmxsim_machine_run(machine, 1 + next_random(&random) % (reference_cycles - 1), &result);
    assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_OK);
    const void *bytes = vmxsim_snapshot_bytes(snapshot, &size);
    subject->destroy(machine);
    const pid_t child = fork();
    if (child == 0) _exit(go_on(bytes, size));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vmxsim_snapshot_free(snapshot);
  }
}

/* --- groups --------------------------------------------------------------------------------------------------------
 */

static int forget_reference(void **test) {
  (void)test;
  vmxsim_snapshot_free(reference);
  reference = NULL;
  return 0;
}

static int run_small_image(enum vmxsim_timing model) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_run),
      cmocka_unit_test(the_image_works),
      cmocka_unit_test(the_hash_is_known),
      cmocka_unit_test(without_the_hash),
      cmocka_unit_test(many_runs),
      cmocka_unit_test(very_many_runs),
      cmocka_unit_test(single_steps),
      cmocka_unit_test(under_observation),
      cmocka_unit_test(hooks),
      cmocka_unit_test(caches_dropped),
      cmocka_unit_test(saved_at_random_points),
  };
  subject = &small_image;
  timing = model;
  return cmocka_run_group_tests(tests, NULL, forget_reference);
}

/* Devices, paging, IPIs, tasks that move between processors. */
static int run_guest(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_run),   cmocka_unit_test(the_guest_works), cmocka_unit_test(without_the_hash),
      cmocka_unit_test(many_runs), cmocka_unit_test(single_steps),    cmocka_unit_test(under_observation),
      cmocka_unit_test(hooks),     cmocka_unit_test(caches_dropped),  cmocka_unit_test(saved_at_random_points),
  };
  subject = &platform_guest;
  timing = VMXSIM_TIMING_FIXED;
  const int failed = cmocka_run_group_tests(tests, NULL, forget_reference);
  printf("platform guest: the hash is %016llx\n", (unsigned long long)reference_hash);
  return failed;
}

/* Another image of the guest can be given: the hashes of builds of this test by several compilers are then the same. */
int main(int argc, char **argv) {
  const char *const image = argc > 1 ? argv[1] : GUEST_IMAGE;
  int failed = 0;
  for (unsigned model = VMXSIM_TIMING_FIXED; model <= VMXSIM_TIMING_MEMORY; model++)
    failed |= run_small_image((enum vmxsim_timing)model);
  if (guest_machine_read(image))
    failed |= run_guest();
  else
    printf("no %s: the platform guest is left out\n", image);
  guest_machine_forget();
  return failed;
}
