/* The VMCS object: VMREAD, VMWRITE, the region. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/vmxsim.h"

static struct vmxsim_capabilities processor(const char *spec) {
  struct vmxsim_capabilities capabilities;
  assert_int_equal(vmxsim_capabilities_from_spec(&capabilities, spec, strlen(spec), NULL), VMXSIM_OK);
  return capabilities;
}

static void vmwrite_and_vmread_round_trip(void **state) {
  (void)state;
  const struct vmxsim_capabilities max = processor("max");
  struct vmxsim_vmcs vmcs;
  vmxsim_vmcs_init(&vmcs, 1);
  for (unsigned i = 0; i < VMXSIM_FIELD_COUNT; i++) {
    const vmxsim_field field = (vmxsim_field)i;
    const uint64_t written = UINT64_C(0xfedcba9876543210);
    uint64_t read = 0;
    assert_int_equal(vmxsim_vmwrite(&vmcs, &max, vmxsim_field_encoding(field), 64, written), VMXSIM_OK);
    assert_int_equal(vmxsim_vmread(&vmcs, &max, vmxsim_field_encoding(field), 64, &read), VMXSIM_OK);
    const unsigned bits = vmxsim_field_bits(field);
    assert_true(read == (bits == 64 ? written : written & ((UINT64_C(1) << bits) - 1)));
  }
}

static void a_high_access_moves_bits_63_to_32(void **state) {
  (void)state;
  const struct vmxsim_capabilities max = processor("max");
  struct vmxsim_vmcs vmcs;
  uint64_t value;
  vmxsim_vmcs_init(&vmcs, 1);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &max, 0x201a, 64, UINT64_C(0x1111111122222222)), VMXSIM_OK);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, 0x201b, 64, &value), VMXSIM_OK);
  assert_int_equal(value, 0x11111111);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &max, 0x201b, 64, UINT64_C(0x9999999933333333)), VMXSIM_OK);
  assert_true(vmxsim_vmcs_get(&vmcs, VMXSIM_FIELD_ept_pointer) == UINT64_C(0x3333333322222222));
}

/* SDM 3C, "VMWRITE": outside 64-bit mode the operand has 32 bits; the rest of a long field is cleared. */
static void narrow_operands_clear_the_rest(void **state) {
  (void)state;
  const struct vmxsim_capabilities max = processor("max");
  struct vmxsim_vmcs vmcs;
  uint64_t value;
  vmxsim_vmcs_init(&vmcs, 1);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &max, 0x6800, 64, ~UINT64_C(0)), VMXSIM_OK);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, 0x6800, 32, &value), VMXSIM_OK);
  assert_true(value == UINT32_MAX);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &max, 0x6800, 32, UINT64_C(0x1234567890)), VMXSIM_OK);
  assert_true(vmxsim_vmcs_get(&vmcs, VMXSIM_FIELD_guest_cr0) == 0x34567890);
}

static void unsupported_and_read_only_fields_fail(void **state) {
  (void)state;
  const struct vmxsim_capabilities yonah = processor("yonah"), max = processor("max");
  struct vmxsim_vmcs vmcs;
  uint64_t value;
  vmxsim_vmcs_init(&vmcs, 1);
  assert_int_equal(vmxsim_vmread(&vmcs, &yonah, 0x201a, 32, &value), VMXSIM_ERROR_UNSUPPORTED_FIELD);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, 0x7ffe, 64, &value), VMXSIM_ERROR_UNSUPPORTED_FIELD);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, 0x6801, 64, &value), VMXSIM_ERROR_UNSUPPORTED_FIELD);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, UINT64_C(0x100006800), 64, &value), VMXSIM_ERROR_UNSUPPORTED_FIELD);
  assert_int_equal(vmxsim_vmread(&vmcs, &max, UINT64_C(0x100006800), 32, &value), VMXSIM_OK);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &yonah, VMXSIM_ENCODING_exit_reason, 32, 1), VMXSIM_ERROR_READ_ONLY_FIELD);
  assert_int_equal(vmxsim_vmwrite(&vmcs, &max, VMXSIM_ENCODING_exit_reason, 64, 1), VMXSIM_OK);
}

