/* A trial: one VM entry of a guest that is made up by a generator, and what came of it. The command is in trials.c. */
#ifndef GUEST_TRIALS_TRIAL_H
#define GUEST_TRIALS_TRIAL_H

#include "kernel/registers.h"
#include "trials/generator.h"
#include "vmm/vm.h"

enum guest_kind { GUEST_64, GUEST_COMPATIBILITY, GUEST_PAE, GUEST_LEGACY, GUEST_V8086, GUEST_16, GUEST_KINDS };

enum { CODE_MAX = 96, TRIAL_MSRS = 6 };

struct trial {
  struct generator random;
  enum guest_kind kind;
  bool reads_time; /* its code has RDTSC or the like, and that does not exit: AX and DX are not to be compared */
  uint32_t code_at, code_size;
  /* A bit for each kind of change that was made, to read the output by: from bit 0 on those of state.c, from bit 8
   * controls.c and lists.c, bit 16 events.c, bit 24 tables.c. */
  uint32_t mutations;
  /* General registers that an instruction of the code counts on, and those that one may have written to. */
  uint32_t claimed, written;
  uint8_t code[CODE_MAX];
  enum vmx_result result;
  word cr2, dr6, debug[4];
  uint64_t msr[TRIAL_MSRS]; /* what a guest and MSR lists change, and neither VM entries nor exits do */
  struct vm vm;
};

#define INTERRUPT_WINDOW (UINT64_C(1) << VMXSIM_BIT_primary_interrupt_window_exiting)

static inline bool in_ia32e_mode(const struct trial *t) {
  return t->kind == GUEST_64 || t->kind == GUEST_COMPATIBILITY;
}

/* memory.c: builds the guest's memory once; restores it before a trial; the memory at a linear address. */
void memory_build(void);
void memory_restore(enum guest_kind kind);
void *guest_memory(uint32_t linear);

/* guests.c: the guest that changes begin with. */
void guest_prepare(struct trial *t);

/* Groups of changes, in the order in which they are made. */
void change_state(struct trial *t);    /* state.c */
void change_controls(struct trial *t); /* controls.c */
void change_lists(struct trial *t);    /* lists.c: MSRs of VM entry and VM exit */
void change_events(struct trial *t);   /* events.c */
void change_tables(struct trial *t);   /* tables.c: the guest's IDT, GDT, TSS */
void write_code(struct trial *t);      /* code.c */

/* Of what the VM-exit MSR-store area has; 0 without. */
uint64_t lists_hash(const struct trial *t);

/* resume.c: whether there is a second entry, of the state that was saved; the VMCS is ready for it then. */
bool resume_prepare(struct trial *t);

/* record.c: one line about the trial's first or second entry on the debug console. */
void record(const struct trial *t, uint32_t number, bool second, bool verbose);
/* Exits that are due to an instruction, before it. */
bool exit_is_instruction(uint32_t basic);

#endif
