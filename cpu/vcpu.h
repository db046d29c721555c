/* One virtual processor: the architectural state and what execution keeps beside it. Private to cpu/ and libvmxsim/.
 *
 * Who changes what: cpu/exec the general state; cpu/mmu translations; cpu/events exceptions, interrupts and what is
 * pending at the next boundary; cpu/apic the local APIC; cpu/timing the cycles of an op.
 */
#ifndef VMXSIM_CPU_VCPU_H
#define VMXSIM_CPU_VCPU_H

#include <stdatomic.h>

#include "cpu/timing/transitions.h"
#include "cpu/vectors.h"
#include "decode/decode.h"
#include "vmxsim/allocator.h"
#include "vmxsim/capabilities.h"
#include "vmxsim/state.h"
#include "vmxsim/vmx.h"

struct machine;
struct mmu;
struct apic;
struct block;
struct cpuid_table;
struct vcpu_listener;

/* The arithmetic flags, computed when somebody asks: the last operation that set them (cpu/exec/flags.h). */
enum lazy_kind {
  LAZY_NONE, /* RFLAGS holds them */
  LAZY_ADD,  /* result = a + b */
  LAZY_ADC,  /* result = a + b + 1; without carry in it is LAZY_ADD */
  LAZY_SUB,  /* result = a - b */
  LAZY_SBB,  /* result = a - b - 1 */
  LAZY_LOGIC,
  LAZY_INC, /* CF is in RFLAGS */
  LAZY_DEC,
  LAZY_RESULT, /* ZF, SF, PF follow from result; CF, OF, AF are in RFLAGS */
  LAZY_SHL,    /* `a` shifted by `b`, which is 1 to 63 */
  LAZY_SHR,
  LAZY_SAR,
};

struct lazy_flags {
  uint64_t result, a, b; /* zero-extended from `size` */
  uint8_t kind;
  uint8_t size; /* 1, 2, 4, 8 bytes */
};

/* An exception that an op has raised. The op has committed nothing; the run loop delivers it. */
struct exception {
  bool pending;
  uint8_t vector;
  bool has_error_code;
  bool is_software;            /* INT n, INT3, INTO: delivered with the RIP of the next instruction */
  bool is_privileged_software; /* INT1 */
  uint32_t error_code;
  uint64_t address; /* CR2 of #PF; DR6 bits of #DB */
};

/* x87, MMX, SSE, AVX. `st` is by physical register; MMX registers are its significands. */
struct x87_register {
  uint64_t significand;
  uint16_t sign_exponent;
};
struct fpu {
  struct x87_register st[8];
  uint16_t control, status; /* status without TOP */
  uint8_t top;
  uint8_t tags; /* abridged: bit n set if physical register n is not empty */
  uint16_t opcode;
  uint64_t instruction, data; /* FIP, FDP */
  uint16_t instruction_selector, data_selector;
  uint32_t mxcsr;
  _Alignas(32) uint8_t ymm[16][32];
};

/* Why the run loop has to look up before the next op. Any bit set makes exec_next() return. The run loop clears what it
 * has seen; ATTENTION_STOP stays until the run has ended. */
enum attention {
  ATTENTION_BOUNDARY = 1 << 0, /* something may be deliverable: interrupt, NMI, SMI, debug trap, end of a shadow */
  ATTENTION_MODE = 1 << 1,     /* the mode or translations changed: the block's key may be stale */
  ATTENTION_CODE = 1 << 2,     /* decoded code was written to */
  ATTENTION_STOP = 1 << 3,     /* the embedder, a breakpoint, the budget */
};

/* Which ops of a block have cost more than they say, and vcpu.cycles after each; for the hash of a trace. */
struct extra_log {
  bool on;
  unsigned count;
  struct {
    const struct ir_op *op;
    uint64_t clock;
  } entry[64];
};

struct vcpu {
  struct vmxsim_state s;
  struct lazy_flags lazy;
  struct exception exception;
  atomic_uint attention; /* enum attention; other threads set ATTENTION_STOP */

