/* Timers in a snapshot: the cycle of each by its name, 0 if it is not set. */
#include "libvmxsim/snapshot/snapshot_internal.h"

#include <string.h>

static struct timer *find(struct machine *machine, const char *name) {
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (machine->timers[i].name && !strcmp(machine->timers[i].name, name)) return &machine->timers[i];
  }
  return NULL;
}

static bool is_good_name(const char *name) {
  const size_t length = strlen(name);
  for (size_t i = 0; i < length; i++) {
    if (name[i] <= ' ' || name[i] > '~') return false;
  }
  return length >= 1 && length <= 40;
}

vmxsim_status vmxsim_machine_name_timer(vmxsim_machine *handle, const char *name, vmxsim_timer *expired,
                                        void *context) {
  struct machine *machine = &handle->machine;
  if (!is_good_name(name) || find(machine, name)) return VMXSIM_ERROR_ARGUMENT;
  for (size_t i = 0; i < machine->timer_count; i++) {
    struct timer *timer = &machine->timers[i];
    if (timer->expired != expired || timer->context != context) continue;
    timer->name = name;
    return VMXSIM_OK;
  }
  if (machine->timer_count == TIMERS_MAX) return VMXSIM_ERROR_LIMIT;
  machine->timers[machine->timer_count++] = (struct timer){0, expired, context, name};
  return VMXSIM_OK;
}

bool timers_can_be_saved(const struct machine *machine, const struct complaint *complaint) {
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (!machine->timers[i].cycle || machine->timers[i].name) continue;
    complain_of(complaint, "a timer that is set has no name (vmxsim_machine_name_timer)");
    return false;
  }
  return true;
}

void timers_save(const struct machine *machine, struct writer *writer) {
  for (size_t i = 0; i < machine->timer_count; i++) {
    if (!machine->timers[i].name) continue;
    write_name(writer, machine->timers[i].name);
    write_number(writer, machine->timers[i].cycle, 8);
  }
}

bool timers_check(const struct machine *machine, struct reader *reader, const struct complaint *complaint) {
  char name[256];
  while (reader_left(reader)) {
    read_name(reader, name);
    read_number(reader, 8);
    if (reader->failed) complain_of(complaint, "timers: damaged");
    if (reader->failed) return false;
    if (find((struct machine *)(uintptr_t)machine, name)) continue;
    complain_of(complaint, "timers: this machine has none that is called %s", name);
    return false;
  }
  return true;
}

void timers_apply(struct machine *machine, struct reader *reader) {
  char name[256];
  for (size_t i = 0; i < machine->timer_count; i++) machine->timers[i].cycle = 0;
  while (reader_left(reader)) {
    read_name(reader, name);
    find(machine, name)->cycle = read_number(reader, 8);
  }
  machine_timers_changed(machine);
}
