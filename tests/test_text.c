/* Logs with VMCS dumps and lists of fields: each printer's form, and everything that mailers and terminals do to it. */
#include "tests/cmocka_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmxsim/vmxsim.h"

static vmxsim_document *read_bytes(const char *text, size_t length) {
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic;
  if (vmxsim_document_read("log", text, length, VMXSIM_FORMAT_TEXT, NULL, &document, &diagnostic) != VMXSIM_OK) {
    fail_msg("%u:%u: %s", diagnostic.line, diagnostic.column, diagnostic.text);
  }
  return document;
}

static vmxsim_document *read_text(const char *text) {
  return read_bytes(text, strlen(text));
}

static struct vmxsim_diagnostic refuse(const char *text, vmxsim_status expected) {
  vmxsim_document *document = NULL;
  struct vmxsim_diagnostic diagnostic;
  assert_int_equal(vmxsim_document_read("log", text, strlen(text), VMXSIM_FORMAT_TEXT, NULL, &document, &diagnostic),
                   expected);
  assert_null(document);
  return diagnostic;
}

static const struct vmxsim_field_value *find(const struct vmxsim_case *subject, vmxsim_field field) {
  for (size_t i = 0; i < subject->value_count; i++) {
    if (subject->values[i].field == field) return &subject->values[i];
  }
  return NULL;
}

static void require_value(const struct vmxsim_case *subject, vmxsim_field field, uint64_t value) {
  const struct vmxsim_field_value *found = find(subject, field);
  if (!found) fail_msg("%s was not read", vmxsim_field_name(field));
  if (found->value != value) {
    fail_msg("%s is 0x%llx, not 0x%llx", vmxsim_field_name(field), (unsigned long long)found->value,
             (unsigned long long)value);
  }
}

#define EXPECT(subject, field, value) require_value(subject, VMXSIM_FIELD_##field, value)
#define EXPECT_NONE(subject, field) assert_null(find(subject, VMXSIM_FIELD_##field))

/* One value, read from a text that has exactly one case. */
static void expect_one(const char *text, vmxsim_field field, uint64_t value) {
  vmxsim_document *document = read_text(text);
  assert_int_equal(vmxsim_document_count(document), 1);
  require_value(vmxsim_document_case(document, 0), field, value);
  vmxsim_document_free(document);
}

static const char linux_old[] = "*** Guest State ***\n"
                                "CR0: actual=0x0000000080000031, shadow=0x0000000060000011, gh_mask=fffffffffffffff7\n"
                                "CR4: actual=0x0000000000006154, shadow=0x0000000000004164, gh_mask=fffffffffffff871\n"
                                "CR3 = 0x00000000fffbc000\n"
                                "RSP = 0x0000000000000f80  RIP = 0x0000000000000123\n"
                                "RFLAGS=0x00000002         DR7 = 0x0000000000000400\n"
                                "Sysenter RSP=0000000000000f80 CS:RIP=0050:0000000000002810\n"
                                "CS:   sel=0x0008, attr=0x0409b, limit=0x000fffff, base=0x0000000000001000\n"
                                "DS:   sel=0x0038, attr=0x1c000, limit=0x000fffff, base=0x0000000000000000\n"
                                "GDTR:                           limit=0x000007ff, base=0x0000000000001000\n"
                                "LDTR: sel=0x0008, attr=0x04082, limit=0x000007ff, base=0x0000000000001800\n"
                                "IDTR:                           limit=0x000001ff, base=0x0000000000003800\n"
                                "TR:   sel=0x0000, attr=0x0008b, limit=0x0000ffff, base=0x0000000000000000\n"
                                "EFER =     0x0000000000000501  PAT = 0x0007040600070406\n"
                                "DebugCtl = 0x0000000000000001  DebugExceptions = 0x0000000000004000\n"
                                "BndCfgS = 0x0000000000000003\n"
                                "PerfGlobCtl = 0x000000070000000f\n"
                                "Interruptibility = 00000001  ActivityState = 00000002\n"
                                "InterruptStatus = ec31\n"
                                "*** Host State ***\n"
                                "RIP = 0xffffffff811b6277  RSP = 0xffff8801c8a074c8\n"
                                "CS=0010 SS=0018 DS=002b ES=0000 FS=0000 GS=0000 TR=0040\n"
                                "FSBase=00007f51db980700 GSBase=ffff8801db200000 TRBase=ffff8801db223100\n"
                                "GDTBase=ffffffffff577000 IDTBase=ffffffffff57b000\n"
                                "CR0=0000000080050033 CR3=00000001cf27f000 CR4=00000000001426f0\n"
                                "Sysenter RSP=0000000000000008 CS:RIP=0010:ffffffff84d9d0a0\n"
                                "EFER = 0x0000000000000d01  PAT = 0x0407050600070106\n"
                                "PerfGlobCtl = 0x0000000000000001\n"
                                "*** Control State ***\n"
                                "PinBased=0000003f CPUBased=b699edfa SecondaryExec=0000004a\n"
                                "EntryControls=0000d1ff ExitControls=0023efff\n"
                                "ExceptionBitmap=00060042 PFECmask=00000001 PFECmatch=00000002\n"
                                "VMEntry: intr_info=80000b0e errcode=00000004 ilen=00000003\n"
                                "VMExit: intr_info=80000306 errcode=00000005 ilen=00000006\n"
                                "        reason=80000021 qualification=0000000000000004\n"
                                "IDTVectoring: info=00000007 errcode=00000008\n"
                                "TSC Offset = 0xffffffd760e51039\n"
                                "TSC Multiplier = 0x0001000000000000\n"
                                "SVI|RVI = ec|31 TPR Threshold = 0x05\n"
                                "APIC-access addr = 0x0000000499d63000 virt-APIC addr = 0x000000011ade6000\n"
                                "PostedIntrVec = 0xf2\n"
                                "EPT pointer = 0x00000001d8af001e\n"
                                "CR3 target0=0000000000001000 target1=0000000000002000\n"
                                "PLE Gap=00000080 Window=00001000\n"
                                "Virtual processor ID = 0x0021\n";

