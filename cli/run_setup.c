/* From the options of vmxsim run to the machine and the PC: the processor, sizes, files. */
#include "cli/run_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

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

enum { MEMORY_MIN = 2 << 20 };
#define MEMORY_MAX (UINT64_C(1) << 40)

/* "512", "512M", "3G": MiB without a letter. */
static bool parse_memory(const char *text, uint64_t *bytes) {
  size_t length = strlen(text);
  uint64_t unit = 1 << 20;
  if (length && (text[length - 1] | 32) == 'g') unit <<= 10;
  if (length && ((text[length - 1] | 32) == 'g' || (text[length - 1] | 32) == 'm')) length--;
  if (!parse_number(text, length, bytes) || *bytes < MEMORY_MIN / unit || *bytes > MEMORY_MAX / unit) return false;
  *bytes *= unit;
  return true;
}

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

static bool take_number(const char *text, const char *option, uint64_t *value) {
  if (!text || parse_number(text, strlen(text), value)) return true;
  complain("%s %s: expected a whole number, as 1000000 or 0x100000", option, text);
  return false;
}

static bool prepare_machine(const struct run_options *given, struct setup *setup) {
  uint64_t number = 1;
  setup->machine = (struct vmxsim_machine_options){.size = sizeof setup->machine, .timing = given->timing};
  if (given->cpu && !prepare_processor(given->cpu, setup)) return false;
  if (given->smp && (!parse_number(given->smp, strlen(given->smp), &number) || number < 1 || number > 64)) {
    complain("--smp %s: expected 1 to 64", given->smp);
    return false;
  }
  setup->machine.vcpus = (unsigned)number;
  return true;
}

static bool prepare_pc(const struct run_options *given, struct setup *setup) {
  setup->pc =
      (struct vmxsim_pc_options){.size = sizeof setup->pc, .serial = put_serial, .debug = put_byte, .screen = put_byte};
  if (!given->memory || parse_memory(given->memory, &setup->pc.memory)) return true;
  complain("--memory %s: expected 2M to 1024G, as 512M or 3G", given->memory);
  return false;
}

static bool prepare_cycles(const struct run_options *given, struct setup *setup) {
  if (!take_number(given->max_cycles, "--max-cycles", &setup->max_cycles)) return false;
  if (!take_number(given->save_at, "--save-at", &setup->save_at)) return false;
  if (!given->save == !given->save_at && (!given->save || setup->save_at)) return true;
  complain("--save FILE and --save-at CYCLE go together");
  return false;
}

static bool parse_mode(const char *text, enum vmxsim_pc_mode *mode) {
  static const char *const modes[] = {"16", "32", "64"};
  for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
    if (strcmp(text, modes[i]) != 0) continue;
    *mode = (enum vmxsim_pc_mode)(VMXSIM_PC_MODE_16 + i);
    return true;
  }
  return false;
}

/* "0x8000" or "0x100000,64". */
static bool prepare_flat(const char *given, struct setup *setup) {
  if (!given) return true;
  const size_t length = strcspn(given, ",");
  if (parse_number(given, length, &setup->flat_address)) {
    setup->is_flat = true;
    setup->flat_mode = setup->flat_address < 1 << 20 ? VMXSIM_PC_MODE_16 : VMXSIM_PC_MODE_32;
    if (!given[length] || parse_mode(given + length + 1, &setup->flat_mode)) return true;
  }
  complain("--flat %s: expected an address, as 0x8000, or one and the size of code, as 0x100000,64", given);
  return false;
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

bool setup_prepare(const struct run_options *given, struct setup *setup) {
  return prepare_machine(given, setup) && prepare_pc(given, setup) && prepare_cycles(given, setup) &&
         prepare_flat(given->flat, setup) && prepare_files(given, setup);
}

bool setup_release(const struct run_options *given, struct setup *setup) {
  bool good = trace_close(&setup->trace);
  if (setup->serial && fclose(setup->serial)) {
    complain("%s: cannot be written", given->serial);
    good = false;
  }
  free(setup->instruction_sets);
  return good;
}
