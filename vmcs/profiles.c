/* Profiles and templates by name. The tables are compiled from vmcs/profiles/ and vmcs/templates/ by the build. */
#include "vmcs/names.h"
#include "vmxsim/templates.h"

extern const struct vmxsim_profile vmxsim_profile_table[];
extern const size_t vmxsim_profile_table_count;
extern const struct vmxsim_template vmxsim_template_table[];
extern const size_t vmxsim_template_table_count;

size_t vmxsim_profile_count(void) {
  return vmxsim_profile_table_count;
}

const struct vmxsim_profile *vmxsim_profile_at(size_t index) {
  return index < vmxsim_profile_table_count ? &vmxsim_profile_table[index] : NULL;
}

const struct vmxsim_profile *vmxsim_profile_find(const char *name, size_t length) {
  for (size_t i = 0; i < vmxsim_profile_table_count; i++) {
    if (names_equal(vmxsim_profile_table[i].name, name, length)) return &vmxsim_profile_table[i];
  }
  return NULL;
}

static unsigned in_common(const struct vmxsim_capabilities *a, const struct vmxsim_capabilities *b) {
  unsigned same = 0;
  for (unsigned i = 0; i < VMXSIM_CAPABILITY_COUNT; i++) {
    same += vmxsim_capability_get(a, i) == vmxsim_capability_get(b, i);
  }
  return same;
}

const struct vmxsim_profile *vmxsim_profile_nearest(const struct vmxsim_capabilities *capabilities) {
  const struct vmxsim_profile *best = &vmxsim_profile_table[0];
  unsigned most = in_common(capabilities, &best->capabilities);
  for (size_t i = 1; i < vmxsim_profile_table_count; i++) {
    const unsigned same = in_common(capabilities, &vmxsim_profile_table[i].capabilities);
    if (same <= most) continue;
    most = same;
    best = &vmxsim_profile_table[i];
  }
  return best;
}

size_t vmxsim_template_count(void) {
  return vmxsim_template_table_count;
}

const struct vmxsim_template *vmxsim_template_at(size_t index) {
  return index < vmxsim_template_table_count ? &vmxsim_template_table[index] : NULL;
}

const struct vmxsim_template *vmxsim_template_find(const char *name, size_t length) {
  for (size_t i = 0; i < vmxsim_template_table_count; i++) {
    if (names_equal(vmxsim_template_table[i].name, name, length)) return &vmxsim_template_table[i];
  }
  return NULL;
}

vmxsim_status vmxsim_capabilities_from_spec(struct vmxsim_capabilities *capabilities, const char *spec, size_t length,
                                            size_t *error_at) {
  struct vmxsim_capabilities built;
  size_t at = 0;
  for (size_t part = 0; part == 0 || at <= length; part++) {
    size_t end = at;
    while (end < length && spec[end] != ',') end++;
    size_t first = at, last = end;
    while (first < last && spec[first] == ' ') first++;
    while (last > first && spec[last - 1] == ' ') last--;
    vmxsim_status status = VMXSIM_OK;
    if (part == 0) {
      const struct vmxsim_profile *profile = vmxsim_profile_find(spec + first, last - first);
      if (profile) built = profile->capabilities;
      if (!profile) status = VMXSIM_ERROR_UNKNOWN_NAME;
    } else {
      status = vmxsim_capabilities_change(&built, spec + first, last - first);
    }
    if (status != VMXSIM_OK) {
      if (error_at) *error_at = first;
      return status;
    }
    at = end + 1;
  }
  *capabilities = built;
  return VMXSIM_OK;
}
