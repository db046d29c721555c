/* Runs user-level code on the host's own processor with given registers and flags (x86-64 hosts with mmap only): a
 * buffer of code that loads all general registers but RSP, executes what is put there, and stores them again. */
#ifndef VMXSIM_TESTS_CPU_HOST_RUN_H
#define VMXSIM_TESTS_CPU_HOST_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct host_state {
  uint64_t gpr[16];
  uint64_t flags;
};

#if defined(__x86_64__)
#include <sys/mman.h>

enum { HOST_CODE = 4096, HOST_DATA = 4096 };

struct host_buffer {
  uint8_t *code; /* HOST_CODE bytes, then the state */
  size_t length;
};

static void host_emit(struct host_buffer *b, const void *bytes, size_t size) {
  memcpy(b->code + b->length, bytes, size);
  b->length += size;
}

/* An instruction whose ModRM is RIP-relative, at a place in the data. */
static void host_emit_relative(struct host_buffer *b, const void *bytes, size_t size, size_t data) {
  host_emit(b, bytes, size);
  int32_t displacement = (int32_t)(HOST_CODE + data) - (int32_t)(b->length + 4);
  host_emit(b, &displacement, 4);
}

/* 8BH: load, 89H: store. */
static void host_emit_registers(struct host_buffer *b, uint8_t opcode) {
  for (unsigned r = 0; r < 16; r++) {
    const uint8_t move[] = {(uint8_t)(r < 8 ? 0x48 : 0x4c), opcode, (uint8_t)(5 | (r & 7) << 3)};
    if (r != 4) host_emit_relative(b, move, 3, r * 8);
  }
}

static bool host_run(const uint8_t *code, size_t length, struct host_state *state) {
  static struct host_buffer b;
  static const uint8_t push_callee_saved[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57};
  static const uint8_t pop_callee_saved[] = {0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3};
  if (!b.code) {
    void *page =
        mmap(NULL, HOST_CODE + HOST_DATA, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    b.code = page;
  }
  b.length = 0;
  memcpy(b.code + HOST_CODE, state, sizeof *state);
  host_emit(&b, push_callee_saved, sizeof push_callee_saved);
  host_emit_registers(&b, 0x8b);
  host_emit_relative(&b, "\xff\x35", 2, 16 * 8); /* push flags */
  host_emit(&b, "\x9d", 1);                      /* popf */
  host_emit(&b, code, length);
  host_emit_registers(&b, 0x89);
  host_emit(&b, "\x9c", 1);                      /* pushf */
  host_emit_relative(&b, "\x8f\x05", 2, 16 * 8); /* pop flags */
  host_emit(&b, pop_callee_saved, sizeof pop_callee_saved);
  void (*run)(void);
  void *entry = b.code;
  memcpy(&run, &entry, sizeof run);
  run();
  memcpy(state, b.code + HOST_CODE, sizeof *state);
  return true;
}

static bool host_has_all_extensions(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") &&
         __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("avx2");
}
#else
static bool host_run(const uint8_t *code, size_t length, struct host_state *state) {
  (void)code, (void)length, (void)state;
  return false;
}
static bool host_has_all_extensions(void) {
  return false;
}
#endif

#endif
