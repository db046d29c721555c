/* Documents: what holds the cases of a text, whichever reader they come from. */
#include "document.h"

#include <string.h>

#include "detect.h"
#include "scenario.h"
#include "text_document.h"

enum { TEXT_MAX = 256 << 20 };

/* A processor that some case asked for. */
struct document_processor {
  const char *spec;
  size_t length;
  struct vmxsim_capabilities capabilities;
};

void *document_allocate(vmxsim_document *document, size_t count, size_t size) {
  return arena_allocate_array(&document->arena, count, size);
}

char *document_string(vmxsim_document *document, const char *text, size_t length) {
  return arena_string(&document->arena, text, length);
}

void *document_copy(vmxsim_document *document, const void *items, size_t count, size_t size) {
  void *copy = arena_allocate_array(&document->arena, count, size);
  if (copy && count) memcpy(copy, items, count * size);
  return copy;
}

bool document_grow(vmxsim_document *document, void *array, size_t *capacity, size_t count, size_t size) {
  if (count < *capacity) return true;
  const size_t larger = *capacity ? 2 * *capacity : 16;
  void *old, *grown = arena_allocate_array(&document->arena, larger, size);
  if (!grown) return false;
  memcpy(&old, array, sizeof old);
  if (count) memcpy(grown, old, count * size);
  memcpy(array, &grown, sizeof grown);
  *capacity = larger;
  return true;
}

struct vmxsim_case *document_append_case(vmxsim_document *document) {
  if (!document_grow(document, &document->cases, &document->case_capacity, document->case_count,
                     sizeof *document->cases)) {
    return NULL;
  }
  struct vmxsim_case *subject = document_allocate(document, 1, sizeof *subject);
  if (!subject) return NULL;
  *subject = (struct vmxsim_case){
      .name = "",
      .about = "",
      .processor_name = "",
      .format = "",
      .expect = {.breaks = VMXSIM_NO_CHECK, .passes = VMXSIM_NO_CHECK},
      .reported_outcome_kind = -1,
  };
  document->cases[document->case_count++] = subject;
  return subject;
}

static size_t hash_of(const char *text, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
  return hash ^ hash >> 15;
}

/* Where a spec is in the table, or where it would go: the table always has a free place. */
static struct document_processor **place_of(const vmxsim_document *document, const char *spec, size_t length) {
  const size_t mask = document->processor_capacity - 1;
  size_t place = hash_of(spec, length) & mask;
  for (;; place = (place + 1) & mask) {
    struct document_processor **entry = &document->processors[place];
    if (!*entry || ((*entry)->length == length && !memcmp((*entry)->spec, spec, length))) return entry;
  }
}

/* Keeps at least half of the table free. */
static bool make_room_for_processor(vmxsim_document *document) {
  if (2 * (document->processor_count + 1) <= document->processor_capacity) return true;
  struct document_processor **old = document->processors;
  const size_t old_capacity = document->processor_capacity, capacity = old_capacity ? 2 * old_capacity : 32;
  struct document_processor **table = document_allocate(document, capacity, sizeof *table);
  if (!table) return false;
  for (size_t i = 0; i < capacity; i++) table[i] = NULL;
  document->processors = table;
  document->processor_capacity = capacity;
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i]) *place_of(document, old[i]->spec, old[i]->length) = old[i];
  }
  return true;
}

vmxsim_status document_processor(vmxsim_document *document, const char *spec, size_t length,
                                 const struct vmxsim_capabilities **processor, const char **name, size_t *error_at) {
  if (error_at) *error_at = 0;
  if (!make_room_for_processor(document)) return VMXSIM_ERROR_MEMORY;
  struct document_processor **place = place_of(document, spec, length);
  if (!*place) {
    struct document_processor *entry = document_allocate(document, 1, sizeof *entry);
    if (!entry) return VMXSIM_ERROR_MEMORY;
    const vmxsim_status status = vmxsim_capabilities_from_spec(&entry->capabilities, spec, length, error_at);
    if (status) return status;
    entry->length = length;
    entry->spec = document_string(document, spec, length);
    if (!entry->spec) return VMXSIM_ERROR_MEMORY;
    *place = entry;
    document->processor_count++;
  }
  *processor = &(*place)->capabilities;
  *name = (*place)->spec;
  return VMXSIM_OK;
}

static vmxsim_document *new_document(const char *name, const struct vmxsim_allocator *allocator) {
  struct arena arena;
  arena_init(&arena, allocator);
  vmxsim_document *document = arena_allocate(&arena, sizeof *document);
  if (!document) return NULL;
  *document = (vmxsim_document){.name = arena_string(&arena, name, strlen(name))};
  /* The document is in its own arena, and goes with it. */
  document->arena = arena;
  if (document->name) return document;
  arena_free(&arena);
  return NULL;
}

