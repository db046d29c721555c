/* MSRs that come in rows: memory-type ranges and machine-check banks. Private to msr.c. */
#ifndef VMXSIM_CPU_EXEC_MSR_RANGES_H
#define VMXSIM_CPU_EXEC_MSR_RANGES_H

#include "cpu/vcpu.h"

bool msr_is_range(uint32_t msr);
/* False: #GP(0). */
bool msr_range_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_range_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

#endif
