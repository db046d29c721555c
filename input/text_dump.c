/* Reading dumps that print labels in sections.
 *
 * The text is taken as a stream of blank-separated words, not as lines, because mailers break lines anywhere between
 * two words. Timestamps and names of modules are words without a meaning; a label is what its last words are, just
 * before an '='. The labels are data: text_labels.def. */
#include "text_dump.h"

#include <string.h>

enum dump_group {
#define GROUP(word, group) GROUP_##group,
#include "text_labels.def"
  GROUP_none
};

static const struct {
  const char *word;
  enum dump_group group;
} groups[] = {
#define GROUP(word, group) {word, GROUP_##group},
#include "text_labels.def"
};

enum segment_part { PART_SELECTOR, PART_ACCESS_RIGHTS, PART_LIMIT, PART_BASE, PARTS };

static const struct dump_segment {
  enum dump_group group;
  vmxsim_field part[PARTS];
} segments[] = {
#define SEGMENT(group, selector, access_rights, limit, base) \
  {GROUP_##group, {VMXSIM_FIELD_##selector, VMXSIM_FIELD_##access_rights, VMXSIM_FIELD_##limit, VMXSIM_FIELD_##base}},
#include "text_labels.def"
};

enum label_kind { KIND_FIELD, KIND_PAIR, KIND_BYTES, KIND_IGNORED };

struct dump_label {
  enum dump_section section;
  enum dump_group group;
  const char *text;
  size_t length;
  enum label_kind kind;
  vmxsim_field field, second;
  bool signature, xen;
};

static const struct dump_label labels[] = {
#define FIELD_OF(name) VMXSIM_FIELD_##name
#define ROW(section, group, label, kind, first, second, signature, xen) \
  {SECTION_##section, GROUP_##group, label, sizeof(label) - 1, kind, FIELD_OF(first), FIELD_OF(second), signature, xen},
#define LABEL(section, group, label, field) ROW(section, group, label, KIND_FIELD, field, COUNT, false, false)
#define SIGNATURE(section, group, label, field) ROW(section, group, label, KIND_FIELD, field, COUNT, true, false)
#define XEN_LABEL(section, group, label, field) ROW(section, group, label, KIND_FIELD, field, COUNT, false, true)
#define LABEL_PAIR(section, group, label, first, second) \
  ROW(section, group, label, KIND_PAIR, first, second, false, false)
#define LABEL_BYTES(section, group, label, field) ROW(section, group, label, KIND_BYTES, field, COUNT, false, false)
#define LABEL_IGNORED(section, group, label) ROW(section, group, label, KIND_IGNORED, COUNT, COUNT, false, false)
#define SEGMENT(group, selector, access_rights, limit, base) \
  LABEL(guest, group, "sel", selector) \
  LABEL(guest, group, "attr", access_rights) \
  SIGNATURE(guest, group, "limit", limit) \
  SIGNATURE(guest, group, "base", base)
#include "text_labels.def"
};

/* Lines of other printers that would be taken for ours: QEMU's registers, oopses. */
static const char *const foreign[] = {
    "QEMU[", " CR2=", "EAX=",  "ESI=",  "EIP=", "RAX=", "RSI=", "R8 =", "R12=", "EFER=0000", "DR0=",
    "DR6=",  "LDT=",  "GDT= ", "IDT= ", "ES =", "CS =", "SS =", "DS =", "FS =", "GS =",      "TR =0"};

/* What ends a dump. */
static const char *const ends[] = {"domain_crash called", "----[ Xen", "<<<"};

static const struct {
  const char *name; /* before " State" */
  enum dump_section section;
} headings[] = {{"guest", SECTION_guest}, {"host", SECTION_host}, {"control", SECTION_control}};

enum { LINES_BEFORE_HEADING = 60, LINES_AFTER_CONTROL = 8, LINES_WITHOUT_ANY = 200 };

bool text_dump_is_in(const char *text, size_t length) {
  static const char *const signs[] = {"Guest State **", "Host State **", "Control State **", "GUEST STATE -",
                                      "CR0: actual",    "PinBased=",     "EntryControls=",   "FSBase="};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    if (text_find(text, length, signs[i])) return true;
  }
  return false;
}

/* Where the first heading is not "Guest State", the lines above it are the end of the section before. */
static void look_for_first_heading(struct text_dump *dump, const char *bytes, size_t length) {
  static const char *const signs[] = {"Guest State **", "Host State **", "Control State **"};
  const char *first = bytes + length;
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
    const char *at = text_find(bytes, (size_t)(first - bytes), signs[i]);
    if (!at) continue;
    first = at;
    dump->header_section = (enum dump_section)i; /* the one before */
  }
  if (dump->header_section == SECTION_none) return;
  dump->header_line = 1;
  for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(first - at))); at++) dump->header_line++;
}