static void check_linux_old(const struct vmxsim_case *c) {
  assert_string_equal(c->format, "Linux kernel log");
  assert_int_equal(c->not_understood, 0);
  EXPECT(c, guest_cr0, 0x80000031);
  EXPECT(c, cr0_read_shadow, 0x60000011);
  EXPECT(c, cr0_guest_host_mask, 0xfffffffffffffff7);
  EXPECT(c, guest_cr4, 0x6154);
  EXPECT(c, cr4_read_shadow, 0x4164);
  EXPECT(c, cr4_guest_host_mask, 0xfffffffffffff871);
  EXPECT(c, guest_cr3, 0xfffbc000);
  EXPECT(c, guest_rsp, 0xf80);
  EXPECT(c, guest_rip, 0x123);
  EXPECT(c, guest_rflags, 2);
  EXPECT(c, guest_dr7, 0x400);
  EXPECT(c, guest_ia32_sysenter_esp, 0xf80);
  EXPECT(c, guest_ia32_sysenter_cs, 0x50);
  EXPECT(c, guest_ia32_sysenter_eip, 0x2810);
  EXPECT(c, guest_cs_selector, 8);
  EXPECT(c, guest_cs_access_rights, 0x409b);
  EXPECT(c, guest_cs_limit, 0xfffff);
  EXPECT(c, guest_cs_base, 0x1000);
  EXPECT(c, guest_ds_access_rights, 0x1c000);
  EXPECT(c, guest_gdtr_limit, 0x7ff);
  EXPECT(c, guest_ldtr_base, 0x1800);
  EXPECT(c, guest_idtr_base, 0x3800);
  EXPECT(c, guest_tr_access_rights, 0x8b);
  EXPECT(c, guest_ia32_efer, 0x501);
  EXPECT(c, guest_ia32_pat, 0x0007040600070406);
  EXPECT(c, guest_ia32_debugctl, 1);
  EXPECT(c, guest_pending_debug_exceptions, 0x4000);
  EXPECT(c, guest_ia32_bndcfgs, 3);
  EXPECT(c, guest_ia32_perf_global_ctrl, 0x70000000f);
  EXPECT(c, guest_interruptibility_state, 1);
  EXPECT(c, guest_activity_state, 2);
  EXPECT(c, guest_interrupt_status, 0xec31);
  EXPECT(c, host_rip, 0xffffffff811b6277);
  EXPECT(c, host_rsp, 0xffff8801c8a074c8);
  EXPECT(c, host_cs_selector, 0x10);
  EXPECT(c, host_ds_selector, 0x2b);
  EXPECT(c, host_tr_selector, 0x40);
  EXPECT(c, host_fs_base, 0x00007f51db980700);
  EXPECT(c, host_tr_base, 0xffff8801db223100);
  EXPECT(c, host_idtr_base, 0xffffffffff57b000);
  EXPECT(c, host_cr0, 0x80050033);
  EXPECT(c, host_cr3, 0x1cf27f000);
  EXPECT(c, host_cr4, 0x1426f0);
  EXPECT(c, host_ia32_sysenter_esp, 8);
  EXPECT(c, host_ia32_sysenter_cs, 0x10);
  EXPECT(c, host_ia32_sysenter_eip, 0xffffffff84d9d0a0);
  EXPECT(c, host_ia32_efer, 0xd01);
  EXPECT(c, host_ia32_pat, 0x0407050600070106);
  EXPECT(c, host_ia32_perf_global_ctrl, 1);
  EXPECT(c, pin_based_vm_execution_controls, 0x3f);
  EXPECT(c, primary_processor_based_vm_execution_controls, 0xb699edfa);
  EXPECT(c, secondary_processor_based_vm_execution_controls, 0x4a);
  EXPECT(c, vm_entry_controls, 0xd1ff);
  EXPECT(c, vm_exit_controls, 0x23efff);
  EXPECT(c, exception_bitmap, 0x60042);
  EXPECT(c, page_fault_error_code_mask, 1);
  EXPECT(c, page_fault_error_code_match, 2);
  EXPECT(c, vm_entry_interruption_information, 0x80000b0e);
  EXPECT(c, vm_entry_exception_error_code, 4);
  EXPECT(c, vm_entry_instruction_length, 3);
  EXPECT(c, vm_exit_interruption_information, 0x80000306);
  EXPECT(c, vm_exit_interruption_error_code, 5);
  EXPECT(c, vm_exit_instruction_length, 6);
  EXPECT(c, exit_reason, 0x80000021);
  EXPECT(c, exit_qualification, 4);
  EXPECT(c, idt_vectoring_information, 7);
  EXPECT(c, idt_vectoring_error_code, 8);
  EXPECT(c, tsc_offset, 0xffffffd760e51039);
  EXPECT(c, tsc_multiplier, 0x0001000000000000);
  EXPECT(c, tpr_threshold, 5);
  EXPECT(c, apic_access_address, 0x499d63000);
  EXPECT(c, virtual_apic_address, 0x11ade6000);
  EXPECT(c, posted_interrupt_notification_vector, 0xf2);
  EXPECT(c, ept_pointer, 0x1d8af001e);
  EXPECT(c, cr3_target_value_0, 0x1000);
  EXPECT(c, cr3_target_value_1, 0x2000);
  EXPECT(c, ple_gap, 0x80);
  EXPECT(c, ple_window, 0x1000);
  EXPECT(c, virtual_processor_identifier, 0x21);
  assert_int_equal(c->reported_outcome_kind, VMXSIM_ENTRY_EXIT_33);
  assert_int_equal(c->reported_outcome_number, 4);
}

static void linux_4_dump_is_read_whole(void **state) {
  (void)state;
  vmxsim_document *document = read_text(linux_old);
  assert_int_equal(vmxsim_document_count(document), 1);
  check_linux_old(vmxsim_document_case(document, 0));
  assert_int_equal(vmxsim_document_case(document, 0)->line, 1);
  EXPECT_NONE(vmxsim_document_case(document, 0), vm_entry_msr_load_count); /* not printed by these kernels */
  vmxsim_document_free(document);
}

/* Copies a text line by line, with something before and after each line. */
static char *decorate(const char *text, const char *before, const char *after) {
  const size_t extra = strlen(before) + strlen(after) + 1;
  char *to = malloc(strlen(text) + 200 * extra), *at = to;
  for (const char *line = text; *line;) {
    const size_t length = strcspn(line, "\n");
    at += sprintf(at, "%s%.*s%s\n", before, (int)length, line, after);
    line += length + (line[length] == '\n');
  }
  return to;
}

