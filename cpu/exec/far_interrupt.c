/* INT n, INT1, INT3, INTO: as far as they differ from other events. Delivery is cpu/events/deliver.c.
 *
 * SDM 2A, "INT n/INTO/INT3/INT1--Call to Interrupt Procedure"; SDM 3B, "Interrupt and Exception Handling in
 * Virtual-8086 Mode".
 */
#include "cpu/events/events.h"
#include "cpu/exec/far.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

static void deliver(struct vcpu *v, const struct ir_op *op, enum event_kind kind, unsigned vector) {
  const uint64_t next = system_next_rip(v, op);
  v->current = op;
  v->s.rip = system_rip(v, op); /* that of faults on the way */
  events_deliver(v, kind, vector, false, 0, next);
}

/* The redirection bit of the vector, in the 32 bytes below the I/O permission map; *redirect if it is 0. */
static bool read_redirection(struct vcpu *v, unsigned vector, bool *redirect) {
  uint64_t map, bits;
  *redirect = false;
  if (v->s.tr.limit < 103) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!mem_read_linear(v, (uint32_t)(v->s.tr.base + 102), 2, MEM_READ | MEM_SYSTEM, &map)) return false;
  const uint64_t byte = map - 32 + vector / 8;
  if (map < 32 || byte > v->s.tr.limit) return vcpu_raise_with_code(v, VECTOR_GP, 0), false;
  if (!mem_read_linear(v, (uint32_t)(v->s.tr.base + byte), 1, MEM_READ | MEM_SYSTEM, &bits)) return false;
  *redirect = !((bits >> (vector & 7)) & 1);
  return true;
}

/* Through the program's own vector table at linear address 0, as an 8086 does it. NT stays, unlike in delivery through
 * the IDT. SDM 3B, "Method 5: Software Interrupt Handling", "Method 6: Software Interrupt Handling".
 */
static bool redirect(struct vcpu *v, unsigned vector, uint64_t return_rip) {
  const bool virtual_if = RFLAGS_IOPL_OF(v->s.rflags) < 3;
  const uint64_t flags = flags_read(v);
  struct far_stack stack = far_stack_current(v);
  uint64_t entry, image = flags;
  if (virtual_if) {
    image |= RFLAGS_IOPL;
    image = flags & RFLAGS_VIF ? image | RFLAGS_IF : image & ~RFLAGS_IF;
  }
  if (!mem_read_linear(v, vector * 4, 4, MEM_READ, &entry)) return false;
  if (!far_stack_room(v, &stack, 6) || !far_stack_push(v, &stack, 2, image) ||
      !far_stack_push(v, &stack, 2, v->s.segment[VMXSIM_CS].selector) || !far_stack_push(v, &stack, 2, return_rip))
    return false;
  v->s.gpr[VMXSIM_RSP] = stack.sp;
  system_write_flags(v, flags & ~(RFLAGS_TF | (virtual_if ? RFLAGS_VIF : RFLAGS_IF)));
  v->single_step = false;
  segment_load_real(v, VMXSIM_CS, (uint16_t)(entry >> 16));
  v->s.rip = entry & 0xffff;
  v->branch_taken = true;
  return true;
}

bool far_redirect(struct vcpu *v, unsigned vector, uint64_t return_rip, bool *redirected) {
  *redirected = false;
  if (!system_in_v86_mode(v) || !(v->s.cr4 & CR4_VME)) return true;
  return read_redirection(v, vector, redirected) && (!*redirected || redirect(v, vector, return_rip));
}

static void far_int(struct vcpu *v, const struct ir_op *op) {
  const unsigned vector = op->immediate & 0xff;
  bool redirected = false;
  v->current = op;
  if (system_in_v86_mode(v)) {
    if (!far_redirect(v, vector, system_next_rip(v, op), &redirected) || redirected) return;
    if (RFLAGS_IOPL_OF(v->s.rflags) < 3) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  }
  deliver(v, op, EVENT_KIND_SOFTWARE, vector);
}

static void far_int1(struct vcpu *v, const struct ir_op *op) {
  deliver(v, op, EVENT_KIND_PRIVILEGED_SOFTWARE, VECTOR_DB);
}

static void far_int3(struct vcpu *v, const struct ir_op *op) {
  deliver(v, op, EVENT_KIND_SOFTWARE_EXCEPTION, VECTOR_BP);
}

static void far_into(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (vcpu_in_64_bit_mode(v)) return vcpu_raise(v, VECTOR_UD);
  if (flags_read(v) & FLAG_OF) return deliver(v, op, EVENT_KIND_SOFTWARE_EXCEPTION, VECTOR_OF);
  system_end(v, op);
}

ir_execute *far_bind_interrupt(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_INT: return far_int;
  case IR_INT1: return far_int1;
  case IR_INT3: return far_int3;
  case IR_INTO: return far_into;
  default: return NULL;
  }
}
