/* IRET in every mode: real-address, virtual-8086 (with and without VME), protected with nested tasks and returns to
 * virtual-8086 mode, IA-32e.
 *
 * SDM 2A, "IRET/IRETD/IRETQ--Interrupt Return"; SDM 3B, "Virtual-8086 Mode".
 */
#include "cpu/exec/far.h"

#include "cpu/exec/cet_far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

#define FLAGS_16 (RFLAGS_DEFINED & BITS(15, 0))

struct frame {
  uint64_t rip, cs, flags;
};

static bool pop_frame(struct vcpu *v, const struct ir_op *op, struct frame *f) {
  const unsigned size = op->operand_size;
  return far_stack_peek(v, 0, size, &f->rip) && far_stack_peek(v, size, size, &f->cs) &&
         far_stack_peek(v, 2 * size, size, &f->flags);
}

/* Loads what `mask` names. RF, once loaded, holds for the next instruction. */
static void load_flags(struct vcpu *v, uint64_t flags, uint64_t mask) {
  const uint64_t old = flags_read(v);
  system_write_flags(v, (old & ~mask) | (flags & mask) | RFLAGS_ALWAYS_1);
  v->resume_is_new = (flags & mask) & RFLAGS_RF;
}

static void return_within_real_segments(struct vcpu *v, const struct ir_op *op, const struct frame *f) {
  far_stack_release(v, 3U * op->operand_size);
  segment_load_real(v, VMXSIM_CS, (uint16_t)f->cs);
  v->s.rip = f->rip;
  v->branch_taken = true;
}

static void iret_real(struct vcpu *v, const struct ir_op *op) {
  struct frame f;
  if (!pop_frame(v, op, &f)) return;
  if (f.rip > v->s.segment[VMXSIM_CS].limit) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  return_within_real_segments(v, op, &f);
  load_flags(v, f.flags, op->operand_size == 2 ? FLAGS_16 : RFLAGS_DEFINED & ~(RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP));
  vcpu_update_mode(v);
}

/* --- virtual-8086 mode -----------------------------------------------------------------------------------------------
 */

/* IOPL < 3 with CR4.VME: the virtual interrupt flag stands for IF. */
static void iret_v86_virtual(struct vcpu *v, const struct ir_op *op) {
  struct frame f;
  if (!pop_frame(v, op, &f)) return;
  const bool interrupts = f.flags & RFLAGS_IF;
  if (f.rip > v->s.segment[VMXSIM_CS].limit || (f.flags & RFLAGS_TF) || (interrupts && (v->s.rflags & RFLAGS_VIP)))
    return vcpu_raise_with_code(v, VECTOR_GP, 0);
  return_within_real_segments(v, op, &f);
  load_flags(v, f.flags | (interrupts ? RFLAGS_VIF : 0), (FLAGS_16 & ~(RFLAGS_IF | RFLAGS_IOPL)) | RFLAGS_VIF);
}

static void iret_v86(struct vcpu *v, const struct ir_op *op) {
  struct frame f;
  if (RFLAGS_IOPL_OF(v->s.rflags) < 3) {
    if ((v->s.cr4 & CR4_VME) && op->operand_size == 2) return iret_v86_virtual(v, op);
    return vcpu_raise_with_code(v, VECTOR_GP, 0);
  }
  if (!pop_frame(v, op, &f)) return;
  if (f.rip > v->s.segment[VMXSIM_CS].limit) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  return_within_real_segments(v, op, &f);
  const uint64_t kept = RFLAGS_VM | RFLAGS_IOPL | RFLAGS_VIF | RFLAGS_VIP;
  load_flags(v, f.flags, (op->operand_size == 2 ? FLAGS_16 : RFLAGS_DEFINED) & ~kept);
}

static const uint8_t v86_segments[] = {VMXSIM_SS, VMXSIM_ES, VMXSIM_DS, VMXSIM_FS, VMXSIM_GS};

static bool v86_return_allowed(struct vcpu *v, const struct frame *f) {
  if (v->s.cr4 & CR4_CET && v->s.u_cet & (CET_SH_STK_EN | CET_ENDBR_EN))
    return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (f->rip > 0xffff) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  return !cet_shadow_stack_enabled(v, v->cpl) || cet_check_alignment(v);
}

