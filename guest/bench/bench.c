/* The command `bench=NAME [rounds=N] [repeat=N] [markers]`: runs a kernel, or `all`, and prints its checksum. */
#include "bench/bench.h"

#include "bench/kernels.h"
#include "kernel/console.h"
#include "kernel/cpu.h"

static const struct kernel {
  const char *name;
  void (*prepare)(void);
  uint64_t (*run)(uint32_t rounds);
  uint32_t rounds; /* unless the command line says other */
} kernels[] = {
    {"xorshift", NULL, xorshift_run, 40},
    {"sieve", NULL, sieve_run, 20},
    {"fib", NULL, fib_run, 47},
    {"sha256", NULL, sha256_run, 60},
    {"random", random_prepare, random_run, 6000},
    {"strings", strings_prepare, strings_run, 64},
    {"matrix", matrix_prepare, matrix_run, 60},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* The markers are for a stopwatch outside; the cycles tell how many instructions it was where one takes one cycle. */
static void run(const struct kernel *kernel, uint32_t rounds, bool markers) {
  if (kernel->prepare) kernel->prepare();
  if (markers) marker("@start %s\n", kernel->name);
  const uint64_t before = read_tsc();
  const uint64_t checksum = kernel->run(rounds);
  const uint64_t cycles = read_tsc() - before;
  if (markers) marker("@end %s %q %q\n", kernel->name, checksum, cycles);
  print("bench %s: rounds %u, checksum %q\n", kernel->name, rounds, checksum);
}

bool bench(const struct command_line *line, struct text name) {
  const bool all = text_is(name, "all"), markers = command_line_has(line, "markers");
  const uint32_t repeat = command_line_number(line, "repeat", 1);
  bool found = false;
  for (unsigned i = 0; i < KERNELS; i++) {
    if (!all && !text_is(name, kernels[i].name)) continue;
    found = true;
    const uint32_t rounds = command_line_number(line, "rounds", kernels[i].rounds);
    for (uint32_t time = 0; time < repeat; time++) run(&kernels[i], rounds, markers);
  }
  return found;
}
