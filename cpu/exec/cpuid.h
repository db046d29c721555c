/* CPUID: what a processor of these capabilities reports, and through that what it decodes.
 *
 * A feature is reported if the processor has it and the model does it. Nothing else is asked for features by
 * instructions, so that what CPUID reports is what there is.
 */
#ifndef VMXSIM_CPU_EXEC_CPUID_H
#define VMXSIM_CPU_EXEC_CPUID_H

#include "cpu/vcpu.h"

/* Immutable. */
struct cpuid_table;
/* Instruction sets that a processor has or lacks, unlike what its capabilities imply: bits 1 << DECODE_FEATURE_... */
struct instruction_changes {
  uint64_t on, off;
};
/* Reads "-avx2,+sha"; false: a name that is none. What builds on a set goes with it, what a set builds on comes with
 * it. */
bool instruction_changes_read(const char *text, struct instruction_changes *changes);
/* Names of the sets that can be switched, in lower case; NULL past the last. */
const char *instruction_set_name(unsigned number);

/* NULL: no memory. `profile` is that which the processor is most like; `changes` may be NULL. */
struct cpuid_table *cpuid_table_create(const struct vmxsim_allocator *allocator,
                                       const struct vmxsim_capabilities *capabilities,
                                       const struct vmxsim_profile *profile, const struct instruction_changes *changes);
void cpuid_table_destroy(const struct vmxsim_allocator *allocator, const struct cpuid_table *table);

/* The instructions that such a processor has: bits 1 << DECODE_FEATURE_..., for decoder_init(). */
uint64_t cpuid_decode_features(const struct cpuid_table *table);
/* Family, model and stepping as in EAX of leaf 1 and in EDX after a reset. */
uint32_t cpuid_signature(const struct cpuid_table *table);

enum cpuid_register { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };
/* As the instruction gives it now: with what follows from CR4, XCR0, IA32_MISC_ENABLE and the APIC. */
void cpuid_execute(const struct vcpu *vcpu, uint32_t leaf, uint32_t subleaf, uint32_t registers[4]);

/* Bits of XCR0 and IA32_XSS that the processor has. */
uint64_t cpuid_xcr0(const struct cpuid_table *table);
uint64_t cpuid_xss(const struct cpuid_table *table);
/* Whether IA32_FLUSH_CMD exists. */
bool cpuid_has_flush_l1d(const struct cpuid_table *table);

#endif