static void forget_words(struct text_dump *dump) {
  for (size_t i = 0; i < DUMP_WORDS; i++) dump->words[i][0] = 0;
}

void text_dump_begin(struct text_dump *dump, struct text_case *text, struct text_report *pending_report,
                     const char *bytes, size_t length) {
  *dump = (struct text_dump){.text = text, .pending_report = pending_report, .last_field = VMXSIM_FIELD_COUNT};
  dump->group = GROUP_none;
  dump->column_of_row = PARTS;
  if (length) look_for_first_heading(dump, bytes, length);
}

static void push_word(struct text_dump *dump, const char *at, size_t length) {
  const size_t size = length < DUMP_WORD_MAX ? length : 0;
  memmove(dump->words[0], dump->words[1], sizeof dump->words[0] * (DUMP_WORDS - 1));
  memcpy(dump->words[DUMP_WORDS - 1], at, size);
  dump->words[DUMP_WORDS - 1][size] = 0;
}

/* Whether the last words are those of a label. */
static bool words_are(const struct text_dump *dump, const char *label, size_t end) {
  for (size_t i = DUMP_WORDS; i--;) {
    const char *word = dump->words[i];
    const size_t size = strlen(word);
    if (!size || size > end || memcmp(label + end - size, word, size)) return false;
    if (size == end) return true;
    end -= size;
    if (label[--end] != ' ') return false;
  }
  return false;
}

static const struct dump_segment *segment_of(unsigned group) {
  for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
    if (segments[i].group == group) return &segments[i];
  }
  return NULL;
}

/* The label that the last words are: of the current section, the longest, one of the current group before others;
 * else one that tells its section. */
static const struct dump_label *find_label(const struct text_dump *dump) {
  const struct dump_label *best = NULL;
  const char *last = dump->words[DUMP_WORDS - 1];
  if (!*last) return NULL;
  const char ending = last[strlen(last) - 1];
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    const struct dump_label *label = &labels[i];
    const bool here = label->section == dump->section;
    if (!here && !label->signature) continue;
    if (label->group != GROUP_none && label->group != dump->group) continue;
    if (label->kind == KIND_FIELD && label->field == VMXSIM_FIELD_COUNT) continue;
    if (label->text[label->length - 1] != ending || !words_are(dump, label->text, label->length)) continue;
    if (best && best->section == dump->section && !here) continue;
    const bool best_is_here = best && best->section == dump->section;
    const bool better = !best || (here && !best_is_here) || label->length > best->length ||
                        (label->length == best->length && label->group != GROUP_none);
    if (better) best = label;
  }
  return best;
}

/* Whether everything that Linux always prints is there, so that nothing was cut out. */
static bool is_whole(const struct text_dump *dump) {
  static const vmxsim_field always[] = {
      VMXSIM_FIELD_guest_cr3, VMXSIM_FIELD_guest_rip,        VMXSIM_FIELD_guest_interruptibility_state,
      VMXSIM_FIELD_host_rip,  VMXSIM_FIELD_host_cs_selector, VMXSIM_FIELD_host_ia32_sysenter_eip,
      VMXSIM_FIELD_host_cr3,  VMXSIM_FIELD_host_fs_base,     VMXSIM_FIELD_guest_ia32_sysenter_eip};
  const unsigned all = 1u << SECTION_guest | 1u << SECTION_host | 1u << SECTION_control;
  if (dump->cut || dump->sections_seen != all) return false;
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
    if (!dump->text->values[always[i]].given) return false;
  }
  for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
    if (!dump->text->values[segments[i].part[PART_BASE]].given) return false;
  }
  return true;
}

