/* VMX operation over any processor: VMXON to VMXOFF, VM entries, VM exits.
 *
 * The engine works on a plain architectural state (state.h) and on a port through which it reaches memory, MSRs and the
 * processor around it; it knows no decoder, executor or TLB. vmxsim's own processor drives it (cpu/exec/vmx_*.c), and
 * so can another emulator. It allocates nothing.
 *
 *   an instruction of VMX             vmxsim_vmx_execute()
 *   would this cause a VM exit?       vmxsim_vmx_on(), vmxsim_vmx_intercepts_...()
 *   a VM exit                         vmxsim_vmx_exit()
 *   an event is being delivered       vmxsim_vmx_begin_delivery(), vmxsim_vmx_end_delivery()
 *
 * What is due at an instruction boundary is the processor's to decide; the engine says what VMX adds to that: the
 * controls, mtf_pending, the deadline of the VMX-preemption timer, whether NMIs are blocked.
 *
 * Not here yet: EPT, VPIDs, APIC virtualization, VMCS shadowing, VM functions, the dual-monitor treatment of SMIs and
 * SMM. vmxsim_vmx_supported() takes them out of a processor's capabilities.
 *
 * SDM 3C, chapters "Introduction to Virtual Machine Extensions" to "VM Exits"; SDM 3C, "VMX Instruction Reference".
 */
#ifndef VMXSIM_VMX_H
#define VMXSIM_VMX_H

#include "vmxsim/checks.h"
#include "vmxsim/exits.h"
#include "vmxsim/state.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMXSIM_NO_VMCS UINT64_MAX /* the current-VMCS pointer when there is none */

/* The type of an event, as interruption-information fields number it (bits 10:8). */
enum vmxsim_event_type {
  VMXSIM_EVENT_EXTERNAL_INTERRUPT = 0,
  VMXSIM_EVENT_NMI = 2,
  VMXSIM_EVENT_HARDWARE_EXCEPTION = 3,
  VMXSIM_EVENT_SOFTWARE_INTERRUPT = 4,
  VMXSIM_EVENT_PRIVILEGED_SOFTWARE_EXCEPTION = 5, /* INT1 */
  VMXSIM_EVENT_SOFTWARE_EXCEPTION = 6,            /* INT3, INTO */
  VMXSIM_EVENT_OTHER = 7,                         /* injected: a pending MTF VM exit */
};

struct vmxsim_vmx_event {
  uint8_t type; /* enum vmxsim_event_type */
  uint8_t vector;
  bool has_error_code;
  uint32_t error_code;
  uint8_t instruction_length; /* of software events: 0 to 15 */
};

/* RFLAGS.RF in the guest-state area (SDM 3C, "Saving RIP, RSP, RFLAGS, and SSP"). */
enum vmxsim_saved_rf {
  VMXSIM_RF_UNCHANGED, /* as it is in the state */
  VMXSIM_RF_0,         /* exits that an instruction causes unconditionally or by a control */
  VMXSIM_RF_1,         /* what would otherwise be delivered as a fault */
};

/* Why and with what a VM exit happens. The state is that to be saved: RIP at the instruction for fault-like exits, past
 * it for trap-like ones. Zeros for what the reason does not have. */
struct vmxsim_vmx_exit {
  uint16_t reason;       /* basic exit reason, VMXSIM_EXIT_... */
  uint32_t reason_flags; /* bits 31:16 of the exit-reason field that the caller knows of; usually 0 */
  uint64_t qualification;
  uint64_t guest_linear_address, guest_physical_address;
  uint8_t instruction_length;
  uint32_t instruction_information;
  bool has_event; /* VM-exit interruption information: exits 0, and 1 with "acknowledge interrupt on exit" */
  struct vmxsim_vmx_event event;
  bool nmi_unblocking; /* "NMI unblocking due to IRET" of the interruption information (bit 12) */
  uint8_t saved_rf;    /* enum vmxsim_saved_rf */
};

struct vmxsim_vmx;

enum vmxsim_vmx_opcode {
  VMXSIM_VMXON,
  VMXSIM_VMXOFF,
  VMXSIM_VMPTRLD,
  VMXSIM_VMPTRST,
  VMXSIM_VMCLEAR,
  VMXSIM_VMREAD,
  VMXSIM_VMWRITE,
  VMXSIM_VMLAUNCH,
  VMXSIM_VMRESUME,
  VMXSIM_VMCALL,
  VMXSIM_VMFUNC,
  VMXSIM_INVEPT,
  VMXSIM_INVVPID,
  VMXSIM_VMX_OPCODES
};

