/* The guest-physical memory of a case. */
#include <stdlib.h>
#include <string.h>

#include "scalar.h"
#include "vmcs/characters.h"
#include "vmcs/names.h"
#include "yaml_case.h"
#include "yaml_diagnose.h"
#include "yaml_values.h"

/* A piece and where it was written. */
struct piece {
  struct vmxsim_memory_bytes memory;
  const struct yaml_node *key;
};

enum content { CONTENT_U8, CONTENT_U16, CONTENT_U32, CONTENT_U64, CONTENT_BYTES, CONTENT_MSR, CONTENT_UNKNOWN };

static const struct {
  const char *name;
  unsigned unit; /* bytes of one item */
} contents[] = {{"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8}, {"bytes", 1}, {"msr", 16}, {"unknown", 1}};

enum { CONTENTS = sizeof contents / sizeof *contents };

static vmxsim_status content_of(const struct case_reader *reader, const struct yaml_node *key, enum content *content) {
  for (unsigned i = 0; i < CONTENTS; i++) {
    if (!names_equal(contents[i].name, key->text, key->length)) continue;
    *content = (enum content)i;
    return VMXSIM_OK;
  }
  return yaml_unknown_name(reader->diagnostic, key, "u8, u16, u32, u64, bytes, msr or unknown", NULL);
}

/* "00 11 aa": writes the bytes if `out` is not NULL, and counts them. False if it is something else. */
static bool read_bytes(const struct yaml_node *node, uint8_t *out, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < node->length; i++) {
    if (node->text[i] == ' ' || node->text[i] == '\n' || node->text[i] == '\t') continue;
    const int high = text_digit(node->text[i]), low = text_digit(node->text[i + 1]);
    if (high < 0 || low < 0) return false;
    if (out) out[*count] = (uint8_t)(high << 4 | low);
    ++*count;
    i++;
  }
  return true;
}

/* How many bytes a value takes. */
static vmxsim_status size_of(const struct case_reader *reader, enum content content, const struct yaml_node *node,
                             size_t *size) {
  if (content == CONTENT_BYTES) {
    if (node->kind == NODE_SCALAR && read_bytes(node, NULL, size)) return VMXSIM_OK;
    return yaml_expected(reader->diagnostic, node, "bytes as pairs of hexadecimal digits");
  }
  if (node->kind == NODE_MAPPING || (content == CONTENT_MSR && node->kind != NODE_SEQUENCE)) {
    return yaml_expected(reader->diagnostic, node,
                         content == CONTENT_MSR ? "a list of [index, data]" : "a number or a list");
  }
  *size = (node->kind == NODE_SEQUENCE ? node->count : 1) * contents[content].unit;
  return VMXSIM_OK;
}

static void store(uint8_t *bytes, uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

static vmxsim_status write_number(const struct case_reader *reader, const struct yaml_node *node, unsigned size,
                                  uint8_t *bytes) {
  uint64_t value = 0;
  const vmxsim_status status = yaml_case_number(reader, node, 8 * size, "a number", &value);
  store(bytes, value, size);
  return status;
}

/* SDM 3C, "VM-Exit Controls for MSRs": index, 32 reserved bits, data. Here: [index, data] or [index, data, reserved].
 */
static vmxsim_status write_msr(const struct case_reader *reader, const struct yaml_node *node, uint8_t *bytes) {
  if (node->kind != NODE_SEQUENCE || node->count < 2 || node->count > 3) {
    return yaml_expected(reader->diagnostic, node, "[index, data] or [index, data, reserved]");
  }
  const struct yaml_node *index = node->first, *data = index->next, *reserved = data->next;
  vmxsim_status status = write_number(reader, index, 4, bytes);
  if (!status) status = write_number(reader, data, 8, bytes + 8);
  store(bytes + 4, 0, 4);
  if (!status && reserved) status = write_number(reader, reserved, 4, bytes + 4);
  return status;
}

static vmxsim_status write_item(const struct case_reader *reader, enum content content, const struct yaml_node *node,
                                uint8_t *bytes) {
  return content == CONTENT_MSR ? write_msr(reader, node, bytes)
                                : write_number(reader, node, contents[content].unit, bytes);
}

static vmxsim_status write_content(const struct case_reader *reader, enum content content, const struct yaml_node *node,
                                   uint8_t *bytes) {
  if (content == CONTENT_BYTES) {
    size_t count;
    read_bytes(node, bytes, &count);
    return VMXSIM_OK;
  }
  if (node->kind == NODE_SCALAR) return write_item(reader, content, node, bytes);
  for (const struct yaml_node *item = node->first; item; item = item->next) {
    const vmxsim_status status = write_item(reader, content, item, bytes);
    if (status) return status;
    bytes += contents[content].unit;
  }
  return VMXSIM_OK;
}

/* {unknown: SIZE} */
static vmxsim_status read_unknown(const struct case_reader *reader, const struct yaml_node *node, struct piece *piece) {
  uint64_t size = 0;
  if (node->count != 1) return yaml_expected(reader->diagnostic, node, "nothing beside `unknown`");
  const vmxsim_status status =
      yaml_number(reader->diagnostic, node->first->next, 8 * sizeof(size_t), "a size in bytes", &size);
  piece->memory.size = (size_t)size;
  return status;
}

static vmxsim_status measure(const struct case_reader *reader, const struct yaml_node *node, size_t *total) {
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    enum content content = CONTENT_U8;
    size_t size = 0;
    vmxsim_status status = content_of(reader, key, &content);
    if (!status && content == CONTENT_UNKNOWN)
      status = yaml_expected(reader->diagnostic, key, "nothing beside `unknown`");
    if (!status) status = size_of(reader, content, key->next, &size);
    if (status) return status;
    *total += size;
  }
  return VMXSIM_OK;
}

/* {u32: [...], bytes: "..."}: one after the other. */
static vmxsim_status read_contents(const struct case_reader *reader, const struct yaml_node *node,
                                   struct piece *piece) {
  vmxsim_status status = measure(reader, node, &piece->memory.size);
  if (status) return status;
  uint8_t *bytes = document_allocate(reader->document, piece->memory.size, 1);
  if (!bytes) return diagnose_no_memory(reader->diagnostic);
  piece->memory.bytes = bytes;
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    enum content content = CONTENT_U8;
    size_t size = 0;
    status = content_of(reader, key, &content);
    if (!status) status = size_of(reader, content, key->next, &size);
    if (!status) status = write_content(reader, content, key->next, bytes);
    if (status) return status;
    bytes += size;
  }
  return VMXSIM_OK;
}

