/* The speed of the processor: the platform guest's kernels in vmxsim, and on request the same disk image on a Bochs.
 *
 *   vmxsim-bench-speed COMMAND GUEST_FOLDER [--against BOCHS] [--bios FOLDER] [--kernel NAME] [--bits 32|64]
 *                      [--passes N] [--rounds N] [--cpu SPEC]
 *
 * Each pass boots every emulator once, one after the other, so that a busy moment of the host meets them all; the
 * figures are medians of the passes. Time is what the emulator used of the host's processor between two markers that
 * the guest prints around a kernel. Instructions are counted in a run with the timing model `fixed`, where each takes
 * one cycle, as does each iteration of a REP. For kernels about VMX, time and cycles of the host for each operation are
 * shown as well; a cycle is what an addition takes that waits for the one before. The exit status is 1 if a result is
 * wrong or missing, never for a time.
 */
#define _DEFAULT_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bochs.h"
#include "bench/guest_run.h"
#include "bench/measure.h"

enum { PASSES_MAX = 99 };

struct options {
  const char *command, *folder, *against, *bios, *kernel, *bits, *rounds, *cpu;
  unsigned passes;
};

/* What one emulator did: its runs, and the processes that make them. */
struct emulator {
  const char *name;
  const char *arguments[10];
  struct run runs[PASSES_MAX];
};

struct bench {
  struct options options;
  struct guest_files files;
  struct emulator vmxsim, bochs;
  struct run instructions;
};

static bool parse(int argc, char **argv, struct options *options) {
  static const struct option names[] = {
      {"against", required_argument, NULL, 'a'}, {"bios", required_argument, NULL, 'b'},
      {"kernel", required_argument, NULL, 'k'},  {"bits", required_argument, NULL, 'w'},
      {"passes", required_argument, NULL, 'p'},  {"rounds", required_argument, NULL, 'r'},
      {"cpu", required_argument, NULL, 'c'},     {NULL, 0, NULL, 0}};
  *options = (struct options){.kernel = "all", .bits = "64", .passes = 5};
  for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (option) {
    case 'a': options->against = optarg; break;
    case 'b': options->bios = optarg; break;
    case 'k': options->kernel = optarg; break;
    case 'w': options->bits = optarg; break;
    case 'p': options->passes = (unsigned)atoi(optarg); break;
    case 'r': options->rounds = optarg; break;
    case 'c': options->cpu = optarg; break;
    default: return false;
    }
  }
  if (argc - optind != 2 || options->passes < 1 || options->passes > PASSES_MAX) return false;
  options->command = argv[optind];
  options->folder = argv[optind + 1];
  return true;
}

static void arguments_of_vmxsim(const struct bench *b, const char *timing, const char **arguments) {
  unsigned at = 0;
  arguments[at++] = b->options.command;
  arguments[at++] = "run";
  arguments[at++] = "--timing";
  arguments[at++] = timing;
  if (b->options.cpu) {
    arguments[at++] = "--cpu";
    arguments[at++] = b->options.cpu;
  }
  arguments[at++] = b->files.disk;
  arguments[at] = NULL;
}

static bool prepare_bochs(struct bench *b) {
  const char *const arguments[] = {b->options.against, "-q", "-f", b->files.configuration, NULL};
  memcpy(b->bochs.arguments, arguments, sizeof arguments);
  if (bochs_configure(b->files.configuration, b->options.against, b->options.bios, b->files.disk, NULL)) return true;
  fprintf(stderr, "no BIOS images of Bochs found: --bios FOLDER\n");
  return false;
}

static bool prepare(struct bench *b) {
  char line[200];
  const char *rounds = b->options.rounds;
  snprintf(line, sizeof line, "disk bench=%.100s markers %s%.20s", b->options.kernel, rounds ? "rounds=" : "",
           rounds ? rounds : "");
  if (!guest_files_make(&b->files, b->options.folder, b->options.bits, line)) return false;
  b->vmxsim.name = "vmxsim";
  b->bochs.name = "Bochs";
  arguments_of_vmxsim(b, "latency", b->vmxsim.arguments);
  return !b->options.against || prepare_bochs(b);
}

static bool run_once(struct emulator *emulator, struct run *run) {
  if (guest_run(emulator->arguments, run)) return true;
  fprintf(stderr, "%s ran no kernel of the guest\n", emulator->arguments[0]);
  return false;
}

static bool measure(struct bench *b) {
  struct emulator counting = {.name = "vmxsim"};
  arguments_of_vmxsim(b, "fixed", counting.arguments);
  if (!run_once(&counting, &b->instructions)) return false;
  for (unsigned pass = 0; pass < b->options.passes; pass++) {
    if (!run_once(&b->vmxsim, &b->vmxsim.runs[pass])) return false;
    if (b->options.against && !run_once(&b->bochs, &b->bochs.runs[pass])) return false;
  }
  return true;
}

