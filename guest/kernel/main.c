/* The kernel's C part begins here, on the first processor. */
#include "bench/bench.h"
#include "kernel/command_line.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"

static struct command_line line;

/* Multiboot specification 0.6.96, "Boot information format". */
struct multiboot_information {
  uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
};

static void enable_sse(void) {
  write_cr0((read_cr0() & ~(word)CR0_EM) | CR0_MP);
  write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
}

static bool run_commands(void) {
  for (struct text word = command_line_next(&line, (struct text){NULL, 0}); word.size;
       word = command_line_next(&line, word)) {
    const struct text name = text_value(word, "bench");
    if (name.start && !bench(&line, name)) return false;
  }
  return true;
}

_Noreturn void kernel_start(uint32_t information_address) {
  const struct multiboot_information *information = (const void *)(word)information_address;
  command_line_copy(&line, (const char *)(word)information->command_line);
  console_init();
  paging_init();
  enable_sse();
  exit_machine(run_commands() ? EXIT_GOOD : EXIT_COMMAND);
}
