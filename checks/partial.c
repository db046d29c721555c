/* The catalog compiled so that every look at an input is noted, for inputs of which not everything is known, and for
 * one check at a time. full.c is the same catalog for speed.
 *
 * A check is decided if one of its terms is false on known inputs, or if all are true on known inputs. A term that
 * looked at something unknown says nothing; one that rests on an assumption counts as true only "if assumed". */
#include "checks/context.h"
#include "checks/expansion.h"
#include "checks/terms.h"

static void set_add(uint64_t *set, unsigned input) {
  set[input / 64] |= UINT64_C(1) << (input % 64);
}

static void note_missing(struct probe *probe, unsigned input) {
  probe->term_unknown = true;
  set_add(probe->missing_in_term, input);
}

static uint64_t probe_field(struct check_context *x, unsigned input) {
  set_add(x->probe->read, input);
  if (!vmxsim_field_set_has(&x->input->vmcs->known, (vmxsim_field)input)) note_missing(x->probe, input);
  return x->field[input];
}

static uint64_t probe_capability(struct check_context *x, unsigned input) {
  set_add(x->probe->read, input);
  if (x->capabilities) return vmxsim_capability_get(x->capabilities, input - INPUT_FIRST_CAPABILITY);
  note_missing(x->probe, input);
  /* Something to go on with: shifts by this are in range. */
  return input == INPUT_cap_linear_bits ? 48 : 0;
}

static uint64_t probe_processor(struct check_context *x, unsigned input) {
  const struct vmxsim_processor_state *state = x->input->state;
  const unsigned item = input - INPUT_FIRST_PROCESSOR;
  set_add(x->probe->read, input);
  if (!((state->known >> item) & 1)) {
    if ((state->assumed >> item) & 1) {
      x->probe->term_assumed = true;
      set_add(x->probe->missing_in_term, input);
    } else {
      note_missing(x->probe, input);
    }
  }
  return state->item[item];
}

static uint64_t probe_memory(struct check_context *x, unsigned input, uint64_t address, size_t size) {
  set_add(x->probe->read, input);
  x->memory_failed = false;
  const uint64_t value = context_read_little_endian(x, address, size);
  if (x->memory_failed) note_missing(x->probe, input);
  return value;
}

static uint64_t probe_entry(struct check_context *x, uint64_t value) {
  set_add(x->probe->read, INPUT_mem_vm_entry_msr_load_area);
  if (x->entry_unknown) note_missing(x->probe, INPUT_mem_vm_entry_msr_load_area);
  return value;
}

static void begin_term(struct probe *probe) {
  probe->term_unknown = probe->term_assumed = false;
  for (unsigned i = 0; i < VMXSIM_INPUT_SET_WORDS; i++) probe->missing_in_term[i] = 0;
}

static void end_term(struct probe *probe, bool value) {
  bool *const refuted = probe->in_fails ? &probe->fails_refuted : &probe->when_refuted;
  bool *const open = probe->in_fails ? &probe->fails_open : &probe->when_open;
  if (probe->term_unknown) {
    *open = true;
  } else if (!value) {
    *refuted = true;
  } else if (probe->term_assumed) {
    probe->assumed = true;
  }
  if (!probe->term_unknown && !(value && probe->term_assumed)) return;
  for (unsigned i = 0; i < VMXSIM_INPUT_SET_WORDS; i++) probe->missing[i] |= probe->missing_in_term[i];
}

#define F(name) (probe_field(x, INPUT_##name))
#define CAP(name) (probe_capability(x, INPUT_cap_##name))
#define CPU(name) (probe_processor(x, INPUT_cpu_##name))
#define MEMORY_READ(kind, address, size) (probe_memory(x, INPUT_mem_##kind, (address), (size)))
#define ENTRY_MSR (probe_entry(x, x->entry.index))
#define ENTRY_RESERVED (probe_entry(x, x->entry.reserved))
#define ENTRY_DATA (probe_entry(x, x->entry.data))

/* clang-format off */
#define TERM(extra, expression) \
  begin_term(x->probe); \
  end_term(x->probe, (expression));
#define WHEN(...) EACH(TERM, SEPARATE_NOTHING, , __VA_ARGS__)
#define FAILS(...) \
  x->probe->in_fails = true; \
  EACH(TERM, SEPARATE_NOTHING, , __VA_ARGS__)

#define OPEN_GROUP(name, guard) \
  static void partial_##name(struct check_context *x, unsigned which) { \
    enum { base = __COUNTER__ + 1 }; \
    TERM(, (guard)) \
    switch (which) {
#define GROUP(name, outcome, number, section, guard) OPEN_GROUP(name, guard)
#define GROUP_OF_MSR_LOAD(name, section, guard) OPEN_GROUP(name, guard)
#define CHECK(id, rule, reads, when, fails, says, hint) \
  case __COUNTER__ - base: \
    when fails break;
#define END_GROUP(name) \
  default: break; \
    } \
  }
#include "checks/catalog.def"
#include "checks/catalog_undef.h"

partial_group *const partial_groups[GROUP_COUNT] = {
#define GROUP(name, outcome, number, section, guard) partial_##name,
#define GROUP_OF_MSR_LOAD(name, section, guard) partial_##name,
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};

