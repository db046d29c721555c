/* A machine: processors over one memory, with devices as callbacks.
 *
 *   create, map memory, set registers, run until something stops it, look.
 *
 * One machine belongs to one thread; only vmxsim_machine_stop() may be called from another. Nothing is global; nothing
 * prints, exits or handles signals. All addresses are guest-physical unless "linear" is said.
 */
#ifndef VMXSIM_MACHINE_H
#define VMXSIM_MACHINE_H

#include "vmxsim/input.h"
#include "vmxsim/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmxsim_machine vmxsim_machine;
typedef struct vmxsim_vcpu vmxsim_vcpu;

enum vmxsim_timing { VMXSIM_TIMING_FIXED, VMXSIM_TIMING_LATENCY, VMXSIM_TIMING_MEMORY };

/* Zeros mean the default. Begins with its size, so that later versions can add to it. */
struct vmxsim_machine_options {
  size_t size;                                 /* sizeof(struct vmxsim_machine_options) */
  const struct vmxsim_capabilities *processor; /* NULL: `max`; copied */
  unsigned vcpus;                              /* 1 to 64; 0: 1 */
  enum vmxsim_timing timing;
  uint64_t seed;                            /* of RDRAND and RDSEED */
  uint64_t tsc_hz;                          /* cycles a second of guest time; 0: 2,000,000,000 */
  const struct vmxsim_allocator *allocator; /* NULL: realloc and free */
};

vmxsim_status vmxsim_machine_create(const struct vmxsim_machine_options *options, vmxsim_machine **machine);
void vmxsim_machine_destroy(vmxsim_machine *machine); /* NULL is allowed */
/* The text of the last error of this machine; "" if none. */
const char *vmxsim_machine_error(const vmxsim_machine *machine);

/* --- memory: addresses and sizes are multiples of 4096 --- */

enum vmxsim_memory_kind { VMXSIM_RAM, VMXSIM_ROM };
/* `host` is the embedder's and must outlive the mapping; NULL: the machine allocates zeroed memory. */
vmxsim_status vmxsim_machine_map(vmxsim_machine *machine, uint64_t address, uint64_t size, enum vmxsim_memory_kind kind,
                                 void *host);
typedef uint64_t vmxsim_mmio_read(void *context, uint64_t address, unsigned size);
typedef void vmxsim_mmio_write(void *context, uint64_t address, unsigned size, uint64_t value);
vmxsim_status vmxsim_machine_map_mmio(vmxsim_machine *machine, uint64_t address, uint64_t size, vmxsim_mmio_read *read,
                                      vmxsim_mmio_write *write, void *context);
vmxsim_status vmxsim_machine_unmap(vmxsim_machine *machine, uint64_t address, uint64_t size);
vmxsim_status vmxsim_machine_read(vmxsim_machine *machine, uint64_t address, void *bytes, size_t size);
vmxsim_status vmxsim_machine_write(vmxsim_machine *machine, uint64_t address, const void *bytes, size_t size);
/* One bit a page, set if it was written since the log was last cleared. */
vmxsim_status vmxsim_machine_dirty_log(vmxsim_machine *machine, uint64_t address, uint64_t size, uint64_t *bits,
                                       bool clear);

/* --- ports --- */

typedef uint32_t vmxsim_port_read(void *context, uint16_t port, unsigned size);
typedef void vmxsim_port_write(void *context, uint16_t port, unsigned size, uint32_t value);
vmxsim_status vmxsim_machine_map_ports(vmxsim_machine *machine, uint16_t first, uint16_t last, vmxsim_port_read *read,
                                       vmxsim_port_write *write, void *context);

/* --- processors --- */

vmxsim_vcpu *vmxsim_machine_vcpu(vmxsim_machine *machine, unsigned index); /* NULL if there is none */
/* The whole architectural state, RFLAGS complete. Setting it checks nothing but what would harm the library. */
void vmxsim_vcpu_get_state(vmxsim_vcpu *vcpu, struct vmxsim_state *state);
vmxsim_status vmxsim_vcpu_set_state(vmxsim_vcpu *vcpu, const struct vmxsim_state *state);
uint64_t vmxsim_vcpu_cycles(const vmxsim_vcpu *vcpu);
/* Linear to physical through the vCPU's page tables, without side effects; VMXSIM_ERROR_GUEST_MEMORY if not mapped. */
vmxsim_status vmxsim_vcpu_translate(vmxsim_vcpu *vcpu, uint64_t linear, uint64_t *physical);
vmxsim_status vmxsim_vcpu_inject_interrupt(vmxsim_vcpu *vcpu, uint8_t vector); /* by its local APIC */
vmxsim_status vmxsim_vcpu_inject_nmi(vmxsim_vcpu *vcpu);
vmxsim_status vmxsim_vcpu_raise_line(vmxsim_vcpu *vcpu, bool level); /* INTR, with acknowledge below */
typedef uint8_t vmxsim_interrupt_acknowledge(void *context);
void vmxsim_machine_set_acknowledge(vmxsim_machine *machine, vmxsim_interrupt_acknowledge *acknowledge, void *context);

/* --- running --- */

enum vmxsim_stop_reason {
  VMXSIM_STOP_BUDGET,     /* the cycles of vmxsim_machine_run() are used up */
  VMXSIM_STOP_REQUEST,    /* vmxsim_machine_stop() */
  VMXSIM_STOP_BREAKPOINT, /* at vmxsim_run_result.rip, before its instruction */
  VMXSIM_STOP_SHUTDOWN,   /* triple fault of a vCPU and nothing can wake it */
  VMXSIM_STOP_IDLE,       /* every vCPU waits for what no timer will bring */
  VMXSIM_STOP_STEP,       /* one instruction was executed */
};

struct vmxsim_run_result {
  enum vmxsim_stop_reason reason;
  unsigned vcpu;         /* the one that stopped it */
  uint64_t rip;          /* its RIP */
  uint64_t cycles;       /* its cycles */
  uint64_t instructions; /* executed in this run by all vCPUs */
};

/* Runs until something stops it; `budget` is in cycles of the vCPU that runs first, 0 for none. Where a run is cut does
 * not change what happens: the next one goes on as if there had been no cut. */
vmxsim_status vmxsim_machine_run(vmxsim_machine *machine, uint64_t budget, struct vmxsim_run_result *result);
/* The same for one instruction (one iteration of a REP), or one event, of the vCPU whose turn it is. */
vmxsim_status vmxsim_machine_step(vmxsim_machine *machine, struct vmxsim_run_result *result);
/* One instruction or event of the given vCPU, whosever turn it is. */
vmxsim_status vmxsim_vcpu_step(vmxsim_vcpu *vcpu, struct vmxsim_run_result *result);
void vmxsim_machine_stop(vmxsim_machine *machine); /* from any thread, or from a callback */
vmxsim_status vmxsim_machine_set_breakpoint(vmxsim_machine *machine, uint64_t linear, bool set);
/* A callback at a cycle of guest time, for devices' timers: 0 removes it. The handle is the embedder's context. */
typedef void vmxsim_timer(void *context);
vmxsim_status vmxsim_machine_set_timer(vmxsim_machine *machine, uint64_t cycle, vmxsim_timer *expired, void *context);
uint64_t vmxsim_machine_now(const vmxsim_machine *machine); /* cycles of the vCPU that runs */

#ifdef __cplusplus
}
#endif
#endif
