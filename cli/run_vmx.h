/* vmxsim run, where the image is a hypervisor: why its VM entries fail, and what its VM exits cost. */
#ifndef VMXSIM_CLI_RUN_VMX_H
#define VMXSIM_CLI_RUN_VMX_H

#include <stdio.h>

#include "vmxsim/machine.h"
#include "vmxsim/vmx.h"

enum { VMX_REASONS = 128, VMX_FAILURES_SHOWN = 16, VMX_VCPUS = 64 };

struct vmx_watch {
  vmxsim_machine *machine;
  FILE *file; /* for diagnoses */
  uint64_t entries, failures;
  struct {
    uint64_t count, handled, cycles; /* cycles from the exit to the next entry, of those that had one */
  } reason[VMX_REASONS];
  struct {
    bool in_root; /* after an exit */
    unsigned reason;
    uint64_t cycle;
  } vcpu[VMX_VCPUS];
  struct {
    uint64_t rip;
    vmxsim_check check;
  } shown[VMX_FAILURES_SHOWN]; /* each failure is diagnosed once */
  unsigned shown_count;
};

/* Takes note of an event of VMX; diagnoses a VM entry that fails. */
void vmx_watch_event(struct vmx_watch *watch, const struct vmxsim_event *event);
/* Exits by reason; nothing if there was no VM entry. */
void vmx_watch_summary(const struct vmx_watch *watch, FILE *file);

#endif
