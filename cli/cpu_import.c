/* A profile out of a list of capability MSRs, with what is odd about it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cpu.h"
#include "cli/options.h"
#include "cli/values.h"
#include "vmcs/architecture.h"
#include "vmxsim/input.h"

/* Which MSR must be there once others say so. */
static bool is_expected(const struct vmxsim_capabilities *c, uint32_t msr) {
  const bool secondary = (c->ia32_vmx_procbased_ctls >> 63) & 1;
  switch (msr) {
  case 0x48b: return secondary;
  case 0x48c: return secondary && (c->ia32_vmx_procbased_ctls2 & (BIT(33) | BIT(37)));
  case 0x48d:
  case 0x48e:
  case 0x48f:
  case 0x490: return (c->ia32_vmx_basic & VMX_BASIC_TRUE_CONTROLS) != 0;
  case 0x491: return secondary && (c->ia32_vmx_procbased_ctls2 & BIT(45));
  case 0x492: return (c->ia32_vmx_procbased_ctls >> 49) & 1;
  case 0x493: return (c->ia32_vmx_exit_ctls >> 63) & 1;
  default: return true;
  }
}

static void say_what_is_missing(const struct vmxsim_capabilities *read) {
  const struct vmxsim_capability_info *info;
  for (unsigned n = 0; (info = vmxsim_capability_info(n)); n++) {
    const bool given = vmxsim_capability_get(read, n) != 0;
    if (info->kind != VMXSIM_CAPABILITY_MSR) continue;
    if (!given && is_expected(read, info->msr)) complain("missing: %s (0x%x)", info->name, info->msr);
    /* The reader makes up TRUE MSRs where they are not given. */
    const bool made_up = info->msr >= 0x48d && info->msr <= 0x490;
    if (given && !made_up && !is_expected(read, info->msr)) {
      complain("odd: %s (0x%x) is given, but the others say that it does not exist", info->name, info->msr);
    }
  }
  if (!read->phys_bits) complain("missing: phys-bits (CPUID leaf 80000008H, EAX bits 7:0)");
  if (!read->linear_bits) complain("missing: linear-bits (CPUID leaf 80000008H, EAX bits 15:8)");
  if (!read->features) complain("missing: features, which are from CPUID (vmxsim cpu show max lists their names)");
}

static void complain_bits(const char *what, vmxsim_layout layout, uint64_t bits) {
  char text[VALUE_TEXT_BYTES];
  vmxsim_layout_text(layout, bits, text, sizeof text);
  if (bits) complain("odd: %s: %s", what, text);
}

static void warn_of_halves(const struct vmxsim_capabilities *c) {
  const struct vmxsim_capability_info *info;
  for (unsigned n = 0; (info = vmxsim_capability_info(n)); n++) {
    const uint64_t value = vmxsim_capability_get(c, n);
    const uint64_t never = (value & UINT32_MAX) & ~(value >> 32);
    if (!capability_has_two_halves(n) || !value || !never) continue;
    complain("odd: %s says of bits 0x%" PRIx64 " that they must be 1 and must be 0", info->name, never);
  }
}

static void warn_of_true_controls(const struct vmxsim_capabilities *c) {
  const struct {
    const char *name;
    uint64_t plain, true_value;
  } pairs[] = {
      {"ia32_vmx_true_pinbased_ctls", c->ia32_vmx_pinbased_ctls, c->ia32_vmx_true_pinbased_ctls},
      {"ia32_vmx_true_procbased_ctls", c->ia32_vmx_procbased_ctls, c->ia32_vmx_true_procbased_ctls},
      {"ia32_vmx_true_exit_ctls", c->ia32_vmx_exit_ctls, c->ia32_vmx_true_exit_ctls},
      {"ia32_vmx_true_entry_ctls", c->ia32_vmx_entry_ctls, c->ia32_vmx_true_entry_ctls},
  };
  for (size_t n = 0; n < sizeof pairs / sizeof *pairs; n++) {
    if (!pairs[n].plain || !pairs[n].true_value) continue;
    if (pairs[n].plain >> 32 != pairs[n].true_value >> 32) {
      complain("odd: %s allows other controls than the MSR without TRUE", pairs[n].name);
    }
    if (pairs[n].true_value & ~pairs[n].plain & UINT32_MAX) {
      complain("odd: %s demands controls that the MSR without TRUE does not", pairs[n].name);
    }
  }
}

