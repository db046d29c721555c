/* How vmxsim run ends: what it says, and its exit status. */
#include "cli/run_end.h"

#include <stdio.h>

#include "cli/common.h"
#include "cli/options.h"
#include "cli/run_registers.h"

/* Exit statuses of their own, above what the exit port's values are likely to be: docs/vmxsim.1. */
enum { EXIT_TRIPLE_FAULT = 124, EXIT_BUDGET = 125, EXIT_NO_PROGRESS = 126, EXIT_INTERRUPTED = 130 };

static int say(const struct vmxsim_run_result *result) {
  switch (result->reason) {
  case VMXSIM_STOP_SHUTDOWN: complain("triple fault: processor %u shut down", result->vcpu); return EXIT_TRIPLE_FAULT;
  case VMXSIM_STOP_BUDGET: complain("%llu cycles are used up", (unsigned long long)result->cycles); return EXIT_BUDGET;
  case VMXSIM_STOP_IDLE:
    complain("no progress: every processor waits, and nothing will wake it");
    return EXIT_NO_PROGRESS;
  case VMXSIM_STOP_NO_PROGRESS:
    complain("no progress: every processor that does not wait is in a loop that nothing will end");
    return EXIT_NO_PROGRESS;
  case VMXSIM_STOP_REQUEST:
  case VMXSIM_STOP_BREAKPOINT:
  case VMXSIM_STOP_STEP:
  case VMXSIM_STOP_HOOK:
  case VMXSIM_STOP_UNMAPPED: break;
  }
  complain("interrupted");
  return EXIT_INTERRUPTED;
}

int run_end(vmxsim_machine *machine, const vmxsim_pc *pc, bool qemu_exit, const struct elf_symbols *symbols,
            const struct vmxsim_run_result *result) {
  uint32_t value;
  fflush(stdout);
  if (vmxsim_pc_exited(pc, &value)) return (int)((qemu_exit ? 2 * value + 1 : value) & 0xff);
  if (vmxsim_pc_powered_off(pc)) return EXIT_GOOD;
  const int status = say(result);
  print_all_vcpus(machine, symbols);
  return status;
}
