#include "tests/conformance/exceptions_internal.h"

#include <string.h>

#include "cpu/exec/flags.h"

/* --- questions --------------------------------------------------------------------------------------------------- */

bool has_faulted(const struct test_result *result) {
  return result->vector != VECTOR_DB && result->vector != VECTOR_BP;
}

bool is_one_of(const struct ir_op *op, const uint16_t *opcodes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (opcodes[i] == op->opcode) return true;
  }
  return false;
}

uint64_t operand_offset(const struct dispute *d) {
  const struct ir_memory *m = &d->op->memory;
  const struct user_state *s = &d->test->state;
  uint64_t offset = (uint64_t)m->displacement;
  if (m->base < 16) offset += s->gpr[m->base];
  if (m->base == IR_RIP) offset += s->rip + d->op->length;
  if (m->index < 16) offset += s->gpr[m->index] * m->scale;
  return d->op->address_size < 8 ? offset & ((UINT64_C(1) << 8 * d->op->address_size) - 1) : offset;
}

uint64_t operand_linear(const struct dispute *d) {
  const struct user_state *s = &d->test->state;
  const unsigned segment = d->op->memory.segment;
  const uint64_t offset = operand_offset(d);
  if (d->test->mode == CODE_16) return ARENA_BASE + offset;
  if (d->test->mode == CODE_32) return offset;
  return offset + (segment == VMXSIM_FS ? s->fs_base : segment == VMXSIM_GS ? s->gs_base : 0);
}

uint64_t stack_linear(const struct dispute *d, unsigned offset) {
  const uint64_t sp = d->test->state.gpr[VMXSIM_RSP] + offset;
  if (d->test->mode == CODE_64) return sp;
  return d->test->mode == CODE_32 ? (uint32_t)sp : ARENA_BASE + (uint64_t)(uint16_t)sp;
}

const uint8_t *opcode_bytes(const struct test_case *test) {
  static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};
  const uint8_t *at = test->code, *end = test->code + CASE_CODE_MAX - 1;
  while (at < end && (memchr(prefixes, *at, sizeof prefixes) || (test->mode == CODE_64 && (*at & 0xf0) == 0x40))) at++;
  return at;
}

void read_before(const struct dispute *d, uint64_t linear, void *bytes, unsigned size) {
  uint8_t image[ARENA_SIZE];
  memset(bytes, 0, size);
  if (linear - ARENA_BASE > ARENA_SIZE - size) return;
  arena_fill(image);
  arena_apply(image, d->test);
  memcpy(bytes, image + (linear - ARENA_BASE), size);
}

bool silicon_holds(const struct dispute *d, uint64_t linear, uint64_t value, unsigned size) {
  uint64_t first = linear & ~UINT64_C(7), words[2], held = 0;
  read_before(d, first, words, sizeof words);
  for (unsigned i = 0; i < d->silicon->changes; i++) {
    const uint64_t number = d->silicon->change[i].word - (first - ARENA_BASE) / 8;
    if (number < 2) words[number] = d->silicon->change[i].value;
  }
  memcpy(&held, (const uint8_t *)words + (linear - first), size);
  return !memcmp(&held, &value, size);
}

/* --- to put something else in the place of the model's result ---------------------------------------------------- */

void fault_instead(const struct dispute *d, unsigned vector, uint32_t error_code) {
  d->model->state = d->test->state;
  d->model->state.rflags |= FLAG_RF;
  d->model->vector = vector;
  d->model->error_code = error_code;
  d->model->cr2 = 0;
  d->model->changes = 0;
}

void protection_fault_instead(const struct dispute *d) {
  fault_instead(d, VECTOR_GP, 0);
}

/* A fault is one of the instruction that was, wherever the other one begins. */
void execute_instead(const struct dispute *d, const struct test_case *other) {
  model_execute(d->machine, other, d->model);
  if (d->model->state.rip == other->state.rip) d->model->state.rip = d->test->state.rip;
}

/* --- to forgive -------------------------------------------------------------------------------------------------- */

static size_t size_of(const struct test_result *result) {
  return offsetof(struct test_result, change) + result->changes * sizeof result->change[0];
}

