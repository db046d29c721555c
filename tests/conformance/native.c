/* The host's processor. A child process executes cases from within a signal handler: the handler puts a case's state
 * into the signal frame and returns to it; whatever ends the case raises a signal, whose frame has the state that it
 * came to. So nothing that a case does to its registers, RSP included, gets in the way.
 *
 * What cases change of FS, the handler puts back first: what it calls may be bound by the loader only then, which
 * reaches its data by FS.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* REG_RIP and its like */
#endif

#include "tests/conformance/execute.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)

#include <asm/ldt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "vmxsim/state.h"

struct batch {
  struct test_case cases[BATCH];
  struct test_result results[BATCH];
  unsigned count;
  volatile unsigned next; /* the case under execution */
};

struct native {
  struct batch *batch;
  pid_t child;
  int socket;
};

/* --- the child's side -------------------------------------------------------------------------------------------- */

/* The handler has no other way to it. */
static struct child {
  struct batch *batch;
  uint8_t *memory; /* the arena, all of it writable */
  uint8_t background[ARENA_SIZE], before[ARENA_SIZE];
  bool running;
  uint64_t fs_base;
  gregset_t registers; /* of the code that began the batch */
} child;

/* The handler is entered with the case's AC, with which a misaligned access of the compiler's would fault. */
static void reset_flags(void) {
  __asm__ volatile("push $2\n\tpopfq" ::: "memory", "cc");
}

static uint64_t read_fs_base(void) {
  uint64_t base;
  __asm__ volatile("rdfsbase %0" : "=r"(base));
  return base;
}

static uint64_t read_gs_base(void) {
  uint64_t base;
  __asm__ volatile("rdgsbase %0" : "=r"(base));
  return base;
}

static void set_fs_base(uint64_t base) {
  __asm__ volatile("wrfsbase %0" ::"r"(base) : "memory");
}

static void set_gs_base(uint64_t base) {
  __asm__ volatile("wrgsbase %0" ::"r"(base));
}

static void read_selectors(uint16_t selector[6]) {
  __asm__ volatile("mov %%es, %0" : "=r"(selector[VMXSIM_ES]));
  __asm__ volatile("mov %%ds, %0" : "=r"(selector[VMXSIM_DS]));
  __asm__ volatile("mov %%fs, %0" : "=r"(selector[VMXSIM_FS]));
  __asm__ volatile("mov %%gs, %0" : "=r"(selector[VMXSIM_GS]));
}

static void set_selectors(const uint16_t selector[6]) {
  __asm__ volatile("mov %0, %%es" ::"r"(selector[VMXSIM_ES]));
  __asm__ volatile("mov %0, %%ds" ::"r"(selector[VMXSIM_DS]));
  __asm__ volatile("mov %0, %%fs" ::"r"(selector[VMXSIM_FS]));
  __asm__ volatile("mov %0, %%gs" ::"r"(selector[VMXSIM_GS]));
}

