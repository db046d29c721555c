/* Cases in YAML: what docs/yaml.md promises, and mistakes with their places. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmxsim/vmxsim.h"

static vmxsim_document *read_bytes(const char *text, size_t length) {
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic;
  const vmxsim_status status =
      vmxsim_document_read("case.yaml", text, length, VMXSIM_FORMAT_DETECT, NULL, &document, &diagnostic);
  if (status) fail_msg("%u:%u: %s", diagnostic.line, diagnostic.column, diagnostic.text);
  return document;
}

static vmxsim_document *read_text(const char *text) {
  return read_bytes(text, strlen(text));
}

static struct vmxsim_vmcs vmcs_of(const vmxsim_document *document, size_t n) {
  struct vmxsim_vmcs vmcs;
  vmxsim_case_vmcs(vmxsim_document_case(document, n), &vmcs);
  return vmcs;
}

/* The value that a field gets from `vmcs: {TEXT}` with a template or without. */
static uint64_t field_value(const char *template, const char *text, vmxsim_field field) {
  char yaml[1000];
  snprintf(yaml, sizeof yaml, "%s\nvmcs: {%s}\n", template, text);
  vmxsim_document *document = read_text(yaml);
  const struct vmxsim_vmcs vmcs = vmcs_of(document, 0);
  assert_true(vmxsim_vmcs_is_known(&vmcs, field));
  vmxsim_document_free(document);
  return vmxsim_vmcs_get(&vmcs, field);
}

struct mistake {
  const char *yaml;
  vmxsim_status status;
  unsigned line, column;
  const char *says; /* part of the message */
};

static void assert_mistake_in(const char *text, size_t length, const struct mistake *mistake) {
  vmxsim_document *document = (vmxsim_document *)&document;
  struct vmxsim_diagnostic found;
  const vmxsim_status status =
      vmxsim_document_read("case.yaml", text, length, VMXSIM_FORMAT_YAML, NULL, &document, &found);
  if (status != mistake->status || found.line != mistake->line || found.column != mistake->column ||
      !strstr(found.text, mistake->says)) {
    fail_msg("of\n%.300s\nexpected %d at %u:%u with \"%s\"\nfound    %d at %u:%u: %s", text, (int)mistake->status,
             mistake->line, mistake->column, mistake->says, (int)status, found.line, found.column, found.text);
  }
  assert_null(document);
}

static void assert_mistakes(const struct mistake *mistakes, size_t count) {
  for (size_t i = 0; i < count; i++) assert_mistake_in(mistakes[i].yaml, strlen(mistakes[i].yaml), &mistakes[i]);
}

#define ASSERT_MISTAKES(mistakes) assert_mistakes(mistakes, sizeof(mistakes) / sizeof *(mistakes))

static void a_vector_is_read_whole(void **state) {
  (void)state;
  vmxsim_document *document = read_text("vector: guest-cr0-pg-requires-pe\n"
                                        "about: Paging without protection.\n"
                                        "template: long-mode\n"
                                        "cpu: skylake-server\n"
                                        "instruction: vmresume\n"
                                        "state: {launch_state: yes, cpl: 3}\n"
                                        "vmcs: {guest_cr0: {clear: [pe]}}\n"
                                        "breaks: guest.cr0.pg-requires-pe\n"
                                        "also: {guest.cr0.must-be-1: PE is fixed to 1 without unrestricted guest}\n"
                                        "expect: [exit 33, vmfail 7]\n"
                                        "undecided: []\n");
  assert_int_equal(vmxsim_document_count(document), 1);
  assert_string_equal(vmxsim_document_name(document), "case.yaml");
  assert_null(vmxsim_document_case(document, 1));
  const struct vmxsim_case *subject = vmxsim_document_case(document, 0);
  assert_string_equal(subject->name, "guest-cr0-pg-requires-pe");
  assert_string_equal(subject->about, "Paging without protection.");
  assert_string_equal(subject->base->name, "long-mode");
  assert_string_equal(subject->processor_name, "skylake-server");
  assert_string_equal(subject->format, "YAML");
  assert_int_equal(subject->line, 1);
  assert_int_equal(subject->state.item[VMXSIM_PROCESSOR_vmresume], 1);
  assert_int_equal(subject->state.item[VMXSIM_PROCESSOR_launch_state], 1);
  assert_int_equal(subject->state.item[VMXSIM_PROCESSOR_cpl], 3);
  assert_int_equal(subject->value_count, 1);
  assert_int_equal(subject->values[0].line, 7);
  assert_int_equal(subject->values[0].column, 8);
  assert_true(subject->memory_complete);
  assert_true(subject->expect.given);
  assert_int_equal(subject->expect.allowed_count, 2);
  assert_int_equal(subject->expect.allowed[0].kind, VMXSIM_ENTRY_EXIT_33);
  assert_int_equal(subject->expect.allowed[1].kind, VMXSIM_ENTRY_FAIL_VALID);
  assert_int_equal(subject->expect.allowed[1].number, 7);
  assert_int_equal(subject->expect.breaks, vmxsim_check_find("guest.cr0.pg-requires-pe", 24));
  assert_int_equal(subject->expect.passes, VMXSIM_NO_CHECK);
  assert_int_equal(subject->expect.also_count, 1);
  assert_true(subject->expect.undecided_given);
  assert_int_equal(subject->expect.undecided_count, 0);
  vmxsim_document_free(document);
}