/* Kernels that print the tertiary controls print the lists of MSRs wherever there are any: none printed, none there. */
static void infer_counts(struct text_dump *dump) {
  static const struct {
    enum dump_list list;
    vmxsim_field count;
  } lists[] = {{LIST_ENTRY_LOAD, VMXSIM_FIELD_vm_entry_msr_load_count},
               {LIST_EXIT_STORE, VMXSIM_FIELD_vm_exit_msr_store_count},
               {LIST_EXIT_LOAD, VMXSIM_FIELD_vm_exit_msr_load_count}};
  const bool complete = dump->linux_lists && !dump->xen && is_whole(dump);
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    const size_t count = dump->list_count[lists[i].list];
    if (dump->text->values[lists[i].count].given || (!count && !complete)) continue;
    text_case_set(dump->text, lists[i].count, count, dump->text->line, 1);
  }
}

static vmxsim_status end_case(struct text_dump *dump, struct vmxsim_diagnostic *diagnostic) {
  struct text_case *text = dump->text;
  if (!text->open) return VMXSIM_OK;
  if (dump->waiting) text_case_not_understood(text, dump->waiting_line);
  /* Old Xen prints the length of VM entry on both lines. */
  if (dump->old_xen) text_case_forget(text, VMXSIM_FIELD_vm_exit_instruction_length);
  if (text->value_count) infer_counts(dump);
  text->format = dump->xen ? "Xen VMCS area" : "Linux kernel log";
  return text_case_end(text, diagnostic);
}

static vmxsim_status begin_case(struct text_dump *dump, unsigned line, struct vmxsim_diagnostic *diagnostic) {
  const vmxsim_status status = end_case(dump, diagnostic);
  if (status != VMXSIM_OK) return status;
  text_case_begin(dump->text, "Linux kernel log", line);
  dump->text->report = *dump->pending_report;
  *dump->pending_report = (struct text_report){.kind = -1, .vmresume = -1};
  dump->waiting = dump->old_xen = dump->linux_lists = dump->cut = false;
  dump->list = LIST_NONE;
  dump->sections_seen = 0;
  memset(dump->list_count, 0, sizeof dump->list_count);
  return VMXSIM_OK;
}

/* Going to a section that comes earlier in a dump, or to the same by a heading, begins another dump. */
static vmxsim_status enter(struct text_dump *dump, enum dump_section section, bool heading, unsigned line,
                           struct vmxsim_diagnostic *diagnostic) {
  const enum dump_section from = dump->section;
  const bool again = section < from || (heading && (dump->sections_seen >> section) & 1);
  if (!dump->text->open || from == SECTION_none || again) {
    const vmxsim_status status = begin_case(dump, line, diagnostic);
    if (status != VMXSIM_OK) return status;
  }
  if (heading) dump->sections_seen |= 1u << section;
  dump->section = section;
  dump->list = LIST_NONE;
  dump->understood_line = line;
  return VMXSIM_OK;
}

static void understood(struct text_dump *dump, vmxsim_field field, unsigned line) {
  dump->last_field = field;
  dump->understood_line = line;
}

/* Whether a line that has a pair we do not know counts: not what comes long after the dump. */
static bool counts(const struct text_dump *dump, unsigned line) {
  const unsigned distance = line - dump->understood_line;
  if (dump->section == SECTION_none) return false;
  return distance <= (dump->section == SECTION_control ? LINES_AFTER_CONTROL : LINES_WITHOUT_ANY);
}

static void not_understood(struct text_dump *dump, unsigned line) {
  if (counts(dump, line)) text_case_not_understood(dump->text, line);
}

