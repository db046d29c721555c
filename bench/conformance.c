/* The model against the host's processor, over every form of instruction that both have.
 *
 *   vmxsim-conformance [CASES] [SEED]      200 cases of every form, if CASES is not given
 *   vmxsim-conformance --show FORM CASE_SEED
 *   vmxsim-conformance --golden FILE       writes the golden set anew
 *
 * Prints every difference, a table by instruction set, how often which exception applied (tests/conformance/
 * exceptions.h), and the command that runs a case again. Exit status: 0 no
 * difference, 1 some, or a case that did not end on the host's processor, 2 this host cannot. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/compare.h"
#include "tests/conformance/execute.h"
#include "tests/conformance/generate.h"
#include "tests/conformance/golden.h"
#include "tests/cpu/host_features.h"

struct tally {
  uint64_t forms, cases, differences;
};

struct comparison_run {
  struct native *native;
  struct model *model;
  const struct decoder *decoder;
  struct forms forms;
  struct tally *tally;                           /* a form */
  uint64_t cases, seed, differences, unanswered; /* the host's processor did not come back */
  struct exception_counts explained;
  struct test_case test[BATCH];
  size_t form[BATCH];
  uint64_t case_seed[BATCH];
};

static size_t form_count(const struct comparison_run *run) {
  return run->forms.defined.count + run->forms.undefined.count;
}

static void decode_case(const struct comparison_run *run, const struct test_case *test, struct ir_op *op) {
  memset(op, 0, sizeof *op);
  decode_instruction(run->decoder, forms_decode_mode(test->mode), test->code, test->length, op);
}

static void report(const struct comparison_run *run, unsigned i, const struct test_result *expected,
                   const struct test_result *actual) {
  struct ir_op op;
  decode_case(run, &run->test[i], &op);
  print_case(stdout, &run->test[i], &op);
  print_differences(stdout, &run->test[i], &op, expected, actual);
  printf("  again: --show %zu 0x%" PRIx64 "\n", run->form[i], run->case_seed[i]);
}

static void judge(struct comparison_run *run, unsigned i, const struct test_result *expected) {
  static struct test_result actual;
  struct ir_op op;
  struct tally *tally = &run->tally[run->form[i]];
  decode_case(run, &run->test[i], &op);
  model_execute(run->model, &run->test[i], &actual);
  tally->cases++;
  if (expected->vector == NO_VECTOR) {
    run->unanswered++;
    printf("did not end on the host's processor: --show %zu 0x%" PRIx64 "\n", run->form[i], run->case_seed[i]);
    return;
  }
  if (results_agree(run->model, &run->test[i], &op, expected, &actual, &run->explained)) return;
  run->differences++;
  tally->differences++;
  report(run, i, expected, &actual);
}

/* Forms are numbered in both lists together. */
static const struct form *form_of(const struct comparison_run *run, size_t number) {
  const struct forms *f = &run->forms;
  return number < f->defined.count ? &f->defined.form[number] : &f->undefined.form[number - f->defined.count];
}

/* All forms in turn, and an undefined opcode now and then. */
static void choose(struct comparison_run *run, uint64_t number, unsigned i) {
  enum { UNDEFINED = 64 };
  const struct forms *f = &run->forms;
  struct rng rng = {run->seed + number * UINT64_C(0x2545f4914f6cdd1d)};
  run->case_seed[i] = rng_next(&rng);
  const bool undefined = number % UNDEFINED == UNDEFINED - 1;
  run->form[i] = undefined ? f->defined.count + rng_next(&rng) % f->undefined.count
                           : (number - number / UNDEFINED) % f->defined.count;
  generate_case(form_of(run, run->form[i]), run->case_seed[i], run->decoder, &run->test[i]);
}

static bool run_batch(struct comparison_run *run, uint64_t first, unsigned count) {
  for (unsigned i = 0; i < count; i++) choose(run, first + i, i);
  if (!native_submit(run->native, run->test, count)) return false;
  const struct test_result *expected = native_wait(run->native);
  for (unsigned i = 0; expected && i < count; i++) judge(run, i, &expected[i]);
  return expected;
}

static bool run_all(struct comparison_run *run) {
  enum { PROGRESS = 100000 };
  for (uint64_t at = 0; at < run->cases; at += BATCH) {
    const unsigned count = run->cases - at < BATCH ? (unsigned)(run->cases - at) : BATCH;
    if (!run_batch(run, at, count)) return false;
    if (at / PROGRESS != (at + count) / PROGRESS)
      fprintf(stderr, "%" PRIu64 " cases, %" PRIu64 " differences\n", at + count, run->differences);
  }
  return true;
}

