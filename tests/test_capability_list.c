/* Capability MSRs out of the listings that people have. */
#include "tests/cmocka_main.h"

#include <string.h>

#include "vmxsim/vmxsim.h"

static struct vmxsim_capabilities read_onto_zeros(const char *text, size_t expected) {
  struct vmxsim_capabilities capabilities = {0};
  struct vmxsim_diagnostic diagnostic;
  size_t found = 0;
  if (vmxsim_capabilities_read(text, strlen(text), &capabilities, &found, &diagnostic) != VMXSIM_OK) {
    fail_msg("%s: %s", text, diagnostic.text);
  }
  if (found != expected) fail_msg("%zu MSRs found in: %s", found, text);
  return capabilities;
}

static void every_notation_of_an_msr(void **state) {
  (void)state;
  static const char *const lines[] = {
      "0x480 0x00da040000000004",
      "0x00000480: 0x00da040000000004",
      "480h = 00da040000000004h",
      "IA32_VMX_BASIC: 0xda040000000004",
      "IA32_VMX_BASIC = da040000000004",
      "MSR_IA32_VMX_BASIC (0x480) = 0xda040000000004",
      "VMX_BASIC 0xda040000000004",
      "ia32_vmx_basic 0x00da040000000004",
      "ia32_vmx_basic: 0x00da040000000004 # of some notebook",
      "MSR 0x480 = 0xda040000000004",
      "MSR 00000480: 00DA-0400-0000-0004",
      " MSR 0x00000480 = 0x00DA0400:0x00000004 (IA32_VMX_BASIC)",
      "msr[480] = 00da0400`00000004",
      "rdmsr 0x480\nda040000000004",
      "# rdmsr -p 0 0x480\nda040000000004\n",
      "lkd> rdmsr 0x480\nmsr[480] = 00da0400`00000004",
      "00:00:00.768903 HM: MSR_IA32_VMX_BASIC_INFO           = 0xda040000000004",
      "00:00:16.986880 HWACCM: MSR_IA32_VMX_BASIC_INFO       = da040000000004",
      "MFX(0x00000480, \"IA32_VMX_BASIC\", Ia32VmxBasic, ReadOnly, UINT64_C(0xda040000000004), 0, 0), /* x */",
      "IA32_VMX_BASIC=00da0400-00000004",
      "VMX basic info       : 0xda040000000004",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    const struct vmxsim_capabilities c = read_onto_zeros(lines[i], 1);
    if (c.ia32_vmx_basic != 0xda040000000004) {
      fail_msg("0x%llx read from: %s", (unsigned long long)c.ia32_vmx_basic, lines[i]);
    }
  }
}

static void other_names_and_pairs(void **state) {
  (void)state;
  const struct vmxsim_capabilities c = read_onto_zeros("00:00:19.1 HM: MSR_A32_VMX_VMFUNC              = 0x1\n"
                                                       "Secondary Processor based Controls MSR: 0x3cff00000000\n"
                                                       "Primary Processor based Controls MSR: 0xfff9fffe0401e172\n"
                                                       "VMX exit ctls        : 0x36dff, 0x7fffff\n"
                                                       "MSR_IA32_FEAT_CTL = 5\n",
                                                       5);
  assert_int_equal(c.ia32_vmx_vmfunc, 1);
  assert_int_equal(c.ia32_vmx_procbased_ctls2, 0x3cff00000000);
  assert_int_equal(c.ia32_vmx_procbased_ctls, 0xfff9fffe0401e172);
  assert_int_equal(c.ia32_vmx_exit_ctls, 0x7fffff00036dff);
  assert_int_equal(c.ia32_feature_control, 5);
}

