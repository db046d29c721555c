/* Messages and hints with the values put in, and outcomes in words. */
#include "checks/context.h"
#include "vmcs/names.h"
#include "vmcs/text.h"
#include "vmxsim/bits.h"
#include "vmxsim/exits.h"

/* The context for messages: the given processor, or with several candidates the last (the most capable). */
static struct check_context context_of(const struct vmxsim_check_input *input, struct probe *probe) {
  return (struct check_context){
      .field = input->vmcs->value,
      .capabilities = input->capabilities_count ? input->capabilities[input->capabilities_count - 1] : NULL,
      .input = input,
      .probe = probe,
  };
}

static unsigned digits_of(vmxsim_field field) {
  return vmxsim_field_bits(field) / 4;
}

static void put_field(struct text *text, const struct check_context *x, const char *name, size_t length) {
  vmxsim_field field;
  if (vmxsim_field_from_name(name, length, &field, NULL) != VMXSIM_OK) {
    text_put(text, "?");
  } else if (!vmxsim_field_set_has(&x->input->vmcs->known, field)) {
    text_put(text, "(not known)");
  } else {
    text_hex(text, x->field[field], digits_of(field));
  }
}

static void put_separator(struct text *text, bool *first) {
  if (!*first) text_put(text, ", ");
  *first = false;
}

static void put_bits(struct text *text, uint64_t value) {
  bool first = true;
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!((value >> bit) & 1)) continue;
    put_separator(text, &first);
    text_decimal(text, bit);
  }
  if (first) text_put(text, "none");
}

static void put_controls(struct text *text, vmxsim_control_word word, uint64_t value) {
  bool first = true;
  for (unsigned bit = 0; bit < 64; bit++) {
    if (!((value >> bit) & 1)) continue;
    const struct vmxsim_control *control = vmxsim_control_find(word, bit);
    put_separator(text, &first);
    text_put(text, "bit ");
    text_decimal(text, bit);
    if (!control) continue;
    text_put(text, " (");
    text_put(text, control->name);
    text_char(text, ')');
  }
}

static bool is(const char *known, const char *name, size_t length) {
  return names_equal(known, name, length);
}

/* "{0:d}": a value in the format that stands behind the colon. */
static void put_value(struct text *text, uint64_t value, const char *format, size_t length) {
  char buffer[400];
  if (!length) {
    text_hex(text, value, 1);
    return;
  }
  if (is("d", format, length)) {
    text_decimal(text, value);
    return;
  }
  if (is("bits", format, length)) {
    put_bits(text, value);
    return;
  }
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
    if (!is(vmxsim_control_word_name((vmxsim_control_word)word), format, length)) continue;
    put_controls(text, (vmxsim_control_word)word, value);
    return;
  }
  for (unsigned layout = 0; layout < VMXSIM_LAYOUT_COUNT; layout++) {
    if (!is(vmxsim_layout_name((vmxsim_layout)layout), format, length)) continue;
    vmxsim_layout_text((vmxsim_layout)layout, value, buffer, sizeof buffer);
    text_put(text, buffer);
    return;
  }
  text_hex(text, value, 1);
}

static void put_template(struct text *text, const struct check_context *x, const char *template, const uint64_t *values,
                         unsigned count) {
  for (const char *at = template; *at; at++) {
    if (*at != '{') {
      text_char(text, *at);
      continue;
    }
    const char *name = at + 1, *colon = NULL;
    while (*at && *at != '}') {
      if (*at == ':' && !colon) colon = at;
      at++;
    }
    if (!*at) return;
    const size_t length = (size_t)((colon ? colon : at) - name);
    if (length == 1 && name[0] >= '0' && name[0] <= '9') {
      const unsigned n = (unsigned)(name[0] - '0');
      if (n < count) put_value(text, values[n], colon ? colon + 1 : at, colon ? (size_t)(at - colon - 1) : 0);
    } else {
      put_field(text, x, name, length);
    }
  }
}

static size_t put_text(const struct vmxsim_check_input *input, vmxsim_check check, bool hint, char *buffer,
                       size_t size) {
  struct text text = text_begin(buffer, size);
  if (check >= check_record_count) return text_end(&text);
  uint64_t values[CHECK_VALUES_MAX] = {0};
  struct probe probe = {.term_unknown = false};
  struct check_context x = context_of(input, &probe);
  unsigned which;
  const unsigned group = check_group_of(check, &which);
  /* Finds the MSR-load entry that is meant. */
  if (group_records[group].each_msr_entry) {
    partial_check(&x, check, MUTATION_NONE);
    if (x.entry.number) {
      text_put(&text, "entry ");
      text_decimal(&text, x.entry.number);
      text_put(&text, ": ");
    }
    if (hint) text.length = 0;
  }
  const unsigned count = values_groups[group](&x, which, values);
  put_template(&text, &x, hint ? check_records[check].hint : check_records[check].says, values, count);
  return text_end(&text);
}

size_t vmxsim_check_message(const struct vmxsim_check_input *input, vmxsim_check check, char *text, size_t size) {
  return put_text(input, check, false, text, size);
}

size_t vmxsim_check_hint(const struct vmxsim_check_input *input, vmxsim_check check, char *text, size_t size) {
  return put_text(input, check, true, text, size);
}

static void put_failure(struct text *text, const struct vmxsim_outcome *outcome) {
  const struct vmxsim_numbered_name *error = vmxsim_instruction_error(outcome->number);
  text_put(text, "VMfailValid(");
  text_decimal(text, outcome->number);
  text_put(text, "): ");
  text_put(text, error ? error->term : "unknown VM-instruction error");
}

static void put_guest_state_failure(struct text *text, const struct vmxsim_outcome *outcome) {
  static const char *const whats[] = {
      [2] = ": loading the PDPTEs", [3] = ": injecting an NMI while blocking by STI", [4] = ": the VMCS link pointer"};
  text_put(text, "exit reason 33, VM-entry failure due to invalid guest state (qualification ");
  text_decimal(text, outcome->number);
  if (outcome->number < sizeof whats / sizeof *whats && whats[outcome->number]) text_put(text, whats[outcome->number]);
  text_char(text, ')');
}

size_t vmxsim_outcome_text(const struct vmxsim_outcome *outcome, char *buffer, size_t size) {
  struct text text = text_begin(buffer, size);
  switch (outcome->kind) {
  case VMXSIM_ENTRY_SUCCEEDS: text_put(&text, "VM entry succeeds"); break;
  case VMXSIM_ENTRY_UD: text_put(&text, "#UD (invalid opcode)"); break;
  case VMXSIM_ENTRY_GP: text_put(&text, "#GP(0) (general protection)"); break;
  case VMXSIM_ENTRY_VM_EXIT: text_put(&text, "VM exit of the instruction itself"); break;
  case VMXSIM_ENTRY_FAIL_INVALID: text_put(&text, "VMfailInvalid: no current VMCS (RFLAGS.CF = 1)"); break;
  case VMXSIM_ENTRY_FAIL_VALID: put_failure(&text, outcome); break;
  case VMXSIM_ENTRY_EXIT_33: put_guest_state_failure(&text, outcome); break;
  case VMXSIM_ENTRY_EXIT_34:
    text_put(&text, "exit reason 34, VM-entry failure due to MSR loading (entry ");
    text_decimal(&text, outcome->number);
    text_char(&text, ')');
    break;
  }
  return text_end(&text);
}