static void several_documents_are_several_cases(void **state) {
  (void)state;
  vmxsim_document *document = read_text("# nothing\n---\n---\nvector: a\ncpu: haswell\n---\nvector: b\ncpu: [haswell]\n"
                                        "---\nvector: c\ncpu: [haswell, -rtm, phys-bits=40]\n...\n");
  assert_int_equal(vmxsim_document_count(document), 3);
  const struct vmxsim_case *a = vmxsim_document_case(document, 0), *b = vmxsim_document_case(document, 1),
                           *c = vmxsim_document_case(document, 2);
  assert_string_equal(c->name, "c");
  assert_int_equal(c->line, 10);
  assert_ptr_equal(a->processor, b->processor);
  assert_ptr_not_equal(a->processor, c->processor);
  assert_string_equal(c->processor_name, "haswell,-rtm,phys-bits=40");
  assert_int_equal(c->processor->phys_bits, 40);
  vmxsim_document_free(document);
}

static void without_a_template_nothing_is_known(void **state) {
  (void)state;
  vmxsim_document *document = read_text("state: {cpl: 1, apic_x2apic: unknown}\nvmcs: {guest_rip: 1}\n");
  const struct vmxsim_case *subject = vmxsim_document_case(document, 0);
  const struct vmxsim_vmcs vmcs = vmcs_of(document, 0);
  assert_true(vmxsim_vmcs_is_known(&vmcs, VMXSIM_FIELD_guest_rip));
  assert_false(vmxsim_vmcs_is_known(&vmcs, VMXSIM_FIELD_guest_rsp));
  assert_true((subject->state.known >> VMXSIM_PROCESSOR_cpl) & 1);
  assert_false((subject->state.known >> VMXSIM_PROCESSOR_cr0_pe) & 1);
  assert_false((subject->state.assumed >> VMXSIM_PROCESSOR_cpl) & 1);
  assert_true((subject->state.assumed >> VMXSIM_PROCESSOR_cr0_pe) & 1);
  assert_false((subject->state.assumed >> VMXSIM_PROCESSOR_apic_x2apic) & 1);
  assert_false(subject->memory_complete);
  assert_false(subject->expect.given);
  assert_null(subject->processor);
  vmxsim_document_free(document);
}

static void unknown_takes_a_field_away(void **state) {
  (void)state;
  vmxsim_document *document = read_text("template: long-mode\nstate: {in_smm: unknown}\nvmcs: {guest_cr0: unknown}\n");
  const struct vmxsim_vmcs vmcs = vmcs_of(document, 0);
  assert_false(vmxsim_vmcs_is_known(&vmcs, VMXSIM_FIELD_guest_cr0));
  assert_true(vmxsim_vmcs_is_known(&vmcs, VMXSIM_FIELD_guest_cr3));
  const struct vmxsim_processor_state *processor = &vmxsim_document_case(document, 0)->state;
  assert_false((processor->known >> VMXSIM_PROCESSOR_in_smm) & 1);
  assert_int_equal(processor->assumed, 0);
  vmxsim_document_free(document);
}

static void numbers_mean_what_a_person_means(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t value;
  } numbers[] = {{"0x10", 16},       {"1_000", 1000},       {"0b101", 5},
                 {"0o17", 15},       {"010", 10},           {"0", 0},
                 {"-1", 0xffffffff}, {"-0x10", 0xfffffff0}, {"0xFFFF_ffff", 0xffffffff},
                 {"+7", 7}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    char text[80];
    snprintf(text, sizeof text, "guest_cs_limit: %s", numbers[i].text);
    assert_true(field_value("", text, VMXSIM_FIELD_guest_cs_limit) == numbers[i].value);
  }
  assert_true(field_value("", "guest_rip: -1", VMXSIM_FIELD_guest_rip) == UINT64_MAX);
  assert_int_equal(field_value("", "guest_cs_selector: -1", VMXSIM_FIELD_guest_cs_selector), 0xffff);
  assert_int_equal(field_value("", "guest_cs_selector: -0x8000", VMXSIM_FIELD_guest_cs_selector), 0x8000);
}

static void fields_go_by_any_of_their_names(void **state) {
  (void)state;
  static const char *const names[] = {"guest_cr0", "GUEST_CR0", "0x6800", "Guest CR0", "guest-cr0"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[80];
    snprintf(text, sizeof text, "%s: 0x31", names[i]);
    assert_int_equal(field_value("", text, VMXSIM_FIELD_guest_cr0), 0x31);
  }
}

