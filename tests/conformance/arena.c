#include "tests/conformance/arena.h"

#include <string.h>

#include "tests/conformance/execute.h"
#include "tests/conformance/values.h"

const struct arena_page arena_pages[ARENA_PAGES] = {
    [1] = {true, true, true},  [2] = {true, true, true},   [4] = {true, true, false},
    [5] = {true, true, false}, [6] = {true, false, false}, [7] = {true, true, false},
};

void arena_fill(uint8_t image[ARENA_SIZE]) {
  enum { INT3 = 0xcc, BLOCK = 64 };
  struct rng rng = {UINT64_C(0x5eed)};
  memset(image, 0, ARENA_SIZE);
  memset(image + (ARENA_CODE - ARENA_BASE), INT3, ARENA_CODE_END - ARENA_CODE);
  for (uint32_t at = ARENA_DATA - ARENA_BASE; at < ARENA_END - ARENA_BASE; at += BLOCK)
    value_vector(&rng, image + at, BLOCK);
}

static bool is_mapped(uint32_t address) {
  return address - ARENA_BASE < ARENA_SIZE && arena_pages[(address - ARENA_BASE) / ARENA_PAGE].mapped;
}

/* Bytes that fall beside mapped pages are nowhere. */
static void put(uint8_t image[ARENA_SIZE], uint32_t at, const uint8_t *bytes, unsigned length) {
  for (unsigned i = 0; i < length; i++) {
    if (is_mapped(at + i)) image[at + i - ARENA_BASE] = bytes[i];
  }
}

/* A state that FXRSTOR or XRSTOR takes: SDM 1, "XSAVE-Enabled Features and XSAVE-Managed State". */
static void put_saved_state(uint8_t image[ARENA_SIZE], const struct test_case *test) {
  enum { MXCSR = 24, HEADER = 512, RESERVED = 515, AVX = 576, SIZE = 832, COMPONENTS = 7 };
  struct rng rng = {test->seed ^ UINT64_C(0x1a6e)};
  uint8_t saved[SIZE];
  struct user_state state;
  state_fill(test->mode, rng_next(&rng), &state);
  memset(saved, 0, sizeof saved);
  memcpy(saved, &state.x87.control, 2);
  memcpy(saved + 2, &state.x87.status, 2);
  saved[4] = state.x87.tags;
  memcpy(saved + 6, &state.x87.opcode, 2);
  memcpy(saved + 8, &state.x87.instruction, 6);
  memcpy(saved + 16, &state.x87.data, 6);
  memcpy(saved + MXCSR, &state.mxcsr, 4);
  for (unsigned i = 0; i < 8; i++) memcpy(saved + 32 + 16 * i, state.x87.st[i], 10);
  for (unsigned i = 0; i < 16; i++) memcpy(saved + 160 + 16 * i, state.ymm[i], 16);
  saved[HEADER] = (uint8_t)rng_below(&rng, COMPONENTS + 1);
  /* Nothing of XSTATE_BV that some processor has. */
  if (rng_chance(&rng, 20)) saved[RESERVED + rng_below(&rng, AVX - RESERVED)] ^= (uint8_t)rng_next(&rng);
  for (unsigned i = 0; i < 16; i++) memcpy(saved + AVX + 16 * i, state.ymm[i] + 16, 16);
  put(image, test->image_at, saved, test->image == IMAGE_FXSAVE ? 512 : SIZE);
}

void arena_apply(uint8_t image[ARENA_SIZE], const struct test_case *test) {
  const uint64_t code = test->state.rip + (test->mode == CODE_16 ? ARENA_BASE : 0);
  if (test->image) put_saved_state(image, test);
  put(image, test->patch.at, test->patch.bytes, test->patch.length);
  put(image, (uint32_t)code, test->code, test->length);
}

void collect_changes(const uint8_t *before, const uint8_t *memory, struct test_result *result) {
  enum { LINE = 64 };
  result->changes = 0;
  for (uint32_t at = 0; at < ARENA_SIZE; at += 8) {
    uint64_t a, b;
    if (at % LINE == 0 && !memcmp(before + at, memory + at, LINE)) {
      at += LINE - 8;
      continue;
    }
    memcpy(&a, before + at, 8);
    memcpy(&b, memory + at, 8);
    if (a != b) result->change[result->changes++] = (struct memory_change){at / 8, b};
  }
}