static void values_too_wide_are_refused(void **state) {
  (void)state;
  struct vmxsim_vmcs vmcs;
  vmxsim_vmcs_init(&vmcs, 1);
  assert_int_equal(vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_guest_cs_selector, 0x10000), VMXSIM_ERROR_WIDTH);
  assert_false(vmxsim_vmcs_is_known(&vmcs, VMXSIM_FIELD_guest_cs_selector));
  assert_int_equal(vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_COUNT, 0), VMXSIM_ERROR_UNSUPPORTED_FIELD);
}

static void changes_are_noted_once(void **state) {
  (void)state;
  struct vmxsim_vmcs vmcs;
  vmxsim_vmcs_init(&vmcs, 1);
  vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_guest_rip, 5);
  assert_true(vmxsim_field_set_has(&vmcs.changed, VMXSIM_FIELD_guest_rip));
  memset(&vmcs.changed, 0, sizeof vmcs.changed);
  vmxsim_vmcs_set(&vmcs, VMXSIM_FIELD_guest_rip, 5);
  assert_false(vmxsim_field_set_has(&vmcs.changed, VMXSIM_FIELD_guest_rip));
  vmxsim_vmcs_forget(&vmcs, VMXSIM_FIELD_guest_rip);
  assert_true(vmxsim_field_set_has(&vmcs.changed, VMXSIM_FIELD_guest_rip));
}

static void a_region_keeps_everything(void **state) {
  (void)state;
  const struct vmxsim_template *base = vmxsim_template_find("long-mode", 9);
  struct vmxsim_vmcs vmcs = base->vmcs, back;
  uint8_t region[VMXSIM_VMCS_REGION_BYTES], copy[VMXSIM_VMCS_REGION_BYTES];
  vmcs.revision_identifier = 0x12345;
  vmcs.shadow = true;
  vmcs.launched = true;
  vmcs.abort_indicator = 4;
  vmxsim_vmcs_to_region(&vmcs, region);
  assert_int_equal(region[3] & 0x80, 0x80);
  memcpy(copy, region, sizeof copy); /* software may copy a region after VMCLEAR */
  assert_int_equal(vmxsim_vmcs_from_region(&back, 0x12345, copy), VMXSIM_OK);
  assert_memory_equal(back.value, vmcs.value, sizeof vmcs.value);
  assert_true(back.shadow && back.launched);
  assert_int_equal(back.abort_indicator, 4);
  vmxsim_vmcs_clear(&back);
  assert_false(back.launched);
}

static void a_fresh_region_needs_only_its_revision(void **state) {
  (void)state;
  struct vmxsim_vmcs vmcs;
  uint8_t region[VMXSIM_VMCS_REGION_BYTES] = {7};
  assert_int_equal(vmxsim_vmcs_from_region(&vmcs, 7, region), VMXSIM_OK);
  assert_false(vmcs.launched);
  assert_true(vmxsim_vmcs_get(&vmcs, VMXSIM_FIELD_guest_rip) == 0);
  assert_int_equal(vmxsim_vmcs_from_region(&vmcs, 8, region), VMXSIM_ERROR_REVISION);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vmwrite_and_vmread_round_trip),  cmocka_unit_test(a_high_access_moves_bits_63_to_32),
      cmocka_unit_test(narrow_operands_clear_the_rest), cmocka_unit_test(unsupported_and_read_only_fields_fail),
      cmocka_unit_test(values_too_wide_are_refused),    cmocka_unit_test(changes_are_noted_once),
      cmocka_unit_test(a_region_keeps_everything),      cmocka_unit_test(a_fresh_region_needs_only_its_revision),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
