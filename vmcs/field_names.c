/* From names to fields and back. */
#include "vmcs/field_names.h"
#include "vmcs/name_index.h"
#include "vmcs/names.h"

const char *vmxsim_field_name(vmxsim_field field) {
  return field_names[field].text;
}

static bool find(const char *name, size_t length, vmxsim_field *field) {
  const uint32_t hash = names_hash(name, length);
  size_t low = 0, high = field_name_index_count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (field_name_index[middle].hash < hash) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  for (; low < field_name_index_count && field_name_index[low].hash == hash; low++) {
    const struct field_name *known = &field_names[field_name_index[low].place];
    if (!names_equal(known->text, name, length)) continue;
    *field = (vmxsim_field)known->field;
    return true;
  }
  return false;
}

/* The length of `name` without an ending that means the high half, or `length` if it has none. */
static size_t without_high_ending(const char *name, size_t length) {
  static const char *const endings[] = {"_high", "_hi", "(high)", " high", "-high"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const size_t ending = names_length(endings[i]);
    if (length > ending && names_equal(endings[i], name + length - ending, ending) &&
        (name[length - ending] == endings[i][0])) {
      return length - ending;
    }
  }
  return length;
}

static size_t without_full_ending(const char *name, size_t length) {
  static const char full[] = "(full)";
  const size_t ending = sizeof full - 1;
  return length > ending && names_equal(full, name + length - ending, ending) ? length - ending : length;
}

vmxsim_status vmxsim_field_from_name(const char *name, size_t length, vmxsim_field *field, bool *high) {
  bool is_high = false;
  uint64_t encoding;
  vmxsim_field found = VMXSIM_FIELD_COUNT;
  while (length && (name[length - 1] == ' ' || name[length - 1] == '\t')) length--;
  if (!length) return VMXSIM_ERROR_UNKNOWN_NAME;
  length = without_full_ending(name, length);
  if (!find(name, length, &found)) {
    const size_t stem = without_high_ending(name, length);
    if (stem < length && find(name, stem, &found) && vmxsim_field_has_high_half(found)) {
      is_high = true;
    } else if (names_hexadecimal(name, length, &encoding) && encoding <= 0x7fff) {
      found = vmxsim_field_from_encoding((uint32_t)encoding);
      is_high = encoding & 1;
    } else {
      found = VMXSIM_FIELD_COUNT;
    }
  }
  if (found == VMXSIM_FIELD_COUNT) return VMXSIM_ERROR_UNKNOWN_NAME;
  *field = found;
  if (high) *high = is_high;
  return VMXSIM_OK;
}

const char *vmxsim_field_alias(vmxsim_field field, unsigned n, const char **source) {
  for (size_t i = FIELD_NAMES_FIRST_ALIAS; i < FIELD_NAMES; i++) {
    if (field_names[i].field != (uint8_t)field || n--) continue;
    if (source) *source = field_names[i].source;
    return field_names[i].text;
  }
  return NULL;
}

size_t vmxsim_field_nearest(const char *name, size_t length, const char **nearest, size_t max) {
  struct nearest list;
  nearest_begin(&list, max);
  for (size_t i = 0; i < FIELD_NAMES; i++) nearest_offer(&list, field_names[i].text, name, length);
  return nearest_end(&list, nearest, max);
}