static void set(struct text_dump *dump, vmxsim_field field, struct text_number number, const struct text_line *line,
                const char *at) {
  const bool good = number.digits && !number.overflow;
  const unsigned column = text_line_column(line, at, number.digits < 4 ? 1 : 4);
  if (!good || text_case_set(dump->text, field, number.value, line->number, column)) {
    text_case_not_understood(dump->text, line->number);
  } else {
    understood(dump, field, line->number);
  }
}

static void set_pair(struct text_dump *dump, const struct dump_label *label, const struct text_line *line,
                     const char *at, size_t length) {
  const char separator = label->kind == KIND_PAIR ? ':' : '|';
  const char *middle = memchr(at, separator, length);
  if (!middle) {
    text_case_not_understood(dump->text, line->number);
    return;
  }
  const struct text_number first = text_number_read(at, (size_t)(middle - at));
  struct text_number second = text_number_read(middle + 1, length - (size_t)(middle - at) - 1);
  if (label->kind == KIND_PAIR) {
    set(dump, label->field, first, line, at);
    set(dump, label->second, second, line, middle + 1);
  } else if (!dump->text->values[label->field].given && first.value <= 0xff && second.value <= 0xff) {
    second.value |= first.value << 8;
    if (!first.digits) second.digits = 0;
    set(dump, label->field, second, line, at);
  }
}

/* "msr=0x... value=0x..." in a list of MSRs. */
static bool take_msr(struct text_dump *dump, struct text_number number, unsigned line) {
  struct text_case *text = dump->text;
  const bool index = words_are(dump, "msr", 3), value = words_are(dump, "value", 5);
  if (dump->list == LIST_NONE || (!index && !value) || !number.digits || number.overflow) return false;
  dump->understood_line = line;
  if (index) {
    dump->msr_index = (uint32_t)number.value;
    return true;
  }
  dump->list_count[dump->list]++;
  if (dump->list == LIST_ENTRY_LOAD && text->entry_load_count < TEXT_MSRS_MAX) {
    text->entry_load[text->entry_load_count++] = (struct text_msr){dump->msr_index, number.value};
  }
  return true;
}

/* Whether a word can be a value at all. */
static bool is_value(const char *at, size_t length) {
  return length && text_digit(*at) >= 0 &&
         (text_number_read(at, length).digits || memchr(at, ':', length) || memchr(at, '|', length));
}

static void take_value(struct text_dump *dump, const struct dump_label *label, const struct text_line *line,
                       const char *at, size_t length) {
  const struct text_number number = text_number_read(at, length);
  if (!label) {
    if (number.marked || number.digits >= 4) not_understood(dump, line->number);
  } else if (label->kind == KIND_IGNORED) {
    dump->understood_line = line->number;
  } else if (label->kind == KIND_FIELD) {
    set(dump, label->field, number, line, at);
  } else {
    set_pair(dump, label, line, at, length);
  }
  dump->last_field = label && label->kind == KIND_FIELD ? label->field : VMXSIM_FIELD_COUNT;
}

/* What is learned of the printer from a label that it uses. */
static void learn(struct text_dump *dump, const struct dump_label *label) {
  dump->xen |= label->xen;
  dump->old_xen |= label->field == VMXSIM_FIELD_cr3_target_count;
  dump->linux_lists |= label->field == VMXSIM_FIELD_tertiary_processor_based_vm_execution_controls;
}

/* A word with an '=' in it, or alone: the words before are a label. */
static vmxsim_status take_label(struct text_dump *dump, const struct text_line *line, const char *at, size_t length,
                                const char *equals, struct vmxsim_diagnostic *diagnostic) {
  const char *right = equals + 1;
  const size_t size = (size_t)(at + length - right);
  if (equals > at) push_word(dump, at, (size_t)(equals - at));
  if (size && take_msr(dump, text_number_read(right, size), line->number)) {
    forget_words(dump);
    return VMXSIM_OK;
  }
  const struct dump_label *label = find_label(dump);
  forget_words(dump);
  dump->column_of_row = PARTS;
  if (label) {
    if (label->section != dump->section) {
      const vmxsim_status status = enter(dump, label->section, false, line->number, diagnostic);
      if (status != VMXSIM_OK) return status;
    }
    if (label->group == GROUP_none) dump->group = GROUP_none;
    dump->list = LIST_NONE;
    learn(dump, label);
  }
  if (size) {
    take_value(dump, label, line, right, size);
  } else {
    dump->waiting = dump->section != SECTION_none;
    dump->label = label;
    dump->waiting_line = line->number;
  }
  return VMXSIM_OK;
}

