/* The catalog as data: ids, sentences, messages and declared inputs of every check. */
#include "checks/context.h"
#include "checks/expansion.h"
#include "checks/terms.h"

/* clang-format off */
/* The n-th word of the set of inputs that READS() lists. */
#define INPUT_IN_WORD(n, input) (INPUT_##input / 64 == (n) ? UINT64_C(1) << (INPUT_##input % 64) : 0)
#define READS_WORD(n, ...) (EACH(INPUT_IN_WORD, SEPARATE_OR, n, __VA_ARGS__))
#define READS(...) \
  { \
    READS_WORD(0, __VA_ARGS__), READS_WORD(1, __VA_ARGS__), READS_WORD(2, __VA_ARGS__), READS_WORD(3, __VA_ARGS__), \
        READS_WORD(4, __VA_ARGS__), READS_WORD(5, __VA_ARGS__) \
  }
#define SAYS(text) text
#define SAYS_WITH(text, ...) text

const struct check_record check_records[] = {
#define GROUP(name, outcome, number, section, guard)
#define GROUP_OF_MSR_LOAD(name, section, guard)
#define CHECK(id, rule, reads, when, fails, says, hint) {id, rule, says, hint, reads},
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};

const unsigned check_record_count = sizeof check_records / sizeof *check_records;

/* COUNT_group, and FIRST_group by adding them up. */
#define GROUP(name, outcome, number, section, guard) enum { COUNT_##name = 0
#define GROUP_OF_MSR_LOAD(name, section, guard) enum { COUNT_##name = 0
#define CHECK(id, rule, reads, when, fails, says, hint) +1
#define END_GROUP(name) };
#include "checks/catalog.def"
#include "checks/catalog_undef.h"

enum first_of_group {
#define GROUP(name, outcome, number, section, guard)
#define GROUP_OF_MSR_LOAD(name, section, guard)
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name) FIRST_##name, LAST_##name = FIRST_##name + COUNT_##name - 1,
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};

#define GROUP(name, outcome, number, section, guard) \
  _Static_assert(COUNT_##name >= 1 && COUNT_##name <= 64, "a group has 1 to 64 checks");
#define GROUP_OF_MSR_LOAD(name, section, guard) GROUP(name, EXIT_34, 0, section, guard)
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"

const struct group_record group_records[GROUP_COUNT] = {
#define UD VMXSIM_ENTRY_UD
#define GP VMXSIM_ENTRY_GP
#define VM_EXIT VMXSIM_ENTRY_VM_EXIT
#define FAIL_INVALID VMXSIM_ENTRY_FAIL_INVALID
#define FAIL_VALID VMXSIM_ENTRY_FAIL_VALID
#define EXIT_33 VMXSIM_ENTRY_EXIT_33
#define EXIT_34 VMXSIM_ENTRY_EXIT_34
#define GROUP(name, outcome, number, section, guard) \
  {#name, section, outcome, number, FIRST_##name, COUNT_##name, false, {0
#define GROUP_OF_MSR_LOAD(name, section, guard) {#name, section, EXIT_34, 0, FIRST_##name, COUNT_##name, true, {0
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name) }},
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
};

/* clang-format on */

unsigned check_group_of(vmxsim_check check, unsigned *which) {
  unsigned low = 0, high = GROUP_COUNT; /* the group is in low ... high - 1 */
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    if (group_records[middle].first <= check) {
      low = middle;
    } else {
      high = middle;
    }
  }
  *which = check - group_records[low].first;
  return low;
}

unsigned vmxsim_check_count(void) {
  return check_record_count;
}

bool vmxsim_check_describe(vmxsim_check check, struct vmxsim_check_info *info) {
  if (check >= check_record_count) return false;
  unsigned which;
  const struct group_record *group = &group_records[check_group_of(check, &which)];
  const struct check_record *record = &check_records[check];
  *info = (struct vmxsim_check_info){record->id,   group->name,    group->section,
                                     record->rule, group->outcome, group->outcome_number};
  return true;
}

/* Ids compare without regard to case and with '_' as '-'. */
static char folded(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

vmxsim_check vmxsim_check_find(const char *id, size_t length) {
  for (unsigned i = 0; i < check_record_count; i++) {
    const char *known = check_records[i].id;
    size_t n = 0;
    while (n < length && known[n] && folded(known[n]) == folded(id[n])) n++;
    if (n == length && !known[n]) return i;
  }
  return VMXSIM_NO_CHECK;
}

bool vmxsim_check_reads(vmxsim_check check, unsigned input) {
  return check < check_record_count && input < INPUT_COUNT &&
         ((check_records[check].reads[input / 64] >> (input % 64)) & 1);
}

static const char *const input_names[INPUT_COUNT] = {
#define FIELD(encoding, name, exists, term) #name,
#include "vmxsim/tables/fields.def"
#undef FIELD
#define CAPABILITY_MSR(name, index, title) #name,
#define CAPABILITY_NUMBER(name, unit) #name,
#define CAPABILITY_DERIVED(name, about) #name,
#include "vmxsim/tables/capabilities.def"
#undef CAPABILITY_MSR
#undef CAPABILITY_NUMBER
#undef CAPABILITY_DERIVED
#define PROCESSOR_STATE(name, assumed, about) #name,
#include "vmxsim/tables/processor_state.def"
#undef PROCESSOR_STATE
#define MEMORY_INPUT(name, about) #name,
#include "vmxsim/tables/memory_inputs.def"
#undef MEMORY_INPUT
};

static const char *const memory_abouts[] = {
#define MEMORY_INPUT(name, about) about,
#include "vmxsim/tables/memory_inputs.def"
#undef MEMORY_INPUT
};

unsigned vmxsim_input_count(void) {
  return INPUT_COUNT;
}

const char *vmxsim_input_name(unsigned input) {
  return input < INPUT_COUNT ? input_names[input] : NULL;
}

enum vmxsim_input_kind vmxsim_input_kind(unsigned input) {
  if (input < INPUT_FIRST_CAPABILITY) return VMXSIM_INPUT_FIELD;
  if (input < INPUT_FIRST_PROCESSOR) return VMXSIM_INPUT_CAPABILITY;
  return input < INPUT_FIRST_MEMORY ? VMXSIM_INPUT_PROCESSOR : VMXSIM_INPUT_MEMORY;
}

const char *vmxsim_input_about(unsigned input) {
  if (input >= INPUT_COUNT) return NULL;
  switch (vmxsim_input_kind(input)) {
  case VMXSIM_INPUT_FIELD: return vmxsim_field_term((vmxsim_field)input);
  case VMXSIM_INPUT_CAPABILITY: return vmxsim_capability_info(input - INPUT_FIRST_CAPABILITY)->about;
  case VMXSIM_INPUT_PROCESSOR: return vmxsim_processor_item_about(input - INPUT_FIRST_PROCESSOR);
  case VMXSIM_INPUT_MEMORY: break;
  }
  return memory_abouts[input - INPUT_FIRST_MEMORY];
}