  /* The block under execution. s.rip is that of the block's start while ops run; an op that needs its own uses
   * vcpu_rip(), one that ends the block sets s.rip. */
  uint64_t block_rip;
  const struct ir_op *current; /* the op under execution: kept by vcpu_next() and the run loop */
  decode_mode mode;            /* from CR0, CR4, EFER, CS, SS, RFLAGS.VM, CPL: vcpu_update_mode() */
  uint8_t cpl;

  uint64_t cycles;       /* of this vCPU, complete at boundaries; what the ops of a block cost is added at its end */
  uint64_t next_event;   /* cycle at which the run loop must stop exactly */
  uint64_t block_end;    /* the clock at the end of the block, if nothing costs extra */
  uint64_t code_changes; /* counts what makes it uncertain which code is where: linear addresses of known blocks */

  struct fpu fpu;
  struct mmu *mmu;
  struct apic *apic;
  struct machine *machine;
  const struct vmxsim_allocator *allocator; /* NULL: the C library's */
  const struct vmxsim_capabilities *capabilities;
  const struct cpuid_table *cpuid;
  bool is_accounted;   /* `cycles` is complete though `current` is still set: what follows from an op is being done */
  uint64_t event_mask; /* VMXSIM_EVENT_BIT() of what somebody listens to: cpu/observe.h */
  const struct vcpu_listener *listener; /* NULL: nobody listens to anything */
  struct decoder decoder;
  unsigned index;  /* 0 ... n-1 */
  uint64_t tsc_hz; /* what MSRs say of the clock; nothing in here knows seconds */

  /* Pending at the boundary (cpu/events/boundary.c). */
  bool nmi_pending, nmi_pending_2, smi_pending, init_pending, sipi_pending, machine_check_pending;
  uint8_t sipi_vector;
  bool interrupt_line; /* INTR from the 8259, virtual wire */
  uint64_t trap_dr6;   /* DR6 bits of debug traps of the instruction that has just completed */
  uint64_t monitor_address;
  bool monitor_armed;
  bool monitor_written; /* there has been a store to the line since it was armed */

  /* What the boundary has to remember of the instruction before it (cpu/events/boundary.c). */
  bool shadow_is_new;  /* it was STI or MOV SS: the shadow that it made lasts one instruction more */
  bool resume_is_new;  /* it loaded RFLAGS.RF, which it therefore does not clear */
  bool single_step;    /* RFLAGS.TF when the next instruction begins: that one traps */
  bool in_repetition;  /* it was a REP string instruction that is not done yet */
  bool state_replaced; /* it was a VM entry or a VM exit: all of the state is new, and nothing follows from before */
  bool nmis_unblocked; /* it is an IRET that has ended blocking by NMI: VM exits of its faults say so */
  bool tpr_below_threshold; /* it brought the virtual TPR below the TPR threshold */
  bool branch_taken;        /* it was a far transfer or the delivery of an event: with near ones, what BTF steps on */
  bool wait_ignores_if;     /* MWAIT, UMWAIT: an interrupt ends the wait though RFLAGS.IF is 0 */
  bool wait_has_limit;      /* UMWAIT, TPAUSE: wake_cycle comes from IA32_UMWAIT_CONTROL (then CF is set) */
  uint64_t wake_cycle;      /* the cycle that ends UMWAIT or TPAUSE; UINT64_MAX in all other states */

  /* Acknowledges an interrupt of the 8259 (INTA cycle) and gives its vector. Set by the machine; NULL: none there. */
  uint8_t (*interrupt_acknowledge)(void *context);
  void *interrupt_acknowledge_context;

  /* An x87 exception with CR0.NE = 0 signals FERR# (IRQ 13 of a PC), and the instruction waits for an interrupt, unless
   * IGNNE# is asserted. That ends with the exception. NULL: nobody listens, and nothing waits. */
  void (*float_error)(void *context);
  void *float_error_context;
  bool ignne;
  bool a20_off; /* A20M# is asserted: mem_set_a20() */

  /* Something was signalled to this vCPU, by whichever one executes. Set by the machine; may be NULL. */
  void (*signalled)(struct vcpu *vcpu);

