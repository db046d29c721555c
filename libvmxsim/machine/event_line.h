/* A line that grows, and the part of an event's line that is VMX's. Private to event_text.c and event_vmx.c. */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_EVENT_LINE_H
#define VMXSIM_LIBVMXSIM_MACHINE_EVENT_LINE_H

#include "vmxsim/events.h"

struct event_line {
  char *text;
  size_t size, length; /* length: what it would be */
};

typedef unsigned long long number;

/* event_text.c */
__attribute__((format(printf, 2, 3))) void event_put(struct event_line *line, const char *format, ...);

/* event_vmx.c */
void event_put_vmx(struct event_line *line, const struct vmxsim_event *event);
void event_put_vmx_members(struct event_line *line, const struct vmxsim_event *event);

#endif
