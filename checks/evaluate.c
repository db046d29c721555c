/* Verdicts: all checks, only those whose inputs changed, one check; and walking them. */
#include "checks/context.h"
#include "vmcs/architecture.h"

static bool set_is_full(const struct vmxsim_field_set *set) {
  for (unsigned i = 0; i + 1 < VMXSIM_FIELD_WORDS; i++) {
    if (~set->word[i]) return false;
  }
  const unsigned rest = VMXSIM_FIELD_COUNT - 64 * (VMXSIM_FIELD_WORDS - 1);
  return (~set->word[VMXSIM_FIELD_WORDS - 1] << (64 - rest)) == 0;
}

static bool everything_is_known(const struct vmxsim_check_input *input) {
  const uint64_t all_items = ~UINT64_C(0) >> (64 - VMXSIM_PROCESSOR_ITEM_COUNT);
  return input->capabilities_count == 1 && input->read_memory && (input->state->known & all_items) == all_items &&
         set_is_full(&input->vmcs->known);
}

static struct check_context context_of(const struct vmxsim_check_input *input, size_t processor) {
  return (struct check_context){
      .field = input->vmcs->value,
      .capabilities = processor < input->capabilities_count ? input->capabilities[processor] : NULL,
      .input = input,
  };
}

static void set_group(struct vmxsim_verdict *verdict, unsigned group, uint64_t broken, uint64_t undecided) {
  const uint64_t bit = UINT64_C(1) << group;
  verdict->broken[group] = broken;
  verdict->undecided[group] = undecided;
  verdict->broken_groups = broken ? verdict->broken_groups | bit : verdict->broken_groups & ~bit;
  verdict->undecided_groups = undecided ? verdict->undecided_groups | bit : verdict->undecided_groups & ~bit;
}

/* The first MSR-load entry that fails is the one that counts. */
static void note_msr_load_entry(struct vmxsim_verdict *verdict, uint32_t number) {
  if (!verdict->msr_load_entry || number < verdict->msr_load_entry) verdict->msr_load_entry = number;
}

/* Entries up to the maximum are loaded: with too many, the one after them fails. */
static void note_msr_load_count(const struct check_context *x, struct vmxsim_verdict *verdict) {
  if (!x->capabilities || !verdict->broken[GROUP_msr_load_count]) return;
  note_msr_load_entry(verdict, (uint32_t)VMX_MISC_MSR_LIST_OF(x->capabilities->ia32_vmx_misc) + 1);
}

/* A group of whose inputs not all are known: check by check. */
static void evaluate_group_partially(struct check_context *x, unsigned group, struct vmxsim_verdict *verdict) {
  struct probe probe;
  struct probe *const outer = x->probe;
  /* cppcheck-suppress autoVariables ; only until the end of this function */
  x->probe = &probe;
  const struct group_record *record = &group_records[group];
  uint64_t broken = 0, undecided = 0;
  for (unsigned which = 0; which < record->count; which++) {
    switch (partial_check_in_group(x, group, which, MUTATION_NONE)) {
    case VMXSIM_CHECK_BROKEN:
      broken |= UINT64_C(1) << which;
      if (record->each_msr_entry) note_msr_load_entry(verdict, x->entry.number);
      break;
    case VMXSIM_CHECK_UNDECIDED:
    case VMXSIM_CHECK_BROKEN_IF_ASSUMED: undecided |= UINT64_C(1) << which; break;
    case VMXSIM_CHECK_NOT_APPLICABLE:
    case VMXSIM_CHECK_HOLDS: break;
    }
  }
  x->probe = outer;
  set_group(verdict, group, broken, undecided);
}

void partial_check_all(struct check_context *x, struct vmxsim_verdict *verdict) {
  *verdict = (struct vmxsim_verdict){.msr_load_entry = 0};
  for (unsigned group = 0; group < GROUP_COUNT; group++) evaluate_group_partially(x, group, verdict);
  note_msr_load_count(x, verdict);
}

static uint64_t evaluate_msr_entries(struct check_context *x, unsigned group, struct vmxsim_verdict *verdict) {
  const uint32_t entries = context_msr_entries(x);
  uint64_t broken = 0;
  for (uint32_t number = 1; number <= entries; number++) {
    if (!context_load_msr_entry(x, number)) return 0;
    const uint64_t failing = full_groups[group](x);
    if (failing) note_msr_load_entry(verdict, number);
    broken |= failing;
  }
  return broken;
}

/* Groups that are evaluated for each entry of the VM-entry MSR-load area. */
static const uint64_t msr_entry_groups = 0
#define GROUP(name, outcome, number, section, guard)
#define GROUP_OF_MSR_LOAD(name, section, guard) | UINT64_C(1) << GROUP_##name
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
    ;

