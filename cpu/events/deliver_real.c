/* Delivery in real-address mode, through the interrupt-vector table. SDM 3B, "Interrupt and Exception Handling". */
#include "cpu/events/delivery.h"
#include "cpu/exec/segments.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

bool deliver_real(struct vcpu *v, const struct delivery *d) {
  const uint32_t offset = d->vector * 4U;
  struct far_stack stack = far_stack_current(v);
  const uint64_t flags = flags_read(v);
  uint64_t entry;
  if (offset + 3 > v->s.idtr.limit) return vcpu_raise(v, VECTOR_GP), false;
  if (!mem_read_linear(v, (uint32_t)(v->s.idtr.base + offset), 4, MEM_READ | MEM_SYSTEM, &entry)) return false;
  if (!far_stack_room(v, &stack, 6) || !far_stack_push(v, &stack, 2, flags) ||
      !far_stack_push(v, &stack, 2, v->s.segment[VMXSIM_CS].selector) || !far_stack_push(v, &stack, 2, d->return_rip))
    return false;
  v->s.gpr[VMXSIM_RSP] = stack.sp;
  system_write_flags(v, flags & ~(RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF));
  segment_load_real(v, VMXSIM_CS, (uint16_t)(entry >> 16));
  v->s.rip = entry & 0xffff;
  vcpu_update_mode(v);
  return true;
}
