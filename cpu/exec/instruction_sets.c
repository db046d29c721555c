/* Instruction sets by name: switching them on and off, with what they build on.
 *
 * Only those that capabilities have no name for (include/vmxsim/tables/features.def): what is a feature there is
 * changed there, with the bits of control registers that it brings.
 */
#include <string.h>

#include "cpu/exec/cpuid_table.h"

#define SET(name) (UINT64_C(1) << DECODE_FEATURE_##name)

/* What the model does beside what capabilities name. */
static const struct {
  char name[12];
  uint8_t feature;
  uint64_t needs; /* what it directly builds on */
} sets[] = {
    {"sep", DECODE_FEATURE_SEP, 0},
    {"clfsh", DECODE_FEATURE_CLFSH, 0},
    {"mmx", DECODE_FEATURE_MMX, 0},
    {"fxsr", DECODE_FEATURE_FXSR, 0},
    {"sse", DECODE_FEATURE_SSE, SET(FXSR) | SET(MMX)},
    {"sse2", DECODE_FEATURE_SSE2, SET(SSE)},
    {"sse3", DECODE_FEATURE_SSE3, SET(SSE2)},
    {"ssse3", DECODE_FEATURE_SSSE3, SET(SSE3)},
    {"sse4_1", DECODE_FEATURE_SSE4_1, SET(SSSE3)},
    {"sse4_2", DECODE_FEATURE_SSE4_2, SET(SSE4_1)},
    {"aes", DECODE_FEATURE_AES, SET(SSE2)},
    {"pclmulqdq", DECODE_FEATURE_PCLMULQDQ, SET(SSE2)},
    {"sha", DECODE_FEATURE_SHA, SET(SSE2)},
    {"monitor", DECODE_FEATURE_MONITOR, 0},
    {"cx16", DECODE_FEATURE_CMPXCHG16B, 0},
    {"movbe", DECODE_FEATURE_MOVBE, 0},
    {"popcnt", DECODE_FEATURE_POPCNT, 0},
    {"lzcnt", DECODE_FEATURE_LZCNT, 0},
    {"bmi1", DECODE_FEATURE_BMI1, 0},
    {"bmi2", DECODE_FEATURE_BMI2, 0},
    {"adx", DECODE_FEATURE_ADX, 0},
    {"lahf", DECODE_FEATURE_LAHF_SAHF, 0},
    {"rdrand", DECODE_FEATURE_RDRAND, 0},
    {"rdseed", DECODE_FEATURE_RDSEED, 0},
    {"rdpid", DECODE_FEATURE_RDPID, 0},
    {"xsave", DECODE_FEATURE_XSAVE, SET(FXSR)},
    {"xsaveopt", DECODE_FEATURE_XSAVEOPT, SET(XSAVE)},
    {"xsavec", DECODE_FEATURE_XSAVEC, SET(XSAVE)},
    {"avx", DECODE_FEATURE_AVX, SET(XSAVE) | SET(SSE2)},
    {"avx2", DECODE_FEATURE_AVX2, SET(AVX)},
    {"fma", DECODE_FEATURE_FMA, SET(AVX)},
    {"f16c", DECODE_FEATURE_F16C, SET(AVX)},
    {"clflushopt", DECODE_FEATURE_CLFLUSHOPT, 0},
    {"clwb", DECODE_FEATURE_CLWB, 0},
    {"cldemote", DECODE_FEATURE_CLDEMOTE, 0},
    {"wbnoinvd", DECODE_FEATURE_WBNOINVD, 0},
    {"movdiri", DECODE_FEATURE_MOVDIRI, 0},
    {"movdir64b", DECODE_FEATURE_MOVDIR64B, 0},
    {"waitpkg", DECODE_FEATURE_WAITPKG, 0},
    {"serialize", DECODE_FEATURE_SERIALIZE, 0},
    {"invpcid", DECODE_FEATURE_INVPCID, 0},
};
enum { SETS = sizeof sets / sizeof sets[0] };

const char *instruction_set_name(unsigned number) {
  return number < SETS ? sets[number].name : NULL;
}

static bool find(const char *name, size_t length, uint64_t *set) {
  for (unsigned i = 0; i < SETS; i++) {
    if (strlen(sets[i].name) != length || memcmp(sets[i].name, name, length) != 0) continue;
    *set = UINT64_C(1) << sets[i].feature;
    return true;
  }
  return false;
}

/* A pass for each level of building on others. */
static uint64_t with_needs(uint64_t set) {
  for (uint64_t before = 0; before != set;) {
    before = set;
    for (unsigned i = 0; i < SETS; i++)
      if (set >> sets[i].feature & 1) set |= sets[i].needs;
  }
  return set;
}

static uint64_t with_dependents(uint64_t set) {
  for (uint64_t before = 0; before != set;) {
    before = set;
    for (unsigned i = 0; i < SETS; i++)
      if (sets[i].needs & set) set |= UINT64_C(1) << sets[i].feature;
  }
  if (set & (SET(XSAVE) | SET(XSAVEC))) set |= SET(XSAVES);
  return set;
}

static void change(struct instruction_changes *changes, bool on, uint64_t set) {
  set = on ? with_needs(set) : with_dependents(set);
  changes->on = on ? changes->on | set : changes->on & ~set;
  changes->off = on ? changes->off & ~set : changes->off | set;
}

bool instruction_changes_read(const char *text, struct instruction_changes *changes) {
  *changes = (struct instruction_changes){0, 0};
  while (*text) {
    const size_t length = strcspn(text, ",");
    uint64_t set;
    if (length < 2 || (*text != '+' && *text != '-') || !find(text + 1, length - 1, &set)) return false;
    change(changes, *text == '+', set);
    text += length;
    if (*text) text++;
  }
  return true;
}
