/* The VMM of each processor: VMX operation on and off, and the regions that VMX wants. */
#ifndef GUEST_VMM_VMM_H
#define GUEST_VMM_VMM_H

#include "vmm/capabilities.h"

/* A VMXON region or a VMCS region. */
struct region {
  uint8_t bytes[4096];
} __attribute__((aligned(4096)));

/* The VMM control block of a processor. Only its processor writes to it. */
struct vmm {
  struct capabilities capabilities;
  bool in_vmx_operation;
};

/* The block of the processor that asks. A task must ask again after it has moved. */
struct vmm *this_vmm(void);

/* Clears a region and puts the revision identifier into it. */
void region_initialize(struct region *region, const struct capabilities *capabilities);

/* Brings the calling processor into VMX operation, or says on the console why not. */
bool vmm_start(void);
void vmm_stop(void);

#endif