vmxsim_status vmxsim_document_read(const char *name, const char *text, size_t length, enum vmxsim_input_format format,
                                   const struct vmxsim_allocator *allocator, vmxsim_document **document,
                                   struct vmxsim_diagnostic *diagnostic) {
  struct vmxsim_diagnostic unwanted;
  if (!diagnostic) diagnostic = &unwanted;
  *diagnostic = (struct vmxsim_diagnostic){.line = 0};
  *document = NULL;
  if (length > TEXT_MAX) {
    return diagnose(diagnostic, VMXSIM_ERROR_LIMIT, 0, 0, "expected at most 256 MiB of text, found %zu bytes", length);
  }
  vmxsim_document *built = new_document(name ? name : "", allocator);
  if (!built) return diagnose_no_memory(diagnostic);
  if (format == VMXSIM_FORMAT_DETECT) format = detect_format(built->name, text, length);
  const vmxsim_status status = format == VMXSIM_FORMAT_YAML ? yaml_document_read(built, text, length, diagnostic)
                                                            : text_document_read(built, text, length, diagnostic);
  if (status)
    vmxsim_document_free(built);
  else
    *document = built;
  return status;
}

void vmxsim_document_free(vmxsim_document *document) {
  if (!document) return;
  struct arena arena = document->arena;
  arena_free(&arena);
}

size_t vmxsim_document_count(const vmxsim_document *document) {
  return document->case_count;
}

const struct vmxsim_case *vmxsim_document_case(const vmxsim_document *document, size_t n) {
  return n < document->case_count ? document->cases[n] : NULL;
}

size_t vmxsim_document_scenario_count(const vmxsim_document *document) {
  return document->scenario_count;
}

const vmxsim_scenario *vmxsim_document_scenario(const vmxsim_document *document, size_t n) {
  return n < document->scenario_count ? document->scenarios[n] : NULL;
}

const char *vmxsim_document_name(const vmxsim_document *document) {
  return document->name;
}

void vmxsim_case_vmcs(const struct vmxsim_case *subject, struct vmxsim_vmcs *vmcs) {
  if (subject->base)
    *vmcs = subject->base->vmcs;
  else
    vmxsim_vmcs_init(vmcs, 0);
  for (size_t i = 0; i < subject->value_count; i++) {
    const struct vmxsim_field_value *value = &subject->values[i];
    if (value->unknown)
      vmxsim_vmcs_forget(vmcs, value->field);
    else
      vmxsim_vmcs_set(vmcs, value->field, value->value);
  }
}

/* Copies the bytes of a piece that are in [address, address + size), and returns how many. */
static size_t copy_common(const struct vmxsim_memory_bytes *piece, uint64_t address, uint8_t *bytes, size_t size) {
  const uint64_t skip = piece->address < address ? address - piece->address : 0;
  const uint64_t offset = piece->address < address ? 0 : piece->address - address;
  if (skip >= piece->size || offset >= size) return 0;
  const size_t left = piece->size - (size_t)skip, room = size - (size_t)offset;
  const size_t count = left < room ? left : room;
  if (piece->bytes) memcpy(bytes + offset, piece->bytes + skip, count);
  return count;
}

/* With a template also the VMXON region and the current VMCS are as they are in a working machine: they begin with the
 * VMCS revision identifier. It is not known if the processor is not. */
static struct vmxsim_memory_bytes revision_at(const struct vmxsim_case *subject, enum vmxsim_processor_item pointer,
                                              uint8_t bytes[4]) {
  const uint64_t bit = UINT64_C(1) << pointer;
  struct vmxsim_memory_bytes piece = {subject->state.item[pointer], 4, NULL};
  if (!subject->base || !subject->memory_complete || !(subject->state.known & bit)) piece.size = 0;
  if (!subject->processor) return piece;
  for (unsigned i = 0; i < 4; i++) bytes[i] = (uint8_t)(subject->processor->ia32_vmx_basic >> (8 * i));
  bytes[3] &= 0x7f;
  piece.bytes = bytes;
  return piece;
}

/* False if the read touches a revision identifier that is not known, and that the case does not give itself. */
static bool read_revision(const struct vmxsim_case *subject, enum vmxsim_processor_item pointer, uint64_t address,
                          uint8_t *bytes, size_t size) {
  uint8_t revision[4], unused[4];
  const struct vmxsim_memory_bytes piece = revision_at(subject, pointer, revision);
  if (!copy_common(&piece, address, bytes, size) || piece.bytes) return true;
  for (size_t i = 0; i < subject->memory_count; i++) {
    if (copy_common(&subject->memory[i], piece.address, unused, sizeof unused)) return true;
  }
  return false;
}

bool vmxsim_case_read_memory(void *context, uint64_t address, void *bytes, size_t size) {
  const struct vmxsim_case *subject = context;
  size_t known = 0;
  memset(bytes, 0, size);
  if (!read_revision(subject, VMXSIM_PROCESSOR_vmxon_pointer, address, bytes, size)) return false;
  if (!read_revision(subject, VMXSIM_PROCESSOR_current_vmcs_pointer, address, bytes, size)) return false;
  for (size_t i = 0; i < subject->memory_count; i++) {
    const size_t count = copy_common(&subject->memory[i], address, bytes, size);
    if (count && !subject->memory[i].bytes) return false;
    known += count;
  }
  return subject->memory_complete || known == size;
}
