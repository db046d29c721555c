/* vmxsim run: boots an image on a PC around the processor. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/run_registers.h"
#include "cli/run_snapshot.h"
#include "cli/run_trace.h"
#include "cli/scenario.h"
#include "vmxsim/platform.h"

/* Exit statuses of their own, above what the exit port's values are likely to be: docs/vmxsim.1. */
enum { EXIT_TRIPLE_FAULT = 124, EXIT_BUDGET = 125, EXIT_NO_PROGRESS = 126, EXIT_INTERRUPTED = 130 };

struct run_options {
  struct common_options common;
  const char *append, *initrd, *smp, *memory, *cpu, *max_cycles, *save, *save_at, *restore;
  const char *trace, *trace_file, *serial;
  unsigned timing;
  bool qemu_exit;
};

static const struct option options[] = {
    {0, "append", OPTION_TEXT, "ARGUMENTS", offsetof(struct run_options, append), "command line of the image"},
    {0, "initrd", OPTION_TEXT, "FILE", offsetof(struct run_options, initrd), "a Multiboot module"},
    {0, "smp", OPTION_TEXT, "N", offsetof(struct run_options, smp), "processors, 1 to 64"},
    {0, "memory", OPTION_TEXT, "M", offsetof(struct run_options, memory), "RAM: 128M (the default), 3G ..."},
    {0, "cpu", OPTION_TEXT, "SPEC", offsetof(struct run_options, cpu),
     "the processor: NAME,+feature,-feature,phys-bits=N; instruction sets, too: -avx2"},
    {0, "timing", OPTION_CHOICE, "fixed|latency|memory", offsetof(struct run_options, timing),
     "what a cycle is: an instruction, published latencies, also caches"},
    {0, "max-cycles", OPTION_TEXT, "N", offsetof(struct run_options, max_cycles), "stop after N cycles"},
    {0, "save", OPTION_TEXT, "FILE", offsetof(struct run_options, save), "write a snapshot, and go on"},
    {0, "save-at", OPTION_TEXT, "CYCLE", offsetof(struct run_options, save_at), "after so many cycles of this run"},
    {0, "restore", OPTION_TEXT, "FILE", offsetof(struct run_options, restore),
     "go on from a snapshot of the same image and options"},
    {0, "trace", OPTION_TEXT, "FILTER", offsetof(struct run_options, trace), "show events: see below"},
    {0, "trace-file", OPTION_TEXT, "FILE", offsetof(struct run_options, trace_file),
     "where to; the standard error otherwise"},
    {0, "format", OPTION_CHOICE, "text|json", offsetof(struct common_options, format),
     "of the trace: JSON has a line for each event"},
    {0, "serial", OPTION_TEXT, "FILE", offsetof(struct run_options, serial),
     "what the serial port sends; the standard output otherwise"},
    {0, "qemu-exit", OPTION_FLAG, NULL, offsetof(struct run_options, qemu_exit),
     "exit with 2v+1 for a value v written to port F4H, as QEMU does"},
    OPTION_COLOR,
    OPTION_END,
};

/* The machine that a Ctrl-C stops: a signal handler can be told in no other way. */
static vmxsim_machine *volatile interruptible;
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
  if (interruptible) vmxsim_machine_stop(interruptible);
}

static void put_byte(void *context, uint8_t byte) {
  (void)context;
  putchar(byte);
  if (byte == '\n') fflush(stdout);
}

static void put_serial(void *context, uint8_t byte) {
  FILE *const file = context;
  if (!file) return put_byte(NULL, byte);
  putc(byte, file);
  if (byte == '\n') fflush(file);
}

/* "512", "512M", "3G": MiB without a letter. */
static bool parse_memory(const char *text, uint64_t *bytes) {
  size_t length = strlen(text);
  uint64_t unit = 1 << 20;
  if (length && (text[length - 1] | 32) == 'g') unit <<= 10;
  if (length && ((text[length - 1] | 32) == 'g' || (text[length - 1] | 32) == 'm')) length--;
  if (!parse_number(text, length, bytes) || *bytes > (UINT64_C(1) << 40) / unit) return false;
  *bytes *= unit;
  return true;
}

