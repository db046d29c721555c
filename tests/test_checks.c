/* The catalog and its evaluation: both expansions agree, declared inputs are the true ones, incremental verdicts are
 * the full ones, what is unknown is undecided. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <string.h>

#include "checks/context.h"
#include "tests/random_vmcs.h"
#include "vmcs/architecture.h"
#include "vmxsim/vmxsim.h"

struct machine {
  struct vmxsim_vmcs vmcs;
  struct vmxsim_processor_state state;
  const struct vmxsim_capabilities *capabilities;
  struct vmxsim_check_input input;
  uint64_t memory_seed;
};

static void set_up(struct machine *m, const struct vmxsim_template *base, const char *profile) {
  const struct vmxsim_profile *found = vmxsim_profile_find(profile, strlen(profile));
  assert_non_null(found);
  m->vmcs = base->vmcs;
  m->state = base->state;
  m->capabilities = &found->capabilities;
  m->memory_seed = 0;
  m->input = (struct vmxsim_check_input){&m->vmcs, &m->state, &m->capabilities, 1, random_memory, &m->memory_seed};
}

/* A machine somewhere near a template, with a random processor. */
static void set_up_random(struct machine *m, uint64_t *seed) {
  const struct vmxsim_template *base = vmxsim_template_at(random_next(seed) % vmxsim_template_count());
  const struct vmxsim_profile *profile = vmxsim_profile_at(random_next(seed) % vmxsim_profile_count());
  set_up(m, base, profile->name);
  m->memory_seed = random_next(seed) % 16;
  for (uint64_t changes = random_next(seed) % 8; changes; changes--) random_change(seed, &m->vmcs);
  if (random_next(seed) % 4 == 0) {
    vmxsim_vmcs_set(&m->vmcs, VMXSIM_FIELD_vm_entry_msr_load_count, random_next(seed) % 5);
  }
  for (unsigned i = 0; i < VMXSIM_PROCESSOR_ITEM_COUNT; i++) {
    if (random_next(seed) % 16 == 0) m->state.item[i] ^= 1;
  }
}

static void assert_same(const struct vmxsim_verdict *a, const struct vmxsim_verdict *b) {
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    if (vmxsim_is_broken(a, check) != vmxsim_is_broken(b, check) ||
        vmxsim_is_undecided(a, check) != vmxsim_is_undecided(b, check)) {
      fail_msg("%s differs", info.id);
    }
  }
  assert_true(a->broken_groups == b->broken_groups);
  assert_true(a->undecided_groups == b->undecided_groups);
  assert_int_equal(a->msr_load_entry, b->msr_load_entry);
}

static void ids_are_unique_and_well_formed(void **state) {
  (void)state;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    assert_true(vmxsim_check_describe(check, &info));
    for (const char *c = info.id; *c; c++) {
      if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", *c)) fail_msg("id %s has '%c'", info.id, *c);
    }
    assert_int_equal(vmxsim_check_find(info.id, strlen(info.id)), check);
    assert_true(info.rule[0] && info.section[0]);
  }
  assert_int_equal(vmxsim_check_find("nothing", 7), VMXSIM_NO_CHECK);
  struct vmxsim_check_info info;
  assert_false(vmxsim_check_describe(vmxsim_check_count(), &info));
}

/* Zeros, but for the VMCS revision identifier where an executive VMCS is. */
static bool template_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct machine *m = context;
  memset(bytes, 0, size);
  if (address == vmxsim_vmcs_get(&m->vmcs, VMXSIM_FIELD_executive_vmcs_pointer)) {
    memcpy(bytes, &m->capabilities->ia32_vmx_basic, size < 4 ? size : 4);
  }
  return true;
}

static void templates_pass_on_every_profile_that_can_run_them(void **state) {
  (void)state;
  for (size_t t = 0; t < vmxsim_template_count(); t++) {
    unsigned runs = 0;
    for (size_t p = 0; p < vmxsim_profile_count(); p++) {
      const struct vmxsim_profile *profile = vmxsim_profile_at(p);
      const struct vmxsim_template *base = vmxsim_template_at(t);
      bool can_run = true;
      for (const char *at = base->needs; *at;) {
        const size_t length = strcspn(at, " ");
        const struct vmxsim_control *control;
        assert_int_equal(vmxsim_control_from_name(at, length, &control), VMXSIM_OK);
        can_run = can_run && (vmxsim_control_may_be_1(&profile->capabilities, control->word) >> control->bit & 1);
        at += length + strspn(at + length, " ");
      }
      if (!can_run) continue;
      struct machine m;
      struct vmxsim_verdict verdict;
      set_up(&m, base, profile->name);
      m.input.read_memory = template_memory;
      m.input.memory_context = &m;
      runs++;
      vmxsim_check_all(&m.input, &verdict);
      for (vmxsim_check c = vmxsim_next_broken(&verdict, 0); c != VMXSIM_NO_CHECK;
           c = vmxsim_next_broken(&verdict, c + 1)) {
        struct vmxsim_check_info info;
        vmxsim_check_describe(c, &info);
        fail_msg("%s on %s breaks %s", base->name, profile->name, info.id);
      }
    }
    if (!runs) fail_msg("no profile runs %s", vmxsim_template_at(t)->name);
  }
}

