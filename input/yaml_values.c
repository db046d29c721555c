/* Values out of YAML nodes. */
#include "yaml_values.h"

#include <stdio.h>
#include <string.h>

#include "scalar.h"
#include "vmcs/names.h"
#include "vmxsim/bits.h"
#include "yaml_diagnose.h"

/* What a mapping does to the bits of a field. */
struct change {
  struct vmxsim_diagnostic *diagnostic;
  vmxsim_field field;
  vmxsim_control_word word; /* VMXSIM_WORD_COUNT if the field is no control word */
  vmxsim_layout layout;     /* VMXSIM_LAYOUT_COUNT if its bits have no names */
  unsigned bits;
  uint64_t given; /* bits that the mapping speaks of */
  uint64_t value; /* of those */
  bool described; /* a sub-field was given, not only `set` and `clear` */
};

bool yaml_is_word(const struct yaml_node *node, const char *word) {
  return node->kind == NODE_SCALAR && !node->quoted && node->length == strlen(word) &&
         names_equal(word, node->text, node->length);
}

static vmxsim_status too_wide(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, unsigned bits,
                              const char *what) {
  return diagnose(diagnostic, VMXSIM_ERROR_WIDTH, node->line, node->column,
                  "expected %s of %u bit%s, at most 0x%llx, found '%.60s'", what, bits, bits == 1 ? "" : "s",
                  (unsigned long long)scalar_maximum(bits), node->text);
}

vmxsim_status yaml_number(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, unsigned bits,
                          const char *what, uint64_t *value) {
  if (node->kind != NODE_SCALAR) return yaml_expected(diagnostic, node, what);
  switch (scalar_number(node->text, node->length, bits, value)) {
  case SCALAR_NUMBER: return VMXSIM_OK;
  case SCALAR_TOO_WIDE: return too_wide(diagnostic, node, bits, what);
  case SCALAR_MALFORMED:
  case SCALAR_NAME: break;
  }
  return yaml_expected(diagnostic, node, what);
}

vmxsim_status yaml_field_name(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *key, vmxsim_field *field,
                              bool *high) {
  const vmxsim_status status = vmxsim_field_from_name(key->text, key->length, field, high);
  if (!status) return VMXSIM_OK;
  if (status == VMXSIM_ERROR_AMBIGUOUS_NAME) {
    return diagnose(diagnostic, status, key->line, key->column,
                    "expected the name of one VMCS field, found '%.60s', which several have", key->text);
  }
  const char *names[2];
  const size_t count = vmxsim_field_nearest(key->text, key->length, names, 2);
  struct nearest list;
  nearest_begin(&list, 2);
  for (size_t i = 0; i < count; i++) nearest_offer(&list, names[i], key->text, key->length);
  return yaml_unknown_name(diagnostic, key, "a VMCS field", &list);
}

static struct change begin_change(struct vmxsim_diagnostic *diagnostic, vmxsim_field field) {
  return (struct change){
      .diagnostic = diagnostic,
      .field = field,
      .word = vmxsim_control_word_of_field(field),
      .layout = vmxsim_layout_of_field(field),
      .bits = vmxsim_field_bits(field),
  };
}

/* "a control of pin_based_vm_execution_controls" and the names nearest to the node's. */
static vmxsim_status unknown_bit(const struct change *change, const struct yaml_node *node) {
  struct nearest list;
  nearest_begin(&list, 2);
  const struct vmxsim_control *control;
  if (change->word != VMXSIM_WORD_COUNT) {
    for (size_t i = 0; (control = vmxsim_control_at(i)); i++) {
      if (control->word == change->word) nearest_offer(&list, control->name, node->text, node->length);
    }
  }
  const struct vmxsim_bitfield *bitfield;
  for (size_t n = 0; (bitfield = vmxsim_bitfield_at(change->layout, n)); n++) {
    nearest_offer(&list, bitfield->name, node->text, node->length);
  }
  const bool named = change->word != VMXSIM_WORD_COUNT || change->layout != VMXSIM_LAYOUT_COUNT;
  char what[120];
  snprintf(what, sizeof what, "%s of %s",
           change->word != VMXSIM_WORD_COUNT ? "a control"
           : named                           ? "a bit or sub-field"
                                             : "a bit number",
           vmxsim_field_name(change->field));
  return yaml_unknown_name(change->diagnostic, node, what, &list);
}

