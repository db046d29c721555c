/* A machine: processors over one memory, with devices as callbacks.
 *
 *   create, map memory (memory.h), set registers (registers.h), run until something stops it, look.
 *
 * One machine belongs to one thread; only vmxsim_machine_stop() may be called from another. Callbacks of a machine that
 * runs may call everything but what says VMXSIM_ERROR_BUSY, and vmxsim_machine_destroy(). Nothing is global; nothing
 * prints, exits or handles signals. All addresses are guest-physical unless "linear" is said. Pointers may not be NULL
 * unless that is said.
 */
#ifndef VMXSIM_MACHINE_H
#define VMXSIM_MACHINE_H

#include "vmxsim/allocator.h"
#include "vmxsim/capabilities.h"
#include "vmxsim/events.h"
#include "vmxsim/hooks.h"
#include "vmxsim/memory.h"
#include "vmxsim/registers.h"
#include "vmxsim/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a cycle is (docs/timing.md). */
enum vmxsim_timing {
  VMXSIM_TIMING_FIXED,   /* an instruction, or an iteration of REP */
  VMXSIM_TIMING_LATENCY, /* from published tables: instructions, TLB misses, events and other transitions */
  VMXSIM_TIMING_MEMORY,  /* the same, and data caches; many times slower to run */
};

/* Zeros mean the default. Begins with its size, so that later versions can add to it. */
struct vmxsim_machine_options {
  size_t size;                                 /* sizeof(struct vmxsim_machine_options) */
  const struct vmxsim_capabilities *processor; /* NULL: `max`; copied */
  unsigned vcpus;                              /* 1 to 64; 0: 1 */
  enum vmxsim_timing timing;
  uint64_t seed;                            /* of RDRAND and RDSEED */
  uint64_t tsc_hz;                          /* cycles a second of guest time; 0: 2,000,000,000 */
  const struct vmxsim_allocator *allocator; /* NULL: the C library's; copied. For all memory of the machine */
  /* Instruction sets that the processor has or lacks, unlike what `processor` implies: "-avx2,+sha"
   * (vmxsim_instruction_set_name()). One that is off is #UD, as are those that build on it, and its CPUID bit is 0.
   * NULL: none. */
  const char *instruction_sets;
  /* How long a run may be before it is looked at whether it makes any progress (VMXSIM_STOP_NO_PROGRESS); the looks
   * after that get rarer. 0: 100,000,000 cycles; UINT64_MAX: never. */
  uint64_t progress_cycles;
};

/** Makes a machine in the state after power-up. Errors: VMXSIM_ERROR_ARGUMENT, VMXSIM_ERROR_UNKNOWN_NAME (of an
 * instruction set), VMXSIM_ERROR_MEMORY; *machine is NULL then. `options` may be NULL. */
vmxsim_status vmxsim_machine_create(const struct vmxsim_machine_options *options, vmxsim_machine **machine);
/* NULL is allowed. From a callback of the running machine it does nothing: stop it, and destroy it behind the run. */
void vmxsim_machine_destroy(vmxsim_machine *machine);
/** The text of the last error of this machine; "" if none. */
const char *vmxsim_machine_error(const vmxsim_machine *machine);

/** Names of the instruction sets that a processor may have or lack: "avx2". NULL past the last. */
const char *vmxsim_instruction_set_name(unsigned number);

/* --- ports ---------------------------------------------------------------------------------------------------------
 */

/* `size` is 1, 2 or 4 bytes. They may call vmxsim_machine_stop(): the run ends behind the instruction (of a REP, behind
 * the iteration). */
typedef uint32_t vmxsim_port_read(void *context, uint16_t port, unsigned size);
typedef void vmxsim_port_write(void *context, uint16_t port, unsigned size, uint32_t value);
/** Ports first to last. NULL for one of the functions: reads as ones, ignores writes, as ports that nobody has do.
 * Later ranges cover earlier ones. Errors: VMXSIM_ERROR_ARGUMENT, VMXSIM_ERROR_LIMIT (64 ranges). */
vmxsim_status vmxsim_machine_map_ports(vmxsim_machine *machine, uint16_t first, uint16_t last, vmxsim_port_read *read,
                                       vmxsim_port_write *write, void *context);

/* --- processors ----------------------------------------------------------------------------------------------------
 */

vmxsim_vcpu *vmxsim_machine_vcpu(vmxsim_machine *machine, unsigned index); /* NULL if there is none */
unsigned vmxsim_vcpu_index(const vmxsim_vcpu *vcpu);
uint64_t vmxsim_vcpu_cycles(const vmxsim_vcpu *vcpu);
uint64_t vmxsim_vcpu_instructions(const vmxsim_vcpu *vcpu); /* executed since the machine was made */