/* The values of a message. The leading 0 stands in for an empty list. */
#define SAYS(text) {0}
#define SAYS_WITH(text, ...) {0, __VA_ARGS__}
#define GROUP(name, outcome, number, section, guard) \
  static unsigned values_##name(struct check_context *x, unsigned which, uint64_t *values) { \
    enum { base = __COUNTER__ + 1 }; \
    unsigned count = 0; \
    (void)x; \
    switch (which) {
#define GROUP_OF_MSR_LOAD(name, section, guard) GROUP(name, EXIT_34, 0, section, guard)
#define CHECK(id, rule, reads, when, fails, says, hint) \
  case __COUNTER__ - base: { \
    const uint64_t list[] = says; \
    for (count = 0; count + 1 < sizeof list / sizeof *list; count++) values[count] = list[count + 1]; \
    break; \
  }
#define END_GROUP(name) \
  default: break; \
    } \
    return count; \
  }
#include "checks/catalog.def"
#include "checks/catalog_undef.h"

values_group *const values_groups[GROUP_COUNT] = {
#define GROUP(name, outcome, number, section, guard) values_##name,
#define GROUP_OF_MSR_LOAD(name, section, guard) values_##name,
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};

/* clang-format on */

static enum vmxsim_check_result mutated(const struct probe *probe, enum check_mutation mutation) {
  bool when_refuted = probe->when_refuted, fails_refuted = probe->fails_refuted;
  bool open = probe->when_open || probe->fails_open;
  switch (mutation) {
  case MUTATION_DISABLE: fails_refuted = true; break;
  case MUTATION_INVERT: fails_refuted = !fails_refuted; break;
  case MUTATION_ALWAYS_APPLIES:
    when_refuted = false;
    open = probe->fails_open;
    break;
  case MUTATION_NONE: break;
  }
  if (when_refuted) return VMXSIM_CHECK_NOT_APPLICABLE;
  if (fails_refuted) return VMXSIM_CHECK_HOLDS;
  if (open) return VMXSIM_CHECK_UNDECIDED;
  return probe->assumed ? VMXSIM_CHECK_BROKEN_IF_ASSUMED : VMXSIM_CHECK_BROKEN;
}

static enum vmxsim_check_result evaluate(struct check_context *x, unsigned group, unsigned which,
                                         enum check_mutation mutation) {
  *x->probe = (struct probe){.term_unknown = false};
  partial_groups[group](x, which);
  return mutated(x->probe, mutation);
}

/* Broken for one entry is broken; not known for one is undecided; it applies if it does to one. */
static unsigned rank(enum vmxsim_check_result result) {
  static const unsigned char ranks[] = {
      [VMXSIM_CHECK_NOT_APPLICABLE] = 0,    [VMXSIM_CHECK_HOLDS] = 1,  [VMXSIM_CHECK_UNDECIDED] = 2,
      [VMXSIM_CHECK_BROKEN_IF_ASSUMED] = 3, [VMXSIM_CHECK_BROKEN] = 4,
  };
  return ranks[result];
}

static enum vmxsim_check_result evaluate_entries(struct check_context *x, unsigned group, unsigned which,
                                                 enum check_mutation mutation) {
  enum vmxsim_check_result worst = VMXSIM_CHECK_NOT_APPLICABLE;
  struct probe probe_of_worst = {.term_unknown = false};
  struct msr_entry entry_of_worst = {.number = 0};
  uint64_t read[VMXSIM_INPUT_SET_WORDS] = {0};
  const uint32_t entries = context_msr_entries(x);
  bool any_unknown = false;
  /* One round even for no entries: whether there are any may itself be unknown. And one for all entries that are not
   * known: a log may give only the entry that failed. */
  for (uint32_t number = 1; number == 1 || number <= entries; number++) {
    x->entry_unknown = !context_load_msr_entry(x, number);
    if (x->entry_unknown && any_unknown) continue;
    any_unknown = any_unknown || x->entry_unknown;
    const enum vmxsim_check_result result = evaluate(x, group, which, mutation);
    for (unsigned i = 0; i < VMXSIM_INPUT_SET_WORDS; i++) read[i] |= x->probe->read[i];
    if (number == 1 || rank(result) > rank(worst)) {
      worst = result;
      probe_of_worst = *x->probe;
      entry_of_worst = x->entry;
    }
    if (worst == VMXSIM_CHECK_BROKEN) break;
  }
  *x->probe = probe_of_worst;
  x->entry = entry_of_worst;
  for (unsigned i = 0; i < VMXSIM_INPUT_SET_WORDS; i++) x->probe->read[i] = read[i];
  return worst;
}

enum vmxsim_check_result partial_check_in_group(struct check_context *x, unsigned group, unsigned which,
                                                enum check_mutation mutation) {
  return group_records[group].each_msr_entry ? evaluate_entries(x, group, which, mutation)
                                             : evaluate(x, group, which, mutation);
}

enum vmxsim_check_result partial_check(struct check_context *x, vmxsim_check check, enum check_mutation mutation) {
  unsigned which;
  const unsigned group = check_group_of(check, &which);
  return partial_check_in_group(x, group, which, mutation);
}