static void both_expansions_agree(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int round = 0; round < 3000; round++) {
    struct machine m;
    struct vmxsim_verdict full, partial;
    set_up_random(&m, &seed);
    vmxsim_check_all(&m.input, &full);
    struct probe probe;
    struct check_context x = {
        .field = m.vmcs.value, .capabilities = m.capabilities, .input = &m.input, .probe = &probe};
    partial_check_all(&x, &partial);
    assert_same(&full, &partial);
  }
}

static void incremental_is_full(void **state) {
  (void)state;
  uint64_t seed = 2;
  for (int round = 0; round < 500; round++) {
    struct machine m;
    struct vmxsim_verdict verdict, full;
    set_up_random(&m, &seed);
    vmxsim_check_all(&m.input, &verdict);
    for (int step = 0; step < 20; step++) {
      memset(&m.vmcs.changed, 0, sizeof m.vmcs.changed);
      for (uint64_t changes = 1 + random_next(&seed) % 3; changes; changes--) random_change(&seed, &m.vmcs);
      vmxsim_check_changed(&m.input, &m.vmcs.changed, &verdict);
      vmxsim_check_all(&m.input, &full);
      assert_same(&verdict, &full);
    }
  }
}

/* What the VMX engine relies on when it saves RFLAGS. */
static void no_rule_reads_the_arithmetic_flags(void **state) {
  (void)state;
  uint64_t seed = 4;
  for (int round = 0; round < 2000; round++) {
    struct machine m;
    struct vmxsim_verdict before, after;
    set_up_random(&m, &seed);
    vmxsim_check_all(&m.input, &before);
    m.vmcs.value[VMXSIM_FIELD_guest_rflags] ^= random_next(&seed) & RFLAGS_ARITHMETIC;
    vmxsim_check_all(&m.input, &after);
    assert_same(&before, &after);
  }
}

/* Every input that a check looks at is declared; every declared one is looked at in some vector or random VMCS. */
static void declared_inputs_are_the_true_ones(void **state) {
  (void)state;
  static uint64_t seen[1024][VMXSIM_INPUT_SET_WORDS];
  uint64_t seed = 3;
  bool good = true;
  assert_true(vmxsim_check_count() <= 1024);
  for (int round = 0; round < 5000; round++) {
    struct machine m;
    set_up_random(&m, &seed);
    struct probe probe;
    struct check_context x = {
        .field = m.vmcs.value, .capabilities = m.capabilities, .input = &m.input, .probe = &probe};
    for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
      partial_check(&x, check, MUTATION_NONE);
      for (unsigned w = 0; w < VMXSIM_INPUT_SET_WORDS; w++) seen[check][w] |= probe.read[w];
    }
  }
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    for (unsigned input = 0; input < vmxsim_input_count(); input++) {
      const bool looked_at = seen[check][input / 64] >> (input % 64) & 1;
      const bool declared = vmxsim_check_reads(check, input);
      if (looked_at == declared) continue;
      struct vmxsim_check_info info;
      vmxsim_check_describe(check, &info);
      /* Inputs that only the message shows, or behind conditions that random VMCSs do not meet, may stay unseen. */
      if (looked_at) {
        print_error("%s reads %s without declaring it\n", info.id, vmxsim_input_name(input));
        good = false;
      }
    }
  }
  assert_true(good);
}

static void what_is_unknown_is_undecided(void **state) {
  (void)state;
  struct machine m;
  struct vmxsim_verdict verdict;
  struct vmxsim_finding finding;
  const vmxsim_check check = vmxsim_check_find("guest.rflags.if-when-injecting-external-interrupt", 49);
  assert_int_not_equal(check, VMXSIM_NO_CHECK);
  set_up(&m, vmxsim_template_find("long-mode", 9), "skylake-server");
  vmxsim_vmcs_set(&m.vmcs, VMXSIM_FIELD_vm_entry_interruption_information, 0x800000d1);
  vmxsim_vmcs_forget(&m.vmcs, VMXSIM_FIELD_guest_rflags);
  vmxsim_check_all(&m.input, &verdict);
  assert_true(vmxsim_is_undecided(&verdict, check));
  assert_false(vmxsim_is_broken(&verdict, check));
  vmxsim_check_one(&m.input, check, &finding);
  assert_int_equal(finding.result, VMXSIM_CHECK_UNDECIDED);
  const unsigned rflags = VMXSIM_FIELD_guest_rflags;
  for (unsigned w = 0; w < VMXSIM_INPUT_SET_WORDS; w++) {
    assert_true(finding.missing[w] == (w == rflags / 64 ? UINT64_C(1) << (rflags % 64) : 0));
  }
  /* Without an injected event RFLAGS.IF does not matter. */
  vmxsim_vmcs_set(&m.vmcs, VMXSIM_FIELD_vm_entry_interruption_information, 0);
  vmxsim_check_one(&m.input, check, &finding);
  assert_int_equal(finding.result, VMXSIM_CHECK_NOT_APPLICABLE);
  /* All the same, other rules about RFLAGS are open, so success is not certain. */
  vmxsim_check_all(&m.input, &verdict);
  const struct vmxsim_outcome outcome = vmxsim_verdict_outcome(&verdict);
  assert_int_equal(outcome.kind, VMXSIM_ENTRY_SUCCEEDS);
  assert_false(outcome.certain);
}

