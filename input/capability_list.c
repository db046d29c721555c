/* Capability MSRs out of listings: rdmsr, AIDA64, WinDbg, VirtualBox logs, vmxcap, coreboot's inteltool, notes by hand.
 *
 * A value of an MSR is hexadecimal always, marked or not; of a number ("phys-bits: 46"), decimal. */
#include "capability_list.h"

#include <string.h>

#include "diagnose.h"

static const struct {
  const char *name;
  unsigned capability;
} msr_names[] = {
#define MSR_NAME(name, capability) {name, VMXSIM_CAPABILITY_##capability},
#define MSR_LABEL(phrase, capability)
#define PAIR_LABEL(phrase, capability)
#define CONTROL_SECTION(heading, word, capability, true_capability, default1)
#define FIELD_SECTION(heading, capability)
#define ROW(heading, label, high, low)
#define CONTROL_NAME(label, word, bit)
#include "capability_labels.def"
};

static const struct {
  const char *phrase;
  unsigned capability;
  bool pair;
} phrases[] = {
#define MSR_NAME(name, capability)
#define MSR_LABEL(phrase, capability) {phrase, VMXSIM_CAPABILITY_##capability, false},
#define PAIR_LABEL(phrase, capability) {phrase, VMXSIM_CAPABILITY_##capability, true},
#define CONTROL_SECTION(heading, word, capability, true_capability, default1)
#define FIELD_SECTION(heading, capability)
#define ROW(heading, label, high, low)
#define CONTROL_NAME(label, word, bit)
#include "capability_labels.def"
};

struct capability_section {
  const char *heading;
  unsigned capability, true_capability;
  vmxsim_control_word word; /* VMXSIM_WORD_COUNT: rows are parts of the MSR */
  uint32_t default1;
};

static const struct capability_section sections[] = {
#define MSR_NAME(name, capability)
#define MSR_LABEL(phrase, capability)
#define PAIR_LABEL(phrase, capability)
#define CONTROL_SECTION(heading, word, capability, true_capability, default1) \
  {heading, VMXSIM_CAPABILITY_##capability, VMXSIM_CAPABILITY_##true_capability, VMXSIM_WORD_##word, default1},
#define FIELD_SECTION(heading, capability) \
  {heading, VMXSIM_CAPABILITY_##capability, VMXSIM_CAPABILITY_##capability, VMXSIM_WORD_COUNT, 0},
#define ROW(heading, label, high, low)
#define CONTROL_NAME(label, word, bit)
#include "capability_labels.def"
};

static const struct {
  const char *heading, *label;
  unsigned high, low;
} rows[] = {
#define MSR_NAME(name, capability)
#define MSR_LABEL(phrase, capability)
#define PAIR_LABEL(phrase, capability)
#define CONTROL_SECTION(heading, word, capability, true_capability, default1)
#define FIELD_SECTION(heading, capability)
#define ROW(heading, label, high, low) {heading, label, high, low},
#define CONTROL_NAME(label, word, bit)
#include "capability_labels.def"
};

static const struct {
  const char *label;
  vmxsim_control_word word;
  unsigned bit;
} control_names[] = {
#define MSR_NAME(name, capability)
#define MSR_LABEL(phrase, capability)
#define PAIR_LABEL(phrase, capability)
#define CONTROL_SECTION(heading, word, capability, true_capability, default1)
#define FIELD_SECTION(heading, capability)
#define ROW(heading, label, high, low)
#define CONTROL_NAME(label, word, bit) {label, VMXSIM_WORD_##word, VMXSIM_BIT_##word##_##bit},
#include "capability_labels.def"
};

void capability_list_begin(struct capability_list *list) {
  *list = (struct capability_list){.asked_for = -1};
}

bool capability_list_is_empty(const struct capability_list *list) {
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    if (list->given[i]) return false;
  }
  return true;
}

static void give(struct capability_list *list, unsigned capability, uint64_t value, unsigned line) {
  const bool msr = vmxsim_capability_info(capability)->kind == VMXSIM_CAPABILITY_MSR;
  if (msr && !list->given[capability]) list->found++;
  list->given[capability] = true;
  list->value[capability] = value;
  if (!list->first_line) list->first_line = line;
}

/* Compares names; '_' and '-' do not count, nor case. */
static bool same_name(const char *known, const char *name, size_t length) {
  const char *const end = name + length;
  for (;;) {
    while (*known == '_') known++;
    while (name < end && (*name == '_' || *name == '-')) name++;
    if (name == end || !*known) return name == end && !*known;
    if (text_fold(*known++) != text_fold(*name++)) return false;
  }
}

static bool begins_with(const char *name, size_t length, const char *beginning, size_t *taken) {
  const size_t size = strlen(beginning);
  if (length <= size || !text_equal_folded(name, size, beginning)) return false;
  *taken = size;
  return true;
}

/* The MSR that a word names, or -1: MSR_IA32_VMX_BASIC, IA32_VMX_BASIC, VMX_BASIC, Ia32VmxBasic ... */
static int msr_of_word(const char *name, size_t length) {
  static const char *const beginnings[] = {"msr_", "ia32_", "a32_", "ia32"};
  size_t taken = 0;
  if (length < 7) return -1;
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
    if (begins_with(name, length, beginnings[i], &taken)) name += taken, length -= taken;
  }
  const char first = text_fold(*name);
  if (first != 'v' && first != 'f') return -1;
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(i);
    if (info->kind != VMXSIM_CAPABILITY_MSR) break;
    if (same_name(info->name + strlen("ia32_"), name, length)) return (int)i;
  }
  for (size_t i = 0; i < sizeof msr_names / sizeof *msr_names; i++) {
    if (same_name(msr_names[i].name, name, length)) return (int)msr_names[i].capability;
  }
  return -1;
}