/* In the order of instructions' numbers. */
static const uint8_t gpr_index[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/* The signal frame's XSAVE image, standard format. */
enum {
  XSAVE_MXCSR = 24,
  XSAVE_ST = 32,
  XSAVE_XMM = 160,
  XSAVE_HEADER = 512,
  XSAVE_YMM = 576,
  X87 = 1,
  SSE = 2,
  AVX = 4
};

static void put_extended(const struct user_state *state, uint8_t *image) {
  const uint64_t components = X87 | SSE | AVX;
  const struct x87_image *x87 = &state->x87;
  memcpy(image, &x87->control, 2);
  memcpy(image + 2, &x87->status, 2);
  image[4] = x87->tags;
  image[5] = 0;
  memcpy(image + 6, &x87->opcode, 2);
  memcpy(image + 8, &x87->instruction, 8);
  memcpy(image + 16, &x87->data, 8);
  memcpy(image + XSAVE_MXCSR, &state->mxcsr, 4);
  for (unsigned i = 0; i < 8; i++) memcpy(image + XSAVE_ST + 16 * i, x87->st[i], 10);
  for (unsigned i = 0; i < 16; i++) {
    memcpy(image + XSAVE_XMM + 16 * i, state->ymm[i], 16);
    memcpy(image + XSAVE_YMM + 16 * i, state->ymm[i] + 16, 16);
  }
  memcpy(image + XSAVE_HEADER, &components, 8);
}

static void get_x87(const uint8_t *image, struct x87_image *x87) {
  memcpy(&x87->control, image, 2);
  memcpy(&x87->status, image + 2, 2);
  x87->tags = image[4];
  memcpy(&x87->opcode, image + 6, 2);
  memcpy(&x87->instruction, image + 8, 8);
  memcpy(&x87->data, image + 16, 8);
  for (unsigned i = 0; i < 8; i++) memcpy(x87->st[i], image + XSAVE_ST + 16 * i, 10);
}

/* Components in their initial state are not in the image. */
static void get_extended(const uint8_t *image, struct user_state *state) {
  enum { INITIAL_CONTROL = 0x37f };
  uint64_t components;
  memcpy(&components, image + XSAVE_HEADER, 8);
  memset(&state->x87, 0, sizeof state->x87);
  memset(state->ymm, 0, sizeof state->ymm);
  state->x87.control = INITIAL_CONTROL;
  if (components & X87) get_x87(image, &state->x87);
  memcpy(&state->mxcsr, image + XSAVE_MXCSR, 4);
  for (unsigned i = 0; i < 16; i++) {
    if (components & SSE) memcpy(state->ymm[i], image + XSAVE_XMM + 16 * i, 16);
    if (components & AVX) memcpy(state->ymm[i] + 16, image + XSAVE_YMM + 16 * i, 16);
  }
}

static bool has_error_code(unsigned vector) {
  return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static void take_result(const ucontext_t *context, uint64_t fs_base, struct test_result *result) {
  enum { PAGE_FAULT = 14 };
  const greg_t *registers = context->uc_mcontext.gregs;
  struct user_state *state = &result->state;
  state->fs_base = fs_base;
  state->gs_base = read_gs_base();
  read_selectors(state->selector);
  state->selector[VMXSIM_CS] = (uint16_t)registers[REG_CSGSFS];
  state->selector[VMXSIM_SS] = (uint16_t)((uint64_t)registers[REG_CSGSFS] >> 48);
  for (unsigned i = 0; i < 16; i++) state->gpr[i] = (uint64_t)registers[gpr_index[i]];
  state->rip = (uint64_t)registers[REG_RIP];
  state->rflags = (uint64_t)registers[REG_EFL];
  get_extended((const uint8_t *)context->uc_mcontext.fpregs, state);
  result->vector = (unsigned)registers[REG_TRAPNO];
  result->error_code = has_error_code(result->vector) ? (uint32_t)registers[REG_ERR] : 0;
  result->cr2 = result->vector == PAGE_FAULT ? (uint64_t)registers[REG_CR2] : 0;
  collect_changes(child.before, child.memory, result);
}

static void put_arena(const struct test_case *test) {
  memcpy(child.before, child.background, ARENA_SIZE);
  arena_apply(child.before, test);
  memcpy(child.memory, child.before, ARENA_SIZE);
}

static void put_case(ucontext_t *context, const struct test_case *test) {
  const struct user_state *state = &test->state;
  greg_t *registers = context->uc_mcontext.gregs;
  put_arena(test);
  for (unsigned i = 0; i < 16; i++) registers[gpr_index[i]] = (greg_t)state->gpr[i];
  registers[REG_RIP] = (greg_t)state->rip;
  registers[REG_EFL] = (greg_t)state->rflags;
  registers[REG_CSGSFS] = (greg_t)(state->selector[VMXSIM_CS] | (uint64_t)state->selector[VMXSIM_SS] << 48);
  put_extended(state, (uint8_t *)context->uc_mcontext.fpregs);
  set_selectors(state->selector);
  if (test->mode != CODE_64) return;
  set_gs_base(state->gs_base);
  set_fs_base(state->fs_base);
}

/* Back to the code that began, with the floating-point state as it has it. */
static void put_end(ucontext_t *context) {
  static const uint16_t null[6];
  struct user_state initial = {.mxcsr = 0x1f80, .x87 = {.control = 0x37f}};
  memcpy(context->uc_mcontext.gregs, child.registers, sizeof child.registers);
  put_extended(&initial, (uint8_t *)context->uc_mcontext.fpregs);
  set_selectors(null);
  set_fs_base(child.fs_base);
  set_gs_base(0);
}

static void handle(int signal, siginfo_t *info, void *pointer) {
  const uint64_t fs_base = read_fs_base();
  ucontext_t *context = pointer;
  struct batch *batch = child.batch;
  reset_flags();
  set_fs_base(child.fs_base);
  (void)signal, (void)info;
  if (child.running) {
    take_result(context, fs_base, &batch->results[batch->next]);
    batch->next++;
  } else {
    memcpy(child.registers, context->uc_mcontext.gregs, sizeof child.registers);
    child.running = true;
  }
  if (batch->next < batch->count) {
    put_case(context, &batch->cases[batch->next]);
  } else {
    child.running = false;
    put_end(context);
  }
}

/* --- the child: memory, segments, handlers ----------------------------------------------------------------------- */

static bool map_arena(void) {
  const int memory = memfd_create("arena", 0);
  if (memory < 0 || ftruncate(memory, ARENA_SIZE)) return false;
  child.memory = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory, 0);
  if (child.memory == MAP_FAILED) return false;
  for (unsigned i = 0; i < ARENA_PAGES; i++) {
    const struct arena_page *page = &arena_pages[i];
    const int rights = PROT_READ | (page->writable ? PROT_WRITE : 0) | (page->executable ? PROT_EXEC : 0);
    void *at = (void *)(uintptr_t)(ARENA_BASE + i * ARENA_PAGE);
    if (page->mapped && mmap(at, ARENA_PAGE, rights, MAP_SHARED | MAP_POPULATE | MAP_FIXED_NOREPLACE, memory,
                             (off_t)i * ARENA_PAGE) != at)
      return false;
  }
  arena_fill(child.background);
  return true;
}

static bool make_segments(void) {
  enum { WRITE = 0x11, CODE = 2 };
  struct user_desc code = {.entry_number = 0, .base_addr = ARENA_BASE, .limit = LDT_CODE_LIMIT, .contents = CODE};
  struct user_desc data = {.entry_number = 1, .base_addr = ARENA_BASE, .limit = LDT_DATA_LIMIT};
  return !syscall(SYS_modify_ldt, WRITE, &code, sizeof code) && !syscall(SYS_modify_ldt, WRITE, &data, sizeof data);
}

static bool catch_signals(void) {
  enum { STACK = 1 << 17 };
  static const int signals[] = {SIGUSR1, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
  static _Alignas(64) uint8_t stack[STACK];
  const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (sigaltstack(&alternative, NULL)) return false;
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
    if (sigaction(signals[i], &action, NULL)) return false;
  }
  return true;
}

/* A batch for each byte from the parent. */
static void serve(int parent) {
  char byte;
  child.fs_base = read_fs_base();
  if (!map_arena() || !make_segments() || !catch_signals()) _exit(2);
  while (read(parent, &byte, 1) == 1) {
    raise(SIGUSR1);
    if (write(parent, &byte, 1) != 1) break;
  }
  _exit(0);
}

/* --- the parent's side ------------------------------------------------------------------------------------------- */

static bool start_child(struct native *native) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return false;
  native->child = fork();
  if (native->child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a case that never ends is not to outlive who asked for it */
    close(ends[0]);
    child.batch = native->batch;
    serve(ends[1]);
  }
  close(ends[1]);
  native->socket = ends[0];
  return native->child > 0;
}

