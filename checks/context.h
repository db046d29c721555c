/* What the expansions of the catalog work on, and the tables that they make. Private to checks/. */
#ifndef VMXSIM_CHECKS_CONTEXT_H
#define VMXSIM_CHECKS_CONTEXT_H

#include "checks/inputs.h"

/* Groups are numbered in the order of evaluation. */
enum check_group {
#define GROUP(name, outcome, number, section, guard) GROUP_##name,
#define GROUP_OF_MSR_LOAD(name, section, guard) GROUP_##name,
#define CHECK(id, rule, reads, when, fails, says, hint)
#define END_GROUP(name)
#include "checks/catalog.def"
#include "checks/catalog_undef.h"
  GROUP_COUNT
};

_Static_assert((unsigned)GROUP_COUNT <= (unsigned)VMXSIM_CHECK_GROUPS_MAX, "a verdict has room for 64 groups");

/* One entry of the VM-entry MSR-load area. */
struct msr_entry {
  uint32_t number; /* from 1 */
  uint32_t index;
  uint32_t reserved; /* bits 63:32 */
  uint64_t data;
};

/* One check while it is evaluated with notes on what was known. */
struct probe {
  uint64_t missing_in_term[VMXSIM_INPUT_SET_WORDS];
  uint64_t missing[VMXSIM_INPUT_SET_WORDS]; /* over the terms that are not decided */
  uint64_t read[VMXSIM_INPUT_SET_WORDS];    /* every input looked at */
  bool term_unknown, term_assumed;
  bool in_fails;                  /* evaluating FAILS; before that, guard and WHEN */
  bool when_refuted, when_open;   /* some term of guard and WHEN is false; is unknown */
  bool fails_refuted, fails_open; /* the same for FAILS */
  bool assumed;                   /* some true term rests on an assumption */
};

struct check_context {
  const uint64_t *field;
  const struct vmxsim_capabilities *capabilities; /* NULL if not known */
  const struct vmxsim_check_input *input;
  struct msr_entry entry; /* the MSR-load entry under evaluation */
  bool entry_unknown;
  bool memory_read;    /* memory was looked at */
  bool memory_failed;  /* the reader could not give what was asked for */
  struct probe *probe; /* partial.c: where to note; the full expansion needs none */
};

typedef uint64_t full_group(struct check_context *context);
typedef void partial_group(struct check_context *context, unsigned which);
typedef unsigned values_group(struct check_context *context, unsigned which, uint64_t *values);

extern full_group *const full_groups[GROUP_COUNT];       /* full.c */
extern partial_group *const partial_groups[GROUP_COUNT]; /* partial.c */
extern values_group *const values_groups[GROUP_COUNT];   /* partial.c */

/* The catalog as data: catalog.c */
struct check_record {
  const char *id;
  const char *rule;
  const char *says;
  const char *hint;
  uint64_t reads[VMXSIM_INPUT_SET_WORDS];
};

struct group_record {
  const char *name;
  const char *section;
  enum vmxsim_outcome_kind outcome;
  uint32_t outcome_number;
  unsigned first; /* number of its first check */
  unsigned count;
  bool each_msr_entry;
  uint64_t reads[VMXSIM_INPUT_SET_WORDS]; /* union over its checks */
};

extern const struct check_record check_records[];
extern const struct group_record group_records[GROUP_COUNT];
extern const unsigned check_record_count;
/* groups_reading[f]: bit n set if group n has a check that reads field f. Made by the build from the catalog. */
extern const uint64_t groups_reading[VMXSIM_FIELD_COUNT];

/* The group of a check and its bit there. */
unsigned check_group_of(vmxsim_check check, unsigned *which);

enum { CHECK_VALUES_MAX = 6 };

/* memory.c: guest-physical memory as checks read it. */
uint64_t context_read_little_endian(struct check_context *context, uint64_t address, size_t size);
bool context_load_msr_entry(struct check_context *context, uint32_t number);
uint32_t context_msr_entries(const struct check_context *context);

/* partial.c */
/* How a test changes one predicate, to see that a vector notices. */
enum check_mutation { MUTATION_NONE, MUTATION_DISABLE, MUTATION_INVERT, MUTATION_ALWAYS_APPLIES };
enum vmxsim_check_result partial_check_in_group(struct check_context *context, unsigned group, unsigned which,
                                                enum check_mutation mutation);
enum vmxsim_check_result partial_check(struct check_context *context, vmxsim_check check, enum check_mutation mutation);

/* evaluate.c: every check, taking nothing for known that is not. */
void partial_check_all(struct check_context *context, struct vmxsim_verdict *verdict);

#endif
