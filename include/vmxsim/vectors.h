/* Running test vectors: what a case expects of a VM entry, against what the checks make of it.
 *
 * A vector is a case (input.h) with an expectation. Nothing here allocates.
 */
#ifndef VMXSIM_VECTORS_H
#define VMXSIM_VECTORS_H

#include "vmxsim/input.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A set of checks by number; there are at most 64 groups of 64. */
#define VMXSIM_CHECK_SET_WORDS 64
struct vmxsim_check_set {
  uint64_t word[VMXSIM_CHECK_SET_WORDS];
};

static inline bool vmxsim_check_set_has(const struct vmxsim_check_set *set, vmxsim_check check) {
  return check < VMXSIM_CHECK_SET_WORDS * 64 && ((set->word[check / 64] >> (check % 64)) & 1);
}

static inline void vmxsim_check_set_add(struct vmxsim_check_set *set, vmxsim_check check) {
  if (check < VMXSIM_CHECK_SET_WORDS * 64) set->word[check / 64] |= UINT64_C(1) << (check % 64);
}

/* The first check of the set at or after `from`, VMXSIM_NO_CHECK if none. */
vmxsim_check vmxsim_check_set_next(const struct vmxsim_check_set *set, vmxsim_check from);

/* Where a vector and the checks differ. */
struct vmxsim_vector_result {
  bool passed;
  struct vmxsim_outcome outcome;          /* what the processor does */
  bool outcome_differs;                   /* it is not among those allowed */
  bool passes_differs;                    /* the check of `passes` is broken or undecided */
  struct vmxsim_check_set not_broken;     /* expected to be broken, and are not */
  struct vmxsim_check_set also_broken;    /* broken, and not expected to be */
  struct vmxsim_check_set not_undecided;  /* expected to be undecided, and are not */
  struct vmxsim_check_set also_undecided; /* undecided, and not expected to be */
};

/* The input for the checks out of a case. Fills *vmcs; *input borrows it and the case. Without a processor in the case
 * no capabilities are known. */
void vmxsim_case_input(const struct vmxsim_case *subject, struct vmxsim_vmcs *vmcs, struct vmxsim_check_input *input);

/* Whether an outcome is one that the case allows; true if it names none. */
bool vmxsim_outcome_allowed(const struct vmxsim_case *subject, const struct vmxsim_outcome *outcome);

/* Compares a verdict with what the case expects. A case without an expectation passes. */
void vmxsim_vector_compare(const struct vmxsim_case *subject, const struct vmxsim_verdict *verdict,
                           struct vmxsim_vector_result *result);

/* Evaluates every check on the case and compares. */
void vmxsim_vector_run(const struct vmxsim_case *subject, struct vmxsim_vector_result *result);

/* Which checks have a vector that is made to break them, and one that only just passes them. Begin with zeros. */
struct vmxsim_coverage {
  struct vmxsim_check_set breaks, passes;
};

void vmxsim_coverage_add(struct vmxsim_coverage *coverage, const struct vmxsim_case *subject);
/* The first check at or after `from` without such a vector, VMXSIM_NO_CHECK if none. */
vmxsim_check vmxsim_coverage_next_without_breaks(const struct vmxsim_coverage *coverage, vmxsim_check from);
vmxsim_check vmxsim_coverage_next_without_passes(const struct vmxsim_coverage *coverage, vmxsim_check from);

#ifdef __cplusplus
}
#endif
#endif