  uint16_t transition_cycles[TRANSITIONS]; /* by the timing model: timing_transitions() */
  struct extra_log extra_log;

  struct vmxsim_vmx vmx; /* cpu/exec/vmx.h */
};

/* Has the run loop look up. Writing what another thread may write, too, is dear, and often the bits are set already. */
static inline void vcpu_attend(struct vcpu *v, unsigned why) {
  if (~atomic_load_explicit(&v->attention, memory_order_relaxed) & why) atomic_fetch_or(&v->attention, why);
}

/* The RIP of an op, and of the one after it (truncation to 16 or 32 bits is done where RIP is written). */
static inline uint64_t vcpu_rip(const struct vcpu *v, const struct ir_op *op) {
  return v->block_rip + op->offset;
}
static inline uint64_t vcpu_next_rip(const struct vcpu *v, const struct ir_op *op) {
  return v->block_rip + op->offset + op->length;
}

/* Goes on to the next op of the block: the last thing a handler does when nothing stands against it. The last op of
 * every block is one that returns instead. */
static inline void vcpu_next(struct vcpu *v, const struct ir_op *op) {
  v->current = ++op; /* so that after a fault it is known whose it was */
  op->execute(v, op);
}

/* The last of an op's entries counts. A block has less ops than there is room. */
static inline void vcpu_log_extra(struct vcpu *v) {
  struct extra_log *log = &v->extra_log;
  if (!log->count || log->entry[log->count - 1].op != v->current) log->count++;
  if (log->count > sizeof log->entry / sizeof *log->entry) log->count--;
  log->entry[log->count - 1].op = v->current;
  log->entry[log->count - 1].clock = v->cycles;
}

/* Cycles beyond those of the ops: TLB misses and the like. If the block can no longer end before the next event it is
 * left after this op. */
static inline void vcpu_charge(struct vcpu *v, uint64_t cycles) {
  v->cycles += cycles;
  v->block_end += cycles;
  if (v->extra_log.on) vcpu_log_extra(v);
  if (v->block_end > v->next_event) vcpu_attend(v, ATTENTION_BOUNDARY);
}

static inline void vcpu_charge_transition(struct vcpu *v, enum transition transition) {
  if (v->transition_cycles[transition]) vcpu_charge(v, v->transition_cycles[transition]);
}

/* Code that was found at a linear address may be elsewhere now: the next op is looked up again. */
static inline void vcpu_code_changed(struct vcpu *v) {
  v->code_changes++;
  vcpu_attend(v, ATTENTION_CODE);
}

/* An event that may be due was signalled. */
static inline void vcpu_signal(struct vcpu *v) {
  vcpu_attend(v, ATTENTION_BOUNDARY);
  if (v->signalled) v->signalled(v);
}

/* Recomputes mode and cpl after a change of what they depend on. If they changed, ATTENTION_MODE is set, and
 * mmu_mode_changed() done: true. */
bool vcpu_update_mode(struct vcpu *vcpu);

static inline bool vcpu_in_64_bit_mode(const struct vcpu *v) {
  return v->mode & DECODE_CODE_64;
}
/* Where code is. A VM entry can have loaded a CS base that 64-bit mode does not use: SDM 3A, "Segmentation in IA-32e
 * Mode". */
static inline uint64_t vcpu_code_linear(const struct vcpu *v, uint64_t rip) {
  return vcpu_in_64_bit_mode(v) ? rip : (uint32_t)(v->s.segment[VMXSIM_CS].base + rip);
}
static inline bool vcpu_in_protected_mode(const struct vcpu *v) {
  return v->mode & DECODE_PROTECTED;
}
static inline bool vcpu_in_ia32e_mode(const struct vcpu *v) {
  return (v->s.efer >> 10) & 1;
}

/* Raising exceptions: always "return vcpu_raise_...(...)" from a handler, which has committed nothing. cpu/events. */
void vcpu_raise(struct vcpu *vcpu, unsigned vector);
void vcpu_raise_with_code(struct vcpu *vcpu, unsigned vector, uint32_t error_code);

#endif