static void prefixes_and_endings_do_not_matter(void **state) {
  (void)state;
  static const struct {
    const char *before, *after;
  } surroundings[] = {
      {"[  673.850218] kvm_intel: ", ""},
      {"[28041.030247][T78789] ", "\r"},
      {"Nov 22 14:15:06 host kernel: [  12.5] kvm_intel: ", ""},
      {"2024-05-01T12:00:00.123456+02:00 host kernel: ", " "},
      {"<4>[   12.345678] ", ""},
      {"<3>", ""},
      {"&gt; &gt; ", "&nbsp;"},
      {"> >> > ", ""},
      {"| ", " |"},
      {"\t\xc2\xa0 ", "\t"},
      {"\x1b[31m[ 1.0] ", "\x1b[0m"},
      {"      CPU 0/KVM-251862 [019]  6384.132433: bprint:               dump_vmcs: ", ""},
      {"[\xe2\x80\xa6] ", ""},
      {"\xef\xbb\xbf", ""},
  };
  for (size_t i = 0; i < sizeof surroundings / sizeof *surroundings; i++) {
    char *text = decorate(linux_old, surroundings[i].before, surroundings[i].after);
    vmxsim_document *document = read_text(text);
    assert_int_equal(vmxsim_document_count(document), 1);
    check_linux_old(vmxsim_document_case(document, 0));
    vmxsim_document_free(document);
    free(text);
  }
}

/* Breaks every line at its n-th blank, and goes on behind `prefix`. */
static char *wrap(const char *text, unsigned n, const char *prefix) {
  char *to = malloc(2 * strlen(text) + 200 * (strlen(prefix) + 2)), *at = to;
  unsigned blanks = 0;
  at += sprintf(at, "%s", prefix);
  for (; *text; text++) {
    *at++ = *text;
    if (*text == '\n') {
      blanks = 0;
      at += sprintf(at, "%s", prefix);
    } else if (*text == ' ' && text[1] != ' ' && blanks++ == n) {
      at += sprintf(at, "\n%s", prefix);
    }
  }
  *at = 0;
  return to;
}

static void broken_lines_are_joined(void **state) {
  (void)state;
  for (unsigned n = 0; n < 9; n++) {
    char *text = wrap(linux_old, n, n % 2 ? "> " : "");
    vmxsim_document *document = read_text(text);
    assert_int_equal(vmxsim_document_count(document), 1);
    check_linux_old(vmxsim_document_case(document, 0));
    vmxsim_document_free(document);
    free(text);
  }
}

static void quoted_printable_is_decoded(void **state) {
  (void)state;
  static const char text[] = "(XEN) *** Guest State ***\n"
                             "(XEN) CR0: actual=3D0x0000000080050031, shadow=3D0x0000000080050031,\n"
                             "gh_mask=3Dffffffffffffffff\n"
                             "(XEN) CR3 =3D 0x00000001b2725002\n"
                             "(XEN)=C2=A0=C2=A0 CS: 0010 0209b 00000000=\n"
                             " 0000000000001000\n";
  vmxsim_document *document = read_text(text);
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  EXPECT(c, guest_cr0, 0x80050031);
  EXPECT(c, cr0_guest_host_mask, UINT64_MAX);
  EXPECT(c, guest_cr3, 0x1b2725002);
  EXPECT(c, guest_cs_base, 0x1000);
  assert_int_equal(c->not_understood, 0);
  vmxsim_document_free(document);
}

static void utf_16_is_read(void **state) {
  (void)state;
  static const char text[] = "guest_cr0 = 0x31\r\n";
  char wide[2 * sizeof text + 2] = "\xff\xfe";
  for (size_t i = 0; i + 1 < sizeof text; i++) wide[2 + 2 * i] = text[i];
  vmxsim_document *document = read_bytes(wide, 2 * sizeof text);
  EXPECT(vmxsim_document_case(document, 0), guest_cr0, 0x31);
  vmxsim_document_free(document);
}

static void efer_is_only_taken_from_the_field(void **state) {
  (void)state;
  static const char text[] = "*** Guest State ***\nCR3 = 0x0000000000001000\n%s\nPAT = 0x0007040600070406\n"
                             "*** Host State ***\nEFER= 0x0000000000000d01\n";
  static const struct {
    const char *line;
    bool given;
  } forms[] = {{"EFER= 0x0000000000000500", true},
               {"EFER= 0x0000000000000500 (effective)", false},
               {"EFER= 0x0000000000000500 (autoload)", false},
               {"EFER= 0x0000000000000500\n(effective)", false},
               {"EFER(VMCS) = 0x0000000000000500", true},
               {"EFER(MSR LL) = 0x0000000000000500", false},
               {"EFER =     0x0000000000000500", true}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char log[512];
    snprintf(log, sizeof log, text, forms[i].line);
    vmxsim_document *document = read_text(log);
    const struct vmxsim_case *c = vmxsim_document_case(document, 0);
    if (forms[i].given) {
      EXPECT(c, guest_ia32_efer, 0x500);
    } else {
      EXPECT_NONE(c, guest_ia32_efer);
    }
    EXPECT(c, guest_ia32_pat, 0x0007040600070406);
    EXPECT(c, host_ia32_efer, 0xd01);
    assert_int_equal(c->not_understood, 0);
    vmxsim_document_free(document);
  }
}

