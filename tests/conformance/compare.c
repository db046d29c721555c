#include "tests/conformance/compare.h"

#include <inttypes.h>
#include <string.h>

#include "cpu/exec/flags.h"
#include "cpu/mmu/registers.h"

static const char *const gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const segment_names[6] = {"es", "cs", "ss", "ds", "fs", "gs"};

/* --- one list of what there is to compare, for the verdict and for the report ------------------------------------- */

struct comparison {
  const struct test_case *test;
  const struct ir_op *op;
  FILE *file; /* NULL: only the verdict is wanted */
  bool differ;
};

static void compare(struct comparison *c, const char *what, uint64_t expected, uint64_t actual, uint64_t mask) {
  if (!((expected ^ actual) & mask)) return;
  c->differ = true;
  if (c->file) fprintf(c->file, "  %-10s silicon %016" PRIx64 "  model %016" PRIx64 "\n", what, expected, actual);
}

static void compare_bytes(struct comparison *c, const char *name, unsigned number, const uint8_t *expected,
                          const uint8_t *actual, unsigned size) {
  if (!memcmp(expected, actual, size)) return;
  c->differ = true;
  if (!c->file) return;
  fprintf(c->file, "  %s%-7u silicon ", name, number);
  for (unsigned i = size; i--;) fprintf(c->file, "%02x%s", expected[i], i && i % 8 == 0 ? "_" : "");
  fprintf(c->file, "\n             model   ");
  for (unsigned i = size; i--;) fprintf(c->file, "%02x%s", actual[i], i && i % 8 == 0 ? "_" : "");
  fprintf(c->file, "\n");
}

/* The high half of RSP has no meaning outside 64-bit mode, and the way back from a 16-bit stack changes it, which code
 * that goes on in 64-bit mode sees. */
static uint64_t stack_pointer_mask(const struct test_case *test, const struct user_state *after) {
  if (after->selector[VMXSIM_CS] != SELECTOR_CODE_64) return UINT32_MAX;
  return test->mode == CODE_64 ? UINT64_MAX : test->mode == CODE_32 ? UINT32_MAX : UINT16_MAX;
}

static void compare_general(struct comparison *c, const struct user_state *expected, const struct user_state *actual) {
  const uint64_t stack = stack_pointer_mask(c->test, expected);
  for (unsigned i = 0; i < 16; i++)
    compare(c, gpr_names[i], expected->gpr[i], actual->gpr[i], i == VMXSIM_RSP ? stack : UINT64_MAX);
  compare(c, "rip", expected->rip, actual->rip, UINT64_MAX);
  for (unsigned i = 0; i < 6; i++) compare(c, segment_names[i], expected->selector[i], actual->selector[i], UINT16_MAX);
  if (c->test->mode != CODE_64) return;
  compare(c, "fs base", expected->fs_base, actual->fs_base, UINT64_MAX);
  compare(c, "gs base", expected->gs_base, actual->gs_base, UINT64_MAX);
}

static void compare_extended(struct comparison *c, const struct user_state *expected, const struct user_state *actual) {
  const struct x87_image *e = &expected->x87, *a = &actual->x87;
  compare(c, "fcw", e->control, a->control, UINT16_MAX);
  compare(c, "fsw", e->status, a->status, UINT16_MAX);
  compare(c, "ftw", e->tags, a->tags, UINT8_MAX);
  compare(c, "fop", e->opcode, a->opcode, UINT16_MAX);
  compare(c, "fip", e->instruction, a->instruction, UINT64_MAX);
  compare(c, "fdp", e->data, a->data, UINT64_MAX);
  for (unsigned i = 0; i < 8; i++) compare_bytes(c, "st", i, e->st[i], a->st[i], 10);
  compare(c, "mxcsr", expected->mxcsr, actual->mxcsr, UINT32_MAX);
  for (unsigned i = 0; i < 16; i++) compare_bytes(c, "ymm", i, expected->ymm[i], actual->ymm[i], 32);
}

