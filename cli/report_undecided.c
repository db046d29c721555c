/* The undecided checks of a report, for people: by what would decide them, and which of them would explain a failure.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "vmcs/text.h"

/* Undecided checks that the same thing would decide. */
struct open_group {
  enum openness openness;
  uint64_t missing[VMXSIM_INPUT_SET_WORDS];
  uint64_t broken_on;
  size_t count;
  vmxsim_check first;
};

/* Leaves of what is missing what a person should give: not what is assumed; and while the processor is not known, that
 * is one thing to give, whatever capability is asked for. */
static void keep_what_to_give(const struct report *report, uint64_t *missing) {
  const bool one_processor = report->input.capabilities_count == 1;
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    uint64_t value;
    if (!input_set_has(missing, input)) continue;
    const bool capability = vmxsim_input_kind(input) == VMXSIM_INPUT_CAPABILITY;
    if (!report_is_assumed(report, input, &value) && (one_processor || !capability)) continue;
    missing[input / 64] &= ~(UINT64_C(1) << (input % 64));
  }
}

static struct open_group group_of(const struct report *report, vmxsim_check check) {
  struct vmxsim_finding finding;
  vmxsim_check_one(&report->input, check, &finding);
  struct open_group group = {.openness = openness_of(report, &finding), .count = 1, .first = check};
  if (group.openness == OPEN_PROCESSOR) {
    group.broken_on = finding.broken_on;
  } else {
    if (group.openness == OPEN_MISSING) keep_what_to_give(report, finding.missing);
    memcpy(group.missing, finding.missing, sizeof group.missing);
  }
  return group;
}

static bool same_group(const struct open_group *a, const struct open_group *b) {
  return a->openness == b->openness && a->broken_on == b->broken_on &&
         !memcmp(a->missing, b->missing, sizeof a->missing);
}

static int larger_first(const void *left, const void *right) {
  const struct open_group *a = left, *b = right;
  if (a->openness != b->openness) return a->openness > b->openness ? -1 : 1;
  if (a->count != b->count) return a->count > b->count ? -1 : 1;
  return a->first < b->first ? -1 : a->first > b->first;
}

/* `first_of[n]` becomes the first check of the group that the n-th undecided check is in. */
static size_t group_undecided(const struct report *report, struct open_group *groups, vmxsim_check *first_of) {
  size_t count = 0;
  vmxsim_check check = vmxsim_next_undecided(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(&report->verdict, check + 1)) {
    const struct open_group group = group_of(report, check);
    size_t n = 0;
    while (n < count && !same_group(&groups[n], &group)) n++;
    if (n == count) {
      groups[count++] = group;
    } else {
      groups[n].count++;
    }
    *first_of++ = groups[n].first;
  }
  qsort(groups, count, sizeof *groups, larger_first);
  return count;
}

/* "a, b and c"; beyond `limit`, "a, b and 7 more". */
struct name_list {
  struct text text;
  size_t shown, total, limit;
};

static bool list_takes_more(const struct name_list *list) {
  return list->shown < list->limit || list->total <= list->limit + 1;
}

static void list_separate(struct name_list *list) {
  if (list->shown) text_put(&list->text, list->shown + 1 == list->total ? " and " : ", ");
  list->shown++;
}

static void list_end(struct name_list *list) {
  if (list->shown < list->total) {
    text_put(&list->text, " and ");
    text_decimal(&list->text, list->total - list->shown);
    text_put(&list->text, " more");
  }
  text_end(&list->text);
}

static void input_names(const struct report *report, const uint64_t *missing, size_t limit, char *buffer, size_t size) {
  struct name_list list = {text_begin(buffer, size), 0, 0, limit};
  for (unsigned input = 0; input < vmxsim_input_count(); input++) list.total += input_set_has(missing, input);
  for (unsigned input = 0; input < vmxsim_input_count() && list_takes_more(&list); input++) {
    uint64_t value;
    if (!input_set_has(missing, input)) continue;
    list_separate(&list);
    text_put(&list.text, vmxsim_input_name(input));
    if (!report_is_assumed(report, input, &value)) continue;
    text_put(&list.text, " is ");
    text_hex(&list.text, value, 1);
  }
  if (!list.total) text_put(&list.text, "the processor");
  list_end(&list);
}

static void processor_names(const struct report *report, uint64_t processors, size_t limit, char *buffer, size_t size) {
  struct name_list list = {text_begin(buffer, size), 0, 0, limit};
  const struct vmxsim_profile *const *candidates = report->candidates;
  for (unsigned n = 0; n < CANDIDATES_MAX && candidates[n]; n++) list.total += (processors >> n) & 1;
  for (unsigned n = 0; n < CANDIDATES_MAX && candidates[n] && list_takes_more(&list); n++) {
    if (!((processors >> n) & 1)) continue;
    list_separate(&list);
    text_put(&list.text, candidates[n]->name);
  }
  list_end(&list);
}

static void print_group_line(const struct report *report, const struct output *output, const struct open_group *group,
                             bool verbose) {
  char names[3000], line[3200];
  const char *verb = "";
  const bool one = group->count == 1;
  switch (group->openness) {
  case OPEN_MISSING: verb = one ? "needs" : "need"; break;
  case OPEN_PROCESSOR: verb = one ? "is broken on" : "are broken on"; break;
  case OPEN_ASSUMED: verb = one ? "is broken if, as assumed," : "are broken if, as assumed,"; break;
  }
  if (group->openness == OPEN_PROCESSOR) {
    processor_names(report, group->broken_on, verbose ? 64 : 4, names, sizeof names);
  } else {
    input_names(report, group->missing, verbose ? 100 : 3, names, sizeof names);
  }
  snprintf(line, sizeof line, "%s %s", verb, names);
  output_styled(output, STYLE_OPEN, "  %4zu", group->count);
  output_put(output, "  ");
  output_wrapped(output, 8, 10, line);
}