/* The value of a label that stood before. Over the end of a line, only a number that cannot be a date or a time. */
static bool take_waiting(struct text_dump *dump, const struct text_line *line, const char *at, size_t length) {
  if (!dump->waiting || (length == 1 && *at == '=')) return false;
  const char *remark = length ? memchr(at + 1, '(', length - 1) : NULL; /* "0x...(corrupted!)" */
  if (remark) length = (size_t)(remark - at);
  const struct text_number number = text_number_read(at, length);
  const bool short_hex = number.digits == 4 && (number.has_letters || *at == '0');
  const bool sure = number.marked || number.digits >= 8 || short_hex || memchr(at, '|', length);
  dump->waiting = false;
  if (is_value(at, length) && (line->number == dump->waiting_line || sure)) {
    take_value(dump, dump->label, line, at, length);
    return true;
  }
  if (dump->label) text_case_not_understood(dump->text, dump->waiting_line);
  return false;
}

/* A value of a row of Xen's table of segments. The widths are fixed, so that nothing else is taken for it. */
static bool take_row(struct text_dump *dump, const struct text_line *line, const char *at, size_t length) {
  static const unsigned digits[PARTS] = {4, 5, 8, 16};
  const struct dump_segment *segment = segment_of(dump->group);
  if (!segment || dump->section != SECTION_guest || dump->column_of_row >= PARTS) return false;
  const struct text_number number = text_number_read(at, length);
  const unsigned part = dump->column_of_row;
  if (number.marked || number.digits != digits[part] || length != digits[part]) {
    if (part != PART_SELECTOR && segment->part[part - 1] != VMXSIM_FIELD_COUNT) not_understood(dump, line->number);
    dump->column_of_row = PARTS;
    return false;
  }
  set(dump, segment->part[part], number, line, at);
  dump->column_of_row++;
  dump->xen = true;
  return true;
}

static bool take_group(struct text_dump *dump, const char *at, size_t length) {
  if (!length || at[length - 1] != ':') return false;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    if (!text_equal(at, length, groups[i].word)) continue;
    const struct dump_segment *segment = segment_of(groups[i].group);
    dump->group = groups[i].group;
    dump->column_of_row = PARTS;
    if (segment) dump->column_of_row = segment->part[PART_SELECTOR] == VMXSIM_FIELD_COUNT ? PART_LIMIT : PART_SELECTOR;
    forget_words(dump);
    return true;
  }
  return false;
}

/* "MSR guest autoload:" and its like. */
static bool take_list(struct text_dump *dump, const char *at, size_t length) {
  const char *before = dump->words[DUMP_WORDS - 1];
  const bool load = text_equal(at, length, "autoload:"), store = text_equal(at, length, "autostore:");
  if (dump->section == SECTION_none || (!load && !store)) return false;
  dump->list = store || !strcmp(before, "autostore") ? LIST_EXIT_STORE : LIST_ENTRY_LOAD;
  if (!strcmp(before, "host")) dump->list = LIST_EXIT_LOAD;
  return true;
}

/* "*** Guest State ***": at the last word of it. */
static bool take_heading(struct text_dump *dump, const struct text_line *line, const char *at, size_t length,
                         struct vmxsim_diagnostic *diagnostic, vmxsim_status *status) {
  const char *state = dump->words[DUMP_WORDS - 1], *name = dump->words[DUMP_WORDS - 2];
  if (length < 3 || (memcmp(at, "***", 3) && memcmp(at, "---", 3))) return false;
  if (length >= 20 && *at == '*' && dump->section == SECTION_control) dump->section = SECTION_none;
  if (!text_equal_folded(state, strlen(state), "state") || memcmp(dump->words[0], at, 3) != 0) return false;
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
    if (!text_equal_folded(name, strlen(name), headings[i].name)) continue;
    *status = enter(dump, headings[i].section, true, line->number, diagnostic);
    dump->group = GROUP_none;
    forget_words(dump);
    return true;
  }
  return false;
}

