/* Which of the model's instructions a processor has.
 *
 * Capabilities name only what VM-entry rules ask for. Where they do not name an instruction set, what they do name
 * tells of the generation: a VMX control for an instruction exists just where the instruction does, and sets that
 * appeared together stand together here.
 */
#include "cpu/exec/cpuid_table.h"
#include "cpu/registers.h"

#include "vmcs/architecture.h"

static bool has(const struct vmxsim_capabilities *c, enum vmxsim_feature feature) {
  return vmxsim_has_feature(c, feature);
}

static bool may_set(const struct vmxsim_capabilities *c, unsigned secondary_control) {
  return (c->secondary_may_be_1 >> secondary_control) & 1;
}

static uint64_t if_true(bool condition, uint64_t features) {
  return condition ? features : 0;
}

#define SET(name) BIT(DECODE_FEATURE_##name)

static uint64_t sse_sets(const struct vmxsim_capabilities *c) {
  const uint64_t first = SET(SEP) | SET(CLFSH) | SET(MMX) | SET(FXSR) | SET(SSE) | SET(SSE2) | SET(SSE3) | SET(MONITOR);
  return first | if_true(has(c, VMXSIM_FEATURE_intel64), SET(SSSE3) | SET(CMPXCHG16B) | SET(LAHF_SAHF)) |
         if_true(has(c, VMXSIM_FEATURE_syscall), SET(SYSCALL)) |
         if_true(has(c, VMXSIM_FEATURE_rdtscp), SET(RDTSCP) | SET(SSE4_1) | SET(SSE4_2) | SET(POPCNT)) |
         if_true(has(c, VMXSIM_FEATURE_rdtscp) && (has(c, VMXSIM_FEATURE_pcid) || has(c, VMXSIM_FEATURE_smep)),
                 SET(AES) | SET(PCLMULQDQ));
}

/* Westmere has PCIDs without XSAVE, the small cores XSAVE without PCIDs; AVX came where both are. */
static uint64_t avx_sets(const struct vmxsim_capabilities *c) {
  const bool xsave = c->ia32_vmx_cr4_fixed1 & CR4_OSXSAVE;
  const bool avx = xsave && has(c, VMXSIM_FEATURE_pcid);
  const bool haswell = avx && may_set(c, VMXSIM_BIT_secondary_enable_invpcid);
  return if_true(xsave, SET(XSAVE)) | if_true(avx, SET(AVX) | SET(XSAVEOPT)) |
         if_true(avx && may_set(c, VMXSIM_BIT_secondary_rdrand_exiting), SET(F16C)) |
         if_true(haswell, SET(INVPCID) | SET(AVX2) | SET(FMA) | SET(BMI1) | SET(BMI2) | SET(LZCNT) | SET(MOVBE)) |
         if_true(xsave && has(c, VMXSIM_FEATURE_xsaves), SET(XSAVES) | SET(XSAVEC) | SET(XSAVEOPT) | SET(CLFLUSHOPT)) |
         if_true(xsave && has(c, VMXSIM_FEATURE_pku), SET(PKU));
}

static uint64_t other_sets(const struct vmxsim_capabilities *c) {
  const bool umip = has(c, VMXSIM_FEATURE_umip), pku = has(c, VMXSIM_FEATURE_pku);
  const bool waitpkg = may_set(c, VMXSIM_BIT_secondary_enable_user_wait_and_pause);
  return if_true(may_set(c, VMXSIM_BIT_secondary_rdrand_exiting), SET(RDRAND)) |
         if_true(may_set(c, VMXSIM_BIT_secondary_rdseed_exiting), SET(RDSEED)) |
         if_true(may_set(c, VMXSIM_BIT_secondary_rdseed_exiting) && has(c, VMXSIM_FEATURE_pcid), SET(ADX)) |
         if_true(has(c, VMXSIM_FEATURE_fsgsbase), SET(FSGSBASE)) | if_true(has(c, VMXSIM_FEATURE_smap), SET(SMAP)) |
         if_true(umip, SET(SHA) | SET(RDPID)) | if_true(pku || umip, SET(CLWB)) | if_true(pku && umip, SET(WBNOINVD)) |
         if_true(waitpkg, SET(WAITPKG) | SET(MOVDIRI) | SET(MOVDIR64B) | SET(CLDEMOTE)) |
         if_true(waitpkg && has(c, VMXSIM_FEATURE_pks), SET(SERIALIZE)) |
         if_true(has(c, VMXSIM_FEATURE_cet_ss), SET(CET_SS)) | if_true(has(c, VMXSIM_FEATURE_cet_ibt), SET(CET_IBT)) |
         if_true(has(c, VMXSIM_FEATURE_smx), SET(SMX)) | if_true(c->ia32_vmx_basic != 0, SET(VMX));
}

uint64_t cpuid_choose_instructions(const struct vmxsim_capabilities *c) {
  return sse_sets(c) | avx_sets(c) | other_sets(c);
}