/** An interrupt message with fixed delivery to the vCPU's local APIC; VMXSIM_ERROR_ARGUMENT: `vector` is below 16. */
vmxsim_status vmxsim_vcpu_inject_interrupt(vmxsim_vcpu *vcpu, uint8_t vector);
vmxsim_status vmxsim_vcpu_inject_nmi(vmxsim_vcpu *vcpu);
vmxsim_status vmxsim_vcpu_inject_smi(vmxsim_vcpu *vcpu);
vmxsim_status vmxsim_vcpu_inject_init(vmxsim_vcpu *vcpu);
/** A machine-check event, of which no bank tells anything: #MC, or shutdown if CR4.MCE is 0 or one is being handled. */
vmxsim_status vmxsim_vcpu_inject_machine_check(vmxsim_vcpu *vcpu);
/** The start-up IPI: execution begins at vector * 4096, if the vCPU waits for one. */
vmxsim_status vmxsim_vcpu_inject_startup(vmxsim_vcpu *vcpu, uint8_t vector);
/** The line INTR of an external interrupt controller, which is asked for the vector when the vCPU acknowledges. */
vmxsim_status vmxsim_vcpu_raise_line(vmxsim_vcpu *vcpu, bool level);
typedef uint8_t vmxsim_interrupt_acknowledge(void *context);
void vmxsim_machine_set_acknowledge(vmxsim_machine *machine, vmxsim_interrupt_acknowledge *acknowledge, void *context);

/* --- running -------------------------------------------------------------------------------------------------------
 */

enum vmxsim_stop_reason {
  VMXSIM_STOP_BUDGET,     /* the cycles of vmxsim_machine_run() are used up */
  VMXSIM_STOP_REQUEST,    /* vmxsim_machine_stop(), from another thread or from a callback */
  VMXSIM_STOP_BREAKPOINT, /* at `rip`, before its instruction */
  VMXSIM_STOP_SHUTDOWN,   /* triple fault of a vCPU, and nothing can wake any */
  VMXSIM_STOP_IDLE,       /* every vCPU waits for what nothing will bring */
  VMXSIM_STOP_STEP,       /* vmxsim_vcpu_step() is done */
  VMXSIM_STOP_HOOK,       /* a hook asked for it: `address` is what it was called for, `hook` which */
  VMXSIM_STOP_UNMAPPED,   /* VMXSIM_UNMAPPED_STOP: `address` is guest-physical; the instruction has completed */
  /* The run would go on for ever without doing anything: every vCPU either waits or has come back to exactly the state
   * that it was in before, memory included, and nothing can happen that ends that: no timer is set that could interrupt
   * it, and it looks at no clock, port or device. It is noticed some time later (progress_cycles). That it is reported
   * is certain to be right; that it is noticed is not certain (loops of many thousands of instructions, or that hooks
   * are called in). Running on is allowed, and stops in the same way unless something has changed. */
  VMXSIM_STOP_NO_PROGRESS,
};
/** A short English phrase; never NULL. */
const char *vmxsim_stop_reason_text(enum vmxsim_stop_reason reason);

struct vmxsim_run_result {
  enum vmxsim_stop_reason reason;
  unsigned vcpu;         /* the one that stopped it */
  uint64_t rip;          /* its RIP */
  uint64_t cycles;       /* its cycles */
  uint64_t instructions; /* executed in this run by all vCPUs */
  uint64_t address;
  vmxsim_hook_id hook;
};

/** Runs until something stops it. `budget` is in cycles, counted from the clock of the vCPU that runs first; 0 for
 * none. Where a run is cut changes nothing of what the guest does. The host's MXCSR and x87 control word are left
 * as they were found. VMXSIM_ERROR_BUSY: the machine runs already (a callback has called it). VMXSIM_ERROR_MEMORY:
 * there was none for decoded code; *result is filled in, and the machine can be run on. */
vmxsim_status vmxsim_machine_run(vmxsim_machine *machine, uint64_t budget, struct vmxsim_run_result *result);
/** The same for one instruction (one iteration of a REP), or one event, of the vCPU whose turn it is. */
vmxsim_status vmxsim_machine_step(vmxsim_machine *machine, struct vmxsim_run_result *result);
/** One instruction or event of the given vCPU, whosever turn it is. */
vmxsim_status vmxsim_vcpu_step(vmxsim_vcpu *vcpu, struct vmxsim_run_result *result);
/** Ends the run at the next boundary between instructions; if the machine does not run, the next run at once. From any
 * thread, from a callback, or from a signal handler. */
void vmxsim_machine_stop(vmxsim_machine *machine);
/** A callback at a cycle of guest time, for devices' timers; 0 removes it. `expired` and `context` name the timer.
 * VMXSIM_ERROR_LIMIT: there are 32. */
typedef void vmxsim_timer(void *context);
vmxsim_status vmxsim_machine_set_timer(vmxsim_machine *machine, uint64_t cycle, vmxsim_timer *expired, void *context);
uint64_t vmxsim_machine_now(const vmxsim_machine *machine); /* cycles of the vCPU that runs */

#ifdef __cplusplus
}
#endif
#endif
