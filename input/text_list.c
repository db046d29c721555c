/* Reading lists of fields.
 *
 * A number takes as its name the longest run of words before it that names a field; what stands before the name
 * (timestamps, names of drivers) does not matter. Numbers that are no value become words in turn, since encodings are
 * names. */
#include "text_list.h"

#include <string.h>

enum { WORDS_MAX = 8, NAME_MAX_LENGTH = 96, ENCODING_LAST = 0x7fff };

struct word {
  const char *at;
  size_t length;
};

/* What is going on in a line. */
struct scan {
  const struct text_line *line;
  const char *at, *end;
  struct word words[WORDS_MAX]; /* since the last pair, the newest at the end */
  size_t count;
  char prefix[NAME_MAX_LENGTH]; /* "Guest CS": what the names after it on the line have in common */
  bool separated;               /* '=' or ':' stood before the current word */
  bool equals;                  /* '=' */
  bool indexed;                 /* the current word is "[0]", right after another */
  size_t pairs;
  const char *unknown; /* the first name with a value that names nothing */
  size_t unknown_length;
};

/* Words that people write between the parts of a name. */
static const char *const fillers[] = {"segment", "register", "registers", "state", "field", "-"};
static const struct {
  const char *word, *means;
} synonyms[] = {{"Task", "TR"}, {"LDT", "LDTR"}, {"attr", "access_rights"}, {"sel", "selector"}};

/* How names of fields begin: a line with such a name and a value looks like VMCS data. */
static const char *const beginnings[] = {
    "guest", "host", "vmcs", "vmx",  "vm_",  "vm-",  "ctrl",  "cpu_based", "pin",  "secondary", "tertiary",  "ept",
    "tsc_",  "apic", "virt", "cr0_", "cr3_", "cr4_", "exit_", "entry_",    "idt_", "io_bitmap", "msr_bitmap"};

static bool is_word_character(char c) {
  return text_is_name_character(c) || c == '.' || c == '-' || c == '/' || c == '`' || c == '$' || c == '@' ||
         (unsigned char)c >= 0x80;
}

void text_list_begin(struct text_list *list, struct text_case *text) {
  *list = (struct text_list){.text = text};
  text_case_begin(text, "list of fields", 0);
}

/* Endings of names that people cut short, or add: "GUEST_CS_SEL", "MSR_BITMAP_FULL". */
static const struct {
  const char *ending, *means;
} endings[] = {{"_sel", "_selector"},         {"_lim", "_limit"},
               {"_attr", "_access_rights"},   {"_access", "_access_rights"},
               {"_rights", "_access_rights"}, {"_full", ""}};

static bool field_by_ending(const char *name, size_t length, vmxsim_field *field) {
  char full[NAME_MAX_LENGTH + 16];
  bool high = false;
  /* Most words are decided by their last letter. */
  if (!length || !strchr("lmrs", text_fold(name[length - 1]))) return false;
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const size_t size = strlen(endings[i].ending), means = strlen(endings[i].means);
    if (length <= size || !text_equal_folded(name + length - size, size, endings[i].ending)) continue;
    memcpy(full, name, length - size);
    memcpy(full + length - size, endings[i].means, means);
    return vmxsim_field_from_name(full, length - size + means, field, &high) == VMXSIM_OK && !high;
  }
  return false;
}

/* The field that a name means. Of encodings without a mark, only those with four digits are. */
static bool name_field(const char *name, size_t length, vmxsim_field *field, bool *high) {
  const struct text_number number = text_number_read(name, length);
  if (number.digits && !number.marked && number.digits != 4) return false;
  if (number.digits && number.value > ENCODING_LAST) return false;
  if (length >= NAME_MAX_LENGTH) return false;
  if (vmxsim_field_from_name(name, length, field, high) == VMXSIM_OK) return true;
  if (number.digits || !field_by_ending(name, length, field)) return false;
  if (high) *high = false;
  return true;
}

static bool is_one_of(const struct word *word, const char *const *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (text_equal_folded(word->at, word->length, list[i])) return true;
  }
  return false;
}

static size_t append(char *to, size_t length, const char *from, size_t size) {
  if (length + size + 1 >= NAME_MAX_LENGTH) return NAME_MAX_LENGTH;
  if (length) to[length++] = ' ';
  memcpy(to + length, from, size);
  return length + size;
}

