/* VM entries of random guests: the platform guest's `vmx-random` in vmxsim, and on request on a Bochs, line by line.
 *
 *   vmxsim-bench-vmx-random COMMAND GUEST_FOLDER [--against BOCHS] [--bios FOLDER] [--bits 32|64] [--seed N]
 *                           [--from N] [--count N] [--verbose] [--expect HASH]
 *
 * A line is a guest and what came of its VM entry; what came of a second one follows (guest/trials/trials.c). Both
 * processors are told to be a model whose VMX capabilities differ only in what the guest leaves alone. Lines that
 * differ are printed; so are a summary and a hash of vmxsim's lines. The exit status is 1 if lines differ or the hash
 * is another than HASH.
 */
#define _DEFAULT_SOURCE
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bochs.h"
#include "bench/guest_run.h"

#define CPU "skylake-server"
#define BOCHS_MODEL "corei7_skylake_x"
enum { DIFFERENCES_SHOWN = 20 };

struct options {
  const char *command, *folder, *against, *bios, *bits, *seed, *from, *count, *expect;
  bool verbose;
};

/* What an emulator said, line by line; a line that does not begin with a number belongs to the one before. */
struct lines {
  char **line;
  size_t count, room;
  bool failed;
};

struct bench {
  struct options options;
  struct guest_files files;
};

static bool parse(int argc, char **argv, struct options *options) {
  static const struct option names[] = {{"against", required_argument, NULL, 'a'},
                                        {"bios", required_argument, NULL, 'b'},
                                        {"bits", required_argument, NULL, 'w'},
                                        {"seed", required_argument, NULL, 's'},
                                        {"from", required_argument, NULL, 'f'},
                                        {"count", required_argument, NULL, 'c'},
                                        {"expect", required_argument, NULL, 'e'},
                                        {"verbose", no_argument, NULL, 'v'},
                                        {NULL, 0, NULL, 0}};
  *options = (struct options){.bits = "64", .seed = "1", .from = "0", .count = "10000"};
  for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (option) {
    case 'a': options->against = optarg; break;
    case 'b': options->bios = optarg; break;
    case 'w': options->bits = optarg; break;
    case 's': options->seed = optarg; break;
    case 'f': options->from = optarg; break;
    case 'c': options->count = optarg; break;
    case 'e': options->expect = optarg; break;
    case 'v': options->verbose = true; break;
    default: return false;
    }
  }
  if (argc - optind != 2) return false;
  options->command = argv[optind];
  options->folder = argv[optind + 1];
  return true;
}

static bool prepare(struct bench *b) {
  const struct options *o = &b->options;
  char line[200];
  snprintf(line, sizeof line, "disk vmx-random seed=%.20s from=%.20s count=%.20s%s", o->seed, o->from, o->count,
           o->verbose ? " verbose" : "");
  if (!guest_files_make(&b->files, o->folder, o->bits, line)) return false;
  if (!o->against || bochs_configure(b->files.configuration, o->against, o->bios, b->files.disk, BOCHS_MODEL))
    return true;
  fprintf(stderr, "no BIOS images of Bochs found: --bios FOLDER\n");
  return false;
}

/* --- running --- */

static bool make_room(struct lines *lines) {
  if (lines->count < lines->room) return true;
  const size_t room = lines->room ? 2 * lines->room : 1024;
  char **line = realloc(lines->line, room * sizeof *line);
  if (!line) return false;
  lines->line = line;
  lines->room = room;
  return true;
}

static bool append(char **to, const char *text) {
  const size_t size = strlen(*to);
  char *longer = realloc(*to, size + strlen(text) + 1);
  if (!longer) return false;
  strcpy(longer + size, text);
  *to = longer;
  return true;
}

static void take_line(void *context, const char *text, double at) {
  struct lines *lines = context;
  (void)at;
  if (isdigit((unsigned char)text[0])) {
    lines->failed |= !make_room(lines) || !(lines->line[lines->count] = strdup(text));
    lines->count += !lines->failed;
  } else if (text[0] == ' ' && lines->count) {
    lines->failed |= !append(&lines->line[lines->count - 1], text);
  }
}

static bool run_vmxsim(struct bench *b, struct lines *lines) {
  const char *const arguments[] = {b->options.command, "run", "--cpu", CPU, b->files.disk, NULL};
  return guest_lines(arguments, take_line, lines) && lines->count && !lines->failed;
}

static bool run_bochs(struct bench *b, struct lines *lines) {
  const char *const arguments[] = {b->options.against, "-q", "-f", b->files.configuration, NULL};
  return guest_lines(arguments, take_line, lines) && lines->count && !lines->failed;
}

/* --- reports --- */

/* FNV-1a. */
static uint64_t hash_of(const struct lines *lines) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < lines->count; i++) {
    for (const char *at = lines->line[i]; *at; at++) hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
  }
  return hash;
}

static size_t count_of(const struct lines *lines, const char *outcome) {
  size_t count = 0;
  for (size_t i = 0; i < lines->count; i++) count += strstr(lines->line[i], outcome) != NULL;
  return count;
}

static void summarize(const struct lines *lines, const struct options *options) {
  printf("vmx-random, %s-bit host, seed %s: %zu guests: %zu exits, %zu failed on guest state or MSRs, %zu VMfail, "
         "%zu entered again\n",
         options->bits, options->seed, lines->count, count_of(lines, " exit "), count_of(lines, " failed "),
         count_of(lines, " error "), count_of(lines, " again "));
  printf("hash %016" PRIx64 "\n", hash_of(lines));
}

static bool compare(const struct lines *ours, const struct lines *theirs) {
  size_t differ = ours->count > theirs->count ? ours->count - theirs->count : theirs->count - ours->count;
  const size_t both = ours->count < theirs->count ? ours->count : theirs->count;
  for (size_t i = 0; i < both; i++) {
    if (strcmp(ours->line[i], theirs->line[i]) == 0) continue;
    if (differ++ < DIFFERENCES_SHOWN) printf("vmxsim: %sBochs:  %s", ours->line[i], theirs->line[i]);
  }
  printf("%zu of %zu differ\n", differ, ours->count);
  return differ == 0;
}

static void release(struct lines *lines) {
  for (size_t i = 0; i < lines->count; i++) free(lines->line[i]);
  free(lines->line);
}

static int run(struct bench *b) {
  struct lines ours = {0}, theirs = {0};
  const char *expect = b->options.expect;
  bool good = false;
  if (!run_vmxsim(b, &ours)) {
    fprintf(stderr, "%s ran no VM entry\n", b->options.command);
  } else if (b->options.against && !run_bochs(b, &theirs)) {
    fprintf(stderr, "%s ran no VM entry\n", b->options.against);
  } else {
    summarize(&ours, &b->options);
    good = !expect || hash_of(&ours) == strtoull(expect, NULL, 16);
    if (b->options.against) good &= compare(&ours, &theirs);
  }
  release(&ours);
  release(&theirs);
  return good ? 0 : 1;
}

int main(int argc, char **argv) {
  static struct bench b;
  if (!parse(argc, argv, &b.options)) {
    fprintf(stderr,
            "usage: vmxsim-bench-vmx-random COMMAND GUEST_FOLDER [--against BOCHS] [--bios FOLDER] [--bits 32|64]\n"
            "                               [--seed N] [--from N] [--count N] [--verbose] [--expect HASH]\n");
    return 2;
  }
  const int status = prepare(&b) ? run(&b) : 2;
  guest_files_remove(&b.files);
  return status;
}