static void linux_6_dump_is_read(void **state) {
  (void)state;
  static const char text[] =
      "kvm_intel: VMCS 00000000336523a9, last attempted VM-entry on CPU 8\n"
      "kvm_intel: *** Guest State ***\n"
      "kvm_intel: PDPTR0 = 0x000000005f18a001  PDPTR1 = 0x000000005f189001\n"
      "kvm_intel: PDPTR2 = 0x000000005f188001  PDPTR3 = 0x000000005f187001\n"
      "kvm_intel: FRED guest: config=0x0000000000001000, stack_levels=0x0000000000000002\n"
      "RSP0=0x0000000000000003, RSP1=0x0000000000000004\n"
      "RSP2=0x0000000000000005, RSP3=0x0000000000000006\n"
      "kvm_intel: S_CET = 0x0000000000000001, SSP = 0x0000000000000008, SSP TABLE = 0x0000000000000010\n"
      "kvm_intel: MSR guest autoload:\n"
      "kvm_intel:    0: msr=0x00000600 value=0x00000000000000aa\n"
      "kvm_intel:    1: msr=0x000001d9 value=0x0000000000000001\n"
      "kvm_intel: *** Host State ***\n"
      "kvm_intel: GDTBase=fffffe0000001000 IDTBase=fffffe0000000000\n"
      "kvm_intel: MSR host autoload:\n"
      "kvm_intel:    0: msr=0x00000600 value=0xfffffe5926da0000\n"
      "kvm_intel: *** Control State ***\n"
      "kvm_intel: CPUBased=0xb5a26dfa SecondaryExec=0x061017fa TertiaryExec=0x0000000000000010\n"
      "kvm_intel: PinBased=0x000000ff EntryControls=000053ff ExitControls=000befff\n"
      "kvm_intel: TPR Threshold = 0x00\n"
      "virt-APIC addr = 0x0000000360524000\n"
      "kvm_intel: VE info address = 0x0000000135a04000(corrupted!)\n"
      "kvm_intel: ve_info: 0x00000030 0xffffffff 0x00000000000006ab 0xffffffff80000000 0x000000000109fff8 0x0000\n";
  vmxsim_document *document = read_text(text);
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  uint8_t entry[32];
  EXPECT(c, guest_pdpte3, 0x5f187001);
  EXPECT(c, guest_ia32_fred_config, 0x1000);
  EXPECT(c, guest_ia32_fred_stklvls, 2);
  EXPECT(c, guest_ia32_fred_rsp1, 4);
  EXPECT(c, guest_ia32_fred_rsp3, 6);
  EXPECT(c, guest_ia32_s_cet, 1);
  EXPECT(c, guest_ssp, 8);
  EXPECT(c, guest_ia32_interrupt_ssp_table_addr, 0x10);
  EXPECT(c, tertiary_processor_based_vm_execution_controls, 0x10);
  EXPECT(c, pin_based_vm_execution_controls, 0xff);
  EXPECT(c, virtual_apic_address, 0x360524000);
  EXPECT(c, virtualization_exception_information_address, 0x135a04000);
  EXPECT(c, vm_entry_msr_load_count, 2);
  EXPECT(c, vm_exit_msr_load_count, 1);
  EXPECT_NONE(c, vm_exit_msr_store_count); /* the dump is not whole */
  const struct vmxsim_field_value *area = find(c, VMXSIM_FIELD_vm_entry_msr_load_address);
  assert_non_null(area);
  assert_true(vmxsim_case_read_memory((void *)c, area->value, entry, sizeof entry));
  assert_memory_equal(entry,
                      "\x00\x06\x00\x00\x00\x00\x00\x00\xaa\x00\x00\x00\x00\x00\x00\x00"
                      "\xd9\x01\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
                      32);
  assert_int_equal(c->not_understood, 0);
  vmxsim_document_free(document);
}

static const char xen[] =
    "(XEN) d24v1 vmentry failure (reason 0x80000022): MSR loading (entry 1)\n"
    "(XEN)   msr 000001dd val 1ffff80676f52be5 (mbz 0)\n"
    "(XEN) ************* VMCS Area **************\n"
    "(XEN) *** Guest State ***\n"
    "(XEN) CR0: actual=0x0000000080050031, shadow=0x0000000080050031, gh_mask=ffffffffffffffff\n"
    "(XEN) PDPTE0 = 0x0000000000000001  PDPTE1 = 0x0000000000000002\n"
    "(XEN) RSP = 0xffff960c962d1af8 (0xffff960c962d1af0)  RIP = 0xfffff80676dc29d0 (0xfffff80676dc29d1)\n"
    "(XEN) RFLAGS=0x00000002 (0x00000003)  DR7 = 0x0000000000000400 (0x0000000000000401)\n"
    "(XEN)        sel  attr  limit   base\n"
    "(XEN)   CS: 0010 0209b 00000001 0000000000000002\n"
    "(XEN)   SS: 0000 1c000 ffffffff 0000000000000000\n"
    "(XEN) GDTR:            00000057 ffffb181c2d15fb0\n"
    "(XEN)   TR: 0040 0008b 00000067 ffffb181c2d14000\n"
    "(XEN) EFER = 0x0000000000000400  PAT = 0x0007010600070106\n"
    "(XEN) PreemptionTimer = 0x00000005  SM Base = 0x00030000\n"
    "(XEN) DebugCtl = 0x0000000000000001  DebugExceptions = 0x0000000000000000\n"
    "(XEN) *** Host State ***\n"
    "(XEN) RIP = 0xffff82d0801f0840 (vmx_asm_vmexit_handler)  RSP = 0xffff8304204f7f70\n"
    "(XEN) *** Control State ***\n"
    "(XEN) VMExit: intr_info=00000000 errcode=00000000 ilen=00000002\n"
    "(XEN)         reason=80000022 qualification=0000000000000002\n"
    "(XEN) TSC Offset = 0xffff797cd2ddfef4  TSC Multiplier = 0x0000000000000000\n"
    "(XEN) TPR Threshold = 0x00  PostedIntrVec = 0x00\n"
    "(XEN) EPT pointer = 0x000000041444701e  EPTP index = 0x0003\n"
    "(XEN) Virtual processor ID = 0xf71d VMfunc controls = 0000000000000001\n"
    "(XEN) **************************************\n"
    "(XEN) rax: 0000000000000087   rbx=0000019993e1c690   CR3=0000000000000000\n";

static void xen_dump_is_read(void **state) {
  (void)state;
  vmxsim_document *document = read_text(xen);
  assert_int_equal(vmxsim_document_count(document), 1);
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  uint8_t entry[16];
  assert_string_equal(c->format, "Xen VMCS area");
  EXPECT(c, guest_pdpte1, 2);
  EXPECT(c, guest_rsp, 0xffff960c962d1af8);
  EXPECT(c, guest_rip, 0xfffff80676dc29d0);
  EXPECT(c, guest_rflags, 2);
  EXPECT(c, guest_dr7, 0x400);
  EXPECT(c, guest_cs_selector, 0x10);
  EXPECT(c, guest_cs_access_rights, 0x209b);
  EXPECT(c, guest_cs_limit, 1);
  EXPECT(c, guest_cs_base, 2);
  EXPECT(c, guest_ss_access_rights, 0x1c000);
  EXPECT(c, guest_gdtr_limit, 0x57);
  EXPECT(c, guest_gdtr_base, 0xffffb181c2d15fb0);
  EXPECT(c, guest_tr_selector, 0x40);
  EXPECT(c, guest_ia32_efer, 0x400);
  EXPECT(c, vmx_preemption_timer_value, 5);
  EXPECT(c, guest_smbase, 0x30000);
  EXPECT(c, host_rip, 0xffff82d0801f0840);
  EXPECT(c, host_rsp, 0xffff8304204f7f70);
  EXPECT(c, eptp_index, 3);
  EXPECT(c, vm_function_controls, 1);
  EXPECT_NONE(c, host_cr3);
  assert_int_equal(c->not_understood, 0);
  assert_int_equal(c->reported_outcome_kind, VMXSIM_ENTRY_EXIT_34);
  assert_int_equal(c->reported_outcome_number, 2);
  EXPECT(c, vm_entry_msr_load_count, 2);
  const uint64_t area = find(c, VMXSIM_FIELD_vm_entry_msr_load_address)->value;
  assert_false(vmxsim_case_read_memory((void *)c, area, entry, sizeof entry)); /* the first entry is not known */
  assert_true(vmxsim_case_read_memory((void *)c, area + 16, entry, sizeof entry));
  assert_memory_equal(entry, "\xdd\x01\x00\x00\x00\x00\x00\x00\xe5\x2b\xf5\x76\x06\xf8\xff\x1f", 16);
  vmxsim_document_free(document);
}