static int msr_of_index(uint64_t index) {
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(i);
    if (info->kind == VMXSIM_CAPABILITY_MSR && info->msr == index) return (int)i;
  }
  return -1;
}

/* Halves of a value are written "0000007f`00000016", "0000007f-00000016", "0x0000007f:0x00000016", and quarters
 * "00DA-0500-0000-0013". A group that may follow the digits so far: its length with the separator, or 0. */
static size_t next_group(const char *at, const char *end, unsigned digits_before) {
  const char separator = at < end ? *at : 0;
  const char *p = at + 1;
  if (separator != '`' && separator != '\'' && separator != '-' && separator != '_' && separator != ':') return 0;
  if (end - p > 2 && p[0] == '0' && text_fold(p[1]) == 'x') p += 2;
  const char *const digits = p;
  while (p < end && text_digit(*p) >= 0) p++;
  const size_t count = (size_t)(p - digits);
  if ((p < end && text_is_name_character(*p)) || digits_before + count > 16) return 0;
  return count == 8 || (count == 4 && separator == '-') ? (size_t)(p - at) : 0;
}

/* A number at `at`, in groups perhaps. Returns its length, 0 if there is none; a word is none. */
static size_t read_number(const char *at, const char *end, uint64_t *value, bool *marked) {
  const char *p = at;
  unsigned digits = 0;
  *value = 0;
  *marked = end - p > 2 && p[0] == '0' && text_fold(p[1]) == 'x';
  if (*marked) p += 2;
  for (; p < end && text_digit(*p) >= 0 && digits <= 16; p++, digits++) *value = *value << 4 | (unsigned)text_digit(*p);
  if (p < end && text_fold(*p) == 'h' && (p + 1 == end || !text_is_name_character(p[1]))) p++, *marked = true;
  if (!digits || digits > 16) return 0;
  if (p < end && text_is_name_character(*p) && !next_group(p, end, digits)) return 0;
  for (size_t size; (size = next_group(p, end, digits));) {
    for (const char *stop = p + size; p < stop; p++) {
      if (text_digit(*p) < 0 || (*p == '0' && stop - p > 1 && text_fold(p[1]) == 'x')) continue;
      *value = *value << 4 | (unsigned)text_digit(*p);
      digits++;
    }
  }
  return (size_t)(p - at);
}

/* The next number in the text, past words. A number without "0x" counts only if no word stands before it, so that words
 * like "be" are not read. */