/* Joins words to a name, without fillers and with synonyms; 0 if it gets too long. */
static size_t join(const struct word *words, size_t count, char *name, size_t length) {
  for (size_t i = 0; i < count && length < NAME_MAX_LENGTH; i++) {
    const char *at = words[i].at;
    size_t size = words[i].length;
    if (is_one_of(&words[i], fillers, sizeof fillers / sizeof *fillers)) continue;
    for (size_t k = 0; k < sizeof synonyms / sizeof *synonyms; k++) {
      if (text_equal_folded(at, size, synonyms[k].word)) at = synonyms[k].means, size = strlen(at);
    }
    length = append(name, length, at, size);
  }
  return length < NAME_MAX_LENGTH ? length : 0;
}

/* "Guest" or "Guest CS" out of "Guest CS Segment - Selector", for the pairs that follow on the line. */
static void keep_prefix(struct scan *scan, size_t first) {
  const size_t count = scan->count - first;
  const struct word *words = scan->words + first;
  const bool side =
      text_equal_folded(words->at, words->length, "guest") || text_equal_folded(words->at, words->length, "host");
  scan->prefix[0] = 0;
  if (!side || count < 2) return;
  scan->prefix[join(words, count - 1, scan->prefix, 0)] = 0;
}

/* Whether a number may stand for a field: first on the line, in brackets, or after a word like "vmwrite". */
static bool may_be_encoding(const struct scan *scan, size_t i) {
  const struct word *word = &scan->words[i];
  if (!text_number_read(word->at, word->length).digits || word->at == scan->line->text) return true;
  if (!text_number_read(word->at, word->length).marked) return false;
  if (word->at[-1] == '(' || word->at[-1] == '[') return true;
  return i && text_find_folded(scan->words[i - 1].at, scan->words[i - 1].length, "vm");
}

/* The first word that a name which ends with the last one can begin with: names have no '=' and the like in them. */
static size_t first_of_name(const struct scan *scan) {
  size_t i = scan->count - 1;
  for (; i; i--) {
    const char *at = scan->words[i - 1].at + scan->words[i - 1].length;
    while (at < scan->words[i].at && !strchr("=:,;|\"", *at)) at++;
    if (at < scan->words[i].at) break;
  }
  return i;
}

/* Words in their place in the line, as they stand. */
static bool name_as_written(struct scan *scan, vmxsim_field *field, bool *high) {
  const struct word *last = &scan->words[scan->count - 1];
  for (size_t i = first_of_name(scan); i < scan->count; i++) {
    const char *from = scan->words[i].at;
    if (i + 1 == scan->count && !may_be_encoding(scan, i)) continue;
    if (!name_field(from, (size_t)(last->at + last->length - from), field, high)) continue;
    keep_prefix(scan, i);
    return true;
  }
  return false;
}

/* "Guest CS Segment - Selector", and "Base" further on in its line; "Guest Control Registers - CR0". */
static bool name_put_together(struct scan *scan, vmxsim_field *field, bool *high) {
  char name[NAME_MAX_LENGTH + 2];
  const struct word *last = &scan->words[scan->count - 1];
  for (size_t i = 0; i + 1 < scan->count; i++) {
    const struct word *first = &scan->words[i];
    if (!text_equal_folded(first->at, first->length, "guest") && !text_equal_folded(first->at, first->length, "host")) {
      continue;
    }
    size_t length = join(first, scan->count - i, name, 0);
    if (length && name_field(name, length, field, high)) {
      keep_prefix(scan, i);
      return true;
    }
    length = append(name, append(name, 0, first->at, first->length), last->at, last->length);
    if (length < NAME_MAX_LENGTH && name_field(name, length, field, high)) {
      memcpy(scan->prefix, first->at, first->length);
      scan->prefix[first->length] = 0;
      return true;
    }
  }
  if (!scan->prefix[0]) return false;
  const size_t prefix = strlen(scan->prefix);
  memcpy(name, scan->prefix, prefix);
  const size_t length = join(last, 1, name, prefix);
  return length && name_field(name, length, field, high);
}

/* "4402 SOME_NAME_OF_THEIRS: 0": the encoding, if the name is not known. */
static bool name_by_encoding(const struct scan *scan, vmxsim_field *field, bool *high) {
  if (scan->count < 2 || !scan->separated) return false;
  const struct word *encoding = &scan->words[scan->count - 2];
  const struct text_number number = text_number_read(encoding->at, encoding->length);
  return number.digits == 4 && name_field(encoding->at, encoding->length, field, high);
}

static bool name_of_words(struct scan *scan, vmxsim_field *field, bool *high) {
  return scan->count && (name_as_written(scan, field, high) || name_put_together(scan, field, high) ||
                         name_by_encoding(scan, field, high));
}