struct image {
  const char *name;
  char *text;
  size_t length;
};

struct setup {
  struct vmxsim_capabilities processor;
  char *instruction_sets;
  struct vmxsim_machine_options machine;
  struct vmxsim_pc_options pc;
  uint64_t max_cycles, save_at;
  struct trace trace;
  FILE *serial; /* NULL: the standard output */
};

static bool is_instruction_set(const char *name, size_t length) {
  for (unsigned i = 0; vmxsim_instruction_set_name(i); i++) {
    if (strlen(vmxsim_instruction_set_name(i)) == length && !memcmp(vmxsim_instruction_set_name(i), name, length))
      return true;
  }
  return false;
}

static void append(char *list, const char *part, size_t length) {
  if (*list) strcat(list, ",");
  strncat(list, part, length);
}

/* "haswell,-avx2,+smap": changes to instruction sets are the machine's, the rest is the processor's. */
static bool prepare_processor(const char *spec, struct setup *setup) {
  char *const rest = allocate(strlen(spec) + 2, 1);
  setup->instruction_sets = allocate(strlen(spec) + 2, 1);
  for (const char *part = spec;; part++) {
    const size_t length = strcspn(part, ",");
    const bool is_change = length > 1 && (*part == '+' || *part == '-');
    append(is_change && is_instruction_set(part + 1, length - 1) ? setup->instruction_sets : rest, part, length);
    part += length;
    if (!*part) break;
  }
  const bool good = read_processor(rest, &setup->processor);
  free(rest);
  setup->machine.processor = &setup->processor;
  setup->machine.instruction_sets = setup->instruction_sets;
  return good;
}

static bool prepare_files(const struct run_options *given, struct setup *setup) {
  if (given->serial) {
    setup->serial = fopen(given->serial, "wb");
    if (!setup->serial) {
      complain("%s: %s", given->serial, strerror(errno));
      return false;
    }
    setup->pc.output_context = setup->serial;
  }
  if (!given->trace) return true;
  setup->trace.json = given->common.format == FORMAT_JSON;
  return trace_parse(given->trace, &setup->trace) && trace_open(&setup->trace, given->trace_file);
}

static bool prepare(const struct run_options *given, struct setup *setup) {
  uint64_t number;
  setup->machine = (struct vmxsim_machine_options){.size = sizeof setup->machine, .timing = given->timing};
  setup->pc =
      (struct vmxsim_pc_options){.size = sizeof setup->pc, .serial = put_serial, .debug = put_byte, .screen = put_byte};
  if (given->cpu && !prepare_processor(given->cpu, setup)) return false;
  if (given->smp) {
    if (!parse_number(given->smp, strlen(given->smp), &number) || number < 1 || number > 64) {
      complain("--smp %s: expected 1 to 64", given->smp);
      return false;
    }
    setup->machine.vcpus = (unsigned)number;
  }
  if (given->memory && !parse_memory(given->memory, &setup->pc.memory)) {
    complain("--memory %s: expected a size, as 512M or 3G", given->memory);
    return false;
  }
  if (given->max_cycles && !parse_number(given->max_cycles, strlen(given->max_cycles), &setup->max_cycles)) {
    complain("--max-cycles %s: expected a number", given->max_cycles);
    return false;
  }
  if (!given->save != !given->save_at ||
      (given->save_at && (!parse_number(given->save_at, strlen(given->save_at), &setup->save_at) || !setup->save_at))) {
    complain("--save FILE and --save-at CYCLE go together");
    return false;
  }
  return prepare_files(given, setup);
}

