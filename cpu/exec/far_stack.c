/* The stacks that far transfers and event delivery push on and pop from.
 *
 * A push to a stack of an inner level is a supervisor access although CPL is not there yet.
 */
#include "cpu/exec/segments.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/mmu.h"

static uint64_t pointer_mask(const struct vcpu *v) {
  if (vcpu_in_64_bit_mode(v)) return UINT64_MAX;
  return v->mode & DECODE_STACK_32 ? UINT32_MAX : UINT16_MAX;
}

struct far_stack far_stack_current(const struct vcpu *v) {
  return (struct far_stack){.ss = v->s.segment[VMXSIM_SS],
                            .sp = v->s.gpr[VMXSIM_RSP],
                            .mask = pointer_mask(v),
                            .is_64_bit = vcpu_in_64_bit_mode(v)};
}

/* Expand-down segments reach from limit + 1 to the top of their size. */
static bool within_limit(const struct vmxsim_segment *ss, uint64_t first, uint64_t last) {
  const bool expand_down = (ss->access_rights & 12) == 4;
  if (ss->access_rights & AR_UNUSABLE) return false; /* as a VM entry can leave it */
  if (!expand_down) return last <= ss->limit;
  return first > ss->limit && last <= (ss->access_rights & AR_DB ? UINT32_MAX : UINT16_MAX);
}

static bool slot_allowed(const struct vcpu *v, const struct far_stack *stack, uint64_t offset, unsigned size) {
  if (stack->is_64_bit) return mmu_is_canonical(v, offset) && mmu_is_canonical(v, offset + size - 1);
  return offset + size - 1 <= UINT32_MAX && within_limit(&stack->ss, offset, offset + size - 1);
}

bool far_stack_room(struct vcpu *v, const struct far_stack *stack, unsigned bytes) {
  const uint64_t lowest = (stack->sp - bytes) & stack->mask;
  if (lowest + bytes - 1 <= stack->mask && slot_allowed(v, stack, lowest, bytes)) return true;
  /* In units of two bytes, the smallest that is pushed: SP may wrap on the way. */
  for (unsigned pushed = 2; pushed <= bytes; pushed += 2) {
    if (slot_allowed(v, stack, (stack->sp - pushed) & stack->mask, 2)) continue;
    vcpu_raise_with_code(v, VECTOR_SS, stack->error);
    return false;
  }
  return true;
}

bool far_stack_push(struct vcpu *v, struct far_stack *stack, unsigned size, uint64_t value) {
  const uint64_t offset = (stack->sp - size) & stack->mask;
  if (!slot_allowed(v, stack, offset, size)) {
    vcpu_raise_with_code(v, VECTOR_SS, stack->error);
    return false;
  }
  const uint64_t linear = stack->is_64_bit ? offset : (uint32_t)(stack->ss.base + offset);
  const unsigned access = stack->inner ? MEM_WRITE | MEM_SYSTEM : MEM_WRITE;
  if (!stack->inner && !alignment_good(v, linear, size)) return false;
  if (!mem_write_linear(v, linear, size, (enum mem_access)access, value & system_mask(size))) return false;
  stack->sp = (stack->sp & ~stack->mask) | offset;
  return true;
}

bool far_stack_peek(struct vcpu *v, unsigned offset, unsigned size, uint64_t *value) {
  return mem_read(v, VMXSIM_SS, (v->s.gpr[VMXSIM_RSP] + offset) & pointer_mask(v), size, value);
}

void far_stack_set_pointer(struct vcpu *v, uint64_t sp) {
  const uint64_t mask = pointer_mask(v);
  const uint64_t kept = mask == UINT16_MAX ? v->s.gpr[VMXSIM_RSP] & ~mask : 0;
  v->s.gpr[VMXSIM_RSP] = kept | (sp & mask);
}

void far_stack_release(struct vcpu *v, uint64_t bytes) {
  far_stack_set_pointer(v, v->s.gpr[VMXSIM_RSP] + bytes);
}
