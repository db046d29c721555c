/* What came of a trial, as a line: what the manual leaves undefined is not in it. SDM 3C, "Recording VM-Exit
 * Information and Updating VM-Entry Control Fields", "Saving Guest State".
 */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "trials/layout.h"
#include "trials/trial.h"

/* Which part of an operand faults first, selector or offset, is up to the processor. */
#define PARTS_MASK (~UINT64_C(0xfff))
#define RTM UINT64_C(0x800) /* there only on processors with restricted transactional memory */
#define DEBUG_DEFINED UINT64_C(0x600f)
#define GENERAL_DETECT 0x2000
#define TASK_SWITCH 0x8000
#define BREAKPOINTS 15
#define RESUME_FLAG UINT64_C(0x10000)

enum { VALID = 0x80000000U, HAS_ERROR_CODE = 0x800, TYPE_SHIFT = 8 };
enum { TYPE_SOFTWARE_INTERRUPT = 4, TYPE_PRIVILEGED_SOFTWARE = 5, TYPE_SOFTWARE_EXCEPTION = 6 };
enum { INFO_NO_INDEX = 1 << 22, INFO_NO_BASE = 1 << 27, INFO_REGISTER = 1 << 10 };

struct exit {
  uint32_t reason, basic;
  bool failed;
  uint64_t qualification, linear;
  uint32_t event, event_code, vectoring, vectoring_code, length, information;
};

/* --- which information an exit has --- */

static bool is_software(uint32_t event) {
  const uint32_t type = event >> TYPE_SHIFT & 7;
  return event & VALID && type >= TYPE_SOFTWARE_INTERRUPT && type <= TYPE_SOFTWARE_EXCEPTION;
}

/* Exits that are due to an instruction, before it: they have its length. */
static const uint8_t instruction_exits[] = {
    VMXSIM_EXIT_cpuid,
    VMXSIM_EXIT_getsec,
    VMXSIM_EXIT_hlt,
    VMXSIM_EXIT_invd,
    VMXSIM_EXIT_invlpg,
    VMXSIM_EXIT_rdpmc,
    VMXSIM_EXIT_rdtsc,
    VMXSIM_EXIT_rsm,
    VMXSIM_EXIT_vmcall,
    VMXSIM_EXIT_vmclear,
    VMXSIM_EXIT_vmlaunch,
    VMXSIM_EXIT_vmptrld,
    VMXSIM_EXIT_vmptrst,
    VMXSIM_EXIT_vmread,
    VMXSIM_EXIT_vmresume,
    VMXSIM_EXIT_vmwrite,
    VMXSIM_EXIT_vmxoff,
    VMXSIM_EXIT_vmxon,
    VMXSIM_EXIT_control_register_accesses,
    VMXSIM_EXIT_mov_dr,
    VMXSIM_EXIT_io_instruction,
    VMXSIM_EXIT_rdmsr,
    VMXSIM_EXIT_wrmsr,
    VMXSIM_EXIT_mwait,
    VMXSIM_EXIT_monitor,
    VMXSIM_EXIT_pause,
    VMXSIM_EXIT_access_to_gdtr_or_idtr,
    VMXSIM_EXIT_access_to_ldtr_or_tr,
    VMXSIM_EXIT_rdtscp,
    VMXSIM_EXIT_wbinvd_or_wbnoinvd,
    VMXSIM_EXIT_xsetbv,
    VMXSIM_EXIT_rdrand,
    VMXSIM_EXIT_invpcid,
    VMXSIM_EXIT_rdseed,
    VMXSIM_EXIT_xsaves,
    VMXSIM_EXIT_xrstors,
};

static bool is_one_of(uint32_t basic, const uint8_t *reasons, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (reasons[i] == basic) return true;
  }
  return false;
}

bool exit_is_instruction(uint32_t basic) {
  return is_one_of(basic, instruction_exits, COUNT_OF(instruction_exits));
}

static bool has_length(const struct exit *e) {
  if (e->basic == VMXSIM_EXIT_task_switch) {
    return e->vectoring & VALID ? is_software(e->vectoring) : true;
  }
  return exit_is_instruction(e->basic) || is_software(e->vectoring) ||
         (e->basic == VMXSIM_EXIT_exception_or_nmi && is_software(e->event));
}

