/* vmxsim run: boots an image on a PC around the processor. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/run_end.h"
#include "cli/run_input.h"
#include "cli/run_setup.h"
#include "cli/run_snapshot.h"
#include "cli/scenario.h"
#include "vmxsim/platform.h"

static const struct option options[] = {
    {0, "append", OPTION_TEXT, "ARGUMENTS", offsetof(struct run_options, append), "command line of the image"},
    {0, "initrd", OPTION_TEXT, "FILE", offsetof(struct run_options, initrd), "a module of a Multiboot image"},
    {0, "flat", OPTION_TEXT, "ADDRESS[,16|32|64]", offsetof(struct run_options, flat),
     "the image is code without a format, for an address; 16-bit if below 1 MiB, else 32-bit"},
    {0, "smp", OPTION_TEXT, "N", offsetof(struct run_options, smp), "processors, 1 to 64"},
    {0, "memory", OPTION_TEXT, "M", offsetof(struct run_options, memory), "RAM: 128M (the default), 3G ..."},
    {'c', "cpu", OPTION_TEXT, "SPEC", offsetof(struct run_options, cpu),
     "the processor: NAME,+feature,-feature,phys-bits=N; instruction sets, too: -avx2"},
    {0, "timing", OPTION_CHOICE, "fixed|latency|memory", offsetof(struct run_options, timing),
     "what a cycle is: an instruction, published latencies, also caches"},
    {0, "max-cycles", OPTION_TEXT, "N", offsetof(struct run_options, max_cycles),
     "stop after N cycles; 0, the default: no limit"},
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
    {0, "input", OPTION_TEXT, "FILE|-", offsetof(struct run_options, input),
     "what the guest gets at its serial port and by INT 16H"},
    {0, "qemu-exit", OPTION_FLAG, NULL, offsetof(struct run_options, qemu_exit),
     "exit with 2v+1 for a value v written to port F4H, as QEMU does"},
    OPTION_COLOR,
    OPTION_END,
};

/* The machine that a Ctrl-C stops: a signal handler can be told in no other way. vmxsim_machine_stop() may be called
 * from one, which clang-tidy cannot know. */
static vmxsim_machine *volatile interruptible;

static void interrupt(int signal_number) {
  (void)signal_number;
  /* NOLINTNEXTLINE(bugprone-signal-handler) */
  if (interruptible) vmxsim_machine_stop(interruptible);
}

/* The handler stays until all is said: timeout(1) sends the signal twice. */
static void catch_interrupts(vmxsim_machine *machine, struct sigaction *before) {
  const struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
  interruptible = machine;
  sigaction(SIGINT, &action, before);
}

struct image {
  const char *name;
  char *text;
  size_t length;
};

/* What is said of an image that cannot be started. */
static void complain_image(const vmxsim_pc *pc, const struct image *image, vmxsim_status error) {
  const char *const text = pc && *vmxsim_pc_error(pc) ? vmxsim_pc_error(pc) : vmxsim_status_text(error);
  const bool unknown =
      error == VMXSIM_ERROR_SYNTAX && vmxsim_pc_detect(image->text, image->length) == VMXSIM_PC_UNKNOWN;
  complain("%s: %s%s", image->name, text, unknown ? " (code without a format: --flat ADDRESS)" : "");
}

static vmxsim_status load(vmxsim_pc *pc, const struct setup *setup, const struct image *image,
                          const struct vmxsim_pc_boot *boot) {
  if (setup->is_flat) return vmxsim_pc_load_flat(pc, image->text, image->length, setup->flat_address, setup->flat_mode);
  switch (vmxsim_pc_detect(image->text, image->length)) {
  case VMXSIM_PC_MULTIBOOT: return vmxsim_pc_load_multiboot(pc, image->text, image->length, boot);
  case VMXSIM_PC_ELF: return vmxsim_pc_load_elf(pc, image->text, image->length, boot);
  case VMXSIM_PC_DISK:
  case VMXSIM_PC_UNKNOWN: break;
  }
  return vmxsim_pc_load_disk(pc, image->text, image->length);
}

/* What runs, and with what. */
struct run {
  vmxsim_machine *machine;
  vmxsim_pc *pc;
  struct run_input *input; /* NULL: none */
};

/* False: the host has no memory. */
static bool run_for(const struct run *run, uint64_t cycles, struct vmxsim_run_result *result) {
  const vmxsim_status status = run->input ? run_with_input(run->input, run->machine, run->pc, cycles, result)
                                          : vmxsim_machine_run(run->machine, cycles, result);
  if (status) complain("%s", vmxsim_status_text(status));
  return !status;
}

/* False: a snapshot could not be read or written. */
static bool run_to_end(const struct run *run, const struct run_options *given, const struct setup *setup,
                       struct vmxsim_run_result *result) {
  vmxsim_machine *const machine = run->machine;
  if (given->restore && !snapshot_from_file(machine, given->restore)) return false;
  if (given->save) {
    if (!run_for(run, setup->save_at, result)) return false;
    if (!snapshot_to_file(machine, given->save)) return false;
    if (result->reason != VMXSIM_STOP_BUDGET) return true;
  }
  return run_for(run, setup->max_cycles, result);
}

/* The same, and false if the input cannot be opened. */
static bool run_machine(struct run *run, const struct run_options *given, const struct setup *setup,
                        struct vmxsim_run_result *result) {
  if (given->input && !(run->input = run_input_open(given->input))) return false;
  const bool good = run_to_end(run, given, setup, result);
  run_input_close(run->input);
  return good;
}