static bool find_number(const char **at, const char *end, uint64_t *value) {
  bool direct = true, marked;
  const char *p = *at;
  while (p < end) {
    while (p < end && !text_is_name_character(*p)) p++;
    const size_t size = p < end ? read_number(p, end, value, &marked) : 0;
    if (size && (direct || marked)) {
      *at = p + size;
      return true;
    }
    direct = false;
    while (p < end && text_is_name_character(*p)) p++;
  }
  return false;
}

/* "IA32_VMX_BASIC (0x480) = 0x...": the index is not the value. */
static bool take_named(struct capability_list *list, const struct text_line *line) {
  const char *at = line->text, *const end = at + line->length;
  while (at < end) {
    while (at < end && !text_is_name_character(*at)) at++;
    const char *word = at;
    while (at < end && text_is_name_character(*at)) at++;
    const int capability = at > word ? msr_of_word(word, (size_t)(at - word)) : -1;
    if (capability < 0) continue;
    const uint32_t index = vmxsim_capability_info((unsigned)capability)->msr;
    const char *from = at;
    uint64_t value, second;
    while (from < end && (*from == '"' || *from == ']')) from++;
    if (!find_number(&from, end, &value)) return false;
    const char *after = from;
    if (value == index && find_number(&after, end, &second)) value = second;
    give(list, (unsigned)capability, value, line->number);
    return true;
  }
  return false;
}

/* "0x480 0x...", "MSR 00000480: ...", "msr[480] = ...", "rdmsr 0x480" with the value in the next line. */
static bool take_indexed(struct capability_list *list, const struct text_line *line) {
  const char *at = line->text, *const end = at + line->length;
  const char *msr = text_line_find_folded(line, "msr");
  const char *rdmsr = text_line_find_folded(line, "rdmsr");
  uint64_t index = 0, value = 0;
  bool marked = false;
  if (msr) at = msr + 3;
  while (at < end && (text_is_blank(*at) || *at == '[' || *at == '(')) at++;
  size_t size = at < end ? read_number(at, end, &index, &marked) : 0;
  if (rdmsr && !size) { /* options */
    while (at < end && !(end - at > 2 && at[0] == '0' && text_fold(at[1]) == 'x')) at++;
    size = at < end ? read_number(at, end, &index, &marked) : 0;
  }
  const int capability = size ? msr_of_index(index) : -1;
  if (capability < 0 || (!msr && !marked && size != 8)) return false;
  at += size;
  const char *between = at;
  while (at < end && (text_is_blank(*at) || (*at && strchr("])=:|,", *at)))) at++;
  if (at == end && rdmsr && between == end) list->asked_for = capability;
  if (at == between || at == end) return at == end && rdmsr;
  size = read_number(at, end, &value, &marked);
  if (!size) { /* "0x480 IA32_VMX_BASIC 0x..." */
    if (!find_number(&at, end, &value)) return false;
  }
  give(list, (unsigned)capability, value, line->number);
  return true;
}

static bool take_answer(struct capability_list *list, const struct text_line *line) {
  uint64_t value;
  bool marked;
  const int capability = list->asked_for;
  if (capability < 0 || !line->length) return false;
  list->asked_for = -1;
  if (read_number(line->text, line->text + line->length, &value, &marked) != line->length) return false;
  give(list, (unsigned)capability, value, line->number);
  return true;
}

static bool take_phrase(struct capability_list *list, const struct text_line *line) {
  const char *const end = line->text + line->length;
  uint64_t value, second = 0;
  if (!memchr(line->text, ':', line->length)) return false;
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    const char *at = text_line_find_folded(line, phrases[i].phrase);
    if (!at) continue;
    at += strlen(phrases[i].phrase);
    if (!find_number(&at, end, &value)) return false;
    if (phrases[i].pair && (!find_number(&at, end, &second) || value > UINT32_MAX)) return false;
    give(list, phrases[i].capability, phrases[i].pair ? second << 32 | value : value, line->number);
    return true;
  }
  return false;
}

