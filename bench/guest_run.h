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
bool guest_lines(const char *const arguments[], guest_line *read_line, void *context);

/* Starts `arguments[0]` and reads its standard output to the end. false if it could not be started or printed no
 * marker. */
bool guest_run(const char *const arguments[], struct run *run);

/* A folder with the disk that the guest boots from, and room for the configuration of a Bochs that boots it. */
struct guest_files {
  char folder[64], disk[100], configuration[100];
};
/* The disk is guest32.img or guest64.img of the folder `images`, with `command_line` in its second sector. */
bool guest_files_make(struct guest_files *files, const char *images, const char *bits, const char *command_line);
/* Also where that failed. */
void guest_files_remove(const struct guest_files *files);

#endif
