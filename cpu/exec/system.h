/* What system instructions and far transfers share: operands, the end of an op. Private to the files of cpu/exec
 * and cpu/events that name it.
 */
#ifndef VMXSIM_CPU_EXEC_SYSTEM_H
#define VMXSIM_CPU_EXEC_SYSTEM_H

#include "cpu/exec/exec.h"
#include "cpu/exec/flags.h"
#include "cpu/registers.h"

static inline uint64_t system_mask(unsigned size) {
  return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1;
}

static inline bool system_has(const struct vcpu *v, enum vmxsim_feature feature) {
  return vmxsim_has_feature(v->capabilities, feature);
}

static inline bool system_decodes(const struct vcpu *v, enum decode_feature feature) {
  return (v->decoder.features >> feature) & 1;
}

static inline bool system_in_v86_mode(const struct vcpu *v) {
  return v->mode & DECODE_V86;
}

/* RIP as it is kept: 64 bits in 64-bit mode, else 32. */
static inline uint64_t system_rip(const struct vcpu *v, const struct ir_op *op) {
  const uint64_t rip = vcpu_rip(v, op);
  return vcpu_in_64_bit_mode(v) ? rip : (uint32_t)rip;
}
static inline uint64_t system_next_rip(const struct vcpu *v, const struct ir_op *op) {
  const uint64_t rip = vcpu_next_rip(v, op);
  return vcpu_in_64_bit_mode(v) ? rip : (uint32_t)rip;
}

/* Where an offset in a segment lies; neither limits nor canonicality are looked at. In 64-bit mode only FS and GS have
 * a base. */
static inline uint64_t system_linear(const struct vcpu *v, unsigned segment, uint64_t offset) {
  if (!vcpu_in_64_bit_mode(v)) return (uint32_t)(v->s.segment[segment].base + offset);
  const bool has_base = segment == VMXSIM_FS || segment == VMXSIM_GS;
  return has_base ? v->s.segment[segment].base + offset : offset;
}

static inline uint64_t system_gpr(const struct vcpu *v, unsigned reg, unsigned size) {
  return v->s.gpr[reg & 15] & system_mask(size);
}

/* Writing 32 bits clears the upper ones, writing fewer keeps the rest. */
static inline void system_set_gpr(struct vcpu *v, unsigned reg, unsigned size, uint64_t value) {
  const uint64_t mask = size == 4 ? UINT64_MAX : system_mask(size);
  v->s.gpr[reg & 15] = (v->s.gpr[reg & 15] & ~mask) | (value & system_mask(size));
}

/* A register or memory operand. False: exception pending. */
bool system_read(struct vcpu *v, const struct ir_op *op, const struct ir_operand *operand, unsigned size,
                 uint64_t *value);
bool system_write(struct vcpu *v, const struct ir_op *op, const struct ir_operand *operand, unsigned size,
                  uint64_t value);

/* Ends an instruction after which the run loop has to look up: RIP is that of the next one. */
void system_end(struct vcpu *v, const struct ir_op *op);
/* Writes RFLAGS as a whole, with what follows from IF, AC, IOPL and VM. */
void system_write_flags(struct vcpu *v, uint64_t rflags);
/* #GP(0) unless CPL is 0; false: it is pending. */
bool system_privileged(struct vcpu *v);

/* What depends on more than the CPL, and comes before a VM exit; false: the exception is pending. Each is asked with
 * its op by cpu/exec/vmx_intercepts.def, and needs nothing of it. */
bool system_umip_allows(struct vcpu *v, const struct ir_op *op);      /* SGDT, SIDT, SLDT, SMSW, STR */
bool system_time_allowed(struct vcpu *v, const struct ir_op *op);     /* RDTSC, RDTSCP, TPAUSE, UMWAIT: CR4.TSD */
bool system_counters_allowed(struct vcpu *v, const struct ir_op *op); /* RDPMC: CR4.PCE */
bool system_monitor_usable(struct vcpu *v, const struct ir_op *op);   /* MONITOR, MWAIT */

/* The parts of exec_bind_system(). */
ir_execute *system_bind_control(const struct ir_op *op);    /* system_control.c: CR, DR, CLTS, LMSW, SMSW, XCR0 */
ir_execute *system_bind_descriptor(const struct ir_op *op); /* system_descriptor.c: tables, LAR ... ARPL */
ir_execute *system_bind_cache(const struct ir_op *op);      /* system_cache.c: INVLPG ... CLFLUSH, SERIALIZE */
ir_execute *system_bind_wait(const struct ir_op *op);       /* system_wait.c: HLT, PAUSE, MONITOR ... TPAUSE */
ir_execute *system_bind_msr(const struct ir_op *op);        /* system_msr.c: RDMSR, RDTSC, CPUID, FS and GS bases ... */
ir_execute *system_bind_flag(const struct ir_op *op);       /* system_flag.c: CLI, STI, CLAC, STAC, PKRU */
ir_execute *system_bind_vmx(const struct ir_op *op);        /* vmx_instructions.c: VMXON to INVVPID */
ir_execute *system_bind_switched_off(const struct ir_op *op); /* system_off.c: GETSEC, ENCLS ... */

/* MSRs: msr.c. False: #GP(0), which is not pending yet. */
bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value);
bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value);
/* The same as RDMSR and WRMSR have it: the embedder may answer first, or where the model refuses. system_msr.c */
bool system_access_msr(struct vcpu *v, uint32_t msr, bool write, uint64_t *value);

/* Control registers with all their consequences (system_cr.c); false: exception pending. For MOV CR, LMSW, CLTS, task
 * switches, RSM. */
bool control_write_cr0(struct vcpu *v, uint64_t value);
bool control_write_cr3(struct vcpu *v, uint64_t value);
bool control_write_cr4(struct vcpu *v, uint64_t value);
uint64_t control_cr4_supported(const struct vcpu *v);
/* What CR0 and CR4 become without any check: INIT, RSM. Flushes everything. */
void control_set(struct vcpu *v, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer);

/* Takes out of a processor's capabilities what is not done here. processor_limits.c */
void system_limit_processor(struct vmxsim_capabilities *capabilities);

/* A canonical address of the widest kind that the processor supports: for bases and MSRs. */
bool system_is_canonical(const struct vcpu *v, uint64_t address);

#endif