/* "phys-bits: 46" */
static bool take_plain_number(struct capability_list *list, const struct text_line *line) {
  const char *at = line->text, *const end = at + line->length;
  while (at < end && (text_is_name_character(*at) || *at == '-')) at++;
  const size_t length = (size_t)(at - line->text);
  while (at < end && (text_is_blank(*at) || *at == ':' || *at == '=')) at++;
  const char *stop = at;
  while (stop < end && text_is_decimal(*stop)) stop++;
  uint64_t value;
  if (length < 8 || !text_decimal_read(at, (size_t)(stop - at), &value) || value > 64) return false;
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(i);
    if (info->kind != VMXSIM_CAPABILITY_NUMBER || i == VMXSIM_CAPABILITY_features) continue;
    if (!same_name(info->name, line->text, length)) continue;
    give(list, i, value, line->number);
    return true;
  }
  return false;
}

/* Linux' /proc/cpuinfo: "address sizes : 46 bits physical, 48 bits virtual"; AIDA64: "CPUID 80000008: 0000392E-...". */
static bool take_address_sizes(struct capability_list *list, const struct text_line *line) {
  static const char sizes[] = "address sizes", cpuid[] = "CPUID 80000008:";
  const char *at = text_line_find(line, sizes), *const end = line->text + line->length;
  unsigned width[2] = {0};
  const char *leaf = text_line_find(line, cpuid);
  if (leaf && end - leaf >= 24) {
    const struct text_number eax = text_number_read(leaf + 16, 8);
    width[0] = eax.value & 0xff, width[1] = (eax.value >> 8) & 0xff;
  } else if (at) {
    at += strlen(sizes);
    for (size_t i = 0; i < 2; i++) {
      while (at < end && !text_is_decimal(*at)) at++;
      for (; at < end && text_is_decimal(*at) && width[i] < 100; at++) width[i] = width[i] * 10 + (unsigned)(*at - '0');
    }
  }
  if (width[0] < 32 || width[0] > 52 || width[1] < 32 || width[1] > 57) return false;
  give(list, VMXSIM_CAPABILITY_phys_bits, width[0], line->number);
  give(list, VMXSIM_CAPABILITY_linear_bits, width[1], line->number);
  return true;
}

static int feature_of(const char *name, size_t length) {
  for (unsigned i = 0; i < VMXSIM_FEATURE_COUNT; i++) {
    if (same_name(vmxsim_feature_name(i), name, length)) return (int)i;
  }
  return -1;
}

static void bad_feature(struct capability_list *list, const struct text_line *line, const char *name, size_t length) {
  if (list->bad_feature) return;
  list->bad_feature = true;
  list->bad_line = line->number;
  list->bad_column = text_line_column(line, name, length);
  if (length >= sizeof list->bad_name) length = sizeof list->bad_name - 1;
  memcpy(list->bad_name, name, length);
}

/* "features: intel64 nx, syscall" */
static bool take_features(struct capability_list *list, const struct text_line *line) {
  size_t taken;
  const char *at = line->text, *const end = at + line->length;
  uint64_t bits = 0;
  if (!begins_with(at, line->length, "features", &taken)) return false;
  at += taken;
  while (at < end && text_is_blank(*at)) at++;
  if (at == end || (*at != ':' && *at != '=')) return false;
  for (at++; at < end;) {
    while (at < end && !text_is_name_character(*at)) at++;
    const char *name = at;
    while (at < end && (text_is_name_character(*at) || *at == '-')) at++;
    const int feature = at > name ? feature_of(name, (size_t)(at - name)) : -1;
    if (feature >= 0) bits |= UINT64_C(1) << feature;
    if (feature < 0 && at > name) bad_feature(list, line, name, (size_t)(at - name));
  }
  give(list, VMXSIM_CAPABILITY_features, bits, line->number);
  return true;
}

/* The bit of a control that vmxcap names, or -1. */
static int bit_of_control(vmxsim_control_word word, const char *name, size_t length) {
  const struct vmxsim_control *control;
  for (size_t i = 0; i < sizeof control_names / sizeof *control_names; i++) {
    if (control_names[i].word == word && text_equal_folded(name, length, control_names[i].label)) {
      return (int)control_names[i].bit;
    }
  }
  return vmxsim_control_in_word(word, name, length, &control) == VMXSIM_OK ? (int)control->bit : -1;
}

static void begin_section(struct capability_list *list, const struct text_line *line) {
  const struct capability_section *section = list->section;
  const uint64_t begin = section->default1 | (uint64_t)section->default1 << 32;
  list->section_begun = true;
  give(list, section->capability, begin, line->number);
  give(list, section->true_capability, begin, line->number);
}

