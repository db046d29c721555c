/* vmxsim run --trace: which events are wanted, and writing them. */
#include "cli/run_trace.h"

#include <errno.h>
#include <string.h>

#include "cli/common.h"

static bool names(const char *name, const char *text, size_t length) {
  return strlen(name) == length && !memcmp(name, text, length);
}

/* The kinds of a group, or one kind, or all. */
static uint64_t kinds_of(const char *name, size_t length) {
  uint64_t kinds = 0;
  if (names("all", name, length)) return VMXSIM_EVENT_ALL;
  for (unsigned i = 0; i < VMXSIM_EVENT_KINDS; i++) {
    if (names(vmxsim_event_group(i), name, length) || names(vmxsim_event_name(i), name, length))
      kinds |= VMXSIM_EVENT_BIT(i);
  }
  return kinds;
}

static void complain_kind(const char *name, size_t length) {
  struct suggestions suggestions;
  suggestions_begin(&suggestions, name, length);
  for (unsigned i = 0; i < VMXSIM_EVENT_KINDS; i++) {
    suggestions_offer(&suggestions, vmxsim_event_group(i));
    suggestions_offer(&suggestions, vmxsim_event_name(i));
  }
  const char *const nearest = suggestions_best(&suggestions);
  if (nearest) {
    complain("--trace: no events \"%.*s\"; did you mean %s?", (int)length, name, nearest);
  } else {
    complain("--trace: no events \"%.*s\" (vmxsim run --help lists them)", (int)length, name);
  }
}

/* "0x7c00" or "0x7c00-0x7fff". */
static bool read_range(const char *text, size_t length, uint64_t *first, uint64_t *last) {
  const char *const dash = memchr(text, '-', length);
  const size_t left = dash ? (size_t)(dash - text) : length;
  if (!parse_number(text, left, first)) return false;
  *last = *first;
  return !dash || (parse_number(dash + 1, length - left - 1, last) && *first <= *last);
}

static bool add(struct trace *trace, const char *part, size_t length) {
  const char *const at = memchr(part, '@', length);
  const size_t name = at ? (size_t)(at - part) : length;
  const uint64_t kinds = kinds_of(part, name);
  if (!kinds) {
    complain_kind(part, name);
    return false;
  }
  trace->mask |= kinds;
  if (!at) return true;
  uint64_t first, last;
  if (trace->ranges == TRACE_RANGES_MAX || !read_range(at + 1, length - name - 1, &first, &last)) {
    complain("--trace %.*s: expected addresses, as instructions@0x7c00-0x7fff", (int)length, part);
    return false;
  }
  trace->limited |= kinds;
  trace->range[trace->ranges].kinds = kinds;
  trace->range[trace->ranges].first = first;
  trace->range[trace->ranges++].last = last;
  return true;
}

bool trace_parse(const char *filter, struct trace *trace) {
  for (;;) {
    const size_t length = strcspn(filter, ",");
    if (!add(trace, filter, length)) return false;
    if (!filter[length]) return true;
    filter += length + 1;
  }
}

bool trace_open(struct trace *trace, const char *path) {
  trace->file = path ? fopen(path, "w") : stderr;
  if (trace->file) return true;
  complain("%s: %s", path, strerror(errno));
  return false;
}

static bool is_wanted(const struct trace *trace, const struct vmxsim_event *event) {
  const uint64_t linear = event->cs_base + event->rip;
  if (!(trace->limited & VMXSIM_EVENT_BIT(event->kind))) return true;
  for (unsigned i = 0; i < trace->ranges; i++) {
    if ((trace->range[i].kinds & VMXSIM_EVENT_BIT(event->kind)) && linear >= trace->range[i].first &&
        linear <= trace->range[i].last) {
      return true;
    }
  }
  return false;
}

static void write_event(void *context, const struct vmxsim_event *event) {
  struct trace *const trace = context;
  char line[400];
  vmx_watch_event(&trace->vmx, event);
  if (!(trace->mask & VMXSIM_EVENT_BIT(event->kind)) || !is_wanted(trace, event)) return;
  if (trace->json) {
    vmxsim_event_json(event, line, sizeof line);
  } else {
    vmxsim_event_text(event, line, sizeof line);
  }
  fprintf(trace->file, "%s\n", line);
}

#define VMX_COUNTED (VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry) | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_exit))

void trace_listen(struct trace *trace, vmxsim_machine *machine) {
  const uint64_t counted = trace->mask & VMX_COUNTED ? VMX_COUNTED : 0;
  trace->vmx.machine = machine;
  trace->vmx.file = trace->file ? trace->file : stderr;
  vmxsim_machine_on_event(machine, trace->mask | counted | VMXSIM_EVENT_BIT(VMXSIM_EVENT_vm_entry_failure), write_event,
                          trace);
}

bool trace_close(struct trace *trace) {
  if (!trace->file) return true;
  if ((trace->mask & VMX_COUNTED) && !trace->json) vmx_watch_summary(&trace->vmx, trace->file);
  bool good = !fflush(trace->file) && !ferror(trace->file);
  if (trace->file != stderr) good = !fclose(trace->file) && good;
  trace->file = NULL;
  if (!good) complain("the trace cannot be written");
  return good;
}
