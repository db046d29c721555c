#include "tests/conformance/values.h"

#include <string.h>

#include "cpu/exec/flags.h"

#define CHOOSE(rng, table) (table)[rng_below(rng, sizeof(table) / sizeof *(table))]

/* --- formats ----------------------------------------------------------------------------------------------------- */

uint64_t value_integer(struct rng *rng) {
  static const uint8_t widths[] = {8, 16, 32, 64};
  const uint64_t r = rng_next(rng);
  const uint64_t top = UINT64_C(1) << (CHOOSE(rng, widths) - 1);
  switch (rng_below(rng, 8)) {
  case 0: return top + rng_below(rng, 5) - 2;     /* around the sign bit */
  case 1: return (top << 1) - rng_below(rng, 4);  /* around the carry */
  case 2: return (uint64_t)0 - rng_below(rng, 4); /* 0, -1, -2, -3 */
  case 3: return rng_below(rng, 70);              /* counts */
  case 4: return UINT64_C(1) << (r & 63);         /* one bit */
  case 5: return r >> (rng_below(rng, 64));       /* any magnitude */
  case 6: return (uint64_t)((int64_t)r >> rng_below(rng, 64));
  default: return r;
  }
}

uint16_t value_half(struct rng *rng) {
  static const uint16_t corners[] = {0,      1,      0x3ff,  0x400,  0x7bff, 0x7c00, 0x7c01,
                                     0x7dff, 0x7e00, 0x7fff, 0x3c00, 0x3bff, 0x3c01};
  const uint16_t sign = (uint16_t)(rng_below(rng, 2) << 15);
  return rng_chance(rng, 500) ? CHOOSE(rng, corners) | sign : (uint16_t)rng_next(rng);
}

uint32_t value_single(struct rng *rng) {
  static const uint32_t corners[] = {0,          1,          0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff,
                                     0x7f800000, 0x7f800001, 0x7fbfffff, 0x7fc00000, 0x7fffffff, 0x3f800000,
                                     0x3f7fffff, 0x3f800001, 0x3f000000, 0x4effffff, 0x4f000000, 0x4f7fffff,
                                     0x5f000000, 0x5effffff, 0x33800000, 0x33000000, 0x477fe000, 0x477ff000,
                                     0x38800000, 0x387fffff, 0x4b000001, 0x4b7fffff};
  const uint32_t r = (uint32_t)rng_next(rng), sign = rng_below(rng, 2) << 31;
  switch (rng_below(rng, 8)) {
  case 0:
  case 1:
  case 2: return CHOOSE(rng, corners) | sign;
  case 3: return (r & 0xfff) | sign;                                         /* denormal */
  case 4: return (0x3f800000 + (r & 0x7f) * 0x20000) | sign;                 /* few bits */
  case 5: return (r & 0x007fffff) | (0x7c + rng_below(rng, 8)) << 23 | sign; /* around 1 */
  default: return r;
  }
}

uint64_t value_double(struct rng *rng) {
  static const uint64_t corners[] = {0,
                                     1,
                                     0x000fffffffffffff,
                                     0x0010000000000000,
                                     0x0010000000000001,
                                     0x7fefffffffffffff,
                                     0x7ff0000000000000,
                                     0x7ff0000000000001,
                                     0x7ff7ffffffffffff,
                                     0x7ff8000000000000,
                                     0x7fffffffffffffff,
                                     0x3ff0000000000000,
                                     0x3fefffffffffffff,
                                     0x3ff0000000000001,
                                     0x3fe0000000000000,
                                     0x41dfffffffc00000,
                                     0x41dfffffffe00000,
                                     0x41e0000000000000,
                                     0x43dfffffffffffff,
                                     0x43e0000000000000,
                                     0x3ca0000000000000,
                                     0x47efffffe0000000,
                                     0x47effffff0000000,
                                     0x380fffffffffffff,
                                     0x36a0000000000000,
                                     0x4330000000000001};
  const uint64_t r = rng_next(rng), sign = (uint64_t)rng_below(rng, 2) << 63;
  switch (rng_below(rng, 8)) {
  case 0:
  case 1:
  case 2: return CHOOSE(rng, corners) | sign;
  case 3: return (r & 0xfffff) | sign;
  case 4: return (0x3ff0000000000000 + (r & 0x7f) * (UINT64_C(1) << 46)) | sign;
  case 5: return (r & 0x000fffffffffffff) | (uint64_t)(0x3fc + rng_below(rng, 8)) << 52 | sign;
  default: return r;
  }
}

