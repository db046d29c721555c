/* Snapshots: what is saved comes back, all of it or nothing; what is damaged or of another machine is refused. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/two_processors.h"
#include "vmxsim/platform.h"

struct bytes {
  uint8_t *at;
  size_t size;
};

static struct bytes save(vmxsim_machine *machine) {
  vmxsim_snapshot *snapshot = NULL;
  struct bytes copy;
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_OK);
  const void *bytes = vmxsim_snapshot_bytes(snapshot, &copy.size);
  copy.at = malloc(copy.size);
  assert_non_null(copy.at);
  memcpy(copy.at, bytes, copy.size);
  vmxsim_snapshot_free(snapshot);
  return copy;
}

static void print_difference(void *context, const char *line) {
  unsigned *lines = context;
  if ((*lines)++ < 10) fprintf(stderr, "  %s\n", line);
}

static size_t differences(const struct bytes *a, const struct bytes *b, bool show) {
  size_t count = 0;
  unsigned lines = show ? 0 : 10;
  assert_int_equal(vmxsim_snapshot_compare(a->at, a->size, b->at, b->size, print_difference, &lines, &count),
                   VMXSIM_OK);
  return count;
}

static void assert_state(vmxsim_machine *machine, const struct bytes *expected) {
  struct bytes now = save(machine);
  assert_int_equal(differences(expected, &now, true), 0);
  assert_int_equal(now.size, expected->size);
  assert_memory_equal(now.at, expected->at, now.size);
  free(now.at);
}

static vmxsim_machine *halfway(void) {
  vmxsim_machine *machine = two_processors_load(VMXSIM_TIMING_LATENCY);
  struct vmxsim_run_result result;
  assert_non_null(machine);
  vmxsim_machine_run(machine, 123457, &result);
  assert_int_equal(result.reason, VMXSIM_STOP_BUDGET);
  return machine;
}

/* --- there and back --- */

static void a_machine_comes_back(void **test) {
  (void)test;
  vmxsim_machine *machine = halfway(), *other = two_processors_create(VMXSIM_TIMING_LATENCY);
  struct bytes saved = save(machine);
  assert_int_equal(vmxsim_machine_restore(other, saved.at, saved.size), VMXSIM_OK);
  assert_state(other, &saved);
  free(saved.at);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(other);
}

/* Also over what another run has left behind. */
static void what_was_there_before_is_gone(void **test) {
  (void)test;
  vmxsim_machine *machine = halfway(), *other = halfway();
  struct vmxsim_run_result result;
  struct bytes saved = save(machine);
  vmxsim_machine_run(other, 0, &result);
  assert_int_equal(vmxsim_machine_restore(other, saved.at, saved.size), VMXSIM_OK);
  assert_state(other, &saved);
  free(saved.at);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(other);
}

static void a_reset_goes_back_over_what_changed(void **test) {
  (void)test;
  vmxsim_machine *machine = halfway();
  struct vmxsim_run_result result;
  vmxsim_snapshot *first, *second;
  struct bytes at_first = save(machine);
  assert_int_equal(vmxsim_machine_snapshot(machine, &first), VMXSIM_OK);
  for (unsigned i = 0; i < 3; i++) {
    vmxsim_machine_run(machine, 1000 + 50000 * i, &result);
    assert_int_equal(vmxsim_machine_reset_to(machine, first), VMXSIM_OK);
    assert_state(machine, &at_first);
    assert_int_equal(vmxsim_machine_reset_to(machine, first), VMXSIM_OK);
  }
  vmxsim_machine_run(machine, 70000, &result);
  assert_int_equal(vmxsim_machine_snapshot(machine, &second), VMXSIM_OK);
  struct bytes at_second = save(machine);
  vmxsim_machine_run(machine, 70000, &result);
  assert_int_equal(vmxsim_machine_reset_to(machine, first), VMXSIM_OK);
  assert_state(machine, &at_first);
  assert_int_equal(vmxsim_machine_reset_to(machine, second), VMXSIM_OK);
  assert_state(machine, &at_second);
  vmxsim_snapshot_free(first);
  vmxsim_snapshot_free(second);
  free(at_first.at);
  free(at_second.at);
  vmxsim_machine_destroy(machine);
}