static void warn_of_inconsistencies(const struct vmxsim_capabilities *c) {
  const uint64_t size = (c->ia32_vmx_basic >> 32) & 0x1fff, type = (c->ia32_vmx_basic >> 50) & 15;
  if (c->ia32_vmx_basic && (!size || size > 4096)) complain("odd: ia32_vmx_basic gives a VMCS %" PRIu64 " bytes", size);
  if (c->ia32_vmx_basic && type != 0 && type != 6) complain("odd: ia32_vmx_basic has memory type %" PRIu64, type);
  warn_of_halves(c);
  warn_of_true_controls(c);
  complain_bits("CR0 bits that must be 1 and must be 0", VMXSIM_LAYOUT_cr0,
                c->ia32_vmx_cr0_fixed0 & ~c->ia32_vmx_cr0_fixed1);
  complain_bits("CR4 bits that must be 1 and must be 0", VMXSIM_LAYOUT_cr4,
                c->ia32_vmx_cr4_fixed0 & ~c->ia32_vmx_cr4_fixed1);
}

/* A double-quoted YAML scalar. */
static void put_quoted(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar((unsigned char)*text < 0x20 ? ' ' : *text);
  }
  putchar('"');
}

static void print_features(const struct vmxsim_capabilities *c) {
  bool first = true;
  printf("features: [");
  for (unsigned n = 0; vmxsim_feature_name(n); n++) {
    if (!vmxsim_has_feature(c, (enum vmxsim_feature)n)) continue;
    printf("%s%s", first ? "" : ", ", vmxsim_feature_name(n));
    first = false;
  }
  printf("]\n");
}

static void print_profile(const struct vmxsim_capabilities *c, const char *name, const char *path, const char *base) {
  const struct vmxsim_capability_info *info;
  printf("profile: %s\nabout: ", name);
  put_quoted(name);
  printf("\nsource: ");
  put_quoted(file_title(path));
  printf("\nderived: ");
  if (base) {
    printf("\"what was not in it is that of %s\"", base);
  } else {
    printf("\"\"");
  }
  printf("\nmsr:\n");
  for (unsigned n = 0; (info = vmxsim_capability_info(n)); n++) {
    const uint64_t value = vmxsim_capability_get(c, n);
    if (info->kind == VMXSIM_CAPABILITY_MSR && value) printf("  %s: 0x%" PRIx64 "\n", info->name, value);
  }
  printf("cpuid:\n  phys-bits: %" PRIu64 "\n  linear-bits: %" PRIu64 "\n  keyid-bits: %" PRIu64
         "\n  general-counters: %" PRIu64 "\n  fixed-counters: %" PRIu64 "\n",
         c->phys_bits, c->linear_bits, c->keyid_bits, c->general_counters, c->fixed_counters);
  print_features(c);
}

static bool read_list(const char *path, const char *text, size_t length, struct vmxsim_capabilities *capabilities) {
  struct vmxsim_diagnostic diagnostic = {0};
  size_t found = 0;
  const vmxsim_status status = vmxsim_capabilities_read(text, length, capabilities, &found, &diagnostic);
  if (status != VMXSIM_OK) {
    complain_at(file_title(path), diagnostic.line, diagnostic.column,
                *diagnostic.text ? diagnostic.text : vmxsim_status_text(status));
  } else if (!found) {
    complain("%s: no capability MSR in it; lines such as \"0x480 0x00da040000000012\" are expected", file_title(path));
  }
  return status == VMXSIM_OK && found;
}

int cpu_import(const char *path, const char *name, const char *base) {
  struct vmxsim_capabilities read, complete;
  char *text;
  size_t length;
  memset(&read, 0, sizeof read);
  memset(&complete, 0, sizeof complete);
  if (base && !read_processor(base, &complete)) return EXIT_UNUSABLE;
  if (!read_file(path, &text, &length)) return EXIT_UNUSABLE;
  const bool good = read_list(path, text, length, &read) && read_list(path, text, length, &complete);
  free(text);
  if (!good) return EXIT_UNUSABLE;
  vmxsim_capabilities_derive(&complete);
  say_what_is_missing(&read);
  warn_of_inconsistencies(&complete);
  print_profile(&complete, name ? name : "imported", path, base);
  return EXIT_GOOD;
}