/* Something that a trace may want to show. Members that a kind does not name are zero. */
enum vmxsim_vmx_trace_kind {
  VMXSIM_VMX_TRACE_INSTRUCTION, /* completed: opcode, fail, error, pointer; VMREAD, VMWRITE: encoding, value */
  VMXSIM_VMX_TRACE_ENTRY,       /* a VM entry was evaluated: opcode, outcome (of a failing one too) */
  VMXSIM_VMX_TRACE_INJECTION,   /* event: about to be delivered */
  VMXSIM_VMX_TRACE_EXIT,        /* exit: recorded in the VMCS; guest state is still in the VMCS to be looked at */
  VMXSIM_VMX_TRACE_ABORT,       /* error: the VMX-abort indicator */
};
enum vmxsim_vmx_fail { VMXSIM_VMX_SUCCEED, VMXSIM_VMX_FAIL_INVALID, VMXSIM_VMX_FAIL_VALID };
struct vmxsim_vmx_trace {
  enum vmxsim_vmx_trace_kind kind;
  enum vmxsim_vmx_opcode opcode;
  enum vmxsim_vmx_fail fail;
  uint32_t error;   /* VM-instruction error number; VMX-abort indicator */
  uint64_t pointer; /* operand of VMXON, VMCLEAR, VMPTRLD; of the others the current-VMCS pointer */
  uint64_t encoding, value;
  const struct vmxsim_outcome *outcome;
  const struct vmxsim_vmx_event *event;
  const struct vmxsim_vmx_exit *exit;
};

/* What the engine asks of the processor around it. All functions but those that may be NULL are required. */
struct vmxsim_vmx_port {
  size_t size; /* sizeof(struct vmxsim_vmx_port) */
  /* The machine's memory by physical address. Where there is none, reads give ones and writes are lost. */
  void (*read_memory)(void *context, uint64_t address, void *bytes, size_t size);
  void (*write_memory)(void *context, uint64_t address, const void *bytes, size_t size);
  /* MSRs as RDMSR and WRMSR at CPL 0 have them, for MSR lists and for MSRs that are not in vmxsim_state; false: #GP(0).
   * They may change vmxsim_state: that is how a list reaches the MSRs there. */
  bool (*read_msr)(void *context, uint32_t msr, uint64_t *value);
  bool (*write_msr)(void *context, uint32_t msr, uint64_t value);
  /* The time-stamp counter as RDTSC outside VMX operation has it. */
  uint64_t (*tsc)(void *context);
  /* The state was replaced (VM entry, VM exit): whatever is derived from it is stale, address-range monitoring ends.
   * `flush`: translations of linear addresses are flushed (no VPIDs in use). Called before an event is injected. */
  void (*state_replaced)(void *context, bool flush);
  /* Delivers an injected event through the IDT or IVT of the state, which is the guest's already. Faults on the way,
   * and the VM exits that they cause, are the processor's to find as for every event; software events push RIP plus
   * instruction_length. The engine has begun the delivery (vmxsim_vmx_begin_delivery()) and ends it after. */
  void (*deliver)(void *context, const struct vmxsim_vmx_event *event);
  void (*invalidate)(void *context); /* INVEPT, INVVPID: every translation is dropped; may be NULL */
  bool (*a20_masked)(void *context); /* NULL: never */
  void (*trace)(void *context, const struct vmxsim_vmx *vmx, const struct vmxsim_vmx_trace *what); /* may be NULL */
};

/* What an SMI takes away and RSM gives back (SDM 3C, "Default Treatment of SMI Delivery"). */
struct vmxsim_vmx_before_smm {
  bool cr4_vmxe, in_vmx_operation, in_non_root;
  uint8_t ss_dpl;
  bool rflags_vm, blocking_by_sti, blocking_by_mov_ss, virtual_nmi_blocking, mtf_pending;
};

/* What VMX adds to a logical processor. Plain data: the members are the state of VMX operation (for snapshots, for
 * tests to look at); only this engine changes them, except where it says otherwise. */
struct vmxsim_vmx {
  struct vmxsim_state *state;
  const struct vmxsim_capabilities *capabilities;
  const struct vmxsim_vmx_port *port;
  void *context;

  bool in_vmx_operation; /* INIT signals are blocked in VMX root operation, and A20M is */
  bool in_non_root;
  bool aborted; /* VMX abort: shut down until reset */
  uint64_t vmxon_pointer;
  uint64_t operand;        /* the pointer that VMXON, VMPTRLD or VMCLEAR last read; for traces */
  uint64_t current;        /* current-VMCS pointer */
  struct vmxsim_vmcs vmcs; /* the current VMCS, decoded, while there is one */

  /* What the capabilities make of each field; the last one is no field. */
  struct vmxsim_field_access access[VMXSIM_FIELD_COUNT + 1];

