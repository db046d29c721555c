/* The kernel's C part begins here, on the first processor; the commands are a task. */
#include "bench/bench.h"
#include "kernel/console.h"
#include "kernel/demonstrations.h"
#include "kernel/paging.h"
#include "kernel/processors.h"
#include "kernel/tasks.h"
#include "trials/trials.h"
#include "vmm/examples.h"

enum { NEEDED_KIB = (ARENA_ADDRESS + ARENA_SIZE) / 1024 - 1024, SHARED_ROUNDS = 20000 };

static struct task commands;

/* Multiboot specification 0.6.96, "Boot information format". */
struct multiboot_information {
  uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
};

_Noreturn void kernel_start(uint32_t information_address);

static enum exit_status wrong_unless(bool good) {
  return good ? EXIT_GOOD : EXIT_WRONG_RESULT;
}

/* What belongs to other words of the command line. */
static bool is_parameter(struct text word) {
  static const char *const numbers[] = {"rounds", "repeat", "seed", "from", "count"};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (text_value(word, numbers[i]).start) return true;
  }
  return text_is(word, "markers") || text_is(word, "verbose");
}

static enum exit_status run_vmx_example(struct text name) {
  bool good;
  return vmx_example(name, &good) ? wrong_unless(good) : EXIT_COMMAND;
}

static enum exit_status run_command(struct text word) {
  const struct command_line *line = &system_block.command_line;
  const struct text kernel = text_value(word, "bench");
  if (kernel.start) return bench(line, kernel) ? EXIT_GOOD : EXIT_COMMAND;
  if (text_is(word, "smp")) return wrong_unless(smp());
  if (text_is(word, "shared") || text_value(word, "shared").start) {
    return wrong_unless(shared(command_line_number(line, "shared", SHARED_ROUNDS)));
  }
  if (text_value(word, "vmx").start) return run_vmx_example(text_value(word, "vmx"));
  if (text_is(word, "vmx-random")) return wrong_unless(vmx_random(line));
  if (text_is(word, "dump")) return debug_dump_all(), EXIT_GOOD;
  if (text_is(word, "fault")) __asm__ volatile("ud2");
  return is_parameter(word) ? EXIT_GOOD : EXIT_COMMAND;
}

static void run_commands(void *unused) {
  static const char *const endings[] = {[EXIT_WRONG_RESULT] = "wrong result\n", [EXIT_COMMAND] = "unknown command\n"};
  (void)unused;
  const struct command_line *line = &system_block.command_line;
  enum exit_status status = EXIT_GOOD;
  for (struct text word = command_line_next(line, (struct text){NULL, 0}); word.size && status == EXIT_GOOD;
       word = command_line_next(line, word)) {
    status = run_command(word);
  }
  if (status != EXIT_GOOD) print(endings[status]);
  exit_machine(status);
}

void kernel_start(uint32_t information_address) {
  const struct multiboot_information *information = at_address(information_address);
  command_line_copy(&system_block.command_line, at_address(information->command_line));
  system_block.memory_upper = information->memory_upper;
  console_init();
  paging_init();
  processors_init();
  if (system_block.memory_upper < NEEDED_KIB) {
    print("%u KiB above 1 MiB: too little memory\n", system_block.memory_upper);
    exit_machine(EXIT_WRONG_RESULT);
  }
  task_dispatch(&commands, run_commands, NULL, 0);
  processor_loop();
}
