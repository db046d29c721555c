/* Control words and their bits. */
#include "vmcs/names.h"
#include "vmxsim/controls.h"

static const struct vmxsim_control controls[] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term)
#define CONTROL(word, bit, name, term) {VMXSIM_WORD_##word, bit, #name, term},
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};
enum { CONTROLS = sizeof controls / sizeof *controls };

static const struct {
  const char *name, *term;
  vmxsim_field field;
  unsigned bits;
} words[VMXSIM_WORD_COUNT] = {
#define CONTROL_WORD(word, field, bits, msr, true_msr, term) {#word, term, VMXSIM_FIELD_##field, bits},
#define CONTROL(word, bit, name, term)
#include "vmxsim/tables/controls.def"
#undef CONTROL_WORD
#undef CONTROL
};

static const struct {
  const char *text, *source;
  vmxsim_control_word word;
  unsigned bit;
} aliases[] = {
#define CONTROL_ALIAS(word, name, source, alias) {alias, #source, VMXSIM_WORD_##word, VMXSIM_BIT_##word##_##name},
#include "vmcs/control_aliases.def"
#undef CONTROL_ALIAS
};
enum { ALIASES = sizeof aliases / sizeof *aliases };

size_t vmxsim_control_count(void) {
  return CONTROLS;
}

const struct vmxsim_control *vmxsim_control_at(size_t index) {
  return index < CONTROLS ? &controls[index] : NULL;
}

const struct vmxsim_control *vmxsim_control_find(vmxsim_control_word word, unsigned bit) {
  for (size_t i = 0; i < CONTROLS; i++) {
    if (controls[i].word == word && controls[i].bit == bit) return &controls[i];
  }
  return NULL;
}

/* Collects matches; more than one different control is ambiguous. */
struct match {
  const struct vmxsim_control *control;
  bool ambiguous;
};

static void add_match(struct match *match, const struct vmxsim_control *control) {
  if (match->control && match->control != control) match->ambiguous = true;
  match->control = control;
}

static vmxsim_status match_status(const struct match *match, const struct vmxsim_control **control) {
  if (!match->control) return VMXSIM_ERROR_UNKNOWN_NAME;
  if (match->ambiguous) return VMXSIM_ERROR_AMBIGUOUS_NAME;
  *control = match->control;
  return VMXSIM_OK;
}

/* `word` is VMXSIM_WORD_COUNT for any. */
static struct match find(vmxsim_control_word word, const char *name, size_t length) {
  struct match match = {NULL, false};
  for (size_t i = 0; i < CONTROLS; i++) {
    if (word != VMXSIM_WORD_COUNT && controls[i].word != word) continue;
    if (names_equal(controls[i].name, name, length) || names_equal(controls[i].term, name, length)) {
      add_match(&match, &controls[i]);
    }
  }
  if (match.control) return match;
  for (size_t i = 0; i < ALIASES; i++) {
    if (word != VMXSIM_WORD_COUNT && aliases[i].word != word) continue;
    if (names_equal(aliases[i].text, name, length))
      add_match(&match, vmxsim_control_find(aliases[i].word, aliases[i].bit));
  }
  return match;
}

vmxsim_status vmxsim_control_in_word(vmxsim_control_word word, const char *name, size_t length,
                                     const struct vmxsim_control **control) {
  const struct match match = find(word, name, length);
  return match_status(&match, control);
}

vmxsim_status vmxsim_control_from_name(const char *name, size_t length, const struct vmxsim_control **control) {
  const struct match match = find(VMXSIM_WORD_COUNT, name, length);
  if (match.control) return match_status(&match, control);
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
    const size_t prefix = names_length(words[word].name);
    if (length <= prefix + 1 || name[prefix] != '.' || !names_equal(words[word].name, name, prefix)) continue;
    return vmxsim_control_in_word((vmxsim_control_word)word, name + prefix + 1, length - prefix - 1, control);
  }
  return VMXSIM_ERROR_UNKNOWN_NAME;
}

const char *vmxsim_control_alias(const struct vmxsim_control *control, unsigned n, const char **source) {
  for (size_t i = 0; i < ALIASES; i++) {
    if (aliases[i].word != control->word || aliases[i].bit != control->bit || n--) continue;
    if (source) *source = aliases[i].source;
    return aliases[i].text;
  }
  return NULL;
}

size_t vmxsim_control_nearest(const char *name, size_t length, const char **nearest, size_t max) {
  struct nearest list;
  nearest_begin(&list, max);
  for (size_t i = 0; i < CONTROLS; i++) nearest_offer(&list, controls[i].name, name, length);
  for (size_t i = 0; i < ALIASES; i++) nearest_offer(&list, aliases[i].text, name, length);
  return nearest_end(&list, nearest, max);
}

const char *vmxsim_control_word_name(vmxsim_control_word word) {
  return words[word].name;
}

const char *vmxsim_control_word_term(vmxsim_control_word word) {
  return words[word].term;
}

vmxsim_field vmxsim_control_word_field(vmxsim_control_word word) {
  return words[word].field;
}

unsigned vmxsim_control_word_bits(vmxsim_control_word word) {
  return words[word].bits;
}

vmxsim_control_word vmxsim_control_word_of_field(vmxsim_field field) {
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
    if (words[word].field == field) return (vmxsim_control_word)word;
  }
  return VMXSIM_WORD_COUNT;
}