static void an_upper_half_joins_its_field(void **state) {
  (void)state;
  assert_true(field_value("", "tsc_offset: 5, tsc_offset_high: 1", VMXSIM_FIELD_tsc_offset) == UINT64_C(0x100000005));
  assert_true(field_value("template: long-mode", "vmcs_link_pointer_high: 0", VMXSIM_FIELD_vmcs_link_pointer) ==
              UINT32_MAX);
}

static void bits_are_set_and_cleared(void **state) {
  (void)state;
  const char *const base = "template: long-mode";
  const struct vmxsim_vmcs *vmcs = &vmxsim_template_find("long-mode", 9)->vmcs;
  const uint64_t cr0 = vmxsim_vmcs_get(vmcs, VMXSIM_FIELD_guest_cr0);
  const uint64_t primary = vmxsim_vmcs_get(vmcs, VMXSIM_FIELD_primary_processor_based_vm_execution_controls);
  assert_true(field_value(base, "guest_cr0: {clear: pe, set: [cd, 62, bit 61]}", VMXSIM_FIELD_guest_cr0) ==
              ((cr0 & ~UINT64_C(1)) | UINT64_C(1) << 30 | UINT64_C(3) << 61));
  assert_true(field_value(base,
                          "primary_processor_based_vm_execution_controls: {set: [hlt_exiting, Use MSR bitmaps], "
                          "mwait_exiting: yes, clear: [CR3-load exiting]}",
                          VMXSIM_FIELD_primary_processor_based_vm_execution_controls) ==
              ((primary | 1 << 7 | 1 << 10 | 1 << 28) & ~(UINT64_C(1) << 15)));
  assert_int_equal(field_value(base, "guest_rflags: {set: [if], iopl: 2}", VMXSIM_FIELD_guest_rflags), 0x2202);
  assert_int_equal(field_value(base, "guest_cs_access_rights: {dpl: 3, l: off}", VMXSIM_FIELD_guest_cs_access_rights) ^
                       vmxsim_vmcs_get(vmcs, VMXSIM_FIELD_guest_cs_access_rights),
                   0x2060);
  assert_int_equal(
      field_value("", "guest_cs_access_rights: {type: 11, s: 1, p: 1}", VMXSIM_FIELD_guest_cs_access_rights), 0x9b);
}

static void an_event_is_described_as_a_whole(void **state) {
  (void)state;
  const vmxsim_field field = VMXSIM_FIELD_vm_entry_interruption_information;
  assert_int_equal(field_value("", "VM_ENTRY_INTR_INFO_FIELD: {type: external_interrupt, vector: 0x40}", field),
                   0x80000040);
  assert_int_equal(field_value("template: long-mode",
                               "vm_entry_interruption_information: {type: hardware exception, vector: 13, "
                               "deliver_error_code: yes}",
                               field),
                   0x80000b0d);
  assert_int_equal(field_value("", "vm_entry_interruption_information: {valid: no, vector: 3}", field), 3);
  assert_int_equal(field_value("template: long-mode", "vm_entry_interruption_information: {set: [12]}", field), 0x1000);
}

static void values_have_names(void **state) {
  (void)state;
  assert_int_equal(field_value("", "guest_activity_state: wait-for-SIPI", VMXSIM_FIELD_guest_activity_state), 3);
  assert_int_equal(field_value("", "ept_pointer: {memory_type: wb, walk_length: 4_levels, page_frame: 0x20}",
                               VMXSIM_FIELD_ept_pointer),
                   0x2001e);
}

static void memory_is_bytes_and_holes(void **state) {
  (void)state;
  vmxsim_document *document = read_text("memory:\n"
                                        "  0x6000: {bytes: \"00 11 AA\", u16: 0x1234}\n"
                                        "  0x5000: {u32: [1, -1]}\n"
                                        "  0x7000: {msr: [[0xc0000080, 0x500], [1, 2, 3]]}\n"
                                        "  0x8000: {unknown: 4096}\n");
  struct vmxsim_case subject = *vmxsim_document_case(document, 0);
  uint8_t bytes[32];
  assert_true(vmxsim_case_read_memory(&subject, 0x5000, bytes, 8));
  assert_memory_equal(bytes, "\1\0\0\0\xff\xff\xff\xff", 8);
  assert_true(vmxsim_case_read_memory(&subject, 0x6001, bytes, 4));
  assert_memory_equal(bytes, "\x11\xaa\x34\x12", 4);
  assert_true(vmxsim_case_read_memory(&subject, 0x7000, bytes, 32));
  assert_memory_equal(bytes, "\x80\0\0\xc0\0\0\0\0\0\5\0\0\0\0\0\0\1\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0", 32);
  assert_false(vmxsim_case_read_memory(&subject, 0x5000, bytes, 9));
  assert_false(vmxsim_case_read_memory(&subject, 0x8000, bytes, 1));
  assert_false(vmxsim_case_read_memory(&subject, 0x9000, bytes, 1));
  subject.memory_complete = true;
  assert_true(vmxsim_case_read_memory(&subject, 0x4ffe, bytes, 4));
  assert_memory_equal(bytes, "\0\0\1\0", 4);
  assert_false(vmxsim_case_read_memory(&subject, 0x7ffe, bytes, 4));
  assert_true(vmxsim_case_read_memory(&subject, UINT64_MAX - 1, bytes, 2));
  vmxsim_document_free(document);
}

