/* The indexes of docs/rules.md: which checks read a field or another input. */
#include <stdio.h>
#include <string.h>

#include "cli/paragraph.h"
#include "cli/rules_document.h"

/* The checks under one heading that have one subject (what comes before the last part of the id). */
struct subject_checks {
  const char *id;
  size_t length;
  unsigned heading;
};

static bool is_of_subject(const struct rules_document *document, const struct subject_checks *subject,
                          vmxsim_check check) {
  struct vmxsim_check_info info;
  vmxsim_check_describe(check, &info);
  return document->heading_of[check] == subject->heading && rules_subject_length(info.id) == subject->length &&
         !strncmp(info.id, subject->id, subject->length);
}

static void put_link(struct paragraph *paragraph, const char *text, size_t length, const char *end, const char *anchor,
                     bool *first) {
  char word[400];
  paragraph_comma(paragraph, first);
  snprintf(word, sizeof word, "[`%.*s%s`](#%s)", (int)length, text, end, anchor);
  paragraph_word(paragraph, word);
}

/* Whole sections whose checks all read the input */
static void put_reading_sections(struct paragraph *paragraph, const struct rules_document *document, unsigned input,
                                 bool *first) {
  for (unsigned n = 0; n < document->sections; n++) {
    const struct rules_part part = {document, true, n};
    char word[300];
    if (document->section[n].count < 2 || !rules_part_all_read(&part, input)) continue;
    paragraph_comma(paragraph, first);
    paragraph_word(paragraph, "all of");
    snprintf(word, sizeof word, "[%s](#%s)", document->section[n].title, document->section_anchor[n]);
    paragraph_word(paragraph, word);
  }
}

/* Those of `first_check`'s subject that read the input: "guest.cr0.*" for all of several. */
static void put_readers_of_subject(struct paragraph *paragraph, const struct rules_document *document,
                                   vmxsim_check first_check, unsigned input, bool *first) {
  struct vmxsim_check_info info;
  vmxsim_check_describe(first_check, &info);
  const struct subject_checks subject = {info.id, rules_subject_length(info.id), document->heading_of[first_check]};
  const struct rules_heading *heading = &document->heading[subject.heading];
  const struct rules_part section = {document, true, heading->section};
  unsigned count = 0, readers = 0;
  if (document->section[heading->section].count > 1 && rules_part_all_read(&section, input)) return;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    if (!is_of_subject(document, &subject, check)) continue;
    if (check < first_check) return; /* they have been put */
    count++;
    readers += vmxsim_check_reads(check, input);
  }
  if (count == readers && count > 1) {
    put_link(paragraph, subject.id, subject.length, ".*", heading->anchor, first);
    return;
  }
  for (vmxsim_check check = first_check; readers && check < vmxsim_check_count(); check++) {
    if (!is_of_subject(document, &subject, check) || !vmxsim_check_reads(check, input)) continue;
    vmxsim_check_describe(check, &info);
    put_link(paragraph, info.id, strlen(info.id), "", heading->anchor, first);
  }
}

static unsigned count_readers(unsigned input) {
  unsigned count = 0;
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) count += vmxsim_check_reads(check, input);
  return count;
}

static void put_index_entry(const struct rules_document *document, unsigned input) {
  struct paragraph paragraph = {.column = 2, .indent = 2, .begins = true};
  bool first = true;
  const unsigned count = count_readers(input);
  char text[300];
  if (!count) return;
  printf("- ");
  snprintf(text, sizeof text, "`%s`", vmxsim_input_name(input));
  paragraph_word(&paragraph, text);
  if (vmxsim_input_kind(input) == VMXSIM_INPUT_FIELD) {
    snprintf(text, sizeof text, "(%04XH; %s; %u):", vmxsim_field_encoding((vmxsim_field)input),
             vmxsim_input_about(input), count);
  } else {
    snprintf(text, sizeof text, "(%s; %u):", vmxsim_input_about(input), count);
  }
  paragraph_words(&paragraph, text);
  put_reading_sections(&paragraph, document, input, &first);
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    put_readers_of_subject(&paragraph, document, check, input, &first);
  }
  putchar('\n');
}

void rules_print_indexes(const struct rules_document *document) {
  puts("\n## Index of VMCS fields\n\n"
       "Which checks read a field, whether to judge it or to see if they apply. In brackets: the encoding, the\n"
       "manual's term, the number of checks. `guest.cr0.*` stands for all checks under that heading. Fields that are\n"
       "not here are not checked: [fields.md](fields.md) has every field.\n");
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (vmxsim_input_kind(input) == VMXSIM_INPUT_FIELD) put_index_entry(document, input);
  }
  puts("\n## Index of other inputs\n\n"
       "Capabilities of the processor, its state at the moment of the VM entry, and memory. In brackets: what it is,\n"
       "the number of checks.\n");
  for (unsigned input = 0; input < vmxsim_input_count(); input++) {
    if (vmxsim_input_kind(input) != VMXSIM_INPUT_FIELD) put_index_entry(document, input);
  }
}