static vmxsim_status load(vmxsim_pc *pc, const struct image *image, const struct vmxsim_pc_boot *boot) {
  switch (vmxsim_pc_detect(image->text, image->length)) {
  case VMXSIM_PC_MULTIBOOT: return vmxsim_pc_load_multiboot(pc, image->text, image->length, boot);
  case VMXSIM_PC_ELF: return vmxsim_pc_load_elf(pc, image->text, image->length, boot);
  case VMXSIM_PC_DISK:
  case VMXSIM_PC_UNKNOWN: break;
  }
  return vmxsim_pc_load_disk(pc, image->text, image->length);
}

static int report_end(vmxsim_machine *machine, const vmxsim_pc *pc, const struct run_options *given,
                      const struct elf_symbols *symbols, const struct vmxsim_run_result *result) {
  uint32_t value;
  fflush(stdout);
  if (vmxsim_pc_exited(pc, &value)) return (int)((given->qemu_exit ? 2 * value + 1 : value) & 0xff);
  if (vmxsim_pc_powered_off(pc)) return EXIT_GOOD;
  switch (result->reason) {
  case VMXSIM_STOP_SHUTDOWN:
    complain("triple fault: processor %u shut down", result->vcpu);
    print_all_vcpus(machine, symbols);
    return EXIT_TRIPLE_FAULT;
  case VMXSIM_STOP_BUDGET: complain("%llu cycles are used up", (unsigned long long)result->cycles); break;
  case VMXSIM_STOP_IDLE:
    complain("no progress: every processor waits, and nothing will wake it");
    print_all_vcpus(machine, symbols);
    return EXIT_NO_PROGRESS;
  case VMXSIM_STOP_NO_PROGRESS:
    complain("no progress: every processor that does not wait is in a loop that nothing will end");
    print_all_vcpus(machine, symbols);
    return EXIT_NO_PROGRESS;
  case VMXSIM_STOP_REQUEST:
  case VMXSIM_STOP_BREAKPOINT:
  case VMXSIM_STOP_STEP:
  case VMXSIM_STOP_HOOK:
  case VMXSIM_STOP_UNMAPPED: complain("interrupted"); break;
  }
  print_all_vcpus(machine, symbols);
  return interrupted ? EXIT_INTERRUPTED : EXIT_BUDGET;
}

/* False: the host has no memory. */
static bool run_for(vmxsim_machine *machine, uint64_t cycles, struct vmxsim_run_result *result) {
  const vmxsim_status status = vmxsim_machine_run(machine, cycles, result);
  if (status) complain("%s", vmxsim_status_text(status));
  return !status;
}

/* False: a snapshot could not be read or written. */
static bool run_machine(vmxsim_machine *machine, const struct run_options *given, const struct setup *setup,
                        struct vmxsim_run_result *result) {
  if (given->restore && !snapshot_from_file(machine, given->restore)) return false;
  if (given->save) {
    if (!run_for(machine, setup->save_at, result)) return false;
    if (!snapshot_to_file(machine, given->save)) return false;
    if (result->reason != VMXSIM_STOP_BUDGET) return true;
  }
  return run_for(machine, setup->max_cycles, result);
}

static int boot(const struct run_options *given, struct setup *setup, const struct image *image,
                const struct vmxsim_pc_boot *how) {
  vmxsim_machine *machine = NULL;
  vmxsim_pc *pc = NULL;
  struct vmxsim_run_result result;
  int status = EXIT_UNUSABLE;
  vmxsim_status error = vmxsim_machine_create(&setup->machine, &machine);
  if (!error) error = vmxsim_pc_create(machine, &setup->pc, &pc);
  if (!error) error = load(pc, image, how);
  if (error) {
    complain("%s: %s", image->name, pc && *vmxsim_pc_error(pc) ? vmxsim_pc_error(pc) : vmxsim_status_text(error));
  } else {
    interruptible = machine;
    signal(SIGINT, interrupt);
    trace_listen(&setup->trace, machine);
    const bool good = run_machine(machine, given, setup, &result);
    signal(SIGINT, SIG_DFL);
    interruptible = NULL;
    const struct elf_symbols symbols = elf_symbols_find(image->text, image->length);
    if (good) status = report_end(machine, pc, given, &symbols, &result);
  }
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
  return status;
}