static bool memory_is_complete(const char *yaml) {
  vmxsim_document *document = read_text(yaml);
  const bool complete = vmxsim_document_case(document, 0)->memory_complete;
  vmxsim_document_free(document);
  return complete;
}

static void the_rest_of_memory_is_zero_or_unknown(void **state) {
  (void)state;
  assert_true(memory_is_complete("template: long-mode"));
  assert_true(memory_is_complete("template: long-mode\nmemory: {0x5000: {u8: 1}}"));
  assert_false(memory_is_complete("template: long-mode\nmemory: unknown"));
  assert_false(memory_is_complete("template: long-mode\nmemory: {otherwise: unknown, 0x5000: {u8: 1}}"));
  assert_false(memory_is_complete("memory: {0x5000: {u8: 1}}"));
  assert_true(memory_is_complete("memory: zero"));
}

static void a_template_has_regions_with_revision_identifiers(void **state) {
  (void)state;
  uint8_t bytes[4];
  vmxsim_document *document = read_text("template: smm\ncpu: skylake-server\n---\ntemplate: smm\n---\n"
                                        "template: smm\nmemory: {0x2000: {u32: 7}}\n");
  assert_true(vmxsim_case_read_memory((void *)vmxsim_document_case(document, 0), 0x2000, bytes, 4));
  assert_memory_equal(bytes, "\4\0\0\0", 4);
  assert_false(vmxsim_case_read_memory((void *)vmxsim_document_case(document, 1), 0x2000, bytes, 4));
  assert_true(vmxsim_case_read_memory((void *)vmxsim_document_case(document, 1), 0x2004, bytes, 4));
  assert_true(vmxsim_case_read_memory((void *)vmxsim_document_case(document, 2), 0x2000, bytes, 4));
  assert_memory_equal(bytes, "\7\0\0\0", 4);
  vmxsim_document_free(document);
}

static void outcomes_are_written_in_many_ways(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum vmxsim_outcome_kind kind;
    uint32_t number;
  } outcomes[] = {
      {"success", VMXSIM_ENTRY_SUCCEEDS, 0},
      {"\"#UD\"", VMXSIM_ENTRY_UD, 0},
      {"'#GP(0)'", VMXSIM_ENTRY_GP, 0},
      {"GP", VMXSIM_ENTRY_GP, 0},
      {"vm exit", VMXSIM_ENTRY_VM_EXIT, 0},
      {"vmfail invalid", VMXSIM_ENTRY_FAIL_INVALID, 0},
      {"VMfailInvalid", VMXSIM_ENTRY_FAIL_INVALID, 0},
      {"vmfail 7", VMXSIM_ENTRY_FAIL_VALID, 7},
      {"VMfailValid(26)", VMXSIM_ENTRY_FAIL_VALID, 26},
      {"exit 33", VMXSIM_ENTRY_EXIT_33, 0},
      {"exit 33, 4", VMXSIM_ENTRY_EXIT_33, 4},
      {"exit 33 qualification 4", VMXSIM_ENTRY_EXIT_33, 4},
      {"exit reason 34 entry 2", VMXSIM_ENTRY_EXIT_34, 2},
      {"exit 34, 2", VMXSIM_ENTRY_EXIT_34, 2},
  };
  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
    char yaml[100];
    snprintf(yaml, sizeof yaml, "expect: %s\n", outcomes[i].text);
    vmxsim_document *document = read_text(yaml);
    const struct vmxsim_expectation *expect = &vmxsim_document_case(document, 0)->expect;
    assert_int_equal(expect->allowed_count, 1);
    assert_int_equal(expect->allowed[0].kind, outcomes[i].kind);
    assert_int_equal(expect->allowed[0].number, outcomes[i].number);
    vmxsim_document_free(document);
  }
}

static void every_template_can_be_named(void **state) {
  (void)state;
  const struct vmxsim_template *template;
  for (size_t i = 0; (template = vmxsim_template_at(i)); i++) {
    for (unsigned field = 0; field < VMXSIM_FIELD_COUNT; field++) {
      assert_true(vmxsim_vmcs_is_known(&template->vmcs, (vmxsim_field)field));
    }
    assert_ptr_equal(vmxsim_template_find(template->name, strlen(template->name)), template);
  }
  assert_true(vmxsim_template_count() >= 6);
}

