/* The code of a host or a guest: assembler, bytes or a file; its IDT, descriptors, pages and registers. */
#include <string.h>

#include "scalar.h"
#include "scenario_read.h"
#include "vmcs/names.h"

static uint64_t host_default_at(enum scenario_mode mode) {
  return mode == MODE_64 ? UINT64_C(0xffff800000100000) : mode == MODE_16 ? 0x8000 : 0xc0100000;
}

/* --- code --- */

/* Where a block of text stands in the file: its tree node is at the "|". */
static void place_block(const struct scenario_reader *reader, const struct yaml_node *node,
                        struct vmxsim_assembler_options *options) {
  const char *at = reader->text, *end = at + reader->length;
  options->first_line = node->line;
  options->first_column = node->column;
  for (unsigned line = 1; line < node->line && at; line++) {
    at = memchr(at, '\n', (size_t)(end - at));
    if (at) at++;
  }
  if (!at || (size_t)(end - at) < node->column || (at[node->column - 1] != '|' && at[node->column - 1] != '>')) return;
  at = memchr(at, '\n', (size_t)(end - at));
  options->first_line++;
  options->first_column = 1;
  for (at = at ? at + 1 : end; at < end && *at == ' '; at++) options->first_column++;
}

struct code_target {
  struct scenario_code *code;
  struct symbol_table *symbols;
};

static vmxsim_status read_asm(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  const struct code_target *target = into;
  struct scenario_code *code = target->code;
  struct vmxsim_assembler_options options = {.size = sizeof options, .origin = code->at};
  options.bits = code->mode == MODE_64 ? 64 : code->mode == MODE_16 ? 16 : 32;
  if (node->kind != NODE_SCALAR) return yaml_expected(reader->reader.diagnostic, node, "assembler as a text");
  place_block(reader, node, &options);
  const vmxsim_status status =
      assemble_with(target->symbols, node->text, node->length, &options, &code->assembly, reader->reader.diagnostic);
  const struct symbol *start = symbols_find(target->symbols, "start", 5);
  if (!status) code->start = start ? start->label.value : code->at;
  return status;
}

static vmxsim_status read_bytes(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  const struct code_target *target = into;
  struct scenario_code *code = target->code;
  struct vmxsim_code *piece = document_allocate(reader->reader.document, 1, sizeof *piece);
  uint8_t *bytes = document_allocate(reader->reader.document, node->length / 2 + 1, 1);
  if (!piece || !bytes) return diagnose_no_memory(reader->reader.diagnostic);
  if (node->kind != NODE_SCALAR) return yaml_expected(reader->reader.diagnostic, node, "bytes");
  *piece = (struct vmxsim_code){code->at, bytes, 0};
  for (size_t i = 0; i < node->length; i++) {
    uint64_t value = 0;
    char digits[4] = {'0', 'x', node->text[i], node->text[i + 1]};
    if (node->text[i] == ' ' || node->text[i] == '\n') continue;
    if (scalar_number(digits, 4, 8, &value) != SCALAR_NUMBER) {
      return yaml_expected(reader->reader.diagnostic, node, "bytes as pairs of hexadecimal digits");
    }
    bytes[piece->size++] = (uint8_t)value;
    i++;
  }
  code->assembly = (struct vmxsim_assembly){.pieces = piece, .piece_count = 1};
  code->start = code->at;
  return VMXSIM_OK;
}

static vmxsim_status read_file(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_code *code = ((struct code_target *)into)->code;
  code->start = code->at;
  return scenario_text(reader, node, "the name of a file", &code->file);
}

static vmxsim_status read_at(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return scenario_number(reader, node, 64, "an address", &((struct code_target *)into)->code->at);
}

static vmxsim_status read_mode(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  static const char *const names[] = {"64-bit", "32-bit", "pae", "16-bit"};
  struct scenario_code *code = ((struct code_target *)into)->code;
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (node->kind != NODE_SCALAR || !names_equal(names[i], node->text, node->length)) continue;
    code->mode = (enum scenario_mode)i;
    return VMXSIM_OK;
  }
  return yaml_unknown_name(reader->reader.diagnostic, node, "64-bit, 32-bit, pae or 16-bit", NULL);
}

/* --- IDT --- */

static vmxsim_status read_offset(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return scenario_number(reader, node, 64, "a label or an address", &((struct scenario_gate *)into)->offset);
}

static vmxsim_status read_small(struct scenario_reader *reader, const struct yaml_node *node, unsigned bits,
                                const char *what, uint8_t *into) {
  uint64_t value = 0;
  const vmxsim_status status = scenario_number(reader, node, bits, what, &value);
  *into = (uint8_t)value;
  return status;
}

