/* VMREAD and VMWRITE have a quick way (cpu/exec/vmx_fields.c) and that of all instructions of VMX, through the engine:
 * both come to the same, whatever the encoding, the mode and the operands. */
#include "tests/cpu/vmx_guest.h"

#include "cpu/exec/vmx.h"
#include "cpu/observe.h"

#define VALUE UINT64_C(0xfedcba9876543210)
enum { ENCODINGS = 0x8000, READ_REGISTER = 0, READ_MEMORY, WRITE_REGISTER, WRITE_MEMORY, FORMS };

/* VMREAD rcx, rax; VMREAD [rbx], rax; VMWRITE rax, rcx; VMWRITE rax, [rbx] */
static const uint8_t forms[FORMS][3] = {{0x0f, 0x78, 0xc1}, {0x0f, 0x78, 0x03}, {0x0f, 0x79, 0xc1}, {0x0f, 0x79, 0x03}};

struct outcome {
  struct vmxsim_vmcs vmcs;
  uint64_t gpr[16], rflags, memory;
  struct exception exception;
  bool is_lazy;
};

/* In VMX root operation with a current VMCS. */
static void root(enum guest_mode mode, unsigned cpl, const char *processor) {
  ((struct machine *)guest_machine)->processor = vmxsim_profile_find(processor, strlen(processor))->capabilities;
  guest_enter(mode, cpl, NULL);
  v->vmx.in_non_root = false;
  v->s.gpr[VMXSIM_RCX] = VALUE;
  v->s.gpr[VMXSIM_RBX] = GUEST_DATA + 0x100;
  v->s.rflags |= FLAGS_ARITHMETIC;
  v->block_rip = v->s.rip;
  vcpu_update_mode(v);
}

static void stop(struct vcpu *vcpu, const struct ir_op *op) {
  (void)vcpu, (void)op;
}

static void run(ir_execute *handler, const struct ir_op *op, struct outcome *outcome) {
  const struct vmxsim_state before = v->s;
  const struct vmxsim_vmcs vmcs = v->vmx.vmcs;
  const struct ir_op ops[2] = {*op, {.execute = stop}};
  memset(outcome, 0, sizeof *outcome);
  guest_put(GUEST_DATA + 0x100, 8, ~VALUE);
  v->lazy.kind = LAZY_NONE;
  v->exception = (struct exception){.pending = false};
  handler(v, ops);
  outcome->is_lazy = v->lazy.kind != LAZY_NONE;
  outcome->rflags = flags_read(v);
  outcome->memory = guest_get(GUEST_DATA + 0x100, 8);
  outcome->vmcs = v->vmx.vmcs;
  outcome->exception = v->exception;
  memcpy(outcome->gpr, v->s.gpr, sizeof outcome->gpr);
  v->s = before;
  v->vmx.vmcs = vmcs;
}

static void assert_same(const struct outcome *a, const struct outcome *b) {
  assert_memory_equal(a->gpr, b->gpr, sizeof a->gpr);
  assert_memory_equal(a->vmcs.value, b->vmcs.value, sizeof a->vmcs.value);
  assert_memory_equal(&a->vmcs.changed, &b->vmcs.changed, sizeof a->vmcs.changed);
  assert_memory_equal(&a->vmcs.known, &b->vmcs.known, sizeof a->vmcs.known);
  assert_true(a->rflags == b->rflags);
  assert_true(a->memory == b->memory);
  assert_int_equal(a->exception.pending, b->exception.pending);
  if (!a->exception.pending) return;
  assert_int_equal(a->exception.vector, b->exception.vector);
  assert_int_equal(a->exception.error_code, b->exception.error_code);
  assert_true(a->exception.address == b->exception.address);
}

/* Of the quick way, after the other one, which has found the memory. */
static struct outcome compare(unsigned form, uint64_t encoding) {
  struct outcome expected, actual;
  struct ir_op op;
  v->s.gpr[VMXSIM_RAX] = encoding;
  assert_int_equal(decode_instruction(&v->decoder, v->mode, forms[form], sizeof forms[form], &op), DECODE_OK);
  run(exec_vmx, &op, &expected);
  run(vmx_bind_field(&op), &op, &actual);
  assert_same(&expected, &actual);
  return actual;
}

static void of_every_encoding(void **state) {
  (void)state;
  static const char *const processors[] = {"yonah", "nehalem", "max"};
  for (unsigned i = 0; i < 6; i++) {
    root(i & 1 ? GUEST_64 : GUEST_32, 0, processors[i / 2]);
    for (uint64_t encoding = 0; encoding < ENCODINGS; encoding++) {
      for (unsigned form = 0; form < FORMS; form++) (void)compare(form, encoding);
    }
  }
}