/* "yes", "no", "default" (can be 0 only with the TRUE MSR) or "forced". */
static bool take_control_row(struct capability_list *list, const char *name, size_t length, const char *setting,
                             size_t setting_length) {
  const struct capability_section *section = list->section;
  uint64_t *msr = &list->value[section->capability], *true_msr = &list->value[section->true_capability];
  const bool yes = text_equal(setting, setting_length, "yes"), no = text_equal(setting, setting_length, "no");
  const bool by_default = text_equal(setting, setting_length, "default");
  const bool forced = text_equal(setting, setting_length, "forced");
  if (!yes && !no && !by_default && !forced) return false;
  const int bit = bit_of_control(section->word, name, length);
  if (bit < 0) return true;
  if (section->word == VMXSIM_WORD_tertiary) {
    *msr = no ? *msr & ~(UINT64_C(1) << bit) : *msr | UINT64_C(1) << bit;
    return true;
  }
  const uint64_t must = UINT64_C(1) << bit, may = must << 32;
  *msr = (*msr & ~(must | may)) | (no ? 0 : may) | (by_default || forced ? must : 0);
  *true_msr = (*true_msr & ~(must | may)) | (no ? 0 : may) | (forced ? must : 0);
  return true;
}

static bool take_field_row(struct capability_list *list, const char *name, size_t length, const char *setting,
                           size_t setting_length) {
  const struct capability_section *section = list->section;
  uint64_t value, *msr = &list->value[section->capability];
  if (!text_decimal_read(setting, setting_length, &value)) {
    value = text_equal(setting, setting_length, "yes");
    if (!value && !text_equal(setting, setting_length, "no")) return false;
  }
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (strcmp(rows[i].heading, section->heading) != 0 || !text_equal_folded(name, length, rows[i].label)) continue;
    const unsigned width = rows[i].high - rows[i].low + 1;
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    *msr = (*msr & ~(mask << rows[i].low)) | (value & mask) << rows[i].low;
    return true;
  }
  return true;
}

/* Rows of vmxcap: a name, at least a blank, a setting. */
static bool take_row(struct capability_list *list, const struct text_line *line) {
  const char *setting = line->text + line->length;
  while (setting > line->text && !text_is_blank(setting[-1])) setting--;
  size_t length = (size_t)(setting - line->text);
  const size_t setting_length = line->length - length;
  struct text_number hex;
  while (length && text_is_blank(line->text[length - 1])) length--;
  if (!length) return false;
  if (text_equal(line->text, length, "Hex:")) {
    hex = text_number_read(setting, setting_length);
    if (list->section->word == VMXSIM_WORD_COUNT) give(list, list->section->capability, hex.value, line->number);
    list->section_begun = true;
    return true;
  }
  if (!list->section_begun) begin_section(list, line);
  if (list->section->word != VMXSIM_WORD_COUNT) {
    return take_control_row(list, line->text, length, setting, setting_length);
  }
  return take_field_row(list, line->text, length, setting, setting_length);
}

static bool take_heading(struct capability_list *list, const struct text_line *line) {
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
    if (!text_equal(line->text, line->length, sections[i].heading)) continue;
    list->section = &sections[i];
    list->section_begun = false;
    return true;
  }
  return false;
}

/* Most lines of a log have nothing for us: what to look for is found out fast. */
static bool has_index(const struct text_line *line) {
  static const char *const digits[] = {"48", "49", "3a", "3A"};
  for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
    if (text_line_find(line, digits[i])) return true;
  }
  return false;
}

static bool has_name(const struct text_line *line) {
  static const char *const parts[] = {"VMX", "vmx", "Vmx", "FEAT", "feature", "Feature", " MSR:"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (text_line_find(line, parts[i])) return true;
  }
  return false;
}

bool capability_list_line(struct capability_list *list, const struct text_line *line) {
  if (!line->length) return false;
  if (take_answer(list, line) || take_heading(list, line)) return true;
  if (list->section) {
    if (take_row(list, line)) return true;
    list->section = NULL;
  }
  if (has_name(line) && take_named(list, line)) return true;
  if (has_index(line) && take_indexed(list, line)) return true;
  if (has_name(line) && take_phrase(list, line)) return true;
  return take_plain_number(list, line) || take_features(list, line) || take_address_sizes(list, line);
}

