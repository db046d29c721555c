/* The layout of docs/rules.md: sections of the manual, and under them headings by field and register. */
#ifndef VMXSIM_CLI_RULES_DOCUMENT_H
#define VMXSIM_CLI_RULES_DOCUMENT_H

#include "vmxsim/vmxsim.h"

struct rules_section {
  const char *number, *title, *remarks; /* number and remarks may be "" */
  unsigned count;                       /* of checks */
};

struct rules_heading {
  unsigned section;
  unsigned count; /* of checks */
  char title[120];
  char anchor[140]; /* GitHub's, unique in the document */
};

enum { RULES_SECTIONS_MAX = 64, RULES_HEADINGS_MAX = 400, RULES_HEADING_FIELDS_MAX = 8 };

struct rules_document {
  struct rules_section section[RULES_SECTIONS_MAX]; /* in the order of the document */
  char section_anchor[RULES_SECTIONS_MAX][140];
  unsigned sections;
  struct rules_heading heading[RULES_HEADINGS_MAX]; /* in the order of evaluation of their first checks */
  unsigned headings;
  unsigned *heading_of; /* of each check */
};

/* To be freed by rules_document_end(). */
struct rules_document *rules_document_begin(void);
void rules_document_end(struct rules_document *document);

/* Whether a section has headings of its own: not if there would be one only. */
bool rules_section_has_headings(const struct rules_document *document, unsigned section);
/* The VMCS fields that a heading is about; returns how many. */
unsigned rules_heading_fields(const struct rules_document *document, unsigned heading,
                              vmxsim_field fields[RULES_HEADING_FIELDS_MAX]);
/* How many characters of an id come before its last part. */
size_t rules_subject_length(const char *id);

/* The checks of a section or of a heading. */
struct rules_part {
  const struct rules_document *document;
  bool is_section;
  unsigned number;
};

bool rules_part_has(const struct rules_part *part, vmxsim_check check);
/* Whether all checks of the part read it. */
bool rules_part_all_read(const struct rules_part *part, unsigned input);

/* `vmxsim rules --format md` */
void rules_print_markdown(void);
void rules_print_indexes(const struct rules_document *document);

#endif