/* A memory operand: scaling, index and base where there are; address size and segment. */
static uint32_t memory_mask(uint32_t information) {
  uint32_t mask = 7 << 7 | 7 << 15 | INFO_NO_INDEX | INFO_NO_BASE;
  if (!(information & INFO_NO_INDEX)) mask |= 3 | 15 << 18;
  if (!(information & INFO_NO_BASE)) mask |= 15 << 23;
  return mask;
}

static uint32_t information_mask(const struct exit *e) {
  const uint32_t memory = memory_mask(e->information);
  const uint32_t either = e->information & INFO_REGISTER ? INFO_REGISTER | 15 << 3 : INFO_REGISTER | memory;
  switch (e->basic) {
  case VMXSIM_EXIT_io_instruction:
    return !(e->qualification & 0x10) ? 0 : e->qualification & 8 ? 7 << 7 : 7 << 7 | 7 << 15;
  case VMXSIM_EXIT_access_to_gdtr_or_idtr: return memory | INFO_REGISTER | 3 << 28;
  case VMXSIM_EXIT_access_to_ldtr_or_tr: return either | 3 << 28;
  case VMXSIM_EXIT_rdrand:
  case VMXSIM_EXIT_rdseed: return 15 << 3;
  case VMXSIM_EXIT_vmread:
  case VMXSIM_EXIT_vmwrite: return either | 15U << 28;
  case VMXSIM_EXIT_invpcid: return memory | INFO_REGISTER | 15U << 28;
  case VMXSIM_EXIT_vmclear:
  case VMXSIM_EXIT_vmptrld:
  case VMXSIM_EXIT_vmptrst:
  case VMXSIM_EXIT_vmxon:
  case VMXSIM_EXIT_xsaves:
  case VMXSIM_EXIT_xrstors: return memory | INFO_REGISTER;
  default: return 0;
  }
}

static bool has_displacement(uint32_t basic) {
  static const uint8_t reasons[] = {VMXSIM_EXIT_access_to_gdtr_or_idtr,
                                    VMXSIM_EXIT_access_to_ldtr_or_tr,
                                    VMXSIM_EXIT_vmclear,
                                    VMXSIM_EXIT_vmptrld,
                                    VMXSIM_EXIT_vmptrst,
                                    VMXSIM_EXIT_vmxon,
                                    VMXSIM_EXIT_vmread,
                                    VMXSIM_EXIT_vmwrite,
                                    VMXSIM_EXIT_invpcid,
                                    VMXSIM_EXIT_xsaves,
                                    VMXSIM_EXIT_xrstors};
  return is_one_of(basic, reasons, COUNT_OF(reasons));
}

/* Bits above the instruction's address size are undefined. */
static uint64_t displacement_mask(uint32_t information) {
  static const uint64_t masks[] = {0xffff, 0xffffffff, UINT64_MAX};
  const uint32_t size = information >> 7 & 7;
  return information & INFO_REGISTER ? 0 : masks[size > 2 ? 2 : size]; /* it is 0 then */
}

/* Those of four breakpoints that are on instructions. SDM 3B, "Debug Control Register (DR7)". */
static uint64_t instruction_breakpoints(uint64_t dr7) {
  uint64_t found = 0;
  for (unsigned i = 0; i < 4; i++) {
    if (!(dr7 >> (16 + 4 * i) & 3)) found |= UINT64_C(1) << i;
  }
  return found;
}

/* Breakpoints that are hit at the same time as a single step may be shown with it, and so may those of the next
 * instruction with the data breakpoints of this one. A debug exception should leave BT, but not everywhere does
 * (docs/comparison.md).
 */
static uint64_t debug_mask(const struct trial *t, uint64_t shown) {
  const uint64_t of_instructions = instruction_breakpoints(t->vm.fields.guest_dr7);
  uint64_t mask = UINT64_MAX;
  if (shown & (PENDING_BS | GENERAL_DETECT | BREAKPOINTS)) mask &= ~UINT64_C(TASK_SWITCH);
  if (shown & PENDING_BS) return mask & ~UINT64_C(BREAKPOINTS);
  const uint64_t traps = ~of_instructions | t->vm.fields.guest_pending_debug_exceptions;
  return shown & BREAKPOINTS & traps ? mask & ~of_instructions : mask;
}