static bool read_image(struct image *image, const char *path) {
  image->name = file_title(path);
  return read_file(path, &image->text, &image->length);
}

/* Multiboot's command line is the image's name and the arguments. */
static char *command_line(const char *image, const char *append) {
  const size_t size = strlen(image) + (append ? strlen(append) + 1 : 0) + 1;
  char *line = allocate(size, 1);
  snprintf(line, size, append ? "%s %s" : "%s", image, append);
  return line;
}

/* What of the options is for scenarios. */
static int run_scenarios(const struct run_options *given, const char *path) {
  struct vmxsim_capabilities processor;
  const struct scenario_options options = {.color = given->common.color,
                                           .json = given->common.format == FORMAT_JSON,
                                           .instructions = given->trace != NULL,
                                           .processor = given->cpu ? &processor : NULL};
  if (given->cpu && !read_processor(given->cpu, &processor)) return EXIT_UNUSABLE;
  return scenario_run_file(path, &options);
}

static int run(int count, char **arguments) {
  struct run_options given = {.qemu_exit = false};
  struct setup setup = {.max_cycles = 0, .save_at = 0};
  struct image image = {.name = ""}, module = {.name = ""};
  const enum parse_result parsed = options_parse(&command_run, &count, arguments, &given);
  if (parsed != PARSE_RUN) return parsed == PARSE_HELP ? EXIT_GOOD : EXIT_UNUSABLE;
  if (count != 1) {
    complain("expected one image (vmxsim run --help)");
    return EXIT_UNUSABLE;
  }
  if (scenario_is_file(arguments[0])) return run_scenarios(&given, arguments[0]);
  int status = EXIT_UNUSABLE;
  if (prepare(&given, &setup) && read_image(&image, arguments[0]) &&
      (!given.initrd || read_image(&module, given.initrd))) {
    char *line = command_line(arguments[0], given.append);
    const struct vmxsim_pc_boot how = {sizeof how, line, module.text, module.length, given.initrd};
    status = boot(&given, &setup, &image, &how);
    free(line);
  }
  if (!trace_close(&setup.trace)) status = EXIT_UNUSABLE;
  if (setup.serial && fclose(setup.serial)) {
    complain("%s: cannot be written", given.serial);
    status = EXIT_UNUSABLE;
  }
  free(setup.instruction_sets);
  free(module.text);
  free(image.text);
  return status;
}

const struct command command_run = {
    "run",
    "IMAGE|SCENARIO.yaml",
    "Boots an image (Multiboot, ELF, boot sector or disk), or runs scenarios",
    "A scenario (docs/scenarios.md) prints a line an event, with --trace every instruction too; exit status 0: all as\n"
    "expected, 1: not, 2: unusable. Of the options, --cpu, --trace, --format and --color are for scenarios.\n"
    "\n"
    "The serial port, the debug console (E9H) and INT 10H print to standard output.\n"
    "\n"
    "Exit status: what the guest writes to port F4H; 0 for power-off; 124 triple fault, 125 cycles used up, 126 no\n"
    "progress, 130 Ctrl-C; 2 unusable. Ctrl-C and all ends but the guest's own show the registers of every processor.\n"
    "\n"
    "Events of --trace, with commas between them, each with @ADDRESS or @FIRST-LAST (linear) if need be:\n"
    "  instructions exceptions interrupts messages modes transfers cr msr io mmio smm starts waits all\n"
    "\n"
    "  vmxsim run --memory 512M --append \"console=ttyS0\" kernel.elf\n"
    "  vmxsim run --smp 4 --timing latency kernel.elf\n"
    "  vmxsim run --trace exceptions,io,instructions@0x7c00-0x7dff --trace-file trace.txt floppy.img\n"
    "  vmxsim run --cpu skylake-server,-avx2,phys-bits=39 kernel.elf\n",
    options,
    run,
};