/* The embedder's dirty log is not a snapshot's business, but pages that are put back have changed. */
static void the_dirty_log_goes_on(void **test) {
  (void)test;
  vmxsim_machine *machine = two_processors_create(VMXSIM_TIMING_FIXED);
  vmxsim_snapshot *snapshot;
  uint64_t bits = 0;
  const uint8_t one = 1;
  vmxsim_machine_write(machine, 0x2000, &one, 1);
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_OK);
  vmxsim_machine_dirty_log(machine, 0, 64 * 4096, &bits, true);
  assert_int_equal(bits, 4);
  vmxsim_machine_write(machine, 0x3000, &one, 1);
  vmxsim_machine_dirty_log(machine, 0, 64 * 4096, &bits, true);
  assert_int_equal(bits, 8);
  assert_int_equal(vmxsim_machine_reset_to(machine, snapshot), VMXSIM_OK);
  uint8_t now;
  vmxsim_machine_read(machine, 0x3000, &now, 1);
  assert_int_equal(now, 0);
  vmxsim_machine_dirty_log(machine, 0, 64 * 4096, &bits, true);
  assert_int_equal(bits, 8);
  vmxsim_snapshot_free(snapshot);
  vmxsim_machine_destroy(machine);
}

/* A child process that has nothing of this one but the bytes: it gives the state at the end of its run. */
static struct bytes finish_in_new_process(const struct bytes *saved) {
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    vmxsim_machine *machine = two_processors_create(VMXSIM_TIMING_LATENCY);
    struct vmxsim_run_result result;
    if (vmxsim_machine_restore(machine, saved->at, saved->size)) _exit(1);
    vmxsim_machine_run(machine, 0, &result);
    struct bytes end = save(machine);
    for (size_t sent = 0; sent < end.size;) {
      const ssize_t n = write(pipes[1], end.at + sent, end.size - sent);
      if (n <= 0) _exit(1);
      sent += (size_t)n;
    }
    _exit(0);
  }
  close(pipes[1]);
  struct bytes end = {malloc(16 << 20), 0};
  ssize_t n;
  while ((n = read(pipes[0], end.at + end.size, (16 << 20) - end.size)) > 0) end.size += (size_t)n;
  close(pipes[0]);
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return end;
}

static void it_goes_on_in_a_new_process(void **test) {
  (void)test;
  vmxsim_machine *machine = halfway();
  struct vmxsim_run_result result;
  struct bytes saved = save(machine), there = finish_in_new_process(&saved);
  vmxsim_machine_run(machine, 0, &result);
  assert_state(machine, &there);
  free(saved.at);
  free(there.at);
  vmxsim_machine_destroy(machine);
}

/* --- refusing --- */

static void refused(vmxsim_machine *machine, const struct bytes *bytes, vmxsim_status expected) {
  const vmxsim_status status = vmxsim_machine_restore(machine, bytes->at, bytes->size);
  if (expected) assert_int_equal(status, expected);
  assert_int_not_equal(status, VMXSIM_OK);
  assert_true(vmxsim_machine_error(machine)[0] != 0);
}

