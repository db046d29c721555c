#include "tests/conformance/generate.h"

#include <string.h>

#include "cpu/exec/flags.h"
#include "tests/conformance/assemble.h"
#include "tests/conformance/values.h"

/* --- prefixes ---------------------------------------------------------------------------------------------------- */

static void add_prefix(struct encoding *e, uint8_t prefix) {
  if (e->prefixes < PREFIXES_MAX) e->prefix[e->prefixes++] = prefix;
}

static bool repeats_change_it(const struct form *form) {
  return form->map != MAP_ONE_BYTE || form->vex;
}

static void choose_prefixes(const struct form *form, struct rng *rng, struct encoding *e) {
  enum { LOCK = 0xf0, ADDRESS_SIZE = 0x67, REPNE = 0xf2, REP = 0xf3 };
  static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x64, 0x65};
  if (rng_chance(rng, 100)) add_prefix(e, ADDRESS_SIZE);
  if (rng_chance(rng, 120)) add_prefix(e, segments[rng_below(rng, sizeof segments)]);
  if (rng_chance(rng, form->in_memory && !form->vex ? 60 : 8)) add_prefix(e, LOCK);
  if (rng_chance(rng, 10) && !form->prefix && !repeats_change_it(form))
    add_prefix(e, rng_chance(rng, 500) ? REP : REPNE);
  /* Up to the limit of 15 bytes, and beyond. */
  if (form->operation == IR_INVALID || !rng_chance(rng, 8)) return;
  for (unsigned i = rng_below(rng, PREFIXES_MAX); i; i--) add_prefix(e, segments[rng_below(rng, 4)]);
}

/* --- an encoding ------------------------------------------------------------------------------------------------- */

static void choose_modrm(const struct form *form, struct rng *rng, struct encoding *e) {
  e->mod = form->in_memory ? (uint8_t)rng_below(rng, 3) : 3;
  e->reg = (uint8_t)(form->reg == FREE ? rng_below(rng, 8) : (unsigned)form->reg);
  e->rm = (uint8_t)(form->rm == FREE ? rng_below(rng, 8) : (unsigned)form->rm);
  e->sib = (uint8_t)rng_next(rng);
}

static void choose_encoding(const struct form *form, struct rng *rng, struct encoding *e) {
  const uint64_t tail[2] = {value_integer(rng), value_integer(rng)};
  memset(e, 0, sizeof *e);
  choose_prefixes(form, rng, e);
  e->has_rex = rng_chance(rng, 500);
  e->rex = (uint8_t)rng_below(rng, 8);
  e->vvvv = rng_chance(rng, 900) ? (uint8_t)rng_below(rng, 16) : 15;
  e->short_vex = rng_chance(rng, 500);
  choose_modrm(form, rng, e);
  memcpy(e->tail, tail, sizeof e->tail);
}

/* No prefixes that it could do without, and no vector register that it may have no use for. */
static void simplify(struct encoding *e) {
  e->prefixes = 0;
  e->vvvv = 15;
}

struct attempt {
  struct encoding encoding;
  struct assembly assembly;
  struct ir_op op;
  enum decode_result result;
};

static void try_encoding(const struct form *form, const struct decoder *decoder, struct attempt *t) {
  memset(&t->op, 0, sizeof t->op);
  assemble(form, &t->encoding, &t->assembly);
  t->result = decode_instruction(decoder, forms_decode_mode(form->mode), t->assembly.bytes, IR_LENGTH_MAX, &t->op);
  if (t->result == DECODE_TRUNCATED) t->result = DECODE_TOO_LONG; /* all 15 bytes were there */
}

static bool has_lock(const struct encoding *e) {
  return memchr(e->prefix, 0xf0, e->prefixes);
}

/* What was wanted; or what LOCK or too many prefixes made of it. */
static bool is_good(const struct form *form, const struct attempt *t) {
  if (t->result != DECODE_OK) return true;
  if (t->op.opcode == form->operation) return !forms_is_excluded(&t->op);
  return t->op.opcode == IR_INVALID && has_lock(&t->encoding) && !form->vex;
}

static void find_encoding(const struct form *form, struct rng *rng, const struct decoder *decoder, struct attempt *t) {
  for (unsigned tries = 0; tries < 20; tries++) {
    choose_encoding(form, rng, &t->encoding);
    try_encoding(form, decoder, t);
    if (is_good(form, t)) return;
    simplify(&t->encoding);
    try_encoding(form, decoder, t);
    if (is_good(form, t)) return;
  }
  assemble_plain(form, &t->assembly);
  t->result = decode_instruction(decoder, forms_decode_mode(form->mode), t->assembly.bytes, IR_LENGTH_MAX, &t->op);
}

/* --- where it stands --------------------------------------------------------------------------------------------- */

static uint64_t choose_place(struct rng *rng, const struct attempt *t, unsigned length) {
  const bool is_whole = t->result == DECODE_OK && t->op.opcode != IR_INVALID;
  const unsigned into = rng_below(rng, length + 1);
  if (is_whole && rng_chance(rng, 60)) return ARENA_CODE + ARENA_PAGE - into; /* across pages */
  if (is_whole && rng_chance(rng, 20)) return ARENA_CODE_END - into;          /* into nothing */
  return ARENA_CODE + rng_below(rng, 2 * ARENA_PAGE - 64);
}

/* Without single-stepping the INT3 behind it ends it, which has to be there, and be reached. */
static bool must_single_step(const struct attempt *t, uint64_t rip, unsigned length) {
  return t->result != DECODE_OK || ir_ends_block(&t->op) || rip + length >= ARENA_CODE_END;
}

/* Bytes of the displacement come after ModRM and SIB. */
static unsigned displacement_at(const struct form *form, const struct attempt *t) {
  const bool has_sib = form->has_modrm && t->op.address_size != 2 && (t->encoding.rm & 7) == 4 && t->encoding.mod != 3;
  return t->assembly.length + has_sib;
}

void generate_case(const struct form *form, uint64_t seed, const struct decoder *decoder, struct test_case *test) {
  struct rng rng = {seed};
  struct attempt t;
  memset(test, 0, sizeof *test);
  test->mode = form->mode;
  test->seed = rng_next(&rng);
  state_fill(test->mode, test->seed, &test->state);
  find_encoding(form, &rng, decoder, &t);
  const bool is_whole = t.result == DECODE_OK && t.op.opcode != IR_INVALID;
  test->length = is_whole ? t.op.length : CASE_CODE_MAX;
  memcpy(test->code, t.assembly.bytes, test->length);
  test->state.rip = choose_place(&rng, &t, test->length);
  if (must_single_step(&t, test->state.rip, test->length)) test->state.rflags |= FLAG_TF;
  if (test->mode == CODE_16) test->state.rip -= ARENA_BASE;
  const struct placement placement = {&rng, form, &t.op, displacement_at(form, &t), test};
  if (is_whole) place_operands(&placement);
}
