/* Events against what is expected of them.
 *
 * Expected events are matched in their order. VM exits, failed VMX instructions and what ends a run must all be
 * expected if anything is; other events may happen in between.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libvmxsim/scenario/runner.h"

/* --- failures --- */

static void fail(struct runner *runner, unsigned line, const char *what, const char *expected, const char *actual) {
  const struct vmxsim_scenario_listener *listener = runner->listener;
  const struct vmxsim_scenario_failure failure = {line, what, expected, actual};
  runner->result->failures++;
  if (listener->failure) listener->failure(listener->context, &failure);
}

/* --- values --- */

static void show_number(const struct value_check *check, uint64_t value, char text[TEXT_MAX]) {
  char names[200] = "";
  const vmxsim_layout layout = check->kind == VALUE_FIELD ? vmxsim_layout_of_field(check->field) : VMXSIM_LAYOUT_COUNT;
  if (layout != VMXSIM_LAYOUT_COUNT) vmxsim_layout_text(layout, value, names, sizeof names);
  snprintf(text, TEXT_MAX, "0x%" PRIx64 "%s%s%s", value, *names ? " (" : "", names, *names ? ")" : "");
}

static void show_place(const struct runner *runner, const struct value_check *check, uint64_t value,
                       char text[TEXT_MAX]) {
  if (strstr(check->name, "rip"))
    runner_place(runner, value, text);
  else
    show_number(check, value, text);
}

static void show_expected(const struct runner *runner, const struct value_check *check, char text[TEXT_MAX]) {
  if (check->bounds && check->maximum == UINT64_MAX) {
    snprintf(text, TEXT_MAX, "at least 0x%" PRIx64, check->minimum);
  } else if (check->bounds) {
    snprintf(text, TEXT_MAX, "0x%" PRIx64 " to 0x%" PRIx64, check->minimum, check->maximum);
  } else if ((check->mask & (check->mask + 1)) && check->mask != 0) {
    snprintf(text, TEXT_MAX, "0x%" PRIx64 " in the bits 0x%" PRIx64, check->value, check->mask);
  } else {
    show_place(runner, check, check->value, text);
  }
}

static bool read_value(struct runner *runner, unsigned vcpu, const struct value_check *check, uint64_t *value) {
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  uint8_t bytes[8] = {0};
  switch (check->kind) {
  case VALUE_REGISTER:
    if (vmxsim_vcpu_get_register(handle, check->reg, bytes, vmxsim_register_size(check->reg))) return false;
    memcpy(value, bytes, sizeof bytes);
    return true;
  case VALUE_FIELD:
    if (runner->heard) {
      *value = vmxsim_vmcs_get(runner->heard, check->field);
      return true;
    }
    return !runner->vcpu[vcpu].in_guest && runner->vcpu[vcpu].current &&
           host_read_field(runner, vcpu, check->field, value);
  case VALUE_CYCLES: *value = vmxsim_vcpu_cycles(handle); return true;
  case VALUE_MEMORY: break;
  }
  return false;
}

static bool holds(const struct value_check *check, uint64_t value) {
  if (check->bounds) return value >= check->minimum && value <= check->maximum;
  return ((value ^ check->value) & check->mask) == 0;
}

static void show_bytes(const uint8_t *bytes, size_t size, char text[TEXT_MAX]) {
  size_t at = 0;
  text[0] = 0;
  for (size_t i = 0; i < size && at + 8 < TEXT_MAX && i < 64; i++) {
    at += (size_t)snprintf(text + at, TEXT_MAX - at, "%s%02x", i ? " " : "", bytes[i]);
  }
  if (size > 64) snprintf(text + at, TEXT_MAX - at, " ...");
}

/* From the first byte that differs. */
static bool check_memory(struct runner *runner, const struct value_check *check, bool report) {
  uint8_t bytes[256];
  char expected[TEXT_MAX], actual[TEXT_MAX], what[TEXT_MAX];
  for (size_t at = 0; at < check->memory.size; at += sizeof bytes) {
    const size_t left = check->memory.size - at, count = left < sizeof bytes ? left : sizeof bytes;
    size_t same = 0;
    memset(bytes, 0, sizeof bytes);
    vmxsim_machine_read(runner->machine, check->memory.address + at, bytes, count);
    while (same < count && bytes[same] == check->memory.bytes[at + same]) same++;
    if (same == count) continue;
    if (!report) return false;
    show_bytes(check->memory.bytes + at + same, count - same, expected);
    show_bytes(bytes + same, count - same, actual);
    snprintf(what, sizeof what, "memory at 0x%" PRIx64, check->memory.address + at + same);
    fail(runner, check->line, what, expected, actual);
    return false;
  }
  return true;
}

static bool check_value(struct runner *runner, unsigned vcpu, const struct value_check *check, bool report) {
  char expected[TEXT_MAX], actual[TEXT_MAX] = "a VMCS that cannot be read now";
  uint64_t value = 0;
  if (check->kind == VALUE_MEMORY) return check_memory(runner, check, report);
  const bool known = read_value(runner, vcpu, check, &value);
  if (known && holds(check, value)) return true;
  if (!report) return false;
  show_expected(runner, check, expected);
  if (known) show_place(runner, check, value, actual);
  fail(runner, check->line, check->name, expected, actual);
  return false;
}