static void bits_above_an_encoding(void **state) {
  (void)state;
  for (unsigned bit = 15; bit < 64; bit++) {
    root(bit & 1 ? GUEST_64 : GUEST_32, 0, "max");
    for (unsigned form = 0; form < FORMS; form++) (void)compare(form, VMXSIM_ENCODING_guest_rip | UINT64_C(1) << bit);
  }
}

/* A change is noted where there is one. */
static void a_value_that_is_there_already(void **state) {
  (void)state;
  root(GUEST_64, 0, "max");
  GUEST_FIELD(guest_rip) = VALUE;
  v->vmx.vmcs.changed = (struct vmxsim_field_set){{0}};
  const struct outcome same = compare(WRITE_REGISTER, VMXSIM_ENCODING_guest_rip);
  assert_false(vmxsim_field_set_has(&same.vmcs.changed, VMXSIM_FIELD_guest_rip));
  const struct outcome other = compare(WRITE_REGISTER, VMXSIM_ENCODING_guest_rsp);
  assert_true(vmxsim_field_set_has(&other.vmcs.changed, VMXSIM_FIELD_guest_rsp));
}

static void what_is_usual_is_quick(void **state) {
  (void)state;
  root(GUEST_64, 0, "max");
  for (unsigned form = 0; form < FORMS; form++) assert_true(compare(form, VMXSIM_ENCODING_guest_rip).is_lazy);
  root(GUEST_32, 0, "max");
  for (unsigned form = 0; form < FORMS; form++) assert_true(compare(form, VMXSIM_ENCODING_guest_rip).is_lazy);
}

static void expect_fault(uint8_t vector) {
  for (unsigned form = 0; form < FORMS; form++) {
    const struct outcome outcome = compare(form, VMXSIM_ENCODING_guest_rip);
    assert_true(outcome.exception.pending);
    assert_int_equal(outcome.exception.vector, vector);
  }
}

static void conditions_come_first(void **state) {
  (void)state;
  root(GUEST_64, 3, "max");
  expect_fault(VECTOR_GP);
  root(GUEST_32, 3, "max");
  expect_fault(VECTOR_GP);
  root(GUEST_64, 0, "max");
  v->s.segment[VMXSIM_CS].access_rights ^= AR_L | AR_DB; /* compatibility mode */
  vcpu_update_mode(v);
  expect_fault(VECTOR_UD);
  root(GUEST_64, 0, "max");
  v->vmx.in_vmx_operation = false;
  expect_fault(VECTOR_UD);
}

static void without_a_current_vmcs(void **state) {
  (void)state;
  root(GUEST_64, 0, "max");
  v->vmx.current = VMXSIM_NO_VMCS;
  for (unsigned form = 0; form < FORMS; form++)
    assert_int_equal(compare(form, VMXSIM_ENCODING_guest_rip).rflags & FLAGS_ARITHMETIC, FLAG_CF);
}

/* VMREAD looks at the field before it writes, VMWRITE reads before it looks at the field. */
static void memory_that_is_not_there(void **state) {
  (void)state;
  root(GUEST_64, 0, "max");
  v->s.gpr[VMXSIM_RBX] = UNMAPPED;
  assert_int_equal(compare(READ_MEMORY, VMXSIM_ENCODING_guest_rip).exception.vector, VECTOR_PF);
  assert_false(compare(READ_MEMORY, 0x7ffe).exception.pending);
  assert_int_equal(compare(WRITE_MEMORY, VMXSIM_ENCODING_guest_rip).exception.vector, VECTOR_PF);
  assert_int_equal(compare(WRITE_MEMORY, 0x7ffe).exception.vector, VECTOR_PF);
}

static unsigned told;
static void count(struct vcpu *vcpu, const struct vmxsim_event *event) {
  (void)vcpu;
  assert_int_equal(event->u.vmx.trace->encoding, VMXSIM_ENCODING_guest_rip);
  told++;
}

static void a_listener_is_told_of_each(void **state) {
  (void)state;
  static const struct vcpu_listener listener = {.event = count};
  root(GUEST_64, 0, "max");
  v->listener = &listener;
  v->event_mask = VMXSIM_EVENT_BIT(VMXSIM_EVENT_vmx_instruction);
  for (unsigned form = 0; form < FORMS; form++) (void)compare(form, VMXSIM_ENCODING_guest_rip);
  v->listener = NULL;
  v->event_mask = 0;
  assert_int_equal(told, 2 * FORMS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_every_encoding),        cmocka_unit_test(bits_above_an_encoding),
      cmocka_unit_test(what_is_usual_is_quick),   cmocka_unit_test(a_value_that_is_there_already),
      cmocka_unit_test(conditions_come_first),    cmocka_unit_test(without_a_current_vmcs),
      cmocka_unit_test(memory_that_is_not_there), cmocka_unit_test(a_listener_is_told_of_each),
  };
  return cmocka_run_group_tests(tests, guest_create, guest_destroy);
}