static void print_group_checks(const struct report *report, const struct output *output, const struct open_group *group,
                               const vmxsim_check *first_of) {
  vmxsim_check check = vmxsim_next_undecided(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(&report->verdict, check + 1)) {
    struct vmxsim_check_info info;
    if (*first_of++ != group->first) continue;
    vmxsim_check_describe(check, &info);
    output_styled(output, STYLE_FAINT, "          %s\n", info.id);
  }
}

/* All that depends on the processor, in short: where all is well. */
static void print_processors(const struct report *report, const struct output *output, const struct open_group *groups,
                             size_t count) {
  char names[600], line[800];
  size_t checks = 0;
  uint64_t broken_on = 0;
  for (size_t n = 0; n < count; n++) {
    if (groups[n].openness != OPEN_PROCESSOR) continue;
    checks += groups[n].count;
    broken_on |= groups[n].broken_on;
  }
  if (!checks) return;
  processor_names(report, ~broken_on, 6, names, sizeof names);
  snprintf(line, sizeof line, "%s on the processor, which --cpu NAME gives: %s%s", plural(checks, "depends", "depend"),
           *names ? "well on " : "broken somewhere on every one known", names);
  output_styled(output, STYLE_OPEN, "  %4zu", checks);
  output_put(output, "  ");
  output_wrapped(output, 8, 10, line);
}

/* Groups that were not listed one by one. */
static void print_rest(const struct report *report, const struct output *output, const struct open_group *groups,
                       size_t count) {
  struct open_group rest = {.openness = OPEN_MISSING};
  for (size_t n = 0; n < count; n++) {
    rest.count += groups[n].count;
    for (size_t word = 0; word < VMXSIM_INPUT_SET_WORDS; word++) rest.missing[word] |= groups[n].missing[word];
  }
  if (rest.count) print_group_line(report, output, &rest, false);
}

void report_print_undecided(const struct report *report, const struct output *output, bool verbose) {
  enum { LINES = 8 };
  if (!report->undecided) return;
  struct open_group *groups = allocate(report->undecided, sizeof *groups);
  vmxsim_check *first_of = allocate(report->undecided, sizeof *first_of);
  const size_t count = group_undecided(report, groups, first_of);
  size_t lines = 0, n = 0;
  output_put(output, "  %zu %s undecided%s:\n", report->undecided, plural(report->undecided, "check is", "checks are"),
             verbose ? "" : " (-v lists them)");
  if (!verbose) print_processors(report, output, groups, count);
  for (; n < count && (verbose || lines < LINES || n + 1 == count); n++) {
    if (groups[n].openness == OPEN_PROCESSOR && !verbose) continue;
    if (groups[n].openness == OPEN_MISSING) lines++;
    print_group_line(report, output, &groups[n], verbose);
    if (verbose || groups[n].openness == OPEN_ASSUMED) print_group_checks(report, output, &groups[n], first_of);
  }
  print_rest(report, output, groups + n, count - n);
  free(first_of);
  free(groups);
}

/* How well an undecided check would explain a failure: what is broken on some processor, or if an assumption is right,
 * comes before what only lacks a value. */
static void print_suspect(const struct report *report, const struct output *output, vmxsim_check check) {
  char names[600];
  struct vmxsim_check_info info;
  const struct open_group group = group_of(report, check);
  vmxsim_check_describe(check, &info);
  output_put(output, "        %s", info.id);
  if (group.openness == OPEN_PROCESSOR) {
    processor_names(report, group.broken_on, 3, names, sizeof names);
    output_styled(output, STYLE_FAINT, "  (broken on %s)\n", names);
  } else {
    input_names(report, group.missing, 2, names, sizeof names);
    output_styled(output, STYLE_FAINT, group.openness == OPEN_ASSUMED ? "  (broken if %s)\n" : "  (needs %s)\n", names);
  }
}

static size_t print_suspects_of(const struct report *report, const struct output *output, bool missing, size_t limit) {
  size_t count = 0;
  vmxsim_check check = vmxsim_next_undecided(&report->verdict, 0);
  for (; check != VMXSIM_NO_CHECK; check = vmxsim_next_undecided(&report->verdict, check + 1)) {
    if (!report_could_explain(report, check)) continue;
    if ((group_of(report, check).openness == OPEN_MISSING) != missing) continue;
    if (count++ < limit) print_suspect(report, output, check);
  }
  return count;
}

/* The input tells of a failure that nothing broken explains: the reason is among the undecided checks. */
void report_print_suspects(const struct report *report, const struct output *output, bool verbose) {
  const size_t limit = verbose ? SIZE_MAX : 8;
  if (report->agreement != SAYS_OTHERWISE || report->reported.kind == VMXSIM_ENTRY_SUCCEEDS) return;
  output_put(output, "  one of these undecided checks would explain what the input reports:\n");
  const size_t likely = print_suspects_of(report, output, false, limit);
  const size_t others = print_suspects_of(report, output, true, likely < limit ? limit - likely : 0);
  if (!likely && !others) output_put(output, "        (none)\n");
  if (likely + others > limit) output_put(output, "        and %zu more (-v lists them)\n", likely + others - limit);
}