static bool check_values(struct runner *runner, const struct scenario_expectation *item, unsigned vcpu, bool report) {
  bool good = true;
  for (size_t i = 0; i < item->value_count; i++) good &= check_value(runner, vcpu, &item->values[i], report);
  return good;
}

/* Items without an event belong to the moment of the one before. */
static void check_states(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  for (; runner->next_expectation < scenario->expect_count; runner->next_expectation++) {
    const struct scenario_expectation *item = &scenario->expects[runner->next_expectation];
    if (item->kind != EXPECT_STATE) return;
    check_values(runner, item, item->any_vcpu ? 0 : item->vcpu, true);
  }
}

/* --- events --- */

static bool same_number(const struct scenario_expectation *item, enum vmxsim_scenario_event_kind kind,
                        uint64_t number) {
  if (item->any_number) return true;
  if (kind == VMXSIM_SCENARIO_EXIT) return item->number == (number & 0xffff);
  return kind == VMXSIM_SCENARIO_INJECTED ? item->number == (number & 0xff) : item->number == number;
}

static bool matches(const struct scenario_expectation *item, enum vmxsim_scenario_event_kind kind, unsigned vcpu,
                    uint64_t number) {
  return item->kind == kind && (item->any_vcpu || item->vcpu == vcpu) && same_number(item, kind, number);
}

static void check_never(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                        const char *text) {
  for (size_t i = 0; i < runner->scenario->never_count; i++) {
    const struct scenario_expectation *item = &runner->scenario->nevers[i];
    char expected[TEXT_MAX];
    if (!matches(item, kind, vcpu, number) || !check_values(runner, item, vcpu, false)) continue;
    snprintf(expected, sizeof expected, "never %s", item->name);
    fail(runner, item->line, "event", expected, text);
  }
}

/* Whether an event has to be expected. */
static bool is_important(const struct runner *runner, enum vmxsim_scenario_event_kind kind) {
  switch (kind) {
  case VMXSIM_SCENARIO_FAULT:
  case VMXSIM_SCENARIO_SHUTDOWN:
  case VMXSIM_SCENARIO_OUT_OF_TIME: return true;
  case VMXSIM_SCENARIO_EXIT:
  case VMXSIM_SCENARIO_VMFAIL: return runner->scenario->expect_count;
  default: return false;
  }
}

/* The next item that is an event; NULL if there is none. */
static const struct scenario_expectation *next_event(const struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  size_t next = runner->next_expectation;
  while (next < scenario->expect_count && scenario->expects[next].kind == EXPECT_STATE) next++;
  return next < scenario->expect_count ? &scenario->expects[next] : NULL;
}

static void surprise(struct runner *runner, const struct scenario_expectation *item,
                     enum vmxsim_scenario_event_kind kind, const char *text) {
  fail(runner, item ? item->line : 0, "event", item ? item->name : "nothing more", text);
  /* What was meant, most likely: the ones behind it are compared with what follows. */
  if (item && item->kind == kind) runner->next_expectation = (size_t)(item - runner->scenario->expects) + 1;
}

static void emit(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                 const char *text) {
  const struct vmxsim_scenario_listener *listener = runner->listener;
  vmxsim_vcpu *handle = vmxsim_machine_vcpu(runner->machine, vcpu);
  uint64_t rip = 0;
  vmxsim_vcpu_get_register(handle, VMXSIM_REGISTER_rip, &rip, sizeof rip);
  const struct vmxsim_scenario_event event = {kind, vcpu, vmxsim_vcpu_cycles(handle), rip, number, text};
  runner->result->events++;
  if (listener->event) listener->event(listener->context, &event);
}

void expect_event(struct runner *runner, enum vmxsim_scenario_event_kind kind, unsigned vcpu, uint64_t number,
                  const char *text) {
  emit(runner, kind, vcpu, number, text);
  if (kind >= VMXSIM_SCENARIO_STEP) return;
  check_never(runner, kind, vcpu, number, text);
  const struct scenario_expectation *item = next_event(runner);
  if (item && matches(item, kind, vcpu, number)) {
    /* What comes before the first event is for the end: it stays where it is only if nothing was matched yet. */
    runner->next_expectation = (size_t)(item - runner->scenario->expects) + 1;
    check_values(runner, item, vcpu, true);
    check_states(runner);
  } else if (is_important(runner, kind)) {
    surprise(runner, item, kind, text);
  }
}

void expect_end(struct runner *runner) {
  const struct vmxsim_scenario *scenario = runner->scenario;
  for (size_t i = 0; i < scenario->expect_count && scenario->expects[i].kind == EXPECT_STATE; i++) {
    const struct scenario_expectation *item = &scenario->expects[i];
    check_values(runner, item, item->any_vcpu ? 0 : item->vcpu, true);
  }
  for (size_t i = runner->next_expectation; i < scenario->expect_count; i++) {
    const struct scenario_expectation *item = &scenario->expects[i];
    if (item->kind != EXPECT_STATE) fail(runner, item->line, "event", item->name, "the end of the scenario");
  }
}
