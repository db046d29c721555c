/* The command `bench=NAME [rounds=N] [repeat=N] [markers]`: runs a kernel, or `all`, and prints its checksum. */
#include "bench/bench.h"

#include "bench/kernels.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "vmm/capabilities.h"

static const struct kernel {
  const char *name;
  void (*prepare)(void);
  uint64_t (*run)(uint32_t rounds);
  uint32_t rounds;     /* unless the command line says other */
  uint32_t operations; /* of VMX a round; 0: a kernel that needs no VMX */
} kernels[] = {
    {"xorshift", NULL, xorshift_run, 40, 0},
    {"sieve", NULL, sieve_run, 20, 0},
    {"fib", NULL, fib_run, 47, 0},
    {"sha256", NULL, sha256_run, 60, 0},
    {"random", random_prepare, random_run, 6000, 0},
    {"strings", strings_prepare, strings_run, 64, 0},
    {"matrix", matrix_prepare, matrix_run, 60, 0},
    {"vmcall", vmcall_prepare, vmcall_run, 300, VMX_OPERATIONS},
    {"cpuid", cpuid_prepare, cpuid_run, 300, VMX_OPERATIONS},
    {"vmlaunch_control", vmlaunch_control_prepare, vmlaunch_control_run, 300, VMX_OPERATIONS},
    {"vmlaunch_guest", vmlaunch_guest_prepare, vmlaunch_guest_run, 300, VMX_OPERATIONS},
    {"vmread", vmcall_prepare, vmread_run, 1000, VMX_OPERATIONS},
};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* The markers are for a stopwatch outside; the cycles tell how many instructions it was where one takes one cycle. */
static void run(const struct kernel *kernel, uint32_t rounds, bool markers) {
  if (kernel->operations && !vmx_announced()) {
    print("bench %s: skipped, the processor announces no VMX\n", kernel->name);
    return;
  }
  if (kernel->prepare) kernel->prepare();
  if (markers) marker("@start %s\n", kernel->name);
  const uint64_t before = read_tsc();
  const uint64_t checksum = kernel->run(rounds);
  const uint64_t cycles = read_tsc() - before;
  if (markers) marker("@end %s %q %q %q\n", kernel->name, checksum, cycles, (uint64_t)rounds * kernel->operations);
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