static void push(struct scan *scan, const char *at, size_t length) {
  if (scan->count == WORDS_MAX) {
    memmove(scan->words, scan->words + 1, sizeof *scan->words * (WORDS_MAX - 1));
    scan->count--;
  }
  scan->words[scan->count++] = (struct word){at, length};
}

/* The next word, and what stood before it. */
static bool next_word(struct scan *scan, struct word *word) {
  scan->separated = scan->equals = scan->indexed = false;
  const char *const from = scan->at;
  while (scan->at < scan->end && !is_word_character(*scan->at)) {
    const char c = *scan->at;
    scan->equals |= c == '=';
    scan->separated |= c == '=' || c == ':' || c == '|';
    scan->indexed = c == '[' && scan->at == from && from > scan->line->text && !text_is_blank(from[-1]);
    scan->at++;
  }
  word->at = scan->at;
  while (scan->at < scan->end && is_word_character(*scan->at)) scan->at++;
  word->length = (size_t)(scan->at - word->at);
  while (word->length > 1 && word->at[word->length - 1] == '.') word->length--;
  return word->length > 0;
}

/* What a number without "0x" tells of the list: letters, or zeros in front up to a usual width. */
static bool shows_hexadecimal(struct text_number number, const char *at) {
  const bool usual = number.digits == 4 || number.digits == 8 || number.digits == 16;
  return number.has_letters || (usual && *at == '0') || number.digits == 8 || number.digits == 16;
}

static vmxsim_status too_wide(const struct scan *scan, vmxsim_field field, const struct word *word,
                              struct vmxsim_diagnostic *diagnostic) {
  return diagnose(diagnostic, VMXSIM_ERROR_WIDTH, scan->line->number,
                  text_line_column(scan->line, word->at, word->length), "%s is a field of %u bits; %.*s does not fit",
                  vmxsim_field_name(field), vmxsim_field_bits(field), word->length < 40 ? (int)word->length : 40,
                  word->at);
}

static void take_high(struct text_case *text, vmxsim_field field, uint64_t value, unsigned line, unsigned column) {
  struct text_value *known = &text->values[field];
  if (!known->given) text_case_set(text, field, 0, line, column);
  known->high = value;
  known->has_high = true;
}

/* "-1" is every bit of the field. */
static bool is_minus_one(const struct word *word) {
  return text_equal(word->at, word->length, "-1");
}

static struct text_number all_ones(vmxsim_field field, bool high) {
  const unsigned bits = high ? 32 : vmxsim_field_bits(field);
  return (struct text_number){.value = UINT64_MAX >> (64 - bits), .digits = 1, .marked = true};
}

static vmxsim_status take_pair(struct text_list *list, struct scan *scan, vmxsim_field field, bool high,
                               const struct word *word, struct text_number number,
                               struct vmxsim_diagnostic *diagnostic) {
  struct text_case *text = list->text;
  const unsigned line = scan->line->number, column = text_line_column(scan->line, word->at, word->length);
  if (is_minus_one(word)) number = all_ones(field, high);
  const bool unmarked = !number.marked && !number.has_letters;
  uint64_t decimal = 0;
  const bool has_decimal = unmarked && text_decimal_read(word->at, word->length, &decimal);
  if (!text->line) text->line = line;
  if (!number.marked) list->hexadecimal |= shows_hexadecimal(number, word->at);
  scan->pairs++;
  if (number.overflow || (high && number.value > UINT32_MAX)) return too_wide(scan, field, word, diagnostic);
  if (high) {
    take_high(text, field, number.value, line, column);
    return VMXSIM_OK;
  }
  const struct text_value before = text->values[field];
  const unsigned bits = vmxsim_field_bits(field);
  const bool decimal_fits = has_decimal && (bits == 64 || !(decimal >> bits));
  if (text_case_set(text, field, number.value, line, column) != VMXSIM_OK) {
    if (!decimal_fits) return too_wide(scan, field, word, diagnostic);
    text_case_set(text, field, 0, line, column); /* settled at the end */
    text->values[field].value = number.value;
  }
  text->values[field].unmarked = unmarked;
  text->values[field].decimal = decimal;
  text->values[field].has_decimal = has_decimal;
  text->values[field].high = before.high;
  text->values[field].has_high = before.has_high;
  return VMXSIM_OK;
}

/* Whether a word can be a value: a number; letters alone only right after '=' or ':'. */
static bool is_value(const struct scan *scan, const struct word *word, struct text_number number) {
  if (scan->separated && is_minus_one(word)) return true;
  if (!number.digits || scan->indexed) return false;
  return number.marked || number.has_decimal || scan->separated || word->length >= 8;
}