/* Of an address beyond what user code can have, Linux says that a page is there, whether or not. */
static uint32_t error_code_mask(const struct test_result *result) {
  const uint64_t task_size = UINT64_C(0x7ffffffff000);
  return result->vector == VECTOR_PF && result->cr2 >= task_size ? ~FAULT_PRESENT : UINT32_MAX;
}

static void compare_fault(struct comparison *c, const struct test_result *expected, const struct test_result *actual) {
  compare(c, "vector", expected->vector, actual->vector, UINT32_MAX);
  compare(c, "error code", expected->error_code, actual->error_code, error_code_mask(expected));
  compare(c, "cr2", expected->cr2, actual->cr2, UINT64_MAX);
}

static void compare_memory(struct comparison *c, const struct test_result *expected, const struct test_result *actual) {
  unsigned i = 0, j = 0;
  while (i < expected->changes || j < actual->changes) {
    const struct memory_change none = {UINT32_MAX, 0};
    const struct memory_change *e = i < expected->changes ? &expected->change[i] : &none;
    const struct memory_change *a = j < actual->changes ? &actual->change[j] : &none;
    const uint32_t word = e->word < a->word ? e->word : a->word;
    const bool both = e->word == a->word;
    if (!both || e->value != a->value) {
      c->differ = true;
      if (c->file)
        fprintf(c->file, "  [%08x] silicon %016" PRIx64 "%s  model %016" PRIx64 "%s\n", ARENA_BASE + word * 8, e->value,
                e->word == word ? "" : " (as before)", a->value, a->word == word ? "" : " (as before)");
    }
    i += e->word == word;
    j += a->word == word;
  }
}

static void compare_all(struct comparison *c, const struct test_result *expected, const struct test_result *actual) {
  compare_fault(c, expected, actual);
  compare_general(c, &expected->state, &actual->state);
  compare(c, "rflags", expected->state.rflags, actual->state.rflags, UINT64_MAX);
  compare_extended(c, &expected->state, &actual->state);
  compare_memory(c, expected, actual);
}

bool results_agree(struct model *model, const struct test_case *test, const struct ir_op *op,
                   const struct test_result *expected, struct test_result *actual, struct exception_counts *counts) {
  struct comparison c = {test, op, NULL, false};
  const struct dispute dispute = {test, op, expected, actual, model};
  compare_all(&c, expected, actual);
  if (!c.differ) return true;
  exceptions_forgive(&dispute, counts);
  c.differ = false;
  compare_all(&c, expected, actual);
  return !c.differ;
}

void print_differences(FILE *file, const struct test_case *test, const struct ir_op *op,
                       const struct test_result *expected, const struct test_result *actual) {
  struct comparison c = {test, op, file, false};
  compare_all(&c, expected, actual);
}

/* --- a case ------------------------------------------------------------------------------------------------------ */

void print_case(FILE *file, const struct test_case *test, const struct ir_op *op) {
  static const char *const modes[] = {"64-bit", "32-bit", "16-bit"};
  const struct user_state *s = &test->state;
  fprintf(file, "%s, %s code:", op->opcode == IR_INVALID ? "(no instruction)" : ir_opcode_name(op->opcode),
          modes[test->mode]);
  for (unsigned i = 0; i < test->length; i++) fprintf(file, " %02x", test->code[i]);
  fprintf(file, "\n  before: rip %" PRIx64 " rflags %" PRIx64 " mxcsr %x fcw %x fsw %x ftw %x\n", s->rip, s->rflags,
          s->mxcsr, s->x87.control, s->x87.status, s->x87.tags);
  for (unsigned i = 0; i < 16; i++)
    fprintf(file, "  %-3s %016" PRIx64 "%s", gpr_names[i], s->gpr[i], i % 4 == 3 ? "\n" : "");
  fprintf(file, "  fs base %" PRIx64 " gs base %" PRIx64, s->fs_base, s->gs_base);
  if (test->patch.length) fprintf(file, "  [%08x]", test->patch.at);
  for (unsigned i = 0; i < test->patch.length; i++) fprintf(file, " %02x", test->patch.bytes[i]);
  if (test->image) fprintf(file, "  state at %08x", test->image_at);
  fprintf(file, "\n");
}
