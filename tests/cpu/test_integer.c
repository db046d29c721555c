/* General-purpose instructions against the host's processor: registers, memory, defined flags. What a host cannot show
 * (other modes, faults, repetition) is test_transfer.c's. */
#include <stdio.h>

#include "tests/cmocka_main.h"

#include "cpu/exec/flags.h"
#include "tests/cpu/fake_processor.h"
#include "tests/cpu/host_run.h"
#include "tests/cpu/next_random.h"

/* --- forms ------------------------------------------------------------------------------------------------------- */

enum { R = 8, PLUS_R = 9, NONE = 10, FULL = 99, VEX_ALSO = 16 };
/* Shifts: what is undefined depends on the count. */
enum { ROTATE = 1 << 29, SHIFTED = 1 << 30, ROTATE_BY_1 = 0, SHIFTED_BY_1 = FLAG_AF };
#define MUL_UNDEFINED (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF)

struct form {
  const char *name;
  unsigned map, opcode, digit, prefix, sizes, immediate;
  uint64_t undefined;
};

static const struct form forms[] = {
#define FORM(name, map, opcode, digit, prefix, sizes, immediate, undefined) \
  {name, map, opcode, digit, prefix, sizes, immediate, undefined},
#include "tests/cpu/integer_forms.def"
#undef FORM
};

/* --- random cases ------------------------------------------------------------------------------------------------ */

/* Values at which carries, signs and overflows change come as often as others. */
static uint64_t random_value(void) {
  static const uint64_t corners[] = {
      0,          1,         2,          0x7f,       0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
      0xffffffff, INT64_MAX, 1ull << 63, UINT64_MAX, 0x0f, 0x10, 31,     32,     33,     63,         64};
  uint64_t r = next_random();
  switch (r & 7) {
  case 0:
  case 1: return corners[(r >> 8) % (sizeof corners / sizeof *corners)];
  case 2: return corners[(r >> 8) % (sizeof corners / sizeof *corners)] | next_random() << 32;
  case 3: return next_random() & 0xffff;
  case 4: return next_random() >> 32;
  default: return next_random();
  }
}

struct sample {
  uint8_t code[16];
  unsigned length, size, count; /* count: what a shift is by, if it is one by an immediate */
};

static void put(struct sample *c, unsigned byte) {
  c->code[c->length++] = (uint8_t)byte;
}

/* Any register but RSP, which the host needs. */
static unsigned random_register(void) {
  unsigned r = (unsigned)(next_random() >> 20) & 15;
  return r == 4 ? 5 : r;
}

static void put_vex(struct sample *c, const struct form *f, unsigned reg, unsigned rm, unsigned vvvv) {
  unsigned pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
  put(c, 0xc4);
  put(c, (reg < 8 ? 0x80u : 0) | 0x40 | (rm < 8 ? 0x20u : 0) | (f->map & 3));
  put(c, (c->size == 8 ? 0x80u : 0) | (~vvvv & 15) << 3 | pp);
  put(c, f->opcode);
}

static void put_legacy(struct sample *c, const struct form *f, unsigned reg, unsigned rm) {
  if (c->size == 2) put(c, 0x66);
  if (f->prefix) put(c, f->prefix);
  bool needs_rex = c->size == 8 || reg >= 8 || rm >= 8 || (next_random() & 1);
  if (needs_rex) put(c, 0x40 | (c->size == 8 ? 8u : 0) | (reg >= 8 ? 4u : 0) | (rm >= 8 ? 1u : 0));
  if (f->map) put(c, 0x0f);
  if (f->map == 2) put(c, 0x38);
  put(c, f->digit == PLUS_R ? f->opcode + (rm & 7) : f->opcode);
}

/* Bit tests with an offset in a register may reach any address. */
static bool can_be_in_memory(const struct form *f) {
  bool bit_string = f->map == 1 && f->digit == R && (f->opcode & 0xe7) == 0xa3;
  return f->digit <= R && !bit_string;
}

enum place { IN_REGISTER, AT_RSI, AT_RSI_INDEXED };

