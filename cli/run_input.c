/* vmxsim run --input: what a file or the standard input has, for the guest's serial port and INT 16H.
 *
 * The run is cut into stretches of guest time, and between them the guest gets what it has room for. A file always has
 * its next bytes ready, so that a run with one is the same every time; they are read when they are needed.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli/run_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/common.h"
#include "vmxsim/state.h"

enum { PIECE = 4096 /* of what is read */, WAIT_MILLISECONDS = 100 /* before Ctrl-C is looked for */ };
#define STRETCH UINT64_C(100000)
#define CYCLES_A_MILLISECOND UINT64_C(2000000) /* vmxsim_machine_options.tsc_hz that is not given */
#define RFLAGS_IF (UINT64_C(1) << 9)

struct run_input {
  const char *name;
  int file;
  bool has_ended, is_raw;
  struct termios terminal; /* as it was; of `is_raw` */
  uint8_t *bytes;
  size_t count, capacity;
  size_t sent, typed; /* how many the serial port and INT 16H have got */
};

/* --- the host's side --- */

/* Key by key, without echo; Ctrl-C stays a signal. It throws away what was typed before: a read must not wait then. */
static void make_raw(struct run_input *input) {
  if (tcgetattr(input->file, &input->terminal)) return; /* no terminal */
  struct termios raw = input->terminal;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
  raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  input->is_raw = !tcsetattr(input->file, TCSANOW, &raw);
}

struct run_input *run_input_open(const char *path) {
  const int file = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  if (file < 0) {
    complain("%s: %s", path, strerror(errno));
    return NULL;
  }
  struct run_input *const input = allocate(1, sizeof *input);
  *input = (struct run_input){.name = file_title(path), .file = file};
  make_raw(input);
  return input;
}

void run_input_close(struct run_input *input) {
  if (!input) return;
  if (input->is_raw) tcsetattr(input->file, TCSANOW, &input->terminal);
  if (input->file != STDIN_FILENO) close(input->file);
  free(input->bytes);
  free(input);
}

static bool reserve(struct run_input *input, size_t bytes) {
  if (bytes <= input->capacity) return true;
  uint8_t *const more = realloc(input->bytes, 2 * bytes);
  if (!more) return false;
  input->bytes = more;
  input->capacity = 2 * bytes;
  return true;
}

static void end_of_input(struct run_input *input, const char *why) {
  input->has_ended = true;
  if (why) complain("%s: %s", input->name, why);
}

/* What there is by now, or within so many milliseconds. */
static void read_more(struct run_input *input, int milliseconds) {
  struct pollfd ready = {.fd = input->file, .events = POLLIN};
  if (input->has_ended || poll(&ready, 1, milliseconds) <= 0) return;
  if (!reserve(input, input->count + PIECE)) return end_of_input(input, "out of memory");
  const ssize_t count = read(input->file, input->bytes + input->count, PIECE);
  if (count > 0) {
    input->count += (size_t)count;
  } else if (!count && input->is_raw && !(ready.revents & POLLHUP)) {
    return;
  } else if (!count || (errno != EINTR && errno != EAGAIN)) {
    end_of_input(input, count ? strerror(errno) : NULL);
  }
}

/* --- the guest's side --- */

static bool give_serial_port(struct run_input *input, vmxsim_pc *pc) {
  const size_t before = input->sent;
  while (input->sent < input->count && vmxsim_pc_serial_listens(pc) &&
         !vmxsim_pc_serial_input(pc, input->bytes[input->sent]))
    input->sent++;
  return input->sent != before;
}

/* One key at a time; Enter is a carriage return on a keyboard. */
static bool give_key(struct run_input *input, vmxsim_pc *pc) {
  if (input->typed == input->count) return false;
  const uint8_t byte = input->bytes[input->typed];
  if (vmxsim_pc_key(pc, byte == '\n' ? '\r' : byte)) return false;
  input->typed++;
  return true;
}

/* Whether the guest has got anything. What it prints while there is nothing for it is a prompt. */
static bool feed(struct run_input *input, vmxsim_pc *pc) {
  if (input->sent == input->count || input->typed == input->count) read_more(input, 0);
  const bool sent = give_serial_port(input, pc), typed = give_key(input, pc);
  if (!sent && !typed) fflush(stdout);
  return sent || typed;
}

/* Whether input, which comes by interrupts, can change anything for a machine that does nothing. */
static bool can_be_interrupted(vmxsim_machine *machine) {
  vmxsim_vcpu *vcpu;
  for (unsigned i = 0; (vcpu = vmxsim_machine_vcpu(machine, i)); i++) {
    struct vmxsim_state state;
    vmxsim_vcpu_get_state(vcpu, &state);
    const bool executes = state.activity == VMXSIM_ACTIVE || state.activity == VMXSIM_HLT;
    if (state.activity == VMXSIM_MWAIT || (executes && (state.rflags & RFLAGS_IF))) return true;
  }
  return false;
}

/* Whether a machine that does nothing is to be run again: it has got input, or there may be some. */
static bool awaits_input(struct run_input *input, vmxsim_machine *machine, vmxsim_pc *pc) {
  if (!can_be_interrupted(machine)) return false;
  if (feed(input, pc)) return true;
  if (input->has_ended) return false;
  read_more(input, WAIT_MILLISECONDS);
  return true;
}

/* A machine that only waits is at once where it will be woken. On a terminal that time goes by as it does for who
 * types.
 */
static void keep_pace(struct run_input *input, uint64_t cycles) {
  const uint64_t milliseconds = cycles / CYCLES_A_MILLISECOND;
  if (!input->is_raw || !milliseconds) return;
  fflush(stdout);
  read_more(input, milliseconds < WAIT_MILLISECONDS ? (int)milliseconds : WAIT_MILLISECONDS);
}

/* By the machine's clock, as a stretch goes on beyond its end if the machine only waits there. */
vmxsim_status run_with_input(struct run_input *input, vmxsim_machine *machine, vmxsim_pc *pc, uint64_t cycles,
                             struct vmxsim_run_result *result) {
  uint64_t now = vmxsim_machine_now(machine);
  const uint64_t end = cycles && cycles < UINT64_MAX - now ? now + cycles : UINT64_MAX;
  for (;;) {
    const uint64_t before = now, stretch = end - now < STRETCH ? end - now : STRETCH;
    const vmxsim_status status = vmxsim_machine_run(machine, stretch, result);
    if (status) return status;
    if (result->reason == VMXSIM_STOP_BUDGET) {
      if (result->cycles > now) now = result->cycles;
      if (now >= end) return VMXSIM_OK;
      keep_pace(input, now - before);
      feed(input, pc);
    } else if (result->reason != VMXSIM_STOP_IDLE && result->reason != VMXSIM_STOP_NO_PROGRESS) {
      return VMXSIM_OK;
    } else if (!awaits_input(input, machine, pc)) {
      return VMXSIM_OK;
    }
  }
}