static void xen_4_4_dump_is_read(void **state) {
  (void)state;
  static const char text[] = "(XEN) *** Guest State ***\n"
                             "(XEN) CR3: actual=0x0000000000001000, target_count=2\n"
                             "(XEN)      target0=0000000000002000, target1=0000000000003000\n"
                             "(XEN) CS: sel=0x0008, attr=0x0c09b, limit=0xffffffff, base=0x0000000000000000\n"
                             "(XEN) Guest PAT = 0x0007040600070406\n"
                             "(XEN) TSC Offset = fffffff000000000\n"
                             "(XEN) DebugCtl=0000000000000001 DebugExceptions=0000000000000002\n"
                             "(XEN) Interruptibility=0001 ActivityState=0000\n"
                             "(XEN) *** Host State ***\n"
                             "(XEN) RSP = 0xffff83083ff0ff70  RIP = 0xffff82d080341950\n"
                             "(XEN) CS=e008 DS=0000 ES=0000 FS=0000 GS=0000 SS=0000 TR=e040\n"
                             "(XEN) Host PAT = 0x0000050100070406\n"
                             "(XEN) *** Control State ***\n"
                             "(XEN) VMEntry: intr_info=00000000 errcode=00000000 ilen=00000003\n"
                             "(XEN) VMExit: intr_info=00000000 errcode=00000000 ilen=00000003\n";
  vmxsim_document *document = read_text(text);
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_string_equal(c->format, "Xen VMCS area");
  EXPECT(c, guest_cr3, 0x1000);
  EXPECT(c, cr3_target_count, 2);
  EXPECT(c, cr3_target_value_1, 0x3000);
  EXPECT(c, guest_cs_access_rights, 0xc09b);
  EXPECT(c, guest_ia32_pat, 0x0007040600070406);
  EXPECT(c, tsc_offset, 0xfffffff000000000);
  EXPECT(c, guest_ia32_debugctl, 1);
  EXPECT(c, guest_interruptibility_state, 1);
  EXPECT(c, host_rip, 0xffff82d080341950);
  EXPECT(c, host_tr_selector, 0xe040);
  EXPECT(c, host_ia32_pat, 0x0000050100070406);
  EXPECT(c, vm_entry_instruction_length, 3);
  EXPECT_NONE(c, vm_exit_instruction_length);
  assert_int_equal(c->not_understood, 0);
  vmxsim_document_free(document);
}

static void several_dumps_are_several_cases(void **state) {
  (void)state;
  static const char text[] = "(XEN) >>> Domain 3 <<<\n(XEN) \tVCPU 0\n(XEN) *** Guest State ***\n"
                             "(XEN) CR3 = 0x0000000000001000\n(XEN) *** Control State ***\n"
                             "(XEN) EPT pointer = 0x000000000000101e\n(XEN) \tVCPU 1\n(XEN) *** Guest State ***\n"
                             "(XEN) CR3 = 0x0000000000002000\n(XEN) *** Host State ***\n"
                             "(XEN) CR0=0000000080050033 CR3=0000000000003000\n"
                             "(XEN) d3v1 VMRESUME error: 0x7\n(XEN) *** Guest State ***\n"
                             "(XEN) CR3 = 0x0000000000004000\n";
  vmxsim_document *document = read_text(text);
  const uint64_t resume = UINT64_C(1) << VMXSIM_PROCESSOR_vmresume;
  assert_int_equal(vmxsim_document_count(document), 3);
  EXPECT(vmxsim_document_case(document, 0), guest_cr3, 0x1000);
  EXPECT(vmxsim_document_case(document, 0), ept_pointer, 0x101e);
  EXPECT(vmxsim_document_case(document, 1), guest_cr3, 0x2000);
  EXPECT(vmxsim_document_case(document, 1), host_cr3, 0x3000);
  assert_int_equal(vmxsim_document_case(document, 1)->reported_outcome_kind, -1);
  assert_int_equal(vmxsim_document_case(document, 1)->line, 8);
  const struct vmxsim_case *last = vmxsim_document_case(document, 2);
  assert_int_equal(last->reported_outcome_kind, VMXSIM_ENTRY_FAIL_VALID);
  assert_int_equal(last->reported_outcome_number, 7);
  assert_true(last->state.known & resume);
  assert_int_equal(last->state.item[VMXSIM_PROCESSOR_vmresume], 1);
  vmxsim_document_free(document);
}

static void a_paste_may_begin_anywhere(void **state) {
  (void)state;
  vmxsim_document *document = read_text("EFER = 0x0000000000000d01  PAT = 0x0000050100070406\n*** Control State ***\n"
                                        "PinBased=0000003f CPUBased=b6a0e5fa SecondaryExec=000054eb\n");
  EXPECT(vmxsim_document_case(document, 0), host_ia32_efer, 0xd01);
  EXPECT_NONE(vmxsim_document_case(document, 0), guest_ia32_efer);
  vmxsim_document_free(document);
  document = read_text("EntryControls=0000d1ff ExitControls=0023efff\n"); /* no heading at all */
  EXPECT(vmxsim_document_case(document, 0), vm_exit_controls, 0x23efff);
  vmxsim_document_free(document);
  document = read_text("CR0: actual=0x0000000000000031, shadow=0x0000000000000010, gh_mask=fffffffffffffff7\n"
                       "CR3 = 0x0000000000001000\n...\nPinBased=0000003f CPUBased=b6a0e5fa\n");
  assert_int_equal(vmxsim_document_count(document), 1);
  EXPECT(vmxsim_document_case(document, 0), guest_cr3, 0x1000);
  EXPECT(vmxsim_document_case(document, 0), pin_based_vm_execution_controls, 0x3f);
  vmxsim_document_free(document);
}