static vmxsim_status read_dpl(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_small(reader, node, 2, "a privilege level", &((struct scenario_gate *)into)->dpl);
}

static vmxsim_status read_ist(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_small(reader, node, 3, "an IST entry", &((struct scenario_gate *)into)->ist);
}

static vmxsim_status read_selector(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  uint64_t value = 0;
  const vmxsim_status status = scenario_number(reader, node, 16, "a selector", &value);
  ((struct scenario_gate *)into)->selector = (uint16_t)value;
  return status;
}

static vmxsim_status read_type(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_gate *gate = into;
  gate->type = yaml_is_word(node, "interrupt") ? 14
               : yaml_is_word(node, "trap")    ? 15
               : yaml_is_word(node, "task")    ? 5
                                               : 0;
  return gate->type ? VMXSIM_OK : read_small(reader, node, 4, "interrupt, trap, task or a type", &gate->type);
}

static const struct scenario_key gate_keys[] = {
    {"handler", read_offset}, {"dpl", read_dpl}, {"ist", read_ist}, {"selector", read_selector}, {"type", read_type},
};

static vmxsim_status read_idt(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_code *code = ((struct code_target *)into)->code;
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping of vectors");
  struct scenario_gate *gate = document_allocate(reader->reader.document, node->count + 1, sizeof *gate);
  if (!gate) return diagnose_no_memory(reader->reader.diagnostic);
  code->gates = gate;
  for (const struct yaml_node *key = node->first; key; key = key->next->next, gate++) {
    uint64_t vector = 0;
    vmxsim_status status = yaml_number(reader->reader.diagnostic, key, 8, "a vector", &vector);
    *gate = (struct scenario_gate){.vector = (uint8_t)vector};
    if (!status && key->next->kind == NODE_MAPPING) {
      status = scenario_read_keys(reader, key->next, gate_keys, sizeof gate_keys / sizeof *gate_keys, "a key of a gate",
                                  gate);
    } else if (!status) {
      status = read_offset(reader, key->next, gate);
    }
    if (status) return status;
    code->gate_count++;
  }
  return VMXSIM_OK;
}

static vmxsim_status read_gdt(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_code *code = ((struct code_target *)into)->code;
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping of selectors");
  struct scenario_descriptor *descriptor =
      document_allocate(reader->reader.document, node->count + 1, sizeof *descriptor);
  if (!descriptor) return diagnose_no_memory(reader->reader.diagnostic);
  code->descriptors = descriptor;
  for (const struct yaml_node *key = node->first; key; key = key->next->next, descriptor++) {
    uint64_t selector = 0;
    vmxsim_status status = yaml_number(reader->reader.diagnostic, key, 12, "a selector below 0x1000", &selector);
    if (!status) status = scenario_number(reader, key->next, 64, "a descriptor of 64 bits", &descriptor->value);
    if (status) return status;
    descriptor->selector = (uint16_t)(selector & ~7u);
    code->descriptor_count++;
  }
  return VMXSIM_OK;
}

/* --- pages --- */

struct page_reader {
  struct scenario_mapping mapping;
  bool to_given;
};

static vmxsim_status read_linear(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return scenario_number(reader, node, 64, "an address", &((struct page_reader *)into)->mapping.linear);
}

static vmxsim_status read_to(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct page_reader *page = into;
  page->to_given = true;
  return scenario_number(reader, node, 52, "a physical address", &page->mapping.physical);
}

static vmxsim_status read_page_size(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return scenario_number(reader, node, 32, "a size", &((struct page_reader *)into)->mapping.size);
}

static vmxsim_status read_page_flag(struct scenario_reader *reader, const struct yaml_node *node, void *into,
                                    unsigned flag) {
  bool set = false;
  const vmxsim_status status = scenario_flag(reader, node, &set);
  if (set) ((struct page_reader *)into)->mapping.flags |= flag;
  return status;
}

static vmxsim_status read_user(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_page_flag(reader, node, into, PAGE_USER);
}

static vmxsim_status read_read_only(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_page_flag(reader, node, into, PAGE_READ_ONLY);
}

static vmxsim_status read_nx(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_page_flag(reader, node, into, PAGE_NO_EXECUTE);
}

static vmxsim_status read_absent(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  return read_page_flag(reader, node, into, PAGE_ABSENT);
}

static const struct scenario_key page_keys[] = {
    {"at", read_linear},           {"to", read_to}, {"size", read_page_size},     {"user", read_user},
    {"read_only", read_read_only}, {"nx", read_nx}, {"not_present", read_absent},
};

