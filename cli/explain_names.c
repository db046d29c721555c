/* Explaining fields, controls, layouts and the other inputs of checks. */
#include <inttypes.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/values.h"
#include "vmcs/names.h"
#include "vmcs/text.h"

static void print_field_aliases(struct explainer *explainer, vmxsim_field field) {
  const struct output *output = &explainer->output;
  const char *alias, *source, *last = "";
  for (unsigned n = 0; (alias = vmxsim_field_alias(field, n, &source)); n++) {
    if (!n) output_put(output, "  also called:");
    if (strcmp(source, last)) {
      output_put(output, "\n    %-14s  %s", source, alias);
    } else {
      output_put(output, ", %s", alias);
    }
    last = source;
  }
  if (*last) output_put(output, "\n");
}

static void print_field_facts(struct explainer *explainer, vmxsim_field field, bool high) {
  const struct output *output = &explainer->output;
  const uint32_t encoding = vmxsim_field_encoding(field);
  char existence[300];
  vmxsim_field_existence_text(field, existence, sizeof existence);
  output_put(output, "  term:     %s\n", vmxsim_field_term(field));
  output_put(output, "  encoding: 0x%04x", encoding);
  if (vmxsim_field_has_high_half(field)) output_put(output, "; bits 63:32 alone: 0x%04x", encoding + 1);
  output_put(output, "%s\n", high ? " (which the name means)" : "");
  output_put(output, "  kind:     %s, %s%s\n", vmxsim_field_width_text(vmxsim_field_width_of(field)),
             vmxsim_field_kind_text(vmxsim_field_kind_of(field)),
             vmxsim_field_is_read_only(field) ? ", read-only" : "");
  output_put(output, "  exists:   ");
  if (*existence) {
    output_put(output, "on processors that support the ");
    output_wrapped(output, 42, 12, existence);
  } else {
    output_put(output, "always\n");
  }
}

static void print_control_names(struct explainer *explainer, vmxsim_control_word word) {
  const struct vmxsim_control *control;
  output_put(&explainer->output, "  bits:\n");
  for (size_t n = 0; (control = vmxsim_control_at(n)); n++) {
    if (control->word == word)
      output_put(&explainer->output, "  %5u  %-40s %s\n", control->bit, control->name, control->term);
  }
}

unsigned explain_field(struct explainer *explainer, const char *name) {
  vmxsim_field field;
  bool high;
  if (vmxsim_field_from_name(name, strlen(name), &field, &high) != VMXSIM_OK) return 0;
  const vmxsim_control_word word = vmxsim_control_word_of_field(field);
  const vmxsim_layout layout = vmxsim_layout_of_field(field);
  explain_title(explainer, "field", vmxsim_field_name(field));
  print_field_facts(explainer, field, high);
  if (word != VMXSIM_WORD_COUNT) print_control_names(explainer, word);
  if (layout != VMXSIM_LAYOUT_COUNT) {
    output_put(&explainer->output, "  bits:\n");
    print_layout_description(&explainer->output, layout);
  }
  print_field_aliases(explainer, field);
  explain_readers(explainer, (unsigned)field);
  return 1;
}

static void print_supporting_profiles(struct explainer *explainer, const struct vmxsim_control *control) {
  const struct vmxsim_profile *profile;
  const char *oldest = NULL;
  size_t count = 0;
  for (size_t n = 0; (profile = vmxsim_profile_at(n)); n++) {
    if (!((vmxsim_control_may_be_1(&profile->capabilities, control->word) >> control->bit) & 1)) continue;
    if (!oldest) oldest = profile->name;
    count++;
  }
  output_put(&explainer->output, "  profiles: may be 1 on %zu of %zu%s%s\n", count, vmxsim_profile_count(),
             oldest ? ", the oldest is " : "", oldest ? oldest : "");
}

