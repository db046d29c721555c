/* Running the platform guest in an emulator and taking the time between the markers that it prints. */
#ifndef VMXSIM_BENCH_GUEST_RUN_H
#define VMXSIM_BENCH_GUEST_RUN_H

#include <stdbool.h>
#include <stdint.h>

enum { KERNELS_MAX = 16, NAME_SIZE = 32 };

/* One kernel of one run: nanoseconds of the emulator's processor time, and what the guest said at its end; `operations`
 * are VMX operations, 0 in a kernel that is about something else. */
struct sample {
  char name[NAME_SIZE];
  double ns;
  uint64_t checksum, cycles, operations;
};

struct run {
  unsigned count;
  struct sample sample[KERNELS_MAX];
};

/* A line of a guest's output, and the emulator's processor time by then in nanoseconds. */
typedef void guest_line(void *context, const char *line, double at);

/* Starts `arguments[0]` and gives each line of its standard output to `read_line`. false if it could not be started. */
bool guest_lines(char *const arguments[], guest_line *read_line, void *context);

/* Starts `arguments[0]` and reads its standard output to the end. false if it could not be started or printed no
 * marker. */
bool guest_run(char *const arguments[], struct run *run);

/* Copies a disk image and puts `command_line` into its second sector. */
bool guest_disk(const char *image, const char *copy, const char *command_line);

#endif