/* ModRM, and SIB of [RSI + RBP * 2]. */
static void put_operands(struct sample *c, unsigned reg, unsigned rm, enum place place) {
  put(c, (place == IN_REGISTER ? 0xc0u : 0) | (reg & 7) << 3 | (place == AT_RSI_INDEXED ? 4 : rm & 7));
  if (place == AT_RSI_INDEXED) put(c, 0x6e);
}

static struct sample random_sample(const struct form *f, enum place place) {
  struct sample c = {.size = 0};
  while (!(f->sizes & c.size)) c.size = 1u << (next_random() >> 30 & 3);
  unsigned reg = f->digit < 8 ? f->digit : random_register(), rm = random_register();
  unsigned vvvv = random_register();
  if (place != IN_REGISTER) rm = 6;
  if (f->map == (2 | VEX_ALSO) && f->opcode == 0xf3) reg = f->digit;
  if (f->map & VEX_ALSO) {
    put_vex(&c, f, reg, rm, f->map == (3 | VEX_ALSO) ? 0 : vvvv);
  } else {
    if (f->digit == NONE) reg = rm = 0;
    put_legacy(&c, f, reg, rm);
  }
  if (f->digit <= R) put_operands(&c, reg, rm, place);
  uint64_t immediate = random_value();
  unsigned bytes = f->immediate == FULL ? (c.size < 4 ? c.size : 4) : f->immediate;
  c.count = (unsigned)immediate & 0xff;
  for (unsigned i = 0; i < bytes; i++) put(&c, immediate >> (i * 8) & 0xff);
  return c;
}

/* --- comparing --------------------------------------------------------------------------------------------------- */

static uint64_t undefined_flags(const struct form *f, const struct sample *c, const struct host_state *before) {
  if (!(f->undefined & (ROTATE | SHIFTED))) return f->undefined;
  unsigned count = (f->immediate ? c->count : (unsigned)before->gpr[1]) & (c->size == 8 ? 63 : 31);
  uint64_t mask = count == 0 ? 0 : count == 1 ? 0 : FLAG_OF;
  if (f->undefined & SHIFTED && count) mask |= FLAG_AF;
  if (f->undefined & SHIFTED && count >= c->size * 8) mask |= FLAG_CF;
  return mask;
}

/* Results that the manual leaves open: SHLD and SHRD of 16 bits by more than 16. */
static bool is_open(const struct form *f, const struct sample *c, const struct host_state *before) {
  bool is_double = f->map == 1 && (f->opcode & 0xf6) == 0xa4 && (f->undefined & SHIFTED);
  unsigned count = (f->immediate ? c->count : (unsigned)before->gpr[1]) & 31;
  return is_double && c->size == 2 && count > 16;
}

static void random_host_state(struct host_state *state) {
  for (unsigned i = 0; i < 16; i++) state->gpr[i] = random_value();
  if (next_random() & 1) state->gpr[1] &= 0xff; /* counts */
  if (next_random() & 1) state->gpr[2] &= 0xff; /* high halves of dividends */
  state->flags = (next_random() & FLAGS_ARITHMETIC) | 2 | FLAG_IF;
}

/* False: the model raised an exception. */
static bool model_run(struct vcpu *v, const uint8_t *code, size_t length, struct host_state *state) {
  memcpy(v->s.gpr, state->gpr, sizeof state->gpr);
  flags_write(v, state->flags);
  v->s.rip = 0x1000;
  assert_true(fake_run(v, code, length) > 0);
  if (v->exception.pending) return false;
  assert_int_equal(v->s.rip, 0x1000 + length);
  memcpy(state->gpr, v->s.gpr, sizeof state->gpr);
  state->flags = flags_read(v);
  return true;
}

static bool same_state(const struct host_state *a, const struct host_state *b, uint64_t undefined) {
  for (unsigned i = 0; i < 16; i++)
    if (i != 4 && a->gpr[i] != b->gpr[i]) return false;
  return !((a->flags ^ b->flags) & FLAGS_ARITHMETIC & ~undefined);
}