static void what_is_not_understood_is_counted(void **state) {
  (void)state;
  static const char text[] = "*** Guest State ***\n"
                             "CR3 = 0x0000000000001000\n"
                             "NewThing = 0x0000000000000001\n"      /* 3: unknown label */
                             "usb 1-1: new device number=5 found\n" /* no VMCS data */
                             "RSP =\n"                              /* 5: cut */
                             "Nov 22 kernel: nothing\n"
                             "CS:   sel=0x123456, attr=0x0409b, limit=0x1, base=0x0\n" /* 7: too wide */
                             "CR0=00050032 CR2=826c6000 CR3=3cbf4002 CR4=00000000\n"   /* QEMU's, not ours */
                             "EFER=0000000000000000\n"
                             "*** Host State ***\n"
                             "CS =c200 7ffc2000 ffffffff 00809300\n"
                             "GDTBase=zzz IDTBase=fffffe0000000000\n"; /* 12 */
  static const unsigned lines[] = {3, 5, 7, 12};
  vmxsim_document *document = read_text(text);
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_int_equal(c->not_understood, 4);
  assert_memory_equal(c->not_understood_lines, lines, sizeof lines);
  EXPECT(c, guest_cr3, 0x1000);
  EXPECT(c, guest_cs_access_rights, 0x409b);
  EXPECT(c, host_idtr_base, 0xfffffe0000000000);
  EXPECT_NONE(c, guest_cs_selector);
  EXPECT_NONE(c, guest_rsp);
  EXPECT_NONE(c, guest_ia32_efer);
  EXPECT_NONE(c, host_cr3);
  EXPECT_NONE(c, host_cs_selector);
  vmxsim_document_free(document);
}

static void own_lines_complete_a_dump(void **state) {
  (void)state;
  vmxsim_document *document = read_text("*** Guest State ***\nCR3 = 0x0000000000001000\n"
                                        "vmcs_link_pointer = 0xffffffffffffffff\nvm_entry_msr_load_count 16\n");
  EXPECT(vmxsim_document_case(document, 0), vmcs_link_pointer, UINT64_MAX);
  EXPECT(vmxsim_document_case(document, 0), vm_entry_msr_load_count, 16);
  assert_int_equal(vmxsim_document_case(document, 0)->not_understood, 0);
  vmxsim_document_free(document);
}

static void list_forms_are_read(void **state) {
  (void)state;
  static const char *const forms[] = {
      "guest_cr0 0x80050033",
      "guest_cr0: 0x80050033",
      "guest_cr0=0x80050033",
      "guest_cr0 = 80050033h",
      "GUEST_CR0 : 0000000080050033",
      "Guest CR0 = 0x80050033",
      "[GUEST_CR0] 0x80050033",
      "[GUEST_CR0] = 0x80050033",
      "GUEST_CR0 (0x6800) = 0x80050033",
      "Guest CR0 (0x00006800): 0x80050033",
      "0x6800 0x80050033",
      "0x6800: 0x80050033",
      "6800 UNKNOWN_NAME: 80050033",
      "haxm_warning: 6800 GUEST_CR0: 80050033",
      "00008149\t1.46222651\thaxm_warning:6800 GUEST_CR0: 80050033\t",
      "[ 12.5] hv: vmwrite(GUEST_CR0, 0x80050033)",
      "00:00:01.234567 VMX_VMCS_GUEST_CR0                     0x0000000080050033",
      "DbgPrint: GuestCr0 = 0x80050033ULL",
      "# GUEST_CR0 = 0x80050033",
      "| guest_cr0 | 0x80050033 |",
      "ffffffff`ffffffff guest_cr0 00000000`80050033",
      "host_cr0 = 0x31, guest_cr0 = 0x80050033",
      "host_cr0=0x31 guest_cr0=0x80050033 guest_cr4=0x2000",
      "guest_cr0[0]\t\t0x80050033",
      "Guest Control & Debug Registers - CR3: 0x1000  CR0: 0x80050033",
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    vmxsim_document *document = read_text(forms[i]);
    const struct vmxsim_field_value *value = find(vmxsim_document_case(document, 0), VMXSIM_FIELD_guest_cr0);
    if (!value || value->value != 0x80050033) fail_msg("not read: %s", forms[i]);
    assert_string_equal(vmxsim_document_case(document, 0)->format, "list of fields");
    vmxsim_document_free(document);
  }
  expect_one("Guest CS Segment - Selector: 0x10  Access-Rights: 0x209B  Limit: 0x1  Base: 0x5",
             VMXSIM_FIELD_guest_cs_access_rights, 0x209b);
  expect_one("Guest Task Register - Selector: 0x40  Access-Rights: 0x8B  Limit: 0x67  Base: 0x5",
             VMXSIM_FIELD_guest_tr_base, 5);
}

static void numbers_without_a_mark(void **state) {
  (void)state;
  expect_one("exit_reason 33", VMXSIM_FIELD_exit_reason, 33);
  expect_one("exit_reason 33\nguest_rip fff0", VMXSIM_FIELD_exit_reason, 0x33); /* letters: all are hexadecimal */
  expect_one("exit_reason 33\nguest_rip 00001000", VMXSIM_FIELD_exit_reason, 0x33);
  expect_one("exit_reason 33\nguest_rip 0xfff0", VMXSIM_FIELD_exit_reason, 33);
  expect_one("vpid = 10\ntsc_offset = 4096", VMXSIM_FIELD_tsc_offset, 4096);
}

static void high_halves_are_joined(void **state) {
  (void)state;
  expect_one("TSC_OFFSET 0x00000001\nTSC_OFFSET_HIGH 0xffffffff", VMXSIM_FIELD_tsc_offset, 0xffffffff00000001);
  expect_one("TSC_OFFSET_HIGH 0x2\nTSC_OFFSET 0x1", VMXSIM_FIELD_tsc_offset, 0x200000001);
  expect_one("0x2010 0x1\n0x2011 0x3", VMXSIM_FIELD_tsc_offset, 0x300000001);
}

static void lists_are_refused_with_a_place(void **state) {
  (void)state;
  struct vmxsim_diagnostic diagnostic = refuse("guest_cr0 0x31\n  guest_cs_selector = 0x12345\n", VMXSIM_ERROR_WIDTH);
  assert_int_equal(diagnostic.line, 2);
  assert_int_equal(diagnostic.column, 23);
  assert_non_null(strstr(diagnostic.text, "16 bits"));
  diagnostic = refuse("hello\nguest_cr99 = 0x31\n", VMXSIM_ERROR_SYNTAX);
  assert_int_equal(diagnostic.line, 2);
  assert_non_null(strstr(diagnostic.text, "guest_cr99"));
  assert_non_null(strstr(diagnostic.text, "Guest State"));
  refuse("nothing to see\n", VMXSIM_ERROR_SYNTAX);
  refuse("", VMXSIM_ERROR_SYNTAX);
  diagnostic = refuse("kvm: set kvm_intel.dump_invalid_vmcs=1 to dump internal KVM state.\n", VMXSIM_ERROR_SYNTAX);
  assert_non_null(strstr(diagnostic.text, "dump_invalid_vmcs=1"));
  refuse("0x4400 0x12 0x34 0x56 0x78\n0x4410 0x12 0x34 0x56 0x78\n", VMXSIM_ERROR_SYNTAX); /* memory, not fields */
}

