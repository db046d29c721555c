/* What a machine is made of. Private to libvmxsim/ and libvmxsim/platform/. */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_MACHINE_INTERNAL_H
#define VMXSIM_LIBVMXSIM_MACHINE_MACHINE_INTERNAL_H

#include <stdatomic.h>

#include "cpu/exec/cpuid.h"
#include "cpu/mmu/memory.h"
#include "cpu/observe.h"
#include "cpu/state_table.h"
#include "cpu/timing/timing.h"
#include "cpu/vcpu.h"
#include "decode/blocks.h"
#include "vmxsim/snapshot.h"

enum {
  VCPUS_MAX = 64,
  PORT_RANGES_MAX = 64,
  TIMERS_MAX = 32,
  BREAKPOINTS_MAX = 64,
  OWNED_RAM_MAX = 64,
  HOOKS_MAX = 64
};

struct port_range {
  uint16_t first, last;
  vmxsim_port_read *read;
  vmxsim_port_write *write;
  void *context;
};

struct timer {
  uint64_t cycle;
  vmxsim_timer *expired;
  void *context;
  const char *name; /* in snapshots; NULL: none */
};

/* Devices' state for snapshots (libvmxsim/snapshot/). */
struct device_state {
  const char *name;
  const struct state_table *table;
  void *object;
  void (*restored)(void *context); /* NULL: nothing is derived from it */
  void *context;
  bool is_configuration; /* has to be equal, and is not restored */
};
enum { DEVICE_STATES_MAX = 32 + 1 + VCPUS_MAX, EMBEDDER_PARTS_MAX = 32 };

/* Where blocks begin: a small cache over fetch_unknown() by linear address. A link is good in its mode and as long as
 * vcpu.code_changes stays the same: both are its key. After that it can be renewed if no block was dropped since. */
enum { KNOWN_BLOCKS = 4096 };

struct hook {
  struct machine *machine;
  struct vmxsim_hook_range range;
  vmxsim_hook *hook; /* NULL: the place is free */
  void *context;
  vmxsim_hook_id id;
};

/* Why the run is to end; meaningless while `stop` is false. */
struct stop {
  enum vmxsim_stop_reason reason;
  uint64_t address;
  vmxsim_hook_id hook;
};

/* The embedder's handle on a vCPU: the vCPU and what running it needs. */
struct vmxsim_vcpu {
  struct vcpu cpu;
  struct block_cache *blocks;
  struct block_link known[KNOWN_BLOCKS];
  /* The ops of a single step: the one and the end marker. */
  struct ir_op single[2];
  uint64_t instructions;
  /* Hooks and breakpoints at this linear address have been served, and no instruction has been executed since
   * `instructions` was that. */
  uint64_t passed, passed_instructions;
  bool has_passed;
  char caches_name[16]; /* in snapshots */
  /* progress.c: the state that the vCPU has to come back to. */
  struct vcpu taken_down;
  uint64_t taken_down_tlb;
};

/* Whose turn it is: the vCPU `machine.running`, until its clock gets to `until`. A run that is cut short leaves it
 * open, so that how a run is cut does not change who runs when. */
struct turn {
  bool open;
  uint64_t until;
};

/* trace_hash.h */
struct trace_hash {
  bool on;
  uint64_t value;
};

/* progress.c: looks at whether the vCPUs go round in loops. */
enum { PROGRESS_LINES = 64 };
enum progress_phase { PROGRESS_RESTS, PROGRESS_LEARNS, PROGRESS_COMPARES };

