/* Running the platform guest in an emulator: a child process, and the markers in what it prints. guest/bench/bench.c
 * writes them: "@start NAME" and "@end NAME CHECKSUM CYCLES OPERATIONS".
 */
#define _GNU_SOURCE
#include "bench/guest_run.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Nanoseconds of processor time that a child has used: other processes of a busy host are not in it. 0 if unknown. */
static double time_used(pid_t child) {
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(child, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void read_marker(void *context, const char *line, double at) {
  struct run *run = context;
  struct sample *sample = &run->sample[run->count];
  unsigned long long checksum, cycles, operations;
  if (run->count == KERNELS_MAX) return;
  if (sscanf(line, "@start %31s", sample->name) == 1) {
    sample->ns = at;
  } else if (sscanf(line, "@end %*s %llx %llx %llx", &checksum, &cycles, &operations) == 3) {
    sample->ns = at - sample->ns;
    sample->checksum = checksum;
    sample->cycles = cycles;
    sample->operations = operations;
    run->count++;
  }
}

static bool start(const char *const arguments[], int output, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  char *const *const words = (char *const *)(uintptr_t)arguments; /* posix_spawn() does not write to them */
  const int error = posix_spawn(child, words[0], &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0;
}

bool guest_lines(const char *const arguments[], guest_line *read_line, void *context) {
  int ends[2], status;
  pid_t child;
  char line[400];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const bool started = start(arguments, ends[1], &child);
  close(ends[1]);
  FILE *output = fdopen(ends[0], "r");
  while (started && output && fgets(line, sizeof line, output)) read_line(context, line, time_used(child));
  if (output) fclose(output);
  if (started) waitpid(child, &status, 0);
  return started;
}

bool guest_run(const char *const arguments[], struct run *run) {
  run->count = 0;
  return guest_lines(arguments, read_marker, run) && run->count > 0;
}

enum { DISK_SIZE = 1474560, SECTOR = 512 };

/* Copies a disk image and puts `command_line` into its second sector. */
static bool copy_disk(const char *image, const char *copy, const char *command_line) {
  char *bytes = malloc(DISK_SIZE);
  FILE *from = fopen(image, "rb"), *to = fopen(copy, "wb");
  bool done = bytes && from && to && strlen(command_line) < SECTOR && fread(bytes, DISK_SIZE, 1, from) == 1;
  if (done) {
    strcpy(bytes + SECTOR, command_line);
    done = fwrite(bytes, DISK_SIZE, 1, to) == 1;
  }
  free(bytes);
  if (from) fclose(from);
  if (to && fclose(to) != 0) done = false;
  return done;
}

bool guest_files_make(struct guest_files *files, const char *images, const char *bits, const char *command_line) {
  char image[4200];
  strcpy(files->folder, "/tmp/vmxsim-bench-XXXXXX");
  if (!mkdtemp(files->folder)) return false;
  snprintf(files->disk, sizeof files->disk, "%s/disk.img", files->folder);
  snprintf(files->configuration, sizeof files->configuration, "%s/bochsrc", files->folder);
  snprintf(image, sizeof image, "%s/guest%s.img", images, bits);
  if (copy_disk(image, files->disk, command_line)) return true;
  fprintf(stderr, "%s: no disk image of the platform guest\n", image);
  return false;
}

void guest_files_remove(const struct guest_files *files) {
  unlink(files->disk);
  unlink(files->configuration);
  rmdir(files->folder);
}