static void names_of_lists_may_be_cut_short(void **state) {
  (void)state;
  /* The dump of a driver for Linux. */
  vmxsim_document *document = read_text("[ 9021.315018]  # POSTED_INTERRUPT_NOTIFICATION_VECTOR   INVALID_VALUE\n"
                                        "[ 9021.315022]  # GUEST_ES_SEL = 0x10\n"
                                        "[ 9021.315023]  # GUEST_CS_LIM = 0xffff\n"
                                        "[ 9021.315024]  # GUEST_CS_ATTR = 0x9b\n"
                                        "[ 9021.315047]  # IO_BITMAP_A_FULL = 0x2000\n"
                                        "[ 9021.315049]  # IO_BITMAP_A_HIGH = 0x1\n");
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  EXPECT(c, guest_es_selector, 0x10);
  EXPECT(c, guest_cs_limit, 0xffff);
  EXPECT(c, guest_cs_access_rights, 0x9b);
  EXPECT(c, io_bitmap_a_address, 0x100002000);
  EXPECT_NONE(c, posted_interrupt_notification_vector);
  assert_int_equal(c->not_understood, 0);
  vmxsim_document_free(document);
}

static void numbers_have_marks_of_other_bases(void **state) {
  (void)state;
  expect_one("+0x018 GuestCr4 : 0n8192\n", VMXSIM_FIELD_guest_cr4, 0x2000);
  expect_one("guest_cr0 = 0b10000000000000000000000000110001\n", VMXSIM_FIELD_guest_cr0, 0x80000031);
  expect_one("guest_cr0 = 0b00100001\n", VMXSIM_FIELD_guest_cr0, 0x21);
  /* Hexadecimal, filled up with zeros. */
  expect_one("guest_cr3 = 0b100000\nguest_cr0 = 0x31\n", VMXSIM_FIELD_guest_cr3, 0xb100000);
  expect_one("guest_cr0 = 0b\nguest_cr4 = 0x20\n", VMXSIM_FIELD_guest_cr0, 0xb);
  expect_one("VMCS_LINK_POINTER = -1\n", VMXSIM_FIELD_vmcs_link_pointer, UINT64_MAX);
  expect_one("exception_bitmap: -1\n", VMXSIM_FIELD_exception_bitmap, UINT32_MAX);
  expect_one("guest_cr0 = 0x31\nTSC_OFFSET_HIGH = -1\n", VMXSIM_FIELD_tsc_offset, 0xffffffff00000000);
}

static void tags_of_pages_are_blanks(void **state) {
  (void)state;
  expect_one("<pre><span class=\"line\">guest_cr0 = 0x31</span><br/>\n", VMXSIM_FIELD_guest_cr0, 0x31);
  expect_one("*** Guest State ***<br>\nCR3 = 0x0000000000001000<BR />\n", VMXSIM_FIELD_guest_cr3, 0x1000);
  expect_one("<4>guest_cr0 = 0x31 <TASK> <b\n", VMXSIM_FIELD_guest_cr0, 0x31);
  expect_one("guest_cr0 < 0x31>\nguest_cr4 = 0x20\n", VMXSIM_FIELD_guest_cr0, 0x31);
}

static void exit_reason_33_is_a_failed_entry_without_bit_31(void **state) {
  (void)state;
  vmxsim_document *document = read_text("\texit_reason\t33\n\tqualification\t0x0\nguest_cr0[0]\t0x31\n");
  assert_int_equal(vmxsim_document_case(document, 0)->reported_outcome_kind, VMXSIM_ENTRY_EXIT_33);
  vmxsim_document_free(document);
  document = read_text("exit_reason = 0x30\n");
  assert_int_equal(vmxsim_document_case(document, 0)->reported_outcome_kind, -1);
  vmxsim_document_free(document);
}

static void names_not_understood_are_kept(void **state) {
  (void)state;
  vmxsim_document *document = read_text("guest_cr0 = 0x31\nGEUST_DR7 = 0x400\nguest_ripp = 0x1\n");
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_int_equal(c->not_understood, 2);
  assert_string_equal(c->not_understood_names[0], "GEUST_DR7");
  assert_string_equal(c->not_understood_names[1], "guest_ripp");
  vmxsim_document_free(document);
}

static void list_lines_not_understood_are_counted(void **state) {
  (void)state;
  vmxsim_document *document = read_text("guest_cr0 = 0x31\nguest_cr9 = 0x5\nsome text = 5\nmy_field = 0x1\n");
  static const unsigned lines[] = {2, 4};
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_int_equal(c->not_understood, 2);
  assert_memory_equal(c->not_understood_lines, lines, sizeof lines);
  vmxsim_document_free(document);
}

static void reports_are_read(void **state) {
  (void)state;
  static const struct {
    const char *line;
    int kind;
    uint32_t number;
  } reports[] = {{"KVM: entry failed, hardware error 0x80000021", VMXSIM_ENTRY_EXIT_33, 0},
                 {"KVM: entry failed, hardware error 0x80000022", VMXSIM_ENTRY_EXIT_34, 0},
                 {"KVM: entry failed, hardware error 0x7", VMXSIM_ENTRY_FAIL_VALID, 7},
                 {"KVM: entry failed, hardware error 0x0", -1, 0},
                 {"(XEN) d12v0 vmentry failure (reason 0x80000021): Invalid guest state (2)", VMXSIM_ENTRY_EXIT_33, 2},
                 {"(XEN) d12v0 vmentry failure (reason 0x80000021):\nInvalid guest state (3)", VMXSIM_ENTRY_EXIT_33, 3},
                 {"(XEN) d2v0 VMLAUNCH error: 0x8", VMXSIM_ENTRY_FAIL_VALID, 8},
                 {"[hv] VMLAUNCH failed. Instruction error = 7.", VMXSIM_ENTRY_FAIL_VALID, 7},
                 {"VMX instruction error 12", VMXSIM_ENTRY_FAIL_VALID, 12},
                 {"vmlaunch failed on CPU 3, error 7", VMXSIM_ENTRY_FAIL_VALID, 7},
                 {"Failed at VM-Entry, Code=7  Reason: none", VMXSIM_ENTRY_FAIL_VALID, 7},
                 {"haxm: ....exit_reason.raw 80000021, cpu 0 0", VMXSIM_ENTRY_EXIT_33, 0},
                 {"nothing failed", -1, 0}};
  for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
    char text[256];
    snprintf(text, sizeof text, "%s\nguest_cr0 = 0x31\n", reports[i].line);
    vmxsim_document *document = read_text(text);
    const struct vmxsim_case *c = vmxsim_document_case(document, 0);
    if (c->reported_outcome_kind != reports[i].kind || c->reported_outcome_number != reports[i].number) {
      fail_msg("%s: read as %d, %u", reports[i].line, c->reported_outcome_kind, c->reported_outcome_number);
    }
    vmxsim_document_free(document);
  }
}

