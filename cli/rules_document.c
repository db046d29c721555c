/* Which section and which heading of docs/rules.md a check stands under. */
#define _POSIX_C_SOURCE 200809L
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/rules_document.h"

static const struct rules_section known_sections[] = {
#define SECTION(number, title, remarks) {number, title, remarks, 0},
#define HEADING(pattern, title, fields)
#include "cli/rules_headings.def"
#undef SECTION
#undef HEADING
};

static const struct known_heading {
  const char *pattern, *title, *fields;
} known_headings[] = {
#define SECTION(number, title, remarks)
#define HEADING(pattern, title, fields) {pattern, title, fields},
#include "cli/rules_headings.def"
#undef SECTION
#undef HEADING
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

size_t rules_subject_length(const char *id) {
  const char *last = strrchr(id, '.');
  return last ? (size_t)(last - id) : strlen(id);
}

struct subject {
  char id[100];    /* "guest.s-cet" */
  char field[100]; /* "guest_s_cet", without "controls." and the like */
};

static void subject_of(vmxsim_check check, struct subject *subject) {
  struct vmxsim_check_info info;
  vmxsim_check_describe(check, &info);
  snprintf(subject->id, sizeof subject->id, "%.*s", (int)rules_subject_length(info.id), info.id);
  size_t length = 0;
  for (const char *from = subject->id; *from; from++) {
    subject->field[length++] = *from == '.' || *from == '-' ? '_' : *from;
  }
  subject->field[length] = 0;
}

static const struct known_heading *known_heading_of(const struct subject *subject) {
  for (size_t n = 0; n < COUNT_OF(known_headings); n++) {
    if (!fnmatch(known_headings[n].pattern, subject->id, 0)) return &known_headings[n];
  }
  return NULL;
}

/* "guest_s_cet" is guest_ia32_s_cet, "guest_cs" is guest_cs_selector and all that begin so. */
static bool is_field_of_subject(vmxsim_field field, const struct subject *subject) {
  const char *name = vmxsim_field_name(field);
  const size_t area = strcspn(subject->field, "_"), length = strlen(subject->field);
  if (!strncmp(name, subject->field, length)) return !name[length] || name[length] == '_';
  return subject->field[area] && !strncmp(name, subject->field, area) && !strncmp(name + area, "_ia32", 5) &&
         !strcmp(name + area + 5, subject->field + area);
}

static unsigned fields_in_list(const char *list, vmxsim_field fields[RULES_HEADING_FIELDS_MAX]) {
  unsigned count = 0;
  while (*list && count < RULES_HEADING_FIELDS_MAX) {
    const size_t length = strcspn(list, " ");
    if (vmxsim_field_from_name(list, length, &fields[count], NULL) == VMXSIM_OK) count++;
    list += length + strspn(list + length, " ");
  }
  return count;
}

static unsigned fields_of_subject(const struct subject *subject, vmxsim_field fields[RULES_HEADING_FIELDS_MAX]) {
  unsigned count = 0;
  const struct known_heading *known = known_heading_of(subject);
  if (known) return fields_in_list(known->fields, fields);
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT && count < RULES_HEADING_FIELDS_MAX; n++) {
    if (is_field_of_subject((vmxsim_field)n, subject)) fields[count++] = (vmxsim_field)n;
  }
  return count;
}

/* "Guest CS", "IA32_S_CET"; the id itself where there is no rule. */
static void title_from_id(const struct subject *subject, char *title, size_t size) {
  const size_t area = strcspn(subject->id, ".");
  const bool is_state = !strncmp(subject->id, "guest.", 6) || !strncmp(subject->id, "host.", 5);
  const bool is_msr = !strncmp(subject->id, "msr-load.", 9);
  size_t length = (size_t)snprintf(title, size, "%s", is_msr ? "IA32_" : subject->id);
  if (!is_state && !is_msr) return;
  if (is_state) {
    title[0] = (char)(title[0] - 'a' + 'A');
    title[area] = ' ';
    length = area + 1;
  }
  for (const char *from = subject->id + area + 1; *from && length + 1 < size; from++) {
    const bool is_small = *from >= 'a' && *from <= 'z';
    title[length++] = *from == '-' ? '_' : (char)(is_small ? *from - 'a' + 'A' : *from);
  }
  title[length] = 0;
}

static void title_of_subject(const struct subject *subject, char *title, size_t size) {
  const struct known_heading *known = known_heading_of(subject);
  vmxsim_field fields[RULES_HEADING_FIELDS_MAX];
  const unsigned count = fields_of_subject(subject, fields);
  if (known && *known->title) {
    snprintf(title, size, "%s", known->title);
  } else if (known ? count > 0 : count == 1) {
    snprintf(title, size, "%s", vmxsim_field_term(fields[0]));
  } else {
    title_from_id(subject, title, size);
  }
}

