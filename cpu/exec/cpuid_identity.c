/* Family, model, stepping and brand: from the description of the profile that the processor is most like. */
#include <string.h>

#include "cpu/exec/cpuid_table.h"

static unsigned number_after(const char *text, const char *word, unsigned base, unsigned otherwise) {
  const char *at = strstr(text, word);
  unsigned value = 0;
  if (!at) return otherwise;
  for (at += strlen(word);; at++) {
    const unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                           : *at >= 'A' && *at <= 'F' ? (unsigned)(*at - 'A') + 10
                                                      : 99;
    if (digit >= base) return value;
    value = value * base + digit;
  }
}

/* "Intel Xeon Gold 6154 (Skylake-SP), family 6 model 55H stepping 4, 2017": the model's number is in hexadecimal. */
void cpuid_identify(const struct vmxsim_profile *profile, uint32_t *signature, char brand[CPUID_BRAND]) {
  enum { UNKNOWN_MODEL = 0x8f, UNKNOWN_STEPPING = 8 };
  const bool real = strstr(profile->about, "family 6 model ") != NULL;
  const unsigned model = number_after(profile->about, "family 6 model ", 16, UNKNOWN_MODEL);
  const unsigned stepping = real ? number_after(profile->about, "stepping ", 10, 1) : UNKNOWN_STEPPING;
  const char *const name = real ? profile->about : "vmxsim";
  *signature = (model >> 4) << 16 | 6 << 8 | (model & 15) << 4 | (stepping & 15);
  size_t length = strcspn(name, "(,");
  while (length && name[length - 1] == ' ') length--;
  if (length >= CPUID_BRAND) length = CPUID_BRAND - 1;
  memset(brand, 0, CPUID_BRAND);
  memcpy(brand, name, length);
}
