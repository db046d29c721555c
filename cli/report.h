/* One case, evaluated: what `vmxsim check` prints, as text or JSON. */
#ifndef VMXSIM_CLI_REPORT_H
#define VMXSIM_CLI_REPORT_H

#include "cli/json.h"
#include "cli/output.h"
#include "vmxsim/vectors.h"

/* The processor that cases are checked for. */
struct target {
  bool given; /* by --cpu: counts more than what a case says */
  const char *spec;
  struct vmxsim_capabilities processor;
  const struct vmxsim_capabilities *pointer; /* to `processor` */
};

enum { CANDIDATES_MAX = 64 };

/* What the log says of the entry, against what was found. */
enum agreement {
  SAYS_NOTHING,
  SAYS_THE_SAME,
  SAYS_THE_OTHER_ORDER, /* another outcome of a broken rule, and the manual leaves the order open */
  SAYS_OTHERWISE,
};

struct report {
  const char *file;
  size_t number; /* of the case in the file, from 1 */
  size_t count;  /* of cases in the file */
  const struct vmxsim_case *subject;
  const struct target *target;
  const char *processor; /* its name, NULL if it is not known */
  /* Then: every profile that can have this VMCS. */
  const struct vmxsim_profile *candidates[CANDIDATES_MAX];
  const struct vmxsim_capabilities *candidate_capabilities[CANDIDATES_MAX];
  struct vmxsim_vmcs vmcs;
  struct vmxsim_check_input input;
  struct vmxsim_verdict verdict;
  struct vmxsim_outcome outcome;
  struct vmxsim_outcome reported; /* by the log */
  enum agreement agreement;
  size_t broken, undecided;
  size_t undecided_before; /* undecided checks that come before the one that decides the outcome */
};

/* How much to print. */
struct report_style {
  bool first;   /* only the first broken rule */
  bool verbose; /* every undecided check, every control */
};

void report_make(struct report *report, const struct vmxsim_document *document, size_t n, const struct target *target);
void report_print(const struct report *report, const struct output *output, const struct report_style *style);
void report_json(const struct report *report, struct json *json, const struct report_style *style);

/* Parts of report_print(): report_undecided.c */
void report_print_undecided(const struct report *report, const struct output *output, bool verbose);
void report_print_suspects(const struct report *report, const struct output *output, bool verbose);

/* Whether an undecided check would, if it is broken, lead to what the log reports. */
bool report_could_explain(const struct report *report, vmxsim_check check);

/* Why a check is undecided. */
enum openness { OPEN_MISSING, OPEN_PROCESSOR, OPEN_ASSUMED };
enum openness openness_of(const struct report *report, const struct vmxsim_finding *finding);

static inline bool input_set_has(const uint64_t *set, unsigned input) {
  return (set[input / 64] >> (input % 64)) & 1;
}

/* Whether an input is an item of processor state that is only assumed; then *value is what it is assumed to be. */
bool report_is_assumed(const struct report *report, unsigned input, uint64_t *value);

/* "dump 2", "vector NAME" */
void report_case_title(const struct report *report, char *text, size_t size);

#endif