static void end_child(struct native *native) {
  close(native->socket);
  waitpid(native->child, NULL, 0);
}

static const char *what_host_lacks(void) {
  enum { FSGSBASE_FOR_USERS = 2 };
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2")) return "AVX2";
  if (!(getauxval(AT_HWCAP2) & FSGSBASE_FOR_USERS)) return "FSGSBASE for user code";
  return NULL;
}

struct native *native_start(const char **why) {
  *why = what_host_lacks();
  if (*why) return NULL;
  struct native *native = calloc(1, sizeof *native);
  *why = "memory";
  if (!native) return NULL;
  void *shared = mmap(NULL, sizeof *native->batch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  native->batch = shared;
  if (shared != MAP_FAILED && start_child(native)) return native;
  if (shared != MAP_FAILED) munmap(shared, sizeof *native->batch);
  free(native);
  return NULL;
}

void native_stop(struct native *native) {
  if (!native) return;
  end_child(native);
  munmap(native->batch, sizeof *native->batch);
  free(native);
}

static bool start_batch(struct native *native) {
  return send(native->socket, "", 1, MSG_NOSIGNAL) == 1;
}

bool native_submit(struct native *native, const struct test_case *cases, unsigned count) {
  struct batch *batch = native->batch;
  memcpy(batch->cases, cases, count * sizeof *cases);
  batch->count = count;
  batch->next = 0;
  return start_batch(native);
}

/* False: the child is dead, or does not get on with its case, which some hosts' far transfers do. */
static bool batch_is_done(struct native *native) {
  enum { PATIENCE_MS = 5000 };
  struct pollfd wait = {.fd = native->socket, .events = POLLIN};
  unsigned before;
  char byte;
  do {
    before = native->batch->next;
    if (poll(&wait, 1, PATIENCE_MS) > 0) return read(native->socket, &byte, 1) == 1;
  } while (native->batch->next != before);
  kill(native->child, SIGKILL);
  return false;
}

const struct test_result *native_wait(struct native *native) {
  struct batch *batch = native->batch;
  while (!batch_is_done(native)) {
    /* Note that, and let another child do the rest. */
    end_child(native);
    if (batch->next >= batch->count) return NULL;
    memset(&batch->results[batch->next], 0, offsetof(struct test_result, change));
    batch->results[batch->next].vector = NO_VECTOR;
    batch->next++;
    if (!start_child(native) || !start_batch(native)) return NULL;
  }
  return batch->results;
}

#else

struct native *native_start(const char **why) {
  *why = "an x86-64 processor with Linux";
  return NULL;
}
void native_stop(struct native *native) {
  (void)native;
}
bool native_submit(struct native *native, const struct test_case *cases, unsigned count) {
  (void)native, (void)cases, (void)count;
  return false;
}
const struct test_result *native_wait(struct native *native) {
  (void)native;
  return NULL;
}

#endif