static void explain(const char *name, const uint8_t *code, size_t length, const struct host_state *before,
                    const struct host_state *host, const struct host_state *model) {
  fprintf(stderr, "%s:", name);
  for (size_t i = 0; i < length; i++) fprintf(stderr, " %02x", code[i]);
  fprintf(stderr, "\nflags %04llx -> host %04llx model %04llx\n", (unsigned long long)before->flags & 0xfff,
          (unsigned long long)host->flags & 0xfff, (unsigned long long)model->flags & 0xfff);
  for (unsigned i = 0; i < 16; i++)
    fprintf(stderr, "%2u: %016llx -> %016llx %016llx%s\n", i, (unsigned long long)before->gpr[i],
            (unsigned long long)host->gpr[i], (unsigned long long)model->gpr[i],
            i != 4 && host->gpr[i] != model->gpr[i] ? " <" : "");
}

static _Alignas(4096) uint8_t host_memory[4096];

/* RSI points to the middle of the host's memory, which the model has a copy of. */
static void random_memory(struct host_state *state) {
  for (unsigned i = 0; i < 64; i += 8) {
    uint64_t value = random_value();
    memcpy(host_memory + i, &value, 8);
  }
  memcpy(fake_memory, host_memory, 64);
  fake_base = (uintptr_t)host_memory;
  state->gpr[6] = fake_base + 24 + next_random() % 16;
}

static void compare_one(struct vcpu *v, const struct form *f, enum place place) {
  struct sample c = random_sample(f, place);
  struct host_state before, host, model;
  random_host_state(&before);
  random_memory(&before);
  if (place == AT_RSI_INDEXED) before.gpr[5] = 2, before.gpr[6] -= 4;
  fake_fill_fast_cache(v, next_random() >> 40 & 1);
  if (f->undefined == FLAGS_ARITHMETIC && (next_random() & 3) == 0) /* dividends that are small */
    before.gpr[0] &= 0x7f, before.gpr[2] = 0;
  host = model = before;
  if (is_open(f, &c, &before) || !model_run(v, c.code, c.length, &model)) return;
  assert_true(host_run(c.code, c.length, &host));
  bool same_memory = memcmp(host_memory, fake_memory, 64) == 0;
  if (same_memory && same_state(&host, &model, undefined_flags(f, &c, &before))) return;
  explain(f->name, c.code, c.length, &before, &host, &model);
  fail();
}

enum { CASES_A_FORM = 400, CHAINS = 20000, CHAIN_MAX = 6 };

static void test_against_host(void **state) {
  (void)state;
  if (!host_has_all_extensions()) skip();
  struct vcpu *v = fake_create();
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    for (unsigned n = 0; n < CASES_A_FORM; n++)
      compare_one(v, &forms[i], can_be_in_memory(&forms[i]) ? n % 3 : IN_REGISTER);
  fake_destroy(v);
}

/* Instructions in a row, so that flags left by one are read by the next, in all combinations. AF is the only flag that
 * is undefined after any of them; it is not compared. */
static void test_chains_against_host(void **state) {
  (void)state;
  if (!host_has_all_extensions()) skip();
  struct vcpu *v = fake_create();
  for (unsigned n = 0; n < CHAINS; n++) {
    uint8_t code[CHAIN_MAX * 16];
    size_t length = 0;
    for (unsigned i = 0; i < CHAIN_MAX;) {
      const struct form *f = &forms[next_random() % (sizeof forms / sizeof *forms)];
      if ((f->undefined & ~(uint64_t)FLAG_AF) || f->opcode == 0x9f) continue;
      struct sample c = random_sample(f, IN_REGISTER);
      memcpy(code + length, c.code, c.length);
      length += c.length;
      i++;
    }
    struct host_state before, host, model;
    random_host_state(&before);
    host = model = before;
    assert_true(model_run(v, code, length, &model));
    assert_true(host_run(code, length, &host));
    if (!same_state(&host, &model, FLAG_AF)) {
      explain("chain", code, length, &before, &host, &model);
      fail();
    }
  }
  fake_destroy(v);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_host),
      cmocka_unit_test(test_chains_against_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
