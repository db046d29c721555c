/* The processor that --cpu names: a profile or a file, and changes to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "vmxsim/input.h"

/* "skylake" is the beginning of several names: all of them, with commas. Returns whether there are any. */
static bool names_beginning_with(const char *part, size_t length, char *names, size_t size) {
  size_t used = 0;
  *names = 0;
  for (size_t i = 0; length && i < vmxsim_profile_count(); i++) {
    const char *name = vmxsim_profile_at(i)->name;
    if (strncmp(name, part, length) != 0 || used + strlen(name) + 3 > size) continue;
    used += (size_t)snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
  }
  return used > 0;
}

static void suggest_profile(const char *part, size_t length) {
  struct suggestions suggestions;
  char names[200];
  if (names_beginning_with(part, length, names, sizeof names)) {
    complain("no processor \"%.*s\"; did you mean %s?", (int)length, part, names);
    return;
  }
  suggestions_begin(&suggestions, part, length);
  for (size_t i = 0; i < vmxsim_profile_count(); i++) suggestions_offer(&suggestions, vmxsim_profile_at(i)->name);
  const char *nearest = suggestions_best(&suggestions);
  if (nearest) {
    complain("no processor \"%.*s\"; did you mean %s?", (int)length, part, nearest);
  } else {
    complain("no processor \"%.*s\" (vmxsim cpu list shows them)", (int)length, part);
  }
}

static void suggest_change(const char *part, size_t length, vmxsim_status status) {
  struct suggestions suggestions;
  const size_t sign = length && (*part == '+' || *part == '-');
  suggestions_begin(&suggestions, part + sign, length - sign);
  for (unsigned i = 0; vmxsim_feature_name(i); i++) suggestions_offer(&suggestions, vmxsim_feature_name(i));
  for (size_t i = 0; i < vmxsim_control_count(); i++) suggestions_offer(&suggestions, vmxsim_control_at(i)->name);
  for (unsigned i = 0; vmxsim_capability_info(i); i++) {
    if (vmxsim_capability_info(i)->kind == VMXSIM_CAPABILITY_MSR) {
      suggestions_offer(&suggestions, vmxsim_capability_info(i)->name);
    }
  }
  const char *nearest = status == VMXSIM_ERROR_UNKNOWN_NAME ? suggestions_best(&suggestions) : NULL;
  if (status == VMXSIM_ERROR_AMBIGUOUS_NAME) {
    complain("--cpu: several control words have \"%.*s\"; put the word before it: +vm_entry.NAME, -vm_exit.NAME",
             (int)length, part);
  } else if (nearest) {
    complain("--cpu: no feature or control \"%.*s\"; did you mean %s?", (int)length, part, nearest);
  } else {
    complain("--cpu: \"%.*s\" is no change to a processor (%s); write +NAME, -NAME, phys-bits=N or ia32_vmx_...=VALUE",
             (int)length, part, vmxsim_status_text(status));
  }
}

/* Whether the first part of a spec is no profile but a file, whose name is put into `path`. */
static bool names_file(const char *spec, char *path, size_t size) {
  const size_t length = strcspn(spec, ",");
  if (vmxsim_profile_find(spec, length) || length >= size) return false;
  memcpy(path, spec, length);
  path[length] = 0;
  FILE *file = fopen(path, "rb");
  if (file) fclose(file);
  return file != NULL;
}

static bool read_processor_list(const char *path, struct vmxsim_capabilities *capabilities) {
  struct vmxsim_diagnostic diagnostic = {0};
  char *text;
  size_t length, found = 0;
  if (!read_file(path, &text, &length)) return false;
  const vmxsim_status status = vmxsim_capabilities_read(text, length, capabilities, &found, &diagnostic);
  free(text);
  if (status != VMXSIM_OK) {
    complain_at(path, diagnostic.line, diagnostic.column,
                *diagnostic.text ? diagnostic.text : vmxsim_status_text(status));
  } else if (!found) {
    complain("--cpu: \"%s\" is no processor's name, and the file has no capability MSR", path);
  }
  return status == VMXSIM_OK && found;
}

/* "FILE,+feature,...": a list of capability MSRs, and changes to it. */
static bool read_processor_file(const char *path, const char *changes, struct vmxsim_capabilities *capabilities) {
  struct vmxsim_capabilities read;
  memset(&read, 0, sizeof read);
  if (!read_processor_list(path, &read)) return false;
  vmxsim_capabilities_derive(&read);
  while (*changes == ',') {
    const char *change = changes + 1;
    const size_t length = strcspn(change, ",");
    const vmxsim_status status = vmxsim_capabilities_change(&read, change, length);
    if (status != VMXSIM_OK) {
      suggest_change(change, length, status);
      return false;
    }
    changes = change + length;
  }
  if (!read.phys_bits || !read.linear_bits) {
    complain(
        "%s: phys-bits or linear-bits is not in it; say --cpu %s,phys-bits=46,linear-bits=48, or add lines such as "
        "\"phys-bits: 46\" and \"linear-bits: 48\"",
        path, path);
    return false;
  }
  *capabilities = read;
  return true;
}

bool read_processor(const char *spec, struct vmxsim_capabilities *capabilities) {
  char path[4096];
  size_t at = 0;
  if (names_file(spec, path, sizeof path)) return read_processor_file(path, spec + strcspn(spec, ","), capabilities);
  const vmxsim_status status = vmxsim_capabilities_from_spec(capabilities, spec, strlen(spec), &at);
  if (status == VMXSIM_OK) return true;
  const char *part = at <= strlen(spec) ? spec + at : spec;
  const size_t length = strcspn(part, ",");
  if (at == 0) {
    suggest_profile(part, length);
  } else {
    suggest_change(part, length, status);
  }
  return false;
}