/* A bit by number: "26" or "bit 26". */
static bool numbered_bit(const struct change *change, const struct yaml_node *node, unsigned *bit) {
  uint64_t number = 0;
  const size_t prefix = node->length > 4 && names_equal("bit", node->text, 4) ? 4 : 0;
  if (scalar_number(node->text + prefix, node->length - prefix, 6, &number) != SCALAR_NUMBER) return false;
  *bit = (unsigned)number;
  return node->text[0] != '-' && number < change->bits;
}

/* The bits high:low that a name or number stands for. */
static vmxsim_status bits_of(const struct change *change, const struct yaml_node *node, unsigned *high, unsigned *low,
                             const struct vmxsim_bitfield **bitfield) {
  *bitfield = NULL;
  if (node->kind != NODE_SCALAR || yaml_is_nothing(node)) {
    return yaml_expected(change->diagnostic, node, "the name of a bit");
  }
  if (numbered_bit(change, node, low)) {
    *high = *low;
    return VMXSIM_OK;
  }
  const struct vmxsim_control *control;
  if (change->word != VMXSIM_WORD_COUNT && !vmxsim_control_in_word(change->word, node->text, node->length, &control)) {
    *high = *low = control->bit;
    return VMXSIM_OK;
  }
  *bitfield = vmxsim_bitfield_find(change->layout, node->text, node->length);
  if (!*bitfield) return unknown_bit(change, node);
  *high = (*bitfield)->high;
  *low = (*bitfield)->low;
  return VMXSIM_OK;
}

/* Notes that bits high:low shall have a value. */
static vmxsim_status give(struct change *change, const struct yaml_node *node, unsigned high, unsigned low,
                          uint64_t value) {
  const uint64_t mask = scalar_maximum(high - low + 1) << low;
  if (change->given & mask) return yaml_expected(change->diagnostic, node, "every bit once in a mapping");
  change->given |= mask;
  change->value |= value << low;
  return VMXSIM_OK;
}

static vmxsim_status set_or_clear(struct change *change, const struct yaml_node *node, bool set) {
  unsigned high = 0, low = 0;
  const struct vmxsim_bitfield *bitfield;
  const vmxsim_status status = bits_of(change, node, &high, &low, &bitfield);
  if (status) return status;
  if (set && high != low) {
    return diagnose(change->diagnostic, VMXSIM_ERROR_SYNTAX, node->line, node->column,
                    "expected the name of a single bit, found '%.60s' of %u bits: give it a value, as {%s: ...}",
                    node->text, high - low + 1, bitfield->name);
  }
  return give(change, node, high, low, set ? 1 : 0);
}

/* The names after `set` or `clear`: one or a list. */
static vmxsim_status set_or_clear_all(struct change *change, const struct yaml_node *node, bool set) {
  if (node->kind == NODE_SCALAR && !yaml_is_nothing(node)) return set_or_clear(change, node, set);
  if (node->kind != NODE_SEQUENCE) return yaml_expected(change->diagnostic, node, "a list of names of bits");
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    const vmxsim_status status = set_or_clear(change, item, set);
    if (status) return status;
  }
  return VMXSIM_OK;
}