static vmxsim_machine *small(struct bytes *saved) {
  vmxsim_machine *machine = NULL;
  static const uint8_t forever[] = {0xeb, 0xfe};
  const struct vmxsim_machine_options options = {.size = sizeof options};
  assert_int_equal(vmxsim_machine_create(&options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(machine, 0, 0x10000, VMXSIM_RAM, NULL), VMXSIM_OK);
  vmxsim_machine_write(machine, 0x7c00, forever, sizeof forever);
  *saved = save(machine);
  return machine;
}

static void cut_at_each_length(void **test) {
  (void)test;
  struct bytes saved;
  vmxsim_machine *machine = small(&saved);
  for (size_t size = 0; size < saved.size; size++) {
    uint8_t *exact = malloc(size + 1); /* so that reading past the end is seen */
    memcpy(exact, saved.at, size);
    exact = realloc(exact, size ? size : 1);
    refused(machine, &(struct bytes){exact, size}, VMXSIM_ERROR_SYNTAX);
    free(exact);
  }
  assert_state(machine, &saved);
  free(saved.at);
  vmxsim_machine_destroy(machine);
}

static void each_byte_flipped(void **test) {
  (void)test;
  struct bytes saved;
  vmxsim_machine *machine = small(&saved);
  for (size_t i = 0; i < saved.size; i++) {
    const uint8_t before = saved.at[i];
    saved.at[i] ^= (uint8_t)(1u << (i % 8));
    refused(machine, &saved, VMXSIM_ERROR_SYNTAX);
    saved.at[i] = before;
  }
  assert_state(machine, &saved);
  free(saved.at);
  vmxsim_machine_destroy(machine);
}

static void other_machines_say_what_differs(void **test) {
  (void)test;
  struct bytes saved;
  vmxsim_machine *machine = small(&saved), *other = NULL;
  struct vmxsim_machine_options options = {.size = sizeof options, .vcpus = 2};
  assert_int_equal(vmxsim_machine_create(&options, &other), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(other, 0, 0x10000, VMXSIM_RAM, NULL), VMXSIM_OK);
  refused(other, &saved, VMXSIM_ERROR_SNAPSHOT);
  assert_non_null(strstr(vmxsim_machine_error(other), "configuration.vcpus: 0x1, 0x2"));
  assert_non_null(strstr(vmxsim_status_text(VMXSIM_ERROR_SNAPSHOT), "snapshot"));
  vmxsim_machine_destroy(other);
  options.vcpus = 1;
  assert_int_equal(vmxsim_machine_create(&options, &other), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_map(other, 0, 0x11000, VMXSIM_RAM, NULL), VMXSIM_OK);
  refused(other, &saved, VMXSIM_ERROR_SNAPSHOT);
  assert_non_null(strstr(vmxsim_machine_error(other), "map.region.last: 0xffff, 0x10fff"));
  vmxsim_machine_destroy(other);
  free(saved.at);
  vmxsim_machine_destroy(machine);
}

/* --- the embedder's parts --- */

struct counter {
  uint8_t value;
  bool refuses;
};

static void save_counter(void *context, vmxsim_snapshot_write *write, void *destination) {
  const struct counter *counter = context;
  write(destination, &counter->value, 1);
}

static bool check_counter(void *context, const void *bytes, size_t size) {
  (void)bytes;
  return size == 1 && !((const struct counter *)context)->refuses;
}

static void restore_counter(void *context, const void *bytes, size_t size) {
  assert_int_equal(size, 1);
  ((struct counter *)context)->value = *(const uint8_t *)bytes;
}

static void embedders_have_parts_of_their_own(void **test) {
  (void)test;
  struct bytes without, with;
  struct counter counter = {7, false};
  vmxsim_machine *machine = small(&without);
  const struct vmxsim_snapshot_part part = {sizeof part,  "counter",     &counter,
                                            save_counter, check_counter, restore_counter};
  assert_int_equal(vmxsim_machine_add_part(machine, &part), VMXSIM_OK);
  assert_int_equal(vmxsim_machine_add_part(machine, &part), VMXSIM_ERROR_ARGUMENT);
  with = save(machine);
  counter.value = 8;
  refused(machine, &without, VMXSIM_ERROR_SNAPSHOT);
  counter.refuses = true;
  refused(machine, &with, VMXSIM_ERROR_SNAPSHOT);
  assert_int_equal(counter.value, 8);
  counter.refuses = false;
  assert_int_equal(vmxsim_machine_restore(machine, with.at, with.size), VMXSIM_OK);
  assert_int_equal(counter.value, 7);
  vmxsim_machine_destroy(machine);
  free(without.at);
  machine = small(&without);
  refused(machine, &with, VMXSIM_ERROR_SNAPSHOT);
  assert_non_null(strstr(vmxsim_machine_error(machine), "embedder.counter"));
  free(without.at);
  free(with.at);
  vmxsim_machine_destroy(machine);
}

static void expired(void *context) {
  ++*(unsigned *)context;
}

static void timers_need_a_name(void **test) {
  (void)test;
  struct bytes saved;
  unsigned count = 0;
  vmxsim_snapshot *snapshot;
  struct vmxsim_run_result result;
  vmxsim_machine *machine = small(&saved);
  free(saved.at);
  vmxsim_machine_set_timer(machine, 5000, expired, &count);
  assert_int_equal(vmxsim_machine_snapshot(machine, &snapshot), VMXSIM_ERROR_ARGUMENT);
  assert_null(snapshot);
  assert_int_equal(vmxsim_machine_name_timer(machine, "of the test", expired, &count), VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(vmxsim_machine_name_timer(machine, "test", expired, &count), VMXSIM_OK);
  saved = save(machine);
  vmxsim_machine_set_timer(machine, 0, expired, &count);
  assert_int_equal(vmxsim_machine_restore(machine, saved.at, saved.size), VMXSIM_OK);
  struct vmxsim_state state;
  vmxsim_vcpu_get_state(vmxsim_machine_vcpu(machine, 0), &state);
  state.segment[VMXSIM_CS].selector = 0;
  state.segment[VMXSIM_CS].base = 0;
  state.rip = 0x7c00;
  vmxsim_vcpu_set_state(vmxsim_machine_vcpu(machine, 0), &state);
  vmxsim_machine_run(machine, 4990, &result);
  assert_int_equal(count, 0);
  vmxsim_machine_run(machine, 20, &result);
  assert_int_equal(count, 1);
  free(saved.at);
  vmxsim_machine_destroy(machine);
}

/* --- a PC --- */

/* Sets up PIT, PIC, RTC and UART, then counts. */
static const uint8_t boot_sector[512] = {
    0xb0,         0x34,         0xe6, 0x43, /* mov al,34h; out 43h,al: channel 0, mode 2 */
    0xb0,         0x00,         0xe6, 0x40, /* mov al,0; out 40h,al */
    0xb0,         0x04,         0xe6, 0x40, /* mov al,4; out 40h,al */
    0xb0,         0xf8,         0xe6, 0x21, /* mov al,0f8h; out 21h,al */
    0xb0,         0x0b,         0xe6, 0x70, /* mov al,0bh; out 70h,al */
    0xb0,         0x52,         0xe6, 0x71, /* mov al,52h; out 71h,al: periodic and update-ended */
    0xb0,         0x15,         0xe6, 0xe1, /* mov al,15h; out 0e1h,al */
    0xba,         0xff,         0x03, 0xee, /* mov dx,3ffh; out dx,al */
    0xfb,                                   /* sti */
    0x66,         0x40,                     /* again: inc eax */
    0x66,         0xa3,         0x00, 0x06, /* mov [600h],eax */
    0xeb,         0xf8,                     /* jmp again */
    [510] = 0x55, [511] = 0xaa,
};

static vmxsim_machine *boot_pc(vmxsim_pc **pc, const uint8_t *image) {
  vmxsim_machine *machine = NULL;
  const struct vmxsim_machine_options options = {.size = sizeof options, .timing = VMXSIM_TIMING_LATENCY};
  const struct vmxsim_pc_options pc_options = {.size = sizeof pc_options, .memory = 4 << 20};
  assert_int_equal(vmxsim_machine_create(&options, &machine), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_create(machine, &pc_options, pc), VMXSIM_OK);
  assert_int_equal(vmxsim_pc_load_disk(*pc, image, 512), VMXSIM_OK);
  return machine;
}

static void a_pc_comes_back(void **test) {
  (void)test;
  vmxsim_pc *pc, *other_pc;
  struct vmxsim_run_result result;
  vmxsim_machine *machine = boot_pc(&pc, boot_sector), *other = boot_pc(&other_pc, boot_sector);
  vmxsim_machine_run(machine, 10000019, &result);
  struct bytes saved = save(machine);
  vmxsim_machine_run(other, 777, &result);
  assert_int_equal(vmxsim_machine_restore(other, saved.at, saved.size), VMXSIM_OK);
  assert_state(other, &saved);
  vmxsim_machine_run(machine, 30000001, &result);
  vmxsim_machine_run(other, 30000001, &result);
  struct bytes after = save(machine);
  assert_state(other, &after);
  assert_true(differences(&saved, &after, false) > 0);
  free(saved.at);
  free(after.at);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(other);
  vmxsim_pc_destroy(pc);
  vmxsim_pc_destroy(other_pc);
}

static void another_image_is_another_machine(void **test) {
  (void)test;
  uint8_t changed[512];
  vmxsim_pc *pc, *other_pc;
  memcpy(changed, boot_sector, sizeof changed);
  changed[400] = 1;
  vmxsim_machine *machine = boot_pc(&pc, boot_sector), *other = boot_pc(&other_pc, changed);
  struct bytes saved = save(machine);
  refused(other, &saved, VMXSIM_ERROR_SNAPSHOT);
  assert_non_null(strstr(vmxsim_machine_error(other), "pc.image"));
  free(saved.at);
  vmxsim_machine_destroy(machine);
  vmxsim_machine_destroy(other);
  vmxsim_pc_destroy(pc);
  vmxsim_pc_destroy(other_pc);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_machine_comes_back),
      cmocka_unit_test(what_was_there_before_is_gone),
      cmocka_unit_test(a_reset_goes_back_over_what_changed),
      cmocka_unit_test(the_dirty_log_goes_on),
      cmocka_unit_test(it_goes_on_in_a_new_process),
      cmocka_unit_test(cut_at_each_length),
      cmocka_unit_test(each_byte_flipped),
      cmocka_unit_test(other_machines_say_what_differs),
      cmocka_unit_test(embedders_have_parts_of_their_own),
      cmocka_unit_test(timers_need_a_name),
      cmocka_unit_test(a_pc_comes_back),
      cmocka_unit_test(another_image_is_another_machine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
