/* What the VMX engine costs by itself, over a processor that does nothing: nanoseconds, medians. */
#ifndef VMXSIM_BENCH_VMX_ENGINE_H
#define VMXSIM_BENCH_VMX_ENGINE_H

double vmx_engine_round_trip(void);   /* VMRESUME and a VM exit that has moved RIP on */
double vmx_engine_failed_entry(void); /* VMRESUME with bad guest state: exit reason 33 */
double vmx_engine_vmread(void);

#endif