/* A value that has no number: one of the names that bits.def gives for the sub-field. */
static vmxsim_status named_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node,
                                 const struct vmxsim_bitfield *bitfield, uint64_t *value) {
  if (bitfield && vmxsim_bitfield_value_from_name(bitfield, node->text, node->length, value)) return VMXSIM_OK;
  struct nearest list;
  nearest_begin(&list, 2);
  const uint64_t last =
      bitfield && bitfield->high - bitfield->low < 8 ? scalar_maximum(bitfield->high - bitfield->low + 1) : 255;
  bool has_names = false;
  for (uint64_t i = 0; bitfield && i <= last; i++) {
    const char *name = vmxsim_bitfield_value_name(bitfield, i);
    if (!name) continue;
    has_names = true;
    nearest_offer(&list, name, node->text, node->length);
  }
  if (!has_names) return yaml_expected(diagnostic, node, "a number");
  char what[80];
  snprintf(what, sizeof what, "a number or the name of a value of %.40s", bitfield->name);
  return yaml_unknown_name(diagnostic, node, what, &list);
}

static vmxsim_status give_subfield(struct change *change, const struct yaml_node *key) {
  const struct yaml_node *node = key->next;
  unsigned high = 0, low = 0;
  const struct vmxsim_bitfield *bitfield;
  vmxsim_status status = bits_of(change, key, &high, &low, &bitfield);
  if (status) return status;
  if (node->kind != NODE_SCALAR || yaml_is_nothing(node)) {
    return yaml_expected(change->diagnostic, node, high == low ? "0 or 1" : "a number or a name");
  }
  const unsigned bits = high - low + 1;
  uint64_t value = 0;
  if (bits != 1 || !scalar_truth(node->text, node->length, &value)) {
    const enum scalar_kind kind = scalar_number(node->text, node->length, bits, &value);
    if (kind == SCALAR_TOO_WIDE) return too_wide(change->diagnostic, node, bits, "a value");
    if (kind != SCALAR_NUMBER) status = named_value(change->diagnostic, node, bitfield, &value);
  }
  if (status) return status;
  change->described = true;
  return give(change, key, high, low, value);
}

/* Events to inject, or that were delivered: an injection is described as a whole, and valid unless it says no. */
static bool is_event(vmxsim_field field) {
  return field == VMXSIM_FIELD_vm_entry_interruption_information ||
         field == VMXSIM_FIELD_vm_exit_interruption_information || field == VMXSIM_FIELD_idt_vectoring_information;
}

static vmxsim_status changed_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node,
                                   vmxsim_field field, const uint64_t *base, uint64_t *value) {
  struct change change = begin_change(diagnostic, field);
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    vmxsim_status status;
    if (yaml_is_word(key, "set"))
      status = set_or_clear_all(&change, key->next, true);
    else if (yaml_is_word(key, "clear"))
      status = set_or_clear_all(&change, key->next, false);
    else
      status = give_subfield(&change, key);
    if (status) return status;
  }
  const bool whole = change.described && (is_event(field) || !base);
  const uint64_t valid = UINT64_C(1) << 31;
  if (change.described && is_event(field) && !(change.given & valid)) change.value |= valid, change.given |= valid;
  if (!whole && !base) {
    return diagnose(diagnostic, VMXSIM_ERROR_SYNTAX, node->line, node->column,
                    "expected a whole value of %s, found one with only some bits set or cleared: there is no template "
                    "to take the others from",
                    vmxsim_field_name(field));
  }
  *value = ((whole ? 0 : *base) & ~change.given) | change.value;
  return VMXSIM_OK;
}

/* A name as the value of a whole field: "hlt" for guest_activity_state. */
static vmxsim_status whole_name(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, vmxsim_field field,
                                uint64_t *value) {
  const vmxsim_layout layout = vmxsim_layout_of_field(field);
  const struct vmxsim_bitfield *only = vmxsim_bitfield_at(layout, 0);
  if (only && (only->low || vmxsim_bitfield_at(layout, 1))) only = NULL;
  return named_value(diagnostic, node, only, value);
}

