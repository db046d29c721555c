/* RDMSR, WRMSR, the time stamp, RDPMC, CPUID, and the bases of FS and GS: RDFSBASE ... SWAPGS.
 *
 * SDM 2A, 2B, the instructions of these names. The MSRs themselves are msr.c, CPUID's table is cpuid.c.
 */
#include "cpu/exec/cpuid.h"
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/observe.h"
#include "cpu/timing/timing.h"

static void set_edx_eax(struct vcpu *v, uint64_t value) {
  system_set_gpr(v, VMXSIM_RAX, 4, value);
  system_set_gpr(v, VMXSIM_RDX, 4, value >> 32);
}

static uint64_t edx_eax(const struct vcpu *v) {
  return system_gpr(v, VMXSIM_RDX, 4) << 32 | system_gpr(v, VMXSIM_RAX, 4);
}

static bool model_msr(struct vcpu *v, uint32_t msr, bool write, uint64_t *value) {
  return write ? msr_write(v, msr, *value) : msr_read(v, msr, value);
}

bool system_access_msr(struct vcpu *v, uint32_t msr, bool write, uint64_t *value) {
  const bool asks = v->listener && v->listener->msr;
  bool fault = false;
  if (asks && v->listener->msr(v, false, msr, write, value, &fault)) return !fault;
  if (model_msr(v, msr, write, value)) return true;
  return asks && v->listener->msr(v, true, msr, write, value, &fault) && !fault;
}

static void system_rdmsr(struct vcpu *v, const struct ir_op *op) {
  const uint32_t msr = (uint32_t)v->s.gpr[VMXSIM_RCX];
  uint64_t value = 0;
  v->current = op;
  if (!system_privileged(v)) return;
  const bool good = system_access_msr(v, msr, false, &value);
  observe_register(v, VMXSIM_EVENT_msr_read, msr, value, !good);
  if (!good) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  value = vmxsim_vmx_read_msr(&v->vmx, msr, value);
  set_edx_eax(v, value);
  exec_next(v, op);
}

static void system_wrmsr(struct vcpu *v, const struct ir_op *op) {
  const uint32_t msr = (uint32_t)v->s.gpr[VMXSIM_RCX];
  const uint64_t given = edx_eax(v);
  uint64_t value = vmxsim_vmx_written_msr(&v->vmx, msr, given);
  v->current = op;
  if (!system_privileged(v)) return;
  const bool good = system_access_msr(v, msr, true, &value);
  observe_register(v, VMXSIM_EVENT_msr_write, msr, given, !good);
  if (!good) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  vmxsim_vmx_msr_written(&v->vmx, msr, given);
  system_end(v, op);
}

/* --- time ------------------------------------------------------------------------------------------------------------
 */

bool system_time_allowed(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  if (!(v->s.cr4 & CR4_TSD) || v->cpl == 0) return true;
  vcpu_raise_with_code(v, VECTOR_GP, 0);
  return false;
}

static void system_rdtsc(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_time_allowed(v, op)) return;
  set_edx_eax(v, vmxsim_vmx_guest_tsc(&v->vmx, timing_tsc(v)));
  exec_next(v, op);
}

static void system_rdtscp(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_time_allowed(v, op)) return;
  set_edx_eax(v, vmxsim_vmx_guest_tsc(&v->vmx, timing_tsc(v)));
  system_set_gpr(v, VMXSIM_RCX, 4, v->s.tsc_aux);
  exec_next(v, op);
}

static void system_rdpid(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  system_set_gpr(v, op->operand[0].reg, vcpu_in_64_bit_mode(v) ? 8 : 4, v->s.tsc_aux & UINT32_MAX);
  exec_next(v, op);
}

bool system_counters_allowed(struct vcpu *v, const struct ir_op *op) {
  (void)op;
  return (v->s.cr4 & CR4_PCE) || system_privileged(v);
}

/* There are no performance counters yet. */
static void system_rdpmc(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  vcpu_raise_with_code(v, VECTOR_GP, 0);
}

static void system_cpuid(struct vcpu *v, const struct ir_op *op) {
  const uint32_t leaf = (uint32_t)v->s.gpr[VMXSIM_RAX], subleaf = (uint32_t)v->s.gpr[VMXSIM_RCX];
  uint32_t r[4];
  v->current = op;
  cpuid_execute(v, leaf, subleaf, r);
  if (v->listener && v->listener->cpuid) v->listener->cpuid(v, leaf, subleaf, r);
  v->s.gpr[VMXSIM_RAX] = r[CPUID_EAX];
  v->s.gpr[VMXSIM_RBX] = r[CPUID_EBX];
  v->s.gpr[VMXSIM_RCX] = r[CPUID_ECX];
  v->s.gpr[VMXSIM_RDX] = r[CPUID_EDX];
  system_end(v, op);
}

/* --- bases -----------------------------------------------------------------------------------------------------------
 */

/* In 64-bit mode only, with CR4.FSGSBASE. */
static bool bases_usable(struct vcpu *v) {
  if (vcpu_in_64_bit_mode(v) && (v->s.cr4 & CR4_FSGSBASE)) return true;
  vcpu_raise(v, VECTOR_UD);
  return false;
}

static void read_base(struct vcpu *v, const struct ir_op *op, unsigned segment) {
  v->current = op;
  if (!bases_usable(v)) return;
  system_set_gpr(v, op->operand[0].reg, op->operand_size, v->s.segment[segment].base);
  exec_next(v, op);
}

static void write_base(struct vcpu *v, const struct ir_op *op, unsigned segment) {
  const uint64_t base = system_gpr(v, op->operand[0].reg, op->operand_size);
  v->current = op;
  if (!bases_usable(v)) return;
  if (!system_is_canonical(v, base)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.segment[segment].base = base;
  exec_next(v, op);
}

static void system_rdfsbase(struct vcpu *v, const struct ir_op *op) {
  read_base(v, op, VMXSIM_FS);
}
static void system_rdgsbase(struct vcpu *v, const struct ir_op *op) {
  read_base(v, op, VMXSIM_GS);
}
static void system_wrfsbase(struct vcpu *v, const struct ir_op *op) {
  write_base(v, op, VMXSIM_FS);
}
static void system_wrgsbase(struct vcpu *v, const struct ir_op *op) {
  write_base(v, op, VMXSIM_GS);
}

static void system_swapgs(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!vcpu_in_64_bit_mode(v)) return vcpu_raise(v, VECTOR_UD);
  if (!system_privileged(v)) return;
  const uint64_t base = v->s.segment[VMXSIM_GS].base;
  v->s.segment[VMXSIM_GS].base = v->s.kernel_gs_base;
  v->s.kernel_gs_base = base;
  exec_next(v, op);
}

ir_execute *system_bind_msr(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_RDMSR: return system_rdmsr;
  case IR_WRMSR: return system_wrmsr;
  case IR_RDTSC: return system_rdtsc;
  case IR_RDTSCP: return system_rdtscp;
  case IR_RDPID: return system_rdpid;
  case IR_RDPMC: return system_rdpmc;
  case IR_CPUID: return system_cpuid;
  case IR_RDFSBASE: return system_rdfsbase;
  case IR_RDGSBASE: return system_rdgsbase;
  case IR_WRFSBASE: return system_wrfsbase;
  case IR_WRGSBASE: return system_wrgsbase;
  case IR_SWAPGS: return system_swapgs;
  default: return NULL;
  }
}
