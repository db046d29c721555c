/* Profiles and changes to them. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/vmxsim.h"

static vmxsim_status from(struct vmxsim_capabilities *capabilities, const char *spec) {
  return vmxsim_capabilities_from_spec(capabilities, spec, strlen(spec), NULL);
}

static void every_profile_is_consistent(void **state) {
  (void)state;
  assert_true(vmxsim_profile_count() >= 11);
  for (size_t i = 0; i < vmxsim_profile_count(); i++) {
    const struct vmxsim_profile *profile = vmxsim_profile_at(i);
    const struct vmxsim_capabilities *c = &profile->capabilities;
    struct vmxsim_capabilities derived = *c;
    for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
      const uint64_t must = vmxsim_control_must_be_1(c, (vmxsim_control_word)word);
      const uint64_t may = vmxsim_control_may_be_1(c, (vmxsim_control_word)word);
      if (must & ~may) fail_msg("%s: word %u must be 1 where it may not", profile->name, word);
    }
    assert_true((c->ia32_vmx_cr0_fixed0 & ~c->ia32_vmx_cr0_fixed1) == 0);
    assert_true((c->ia32_vmx_cr4_fixed0 & ~c->ia32_vmx_cr4_fixed1) == 0);
    assert_true(c->phys_bits >= 32 && c->phys_bits <= 52);
    assert_true(profile->source[0]);
    vmxsim_capabilities_derive(&derived);
    assert_memory_equal(&derived, c, sizeof derived);
  }
  assert_string_equal(vmxsim_profile_at(vmxsim_profile_count() - 1)->name, "max");
}

/* What RDMSR gives covers every field that exists, whatever the real processor said. */
static void vmcs_enum_agrees_with_the_fields(void **state) {
  (void)state;
  for (size_t i = 0; i < vmxsim_profile_count(); i++) {
    const struct vmxsim_profile *profile = vmxsim_profile_at(i);
    const uint64_t implied = vmxsim_vmcs_enum_of_fields(&profile->capabilities);
    uint64_t value = 0;
    assert_true(vmxsim_capability_rdmsr(&profile->capabilities, 0x48a, &value));
    assert_true(value >= implied);
    if (strcmp(profile->name, "max") == 0) assert_int_equal(profile->capabilities.ia32_vmx_vmcs_enum, implied);
  }
}

static void max_is_the_bound_of_all(void **state) {
  (void)state;
  const struct vmxsim_capabilities *max = &vmxsim_profile_find("max", 3)->capabilities;
  for (size_t i = 0; i < vmxsim_profile_count(); i++) {
    const struct vmxsim_profile *profile = vmxsim_profile_at(i);
    for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
      const uint64_t beyond = vmxsim_control_may_be_1(&profile->capabilities, (vmxsim_control_word)word) &
                              ~vmxsim_control_may_be_1(max, (vmxsim_control_word)word);
      /* Real processors have bits that the manual does not name; `max` has not. */
      for (unsigned bit = 0; bit < 64; bit++) {
        if (!((beyond >> bit) & 1) || !vmxsim_control_find((vmxsim_control_word)word, bit)) continue;
        fail_msg("%s: word %u has bit %u beyond max", profile->name, word, bit);
      }
    }
    const uint64_t cr4 = profile->capabilities.ia32_vmx_cr4_fixed1 & ~max->ia32_vmx_cr4_fixed1;
    if (cr4) fail_msg("%s: CR4 has 0x%llx beyond max", profile->name, (unsigned long long)cr4);
  }
}

static void changes_take_what_they_need_along(void **state) {
  (void)state;
  struct vmxsim_capabilities c;
  assert_int_equal(from(&c, "merom,+unrestricted_guest"), VMXSIM_OK);
  assert_true(c.secondary_may_be_1 & (1u << VMXSIM_BIT_secondary_enable_ept));
  assert_true(c.primary_may_be_1 & (UINT64_C(1) << 31));
  assert_true(c.ia32_vmx_ept_vpid_cap & (1u << 6));
  uint64_t value;
  assert_true(vmxsim_capability_rdmsr(&c, 0x48c, &value));
  assert_int_equal(from(&c, "haswell,-enable_ept"), VMXSIM_OK);
  assert_false(c.secondary_may_be_1 & (1u << VMXSIM_BIT_secondary_unrestricted_guest));
  assert_int_equal(from(&c, "haswell,-primary.activate_secondary_controls"), VMXSIM_OK);
  assert_int_equal(c.secondary_may_be_1, 0);
  assert_false(vmxsim_capability_rdmsr(&c, 0x48b, &value));
  assert_int_equal(from(&c, "haswell,+fred,phys-bits=40"), VMXSIM_OK);
  assert_int_equal(c.phys_bits, 40);
  assert_true(c.ia32_vmx_cr4_fixed1 >> 32 & 1);
  assert_int_equal(c.beyond_physical >> 40, 0xffffff);
}

static void a_wrong_spec_changes_nothing_and_points(void **state) {
  (void)state;
  struct vmxsim_capabilities c = {.phys_bits = 99};
  size_t at = 0;
  assert_int_equal(vmxsim_capabilities_from_spec(&c, "haswell, +nonsense", 18, &at), VMXSIM_ERROR_UNKNOWN_NAME);
  assert_int_equal(at, 9);
  assert_int_equal(c.phys_bits, 99);
  assert_int_equal(vmxsim_capabilities_from_spec(&c, "haswel", 6, &at), VMXSIM_ERROR_UNKNOWN_NAME);
  assert_int_equal(from(&c, "haswell,phys-bits=99"), VMXSIM_ERROR_ARGUMENT);
  assert_int_equal(from(&c, "haswell,"), VMXSIM_ERROR_SYNTAX);
  assert_int_equal(from(&c, "haswell,+load_ia32_pat"), VMXSIM_ERROR_AMBIGUOUS_NAME);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_profile_is_consistent),
      cmocka_unit_test(vmcs_enum_agrees_with_the_fields),
      cmocka_unit_test(max_is_the_bound_of_all),
      cmocka_unit_test(changes_take_what_they_need_along),
      cmocka_unit_test(a_wrong_spec_changes_nothing_and_points),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
