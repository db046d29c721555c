/* Fields and controls: encodings, names, aliases, existence. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/vmxsim.h"

static vmxsim_field named(const char *name) {
  vmxsim_field field = VMXSIM_FIELD_COUNT;
  vmxsim_field_from_name(name, strlen(name), &field, NULL);
  return field;
}

static void every_encoding_leads_back_to_its_field(void **state) {
  (void)state;
  unsigned found = 0;
  for (uint32_t encoding = 0; encoding < 0x10000; encoding++) {
    const vmxsim_field field = vmxsim_field_from_encoding(encoding);
    if (field == VMXSIM_FIELD_COUNT) continue;
    assert_int_equal(vmxsim_field_encoding(field), encoding & ~1u);
    if (encoding & 1) assert_int_equal(vmxsim_field_width_of(field), VMXSIM_WIDTH_64);
    found += !(encoding & 1);
  }
  assert_int_equal(found, VMXSIM_FIELD_COUNT);
  assert_int_equal(vmxsim_field_from_encoding(0x16800), VMXSIM_FIELD_COUNT);
}

static void properties_follow_from_the_encoding(void **state) {
  (void)state;
  assert_int_equal(vmxsim_field_bits(VMXSIM_FIELD_guest_cs_selector), 16);
  assert_int_equal(vmxsim_field_bits(VMXSIM_FIELD_guest_cs_limit), 32);
  assert_int_equal(vmxsim_field_bits(VMXSIM_FIELD_vmcs_link_pointer), 64);
  assert_int_equal(vmxsim_field_width_of(VMXSIM_FIELD_guest_cr0), VMXSIM_WIDTH_NATURAL);
  assert_int_equal(vmxsim_field_kind_of(VMXSIM_FIELD_host_cr0), VMXSIM_KIND_HOST_STATE);
  assert_true(vmxsim_field_is_read_only(VMXSIM_FIELD_exit_reason));
  assert_false(vmxsim_field_is_read_only(VMXSIM_FIELD_guest_rip));
  assert_true(vmxsim_field_has_high_half(VMXSIM_FIELD_ept_pointer));
  assert_int_equal(VMXSIM_ENCODING_guest_cr0, 0x6800);
}

static void every_name_and_alias_finds_its_field(void **state) {
  (void)state;
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const vmxsim_field field = (vmxsim_field)i;
    assert_int_equal(named(vmxsim_field_name(field)), field);
    assert_int_equal(named(vmxsim_field_term(field)), field);
    const char *alias;
    for (unsigned n = 0; (alias = vmxsim_field_alias(field, n, NULL)); n++) assert_int_equal(named(alias), field);
  }
}

static void names_forgive_spelling(void **state) {
  (void)state;
  assert_int_equal(named("GUEST_CR0"), VMXSIM_FIELD_guest_cr0);
  assert_int_equal(named("Guest CR0"), VMXSIM_FIELD_guest_cr0);
  assert_int_equal(named("guest-cr0"), VMXSIM_FIELD_guest_cr0);
  assert_int_equal(named("0x6800"), VMXSIM_FIELD_guest_cr0);
  assert_int_equal(named("6800h"), VMXSIM_FIELD_guest_cr0);
  assert_int_equal(named("VM_ENTRY_INTR_INFO_FIELD"), VMXSIM_FIELD_vm_entry_interruption_information);
  assert_int_equal(named("no_such_field"), VMXSIM_FIELD_COUNT);
  assert_int_equal(named(""), VMXSIM_FIELD_COUNT);
}

static void high_halves_are_told_apart(void **state) {
  (void)state;
  static const char *const names[] = {"EPT_POINTER_HIGH", "ept_pointer_hi", "0x201b", "EPT pointer (high)"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    vmxsim_field field;
    bool high = false;
    assert_int_equal(vmxsim_field_from_name(names[i], strlen(names[i]), &field, &high), VMXSIM_OK);
    assert_int_equal(field, VMXSIM_FIELD_ept_pointer);
    assert_true(high);
  }
  assert_int_equal(named("guest_cr0_high"), VMXSIM_FIELD_COUNT);
}

static void a_mistyped_name_finds_the_near_one(void **state) {
  (void)state;
  const char *nearest[3];
  assert_true(vmxsim_field_nearest("guest_rflag", 11, nearest, 3) >= 1);
  assert_string_equal(nearest[0], "guest_rflags");
  assert_int_equal(vmxsim_field_nearest("guest_rpi", 9, nearest, 1), 1);
  assert_string_equal(nearest[0], "guest_rip");
  assert_int_equal(vmxsim_field_nearest("guest_rps", 9, nearest, 1), 1);
  assert_string_equal(nearest[0], "guest_rsp");
}

static void fields_exist_as_capabilities_say(void **state) {
  (void)state;
  struct vmxsim_capabilities yonah, max;
  assert_int_equal(vmxsim_capabilities_from_spec(&yonah, "yonah", 5, NULL), VMXSIM_OK);
  assert_int_equal(vmxsim_capabilities_from_spec(&max, "max", 3, NULL), VMXSIM_OK);
  assert_false(vmxsim_field_exists(VMXSIM_FIELD_ept_pointer, &yonah));
  assert_true(vmxsim_field_exists(VMXSIM_FIELD_guest_rip, &yonah));
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) assert_true(vmxsim_field_exists((vmxsim_field)i, &max));
  char text[200];
  vmxsim_field_existence_text(VMXSIM_FIELD_ept_pointer, text, sizeof text);
  assert_string_equal(text, "1-setting of \"Enable EPT\" (secondary)");
}

static void controls_have_names(void **state) {
  (void)state;
  const struct vmxsim_control *control = NULL;
  assert_int_equal(vmxsim_control_from_name("use_msr_bitmaps", 15, &control), VMXSIM_OK);
  assert_int_equal(control->word, VMXSIM_WORD_primary);
  assert_int_equal(control->bit, 28);
  assert_int_equal(vmxsim_control_from_name("SECONDARY_EXEC_ENABLE_EPT", 25, &control), VMXSIM_OK);
  assert_int_equal(control->bit, VMXSIM_BIT_secondary_enable_ept);
  assert_int_equal(vmxsim_control_from_name("load_ia32_pat", 13, &control), VMXSIM_ERROR_AMBIGUOUS_NAME);
  assert_int_equal(vmxsim_control_from_name("vm_exit.load_ia32_pat", 21, &control), VMXSIM_OK);
  assert_int_equal(control->word, VMXSIM_WORD_vm_exit);
  assert_int_equal(vmxsim_control_word_of_field(VMXSIM_FIELD_vm_entry_controls), VMXSIM_WORD_vm_entry);
  assert_int_equal(vmxsim_control_word_of_field(VMXSIM_FIELD_guest_cr0), VMXSIM_WORD_COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_encoding_leads_back_to_its_field),
      cmocka_unit_test(properties_follow_from_the_encoding),
      cmocka_unit_test(every_name_and_alias_finds_its_field),
      cmocka_unit_test(names_forgive_spelling),
      cmocka_unit_test(high_halves_are_told_apart),
      cmocka_unit_test(a_mistyped_name_finds_the_near_one),
      cmocka_unit_test(fields_exist_as_capabilities_say),
      cmocka_unit_test(controls_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