  /* MSRs that every VM entry or VM exit would read, and that the processor has refused: one bit each, other_msrs.c.
   * They are not asked for again. */
  uint8_t absent_msrs;

  /* The verdict on the last VM entry with this VMCS and what it was about; while it holds, only what changed since is
   * evaluated again. `processor` also has the items that are not in vmxsim_state (dual_monitor, in_seam ...): 0. */
  struct vmxsim_processor_state processor;
  struct vmxsim_verdict verdict;
  bool verdict_holds;
  bool verdict_audit;   /* the owner may set it: each entry also evaluates every check and compares */
  bool verdict_differs; /* what such a comparison has found, ever */

  /* The control words of the VM entry under way, and while in VMX non-root operation: 0 for words that are not
   * activated. */
  uint64_t controls[VMXSIM_WORD_COUNT];

  bool mtf_pending;     /* an MTF VM exit is pending at the boundary that comes next; an exit clears it. The
                           processor sets it after an instruction with "monitor trap flag". */
  bool vectoring_valid; /* an event is being delivered: for IDT-vectoring information */
  struct vmxsim_vmx_event vectoring;
  uint64_t preemption_deadline; /* TSC at which the VMX-preemption timer reaches 0; UINT64_MAX if it does not run */
  uint64_t ple_first, ple_last; /* TSC of the first and the last PAUSE of a loop */
  struct vmxsim_vmx_before_smm before_smm;
};

/* Outside VMX operation. Everything is borrowed and must stay. */
void vmxsim_vmx_init(struct vmxsim_vmx *vmx, struct vmxsim_state *state, const struct vmxsim_capabilities *capabilities,
                     const struct vmxsim_vmx_port *port, void *context);

/* To be called after a change of the capabilities, or of which MSRs there are. */
void vmxsim_vmx_capabilities_changed(struct vmxsim_vmx *vmx);

/* The processor was reset: outside VMX operation again; nothing is written to memory. */
void vmxsim_vmx_reset(struct vmxsim_vmx *vmx);

/* Clears the controls that the engine does not carry out: VM entries with them fail as on a processor without. */
void vmxsim_vmx_supported(struct vmxsim_capabilities *capabilities);

/* --- instructions --- */

/* What an instruction came to. Unless it is DONE, RIP and flags are not the caller's to change. */
enum vmxsim_vmx_result {
  VMXSIM_VMX_DONE,    /* completed: the flags are set (VMsucceed, VMfailInvalid, VMfailValid); RIP goes on */
  VMXSIM_VMX_FAULT,   /* *fault is to be raised */
  VMXSIM_VMX_PENDING, /* an operand access faulted: that fault is pending at the processor already */
  VMXSIM_VMX_ENTERED, /* the state is the guest's (and an injected event was delivered) */
  VMXSIM_VMX_EXITED,  /* the state is the host's: VM exit, or a VM entry that failed while loading guest state */
};

/* The instruction with its operands as the decoder found them. The two functions fetch and store them when their turn
 * comes. state.rip is the instruction's own, state.rflags complete. */
struct vmxsim_vmx_instruction {
  enum vmxsim_vmx_opcode opcode;
  unsigned operand_bits;            /* of VMREAD, VMWRITE, INVEPT, INVVPID: 64 in 64-bit mode, else 32 */
  uint64_t register_value;          /* the register operand: encoding of VMREAD and VMWRITE, type of INVEPT, INVVPID */
  uint8_t length;                   /* bytes */
  uint64_t qualification;           /* displacement of the memory operand, for VM exits */
  uint32_t instruction_information; /* for VM exits */
  /* The memory (or register) operand: reads or writes `bytes` of it; false: it faulted, and the fault is pending. */
  bool (*read)(void *operand, void *value, size_t bytes);
  bool (*write)(void *operand, const void *value, size_t bytes);
  void *operand; /* passed to both */
};

struct vmxsim_vmx_fault {
  uint8_t vector;
  bool has_error_code;
  uint32_t error_code;
};

enum vmxsim_vmx_result vmxsim_vmx_execute(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_instruction *instruction,
                                          struct vmxsim_vmx_fault *fault);

/* --- events and VM exits --- */

/* An event is about to be delivered in VMX non-root operation (one that does not cause a VM exit itself): a VM exit
 * before vmxsim_vmx_end_delivery() reports it as IDT-vectoring information. An exception met on the way that is
 * delivered in its place begins anew; without an end between. */
static inline void vmxsim_vmx_begin_delivery(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_event *event) {
  vmx->vectoring = *event;
  vmx->vectoring_valid = true;
}
static inline void vmxsim_vmx_end_delivery(struct vmxsim_vmx *vmx) {
  vmx->vectoring_valid = false;
}

