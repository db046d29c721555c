/* Cycles: what an op costs, and the clocks that follow from cycles. */
#ifndef VMXSIM_CPU_TIMING_TIMING_H
#define VMXSIM_CPU_TIMING_TIMING_H

#include "cpu/vcpu.h"

enum timing_model { TIMING_FIXED, TIMING_LATENCY, TIMING_MEMORY };

/* Cycles of an op by the model, 1 or more. Tables: cpu/timing/ *.def, which name the publication of each figure. */
unsigned timing_of_op(enum timing_model model, const struct ir_op *op);
unsigned timing_tlb_miss(enum timing_model model);
/* For vcpu.transition_cycles; the profile is that which the processor is most like. */
void timing_transitions(enum timing_model model, const struct vmxsim_profile *profile, uint16_t cycles[TRANSITIONS]);

/* The cycle at which the op under execution stands: those of its block before it are not in vcpu.cycles yet. Only to be
 * asked while an op executes (or before the first one); at a boundary vcpu.cycles is complete. */
uint64_t timing_now(const struct vcpu *vcpu);
/* The TSC as an op under execution reads it: timing_now() plus s.tsc_offset, which holds all that WRMSR of the TSC and
 * of IA32_TSC_ADJUST has added. */
uint64_t timing_tsc(const struct vcpu *vcpu);

#endif