/* A TRUE MSR that was not given: what may be 1 is as in the other MSR, and what must be 1 no more than there.
 * `flexible`: what need not be 1 on any processor that has the TRUE MSRs. */
static void adjust_true_msr(const struct capability_list *list, struct vmxsim_capabilities *to, unsigned capability,
                            unsigned true_capability, uint64_t flexible) {
  const uint64_t given = vmxsim_capability_get(to, capability);
  uint64_t *true_msr = vmxsim_capability_value(to, true_capability);
  if (!list->given[capability] || list->given[true_capability]) return;
  const uint64_t must = *true_msr ? *true_msr & given & UINT32_MAX : given & UINT32_MAX & ~flexible;
  *true_msr = (given & ~(uint64_t)UINT32_MAX) | must;
}

/* MSRs that were not given and that the controls given say do not exist. */
static void drop_missing(const struct capability_list *list, struct vmxsim_capabilities *to) {
  static const uint32_t dependent[] = {0x48b, 0x48c, 0x491, 0x492, 0x493};
  for (size_t i = 0; i < sizeof dependent / sizeof *dependent; i++) {
    uint64_t value;
    const int capability = msr_of_index(dependent[i]);
    if (capability < 0 || list->given[capability]) continue;
    vmxsim_capabilities_derive(to);
    if (!vmxsim_capability_rdmsr(to, dependent[i], &value)) *vmxsim_capability_value(to, (unsigned)capability) = 0;
  }
}

void capability_list_apply(const struct capability_list *list, struct vmxsim_capabilities *capabilities) {
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    if (list->given[i]) *vmxsim_capability_value(capabilities, i) = list->value[i];
  }
#define TRUE_MSR(name, flexible) \
  adjust_true_msr(list, capabilities, VMXSIM_CAPABILITY_ia32_vmx_##name, VMXSIM_CAPABILITY_ia32_vmx_true_##name, \
                  flexible)
  TRUE_MSR(pinbased_ctls, 0);
  TRUE_MSR(procbased_ctls, 1u << VMXSIM_BIT_primary_cr3_load_exiting | 1u << VMXSIM_BIT_primary_cr3_store_exiting);
  TRUE_MSR(exit_ctls, 1u << VMXSIM_BIT_vm_exit_save_debug_controls);
  TRUE_MSR(entry_ctls, 1u << VMXSIM_BIT_vm_entry_load_debug_controls);
#undef TRUE_MSR
  drop_missing(list, capabilities);
  vmxsim_capabilities_derive(capabilities);
}

static vmxsim_status check_found(const struct capability_list *list, struct vmxsim_diagnostic *diagnostic) {
  if (list->bad_feature) {
    return diagnose(diagnostic, VMXSIM_ERROR_UNKNOWN_NAME, list->bad_line, list->bad_column,
                    "there is no feature \"%s\"", list->bad_name);
  }
  if (!capability_list_is_empty(list)) return VMXSIM_OK;
  return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, 0, 0,
                  "no capability MSRs found: expected lines such as \"0x480 0x00da040000000004\", \"IA32_VMX_BASIC = "
                  "0x...\" or \"HM: MSR_IA32_VMX_BASIC = 0x...\" (VirtualBox), or the output of rdmsr, vmxcap or "
                  "`vmxsim cpu show`");
}

vmxsim_status vmxsim_capabilities_read(const char *text, size_t length, struct vmxsim_capabilities *capabilities,
                                       size_t *found, struct vmxsim_diagnostic *diagnostic) {
  char buffer[8192];
  struct capability_list list;
  struct text_lines lines;
  struct text_line line;
  capability_list_begin(&list);
  text_lines_begin(&lines, text, length, buffer, sizeof buffer);
  while (text_lines_next(&lines, &line)) capability_list_line(&list, &line);
  if (found) *found = list.found;
  const vmxsim_status status = check_found(&list, diagnostic);
  if (status == VMXSIM_OK) capability_list_apply(&list, capabilities);
  return status;
}