/* The checks whose rule speaks of the control by the manual's term, in quotation marks. */
static void print_rules_about(struct explainer *explainer, const struct vmxsim_control *control) {
  char quoted[200];
  bool first = true;
  snprintf(quoted, sizeof quoted, "\"%s\"", control->term);
  for (vmxsim_check check = 0; check < vmxsim_check_count(); check++) {
    struct vmxsim_check_info info;
    vmxsim_check_describe(check, &info);
    if (!vmxsim_check_reads(check, (unsigned)vmxsim_control_word_field(control->word)) || !mentions(info.rule, quoted))
      continue;
    output_put(&explainer->output, "%s%s\n", first ? "  rules that speak of it:\n    " : "    ", info.id);
    first = false;
  }
}

static void print_control(struct explainer *explainer, const struct vmxsim_control *control) {
  const struct output *output = &explainer->output;
  const vmxsim_field field = vmxsim_control_word_field(control->word);
  char title[200];
  const char *alias, *source;
  snprintf(title, sizeof title, "%s.%s", vmxsim_control_word_name(control->word), control->name);
  explain_title(explainer, "control", title);
  output_put(output, "  term:     %s\n", control->term);
  output_put(output, "  bit:      %u of %s (0x%04x), mask 0x%" PRIx64 "\n", control->bit, vmxsim_field_name(field),
             vmxsim_field_encoding(field), UINT64_C(1) << control->bit);
  for (unsigned n = 0; (alias = vmxsim_control_alias(control, n, &source)); n++) {
    output_put(output, "%s    %-14s  %s\n", n ? "" : "  also called:\n", source, alias);
  }
  print_supporting_profiles(explainer, control);
  print_rules_about(explainer, control);
}

unsigned explain_control(struct explainer *explainer, const char *name) {
  const struct vmxsim_control *control;
  unsigned count = 0;
  const vmxsim_status status = vmxsim_control_from_name(name, strlen(name), &control);
  if (status == VMXSIM_OK) {
    print_control(explainer, control);
    return 1;
  }
  if (status != VMXSIM_ERROR_AMBIGUOUS_NAME) return 0;
  for (unsigned word = 0; word < VMXSIM_WORD_COUNT; word++) {
    if (vmxsim_control_in_word((vmxsim_control_word)word, name, strlen(name), &control) != VMXSIM_OK) continue;
    print_control(explainer, control);
    count++;
  }
  return count;
}

static void print_bitfield_alone(struct explainer *explainer, const struct vmxsim_bitfield *bitfield) {
  char title[200];
  const char *name;
  snprintf(title, sizeof title, "%s.%s", vmxsim_layout_name(bitfield->layout), bitfield->name);
  explain_title(explainer, "bits", title);
  if (bitfield->high == bitfield->low) {
    output_put(&explainer->output, "  bit %u of the %s: %s\n", bitfield->low, vmxsim_layout_title(bitfield->layout),
               bitfield->about);
  } else {
    output_put(&explainer->output, "  bits %u:%u of the %s: %s\n", bitfield->high, bitfield->low,
               vmxsim_layout_title(bitfield->layout), bitfield->about);
  }
  for (uint64_t value = 0; value < 128 && bitfield->high != bitfield->low; value++) {
    name = vmxsim_bitfield_value_name(bitfield, value);
    if (name && strcmp(name, "0")) output_put(&explainer->output, "  %5" PRIu64 "  %s\n", value, name);
  }
}

static void print_layout_alone(struct explainer *explainer, vmxsim_layout layout) {
  char fields[3000];
  struct text text = text_begin(fields, sizeof fields);
  explain_title(explainer, "layout", vmxsim_layout_name(layout));
  output_put(&explainer->output, "  %s\n", vmxsim_layout_title(layout));
  print_layout_description(&explainer->output, layout);
  for (unsigned n = 0; n < VMXSIM_FIELD_COUNT; n++) {
    if (vmxsim_layout_of_field((vmxsim_field)n) != layout) continue;
    if (text.length) text_put(&text, ", ");
    text_put(&text, vmxsim_field_name((vmxsim_field)n));
  }
  if (!text_end(&text)) return;
  output_put(&explainer->output, "  fields:   ");
  output_wrapped(&explainer->output, 12, 12, fields);
}