static uint64_t qualification_mask(const struct trial *t, const struct exit *e) {
  if (has_displacement(e->basic)) return displacement_mask(e->information);
  switch (e->basic) {
  case VMXSIM_EXIT_exception_or_nmi:
    return (e->event & 0xff) == 1 ? DEBUG_DEFINED & debug_mask(t, e->qualification) : PARTS_MASK;
  case VMXSIM_EXIT_task_switch: return 0xc000ffff;
  case VMXSIM_EXIT_control_register_accesses: return 0xffff0f7f;
  case VMXSIM_EXIT_mov_dr: return 0xf17;
  case VMXSIM_EXIT_io_instruction: return 0xffff007f;
  default: return UINT64_MAX;
  }
}

static bool has_linear(const struct exit *e) {
  if (e->basic == VMXSIM_EXIT_io_instruction) return e->qualification & 0x10;
  return e->basic == VMXSIM_EXIT_control_register_accesses && (e->qualification & 0x70) == 0x70;
}

/* SDM 3C, "Information About NMI Unblocking Due to IRET". */
static bool nmi_unblocking_is_defined(const struct trial *t) {
  const uint64_t controls = t->vm.fields.pin_based_vm_execution_controls;
  return !(controls & 1U << VMXSIM_BIT_pin_based_nmi_exiting) || controls & 1U << VMXSIM_BIT_pin_based_virtual_nmis;
}

static void read_exit(const struct trial *t, struct exit *e) {
  e->reason = (uint32_t)vmx_read(VMXSIM_ENCODING_exit_reason);
  e->basic = e->reason & 0xffff;
  e->failed = e->reason >> ENTRY_FAILURE_BIT;
  e->qualification = vmx_read(VMXSIM_ENCODING_exit_qualification);
  if (e->failed) return;
  e->event = (uint32_t)vmx_read(VMXSIM_ENCODING_vm_exit_interruption_information);
  e->vectoring = (uint32_t)vmx_read(VMXSIM_ENCODING_idt_vectoring_information);
  if (!(e->event & VALID)) e->event = 0;
  if (!nmi_unblocking_is_defined(t)) e->event &= ~UINT32_C(0x1000);
  e->vectoring = e->vectoring & VALID ? e->vectoring & ~UINT32_C(0x1000) : 0;
  if (e->event & HAS_ERROR_CODE) e->event_code = (uint32_t)vmx_read(VMXSIM_ENCODING_vm_exit_interruption_error_code);
  if (e->vectoring & HAS_ERROR_CODE) e->vectoring_code = (uint32_t)vmx_read(VMXSIM_ENCODING_idt_vectoring_error_code);
  if (has_length(e)) e->length = (uint32_t)vmx_read(VMXSIM_ENCODING_vm_exit_instruction_length);
  if (has_linear(e)) e->linear = vmx_read(VMXSIM_ENCODING_guest_linear_address);
  e->information = (uint32_t)vmx_read(VMXSIM_ENCODING_vm_exit_instruction_information);
  const uint32_t mask = information_mask(e);
  e->information &= mask;
  e->qualification &= qualification_mask(t, e);
}

/* --- the saved guest state --- */

static void mask_segment(uint64_t *base, uint64_t *limit, uint64_t *rights, uint64_t base_mask, uint64_t rights_mask) {
  if (!(*rights & UNUSABLE)) return;
  *base &= base_mask;
  *limit = 0;
  *rights &= UNUSABLE | rights_mask;
}

/* Of an unusable segment only little is saved. What base FS and GS have when an event has left virtual-8086 mode is not
 * said anywhere: their selectors are 0.
 */