static void print_table(const struct comparison_run *run) {
  struct tally group[FORM_GROUPS] = {{0}};
  uint64_t least = UINT64_MAX;
  for (size_t i = 0; i < form_count(run); i++) {
    struct tally *sum = &group[form_of(run, i)->group];
    sum->forms++;
    sum->cases += run->tally[i].cases;
    sum->differences += run->tally[i].differences;
    if (i < run->forms.defined.count && run->tally[i].cases < least) least = run->tally[i].cases;
  }
  printf("%-20s %8s %10s %12s\n", "instruction set", "forms", "cases", "differences");
  for (unsigned i = 0; i < FORM_GROUPS; i++) {
    if (!group[i].forms) continue;
    printf("%-20s %8" PRIu64 " %10" PRIu64 " %12" PRIu64 "\n", forms_group_name(i), group[i].forms, group[i].cases,
           group[i].differences);
  }
  printf("%-20s %8zu %10" PRIu64 " %12" PRIu64 "; at least %" PRIu64 " cases a form\n", "all", form_count(run),
         run->cases, run->differences, least);
}

static void print_exceptions(const struct comparison_run *run) {
  const char *name;
  printf("\n%-60s %10s\n", "may differ: form and bits", "cases");
  for (unsigned i = 0; (name = exceptions_name(i)); i++)
    printf("%-60s %10" PRIu64 "\n", name, run->explained.of_rule[i]);
}

static void print_unanswered(const struct comparison_run *run) {
  if (run->unanswered) printf("%" PRIu64 " cases did not end on the host's processor\n", run->unanswered);
}

static bool prepare(struct comparison_run *run) {
  const char *why;
  run->model = model_create();
  if (!run->model) return false;
  run->native = native_start(&why);
  if (!run->native) {
    fprintf(stderr, "vmxsim-conformance: this host lacks %s\n", why);
    return false;
  }
  run->decoder = model_decoder(run->model);
  if (!forms_enumerate(run->decoder, host_features(), &run->forms)) return false;
  run->tally = calloc(form_count(run), sizeof *run->tally);
  return run->tally;
}

static int show(struct comparison_run *run, size_t form, uint64_t seed) {
  static struct test_result actual;
  struct ir_op op;
  if (form >= form_count(run)) return 2;
  generate_case(form_of(run, form), seed, run->decoder, &run->test[0]);
  if (!native_submit(run->native, run->test, 1)) return 2;
  const struct test_result *expected = native_wait(run->native);
  if (!expected) return 2;
  model_execute(run->model, &run->test[0], &actual);
  decode_case(run, &run->test[0], &op);
  print_case(stdout, &run->test[0], &op);
  printf("  ends by vector %u\n", expected->vector);
  print_differences(stdout, &run->test[0], &op, expected, &actual);
  return results_agree(run->model, &run->test[0], &op, expected, &actual, NULL) ? 0 : 1;
}

/* A case of a form, one that does not fault if that is easily had. */
static const struct test_result *golden_case(struct comparison_run *run, size_t form) {
  enum { TRIES = 6, TRAP = 1, BREAKPOINT = 3 };
  const struct test_result *result = NULL;
  for (unsigned i = 0; i < TRIES; i++) {
    struct rng rng = {form * TRIES + i};
    generate_case(form_of(run, form), rng_next(&rng), run->decoder, &run->test[0]);
    if (!native_submit(run->native, run->test, 1) || !(result = native_wait(run->native))) return NULL;
    if (result->vector == TRAP || result->vector == BREAKPOINT) return result;
  }
  return result;
}

/* Every form of 64-bit code, some of the others, some undefined opcodes. */
static bool is_golden(const struct comparison_run *run, size_t form) {
  enum { OF_OTHER_MODES = 4, OF_UNDEFINED = 400 };
  if (form >= run->forms.defined.count) return form % OF_UNDEFINED == 0;
  return form_of(run, form)->mode == CODE_64 || form % OF_OTHER_MODES == 0;
}

static int write_golden(struct comparison_run *run, const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return 2;
  fprintf(file, "# Written by ./dev bench conformance --golden; the format is in tests/conformance/golden.h.\n");
  for (size_t form = 0; form < form_count(run); form++) {
    if (!is_golden(run, form)) continue;
    const struct test_result *result = golden_case(run, form);
    if (result) golden_write(file, &run->test[0], result);
  }
  return fclose(file) ? 2 : 0;
}

static uint64_t default_cases(const struct comparison_run *run) {
  enum { OF_A_FORM = 200, UNDEFINED_EACH = 60 };
  const uint64_t defined = (uint64_t)run->forms.defined.count * OF_A_FORM;
  return defined + defined / UNDEFINED_EACH;
}

int main(int argc, char **argv) {
  static struct comparison_run run;
  if (!prepare(&run)) return 2;
  if (argc == 4 && !strcmp(argv[1], "--show")) return show(&run, strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
  if (argc == 3 && !strcmp(argv[1], "--golden")) return write_golden(&run, argv[2]);
  run.cases = argc > 1 ? strtoull(argv[1], NULL, 0) : default_cases(&run);
  run.seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
  if (!run_all(&run)) return 2;
  print_table(&run);
  print_exceptions(&run);
  print_unanswered(&run);
  native_stop(run.native);
  model_destroy(run.model);
  forms_free(&run.forms);
  free(run.tally);
  return run.differences || run.unanswered ? 1 : 0;
}