/* Whether the processor has every control that the template needs. */
static bool can_run(const struct vmxsim_template *template, const struct vmxsim_capabilities *processor) {
  const char *need = template->needs;
  while (*need) {
    const size_t length = strcspn(need, " ");
    const struct vmxsim_control *control;
    assert_int_equal(vmxsim_control_from_name(need, length, &control), VMXSIM_OK);
    if (!((vmxsim_control_may_be_1(processor, control->word) >> control->bit) & 1)) return false;
    need += length + (need[length] == ' ');
  }
  return true;
}

static void assert_template_passes(const char *template, const char *profile) {
  char yaml[200];
  snprintf(yaml, sizeof yaml, "template: %s\ncpu: %s\n", template, profile);
  vmxsim_document *document = read_text(yaml);
  const struct vmxsim_case *subject = vmxsim_document_case(document, 0);
  const struct vmxsim_vmcs vmcs = vmcs_of(document, 0);
  const struct vmxsim_check_input input = {&vmcs, &subject->state,         &subject->processor,
                                           1,     vmxsim_case_read_memory, (void *)subject};
  struct vmxsim_verdict verdict;
  vmxsim_check_all(&input, &verdict);
  const vmxsim_check broken = vmxsim_next_broken(&verdict, 0), undecided = vmxsim_next_undecided(&verdict, 0);
  struct vmxsim_check_info info;
  if (vmxsim_check_describe(broken, &info)) fail_msg("%s on %s breaks %s", template, profile, info.id);
  if (vmxsim_check_describe(undecided, &info)) fail_msg("%s on %s leaves %s undecided", template, profile, info.id);
  vmxsim_document_free(document);
}

static void templates_pass_on_every_processor_that_can_run_them(void **state) {
  (void)state;
  const struct vmxsim_template *template;
  const struct vmxsim_profile *profile;
  for (size_t i = 0; (template = vmxsim_template_at(i)); i++) {
    unsigned processors = 0;
    for (size_t j = 0; (profile = vmxsim_profile_at(j)); j++) {
      if (!can_run(template, &profile->capabilities)) continue;
      assert_template_passes(template->name, profile->name);
      processors++;
    }
    assert_true(processors > 10);
  }
}