struct progress {
  enum progress_phase phase;
  uint64_t first_window;    /* 0: the usual one */
  uint64_t look_at, window; /* the cycle of the next look, and how long after the last one that is */
  uint64_t left;            /* instructions of this phase */
  bool failed; /* something has been accessed that is not plain memory, or too much of it, or a hook was called */
  bool interruptible;       /* with interrupts enabled somewhere in a loop */
  bool changes_memory;      /* even if it changes it back */
  uint64_t loops, returned; /* vCPUs that do not wait; that have come back to their state */
  /* Of the instruction under execution: the lines that it has written; before it, how many there were of the vCPU,
   * whether that waited, and whether it was in VMX non-root operation. */
  uint64_t written, instructions;
  bool waits, in_non_root;
  unsigned lines; /* that the loops write */
  struct progress_line {
    uint64_t address;
    uint8_t bytes[64];
  } line[PROGRESS_LINES];
};

struct machine {
  struct vmxsim_allocator allocator;
  bool has_allocator; /* else `allocator` is the C library's, which cpu/allocate.h knows as NULL */
  struct vmxsim_capabilities processor;
  const struct vmxsim_profile *profile; /* that the processor is most like */
  struct instruction_changes instructions;
  struct physical_memory *memory;
  struct vmxsim_vcpu *vcpu[VCPUS_MAX];
  unsigned vcpus;
  unsigned running; /* index of the vCPU that runs */
  struct turn turn;
  enum timing_model timing;
  struct caches_shared *caches; /* in `memory`; else NULL */
  uint64_t tsc_hz;
  uint64_t random;
  struct port_range ports[PORT_RANGES_MAX]; /* later ones cover earlier ones */
  size_t port_ranges;
  unsigned port_byte_cycles; /* what a byte on the bus of the ports takes, beyond the instruction; not in `fixed` */
  bool asleep;               /* S3: the processors are shut down until a device's timer resets them */
  struct timer timers[TIMERS_MAX];
  size_t timer_count;
  uint64_t next_timer; /* the first cycle of any, UINT64_MAX for none: machine_timers_changed() */
  /* Whether timers with this context do no more now than to request maskable interrupts. NULL: they may do anything. */
  bool (*only_interrupt)(const void *context);
  void *only_interrupt_context;
  struct progress progress;
  uint64_t breakpoint[BREAKPOINTS_MAX];
  size_t breakpoints;
  struct hook hooks[HOOKS_MAX];
  unsigned code_hooks; /* how many are on execution */
  vmxsim_hook_id last_hook;
  struct vcpu_listener listener;
  vmxsim_on_event *on_event;
  void *event_context;
  vmxsim_cpuid *on_cpuid;
  void *cpuid_context;
  vmxsim_msr *on_msr;
  void *msr_context;
  enum vmxsim_msr_scope msr_scope;
  enum vmxsim_unmapped unmapped;
  vmxsim_mmio_read *unmapped_read;
  vmxsim_mmio_write *unmapped_write;
  void *unmapped_context;
  bool is_running, is_stepping, is_telling;
  bool out_of_memory; /* in this run */
  struct owned_ram {
    void *memory;
    size_t size;
  } owned_ram[OWNED_RAM_MAX];
  size_t owned_rams;
  struct device_state device_state[DEVICE_STATES_MAX];
  size_t device_states;
  struct vmxsim_snapshot_part embedder_part[EMBEDDER_PARTS_MAX];
  size_t embedder_parts;
  uint64_t snapshots, base_snapshot; /* made so far; the one that changes of RAM are counted from, 0: none */
  struct trace_hash hash;
  atomic_bool stop;
  struct stop why; /* of a stop that is not vmxsim_machine_stop()'s */
  char error[200];
};

static inline struct vcpu *machine_running(const struct machine *machine) {
  return &machine->vcpu[machine->running]->cpu;
}

/* The public name of the same thing. */
struct vmxsim_machine {
  struct machine machine;
};

/* fetch.c: the block at s.rip where fetch_known() knows none, decoded if need be; NULL with an exception pending, or
 * out of memory. */
struct block *fetch_unknown(struct vmxsim_vcpu *vcpu);

static inline uint64_t fetch_linear(const struct vcpu *v) {
  return vcpu_code_linear(v, v->s.rip);
}

static inline uint64_t fetch_key(const struct vcpu *v) {
  return v->code_changes << 32 | v->mode;
}

