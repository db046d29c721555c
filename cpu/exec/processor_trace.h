/* Intel Processor Trace, with output to the trace transport subsystem alone: where packets go is the platform's, and
 * ours has nothing at that end. What software sees is here: the registers, and when tracing stops.
 *
 * SDM 3C, "Intel Processor Trace".
 */
#ifndef VMXSIM_CPU_EXEC_PROCESSOR_TRACE_H
#define VMXSIM_CPU_EXEC_PROCESSOR_TRACE_H

#include "cpu/vcpu.h"
#include "vmcs/architecture.h"

#define RTIT_STATUS_ERROR BIT(4)
#define RTIT_STATUS_STOPPED BIT(5)

enum { TRACE_RANGES = 2 };
/* ADDRn_CFG */
enum { TRACE_FILTERS = 1, TRACE_STOPS = 2 };

/* CPUID leaf 14H, subleaves 0 and 1. */
enum {
  TRACE_CAPABILITIES = 1 | 4, /* EBX: CR3 filtering; IP filtering and TraceStop */
  TRACE_OUTPUTS = 8,          /* ECX: the trace transport subsystem */
};

bool trace_is_msr(uint32_t msr);
/* False: #GP(0). */
bool trace_msr_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool trace_msr_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* TriggerEn */
static inline bool trace_is_triggered(const struct vcpu *v) {
  return (v->s.rtit_ctl & RTIT_CTL_TRACE_EN) && !(v->s.rtit_status & (RTIT_STATUS_ERROR | RTIT_STATUS_STOPPED));
}

/* Whether a range that stops tracing can be reached: then each instruction is looked at before it is executed. */
static inline bool trace_may_stop(const struct vcpu *v) {
  const uint64_t stops = (uint64_t)TRACE_STOPS << 32 | (uint64_t)TRACE_STOPS << 36;
  return (v->s.rtit_ctl & stops) && trace_is_triggered(v);
}
void trace_reach(struct vcpu *vcpu);

#endif