/* A kernel that needs VMX is skipped by an emulator that announces none. The guest has these last. */
static bool skipped(const struct emulator *emulator, unsigned kernel) {
  return emulator->runs[0].count <= kernel;
}

/* Nanoseconds of a kernel, at least 1; 0 if a run misses it or its result is another. */
static double time_of(const struct bench *b, const struct emulator *emulator, unsigned kernel) {
  double samples[PASSES_MAX];
  for (unsigned pass = 0; pass < b->options.passes; pass++) {
    const struct run *run = &emulator->runs[pass];
    if (run->count <= kernel || run->sample[kernel].checksum != b->instructions.sample[kernel].checksum) return 0;
    samples[pass] = run->sample[kernel].ns;
  }
  const double time = median(samples, b->options.passes);
  return time < 1 ? 1 : time;
}

static bool report_kernel(const struct bench *b, unsigned kernel) {
  const struct sample *counted = &b->instructions.sample[kernel];
  const bool beside = b->options.against && !(counted->operations && skipped(&b->bochs, kernel));
  const double ours = time_of(b, &b->vmxsim, kernel);
  const double theirs = beside ? time_of(b, &b->bochs, kernel) : 0;
  printf("  %-16s %8.1f", counted->name, (double)counted->cycles / 1e6);
  if (ours <= 0 || (beside && theirs <= 0)) {
    printf("  WRONG RESULT of %s\n", ours > 0 ? b->bochs.name : b->vmxsim.name);
    return false;
  }
  printf(" %10.3f %9.1f", ours / 1e9, (double)counted->cycles / ours * 1e3);
  if (theirs > 0) {
    printf(" %10.3f %9.1f %8.2f", theirs / 1e9, (double)counted->cycles / theirs * 1e3, theirs / ours);
  } else if (b->options.against) {
    printf("  %s announces no VMX", b->bochs.name);
  }
  printf("\n");
  return true;
}

static void report_operation(const struct bench *b, const struct emulator *emulator, unsigned kernel,
                             double ns_of_cycle) {
  const double time = skipped(emulator, kernel) ? 0 : time_of(b, emulator, kernel);
  if (time <= 0) return;
  const double each = time / (double)b->instructions.sample[kernel].operations;
  printf(" %10.1f %9.0f", each, each / ns_of_cycle);
}

static bool has_operations(const struct bench *b) {
  for (unsigned kernel = 0; kernel < b->instructions.count; kernel++) {
    if (b->instructions.sample[kernel].operations) return true;
  }
  return false;
}

/* What one VMX operation takes of the host: a round trip, a failed entry, one VMWRITE with two VMREADs. */
static void report_operations(const struct bench *b) {
  const double ns_of_cycle = dependent_add();
  printf("  %-16s %8s %10s %9s", "each", "", "vmxsim ns", "cycles");
  if (b->options.against) printf(" %10s %9s", "Bochs ns", "cycles");
  printf("\n");
  for (unsigned kernel = 0; kernel < b->instructions.count; kernel++) {
    const struct sample *counted = &b->instructions.sample[kernel];
    if (!counted->operations) continue;
    printf("  %-16s %8s", counted->name, "");
    report_operation(b, &b->vmxsim, kernel, ns_of_cycle);
    if (b->options.against) report_operation(b, &b->bochs, kernel, ns_of_cycle);
    printf("\n");
  }
}

static bool report(const struct bench *b) {
  bool good = true;
  printf("the platform guest, %s-bit, timing `latency`; medians of %u passes\n", b->options.bits, b->options.passes);
  printf("  %-16s %8s %10s %9s", "kernel", "M instr", "vmxsim s", "M/s");
  if (b->options.against) printf(" %10s %9s %8s", "Bochs s", "M/s", "ratio");
  printf("\n");
  for (unsigned kernel = 0; kernel < b->instructions.count; kernel++) good &= report_kernel(b, kernel);
  if (b->options.against) printf("  (ratio: Bochs' time by vmxsim's; above 1 vmxsim is faster)\n");
  if (has_operations(b)) report_operations(b);
  return good;
}

int main(int argc, char **argv) {
  static struct bench b;
  if (!parse(argc, argv, &b.options)) {
    fprintf(stderr, "usage: vmxsim-bench-speed COMMAND GUEST_FOLDER [--against BOCHS] [--bios FOLDER] [--kernel NAME]\n"
                    "                          [--bits 32|64] [--passes N] [--rounds N] [--cpu SPEC]\n");
    return 2;
  }
  const bool prepared = prepare(&b);
  const bool measured = prepared && measure(&b);
  guest_files_remove(&b.files);
  if (!measured) return 2;
  return report(&b) ? 0 : 1;
}
