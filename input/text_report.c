/* Messages about failed VM entries: hypervisors' own, QEMU's, drivers'. */
#include "text_report.h"

#include <string.h>

/* What the number after a phrase is. */
enum number_kind {
  NUMBER_REASON, /* an exit reason with bit 31, or else a VM-instruction error */
  NUMBER_ERROR,  /* a VM-instruction error */
};

/* In lower case. The number is the first one after the phrase and, if given, after `then`. */
static const struct phrase {
  const char *text, *then;
  enum number_kind kind;
  bool precedes; /* printed before the dump that it is about, never after */
  int vmresume;
} phrases[] = {
    {"entry failed, hardware error", NULL, NUMBER_REASON, false, -1},
    {"vmentry failure (reason", NULL, NUMBER_REASON, true, -1},
    {"failed vm entry (exit reason", NULL, NUMBER_REASON, true, -1},
    {"exit_reason.raw", NULL, NUMBER_REASON, true, -1},
    {"vmlaunch error:", NULL, NUMBER_ERROR, true, 0},
    {"vmresume error:", NULL, NUMBER_ERROR, true, 1},
    {"failed at vm-entry, code=", NULL, NUMBER_ERROR, true, -1},
    {"vm-instruction error", NULL, NUMBER_ERROR, false, -1},
    {"vm instruction error", NULL, NUMBER_ERROR, false, -1},
    {"vmx instruction error", NULL, NUMBER_ERROR, false, -1},
    {"instruction error =", NULL, NUMBER_ERROR, false, -1},
    {"instruction error:", NULL, NUMBER_ERROR, false, -1},
    {"vmlaunch failed", "error", NUMBER_ERROR, false, 0},
    {"vmresume failed", "error", NUMBER_ERROR, false, 1},
};

/* The first number in the text: with "0x", or decimal digits that stand alone, or bare hexadecimal that begins with a
 * decimal digit. */
static struct text_number next_number(const char **at, const char *end) {
  const char *p = *at;
  while (p < end) {
    while (p < end && !text_is_name_character(*p)) p++;
    const char *word = p;
    while (p < end && text_is_name_character(*p)) p++;
    *at = p;
    if (p > word && text_is_decimal(*word)) {
      const struct text_number number = text_number_read(word, (size_t)(p - word));
      if (number.digits && !number.overflow) return number;
    }
  }
  return (struct text_number){0};
}

/* "Invalid guest state (0)": the exit qualification; "MSR loading (entry 1)": the entry, from 0. */
static void read_rest(struct text_report *report, const char *at, const char *end) {
  static const char entry[] = "msr loading (entry", state[] = "guest state (";
  const char *msr = text_find_folded(at, (size_t)(end - at), entry);
  const char *guest = text_find_folded(at, (size_t)(end - at), state);
  const char *rest = msr ? msr + strlen(entry) : guest ? guest + strlen(state) : end;
  const char *stop;
  uint64_t value;
  while (rest < end && *rest == ' ') rest++;
  for (stop = rest; stop < end && text_is_decimal(*stop);) stop++;
  if (!text_decimal_read(rest, (size_t)(stop - rest), &value) || value >= UINT32_MAX) return;
  report->number = (uint32_t)value + (msr ? 1 : 0);
  report->has_number = true;
}

static void read_reason(struct text_report *report, uint64_t code, const char *at, const char *end) {
  if (code == 0x80000021 || code == 0x80000022) {
    report->kind = code == 0x80000021 ? VMXSIM_ENTRY_EXIT_33 : VMXSIM_ENTRY_EXIT_34;
    read_rest(report, at, end);
  } else if (code && code < 64) {
    report->kind = VMXSIM_ENTRY_FAIL_VALID;
    report->number = (uint32_t)code;
  }
}

static bool read_phrase(const struct text_line *line, const struct phrase *phrase, struct text_report *report) {
  const char *at = text_line_find_folded(line, phrase->text), *const end = line->text + line->length;
  if (!at) return false;
  at += strlen(phrase->text);
  if (phrase->then) at = text_find_folded(at, (size_t)(end - at), phrase->then);
  if (!at) return false;
  const struct text_number number = next_number(&at, end);
  if (!number.digits) return false;
  *report = (struct text_report){.kind = -1, .vmresume = phrase->vmresume};
  if (phrase->kind == NUMBER_REASON) {
    read_reason(report, number.value, at, end);
  } else if (number.value && number.value < 64) {
    report->kind = VMXSIM_ENTRY_FAIL_VALID;
    report->number = (uint32_t)number.value;
    /* "error 10" and more: in decimal, unless marked. */
    if (!number.marked && number.value >= 0x10 && !number.has_letters) {
      report->number = (uint32_t)(number.value / 16 * 10 + number.value % 16);
    }
  }
  return report->kind >= 0;
}

/* Xen's second line about a failed MSR load: "  msr 000001dd val 1ffff80676f52be5 (mbz 0)". Also the rest of a first
 * line that a mailer broke. */
static void continue_pending(const struct text_line *line, struct text_report *pending) {
  const char *at = text_line_find(line, "msr 0"), *const end = line->text + line->length;
  const char *value = at ? text_find(at, (size_t)(end - at), " val ") : NULL;
  if (!pending->has_number) read_rest(pending, line->text, end);
  if (pending->kind != VMXSIM_ENTRY_EXIT_34 || !value || end - value < 21) return;
  const struct text_number index = text_number_read(at + 4, 8), data = text_number_read(value + 5, 16);
  if (index.digits != 8 || data.digits != 16) return;
  pending->has_msr = true;
  pending->msr = (struct text_msr){(uint32_t)index.value, data.value};
}

static bool worth_reading(const struct text_line *line) {
  return text_line_find(line, "rror") || text_line_find(line, "ail") || text_line_find(line, "FAIL") ||
         text_line_find(line, "eason");
}

void text_report_line(const struct text_line *line, struct text_case *text, struct text_report *pending) {
  struct text_report report;
  if (pending->kind == VMXSIM_ENTRY_EXIT_33 || pending->kind == VMXSIM_ENTRY_EXIT_34) continue_pending(line, pending);
  if (!worth_reading(line)) return;
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    if (!read_phrase(line, &phrases[i], &report)) continue;
    const bool here = text->open && text->report.kind < 0 && !phrases[i].precedes;
    *(here ? &text->report : pending) = report;
    return;
  }
}