/* Evaluates the groups of a mask, all of whose inputs are known but perhaps some memory. */
static void evaluate_groups(struct check_context *x, uint64_t groups, struct vmxsim_verdict *verdict) {
  uint64_t broken_groups = verdict->broken_groups & ~groups;
  uint64_t memory_groups = verdict->memory_groups & ~groups;
  uint64_t failed_groups = 0; /* memory could not be read */
  verdict->undecided_groups &= ~groups;
  for (uint64_t rest = groups; rest; rest &= rest - 1) {
    const unsigned group = (unsigned)__builtin_ctzll(rest);
    const uint64_t bit = rest & -rest;
    const uint64_t broken = bit & msr_entry_groups ? evaluate_msr_entries(x, group, verdict) : full_groups[group](x);
    verdict->broken[group] = broken;
    verdict->undecided[group] = 0;
    if (broken) broken_groups |= bit;
    if (!x->memory_read) continue;
    memory_groups |= bit;
    if (x->memory_failed) failed_groups |= bit;
    x->memory_read = x->memory_failed = false;
  }
  verdict->broken_groups = broken_groups;
  verdict->memory_groups = memory_groups;
  for (; failed_groups; failed_groups &= failed_groups - 1) {
    evaluate_group_partially(x, (unsigned)__builtin_ctzll(failed_groups), verdict);
  }
  note_msr_load_count(x, verdict);
}

/* Candidates: broken on all is broken, holding on all holds. */
static void merge(struct vmxsim_verdict *into, const struct vmxsim_verdict *other) {
  for (unsigned group = 0; group < GROUP_COUNT; group++) {
    const uint64_t any = into->broken[group] | into->undecided[group] | other->broken[group] | other->undecided[group];
    const uint64_t broken = into->broken[group] & other->broken[group];
    set_group(into, group, broken, any & ~broken);
  }
  if (other->msr_load_entry) note_msr_load_entry(into, other->msr_load_entry);
}

static void check_all_partially(const struct vmxsim_check_input *input, struct vmxsim_verdict *verdict) {
  struct check_context x = context_of(input, 0);
  partial_check_all(&x, verdict);
  for (size_t i = 1; i < input->capabilities_count; i++) {
    struct vmxsim_verdict other;
    x = context_of(input, i);
    partial_check_all(&x, &other);
    merge(verdict, &other);
  }
}

void vmxsim_check_all(const struct vmxsim_check_input *input, struct vmxsim_verdict *verdict) {
  if (!everything_is_known(input)) {
    check_all_partially(input, verdict);
    return;
  }
  struct check_context x = context_of(input, 0);
  verdict->broken_groups = verdict->undecided_groups = verdict->memory_groups = 0;
  verdict->msr_load_entry = 0;
  evaluate_groups(&x, ~UINT64_C(0) >> (64 - GROUP_COUNT), verdict);
}

void vmxsim_check_changed(const struct vmxsim_check_input *input, const struct vmxsim_field_set *changed,
                          struct vmxsim_verdict *verdict) {
  if (!everything_is_known(input)) {
    check_all_partially(input, verdict);
    return;
  }
  uint64_t groups = verdict->memory_groups;
  for (unsigned word = 0; word < VMXSIM_FIELD_WORDS; word++) {
    for (uint64_t rest = changed->word[word]; rest; rest &= rest - 1) {
      groups |= groups_reading[64 * word + (unsigned)__builtin_ctzll(rest)];
    }
  }
  struct check_context x = context_of(input, 0);
  verdict->msr_load_entry = 0; /* groups with a failing entry have read memory: they are evaluated again */
  evaluate_groups(&x, groups, verdict);
}

/* The first set bit at or after check `from` in one of the arrays of a verdict. */
static vmxsim_check next(const uint64_t *words, vmxsim_check from) {
  unsigned which;
  if (from >= check_record_count) return VMXSIM_NO_CHECK;
  for (unsigned group = check_group_of(from, &which); group < GROUP_COUNT; group++, which = 0) {
    const uint64_t rest = which < 64 ? words[group] >> which << which : 0;
    if (rest) return group_records[group].first + (unsigned)__builtin_ctzll(rest);
  }
  return VMXSIM_NO_CHECK;
}

vmxsim_check vmxsim_next_broken(const struct vmxsim_verdict *verdict, vmxsim_check from) {
  return next(verdict->broken, from);
}

vmxsim_check vmxsim_next_undecided(const struct vmxsim_verdict *verdict, vmxsim_check from) {
  return next(verdict->undecided, from);
}

static bool has(const uint64_t *words, vmxsim_check check) {
  unsigned which;
  if (check >= check_record_count) return false;
  const unsigned group = check_group_of(check, &which);
  return (words[group] >> which) & 1;
}

