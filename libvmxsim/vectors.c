/* Running test vectors: evaluation is left to checks/, the reading of files to input/. */
#include "vmxsim/vectors.h"

vmxsim_check vmxsim_check_set_next(const struct vmxsim_check_set *set, vmxsim_check from) {
  while (from < VMXSIM_CHECK_SET_WORDS * 64) {
    if (vmxsim_check_set_has(set, from)) return from;
    from = set->word[from / 64] >> (from % 64) ? from + 1 : (from / 64 + 1) * 64;
  }
  return VMXSIM_NO_CHECK;
}

void vmxsim_case_input(const struct vmxsim_case *subject, struct vmxsim_vmcs *vmcs, struct vmxsim_check_input *input) {
  vmxsim_case_vmcs(subject, vmcs);
  *input = (struct vmxsim_check_input){
      .vmcs = vmcs,
      .state = &subject->state,
      .capabilities = &subject->processor,
      .capabilities_count = subject->processor ? 1 : 0,
      .read_memory = vmxsim_case_read_memory,
      .memory_context = (void *)(uintptr_t)subject, /* only read: see vmxsim_case_read_memory() */
  };
}

static bool same_outcome(const struct vmxsim_outcome *a, const struct vmxsim_outcome *b) {
  if (a->kind != b->kind) return false;
  const bool numbered =
      a->kind == VMXSIM_ENTRY_FAIL_VALID || a->kind == VMXSIM_ENTRY_EXIT_33 || a->kind == VMXSIM_ENTRY_EXIT_34;
  return !numbered || a->number == b->number;
}

bool vmxsim_outcome_allowed(const struct vmxsim_case *subject, const struct vmxsim_outcome *outcome) {
  const struct vmxsim_expectation *expect = &subject->expect;
  for (size_t i = 0; i < expect->allowed_count; i++) {
    if (same_outcome(&expect->allowed[i], outcome)) return true;
  }
  return expect->allowed_count == 0;
}

static struct vmxsim_check_set broken_of(const struct vmxsim_verdict *verdict) {
  struct vmxsim_check_set set = {{0}};
  vmxsim_check check = vmxsim_next_broken(verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_broken(verdict, check + 1)) vmxsim_check_set_add(&set, check);
  return set;
}

static struct vmxsim_check_set undecided_of(const struct vmxsim_verdict *verdict) {
  struct vmxsim_check_set set = {{0}};
  vmxsim_check check = vmxsim_next_undecided(verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(verdict, check + 1)) {
    vmxsim_check_set_add(&set, check);
  }
  return set;
}

static struct vmxsim_check_set set_of(const vmxsim_check *checks, size_t count) {
  struct vmxsim_check_set set = {{0}};
  for (size_t i = 0; i < count; i++) vmxsim_check_set_add(&set, checks[i]);
  return set;
}

/* What is only in `expected` and what is only in `found`; false if there is neither. */
static bool differences(const struct vmxsim_check_set *expected, const struct vmxsim_check_set *found,
                        struct vmxsim_check_set *missing, struct vmxsim_check_set *unexpected) {
  uint64_t any = 0;
  for (size_t i = 0; i < VMXSIM_CHECK_SET_WORDS; i++) {
    missing->word[i] = expected->word[i] & ~found->word[i];
    unexpected->word[i] = found->word[i] & ~expected->word[i];
    any |= missing->word[i] | unexpected->word[i];
  }
  return any != 0;
}

void vmxsim_vector_compare(const struct vmxsim_case *subject, const struct vmxsim_verdict *verdict,
                           struct vmxsim_vector_result *result) {
  const struct vmxsim_expectation *expect = &subject->expect;
  *result = (struct vmxsim_vector_result){.passed = true, .outcome = vmxsim_verdict_outcome(verdict)};
  if (!expect->given) return;

  result->outcome_differs = !vmxsim_outcome_allowed(subject, &result->outcome);

  struct vmxsim_check_set expected = set_of(expect->also, expect->also_count);
  if (expect->breaks != VMXSIM_NO_CHECK) vmxsim_check_set_add(&expected, expect->breaks);
  const struct vmxsim_check_set broken = broken_of(verdict);
  bool differs = differences(&expected, &broken, &result->not_broken, &result->also_broken);

  if (expect->undecided_given) {
    const struct vmxsim_check_set open = set_of(expect->undecided, expect->undecided_count);
    const struct vmxsim_check_set undecided = undecided_of(verdict);
    differs |= differences(&open, &undecided, &result->not_undecided, &result->also_undecided);
  }
  if (expect->passes != VMXSIM_NO_CHECK) {
    result->passes_differs = vmxsim_is_broken(verdict, expect->passes) || vmxsim_is_undecided(verdict, expect->passes);
  }
  result->passed = !differs && !result->outcome_differs && !result->passes_differs;
}

void vmxsim_vector_run(const struct vmxsim_case *subject, struct vmxsim_vector_result *result) {
  struct vmxsim_vmcs vmcs;
  struct vmxsim_check_input input;
  struct vmxsim_verdict verdict;
  vmxsim_case_input(subject, &vmcs, &input);
  vmxsim_check_all(&input, &verdict);
  vmxsim_vector_compare(subject, &verdict, result);
}

void vmxsim_coverage_add(struct vmxsim_coverage *coverage, const struct vmxsim_case *subject) {
  if (!subject->expect.given) return;
  vmxsim_check_set_add(&coverage->breaks, subject->expect.breaks);
  vmxsim_check_set_add(&coverage->passes, subject->expect.passes);
}

static vmxsim_check next_outside(const struct vmxsim_check_set *set, vmxsim_check from) {
  while (from < vmxsim_check_count() && vmxsim_check_set_has(set, from)) from++;
  return from < vmxsim_check_count() ? from : VMXSIM_NO_CHECK;
}

vmxsim_check vmxsim_coverage_next_without_breaks(const struct vmxsim_coverage *coverage, vmxsim_check from) {
  return next_outside(&coverage->breaks, from);
}

vmxsim_check vmxsim_coverage_next_without_passes(const struct vmxsim_coverage *coverage, vmxsim_check from) {
  return next_outside(&coverage->passes, from);
}
