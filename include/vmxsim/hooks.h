/* Hooks: callbacks when code in a range is executed, or data in it read or written; breakpoints; what CPUID and RDMSR
 * answer.
 *
 * None costs anything where it is not: execution hooks are decided when code is decoded, and data hooks keep their
 * pages out of the cache of host pointers. None changes what the guest sees, cycles included, unless it does so itself.
 */
#ifndef VMXSIM_HOOKS_H
#define VMXSIM_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_machine vmxsim_machine;
typedef struct vmxsim_vcpu vmxsim_vcpu;

/* Bits. */
enum vmxsim_hook_kind {
  VMXSIM_HOOK_EXECUTE = 1, /* before an instruction that begins in the range */
  VMXSIM_HOOK_READ = 2,
  VMXSIM_HOOK_WRITE = 4,
};

/* What a hook is on: addresses first to last, both inside. */
struct vmxsim_hook_range {
  unsigned kinds;   /* enum vmxsim_hook_kind */
  bool is_physical; /* guest-physical addresses; else linear ones */
  uint64_t first, last;
};

/* What has happened. The struct is valid during the call. */
struct vmxsim_hook_access {
  size_t size; /* of this struct */
  vmxsim_vcpu *vcpu;
  enum vmxsim_hook_kind kind;
  uint64_t linear;
  uint64_t physical;
  size_t bytes; /* that are accessed, from `linear` on; 0 for execution. They may go on in another page */
};

enum vmxsim_hook_answer {
  VMXSIM_HOOK_CONTINUE,
  VMXSIM_HOOK_STOP, /* the run ends with VMXSIM_STOP_HOOK: before the instruction, or behind one that accessed data */
};

/** An execution hook is called with everything before the instruction done; it may read and change registers and
 * memory, and the vCPU goes on from what it leaves. It is called again for an instruction that faulted or was
 * interrupted, but not for one that a run goes on with after the hook or a breakpoint stopped it there.
 *
 * A data hook is called when the access can fault no more: a write has been done, but for read-modify-writes, which are
 * one write and are seen before memory changes. It may not set registers (VMXSIM_ERROR_BUSY). Walks of the paging
 * structures and the state save map of SMM are not seen.
 *
 * Either may add and remove hooks, itself included. */
typedef enum vmxsim_hook_answer vmxsim_hook(void *context, const struct vmxsim_hook_access *access);

/* Names a hook; 0 is none. */
typedef unsigned vmxsim_hook_id;

/** Adds a hook. `context` stays the embedder's. Hooks are called in the order in which they were added.
 * Errors: VMXSIM_ERROR_ARGUMENT (no kind, last before first), VMXSIM_ERROR_LIMIT (64 hooks), VMXSIM_ERROR_MEMORY. */
vmxsim_status vmxsim_machine_add_hook(vmxsim_machine *machine, const struct vmxsim_hook_range *range, vmxsim_hook *hook,
                                      void *context, vmxsim_hook_id *id);
/** VMXSIM_ERROR_ARGUMENT: there is no such hook (any more). */
vmxsim_status vmxsim_machine_remove_hook(vmxsim_machine *machine, vmxsim_hook_id id);

/** Sets or removes a breakpoint at a linear address (CS base included): runs end there before the instruction, with
 * VMXSIM_STOP_BREAKPOINT. A run that goes on from there executes it; so does vmxsim_vcpu_step(), which knows no
 * breakpoints. VMXSIM_ERROR_LIMIT: there are 64 already. */
vmxsim_status vmxsim_machine_set_breakpoint(vmxsim_machine *machine, uint64_t linear, bool set);

/* --- CPUID and MSRs ------------------------------------------------------------------------------------------------
 */

/** Called behind the model's own answer, which may be changed: registers are EAX, EBX, ECX, EDX. What the processor
 * executes does not follow from that: see vmxsim_machine_options. NULL removes it. */
typedef void vmxsim_cpuid(void *context, vmxsim_vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]);
vmxsim_status vmxsim_machine_on_cpuid(vmxsim_machine *machine, vmxsim_cpuid *callback, void *context);

enum vmxsim_msr_answer {
  VMXSIM_MSR_MODEL, /* as without a callback */
  VMXSIM_MSR_DONE,  /* read (*value is set) or written */
  VMXSIM_MSR_FAULT, /* #GP(0) */
};
enum vmxsim_msr_scope {
  VMXSIM_MSR_REFUSED, /* asked only where the model would raise #GP(0): MSRs that it does not know, values it refuses */
  VMXSIM_MSR_ALL,     /* asked first, about every RDMSR and WRMSR at CPL 0 */
};
/** `write`: *value is to be written; else it is to be set. NULL removes it. */
typedef enum vmxsim_msr_answer vmxsim_msr(void *context, vmxsim_vcpu *vcpu, uint32_t msr, bool write, uint64_t *value);
vmxsim_status vmxsim_machine_on_msr(vmxsim_machine *machine, enum vmxsim_msr_scope scope, vmxsim_msr *callback,
                                    void *context);

#ifdef __cplusplus
}
#endif
#endif