static void mistakes_in_names_are_found(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"vector: a\nvmsc: {}\n", VMXSIM_ERROR_UNKNOWN_NAME, 2, 1,
       "expected a key of a case, found 'vmsc'; did you mean 'vmcs'?"},
      {"vmcs:\n  guest_cro: 1\n", VMXSIM_ERROR_UNKNOWN_NAME, 2, 3, "found 'guest_cro'; did you mean 'guest_cr0'"},
      {"vmcs: {guest_rip: 1, xyzzyxyzzy: 1}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 22,
       "expected a VMCS field, found 'xyzzyxyzzy'"},
      {"template: long-mod\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 11, "did you mean 'long-mode'"},
      {"template: long-mode\nvmcs: {guest_cr0: {set: [pe, vp]}}\n", VMXSIM_ERROR_UNKNOWN_NAME, 2, 30,
       "expected a bit or sub-field of guest_cr0, found 'vp'; did you mean 'mp' or 'wp'"},
      {"template: long-mode\nvmcs: {pin_based_vm_execution_controls: {set: [nmi_exitin]}}\n", VMXSIM_ERROR_UNKNOWN_NAME,
       2, 48,
       "a control of pin_based_vm_execution_controls, found 'nmi_exitin'; did you mean "
       "'nmi_exiting'"},
      {"vmcs: {vm_entry_interruption_information: {type: nmo}}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 50,
       "found 'nmo'; did you mean 'nmi'"},
      {"vmcs: {guest_activity_state: halt}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 30, "did you mean 'hlt'"},
      {"vmcs: {guest_rip: start}\n", VMXSIM_ERROR_SYNTAX, 1, 19, "expected a number, found 'start'"},
      {"vmcs: {guest_rip: 12z}\n", VMXSIM_ERROR_SYNTAX, 1, 19, "expected a number, found '12z'"},
      {"vmcs: {guest_rip: 0x}\n", VMXSIM_ERROR_SYNTAX, 1, 19, "expected a number, found '0x'"},
      {"state: {cr0_pee: 1}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 9, "did you mean 'cr0_pe'"},
      {"cpu: skylake-sever\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 6, "did you mean 'skylake-server'"},
      {"cpu: skylake-server,+umop\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 21, "found '+umop'; did you mean 'umip'"},
      {"cpu: [skylake-server, -rtm, +umop]\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 29, "found '+umop'"},
      {"breaks: guest.cr0.pg-require-pe\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 9, "did you mean 'guest.cr0.pg-requires-pe'"},
      {"also: {guest.cr1: x}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 8, "expected the id of a check, found 'guest.cr1'"},
      {"instruction: vmlunch\n", VMXSIM_ERROR_SYNTAX, 1, 14, "expected vmlaunch or vmresume, found 'vmlunch'"},
      {"memory: {0x1000: {u33: 1}}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 19, "found 'u33'"},
  };
  ASSERT_MISTAKES(mistakes);
}

static void mistakes_in_width_are_found(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"vmcs: {guest_cs_selector: 0x1_0000}\n", VMXSIM_ERROR_WIDTH, 1, 27,
       "expected a value for guest_cs_selector of 16 bits, at most 0xffff, found '0x1_0000'"},
      {"vmcs: {guest_cs_selector: -0x8001}\n", VMXSIM_ERROR_WIDTH, 1, 27, "at most 0xffff"},
      {"vmcs: {guest_rip: 0x1_0000_0000_0000_0000}\n", VMXSIM_ERROR_WIDTH, 1, 19, "of 64 bits"},
      {"vmcs: {guest_cs_access_rights: {dpl: 4}}\n", VMXSIM_ERROR_WIDTH, 1, 38, "of 2 bits, at most 0x3"},
      {"vmcs: {tsc_offset: 1, tsc_offset_high: 0x100000000}\n", VMXSIM_ERROR_WIDTH, 1, 40, "of 32 bits"},
      {"state: {in_smm: 2}\n", VMXSIM_ERROR_WIDTH, 1, 17, "for in_smm of 1 bit, at most 0x1"},
      {"memory: {0x1000: {u8: [1, 256]}}\n", VMXSIM_ERROR_WIDTH, 1, 27, "of 8 bits"},
  };
  ASSERT_MISTAKES(mistakes);
}

static void mistakes_of_giving_twice_are_found(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"vector: a\nabout: b\nvector: c\n", VMXSIM_ERROR_SYNTAX, 3, 1,
       "found 'vector' again: it is at line 1, column 1 already"},
      {"vector: a\nVector: c\n", VMXSIM_ERROR_SYNTAX, 2, 1, "it is at line 1, column 1 already"},
      {"vmcs:\n  guest_cr0: 1\n  0x6800: 1\n", VMXSIM_ERROR_SYNTAX, 3, 3, "it is at line 2, column 3 already"},
      {"template: long-mode\nvmcs: {guest_cr0: {set: [pe], clear: [pe]}}\n", VMXSIM_ERROR_SYNTAX, 2, 39,
       "every bit once"},
      {"state: {in_smm: 1, in-smm: 1}\n", VMXSIM_ERROR_SYNTAX, 1, 20, "once, found 'in-smm'"},
      {"memory:\n  0x5004: {u8: 1}\n  0x5000: {u64: 1}\n", VMXSIM_ERROR_SYNTAX, 2, 3,
       "begins in the one at line 3, column 3"},
  };
  ASSERT_MISTAKES(mistakes);
}

static void mistakes_of_kind_are_found(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"- a\n", VMXSIM_ERROR_SYNTAX, 1, 1, "expected a mapping with the keys of a case, found a list"},
      {"hello\n", VMXSIM_ERROR_SYNTAX, 1, 1, "found 'hello'"},
      {"vmcs: [1]\n", VMXSIM_ERROR_SYNTAX, 1, 7, "expected a mapping of VMCS fields, found a list"},
      {"vmcs: {guest_cr0: [pe]}\n", VMXSIM_ERROR_SYNTAX, 1, 19, "found a list"},
      {"vmcs: {guest_cr0: }\n", VMXSIM_ERROR_SYNTAX, 1, 19, "expected a value, found nothing"},
      {"vmcs: {guest_cr0: {set: [pe]}}\n", VMXSIM_ERROR_SYNTAX, 1, 19, "there is no template"},
      {"template: long-mode\nvmcs: {guest_rflags: {set: [iopl]}}\n", VMXSIM_ERROR_SYNTAX, 2, 29, "{iopl: ...}"},
      {"expect: #UD\n", VMXSIM_ERROR_SYNTAX, 1, 8, "needs quotes"},
      {"expect: failure\n", VMXSIM_ERROR_SYNTAX, 1, 9, "expected an outcome"},
      {"expect: exit 34\n", VMXSIM_ERROR_SYNTAX, 1, 9, "expected an outcome"},
      {"expect: vmfail\n", VMXSIM_ERROR_SYNTAX, 1, 9, "expected an outcome"},
      {"expect: [success, success, success, success, success]\n", VMXSIM_ERROR_SYNTAX, 1, 46, "at most 4"},
      {"memory: {0x1000: {msr: [[1]]}}\n", VMXSIM_ERROR_SYNTAX, 1, 25, "[index, data]"},
      {"memory: {0x1000: {bytes: 0 1}}\n", VMXSIM_ERROR_SYNTAX, 1, 26, "pairs of hexadecimal digits"},
      {"memory: {0x1000: {unknown: 0}}\n", VMXSIM_ERROR_SYNTAX, 1, 18, "at least one byte"},
      {"memory: {-1: {u16: 0}}\n", VMXSIM_ERROR_SYNTAX, 1, 10, "below 2^64"},
      {"vmcs: {? [a] : 1}\n", VMXSIM_ERROR_SYNTAX, 1, 10, "expected a name as key"},
      {"vmcs: {tsc_offset_high: 1}\n", VMXSIM_ERROR_SYNTAX, 1, 25, "the lower half"},
  };
  ASSERT_MISTAKES(mistakes);
}

static void what_is_not_plain_yaml_is_refused(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"vmcs: &a {}\n", VMXSIM_ERROR_SYNTAX, 1, 7, "anchors are not supported"},
      {"a: *a\n", VMXSIM_ERROR_SYNTAX, 1, 4, "aliases are not supported"},
      {"vector: !!str a\n", VMXSIM_ERROR_SYNTAX, 1, 9, "tags are not supported"},
      {"vector: \"a\\0b\"\n", VMXSIM_ERROR_SYNTAX, 1, 9, "NUL"},
      {"vmcs: {guest_cr0: 1\n", VMXSIM_ERROR_SYNTAX, 2, 1, "flow mapping that begins at line 1, column 7"},
      {"vmcs:\n  guest_cr0: 1\n guest_cr3: 1\n", VMXSIM_ERROR_SYNTAX, 3, 2, "this is not YAML"},
      {"about: one: two\n", VMXSIM_ERROR_SYNTAX, 1, 11, "needs quotes"},
      {"about: \"no end\n", VMXSIM_ERROR_SYNTAX, 2, 1, "this is not YAML"},
      {"about: \xc3\xa9\xc3\n", VMXSIM_ERROR_SYNTAX, 1, 11, "UTF-8, found byte 0x0a"},
      {"about: \x01\n", VMXSIM_ERROR_SYNTAX, 1, 8, "0x01"},
  };
  ASSERT_MISTAKES(mistakes);
  static const char utf16[] = "\xff\xfe"
                              "a\0:\0";
  const struct mistake mistake = {NULL, VMXSIM_ERROR_SYNTAX, 1, 1, "UTF-8, found byte 0xff"};
  assert_mistake_in(utf16, sizeof utf16 - 1, &mistake);
}

