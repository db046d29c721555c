/* One instruction to execute, on the host's processor and on the model, and what came of it. */
#ifndef VMXSIM_TESTS_CONFORMANCE_CASE_H
#define VMXSIM_TESTS_CONFORMANCE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/conformance/arena.h"

/* How wide code is: a 64-bit code segment, the flat 32-bit one of compatibility mode, and a 16-bit one whose segments
 * begin at the arena. */
enum code_mode { CODE_64, CODE_32, CODE_16, CODE_MODES };

/* Linux' user selectors, which the model's GDT and LDT have too. */
enum {
  SELECTOR_CODE_32 = 0x23,
  SELECTOR_DATA = 0x2b,
  SELECTOR_CODE_64 = 0x33,
  SELECTOR_CODE_16 = 0x07, /* LDT entry 0 */
  SELECTOR_DATA_16 = 0x0f, /* LDT entry 1 */
};

/* Of the LDT's segments: data ends before the arena's last page does. */
enum { LDT_CODE_LIMIT = 0xffff, LDT_DATA_LIMIT = 0x7eff };

/* x87 registers in the order of FXSAVE: st[0] is ST(0). */
struct x87_image {
  uint16_t control, status;
  uint8_t tags; /* abridged, by physical register */
  uint16_t opcode;
  uint64_t instruction, data;
  uint8_t st[8][10];
};

/* What user code sees of a processor. */
struct user_state {
  uint64_t gpr[16]; /* numbered as in instructions */
  uint64_t rip, rflags;
  uint16_t selector[6]; /* ES CS SS DS FS GS */
  uint64_t fs_base, gs_base;
  struct x87_image x87;
  uint32_t mxcsr;
  uint8_t ymm[16][32];
};

enum { CASE_CODE_MAX = 16, PATCH_MAX = 40 };

/* What a case puts into the arena before it begins. */
enum image_kind { IMAGE_NONE, IMAGE_FXSAVE, IMAGE_XSAVE };
struct patch {
  uint32_t at; /* linear address; it lies in mapped pages */
  unsigned length;
  uint8_t bytes[PATCH_MAX];
};

struct test_case {
  enum code_mode mode;
  uint64_t seed;                   /* of what was not chosen: state_fill() */
  uint8_t code[CASE_CODE_MAX + 4]; /* at state.rip; beyond it INT3; the last ones are for those who look ahead */
  unsigned length;
  struct patch patch;
  enum image_kind image; /* state in memory at image_at, made from the seed */
  uint32_t image_at;
  struct user_state state; /* with RFLAGS.TF: ends after one instruction; without: at the INT3 behind it */
};

/* A word of the arena that is not as before. */
struct memory_change {
  uint32_t word; /* number of 8-byte word in the arena */
  uint64_t value;
};

struct test_result {
  struct user_state state;
  unsigned vector; /* of the exception that ended it */
  uint32_t error_code;
  uint64_t cr2;
  unsigned changes;
  struct memory_change change[ARENA_WORDS];
};

enum { NO_VECTOR = 255 }; /* nothing ended it: the processor that ran it is lost */

#endif