void forgive_fault(const struct dispute *d) {
  const uint64_t resume = d->silicon->state.rflags & FLAG_RF;
  d->model->vector = d->silicon->vector;
  d->model->error_code = d->silicon->error_code;
  d->model->cr2 = d->silicon->cr2;
  d->model->state.rflags = (d->model->state.rflags & ~(uint64_t)FLAG_RF) | resume;
}

/* --- words of memory --- */

static uint64_t word_before(const struct dispute *d, uint32_t word) {
  uint64_t value;
  read_before(d, ARENA_BASE + (uint64_t)word * 8, &value, sizeof value);
  return value;
}

static uint64_t word_after(const struct test_result *result, uint32_t word, uint64_t before) {
  for (unsigned i = 0; i < result->changes; i++) {
    if (result->change[i].word == word) return result->change[i].value;
  }
  return before;
}

/* The list of changes is in order, and has none that is not one. */
static void set_word(struct test_result *result, uint32_t word, uint64_t before, uint64_t value) {
  struct memory_change *change = result->change;
  unsigned at = 0;
  while (at < result->changes && change[at].word < word) at++;
  const bool listed = at < result->changes && change[at].word == word;
  const size_t behind = (result->changes - at) * sizeof *change;
  if (listed && value == before) {
    memmove(change + at, change + at + 1, behind - sizeof *change);
    result->changes--;
  } else if (value != before) {
    if (!listed) memmove(change + at + 1, change + at, behind);
    result->changes += !listed;
    change[at] = (struct memory_change){word, value};
  }
}

static void forgive_word(const struct dispute *d, uint32_t word, uint64_t mask) {
  const uint64_t before = word_before(d, word);
  const uint64_t silicon = word_after(d->silicon, word, before), model = word_after(d->model, word, before);
  if ((silicon ^ model) & mask) set_word(d->model, word, before, (model & ~mask) | (silicon & mask));
}

void forgive_bytes(const struct dispute *d, uint64_t linear, unsigned size) {
  for (uint64_t word = linear / 8; word <= (linear + size - 1) / 8; word++) {
    uint64_t mask = 0;
    for (unsigned i = 0; i < 8; i++) {
      if (word * 8 + i - linear < size) mask |= UINT64_C(0xff) << 8 * i;
    }
    const uint64_t number = word - ARENA_BASE / 8;
    if (number < ARENA_WORDS) forgive_word(d, (uint32_t)number, mask);
  }
}

void forgive_pushed(const struct dispute *d, const uint64_t *values, unsigned count, unsigned size) {
  for (unsigned i = 0; i < count; i++) {
    const uint64_t at = stack_linear(d, 0) - (uint64_t)(i + 1) * size;
    if (silicon_holds(d, at, values[i], size)) forgive_bytes(d, at, size);
  }
}

/* --- all rules --------------------------------------------------------------------------------------------------- */

/* Encodings first: what silicon takes for another instruction is judged as that. */
static const struct exception_rule *const lists[] = {exceptions_of_encodings, exceptions_of_flags, exceptions_of_values,
                                                     exceptions_of_faults};
enum { LISTS = sizeof lists / sizeof *lists };

static const struct exception_rule *rule_at(unsigned number) {
  for (unsigned i = 0; i < LISTS; i++) {
    for (const struct exception_rule *rule = lists[i]; rule->name; rule++) {
      if (number-- == 0) return rule;
    }
  }
  return NULL;
}

const char *exceptions_name(unsigned number) {
  const struct exception_rule *rule = rule_at(number);
  return rule ? rule->name : NULL;
}

/* Whether it changed anything. */
static bool apply(const struct exception_rule *rule, const struct dispute *d) {
  struct test_result before;
  const size_t size = size_of(d->model);
  memcpy(&before, d->model, size);
  rule->forgive(d);
  return size_of(d->model) != size || memcmp(&before, d->model, size) != 0;
}

void exceptions_forgive(const struct dispute *d, struct exception_counts *counts) {
  const struct exception_rule *rule;
  for (unsigned i = 0; (rule = rule_at(i)); i++) {
    if (!rule->applies(d)) continue;
    if (apply(rule, d) && counts) counts->of_rule[i]++;
  }
}