/* Significand and exponent of each class, the invalid encodings among them. */
void value_extended(struct rng *rng, uint8_t bytes[10]) {
  static const uint64_t significands[] = {0,
                                          1,
                                          0x7fffffffffffffff,
                                          0x8000000000000000,
                                          0x8000000000000001,
                                          0xbfffffffffffffff,
                                          0xc000000000000000,
                                          0xffffffffffffffff,
                                          0xfffffffffffff800,
                                          0x80000000000003ff};
  static const uint16_t exponents[] = {0,      1,      0x3ffe, 0x3fff, 0x4000, 0x400d, 0x400e, 0x401d, 0x401e,
                                       0x403d, 0x403e, 0x403f, 0x7ffe, 0x7fff, 0x7fff, 0x43fe, 0x3c01, 0x3f81};
  uint64_t significand = rng_next(rng);
  uint16_t exponent = (uint16_t)(0x3ff0 + rng_below(rng, 32));
  const unsigned kind = rng_below(rng, 8);
  if (kind < 3) significand = CHOOSE(rng, significands);
  if (kind == 3) significand = (uint64_t)rng_below(rng, 1000) << rng_below(rng, 54);
  if (kind == 4) significand &= 0xffffff0000000000;
  if (kind % 3 == 0) exponent = CHOOSE(rng, exponents);
  if (kind == 7) exponent = (uint16_t)(rng_next(rng) & 0x7fff);
  /* An unnormal now and then; else the integer bit is set where there is an exponent. */
  if (exponent && !rng_chance(rng, 60)) significand |= UINT64_C(1) << 63;
  exponent |= (uint16_t)(rng_below(rng, 2) << 15);
  memcpy(bytes, &significand, 8);
  memcpy(bytes + 8, &exponent, 2);
}

static void packed_bcd(struct rng *rng, uint8_t bytes[10]) {
  for (unsigned i = 0; i < 9; i++) bytes[i] = (uint8_t)(rng_below(rng, 10) << 4 | rng_below(rng, 10));
  bytes[9] = (uint8_t)(rng_below(rng, 2) << 7);
}

static void one_format(struct rng *rng, unsigned format, uint8_t bytes[16]) {
  uint64_t pair[2] = {rng_next(rng), rng_next(rng)};
  memcpy(bytes, pair, 16);
  for (unsigned i = 0; i < 2; i++) {
    if (format == 0) pair[i] = value_double(rng);
    if (format == 1) pair[i] = value_single(rng) | (uint64_t)value_single(rng) << 32;
    if (format == 2) pair[i] = value_integer(rng);
    if (format == 3)
      pair[i] = (uint64_t)value_half(rng) | (uint64_t)value_half(rng) << 16 | (uint64_t)value_half(rng) << 48;
    if (format == 4) pair[i] &= rng_next(rng) & 0x0303030303030303; /* little elements that are often equal */
  }
  if (format < 5) memcpy(bytes, pair, 16);
  if (format == 5) value_extended(rng, bytes);
  if (format == 6) packed_bcd(rng, bytes);
}

void value_vector(struct rng *rng, uint8_t *bytes, unsigned size) {
  const unsigned format = rng_below(rng, 8);
  for (unsigned i = 0; i < size; i += 16) one_format(rng, format == 7 ? rng_below(rng, 7) : format, bytes + i);
}

/* --- a whole state ----------------------------------------------------------------------------------------------- */

/* All exceptions masked but for a few; what is unmasked and already flagged would trap at once. */
static uint32_t random_mxcsr(struct rng *rng) {
  enum { MASKS = 0x1f80, DAZ = 0x40, FTZ = 0x8000 };
  uint32_t mxcsr = MASKS | rng_below(rng, 4) << 13;
  if (rng_chance(rng, 300)) mxcsr |= rng_below(rng, 64);
  if (rng_chance(rng, 120)) mxcsr |= DAZ;
  if (rng_chance(rng, 120)) mxcsr |= FTZ;
  if (rng_chance(rng, 60)) mxcsr &= ~(rng_below(rng, 64) << 7);
  return mxcsr;
}

