/* The processor of a case. */
#include <string.h>

#include "vmcs/names.h"
#include "yaml_case.h"
#include "yaml_diagnose.h"

/* A spec, and the nodes that its parts come from: one scalar, or the items of a list. */
struct spec {
  const struct yaml_node *node;
  const char *text;
  size_t length;
};

/* The node with the part of the spec at an offset: for a list the item, else a node made up at the right column. */
static struct yaml_node node_of_part(const struct spec *spec, size_t offset) {
  if (spec->node->kind == NODE_SEQUENCE) {
    const struct yaml_node *item = spec->node->first;
    for (size_t end = item->length; end < offset && item->next; end += 1 + item->length) item = item->next;
    return *item;
  }
  struct yaml_node part = *spec->node;
  const char *comma = memchr(spec->text + offset, ',', spec->length - offset);
  part.text = spec->text + offset;
  part.length = comma ? (size_t)(comma - part.text) : spec->length - offset;
  part.column += (unsigned)offset + (part.quoted ? 1 : 0);
  return part;
}

static void skip_blanks(struct yaml_node *part) {
  while (part->length && part->text[0] == ' ') part->text++, part->length--, part->column++;
}

static vmxsim_status unknown_profile(struct case_reader *reader, const struct yaml_node *part) {
  struct nearest list;
  nearest_begin(&list, 2);
  const struct vmxsim_profile *profile;
  for (size_t i = 0; (profile = vmxsim_profile_at(i)); i++) {
    nearest_offer(&list, profile->name, part->text, part->length);
  }
  return yaml_unknown_name(reader->diagnostic, part, "the name of a processor", &list);
}

/* The part is "+name" or "-name". */
static vmxsim_status unknown_feature(struct case_reader *reader, const struct yaml_node *part) {
  struct nearest list;
  nearest_begin(&list, 2);
  const char *name;
  for (unsigned i = 0; (name = vmxsim_feature_name(i)); i++) {
    nearest_offer(&list, name, part->text + 1, part->length - 1);
  }
  const struct vmxsim_control *control;
  for (size_t i = 0; (control = vmxsim_control_at(i)); i++) {
    nearest_offer(&list, control->name, part->text + 1, part->length - 1);
  }
  return yaml_unknown_name(reader->diagnostic, part, "+ or - and a feature or control", &list);
}

static vmxsim_status wrong_part(struct case_reader *reader, const struct spec *spec, size_t offset,
                                vmxsim_status status) {
  struct yaml_node part = node_of_part(spec, offset);
  skip_blanks(&part);
  if (status == VMXSIM_ERROR_MEMORY) return diagnose_no_memory(reader->diagnostic);
  if (status == VMXSIM_ERROR_UNKNOWN_NAME && !offset) return unknown_profile(reader, &part);
  if (status == VMXSIM_ERROR_UNKNOWN_NAME && part.length > 1 && (part.text[0] == '+' || part.text[0] == '-')) {
    return unknown_feature(reader, &part);
  }
  if (status == VMXSIM_ERROR_AMBIGUOUS_NAME) {
    return diagnose(reader->diagnostic, status, part.line, part.column,
                    "expected the name of one control, found '%.*s', which is in several words: write word.name",
                    (int)(part.length < 60 ? part.length : 60), part.text);
  }
  /* The part need not end where its text does. */
  char text[64];
  const size_t length = part.length < sizeof text ? part.length : sizeof text - 1;
  memcpy(text, part.text, length);
  text[length] = 0;
  return diagnose(
      reader->diagnostic, status, part.line, part.column,
      "expected a change to a processor (+feature, -feature, phys-bits=46, ia32_vmx_misc=0x...), found '%s' "
      "(%s)",
      text, vmxsim_status_text(status));
}

/* The items of a list with commas between them. */
static vmxsim_status join(struct case_reader *reader, const struct yaml_node *node, struct spec *spec) {
  size_t length = 0;
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    if (item->kind != NODE_SCALAR || !item->length)
      return yaml_expected(reader->diagnostic, item, "a part of a processor");
    length += item->length + 1;
  }
  char *text = length ? document_allocate(reader->document, length, 1) : NULL;
  if (!length) return yaml_expected(reader->diagnostic, node, "the name of a processor");
  if (!text) return diagnose_no_memory(reader->diagnostic);
  *spec = (struct spec){node, text, length - 1};
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    memcpy(text, item->text, item->length);
    text += item->length;
    *text++ = item->next ? ',' : 0;
  }
  return VMXSIM_OK;
}

vmxsim_status yaml_case_cpu(struct case_reader *reader, const struct yaml_node *node) {
  struct spec spec = {node, node->text, node->length};
  if (node->kind == NODE_MAPPING || yaml_is_nothing(node)) {
    return yaml_expected(reader->diagnostic, node, "a processor, as skylake-server,+feature,-feature");
  }
  vmxsim_status status = node->kind == NODE_SEQUENCE ? join(reader, node, &spec) : VMXSIM_OK;
  if (status) return status;
  size_t error_at = 0;
  status = document_processor(reader->document, spec.text, spec.length, &reader->subject->processor,
                              &reader->subject->processor_name, &error_at);
  return status ? wrong_part(reader, &spec, error_at, status) : VMXSIM_OK;
}