static void iret_to_v86(struct vcpu *v, const struct frame *f) {
  uint64_t esp, selectors[5];
  if (!far_stack_peek(v, 12, 4, &esp)) return;
  for (unsigned i = 0; i < 5; i++)
    if (!far_stack_peek(v, 16 + 4 * i, 4, &selectors[i])) return;
  if (!v86_return_allowed(v, f)) return;
  if (cet_shadow_stack_enabled(v, v->cpl)) cet_release_token(v, v->s.ssp, MEM_SYSTEM);
  load_flags(v, f->flags, RFLAGS_DEFINED);
  vcpu_update_mode(v);
  segment_load_real(v, VMXSIM_CS, (uint16_t)f->cs);
  for (unsigned i = 0; i < 5; i++) segment_load_real(v, v86_segments[i], (uint16_t)selectors[i]);
  v->s.gpr[VMXSIM_RSP] = esp;
  v->s.rip = f->rip;
  v->branch_taken = true;
  vcpu_charge_transition(v, TRANSITION_PRIVILEGE);
  vcpu_update_mode(v);
}

/* --- protected and IA-32e mode --------------------------------------------------------------------------------------
 */

static uint64_t loadable_flags(const struct vcpu *v, const struct ir_op *op) {
  uint64_t mask = FLAGS_16 & ~(RFLAGS_IF | RFLAGS_IOPL);
  if (op->operand_size != 2) mask |= RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
  if (v->cpl <= RFLAGS_IOPL_OF(v->s.rflags)) mask |= RFLAGS_IF;
  if (v->cpl == 0) mask |= RFLAGS_IOPL | (op->operand_size != 2 ? RFLAGS_VIF | RFLAGS_VIP : 0);
  return mask;
}

static bool read_stack(struct vcpu *v, const struct ir_op *op, struct far_return *r) {
  const unsigned size = op->operand_size;
  uint64_t ss;
  if (!far_stack_peek(v, 3 * size, size, &r->rsp) || !far_stack_peek(v, 4 * size, size, &ss)) return false;
  r->ss = (uint16_t)ss;
  r->has_stack = true;
  return true;
}

static void iret_protected(struct vcpu *v, const struct ir_op *op, const struct frame *f) {
  struct far_return r = {.target = {.selector = (uint16_t)f->cs, .rip = f->rip}};
  const uint64_t mask = loadable_flags(v, op);
  /* 64-bit mode pops the stack pointer always, and before it looks at what it has popped. */
  if (vcpu_in_64_bit_mode(v) && !read_stack(v, op, &r)) return;
  if (!far_return_check_code(v, &r)) return;
  if (r.outer && !r.has_stack && !read_stack(v, op, &r)) return;
  if (r.has_stack && !far_return_check_stack(v, &r)) return;
  if (!far_check_rip(v, &r.target, 0)) return;
  if (!far_return_commit(v, &r, 3U * op->operand_size, true)) return;
  load_flags(v, f->flags, mask);
}

/* NT: back to the task in the link field of the current TSS. */
static void iret_task(struct vcpu *v, const struct ir_op *op) {
  uint64_t link;
  if (!mem_read_linear(v, (uint32_t)v->s.tr.base, 2, MEM_READ | MEM_SYSTEM, &link)) return;
  task_switch(v, TASK_IRET, (uint16_t)link, system_next_rip(v, op), false, 0);
}

/* IRET unblocks NMIs (virtual ones with "virtual NMIs") even if it faults; but not while they cause VM exits. */
static void unblock_nmis(struct vcpu *v) {
  const bool exiting = vmxsim_vmx_on(&v->vmx, pin_based, nmi_exiting);
  if (exiting && !vmxsim_vmx_on(&v->vmx, pin_based, virtual_nmis)) return;
  v->nmis_unblocked = v->s.blocking_by_nmi;
  v->s.blocking_by_nmi = false;
}

void far_iret(struct vcpu *v, const struct ir_op *op) {
  struct frame f;
  v->current = op;
  unblock_nmis(v);
  vcpu_attend(v, ATTENTION_BOUNDARY);
  if (system_in_v86_mode(v)) return iret_v86(v, op);
  if (!vcpu_in_protected_mode(v)) return iret_real(v, op);
  if (v->s.rflags & RFLAGS_NT) {
    if (vcpu_in_ia32e_mode(v)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
    return iret_task(v, op);
  }
  if (!pop_frame(v, op, &f)) return;
  if (!vcpu_in_ia32e_mode(v) && op->operand_size == 4 && (f.flags & RFLAGS_VM) && v->cpl == 0)
    return iret_to_v86(v, &f);
  iret_protected(v, op, &f);
}
