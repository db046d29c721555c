/* Scenarios: mistakes with their places, what is expected and does not come, values at events. */
#include <stdio.h>
#include <string.h>

#include "cmocka_main.h"
#include "vmxsim/scenario.h"

static struct vmxsim_diagnostic diagnostic;

static vmxsim_document *read_text(const char *text) {
  vmxsim_document *document;
  diagnostic = (struct vmxsim_diagnostic){0};
  vmxsim_document_read("test.yaml", text, strlen(text), VMXSIM_FORMAT_DETECT, NULL, &document, &diagnostic);
  return document;
}

/* --- reading --- */

static const struct {
  const char *text;
  unsigned line, column;
  const char *says;
} mistakes[] = {
    {"scenario: a\nexpct: []\n", 2, 1, "did you mean 'expect'?"},
    {"scenario: a\nhost:\n  asm: |\n    start: nop\n     mvo eax, 1\n", 5, 6, "did you mean 'mov'?"},
    {"scenario: a\nhost: {asm: mvo}\n", 2, 13, "did you mean 'mov'?"},
    {"scenario: a\nhost: {asm: nop, bytes: 90}\n", 2, 7, "one of asm, bytes and file"},
    {"scenario: a\nhost: {mode: 48-bit}\n", 2, 14, "64-bit, 32-bit, pae or 16-bit"},
    {"scenario: a\nsteps:\n  - vmlanch\n", 3, 5, "did you mean 'vmlaunch'?"},
    {"scenario: a\nsteps:\n  - {nmi: , smi: }\n", 3, 13, "one action a step"},
    {"scenario: a\nsteps:\n  - {run: , at: 5}\n", 3, 5, "`at` only with"},
    {"scenario: a\nsteps:\n  - {nmi: , vcpu: 1}\n", 3, 19, "a processor of the scenario"},
    {"scenario: a\nsteps: [interrupt]\n", 2, 9, "a value behind this step"},
    {"scenario: a\nrun: run\nsteps: [run]\n", 3, 8, "not both"},
    {"scenario: a\nexpect: [hated]\n", 2, 10, "did you mean 'halted'?"},
    {"scenario: a\nexpect:\n  - exit: cpuidd\n", 3, 11, "did you mean 'cpuid'?"},
    {"scenario: a\nexpect:\n  - {exit: cpuid, entry: vmlaunch}\n", 3, 19, "one event an item"},
    {"scenario: a\nexpect:\n  - guest_rp: 5\n", 3, 5, "did you mean"},
    {"scenario: a\nexpect:\n  - rax: nowhere\n", 3, 10, "a label or a number"},
    {"scenario: a\nexpect:\n  - zz: 1\n", 3, 5, "expected"},
    {"scenario: a\nvmcs: {template: long-mod}\n", 2, 18, "did you mean 'long-mode'?"},
    {"scenario: a\nvmcs: {template: long-mode, guest_rip: here}\n", 2, 40, "expected"},
    {"scenario: a\nguest: {asm: nop}\n", 2, 8, "`vmcs` with a guest"},
    {"scenario: a\nnever: {rax: 1}\n", 2, 8, "items with an event"},
    {"scenario: a\nvcpus: 9\n", 2, 8, "1 to 8"},
    {"scenario: a\nram: 1M\n", 2, 6, "16M to 3G"},
    {"scenario: a\nregisters: {rx: 1}\n", 2, 13, "the name of a register"},
    {"scenario: a\nhost: {pages: [{at: 0, size: 0}]}\n", 2, 16, "at most 16 MiB"},
};

static void test_mistakes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    if (read_text(mistakes[i].text)) fail_msg("'%s' was read", mistakes[i].text);
    if (diagnostic.line != mistakes[i].line || diagnostic.column != mistakes[i].column ||
        !strstr(diagnostic.text, mistakes[i].says)) {
      fail_msg("'%s': %u:%u %s", mistakes[i].text, diagnostic.line, diagnostic.column, diagnostic.text);
    }
  }
}

static void test_document(void **state) {
  (void)state;
  vmxsim_document *document =
      read_text("scenario: a\nabout: something\n---\ntemplate: long-mode\n---\nscenario: b\nhost: {asm: hlt}\n");
  assert_non_null(document);
  assert_int_equal(vmxsim_document_scenario_count(document), 2);
  assert_int_equal(vmxsim_document_count(document), 1);
  assert_string_equal(vmxsim_scenario_name(vmxsim_document_scenario(document, 0)), "a");
  assert_string_equal(vmxsim_scenario_about(vmxsim_document_scenario(document, 0)), "something");
  assert_int_equal(vmxsim_scenario_line(vmxsim_document_scenario(document, 1)), 6);
  assert_null(vmxsim_document_scenario(document, 2));
  vmxsim_document_free(document);
}

/* --- running --- */

struct seen {
  unsigned failures;
  char last[800]; /* "line what|expected|actual" of the last failure */
  unsigned events[VMXSIM_SCENARIO_EVENT_KINDS];
};

static void on_event(void *context, const struct vmxsim_scenario_event *event) {
  ((struct seen *)context)->events[event->kind]++;
}

static void on_failure(void *context, const struct vmxsim_scenario_failure *failure) {
  struct seen *seen = context;
  seen->failures++;
  snprintf(seen->last, sizeof seen->last, "%u %s|%s|%s", failure->line, failure->what, failure->expected,
           failure->actual);
}