static void mask_state(struct vmcs_fields *s, enum guest_kind kind, const struct exit *e) {
  const uint64_t base_mask = kind == GUEST_V8086 ? 0 : UINT64_MAX;
#define MASK(name, bases, rights) \
  mask_segment(&s->guest_##name##_base, &s->guest_##name##_limit, &s->guest_##name##_access_rights, bases, rights)
  MASK(cs, ~UINT64_C(0xffffffff), 0xe060);
  MASK(ss, ~UINT64_C(0xffffffff), 0x60);
  MASK(ds, ~UINT64_C(0xffffffff), 0);
  MASK(es, ~UINT64_C(0xffffffff), 0);
  MASK(fs, base_mask, 0);
  MASK(gs, base_mask, 0);
  MASK(ldtr, UINT64_MAX, 0);
  MASK(tr, 0, 0);
#undef MASK
  s->vmx_preemption_timer_value = 0;
  s->guest_dr7 &= ~RTM;
  if (e->basic == VMXSIM_EXIT_monitor_trap_flag || e->basic == VMXSIM_EXIT_vmx_preemption_timer_expired) {
    s->guest_rflags &= ~RESUME_FLAG; /* between iterations of a string instruction it may be 1 */
  }
  if (e->basic == VMXSIM_EXIT_task_switch) {
    s->guest_interruptibility_state &= ~BLOCKING_STI_MOV_SS;
    if (!(e->vectoring & VALID)) s->guest_rflags &= ~RESUME_FLAG; /* of an instruction it may be over, or not */
  }
  /* What the way to shutdown leaves of it is not plain. */
  if (e->basic == VMXSIM_EXIT_triple_fault) s->guest_rflags &= ~RESUME_FLAG;
}

static uint64_t mix(uint64_t hash, uint64_t value) {
  return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
}

static uint64_t hash_fields(const struct vmcs_fields *s) {
  uint64_t hash = 1;
  const uint64_t *at = (const uint64_t *)(const void *)s;
  for (unsigned i = 0; i < sizeof *s / sizeof *at; i++) {
    if (at[i]) hash = mix(hash ^ i, at[i]);
  }
  return hash;
}

static uint64_t hash_registers(const struct trial *t) {
  uint64_t hash = mix(mix(1, t->cr2 & PARTS_MASK), t->dr6 & debug_mask(t, t->dr6));
  for (unsigned i = 0; i < 4; i++) hash = mix(hash, t->debug[i]);
  for (unsigned i = 0; i < TRIAL_MSRS; i++) hash = mix(hash, t->msr[i]);
  hash = mix(hash, lists_hash(t));
  for (unsigned i = 0; i < GPRS; i++) {
    if (!(t->reads_time && (i == AX || i == CX || i == DX))) hash = mix(hash, t->vm.gpr[i]);
  }
  return hash;
}

/* An event whose delivery did not end may have written to the stacks. */
enum { STACKS = 3 };

static uint64_t hash_memory(bool with_stacks) {
  static const struct range {
    uint32_t begin, end;
  } ranges[] = {{G_STACK - 0x100, G_STACK},
                {G_STACK_0 - 0x80, G_STACK_0},
                {G_STACK_IST - 0x80, G_STACK_IST},
                {G_GDT, G_GDT + S_END},
                {G_TASK, G_TASK + 0x68},
                {G_OTHER_TASK, G_OTHER_TASK + 0x140},
                {G_LDT, G_LDT + 0x40},
                {G_DATA, G_DATA + 0x80},
                {G_DATA + 0xfe0, G_DATA + 0x1020},
                {G_READ_ONLY, G_READ_ONLY + 0x40},
                {G_SUPERVISOR, G_SUPERVISOR + 0x40},
                {G_MORE_DATA, G_MORE_DATA + 0x40}};
  uint64_t hash = 1;
  for (unsigned i = with_stacks ? 0 : STACKS; i < COUNT_OF(ranges); i++) {
    const uint64_t *at = guest_memory(ranges[i].begin), *end = guest_memory(ranges[i].end);
    for (; at < end; at++) hash = mix(hash, *at);
  }
  return hash;
}

/* --- output --- */

static const char *const kinds[GUEST_KINDS] = {"64", "compatibility", "pae", "legacy", "v8086", "16"};

static void print_changes(const struct vmcs_fields *before, const struct vmcs_fields *after) {
#define FIELD(encoding, name, exists, term) \
  if (((encoding) >> 10 & 3) == VMXSIM_KIND_GUEST_STATE && before->name != after->name) \
    marker("  %s %q -> %q\n", #name, before->name, after->name);
#include "vmxsim/tables/fields.def"
#undef FIELD
}

static void print_set(const struct vmcs_fields *f) {
#define FIELD(encoding, name, exists, term) \
  if (((encoding) >> 10 & 3) != VMXSIM_KIND_HOST_STATE && ((encoding) >> 10 & 3) != VMXSIM_KIND_VM_EXIT_INFORMATION && \
      f->name) \
    marker("  %s=%q\n", #name, f->name);
#include "vmxsim/tables/fields.def"
#undef FIELD
}

/* What is not as in the tables before they were changed. */
static void print_tables(const struct trial *t) {
  const uint32_t size = in_ia32e_mode(t) ? 16 : 8;
  for (uint32_t vector = 0; vector < 256; vector++) {
    const uint64_t gate = *(uint64_t *)guest_memory(G_IDT + vector * size);
    const uint64_t usual = *(uint64_t *)guest_memory(G_IDT + 255 * size) & 0xffff0000;
    if ((gate & 0xff00ffff0000) != (usual | (vector & 1 ? 0xee0000000000 : 0x8e0000000000)))
      marker("  idt %u %q\n", vector, gate);
  }
  for (uint32_t selector = 8; selector < S_END; selector += 8)
    marker("  gdt %x %q\n", selector, *(uint64_t *)guest_memory(G_GDT + selector));
}

static void print_list(const char *name, uint32_t address, uint64_t count) {
  const uint64_t *at = at_address(address);
  for (; count; count--, at += 2) marker("  %s %q %q\n", name, at[0], at[1]);
}

static void print_trial(const struct trial *t) {
  print_list("entry load", ENTRY_LOAD_LIST, t->vm.fields.vm_entry_msr_load_count);
  print_list("exit store", EXIT_STORE_LIST, t->vm.fields.vm_exit_msr_store_count);
  print_list("exit load", EXIT_LOAD_LIST, t->vm.fields.vm_exit_msr_load_count);
  marker("  code at %x:", t->code_at);
  for (unsigned i = 0; i < t->code_size; i++) marker(" %x", t->code[i]);
  marker("\n");
  print_set(&t->vm.fields);
  print_tables(t);
}

static void print_stack(uint32_t end) {
  const uint64_t *at = guest_memory(end);
  marker("  below %x:", end);
  for (unsigned i = 1; i <= 11; i++) marker(" %q", at[-(int)i]);
  marker("\n");
}

static void print_registers(const struct trial *t) {
  print_stack(G_STACK - 0x80);
  print_stack(G_STACK_0);
  print_stack(G_STACK_IST);
  for (unsigned i = 0; i < GPRS; i++) marker("  r%u %q\n", i, (uint64_t)t->vm.gpr[i]);
  marker("  cr2 %q dr6 %q dr0 %q dr1 %q dr2 %q dr3 %q\n", (uint64_t)t->cr2, (uint64_t)t->dr6, (uint64_t)t->debug[0],
         (uint64_t)t->debug[1], (uint64_t)t->debug[2], (uint64_t)t->debug[3]);
}

static void record_exit(const struct trial *t, bool verbose) {
  static struct vmcs_fields state;
  struct exit e = {0};
  read_exit(t, &e);
  if (e.failed) {
    /* Of several rules that the guest state breaks any can be the one that is told. */
    marker(" failed %u q %q\n", e.basic,
           e.basic == VMXSIM_EXIT_entry_failure_invalid_guest_state ? 0 : e.qualification);
    return;
  }
  memset(&state, 0, sizeof state);
  vmcs_read(&state, VMCS_GUEST_STATE, &this_vmm()->capabilities);
  mask_state(&state, t->kind, &e);
  marker(" exit %x q %q ev %x/%x idt %x/%x len %u info %x gla %q rip %q state %q regs %q mem %q\n", e.reason,
         e.qualification, e.event, e.event_code, e.vectoring, e.vectoring_code, e.length, e.information, e.linear,
         state.guest_rip, hash_fields(&state), hash_registers(t),
         hash_memory(e.basic != VMXSIM_EXIT_triple_fault && !e.vectoring));
  if (verbose) print_changes(&t->vm.fields, &state), print_registers(t);
}

void record(const struct trial *t, uint32_t number, bool second, bool verbose) {
  if (second)
    marker(" again");
  else
    marker("%u %s %x", number, kinds[t->kind], t->mutations);
  if (t->result == VMX_FAIL_INVALID)
    marker(" VMfailInvalid\n");
  else if (t->result == VMX_FAIL_VALID)
    marker(" error %u\n", (uint32_t)vmx_read(VMXSIM_ENCODING_vm_instruction_error));
  else
    record_exit(t, verbose);
  if (verbose && !second) print_trial(t);
}