static vmxsim_status read_page(struct scenario_reader *reader, const struct yaml_node *node,
                               struct scenario_mapping *mapping) {
  struct page_reader page = {.mapping = {.size = 4096}};
  const vmxsim_status status = scenario_read_keys(reader, node, page_keys, sizeof page_keys / sizeof *page_keys,
                                                  "a key of a piece of `pages`", &page);
  if (status) return status;
  if (!page.to_given) page.mapping.physical = page.mapping.linear & 0xfffffffff000;
  page.mapping.linear &= ~UINT64_C(0xfff);
  page.mapping.physical &= ~UINT64_C(0xfff);
  page.mapping.size = (page.mapping.size + 0xfff) & ~UINT64_C(0xfff);
  *mapping = page.mapping;
  if (page.mapping.size && page.mapping.size <= SCENARIO_RAM_DEFAULT) return VMXSIM_OK;
  return yaml_expected(reader->reader.diagnostic, node, "a size of at most 16 MiB");
}

static vmxsim_status read_pages(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_code *code = ((struct code_target *)into)->code;
  if (node->kind != NODE_SEQUENCE) {
    return yaml_expected(reader->reader.diagnostic, node, "a list of {at: ADDRESS, to: ADDRESS, size: BYTES}");
  }
  struct scenario_mapping *mappings = document_allocate(reader->reader.document, node->count + 1, sizeof *mappings);
  if (!mappings) return diagnose_no_memory(reader->reader.diagnostic);
  code->mappings = mappings;
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    const vmxsim_status status = read_page(reader, item, &mappings[code->mapping_count++]);
    if (status) return status;
  }
  return VMXSIM_OK;
}

/* --- registers --- */

static vmxsim_status read_register(struct scenario_reader *reader, const struct yaml_node *key, unsigned *number) {
  struct nearest list;
  if (!vmxsim_register_find(key->text, number) && vmxsim_register_size(*number) <= 8) return VMXSIM_OK;
  nearest_begin(&list, 2);
  for (unsigned i = 0; i < VMXSIM_REGISTERS; i++) {
    nearest_offer(&list, vmxsim_register_name(i), key->text, key->length);
  }
  return yaml_unknown_name(reader->reader.diagnostic, key, "the name of a register", &list);
}

vmxsim_status scenario_registers(struct scenario_reader *reader, const struct yaml_node *node,
                                 const struct register_value **values, size_t *count) {
  if (node->kind != NODE_MAPPING) return yaml_expected(reader->reader.diagnostic, node, "a mapping of registers");
  struct register_value *value = document_allocate(reader->reader.document, node->count + 1, sizeof *value);
  if (!value) return diagnose_no_memory(reader->reader.diagnostic);
  *values = value;
  *count = node->count;
  for (const struct yaml_node *key = node->first; key; key = key->next->next, value++) {
    vmxsim_status status = read_register(reader, key, &value->number);
    if (!status) {
      status = scenario_number(reader, key->next, 8 * (unsigned)vmxsim_register_size(value->number),
                               "a value of the register", &value->value);
    }
    if (status) return status;
  }
  return VMXSIM_OK;
}

static vmxsim_status read_registers(struct scenario_reader *reader, const struct yaml_node *node, void *into) {
  struct scenario_code *code = ((struct code_target *)into)->code;
  return scenario_registers(reader, node, &code->registers, &code->register_count);
}

/* Mode and place come before the code, and the code before what names its labels. */
static const struct scenario_key code_keys[] = {
    {"mode", read_mode}, {"at", read_at},   {"asm", read_asm},     {"bytes", read_bytes},         {"file", read_file},
    {"idt", read_idt},   {"gdt", read_gdt}, {"pages", read_pages}, {"registers", read_registers},
};
enum { CODE_KEYS = sizeof code_keys / sizeof *code_keys, CODE_KEY_PLACE = 2 };

vmxsim_status scenario_code(struct scenario_reader *reader, const struct yaml_node *node, struct symbol_table *symbols,
                            struct scenario_code *code) {
  const struct yaml_node *found[CODE_KEYS];
  struct code_target target = {code, symbols};
  vmxsim_status status = scenario_find(reader, node, code_keys, CODE_KEYS,
                                       "asm, bytes, file, mode, at, idt, gdt, pages "
                                       "or registers",
                                       found);
  if (status) return status;
  code->given = found[2] || found[3] || found[4];
  if ((found[2] != NULL) + (found[3] != NULL) + (found[4] != NULL) > 1) {
    return yaml_expected(reader->reader.diagnostic, node, "one of asm, bytes and file");
  }
  reader->reader.symbols = symbols;
  for (size_t i = 0; !status && i < CODE_KEYS; i++) {
    if (i == CODE_KEY_PLACE && !found[1] && !code->at) code->at = host_default_at(code->mode);
    if (found[i]) status = code_keys[i].read(reader, found[i], &target);
  }
  reader->reader.symbols = NULL;
  return status;
}