static int boot(const struct run_options *given, struct setup *setup, const struct image *image,
                const struct vmxsim_pc_boot *how) {
  vmxsim_machine *machine = NULL;
  vmxsim_pc *pc = NULL;
  struct vmxsim_run_result result;
  int status = EXIT_UNUSABLE;
  vmxsim_status error = vmxsim_machine_create(&setup->machine, &machine);
  if (!error) error = vmxsim_pc_create(machine, &setup->pc, &pc);
  if (!error) error = load(pc, setup, image, how);
  if (error) {
    complain_image(pc, image, error);
  } else {
    struct sigaction before;
    catch_interrupts(machine, &before);
    trace_listen(&setup->trace, machine);
    const bool good = run_machine(&(struct run){machine, pc, NULL}, given, setup, &result);
    interruptible = NULL;
    const struct elf_symbols symbols = elf_symbols_find(image->text, image->length);
    if (good) status = run_end(machine, pc, given->qemu_exit, &symbols, &result);
    sigaction(SIGINT, &before, NULL);
  }
  vmxsim_machine_destroy(machine);
  vmxsim_pc_destroy(pc);
  return status;
}

static bool read_image(struct image *image, const char *path) {
  image->name = file_title(path);
  return read_file(path, &image->text, &image->length);
}

/* Whether the image is one that a module can be given to. */
static bool takes_module(const struct run_options *given, const struct image *image) {
  if (!given->initrd) return true;
  if (!given->flat && vmxsim_pc_detect(image->text, image->length) == VMXSIM_PC_MULTIBOOT) return true;
  complain("--initrd %s: %s is no Multiboot image, which alone has modules", given->initrd, image->name);
  return false;
}

/* Multiboot's command line is the image's name and the arguments. */
static char *command_line(const char *image, const char *append) {
  const size_t size = strlen(image) + (append ? strlen(append) + 1 : 0) + 1;
  char *line = allocate(size, 1);
  snprintf(line, size, append ? "%s %s" : "%s", image, append);
  return line;
}

/* Whether no option is given that would do nothing: a scenario says itself what machine it wants. */
static bool suits_scenarios(const struct run_options *given) {
  for (const struct option *o = command_run.options; o->name; o++) {
    if (o->kind != OPTION_TEXT || o->offset == offsetof(struct run_options, cpu) ||
        o->offset == offsetof(struct run_options, trace))
      continue;
    if (!*(const char *const *)(const void *)((const char *)given + o->offset)) continue;
    complain("run: --%s is for images; a scenario says itself what it wants (docs/scenarios.md)", o->name);
    return false;
  }
  return true;
}

static int run_scenarios(const struct run_options *given, const char *path) {
  struct vmxsim_capabilities processor;
  if (!suits_scenarios(given)) return EXIT_UNUSABLE;
  if (given->cpu && !read_processor(given->cpu, &processor)) return EXIT_UNUSABLE;
  const struct scenario_options options = {.color = given->common.color,
                                           .json = given->common.format == FORMAT_JSON,
                                           .instructions = given->trace != NULL,
                                           .processor = given->cpu ? &processor : NULL};
  return scenario_run_file(path, &options);
}

static int run(int count, char **arguments) {
  struct run_options given = {.qemu_exit = false};
  struct setup setup = {.max_cycles = 0, .save_at = 0};
  struct image image = {.name = ""}, module = {.name = ""};
  const enum parse_result parsed = options_parse(&command_run, &count, arguments, &given);
  if (parsed != PARSE_RUN) return parsed == PARSE_HELP ? EXIT_GOOD : EXIT_UNUSABLE;
  if (count > 1) {
    complain("run: expected one image, not \"%s\" too (what the image is to be told goes behind --append)",
             arguments[1]);
    return EXIT_UNUSABLE;
  }
  if (count && scenario_is_file(arguments[0])) return run_scenarios(&given, arguments[0]);
  int status = EXIT_UNUSABLE;
  /* Options first: one whose value was forgotten has taken the image for it. */
  const bool ready = setup_prepare(&given, &setup);
  if (ready && !count) complain("run: which image? vmxsim run IMAGE, or SCENARIO.yaml");
  if (ready && count && read_image(&image, arguments[0]) && (!given.initrd || read_image(&module, given.initrd)) &&
      takes_module(&given, &image)) {
    char *line = command_line(arguments[0], given.append);
    const struct vmxsim_pc_boot how = {sizeof how, line, module.text, module.length, given.initrd};
    status = boot(&given, &setup, &image, &how);
    free(line);
  }
  if (!setup_release(&given, &setup)) status = EXIT_UNUSABLE;
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
    "The serial port, the debug console (E9H) and INT 10H print to standard output. --input FILE has what the guest\n"
    "reads; \"-\" is the standard input, and a terminal there the guest's keyboard, but for Ctrl-C.\n"
    "\n"
    "Exit status: what the guest writes to port F4H; 0 for power-off; 124 triple fault, 125 cycles used up, 126 no\n"
    "progress, 130 Ctrl-C; 2 unusable. Ctrl-C and all ends but the guest's own show the registers of every processor.\n"
    "\n"
    "Events of --trace, with commas between them, each with @ADDRESS or @FIRST-LAST (linear) if need be:\n"
    "  instructions exceptions interrupts messages modes transfers cr msr io mmio smm starts waits\n"
    "  vmx all\n"
    "\n"
    "  vmxsim run --memory 512M --append \"console=ttyS0\" kernel.elf\n"
    "  vmxsim run --smp 4 --timing latency kernel.elf\n"
    "  vmxsim run --trace exceptions,io,instructions@0x7c00-0x7dff --trace-file trace.txt floppy.img\n"
    "  vmxsim run --input - floppy.img\n"
    "  vmxsim run --flat 0x8000 code.bin\n"
    "  vmxsim run --cpu skylake-server,-avx2,phys-bits=39 kernel.elf\n",
    options,
    run,
};