static vmxsim_status scalar_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node,
                                  vmxsim_field field, unsigned bits, uint64_t *value) {
  char what[120];
  if (yaml_is_nothing(node)) return yaml_expected(diagnostic, node, "a value");
  switch (scalar_number(node->text, node->length, bits, value)) {
  case SCALAR_NUMBER: return VMXSIM_OK;
  case SCALAR_TOO_WIDE:
    snprintf(what, sizeof what, "a value for %s", vmxsim_field_name(field));
    return too_wide(diagnostic, node, bits, what);
  case SCALAR_MALFORMED:
  case SCALAR_NAME: break;
  }
  return whole_name(diagnostic, node, field, value);
}

vmxsim_status yaml_field_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, vmxsim_field field,
                               bool high, const uint64_t *base, uint64_t *value) {
  if (node->kind == NODE_SEQUENCE || (high && node->kind != NODE_SCALAR)) {
    return yaml_expected(diagnostic, node, high ? "a number" : "a number or a mapping of bits");
  }
  if (node->kind == NODE_MAPPING) return changed_value(diagnostic, node, field, base, value);
  if (!high) return scalar_value(diagnostic, node, field, vmxsim_field_bits(field), value);
  uint64_t upper = 0;
  const vmxsim_status status = scalar_value(diagnostic, node, field, 32, &upper);
  if (status) return status;
  if (!base) return yaml_expected(diagnostic, node, "the lower half of the field before the upper one");
  *value = upper << 32 | (*base & UINT32_MAX);
  return VMXSIM_OK;
}

static unsigned state_bits(unsigned item) {
  switch (item) {
  case VMXSIM_PROCESSOR_cpl: return 2;
  case VMXSIM_PROCESSOR_current_vmcs_pointer:
  case VMXSIM_PROCESSOR_vmxon_pointer: return 64;
  default: return 1;
  }
}

static vmxsim_status unknown_item(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *key) {
  struct nearest list;
  nearest_begin(&list, 2);
  const char *name;
  for (unsigned i = 0; (name = vmxsim_processor_item_name(i)); i++) nearest_offer(&list, name, key->text, key->length);
  return yaml_unknown_name(diagnostic, key, "an item of processor state", &list);
}

static vmxsim_status state_item(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *key, unsigned *item) {
  const char *name;
  for (*item = 0; (name = vmxsim_processor_item_name(*item)); ++*item) {
    if (names_equal(name, key->text, key->length)) return VMXSIM_OK;
  }
  return unknown_item(diagnostic, key);
}

static vmxsim_status state_value(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node, unsigned item,
                                 uint64_t *value) {
  const unsigned bits = state_bits(item);
  if (bits == 1 && node->kind == NODE_SCALAR && scalar_truth(node->text, node->length, value)) return VMXSIM_OK;
  char what[80];
  snprintf(what, sizeof what, "a value for %s", vmxsim_processor_item_name(item));
  return yaml_number(diagnostic, node, bits, what, value);
}

vmxsim_status yaml_processor_state(struct vmxsim_diagnostic *diagnostic, const struct yaml_node *node,
                                   struct vmxsim_processor_state *state, uint64_t *unknown) {
  if (yaml_is_nothing(node)) return VMXSIM_OK;
  if (node->kind != NODE_MAPPING) return yaml_expected(diagnostic, node, "a mapping of processor state");
  uint64_t given = 0;
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    unsigned item = 0;
    uint64_t value = 0;
    vmxsim_status status = state_item(diagnostic, key, &item);
    if (status) return status;
    if ((given >> item) & 1) return yaml_expected(diagnostic, key, "every item of processor state once");
    given |= UINT64_C(1) << item;
    if (yaml_is_word(key->next, "unknown")) {
      *unknown |= UINT64_C(1) << item;
      continue;
    }
    status = state_value(diagnostic, key->next, item, &value);
    if (status) return status;
    vmxsim_processor_state_set(state, (enum vmxsim_processor_item)item, value);
  }
  return VMXSIM_OK;
}