bool vmxsim_is_broken(const struct vmxsim_verdict *verdict, vmxsim_check check) {
  return has(verdict->broken, check);
}

bool vmxsim_is_undecided(const struct vmxsim_verdict *verdict, vmxsim_check check) {
  return has(verdict->undecided, check);
}

struct vmxsim_outcome vmxsim_verdict_outcome(const struct vmxsim_verdict *verdict) {
  if (!verdict->broken_groups) {
    return (struct vmxsim_outcome){VMXSIM_ENTRY_SUCCEEDS, 0, VMXSIM_NO_CHECK, verdict->undecided_groups == 0};
  }
  const unsigned group = (unsigned)__builtin_ctzll(verdict->broken_groups);
  const struct group_record *record = &group_records[group];
  const unsigned which = (unsigned)__builtin_ctzll(verdict->broken[group]);
  struct vmxsim_outcome outcome = {record->outcome, record->outcome_number, record->first + which, true};
  /* Undecided checks that come first leave it open, unless they would end the same way. */
  for (uint64_t rest = verdict->undecided_groups; rest; rest &= rest - 1) {
    const unsigned open = (unsigned)__builtin_ctzll(rest);
    if (open >= group) break;
    const struct group_record *other = &group_records[open];
    if (other->outcome != record->outcome || other->outcome_number != record->outcome_number) outcome.certain = false;
  }
  if (record->outcome == VMXSIM_ENTRY_EXIT_34) {
    if (verdict->msr_load_entry) outcome.number = verdict->msr_load_entry;
    if (verdict->undecided_groups >> group) outcome.certain = false;
  }
  return outcome;
}

static enum vmxsim_check_result worse(enum vmxsim_check_result a, enum vmxsim_check_result b) {
  const bool a_broken = a == VMXSIM_CHECK_BROKEN, b_broken = b == VMXSIM_CHECK_BROKEN;
  const bool a_open = a == VMXSIM_CHECK_UNDECIDED || a == VMXSIM_CHECK_BROKEN_IF_ASSUMED;
  const bool b_open = b == VMXSIM_CHECK_UNDECIDED || b == VMXSIM_CHECK_BROKEN_IF_ASSUMED;
  if (a_broken && b_broken) return VMXSIM_CHECK_BROKEN;
  if (a_broken || b_broken || a_open || b_open) return a == b ? a : VMXSIM_CHECK_UNDECIDED;
  return a == VMXSIM_CHECK_HOLDS || b == VMXSIM_CHECK_HOLDS ? VMXSIM_CHECK_HOLDS : VMXSIM_CHECK_NOT_APPLICABLE;
}

/* Whatever a check declares to read of the processor is what would decide it between candidates. */
static void add_capabilities_read(vmxsim_check check, uint64_t *set) {
  for (unsigned input = INPUT_FIRST_CAPABILITY; input < INPUT_FIRST_PROCESSOR; input++) {
    if (vmxsim_check_reads(check, input)) set[input / 64] |= UINT64_C(1) << (input % 64);
  }
}

void vmxsim_check_one(const struct vmxsim_check_input *input, vmxsim_check check, struct vmxsim_finding *finding) {
  *finding = (struct vmxsim_finding){.result = VMXSIM_CHECK_NOT_APPLICABLE};
  if (check >= check_record_count) return;
  unsigned which;
  const bool each_msr_entry = group_records[check_group_of(check, &which)].each_msr_entry;
  const size_t processors = input->capabilities_count ? input->capabilities_count : 1;
  bool differ = false;
  for (size_t i = 0; i < processors; i++) {
    struct probe probe;
    struct check_context x = context_of(input, i);
    x.probe = &probe;
    const enum vmxsim_check_result result = partial_check(&x, check, MUTATION_NONE);
    if (i && result != finding->result) differ = true;
    if (result == VMXSIM_CHECK_BROKEN && i < 64) finding->broken_on |= UINT64_C(1) << i;
    if (each_msr_entry && (i == 0 || result == VMXSIM_CHECK_BROKEN)) finding->msr_load_entry = x.entry.number;
    finding->result = i ? worse(finding->result, result) : result;
    for (unsigned n = 0; n < VMXSIM_INPUT_SET_WORDS; n++) finding->missing[n] |= probe.missing[n];
  }
  const bool open = finding->result == VMXSIM_CHECK_UNDECIDED || finding->result == VMXSIM_CHECK_BROKEN_IF_ASSUMED;
  if (open && differ) add_capabilities_read(check, finding->missing);
  if (!open) {
    for (unsigned n = 0; n < VMXSIM_INPUT_SET_WORDS; n++) finding->missing[n] = 0;
  }
}
