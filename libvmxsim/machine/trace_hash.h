/* The hash of a trace: fed by the run loop, only while it is on. */
#ifndef VMXSIM_LIBVMXSIM_MACHINE_TRACE_HASH_H
#define VMXSIM_LIBVMXSIM_MACHINE_TRACE_HASH_H

#include "libvmxsim/machine/machine_internal.h"

/* To be told when it goes on and off, so that vCPUs keep notes for it. */
void trace_switch(struct machine *machine, bool on);
/* The ops from `first` to vcpu.current have run, beginning at cycle `began`; all is done that follows from the last
 * one, which has `completed` unless it raised an exception. */
void trace_ops(struct vmxsim_vcpu *vcpu, const struct ir_op *first, const struct ir_op *last, uint64_t began,
               bool completed);
/* An event has been delivered: s.rip is that of its handler. */
void trace_event(struct vmxsim_vcpu *vcpu);

#endif