unsigned explain_layout(struct explainer *explainer, const char *name) {
  const char *dot = strchr(name, '.');
  const size_t length = dot ? (size_t)(dot - name) : strlen(name);
  unsigned count = 0;
  for (unsigned n = 0; n < VMXSIM_LAYOUT_COUNT; n++) {
    const vmxsim_layout layout = (vmxsim_layout)n;
    const bool named =
        names_equal(vmxsim_layout_name(layout), name, length) || names_equal(vmxsim_layout_title(layout), name, length);
    const struct vmxsim_bitfield *bitfield = dot ? vmxsim_bitfield_find(layout, dot + 1, strlen(dot + 1)) : NULL;
    if (!named || (dot && !bitfield)) continue;
    /* The field of the same name has been explained with its layout. */
    vmxsim_field field;
    if (!dot && vmxsim_field_from_name(name, length, &field, NULL) == VMXSIM_OK) continue;
    if (bitfield) {
      print_bitfield_alone(explainer, bitfield);
    } else {
      print_layout_alone(explainer, layout);
    }
    count++;
  }
  return count;
}

static const char *kind_of_input(unsigned input) {
  switch (vmxsim_input_kind(input)) {
  case VMXSIM_INPUT_FIELD: return "field";
  case VMXSIM_INPUT_CAPABILITY: return "capability";
  case VMXSIM_INPUT_PROCESSOR: return "processor state";
  case VMXSIM_INPUT_MEMORY: return "memory";
  }
  return "input";
}

static void print_other_input(struct explainer *explainer, unsigned input) {
  const unsigned capability = input - VMXSIM_FIELD_COUNT;
  explain_title(explainer, kind_of_input(input), vmxsim_input_name(input));
  output_put(&explainer->output, "  %s\n", vmxsim_input_about(input));
  if (vmxsim_input_kind(input) == VMXSIM_INPUT_CAPABILITY) {
    const struct vmxsim_capability_info *info = vmxsim_capability_info(capability);
    if (info && info->kind == VMXSIM_CAPABILITY_MSR) output_put(&explainer->output, "  MSR:      0x%x\n", info->msr);
    const vmxsim_layout layout = layout_of_capability(capability);
    if (layout != VMXSIM_LAYOUT_COUNT) print_layout_description(&explainer->output, layout);
  }
  explain_readers(explainer, input);
}

static unsigned explain_feature(struct explainer *explainer, const char *name) {
  for (unsigned n = 0; vmxsim_feature_name(n); n++) {
    if (!names_equal(vmxsim_feature_name(n), name, strlen(name))) continue;
    explain_title(explainer, "processor feature", vmxsim_feature_name(n));
    output_put(&explainer->output, "  %s\n  --cpu NAME,+%s adds it\n", vmxsim_feature_about(n), vmxsim_feature_name(n));
    return 1;
  }
  return 0;
}

unsigned explain_input(struct explainer *explainer, const char *name) {
  uint64_t msr;
  unsigned count = 0;
  const bool number = parse_number(name, strlen(name), &msr);
  for (unsigned input = VMXSIM_FIELD_COUNT; input < vmxsim_input_count(); input++) {
    const struct vmxsim_capability_info *info =
        vmxsim_input_kind(input) == VMXSIM_INPUT_CAPABILITY ? vmxsim_capability_info(input - VMXSIM_FIELD_COUNT) : NULL;
    const bool is_msr = info && info->kind == VMXSIM_CAPABILITY_MSR;
    if (number ? !is_msr || msr < 0x100 || info->msr != msr
               : !names_equal(vmxsim_input_name(input), name, strlen(name))) {
      continue;
    }
    print_other_input(explainer, input);
    count++;
  }
  return count + explain_feature(explainer, name);
}