static void rows_of_vmxcap(void **state) {
  (void)state;
  const struct vmxsim_capabilities c =
      read_onto_zeros("Basic VMX Information\n  Hex: 0xda04000000000e\n  Revision                                 14\n"
                      "  IA32_VMX_TRUE_*_CTLS support             yes\n"
                      "primary processor-based controls\n"
                      "  Interrupt window exiting                 yes\n"
                      "  CR3-load exiting                         default\n"
                      "  CR3-store exiting                        forced\n"
                      "  Activate secondary control               no\n"
                      "Miscellaneous data\n"
                      "  VMX-preemption timer scale (log2)        5\n"
                      "  HLT activity state                       yes\n"
                      "  Number of CR3-target values              4\n",
                      4);
  const uint64_t window = 1u << 2, load = 1u << 15, store = 1u << 16;
  assert_int_equal(c.ia32_vmx_basic, 0xda04000000000e);
  assert_int_equal(c.ia32_vmx_misc, 5 | 1 << 6 | 4 << 16);
  assert_int_equal(c.ia32_vmx_procbased_ctls & (window | load | store), load | store);
  assert_int_equal(c.primary_must_be_1 & (window | load | store), store);
  assert_int_equal(c.primary_may_be_1 & (window | load | store), window | load | store);
  assert_int_equal(c.primary_may_be_1 >> 31, 0);
}

static void numbers_and_features(void **state) {
  (void)state;
  struct vmxsim_capabilities c = read_onto_zeros("phys-bits: 46\nlinear_bits 57\nfeatures: intel64 nx, cet-ss\n", 0);
  assert_int_equal(c.phys_bits, 46);
  assert_int_equal(c.linear_bits, 57);
  assert_true(vmxsim_has_feature(&c, VMXSIM_FEATURE_cet_ss));
  assert_false(vmxsim_has_feature(&c, VMXSIM_FEATURE_smx));
  c = read_onto_zeros("address sizes\t: 39 bits physical, 48 bits virtual\n", 0);
  assert_int_equal(c.phys_bits, 39);
  c = read_onto_zeros("CPUID 80000008: 0000392E-00000200-00000000-00000000\n", 0);
  assert_int_equal(c.phys_bits, 46);
  assert_int_equal(c.linear_bits, 57);
}

static void what_depends_is_adjusted(void **state) {
  (void)state;
  struct vmxsim_capabilities c = vmxsim_profile_find("max", 3)->capabilities;
  static const char text[] = "IA32_VMX_PROCBASED_CTLS = 0x77f9fffe0401e172\n"; /* no secondary controls */
  assert_int_equal(vmxsim_capabilities_read(text, strlen(text), &c, NULL, NULL), VMXSIM_OK);
  assert_int_equal(c.ia32_vmx_true_procbased_ctls >> 32, 0x77f9fffe);
  assert_int_equal(c.primary_must_be_1 & (3u << 15), 0); /* CR3 exiting need not be 1 */
  assert_int_equal(c.ia32_vmx_procbased_ctls2, 0);
  assert_int_equal(c.ia32_vmx_ept_vpid_cap, 0);
  assert_int_equal(c.ia32_vmx_procbased_ctls3, 0);
}

static void other_text_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",        "hello\n",           "IA32_VMX_BASIC cannot be read\n", "MSR 00000480: < FAILED >\n",
      "0x481\n", "addr 0x480 0x10\n", "rdmsr 0x480\nnot permitted\n",    "0x999 0x1\n"};
  struct vmxsim_capabilities capabilities = {0};
  struct vmxsim_diagnostic diagnostic;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    if (vmxsim_capabilities_read(texts[i], strlen(texts[i]), &capabilities, NULL, &diagnostic) != VMXSIM_ERROR_SYNTAX) {
      fail_msg("accepted: %s", texts[i]);
    }
    assert_non_null(strstr(diagnostic.text, "0x480 0x"));
  }
  static const char unknown[] = "phys-bits: 46\nfeatures: nx smapp\n";
  assert_int_equal(vmxsim_capabilities_read(unknown, strlen(unknown), &capabilities, NULL, &diagnostic),
                   VMXSIM_ERROR_UNKNOWN_NAME);
  assert_int_equal(diagnostic.line, 2);
  assert_int_equal(diagnostic.column, 14);
  assert_int_equal(capabilities.phys_bits, 0); /* nothing half-loaded */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_notation_of_an_msr), cmocka_unit_test(other_names_and_pairs),
      cmocka_unit_test(rows_of_vmxcap),           cmocka_unit_test(numbers_and_features),
      cmocka_unit_test(what_depends_is_adjusted), cmocka_unit_test(other_text_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