/* A name that is no field, with a value. */
static void note_unknown(struct scan *scan) {
  const struct word *last = &scan->words[scan->count ? scan->count - 1 : 0];
  if (!scan->count || scan->unknown || !text_is_letter(*last->at)) return;
  for (size_t i = 0; i < last->length; i++) {
    if ((unsigned char)last->at[i] >= 0x80) return;
  }
  scan->unknown = last->at;
  scan->unknown_length = last->length;
}

/* Whether a line without a pair looked like one: a name and a value and nothing else, or the name looks like a field's.
 */
static bool looks_like_field(const struct scan *scan, size_t words) {
  if (!scan->unknown) return false;
  if (words == 2 && scan->unknown == scan->line->text && memchr(scan->unknown, '_', scan->unknown_length)) return true;
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
    const size_t size = strlen(beginnings[i]);
    if (scan->unknown_length > size && text_equal_folded(scan->unknown, size, beginnings[i])) return true;
  }
  return false;
}

static void count_unknown(struct text_list *list, const struct scan *scan, size_t words) {
  if (!looks_like_field(scan, words)) return;
  text_case_name_not_understood(list->text, scan->line->number, scan->unknown, scan->unknown_length);
  if (list->near_line) return;
  const size_t room = sizeof list->near_name - 1;
  const size_t length = scan->unknown_length < room ? scan->unknown_length : room;
  list->near_line = scan->line->number;
  memcpy(list->near_name, scan->unknown, length);
  list->near_name[length] = 0;
}

/* "0x4402 0x5 0x6" is no pair but part of a listing of memory. */
static bool is_row_of_numbers(struct scan scan, const struct word *name) {
  struct word word;
  if (!text_number_read(name->at, name->length).digits) return false;
  return next_word(&scan, &word) && text_number_read(word.at, word.length).digits;
}

/* "NAME (0x6800) = value": what is in brackets is not the value if another number comes. */
static bool is_remark(struct scan scan, const struct word *word) {
  struct word next;
  const char *after = word->at + word->length;
  const bool bracketed = word->at > scan.line->text && word->at[-1] == '(' && after < scan.end && *after == ')';
  if (!bracketed || !next_word(&scan, &next)) return false;
  return scan.separated && text_number_read(next.at, next.length).digits;
}

vmxsim_status text_list_line(struct text_list *list, const struct text_line *line,
                             struct vmxsim_diagnostic *diagnostic) {
  struct scan scan = {.line = line, .at = line->text, .end = line->text + line->length};
  struct word word;
  size_t words = 0;
  for (; next_word(&scan, &word); words++) {
    const struct text_number number = text_number_read(word.at, word.length);
    vmxsim_field field;
    bool high = false;
    if (!is_value(&scan, &word, number) || !scan.count || is_remark(scan, &word)) {
      if (!scan.indexed) push(&scan, word.at, word.length);
      continue;
    }
    if (name_of_words(&scan, &field, &high) && !is_row_of_numbers(scan, &scan.words[scan.count - 1])) {
      const vmxsim_status status = take_pair(list, &scan, field, high, &word, number, diagnostic);
      if (status != VMXSIM_OK) return status;
      scan.count = 0;
      continue;
    }
    if (scan.separated || words == 1) note_unknown(&scan);
    push(&scan, word.at, word.length);
  }
  if (!scan.pairs || scan.equals) count_unknown(list, &scan, words);
  return VMXSIM_OK;
}

bool text_list_own_line(struct text_case *text, const struct text_line *line) {
  struct scan scan = {.line = line, .at = line->text, .end = line->text + line->length};
  struct word name, value, more;
  vmxsim_field field;
  if (!text->open || !line->length || !next_word(&scan, &name) || name.at != line->text) return false;
  if (!memchr(name.at, '_', name.length) || !next_word(&scan, &value)) return false;
  const struct text_number number = text_number_read(value.at, value.length);
  if (!number.digits || next_word(&scan, &more) || !name_field(name.at, name.length, &field, NULL)) return false;
  if (!text_equal(name.at, name.length, vmxsim_field_name(field))) return false;
  uint64_t decimal = number.value;
  if (!number.marked && !number.has_letters && *value.at != '0') text_decimal_read(value.at, value.length, &decimal);
  if (number.overflow || text_case_set(text, field, decimal, line->number, 1) != VMXSIM_OK) {
    text_case_not_understood(text, line->number);
  }
  return true;
}

void text_list_end(struct text_list *list) {
  list->text->decimal = !list->hexadecimal;
}