static struct seen run_text(const char *text) {
  struct seen seen = {0};
  struct vmxsim_scenario_result result;
  const struct vmxsim_scenario_listener listener = {
      .size = sizeof listener, .event = on_event, .failure = on_failure, .context = &seen};
  vmxsim_document *document = read_text(text);
  if (!document) fail_msg("%u:%u %s", diagnostic.line, diagnostic.column, diagnostic.text);
  if (vmxsim_scenario_run(vmxsim_document_scenario(document, 0), &listener, &result, &diagnostic)) {
    fail_msg("%s", diagnostic.text);
  }
  assert_int_equal(result.failures, seen.failures);
  assert_int_equal(result.passed, !seen.failures);
  vmxsim_document_free(document);
  return seen;
}

static void test_expectations(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *failure; /* "" : none */
  } samples[] = {
      {"scenario: a\nhost: {asm: hlt}\nexpect: halted\n", ""},
      {"scenario: a\nhost: {asm: hlt}\n", ""},
      {"scenario: a\nhost: {asm: ud2}\n", "0 event|nothing more|exception 6 in the host"},
      {"scenario: a\nhost: {asm: ud2}\nexpect:\n  - fault: \"#UD\"\n", ""},
      {"scenario: a\nhost: {asm: ud2}\nexpect:\n  - exception: ud\n  - fault: 6\n", ""},
      {"scenario: a\nhost: {asm: ud2}\nexpect:\n  - fault: any\nnever: [halted]\n", ""},
      {"scenario: a\nhost: {asm: hlt}\nnever: [halted]\n",
       "3 event|never halted|every processor waits, and nothing will wake one"},
      {"scenario: a\nhost: {asm: jmp $}\ncycles: 100\n", "0 event|nothing more|the scenario's cycles are used up"},
      {"scenario: a\nhost: {asm: jmp $}\ncycles: 100\nexpect: out_of_time\n", ""},
      {"scenario: a\nhost: {asm: hlt}\nexpect:\n  - reached: 0\n", "4 event|reached 0|the end of the scenario"},
      {"scenario: a\nhost: {asm: hlt}\nregisters: {rax: 5}\nexpect: {rax: 6}\n", "4 rax|0x6|0x5"},
      {"scenario: a\nhost: {asm: hlt}\nregisters: {rax: 5}\nexpect: {rax: {min: 1, max: 5}}\n", ""},
      {"scenario: a\nhost: {asm: hlt}\nregisters: {rax: 5}\nexpect: {rax: {min: 6}}\n", "4 rax|at least 0x6|0x5"},
      {"scenario: a\nhost: {asm: stc}\nexpect: {rflags: {set: [cf], clear: [zf]}, cr0: {set: [pg]}}\nrun: {run: 0}\n",
       "*"},
      {"scenario: a\nhost: {asm: \"cmp eax, eax\\nhlt\"}\nexpect: {rflags: {set: [zf], clear: [cf]}}\n", ""},
      {"scenario: a\nhost: {asm: \"cmp eax, eax\\nhlt\"}\nexpect: {rflags: {clear: [zf]}}\n", "*"},
      {"scenario: a\nhost: {asm: hlt}\nmemory: {0x5000: {u32: 1}}\nexpect: {memory: {0x5000: {u8: [1, 2]}}}\n",
       "4 memory at 0x5001|02|00"},
      {"scenario: a\nhost: {asm: hlt}\nexpect:\n  - guest_rip: 0\n", "4 guest_rip|0x0|a VMCS that cannot be read now"},
      {"scenario: a\nhost: {bytes: \"b8 07 00 00 00 f4\"}\nexpect: {rax: 7, cycles: {max: 10}}\n", ""},
      {"scenario: a\nhost: {asm: \"nop\\nx: nop\\nhlt\"}\nsteps: [{registers: {rbx: 9}, at: x}, run]\n"
       "expect: {rbx: 9}\n",
       ""},
      {"scenario: a\nhost: {asm: \"x: jmp x\"}\ncycles: 500\nsteps: [{write: {0x5000: {u8: 1}}, at: {cycle: 50}}, "
       "run]\n"
       "expect:\n  - out_of_time\n  - memory: {0x5000: {u8: 1}}\n",
       ""},
      {"scenario: a\nhost:\n  asm: |\n    start: mov rax, [0x300000]\n      hlt\n  pages: [{at: 0x300000, to: "
       "0x5000}]\n"
       "memory: {0x5000: {u64: 77}}\nexpect: {rax: 77}\n",
       ""},
      {"scenario: a\nhost: {mode: pae, asm: \"mov eax, [0x300000]\\nhlt\", pages: [{at: 0x300000, to: 0x5000}]}\n"
       "memory: {0x5000: {u64: 78}}\nexpect: {rax: 78}\n",
       ""},
  };
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    const struct seen seen = run_text(samples[i].text);
    const bool any = !strcmp(samples[i].failure, "*");
    if (any ? !seen.failures : strcmp(seen.last, samples[i].failure) != 0) {
      fail_msg("'%s': %s", samples[i].text, seen.last);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mistakes),
      cmocka_unit_test(test_document),
      cmocka_unit_test(test_expectations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