static void what_rests_on_an_assumption_is_not_broken(void **state) {
  (void)state;
  struct machine m;
  struct vmxsim_verdict verdict;
  struct vmxsim_finding finding;
  const vmxsim_check check = vmxsim_check_find("basic.cpl-0", 11);
  set_up(&m, vmxsim_template_find("long-mode", 9), "skylake-server");
  m.state.known &= ~(UINT64_C(1) << VMXSIM_PROCESSOR_cpl);
  m.state.assumed |= UINT64_C(1) << VMXSIM_PROCESSOR_cpl;
  m.state.item[VMXSIM_PROCESSOR_cpl] = 3;
  vmxsim_check_all(&m.input, &verdict);
  assert_false(vmxsim_is_broken(&verdict, check));
  assert_true(vmxsim_is_undecided(&verdict, check));
  vmxsim_check_one(&m.input, check, &finding);
  assert_int_equal(finding.result, VMXSIM_CHECK_BROKEN_IF_ASSUMED);
  m.state.item[VMXSIM_PROCESSOR_cpl] = 0;
  vmxsim_check_one(&m.input, check, &finding);
  assert_int_equal(finding.result, VMXSIM_CHECK_HOLDS);
}

static void several_processors_decide_what_they_agree_on(void **state) {
  (void)state;
  struct machine m;
  struct vmxsim_verdict verdict;
  struct vmxsim_finding finding;
  const struct vmxsim_capabilities *both[2] = {&vmxsim_profile_find("merom", 5)->capabilities,
                                               &vmxsim_profile_find("max", 3)->capabilities};
  set_up(&m, vmxsim_template_find("long-mode", 9), "max");
  m.input.capabilities = both;
  m.input.capabilities_count = 2;
  vmxsim_vmcs_set(&m.vmcs, VMXSIM_FIELD_guest_cr4, m.vmcs.value[VMXSIM_FIELD_guest_cr4] | UINT64_C(1) << 20);
  vmxsim_check_all(&m.input, &verdict);
  const vmxsim_check must_be_0 = vmxsim_check_find("guest.cr4.must-be-0", 19);
  assert_true(vmxsim_is_undecided(&verdict, must_be_0));
  vmxsim_check_one(&m.input, must_be_0, &finding);
  assert_int_equal(finding.result, VMXSIM_CHECK_UNDECIDED);
  assert_int_equal(finding.broken_on, 1);
  vmxsim_vmcs_set(&m.vmcs, VMXSIM_FIELD_guest_cr4, UINT64_C(1) << 63);
  vmxsim_check_all(&m.input, &verdict);
  assert_true(vmxsim_is_broken(&verdict, must_be_0));
}

static void messages_hold_the_values(void **state) {
  (void)state;
  struct machine m;
  char text[500];
  set_up(&m, vmxsim_template_find("long-mode", 9), "skylake-server");
  vmxsim_vmcs_set(&m.vmcs, VMXSIM_FIELD_host_cs_selector, 0x13);
  const vmxsim_check check = vmxsim_check_find("host.cs.selector-rpl", 20);
  const size_t length = vmxsim_check_message(&m.input, check, text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "0x0013"));
  char small[8];
  assert_int_equal(vmxsim_check_message(&m.input, check, small, sizeof small), length);
  assert_int_equal(strlen(small), 7);
  for (vmxsim_check c = 0; c < vmxsim_check_count(); c++) {
    vmxsim_check_message(&m.input, c, text, sizeof text);
    if (strchr(text, '{') || strchr(text, '?')) fail_msg("message with an open place: %s", text);
    assert_true(vmxsim_check_hint(&m.input, c, text, sizeof text) > 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_are_unique_and_well_formed),
      cmocka_unit_test(templates_pass_on_every_profile_that_can_run_them),
      cmocka_unit_test(both_expansions_agree),
      cmocka_unit_test(incremental_is_full),
      cmocka_unit_test(no_rule_reads_the_arithmetic_flags),
      cmocka_unit_test(declared_inputs_are_the_true_ones),
      cmocka_unit_test(what_is_unknown_is_undecided),
      cmocka_unit_test(what_rests_on_an_assumption_is_not_broken),
      cmocka_unit_test(several_processors_decide_what_they_agree_on),
      cmocka_unit_test(messages_hold_the_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
