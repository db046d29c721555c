/* Scenarios: code and a VMCS in, steps that run on a machine, and what must come of them (docs/scenarios.md).
 *
 * They are read with the other YAML (vmxsim_document_read()); each runs on a machine of its own.
 */
#ifndef VMXSIM_SCENARIO_H
#define VMXSIM_SCENARIO_H

#include "vmxsim/input.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_scenario vmxsim_scenario;

size_t vmxsim_document_scenario_count(const vmxsim_document *document);
const vmxsim_scenario *vmxsim_document_scenario(const vmxsim_document *document, size_t n); /* NULL past the last */
const char *vmxsim_scenario_name(const vmxsim_scenario *scenario);
const char *vmxsim_scenario_about(const vmxsim_scenario *scenario); /* "" if none */
unsigned vmxsim_scenario_line(const vmxsim_scenario *scenario);     /* where it begins */

enum vmxsim_scenario_event_kind {
  VMXSIM_SCENARIO_ENTRY,       /* a VM entry succeeded; `number`: 0 VMLAUNCH, 1 VMRESUME */
  VMXSIM_SCENARIO_EXIT,        /* a VM exit, or an entry that failed with one; `number`: the exit-reason field */
  VMXSIM_SCENARIO_VMFAIL,      /* VMfailValid with error `number`; VMfailInvalid: 0 */
  VMXSIM_SCENARIO_INJECTED,    /* the entry has injected an event; `number`: its interruption information */
  VMXSIM_SCENARIO_FAULT,       /* an exception in the host that nothing handles; `number`: its vector */
  VMXSIM_SCENARIO_EXCEPTION,   /* one is delivered through an IDT; `number`: its vector */
  VMXSIM_SCENARIO_INTERRUPT,   /* an external interrupt is delivered; `number`: its vector */
  VMXSIM_SCENARIO_NMI,         /* an NMI is delivered */
  VMXSIM_SCENARIO_REACHED,     /* a label that an expectation names */
  VMXSIM_SCENARIO_HALTED,      /* every processor waits, and nothing will wake it */
  VMXSIM_SCENARIO_SHUTDOWN,    /* triple fault in the host, or VMX abort */
  VMXSIM_SCENARIO_OUT_OF_TIME, /* the scenario's cycles are used up */
  VMXSIM_SCENARIO_STEP,        /* a step begins (never expected; for the trace) */
  VMXSIM_SCENARIO_INSTRUCTION, /* about to be executed; only if the listener wants them */
  VMXSIM_SCENARIO_EVENT_KINDS
};

struct vmxsim_scenario_event {
  enum vmxsim_scenario_event_kind kind;
  unsigned vcpu;
  uint64_t cycles, rip;
  uint64_t number;
  const char *text; /* a line for people, without the parts above */
};

const char *vmxsim_scenario_event_name(enum vmxsim_scenario_event_kind kind); /* "exit" */

/* What was expected and did not come, or came and must not. */
struct vmxsim_scenario_failure {
  unsigned line; /* of the expectation in its file; 0 if it has none */
  const char *what, *expected, *actual;
};

struct vmxsim_scenario_listener {
  size_t size;                                                             /* sizeof(struct vmxsim_scenario_listener) */
  void (*event)(void *context, const struct vmxsim_scenario_event *event); /* may be NULL */
  void (*failure)(void *context, const struct vmxsim_scenario_failure *failure); /* may be NULL */
  bool instructions; /* every instruction is an event: slow */
  /* A `file:` of the scenario: malloc()ed bytes; may be NULL. */
  bool (*read_file)(void *context, const char *name, char **bytes, size_t *size);
  void *context;
  const struct vmxsim_capabilities *processor; /* for scenarios without `cpu`; NULL: `max` */
};

struct vmxsim_scenario_result {
  bool passed;
  unsigned failures, events;
  uint64_t cycles; /* of the first processor, at the end */
};

/* VMXSIM_OK also if expectations failed; an error if the scenario could not be run: `error` (may be NULL) says why. */
vmxsim_status vmxsim_scenario_run(const vmxsim_scenario *scenario, const struct vmxsim_scenario_listener *listener,
                                  struct vmxsim_scenario_result *result, struct vmxsim_diagnostic *error);

#ifdef __cplusplus
}
#endif
#endif