/* After VMfail the exit reason is stale: what the log says counts. */
static void messages_come_before_the_exit_reason(void **state) {
  (void)state;
  vmxsim_document *document =
      read_text("*** Control State ***\n        reason=80000021 qualification=0000000000000000\n"
                "KVM: entry failed, hardware error 0x7\n");
  assert_int_equal(vmxsim_document_case(document, 0)->reported_outcome_kind, VMXSIM_ENTRY_FAIL_VALID);
  vmxsim_document_free(document);
  document = read_text("*** Control State ***\n        reason=00000030 qualification=0000000000000184\n");
  assert_int_equal(vmxsim_document_case(document, 0)->reported_outcome_kind, -1);
  vmxsim_document_free(document);
}

static void state_is_assumed(void **state) {
  (void)state;
  const uint64_t lma = UINT64_C(1) << VMXSIM_PROCESSOR_efer_lma;
  vmxsim_document *document = read_text("vm_exit_controls 0x36fff\n");
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_true((c->state.assumed & lma) && !(c->state.known & lma));
  assert_int_equal(c->state.item[VMXSIM_PROCESSOR_efer_lma], 1);
  vmxsim_document_free(document);
  document = read_text("vm_exit_controls 0x36dff\n");
  c = vmxsim_document_case(document, 0);
  assert_true((c->state.assumed & lma) && !(c->state.known & lma));
  assert_int_equal(c->state.item[VMXSIM_PROCESSOR_efer_lma], 0);
  vmxsim_document_free(document);
}

static void capability_msrs_become_the_processor(void **state) {
  (void)state;
  vmxsim_document *document = read_text("00:00:00.1 HM: MSR_IA32_VMX_BASIC                = 0xda040000000004\n"
                                        "00:00:00.1 HM: MSR_IA32_VMX_PINBASED_CTLS        = 0x7f00000016\n"
                                        "guest_cr0 = 0x31\n");
  const struct vmxsim_case *c = vmxsim_document_case(document, 0);
  assert_string_equal(c->processor_name, "given in the log");
  assert_non_null(c->processor);
  assert_int_equal(c->processor->ia32_vmx_basic, 0xda040000000004);
  assert_int_equal(c->processor->pin_based_may_be_1, 0x7f);
  vmxsim_document_free(document);
  document = read_text("guest_cr0 = 0x31\n");
  assert_null(vmxsim_document_case(document, 0)->processor);
  vmxsim_document_free(document);
  const struct vmxsim_diagnostic diagnostic = refuse("IA32_VMX_BASIC: 0xda040000000004\n", VMXSIM_ERROR_SYNTAX);
  assert_non_null(strstr(diagnostic.text, "capability MSRs"));
}

static void hostile_text_is_survived(void **state) {
  (void)state;
  const size_t size = 1 << 20;
  char *text = malloc(size + 64);
  memset(text, 'a', size);
  memcpy(text + size, "\nguest_cr0 = 0x31\n", 18); /* behind a line that is too long to be read */
  vmxsim_document *document = read_bytes(text, size + 18);
  EXPECT(vmxsim_document_case(document, 0), guest_cr0, 0x31);
  vmxsim_document_free(document);
  memset(text, '=', size);
  memcpy(text + size, "\nguest_cr0 = 0x31\n", 18);
  vmxsim_document_free(read_bytes(text, size + 18));
  memset(text, 0, size);
  memcpy(text, "*** Guest State ***\nCR3 = 0x0000000000001000\nCS: ", 49);
  vmxsim_document_free(read_bytes(text, size));
  uint32_t random = 1;
  for (size_t i = 0; i < size; i++) text[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
  memcpy(text, "*** Guest State ***\nCR3 = 0x0000000000001000\n", 45);
  vmxsim_document_free(read_bytes(text, size));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linux_4_dump_is_read_whole),
      cmocka_unit_test(prefixes_and_endings_do_not_matter),
      cmocka_unit_test(broken_lines_are_joined),
      cmocka_unit_test(quoted_printable_is_decoded),
      cmocka_unit_test(utf_16_is_read),
      cmocka_unit_test(efer_is_only_taken_from_the_field),
      cmocka_unit_test(linux_6_dump_is_read),
      cmocka_unit_test(xen_dump_is_read),
      cmocka_unit_test(xen_4_4_dump_is_read),
      cmocka_unit_test(several_dumps_are_several_cases),
      cmocka_unit_test(a_paste_may_begin_anywhere),
      cmocka_unit_test(what_is_not_understood_is_counted),
      cmocka_unit_test(own_lines_complete_a_dump),
      cmocka_unit_test(list_forms_are_read),
      cmocka_unit_test(numbers_without_a_mark),
      cmocka_unit_test(high_halves_are_joined),
      cmocka_unit_test(lists_are_refused_with_a_place),
      cmocka_unit_test(names_of_lists_may_be_cut_short),
      cmocka_unit_test(numbers_have_marks_of_other_bases),
      cmocka_unit_test(tags_of_pages_are_blanks),
      cmocka_unit_test(exit_reason_33_is_a_failed_entry_without_bit_31),
      cmocka_unit_test(names_not_understood_are_kept),
      cmocka_unit_test(list_lines_not_understood_are_counted),
      cmocka_unit_test(reports_are_read),
      cmocka_unit_test(messages_come_before_the_exit_reason),
      cmocka_unit_test(state_is_assumed),
      cmocka_unit_test(capability_msrs_become_the_processor),
      cmocka_unit_test(hostile_text_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
