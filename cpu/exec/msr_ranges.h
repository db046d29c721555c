/* MSRs that come in rows, memory-type ranges and machine-check banks (msr_ranges.c), and those of some processor
 * families (msr_model.c). Private to msr.c. */
#ifndef VMXSIM_CPU_EXEC_MSR_RANGES_H
#define VMXSIM_CPU_EXEC_MSR_RANGES_H

#include "cpu/vcpu.h"

bool msr_is_range(uint32_t msr);
/* False: #GP(0). */
bool msr_range_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_range_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

bool msr_is_of_model(uint32_t msr);
/* The same. */
bool msr_model_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_model_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

#endif