/* "EFER= 0x... (effective)" is what KVM works with and "(autoload)" what an MSR list has: neither is the field. */
static bool take_remark(struct text_dump *dump, const char *at, size_t length) {
  if (*at != '(') return false;
  if (text_equal(at, length, "(XEN)")) dump->xen = true;
  if ((text_equal(at, length, "(effective)") || text_equal(at, length, "(autoload)")) &&
      dump->last_field != VMXSIM_FIELD_COUNT) {
    text_case_forget(dump->text, dump->last_field);
    dump->last_field = VMXSIM_FIELD_COUNT;
  }
  return true;
}

static bool is_cut(const char *at, size_t length) {
  return text_equal(at, length, "...") || text_equal(at, length, "....") || text_equal(at, length, "[snip]") ||
         text_equal(at, length, "<snip>");
}

static vmxsim_status take_word(struct text_dump *dump, const struct text_line *line, const char *at, size_t length,
                               struct vmxsim_diagnostic *diagnostic) {
  vmxsim_status status = VMXSIM_OK;
  while (length && (at[length - 1] == ',' || at[length - 1] == ';')) length--;
  if (!length) return VMXSIM_OK;
  if (take_waiting(dump, line, at, length)) return VMXSIM_OK;
  const char *equals = memchr(at, '=', length);
  if (equals) return take_label(dump, line, at, length, equals, diagnostic);
  if (take_remark(dump, at, length) || take_row(dump, line, at, length)) return VMXSIM_OK;
  if (take_group(dump, at, length) || take_list(dump, at, length)) return VMXSIM_OK;
  if (take_heading(dump, line, at, length, diagnostic, &status)) return status;
  if (is_cut(at, length)) {
    dump->cut = true;
    dump->group = GROUP_none;
  }
  push_word(dump, at, length);
  return VMXSIM_OK;
}

static bool is_foreign(const struct text_line *line) {
  if (!memchr(line->text, '=', line->length) && !text_line_find(line, "QEMU[")) return false;
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    if (text_line_find(line, foreign[i])) return true;
  }
  return false;
}

/* Where the paste begins in the middle of a dump. */
static vmxsim_status enter_headless(struct text_dump *dump, const struct text_line *line,
                                    struct vmxsim_diagnostic *diagnostic) {
  const bool near = line->number < dump->header_line && dump->header_line - line->number <= LINES_BEFORE_HEADING;
  if (!near || dump->section != SECTION_none || dump->text->open) return VMXSIM_OK;
  return enter(dump, dump->header_section, false, line->number, diagnostic);
}

vmxsim_status text_dump_line(struct text_dump *dump, const struct text_line *line,
                             struct vmxsim_diagnostic *diagnostic) {
  const char *at = line->text, *const end = at + line->length;
  vmxsim_status status = line->length ? enter_headless(dump, line, diagnostic) : VMXSIM_OK;
  if (is_foreign(line)) return status;
  for (size_t i = 0; dump->section == SECTION_control && i < sizeof ends / sizeof *ends; i++) {
    if (text_line_find(line, ends[i])) dump->section = SECTION_none;
  }
  while (status == VMXSIM_OK && at < end) {
    while (at < end && text_is_blank(*at)) at++;
    const char *word = at;
    while (at < end && !text_is_blank(*at)) at++;
    if (at > word) status = take_word(dump, line, word, (size_t)(at - word), diagnostic);
  }
  return status;
}

vmxsim_status text_dump_end(struct text_dump *dump, struct vmxsim_diagnostic *diagnostic) {
  return end_case(dump, diagnostic);
}
