/* SYSCALL, SYSRET, SYSENTER, SYSEXIT.
 *
 * SDM 2B, the instructions of these names.
 */
#include "cpu/exec/far.h"

#include "cpu/exec/cet_far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

enum {
  CODE_64 = 0xa09b, /* G, L, P, S, execute/read, accessed */
  CODE_32 = 0xc09b, /* G, D */
  STACK = 0xc093,   /* G, B, read/write */
  LEVEL_3 = 3 << 5,
};

/* Entering CPL 0: shadow stack and tracking. */
static void enter_level_0(struct vcpu *v, unsigned old_cpl) {
  if (cet_shadow_stack_enabled(v, old_cpl)) v->s.pl_ssp[3] = cet_adjust(v, v->s.ssp);
  if (cet_shadow_stack_enabled(v, 0)) v->s.ssp = 0;
  cet_expect_endbranch(v, 0);
  v->branch_taken = true;
  vcpu_update_mode(v);
}

static void enter_level_3(struct vcpu *v) {
  if (cet_shadow_stack_enabled(v, 3)) v->s.ssp = v->s.pl_ssp[3];
  v->branch_taken = true;
  vcpu_update_mode(v);
}

void far_syscall(struct vcpu *v, const struct ir_op *op) {
  const uint16_t cs = (v->s.star >> 32) & 0xfffc;
  const unsigned old_cpl = v->cpl;
  v->current = op;
  if (!vcpu_in_64_bit_mode(v) || !(v->s.efer & EFER_SCE)) return vcpu_raise(v, VECTOR_UD);
  const uint64_t rflags = flags_read(v);
  v->s.gpr[VMXSIM_RCX] = system_next_rip(v, op);
  v->s.gpr[VMXSIM_R11] = rflags & ~RFLAGS_RF;
  v->s.rip = v->s.lstar;
  far_load_flat(v, VMXSIM_CS, cs, CODE_64);
  far_load_flat(v, VMXSIM_SS, (uint16_t)(cs + 8), STACK);
  system_write_flags(v, (rflags & ~v->s.fmask & ~RFLAGS_RF) | RFLAGS_ALWAYS_1);
  /* With TF masked there is no trap after SYSCALL either. */
  if (v->s.fmask & RFLAGS_TF) v->single_step = false;
  enter_level_0(v, old_cpl);
}

void far_sysret(struct vcpu *v, const struct ir_op *op) {
  const bool to_64 = op->operand_size == 8;
  const uint16_t base = (uint16_t)(v->s.star >> 48);
  const uint64_t rip = v->s.gpr[VMXSIM_RCX];
  v->current = op;
  if (!vcpu_in_64_bit_mode(v) || !(v->s.efer & EFER_SCE)) return vcpu_raise(v, VECTOR_UD);
  if (v->cpl != 0 || (to_64 && !mmu_is_canonical(v, rip))) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.rip = to_64 ? rip : (uint32_t)rip;
  far_load_flat(v, VMXSIM_CS, (uint16_t)(base + (to_64 ? 16 : 0)) | 3, (to_64 ? CODE_64 : CODE_32) | LEVEL_3);
  far_load_flat(v, VMXSIM_SS, (uint16_t)(base + 8) | 3, STACK | LEVEL_3);
  system_write_flags(v, (v->s.gpr[VMXSIM_R11] & UINT64_C(0x3c7fd7)) | RFLAGS_ALWAYS_1);
  enter_level_3(v);
}

void far_sysenter(struct vcpu *v, const struct ir_op *op) {
  const uint16_t cs = v->s.sysenter_cs & 0xfffc;
  const bool ia32e = vcpu_in_ia32e_mode(v);
  const unsigned old_cpl = v->cpl;
  v->current = op;
  if (!(v->s.cr0 & CR0_PE) || cs == 0) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  system_write_flags(v, flags_read(v) & ~(RFLAGS_VM | RFLAGS_IF));
  v->s.gpr[VMXSIM_RSP] = ia32e ? v->s.sysenter_esp : (uint32_t)v->s.sysenter_esp;
  v->s.rip = ia32e ? v->s.sysenter_eip : (uint32_t)v->s.sysenter_eip;
  far_load_flat(v, VMXSIM_CS, cs, ia32e ? CODE_64 : CODE_32);
  far_load_flat(v, VMXSIM_SS, (uint16_t)(cs + 8), STACK);
  enter_level_0(v, old_cpl);
}

void far_sysexit(struct vcpu *v, const struct ir_op *op) {
  const bool to_64 = op->operand_size == 8;
  const uint16_t cs = (uint16_t)((v->s.sysenter_cs & 0xfffc) + (to_64 ? 32 : 16)) | 3;
  const uint64_t rsp = v->s.gpr[VMXSIM_RCX], rip = v->s.gpr[VMXSIM_RDX];
  v->current = op;
  if (!(v->s.cr0 & CR0_PE) || !(v->s.sysenter_cs & 0xfffc) || v->cpl != 0 ||
      (to_64 && !(mmu_is_canonical(v, rsp) && mmu_is_canonical(v, rip))))
    return vcpu_raise_with_code(v, VECTOR_GP, 0);
  v->s.gpr[VMXSIM_RSP] = to_64 ? rsp : (uint32_t)rsp;
  v->s.rip = to_64 ? rip : (uint32_t)rip;
  far_load_flat(v, VMXSIM_CS, cs, (to_64 ? CODE_64 : CODE_32) | LEVEL_3);
  far_load_flat(v, VMXSIM_SS, (uint16_t)(cs + 8), STACK | LEVEL_3);
  enter_level_3(v);
}
