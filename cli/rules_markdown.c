/* docs/rules.md: every check by section and field. The indexes at its end are rules_index.c's. */
#include <stdio.h>
#include <string.h>

#include "cli/paragraph.h"
#include "cli/rules_document.h"

/* Markdown's own characters in a table cell. */
static void put_cell(const char *text) {
  for (; *text; text++) {
    if (*text == '|' || *text == '*' || *text == '<') putchar('\\');
    putchar(*text);
  }
}

static void outcome_in_short(const struct vmxsim_check_info *info, char *text, size_t size) {
  switch (info->outcome) {
  case VMXSIM_ENTRY_FAIL_VALID: snprintf(text, size, "error %u", info->outcome_number); return;
  case VMXSIM_ENTRY_EXIT_33:
    snprintf(text, size, info->outcome_number ? "exit 33 (%u)" : "exit 33", info->outcome_number);
    return;
  case VMXSIM_ENTRY_EXIT_34: snprintf(text, size, "exit 34"); return;
  case VMXSIM_ENTRY_UD: snprintf(text, size, "#UD"); return;
  case VMXSIM_ENTRY_GP: snprintf(text, size, "#GP(0)"); return;
  case VMXSIM_ENTRY_VM_EXIT: snprintf(text, size, "VM exit"); return;
  case VMXSIM_ENTRY_FAIL_INVALID: snprintf(text, size, "VMfailInvalid"); return;
  case VMXSIM_ENTRY_SUCCEEDS: snprintf(text, size, "none"); return;
  }
}

/* Puts `introduction`, then what all checks of the part read; nothing if that is nothing. `outer` (may be NULL) is a
 * part around this one: what all of it reads has been said. */
static bool put_what_all_read(const struct rules_part *part, const struct rules_part *outer, const char *introduction) {
  struct paragraph paragraph = {.begins = true};
  bool first = true;
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    char word[120];
    if (!rules_part_all_read(part, input) || (outer && rules_part_all_read(outer, input))) continue;
    if (first) paragraph_words(&paragraph, introduction);
    paragraph_comma(&paragraph, &first);
    snprintf(word, sizeof word, "`%s`", vmxsim_input_name(input));
    paragraph_word(&paragraph, word);
  }
  if (!first) printf(".\n");
  return !first;
}

static void put_row(vmxsim_check check, const struct rules_part *section, const struct rules_part *heading) {
  struct vmxsim_check_info info;
  char outcome[40] = "";
  const char *separator = "";
  vmxsim_check_describe(check, &info);
  outcome_in_short(&info, outcome, sizeof outcome);
  printf("| %u | ", check + 1);
  put_cell(info.rule);
  printf(" | `%s` | %s | ", info.id, outcome);
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (!vmxsim_check_reads(check, input)) continue;
    if (section && rules_part_all_read(section, input)) continue;
    if (heading && rules_part_all_read(heading, input)) continue;
    printf("%s`%s`", separator, vmxsim_input_name(input));
    separator = ", ";
  }
  printf(" |\n");
}

static void put_fields(const struct rules_document *document, unsigned heading) {
  vmxsim_field fields[RULES_HEADING_FIELDS_MAX];
  const unsigned count = rules_heading_fields(document, heading, fields);
  struct paragraph paragraph = {.begins = true};
  if (!count) return;
  paragraph_word(&paragraph, count == 1 ? "Field:" : "Fields:");
  for (unsigned n = 0; n < count; n++) {
    char word[120];
    snprintf(word, sizeof word, "`%s` (%04XH)%s", vmxsim_field_name(fields[n]), vmxsim_field_encoding(fields[n]),
             n + 1 < count ? "," : ".\n");
    paragraph_word(&paragraph, word);
  }
}

/* `says_reads`: what all checks of the section read has been said. */
static void put_heading(const struct rules_document *document, unsigned number, bool says_reads) {
  const struct rules_heading *heading = &document->heading[number];
  const struct rules_part section = {document, true, heading->section}, part = {document, false, number};
  const bool is_single = heading->count == 1;
  bool is_rest = says_reads; /* of what the checks read */
  if (rules_section_has_headings(document, heading->section)) {
    printf("\n### %s\n\n", heading->title);
    put_fields(document, number);
    if (!is_single) is_rest |= put_what_all_read(&part, &section, "All read");
  }
  printf("\n| no. | condition | check | if broken | %s |\n|---:|---|---|---|---|\n", is_rest ? "reads also" : "reads");
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    if (!rules_part_has(&part, check)) continue;
    put_row(check, document->section[heading->section].count > 1 ? &section : NULL, is_single ? NULL : &part);
  }
}

static void put_section(const struct rules_document *document, unsigned number) {
  const struct rules_section *section = &document->section[number];
  const struct rules_part part = {document, true, number};
  struct paragraph paragraph = {.indent = 2, .begins = true};
  if (!section->count) return;
  printf("\n## %s\n\n", section->title);
  if (*section->number) printf("Section %s.\n", section->number);
  const bool says_reads = section->count > 1 && put_what_all_read(&part, NULL, "All checks of this section read");
  if (*section->remarks) {
    if (*section->number) putchar('\n');
    paragraph_words(&paragraph, section->remarks);
  }
  for (unsigned n = 0; n < document->headings; n++) {
    if (document->heading[n].section == number) put_heading(document, n, says_reads);
  }
}