/* Sections that the catalog names: those of the table in its order, then the others. */
static unsigned find_section(const struct rules_document *document, const char *title) {
  unsigned n = 0;
  while (n < document->sections && strcmp(document->section[n].title, title) != 0) n++;
  return n;
}

static void make_sections(struct rules_document *document) {
  for (size_t n = 0; n < COUNT_OF(known_sections); n++) document->section[document->sections++] = known_sections[n];
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    const unsigned n = find_section(document, info.section);
    if (n == document->sections && n < RULES_SECTIONS_MAX) {
      document->section[document->sections++] = (struct rules_section){"", info.section, "", 0};
    }
    if (n < RULES_SECTIONS_MAX) document->section[n].count++;
  }
}

static unsigned find_heading(const struct rules_document *document, unsigned section, const char *title) {
  unsigned n = 0;
  while (n < document->headings &&
         (document->heading[n].section != section || strcmp(document->heading[n].title, title) != 0)) {
    n++;
  }
  return n;
}

static void make_headings(struct rules_document *document) {
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    struct subject subject = {0};
    struct rules_heading heading = {.count = 0};
    vmxsim_check_describe(check, &info);
    subject_of(check, &subject);
    heading.section = find_section(document, info.section);
    title_of_subject(&subject, heading.title, sizeof heading.title);
    unsigned n = find_heading(document, heading.section, heading.title);
    if (n == RULES_HEADINGS_MAX) n--; /* never: there are far fewer */
    if (n == document->headings) document->heading[document->headings++] = heading;
    document->heading[n].count++;
    document->heading_of[check] = n;
  }
}

/* GitHub's anchor of a heading: letters, digits, '-' and '_' stay, a space becomes '-'; a second heading of the same
 * name gets "-1", and so on. */
static void make_anchor(const char *title, unsigned repeated, char *anchor, size_t size) {
  size_t length = 0;
  for (const char *from = title; *from && length + 12 < size; from++) {
    const char c = *from;
    if (c == ' ') anchor[length++] = '-';
    if (c >= 'A' && c <= 'Z') anchor[length++] = (char)(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') anchor[length++] = c;
  }
  anchor[length] = 0;
  if (repeated) snprintf(anchor + length, size - length, "-%u", repeated);
}

/* How often `title` is a heading before this one, in the order of the document. */
static unsigned times_before(const struct rules_document *document, const struct rules_heading *heading) {
  unsigned count = 0;
  for (unsigned n = 0; n < document->headings; n++) {
    const struct rules_heading *other = &document->heading[n];
    if (rules_section_has_headings(document, other->section) && !strcmp(other->title, heading->title)) {
      count += other->section < heading->section;
    }
  }
  return count;
}

static void make_anchors(struct rules_document *document) {
  for (unsigned n = 0; n < document->sections; n++) {
    make_anchor(document->section[n].title, 0, document->section_anchor[n], sizeof document->section_anchor[n]);
  }
  for (unsigned n = 0; n < document->headings; n++) {
    struct rules_heading *heading = &document->heading[n];
    if (rules_section_has_headings(document, heading->section)) {
      make_anchor(heading->title, times_before(document, heading), heading->anchor, sizeof heading->anchor);
    } else {
      snprintf(heading->anchor, sizeof heading->anchor, "%s", document->section_anchor[heading->section]);
    }
  }
}

struct rules_document *rules_document_begin(void) {
  struct rules_document *document = allocate(1, sizeof *document);
  document->heading_of = allocate(vmxsim_check_count(), sizeof *document->heading_of);
  make_sections(document);
  make_headings(document);
  make_anchors(document);
  return document;
}

void rules_document_end(struct rules_document *document) {
  free(document->heading_of);
  free(document);
}

bool rules_section_has_headings(const struct rules_document *document, unsigned section) {
  unsigned count = 0;
  for (unsigned n = 0; n < document->headings; n++) count += document->heading[n].section == section;
  return count > 1;
}

unsigned rules_heading_fields(const struct rules_document *document, unsigned heading,
                              vmxsim_field fields[RULES_HEADING_FIELDS_MAX]) {
  struct subject subject = {0};
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    if (document->heading_of[check] != heading) continue;
    subject_of(check, &subject);
    return fields_of_subject(&subject, fields);
  }
  return 0;
}

bool rules_part_has(const struct rules_part *part, vmxsim_check check) {
  const unsigned heading = part->document->heading_of[check];
  return (part->is_section ? part->document->heading[heading].section : heading) == part->number;
}

bool rules_part_all_read(const struct rules_part *part, unsigned input) {
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    if (rules_part_has(part, check) && !vmxsim_check_reads(check, input)) return false;
  }
  return true;
}
