/* Every check of a VM entry, and what comes of them.
 *
 * SDM 3C, chapter "VM Entries". Each rule of that chapter is one check with a stable id; docs/rules.md lists them.
 * These functions allocate nothing, keep no state and may be called from any thread.
 */
#ifndef VMXSIM_CHECKS_H
#define VMXSIM_CHECKS_H

#include "vmxsim/processor_state.h"
#include "vmxsim/vmcs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads `size` bytes (at most 4096) of guest-physical memory at `address` into `bytes`. False if the memory is not
 * known: the checks that need it are then undecided. */
typedef bool vmxsim_memory_read(void *context, uint64_t address, void *bytes, size_t size);

/* What is checked. Everything is borrowed. */
struct vmxsim_check_input {
  const struct vmxsim_vmcs *vmcs;
  const struct vmxsim_processor_state *state;
  /* The processor: one; or several candidates, if it is not known which, or none. With several, a rule is broken if
   * it is broken on every one of them, and undecided if they differ. */
  const struct vmxsim_capabilities *const *capabilities;
  size_t capabilities_count;
  vmxsim_memory_read *read_memory; /* NULL: no memory is known */
  void *memory_context;
};

/* Number of a check, 0 to vmxsim_check_count() - 1, in the order of evaluation. */
typedef unsigned vmxsim_check;
#define VMXSIM_NO_CHECK (~0u)

enum vmxsim_check_limits { VMXSIM_CHECK_GROUPS_MAX = 64 };

/* The verdict on every check: one bit a check in the word of its group. Plain data. */
struct vmxsim_verdict {
  uint64_t broken[VMXSIM_CHECK_GROUPS_MAX];
  uint64_t undecided[VMXSIM_CHECK_GROUPS_MAX]; /* not broken and not shown to hold */
  uint64_t broken_groups;                      /* groups with a broken check: bit n is group n */
  uint64_t undecided_groups;
  uint64_t memory_groups;  /* groups for which memory was read */
  uint32_t msr_load_entry; /* number (from 1) of the first VM-entry MSR-load entry that fails; 0 if none */
};

enum vmxsim_outcome_kind {
  VMXSIM_ENTRY_SUCCEEDS,
  VMXSIM_ENTRY_UD,           /* #UD */
  VMXSIM_ENTRY_GP,           /* #GP(0) */
  VMXSIM_ENTRY_VM_EXIT,      /* in VMX non-root operation: VM exit for VMLAUNCH or VMRESUME */
  VMXSIM_ENTRY_FAIL_INVALID, /* VMfailInvalid */
  VMXSIM_ENTRY_FAIL_VALID,   /* VMfailValid(number) */
  VMXSIM_ENTRY_EXIT_33,      /* exit reason 33, "VM-entry failure due to invalid guest state"; number: qualification */
  VMXSIM_ENTRY_EXIT_34,      /* exit reason 34, "VM-entry failure due to MSR loading"; number: the entry, from 1 */
};

struct vmxsim_outcome {
  enum vmxsim_outcome_kind kind;
  uint32_t number;
  vmxsim_check check; /* the broken check that decides it; VMXSIM_NO_CHECK if the entry succeeds */
  bool certain;       /* false while a check that comes earlier is undecided */
};

/* Evaluates every check. */
void vmxsim_check_all(const struct vmxsim_check_input *input, struct vmxsim_verdict *verdict);

/* Brings `verdict`, which holds for the same input as it was, up to date after the fields in `changed` changed value;
 * groups for which memory was read are always evaluated again. Costs what the groups that read those fields cost.
 * Needs vmxsim_check_all() instead after a change of state, capabilities or of which fields are known. */
void vmxsim_check_changed(const struct vmxsim_check_input *input, const struct vmxsim_field_set *changed,
                          struct vmxsim_verdict *verdict);

/* What the processor does. Where the manual leaves the order open (checks on controls and on the host-state area;
 * checks within a stage), ours is that of docs/rules.md. */
struct vmxsim_outcome vmxsim_verdict_outcome(const struct vmxsim_verdict *verdict);

/* Walking the report: the first broken (undecided) check at or after `from`, VMXSIM_NO_CHECK if none. */
vmxsim_check vmxsim_next_broken(const struct vmxsim_verdict *verdict, vmxsim_check from);
vmxsim_check vmxsim_next_undecided(const struct vmxsim_verdict *verdict, vmxsim_check from);
bool vmxsim_is_broken(const struct vmxsim_verdict *verdict, vmxsim_check check);
bool vmxsim_is_undecided(const struct vmxsim_verdict *verdict, vmxsim_check check);

/* What an input of a check is. */
enum vmxsim_input_kind { VMXSIM_INPUT_FIELD, VMXSIM_INPUT_CAPABILITY, VMXSIM_INPUT_PROCESSOR, VMXSIM_INPUT_MEMORY };

/* Inputs are numbered: fields first (their index), then capabilities, processor state and memory. */
unsigned vmxsim_input_count(void);
const char *vmxsim_input_name(unsigned input);
const char *vmxsim_input_about(unsigned input);
enum vmxsim_input_kind vmxsim_input_kind(unsigned input);

/* What a check is. */
struct vmxsim_check_info {
  const char *id;      /* "guest.cr0.pg-requires-pe" */
  const char *group;   /* "guest_control_registers" */
  const char *section; /* the manual's section title */
  const char *rule;    /* the condition, in a sentence */
  enum vmxsim_outcome_kind outcome;
  uint32_t outcome_number;
};

unsigned vmxsim_check_count(void);
bool vmxsim_check_describe(vmxsim_check check, struct vmxsim_check_info *info); /* false past the last */
vmxsim_check vmxsim_check_find(const char *id, size_t length);                  /* VMXSIM_NO_CHECK if none */
bool vmxsim_check_reads(vmxsim_check check, unsigned input);

/* Why a check is as it is, on this input. */
enum vmxsim_check_result {
  VMXSIM_CHECK_NOT_APPLICABLE, /* what the rule presupposes is not so */
  VMXSIM_CHECK_HOLDS,
  VMXSIM_CHECK_BROKEN,
  VMXSIM_CHECK_UNDECIDED,         /* something that it reads is not known */
  VMXSIM_CHECK_BROKEN_IF_ASSUMED, /* broken if what was assumed is so; counts as undecided */
};

#define VMXSIM_INPUT_SET_WORDS 6
struct vmxsim_finding {
  enum vmxsim_check_result result;
  uint64_t missing[VMXSIM_INPUT_SET_WORDS]; /* inputs (one bit each) that are not known or only assumed */
  uint32_t msr_load_entry;                  /* for checks on MSR-load entries: the entry, from 1; else 0 */
  uint64_t broken_on; /* with several candidate processors: bit n set if broken on the n-th (first 64) */
};

void vmxsim_check_one(const struct vmxsim_check_input *input, vmxsim_check check, struct vmxsim_finding *finding);

/* The message with the values in it, and the hint: what to change. Each writes at most `size` bytes with the final
 * NUL and returns the length that was wanted. */
size_t vmxsim_check_message(const struct vmxsim_check_input *input, vmxsim_check check, char *text, size_t size);
size_t vmxsim_check_hint(const struct vmxsim_check_input *input, vmxsim_check check, char *text, size_t size);

/* An outcome in words: "VMfailValid(7): VM entry with invalid control field(s)". */
size_t vmxsim_outcome_text(const struct vmxsim_outcome *outcome, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