static vmxsim_status read_piece(const struct case_reader *reader, const struct yaml_node *key, struct piece *piece) {
  const struct yaml_node *node = key->next;
  *piece = (struct piece){.key = key};
  vmxsim_status status = yaml_case_number(reader, key, 64, "an address, or `otherwise`", &piece->memory.address);
  if (status) return status;
  if (node->kind != NODE_MAPPING || !node->count) {
    return yaml_expected(reader->diagnostic, node, "a mapping, as {u32: [1, 2]}");
  }
  status =
      yaml_is_word(node->first, "unknown") ? read_unknown(reader, node, piece) : read_contents(reader, node, piece);
  if (status) return status;
  if (!piece->memory.size) return yaml_expected(reader->diagnostic, node, "at least one byte");
  if (piece->memory.size - 1 > UINT64_MAX - piece->memory.address) {
    return yaml_expected(reader->diagnostic, key, "memory that ends below 2^64");
  }
  return VMXSIM_OK;
}

vmxsim_status yaml_case_piece(struct case_reader *reader, const struct yaml_node *key,
                              struct vmxsim_memory_bytes *memory) {
  struct piece piece;
  const vmxsim_status status = read_piece(reader, key, &piece);
  *memory = piece.memory;
  return status;
}

static int by_address(const void *a, const void *b) {
  const struct piece *left = a, *right = b;
  return (left->memory.address > right->memory.address) - (left->memory.address < right->memory.address);
}

/* `pieces` are in ascending order. */
static vmxsim_status check_overlap(const struct case_reader *reader, const struct piece *pieces, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const struct piece *below = &pieces[i - 1], *piece = &pieces[i];
    if (piece->memory.address - below->memory.address >= below->memory.size) continue;
    return diagnose(reader->diagnostic, VMXSIM_ERROR_SYNTAX, piece->key->line, piece->key->column,
                    "expected pieces of memory that do not overlap, found that this one begins in the one at line %u, "
                    "column %u",
                    below->key->line, below->key->column);
  }
  return VMXSIM_OK;
}

static vmxsim_status keep(struct case_reader *reader, const struct piece *pieces, size_t count) {
  struct vmxsim_memory_bytes *memory = document_allocate(reader->document, count, sizeof *memory);
  if (!memory) return diagnose_no_memory(reader->diagnostic);
  for (size_t i = 0; i < count; i++) memory[i] = pieces[i].memory;
  reader->subject->memory = memory;
  reader->subject->memory_count = count;
  return VMXSIM_OK;
}

/* `unknown` or `zero`: what memory is that no piece gives. */
static vmxsim_status read_rest(struct case_reader *reader, const struct yaml_node *node) {
  if (!yaml_is_word(node, "unknown") && !yaml_is_word(node, "zero")) {
    return yaml_expected(reader->diagnostic, node, "a mapping of addresses, `unknown` or `zero`");
  }
  reader->subject->memory_complete = yaml_is_word(node, "zero");
  return VMXSIM_OK;
}

vmxsim_status yaml_case_memory(struct case_reader *reader, const struct yaml_node *node) {
  if (yaml_is_nothing(node)) return VMXSIM_OK;
  if (node->kind != NODE_MAPPING) return read_rest(reader, node);
  struct piece *pieces = document_allocate(reader->document, node->count + 1, sizeof *pieces);
  if (!pieces) return diagnose_no_memory(reader->diagnostic);
  size_t count = 0;
  for (const struct yaml_node *key = node->first; key; key = key->next->next) {
    const bool rest = yaml_is_word(key, "otherwise");
    const vmxsim_status status = rest ? read_rest(reader, key->next) : read_piece(reader, key, &pieces[count]);
    if (status) return status;
    if (!rest) count++;
  }
  qsort(pieces, count, sizeof *pieces, by_address);
  const vmxsim_status status = check_overlap(reader, pieces, count);
  return status ? status : keep(reader, pieces, count);
}