/* A block may have been decoded when the limit of CS was a higher one. */
static inline bool fetch_within_limit(const struct vcpu *v, const struct block *block) {
  return (v->mode & DECODE_CODE_64) || v->s.rip + block->bytes <= (uint64_t)v->s.segment[VMXSIM_CS].limit + 1;
}

static inline struct block_link *fetch_entry(struct vmxsim_vcpu *vcpu, uint64_t linear) {
  return &vcpu->known[(linear ^ linear >> 12) % KNOWN_BLOCKS];
}

/* fetch.c: a link from before translations were dropped holds again if the page's has come back the same. */
bool fetch_renew(struct vmxsim_vcpu *vcpu, struct block_link *link);

static inline bool fetch_link_holds(struct vmxsim_vcpu *vcpu, struct block_link *link, uint64_t linear) {
  if (link->linear != linear || (link->key != fetch_key(&vcpu->cpu) && !fetch_renew(vcpu, link))) return false;
  return fetch_within_limit(&vcpu->cpu, link->block);
}

/* The block at s.rip if it is known; NULL: ask fetch_unknown(). */
static inline struct block *fetch_known(struct vmxsim_vcpu *vcpu) {
  const uint64_t linear = fetch_linear(&vcpu->cpu);
  struct block_link *const known = fetch_entry(vcpu, linear);
  return fetch_link_holds(vcpu, known, linear) ? known->block : NULL;
}

/* The same for the block behind `block`, which remembers the last two. */
static inline struct block *fetch_next(struct vmxsim_vcpu *vcpu, struct block *block) {
  const uint64_t linear = fetch_linear(&vcpu->cpu);
  if (fetch_link_holds(vcpu, &block->link[0], linear)) return block->link[0].block;
  if (fetch_link_holds(vcpu, &block->link[1], linear)) return block->link[1].block;
  struct block_link *const known = fetch_entry(vcpu, linear);
  if (!fetch_link_holds(vcpu, known, linear)) return NULL;
  block->link[1] = block->link[0];
  block->link[0] = *known;
  return known->block;
}

/* The end marker of a block: sets s.rip to what follows and returns. */
void fetch_end_of_block(struct vcpu *vcpu, const struct ir_op *op);

static inline const struct vmxsim_allocator *machine_allocator(const struct machine *machine) {
  return machine->has_allocator ? &machine->allocator : NULL;
}

/* machine.c: has the error's text, and returns `status`. */
vmxsim_status machine_fail(struct machine *machine, vmxsim_status status, const char *text);

/* It runs, or tells its listener of something. */
static inline bool machine_is_busy(const struct machine *machine) {
  return machine->is_running || machine->is_telling;
}

/* machine.c: VMXSIM_ERROR_BUSY then, with its text. */
vmxsim_status machine_check_idle(struct machine *machine);

/* hooks.c: execution hooks and breakpoints. Decoding asks whether a block has to begin at an instruction: whether, by
 * the page offset that linear and physical addresses share, something may be on it. */
bool hooks_may_be_at(const struct machine *machine, uint64_t physical);
/* Before a block at which hooks may be: calls them, and returns whether its first instruction may be executed now. If
 * not, the run is to end, or to look again at what there is. */
bool hooks_pass(struct vmxsim_vcpu *vcpu, uint64_t physical);

/* snapshot/parts.c; false: too many */
bool machine_add_device_state(struct machine *machine, const struct device_state *state);

/* run.c */
void machine_signalled(struct vcpu *vcpu); /* vcpu.signalled */
/* Has the run end at the next boundary. The first reason counts. */
void machine_stop_for(struct machine *machine, const struct stop *why);
void machine_timers_changed(struct machine *machine);
/* Whether no timer that is set can bring more than interrupts that a vCPU can mask. */
bool machine_timers_only_interrupt(const struct machine *machine);
void machine_expire_timers(struct machine *machine, uint64_t now);

#endif