/* Records the exit, saves the guest, loads the host. In a VMX abort the state is shutdown and vmx->aborted. Only in VMX
 * non-root operation. */
void vmxsim_vmx_exit(struct vmxsim_vmx *vmx, const struct vmxsim_vmx_exit *exit);

/* SMIs and RSM. To be called before an SMI's delivery saves the state in SMRAM (CR4.VMXE is 0 there, and VMX operation
 * is left), and after RSM loaded it from there (having shut down if CR4.VMXE is 1 in it). */
void vmxsim_vmx_enter_smm(struct vmxsim_vmx *vmx);
void vmxsim_vmx_leave_smm(struct vmxsim_vmx *vmx);

/* --- VMX non-root operation --- */

/* Whether a control is 1: false outside VMX non-root operation, and in words that are not activated. */
static inline bool vmxsim_vmx_is_on(const struct vmxsim_vmx *vmx, vmxsim_control_word word, unsigned bit) {
  return vmx->in_non_root && ((vmx->controls[word] >> bit) & 1);
}
/* vmxsim_vmx_on(vmx, primary, hlt_exiting): names as in tables/controls.def. */
#define vmxsim_vmx_on(vmx, word, name) vmxsim_vmx_is_on((vmx), VMXSIM_WORD_##word, VMXSIM_BIT_##word##_##name)

/* Each is false outside VMX non-root operation. */
bool vmxsim_vmx_intercepts_exception(const struct vmxsim_vmx *vmx, unsigned vector, uint32_t error_code);
bool vmxsim_vmx_intercepts_io(const struct vmxsim_vmx *vmx, uint16_t port, unsigned bytes);
bool vmxsim_vmx_intercepts_msr(const struct vmxsim_vmx *vmx, uint32_t msr, bool write);
bool vmxsim_vmx_intercepts_cr3(const struct vmxsim_vmx *vmx, uint64_t value); /* MOV to CR3, with the target values */
/* MOV to CR0 (`cr` 0) or CR4 (4): whether a bit that the mask gives the host would differ from its shadow. */
bool vmxsim_vmx_intercepts_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value);
bool vmxsim_vmx_intercepts_clts(const struct vmxsim_vmx *vmx);
bool vmxsim_vmx_intercepts_lmsw(const struct vmxsim_vmx *vmx, uint16_t source);
/* PAUSE at the current CPL, with PAUSE-loop exiting, whose memory of the loop it brings up to date. */
bool vmxsim_vmx_intercepts_pause(struct vmxsim_vmx *vmx);

/* What MOV from CR0 or CR4 and SMSW read, and what an instruction that wants to write `value` (CLTS and LMSW too) and
 * does not exit leaves in the register. Outside VMX non-root operation: the register; the value. */
uint64_t vmxsim_vmx_read_cr(const struct vmxsim_vmx *vmx, unsigned cr);
uint64_t vmxsim_vmx_written_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value);
/* Whether the bits that are fixed in VMX operation let CR0 or CR4 have this value; if not, MOV to it is #GP(0). Always
 * true outside VMX operation. */
bool vmxsim_vmx_allows_cr(const struct vmxsim_vmx *vmx, unsigned cr, uint64_t value);

/* What RDTSC and RDMSR of the TSC give, by the processor's own TSC: with TSC scaling and offset. And the span of that
 * TSC which a span of the guest's is: for TPAUSE and UMWAIT. */
uint64_t vmxsim_vmx_guest_tsc(const struct vmxsim_vmx *vmx, uint64_t tsc);
uint64_t vmxsim_vmx_physical_delay(const struct vmxsim_vmx *vmx, uint64_t virtual_delay);
/* RDMSR and WRMSR (not MSR lists) of the TSC and of IA32_SPEC_CTRL, which can be virtualized: what RDMSR gives by the
 * MSR's own value; which value WRMSR writes to the MSR; and that it has done so, without a fault. */
uint64_t vmxsim_vmx_read_msr(const struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value);
uint64_t vmxsim_vmx_written_msr(const struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value);
void vmxsim_vmx_msr_written(struct vmxsim_vmx *vmx, uint32_t msr, uint64_t value);
/* The TSC was written: the preemption timer, which counts its increments only, goes on as if not. */
void vmxsim_vmx_tsc_written(struct vmxsim_vmx *vmx, uint64_t before, uint64_t after);

/* Whether NMIs are blocked (state.blocking_by_nmi is virtual-NMI blocking while "virtual NMIs" is 1). */
static inline bool vmxsim_vmx_nmis_blocked(const struct vmxsim_vmx *vmx) {
  return vmx->state->blocking_by_nmi && !vmxsim_vmx_on(vmx, pin_based, virtual_nmis);
}

#ifdef __cplusplus
}
#endif
#endif
