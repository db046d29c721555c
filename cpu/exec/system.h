/* What system instructions and far transfers share: operands, bits, the end of an op. Private to the files of cpu/exec
 * and cpu/events that name it.
 */
#ifndef VMXSIM_CPU_EXEC_SYSTEM_H
#define VMXSIM_CPU_EXEC_SYSTEM_H

#include "cpu/exec/exec.h"
#include "cpu/exec/flags.h"
#include "vmcs/architecture.h"

/* Bits that vmcs/architecture.h has no rule for */
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_AM BIT(18)
#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_PKS BIT(24)
#define CR4_LAM_SUP BIT(28)
#define CR3_NO_FLUSH BIT(63)

#define RFLAGS_CF BIT(0)
#define RFLAGS_ALWAYS_1 BIT(1)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_NT BIT(14)
#define RFLAGS_RF BIT(16)
#define RFLAGS_AC BIT(18)
#define RFLAGS_VIF BIT(19)
#define RFLAGS_VIP BIT(20)
#define RFLAGS_ID BIT(21)
#define RFLAGS_DF BIT(10)
/* What POPF and IRET can load: all but the bits that are always 0 or 1. */
#define RFLAGS_DEFINED (BITS(21, 0) & ~(BIT(1) | BIT(3) | BIT(5) | BIT(15)))

#define DR6_FIXED UINT64_C(0xffff0ff0)
#define DR6_BREAKPOINTS BITS(3, 0)
#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_BT BIT(15)
#define DR7_FIXED BIT(10)
#define DR7_ENABLED BITS(7, 0)
#define DR7_GD BIT(13)
#define DEBUGCTL_LBR BIT(0)

#define APIC_BASE_BSP BIT(8)

#define MISC_ENABLE_LIMIT_CPUID BIT(22)
#define MISC_ENABLE_XD_DISABLE BIT(34)
#define MISC_ENABLE_MONITOR BIT(18)

#define CET_SHSTK_EN BIT(0)
#define CET_ENDBR_EN BIT(2)

enum cp_error { CP_NEAR_RET = 1, CP_FAR_RET = 2, CP_ENDBRANCH = 3, CP_RSTORSSP = 4, CP_SETSSBSY = 5 };

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
/* Bits of XCR0 that the processor has. */
uint64_t control_xcr0_supported(const struct vcpu *v);

/* A canonical address of the widest kind that the processor supports: for bases and MSRs. */
bool system_is_canonical(const struct vcpu *v, uint64_t address);

#endif