static void columns_count_bytes(void **state) {
  (void)state;
  static const struct mistake mistakes[] = {
      {"about: \xc3\xa9\xe2\x82\xac\nvmcs: {guest_rip: 1, \"\xc3\xa9\": 1}\n", VMXSIM_ERROR_UNKNOWN_NAME, 2, 22,
       "VMCS field"},
      {"{about: \xc3\xa9\xe2\x82\xac, vmsc: 1}\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 16, "did you mean 'vmcs'"},
      {"about: a\r\nvmsc: 1\r\n", VMXSIM_ERROR_UNKNOWN_NAME, 2, 1, "did you mean 'vmcs'"},
      {"\xef\xbb\xbfvmsc: 1\n", VMXSIM_ERROR_UNKNOWN_NAME, 1, 1, "did you mean 'vmcs'"},
  };
  ASSERT_MISTAKES(mistakes);
}

static void bombs_do_not_go_off(void **state) {
  (void)state;
  static const struct mistake bomb = {"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", VMXSIM_ERROR_SYNTAX, 1, 4,
                                      "anchors are not supported"};
  assert_mistake_in(bomb.yaml, strlen(bomb.yaml), &bomb);
  char nested[1000] = "vmcs: ";
  memset(nested + 6, '[', 500);
  const struct mistake deep = {NULL, VMXSIM_ERROR_LIMIT, 1, 70, "64 levels of nesting"};
  assert_mistake_in(nested, 506, &deep);
}

/* A document of `size` bytes in a text, with `prefix` before it. */
static char *long_text(const char *prefix, const char *fill, size_t size, size_t *length) {
  char *text = malloc(strlen(prefix) + size + 16);
  assert_non_null(text);
  char *at = text + sprintf(text, "%s", prefix);
  while (size >= strlen(fill)) at += sprintf(at, "%s", fill), size -= strlen(fill);
  *at = 0;
  *length = (size_t)(at - text);
  return text;
}

static void long_documents_are_refused(void **state) {
  (void)state;
  static const struct mistake mistake = {NULL, VMXSIM_ERROR_LIMIT, 2, 1, "at most 1 MiB"};
  size_t length;
  char *text = long_text("vector: a\n---\nalso:\n", "- smm.event.no-mtf-to-vmx-root\n", 1100000, &length);
  assert_mistake_in(text, length, &mistake);
  free(text);
  text = long_text("vector: a\n---\nabout: ", "xxxxxxxx ", 5000000, &length);
  assert_mistake_in(text, length, &mistake);
  free(text);
  /* But many documents may be as long as they like together. */
  text = long_text("vector: a\n", "---\nabout: the quick brown fox jumps over the lazy dog\n", 3000000, &length);
  vmxsim_document *document = read_bytes(text, length);
  assert_true(vmxsim_document_count(document) > 50000);
  vmxsim_document_free(document);
  free(text);
}

/* Keys are compared in better than quadratic time. */
static void mappings_of_many_keys_are_read(void **state) {
  (void)state;
  char *text = malloc(1 << 20), *at = text;
  assert_non_null(text);
  at += sprintf(at, "memory:\n");
  for (unsigned i = 0; i < 50000; i++) at += sprintf(at, "  0x%x: {u8: 1}\n", i);
  vmxsim_document *document = read_bytes(text, (size_t)(at - text));
  assert_int_equal(vmxsim_document_case(document, 0)->memory_count, 50000);
  vmxsim_document_free(document);
  at += sprintf(at, "  0x1: {u8: 1}\n");
  const struct mistake mistake = {NULL, VMXSIM_ERROR_SYNTAX, 50002, 3, "it is at line 3, column 3 already"};
  assert_mistake_in(text, (size_t)(at - text), &mistake);
  free(text);
}

struct budget {
  size_t allocations;
  long balance;
};

static void *allocate_within(void *context, void *pointer, size_t size) {
  struct budget *budget = context;
  if (!size) {
    budget->balance -= pointer != NULL;
    free(pointer);
    return NULL;
  }
  if (!budget->allocations) return NULL;
  budget->allocations--;
  budget->balance++;
  return realloc(pointer, size);
}

static void lack_of_memory_is_a_status(void **state) {
  (void)state;
  size_t length;
  char *text =
      long_text("vector: a\n", "---\ntemplate: long-mode\ncpu: haswell\nvmcs: {guest_rip: 1}\n", 30000, &length);
  vmxsim_status status = VMXSIM_ERROR_MEMORY;
  for (size_t allocations = 0; status && allocations < 1000; allocations++) {
    struct budget budget = {allocations, 0};
    const struct vmxsim_allocator allocator = {allocate_within, &budget};
    vmxsim_document *document = NULL;
    struct vmxsim_diagnostic diagnostic;
    status = vmxsim_document_read("x", text, length, VMXSIM_FORMAT_YAML, &allocator, &document, &diagnostic);
    assert_true(status == VMXSIM_OK || status == VMXSIM_ERROR_MEMORY);
    assert_true((document != NULL) == (status == VMXSIM_OK));
    vmxsim_document_free(document);
    assert_int_equal(budget.balance, 0);
  }
  assert_int_equal(status, VMXSIM_OK);
  free(text);
}

static void yaml_is_told_from_text(void **state) {
  (void)state;
  static const char *const yaml[] = {
      "vmcs: {guest_cr0: 1}\n",
      "# a comment\n\n---\ntemplate: long-mode\n",
      "{\"vmcs\": {\"guest_cr0\": 1}}\n",
      "\xef\xbb\xbfvmcs:\n  guest_cr0: 1\n",
  };
  for (size_t i = 0; i < sizeof yaml / sizeof *yaml; i++) {
    vmxsim_document *document = NULL;
    struct vmxsim_diagnostic diagnostic;
    assert_int_equal(
        vmxsim_document_read("stdin", yaml[i], strlen(yaml[i]), VMXSIM_FORMAT_DETECT, NULL, &document, &diagnostic),
        VMXSIM_OK);
    assert_string_equal(vmxsim_document_case(document, 0)->format, "YAML");
    vmxsim_document_free(document);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_vector_is_read_whole),
      cmocka_unit_test(several_documents_are_several_cases),
      cmocka_unit_test(without_a_template_nothing_is_known),
      cmocka_unit_test(unknown_takes_a_field_away),
      cmocka_unit_test(numbers_mean_what_a_person_means),
      cmocka_unit_test(fields_go_by_any_of_their_names),
      cmocka_unit_test(an_upper_half_joins_its_field),
      cmocka_unit_test(bits_are_set_and_cleared),
      cmocka_unit_test(an_event_is_described_as_a_whole),
      cmocka_unit_test(values_have_names),
      cmocka_unit_test(memory_is_bytes_and_holes),
      cmocka_unit_test(the_rest_of_memory_is_zero_or_unknown),
      cmocka_unit_test(a_template_has_regions_with_revision_identifiers),
      cmocka_unit_test(outcomes_are_written_in_many_ways),
      cmocka_unit_test(every_template_can_be_named),
      cmocka_unit_test(templates_pass_on_every_processor_that_can_run_them),
      cmocka_unit_test(mistakes_in_names_are_found),
      cmocka_unit_test(mistakes_in_width_are_found),
      cmocka_unit_test(mistakes_of_giving_twice_are_found),
      cmocka_unit_test(mistakes_of_kind_are_found),
      cmocka_unit_test(what_is_not_plain_yaml_is_refused),
      cmocka_unit_test(columns_count_bytes),
      cmocka_unit_test(bombs_do_not_go_off),
      cmocka_unit_test(long_documents_are_refused),
      cmocka_unit_test(mappings_of_many_keys_are_read),
      cmocka_unit_test(lack_of_memory_is_a_status),
      cmocka_unit_test(yaml_is_told_from_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
