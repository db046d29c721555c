/* Runs one user-level instruction on the host's own processor with given general, MMX and YMM registers and MXCSR
 * (x86-64 hosts with mmap only). */
#ifndef VMXSIM_TESTS_CPU_HOST_SIMD_H
#define VMXSIM_TESTS_CPU_HOST_SIMD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct host_vectors {
  uint8_t ymm[16][32];
  uint64_t mmx[8];
  uint64_t gpr[16];
  uint64_t flags;
  uint32_t mxcsr, default_mxcsr;
};

#if defined(__x86_64__)
#include <sys/mman.h>

#include "tests/cpu/host_features.h"

enum { HOST_CODE = 4096 };

struct host_code {
  uint8_t *bytes; /* HOST_CODE of them, then struct host_vectors */
  size_t length;
};

static void emit(struct host_code *c, const void *bytes, size_t size) {
  memcpy(c->bytes + c->length, bytes, size);
  c->length += size;
}

/* An instruction whose ModRM byte is to be RIP-relative, at a place in the data. */
static void emit_relative(struct host_code *c, const char *bytes, size_t size, unsigned reg, size_t data) {
  const uint8_t modrm = (uint8_t)(5 | (reg & 7) << 3);
  emit(c, bytes, size);
  emit(c, &modrm, 1);
  const int32_t displacement = (int32_t)(HOST_CODE + data) - (int32_t)(c->length + 4);
  emit(c, &displacement, 4);
}

static void emit_registers(struct host_code *c, bool store) {
  for (unsigned i = 0; i < 16; i++) {
    const char move[] = {i < 8 ? 0x48 : 0x4c, store ? (char)0x89 : (char)0x8b};
    if (i != 4) emit_relative(c, move, 2, i, offsetof(struct host_vectors, gpr) + 8 * i);
  }
}

static void emit_vectors(struct host_code *c, bool store) {
  for (unsigned i = 0; i < 16; i++) {
    const char move[] = {(char)0xc5, i < 8 ? (char)0xfc : 0x7c, store ? 0x11 : 0x10};
    emit_relative(c, move, 3, i, offsetof(struct host_vectors, ymm) + 32 * i);
  }
  for (unsigned i = 0; i < 8; i++)
    emit_relative(c, store ? "\x0f\x7f" : "\x0f\x6f", 2, i, offsetof(struct host_vectors, mmx) + 8 * i);
}

static bool host_execute(const uint8_t *code, size_t length, struct host_vectors *state) {
  static struct host_code c;
  if (!c.bytes) {
    void *page = mmap(NULL, HOST_CODE + 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    c.bytes = page;
  }
  c.length = 0;
  state->default_mxcsr = 0x1f80;
  memcpy(c.bytes + HOST_CODE, state, sizeof *state);
  emit(&c, "\x53\x55\x41\x54\x41\x55\x41\x56\x41\x57", 10);
  emit_vectors(&c, false);
  emit_relative(&c, "\x0f\xae", 2, 2, offsetof(struct host_vectors, mxcsr));
  emit_registers(&c, false);
  emit(&c, code, length);
  emit_registers(&c, true);
  emit(&c, "\x9c", 1);                                                   /* push flags */
  emit_relative(&c, "\x8f", 1, 0, offsetof(struct host_vectors, flags)); /* pop */
  emit_relative(&c, "\x0f\xae", 2, 3, offsetof(struct host_vectors, mxcsr));
  emit_relative(&c, "\x0f\xae", 2, 2, offsetof(struct host_vectors, default_mxcsr));
  emit_vectors(&c, true);
  emit(&c, "\x0f\x77\xc5\xf8\x77", 5); /* EMMS, VZEROUPPER */
  emit(&c, "\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3", 11);
  void (*run)(void);
  void *entry = c.bytes;
  memcpy(&run, &entry, sizeof run);
  run();
  memcpy(state, c.bytes + HOST_CODE, sizeof *state);
  return true;
}

static uint64_t host_vector_features(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx") ? host_features() : 0;
}
#else
static bool host_execute(const uint8_t *code, size_t length, struct host_vectors *state) {
  (void)code, (void)length, (void)state;
  return false;
}
static uint64_t host_vector_features(void) {
  return 0;
}
#endif

#endif