static void put_headings_of_section(const struct rules_document *document, unsigned section) {
  struct paragraph paragraph = {.column = 2, .indent = 2, .begins = true};
  bool first = true;
  printf(":\n  ");
  for (unsigned n = 0; n < document->headings; n++) {
    const struct rules_heading *heading = &document->heading[n];
    char word[300];
    if (heading->section != section) continue;
    paragraph_comma(&paragraph, &first);
    snprintf(word, sizeof word, "[%s](#%s)", heading->title, heading->anchor);
    paragraph_word(&paragraph, word);
  }
}

static void put_contents(const struct rules_document *document) {
  for (unsigned n = 0; n < document->sections; n++) {
    const struct rules_section *section = &document->section[n];
    if (!section->count) continue;
    printf("- %s%s[%s](#%s) (%u)", section->number, *section->number ? " " : "", section->title,
           document->section_anchor[n], section->count);
    if (rules_section_has_headings(document, n)) put_headings_of_section(document, n);
    putchar('\n');
  }
  puts("- [Index of VMCS fields](#index-of-vmcs-fields)\n- [Index of other inputs](#index-of-other-inputs)");
}

static const char introduction[] =
    "## Finding a condition\n\n"
    "- By the manual: the [contents](#contents) follow it. Section numbers are those of the edition of June\n"
    "  2026 (326019-092US), where the chapter is 29. In December 2023 (082US) it is chapter 27; the rest of a\n"
    "  number is the same.\n"
    "- By field: under the heading of the field or register, or in the [index](#index-of-vmcs-fields).\n"
    "- What the manual says once for several fields, registers or sub-fields is one check for each, and stands\n"
    "  under each.\n"
    "- A condition on two fields stands under the one that the manual's sentence is about; the index has it\n"
    "  under both.\n\n"
    "## Reading the tables\n\n"
    "| if broken | what the processor does |\n"
    "|---|---|\n"
    "| #UD, #GP(0) | the instruction causes this exception |\n"
    "| VM exit | in VMX non-root operation: VM exit to the VMM above |\n"
    "| VMfailInvalid | RFLAGS.CF = 1; the next instruction follows |\n"
    "| error N | VMfailValid: RFLAGS.ZF = 1, and N is in the VM-instruction error field; the next instruction "
    "follows. 7 is \"invalid control field(s)\", 8 \"invalid host-state field(s)\" |\n"
    "| exit 33 | the host state is loaded as by a VM exit; exit reason 80000021H, \"invalid guest state\"; "
    "exit qualification 0, or the number in brackets: 2 PDPTEs, 3 injection of an NMI, 4 VMCS link pointer |\n"
    "| exit 34 | the same with exit reason 80000022H, \"MSR loading\"; the exit qualification is the number of "
    "the entry, from 1 |\n\n"
    "What a check *reads* are VMCS fields (in the order of their encodings), then capabilities of the\n"
    "processor, items of its state, and memory; the [second index](#index-of-other-inputs) says what each is.\n"
    "What all checks under a heading read is said once, above the table. While something that a check reads is\n"
    "not known, and matters, the check is undecided.\n\n"
    "Said here once for all tables:\n\n"
    "- \"X needs Y\", of two controls: if X is 1, Y must be 1. \"X excludes Y\": they must not both be 1.\n"
    "- An address is *within the physical-address width* if the bits at and above MAXPHYADDR (CPUID 80000008H)\n"
    "  are 0, and so are upper bits of that width that memory encryption uses as key identifiers. Where\n"
    "  IA32_VMX_BASIC[48] is 1, bits 63:32 of the addresses of VMCSs and of what they point to must be 0, too.\n"
    "- That an address must be *canonical*, and conditions on bits 63:32, are checked only on processors with\n"
    "  Intel 64 architecture; without it these fields have 32 bits. Canonical means: for the widest linear\n"
    "  addresses of the processor, unless something else is said.\n"
    "- *Reserved* bits of an MSR or a control word are those that the processor does not have.\n"
    "- The guest of an entry that returns from SMM runs under the VM-execution controls of the executive VMCS;\n"
    "  its guest state is checked against those.\n\n"
    "## The order\n\n"
    "A processor stops at the first condition that is not met. The manual fixes the order of the stages: the\n"
    "conditions of the instruction itself, in the order given; then controls and host state (errors 7 and 8),\n"
    "with no order between the two; then guest state (exit 33); then the MSR-load area (exit 34). Within a\n"
    "stage the order is open, and processors differ: a VMCS that breaks several rules may be reported for any\n"
    "of them. The number in the first column is the place in vmxsim's order. The manual also reserves to future\n"
    "processors the right not to make a check.\n\n"
    "Where else the manual leaves something open or contradicts itself, a remark under the section's heading\n"
    "says what is done here.\n\n"
    "## Contents\n\n"
    "With the number of checks.\n\n";

static void put_introduction(void) {
  printf("<!-- Made by `vmxsim rules` out of the catalog in checks/catalog/. Do not edit. -->\n\n"
         "# The rules of a VM entry\n\n"
         "Every condition that VMLAUNCH and VMRESUME check, %u in all, by section of the manual's chapter \"VM\n"
         "Entries\" (SDM volume 3C) and, within a section, by field or register. The sentences are ours.\n"
         "`vmxsim explain CHECK` shows one check, `vmxsim explain FIELD` those that read a field, and\n"
         "`vmxsim check` finds those that a VMCS breaks.\n\n",
         vmxsim_check_count());
  fputs(introduction, stdout);
}

void rules_print_markdown(void) {
  struct rules_document *document = rules_document_begin();
  put_introduction();
  put_contents(document);
  for (unsigned n = 0; n < document->sections; n++) put_section(document, n);
  rules_print_indexes(document);
  rules_document_end(document);
}