static void random_x87(struct rng *rng, struct x87_image *x87) {
  enum { MASKS = 0x3f, PRECISION = 0x300, RESERVED = 0x40, SUMMARY = 0x80, BUSY = 0x8000, CODES = 0x4700 };
  static const uint16_t precisions[] = {0x300, 0x300, 0x300, 0x200, 0};
  x87->control = (uint16_t)(RESERVED | MASKS | CHOOSE(rng, precisions) | rng_below(rng, 4) << 10);
  if (rng_chance(rng, 80)) x87->control &= (uint16_t)~rng_below(rng, 64);
  x87->status = (uint16_t)(rng_below(rng, 8) << 11 | (rng_next(rng) & CODES));
  if (rng_chance(rng, 200)) x87->status |= (uint16_t)(rng_below(rng, 128) & ~(x87->control & MASKS ? 0u : 127u));
  /* Pending ones are for a few cases: else every instruction that waits faults. */
  if (!rng_chance(rng, 50)) x87->status &= (uint16_t)(x87->control | ~MASKS);
  if (x87->status & ~x87->control & MASKS) x87->status |= SUMMARY | BUSY;
  x87->tags = rng_chance(rng, 800) ? 0xff : (uint8_t)rng_next(rng);
  /* Some processors keep the pointers only with an exception pending. */
  if (x87->status & SUMMARY) {
    x87->opcode = (uint16_t)(rng_next(rng) & 0x7ff);
    x87->instruction = rng_next(rng) >> 17;
    x87->data = rng_next(rng) >> 17;
  }
  for (unsigned i = 0; i < 8; i++) value_extended(rng, x87->st[i]);
}

static void random_segments(enum code_mode mode, struct rng *rng, struct user_state *state) {
  static const uint16_t code[] = {SELECTOR_CODE_64, SELECTOR_CODE_32, SELECTOR_CODE_16};
  const uint16_t data = mode == CODE_16 ? SELECTOR_DATA_16 : SELECTOR_DATA;
  for (unsigned i = 0; i < 6; i++) state->selector[i] = data;
  state->selector[VMXSIM_CS] = code[mode];
  state->fs_base = state->gs_base = 0;
  if (mode == CODE_16) state->fs_base = state->gs_base = ARENA_BASE;
  if (mode != CODE_64) return;
  state->selector[VMXSIM_FS] = state->selector[VMXSIM_GS] = 0;
  state->fs_base = rng_next(rng) >> 17;
  state->gs_base = rng_chance(rng, 500) ? (uint64_t)0 - 4096 : rng_next(rng) >> 20;
}

void state_fill(enum code_mode mode, uint64_t seed, struct user_state *state) {
  enum { ALWAYS_1 = 2 };
  struct rng rng = {seed};
  memset(state, 0, sizeof *state);
  for (unsigned i = 0; i < 16; i++) state->gpr[i] = value_integer(&rng);
  for (unsigned i = 8; mode != CODE_64 && i < 16; i++) state->gpr[i] = 0;
  for (unsigned i = 0; mode != CODE_64 && i < 8; i++) state->gpr[i] = (uint32_t)state->gpr[i];
  state->rflags = ALWAYS_1 | FLAG_IF | (rng_next(&rng) & FLAGS_ARITHMETIC);
  if (rng_chance(&rng, 750)) state->rflags |= FLAG_TF;
  if (rng_chance(&rng, 100)) state->rflags |= FLAG_DF;
  if (rng_chance(&rng, 30)) state->rflags |= FLAG_AC;
  random_segments(mode, &rng, state);
  random_x87(&rng, &state->x87);
  state->mxcsr = random_mxcsr(&rng);
  for (unsigned i = 0; i < (mode == CODE_64 ? 16 : 8); i++) value_vector(&rng, state->ymm[i], 32);
}
