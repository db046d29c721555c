/* The contents of task-state segments. SDM 3A, "Task-State Segment (TSS)", "16-Bit Task-State Segment (TSS)". */
#include "cpu/exec/task.h"

#include "cpu/mmu/memory.h"
#include "cpu/registers.h"

static bool get(struct vcpu *v, uint64_t linear, unsigned size, uint32_t *value) {
  uint64_t read;
  if (!mem_read_linear(v, (uint32_t)linear, size, MEM_READ | MEM_SYSTEM, &read)) return false;
  *value = (uint32_t)read;
  return true;
}

static bool get_selector(struct vcpu *v, uint64_t linear, uint16_t *selector) {
  uint32_t value;
  if (!get(v, linear, 2, &value)) return false;
  *selector = (uint16_t)value;
  return true;
}

static bool put(struct vcpu *v, uint64_t linear, unsigned size, uint32_t value) {
  return mem_write_linear(v, (uint32_t)linear, size, MEM_WRITE | MEM_SYSTEM, value);
}

static bool read_32(struct vcpu *v, uint64_t base, struct task_state *t) {
  uint32_t trap;
  if (!get_selector(v, base, &t->link) || !get(v, base + 0x1c, 4, &t->cr3) || !get(v, base + 0x20, 4, &t->eip) ||
      !get(v, base + 0x24, 4, &t->eflags))
    return false;
  for (unsigned i = 0; i < 8; i++)
    if (!get(v, base + 0x28 + 4 * i, 4, &t->gpr[i])) return false;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    if (!get_selector(v, base + 0x48 + 4 * i, &t->selector[i])) return false;
  if (!get_selector(v, base + 0x60, &t->ldt) || !get(v, base + 0x64, 2, &trap)) return false;
  t->trap = trap & 1;
  return !(v->s.cr4 & CR4_CET) || get(v, base + 0x68, 4, &t->ssp);
}

/* FS and GS become null, the upper halves of the general registers ones, as processors leave them. */
static bool read_16(struct vcpu *v, uint64_t base, struct task_state *t) {
  if (!get_selector(v, base, &t->link) || !get(v, base + 0x0e, 2, &t->eip) || !get(v, base + 0x10, 2, &t->eflags))
    return false;
  for (unsigned i = 0; i < 8; i++) {
    if (!get(v, base + 0x12 + 2 * i, 2, &t->gpr[i])) return false;
    t->gpr[i] |= 0xffff0000U;
  }
  for (unsigned i = VMXSIM_ES; i <= VMXSIM_DS; i++)
    if (!get_selector(v, base + 0x22 + 2 * i, &t->selector[i])) return false;
  return get_selector(v, base + 0x2a, &t->ldt);
}

bool task_read(struct vcpu *v, uint64_t base, bool wide, struct task_state *t) {
  *t = (struct task_state){0};
  return wide ? read_32(v, base, t) : read_16(v, base, t);
}

static bool write_32(struct vcpu *v, uint64_t base, const struct task_state *t) {
  if (!put(v, base + 0x20, 4, t->eip) || !put(v, base + 0x24, 4, t->eflags)) return false;
  for (unsigned i = 0; i < 8; i++)
    if (!put(v, base + 0x28 + 4 * i, 4, t->gpr[i])) return false;
  for (unsigned i = 0; i < VMXSIM_SEGMENTS; i++)
    if (!put(v, base + 0x48 + 4 * i, 2, t->selector[i])) return false;
  return true;
}

static bool write_16(struct vcpu *v, uint64_t base, const struct task_state *t) {
  if (!put(v, base + 0x0e, 2, t->eip & 0xffff) || !put(v, base + 0x10, 2, t->eflags & 0xffff)) return false;
  for (unsigned i = 0; i < 8; i++)
    if (!put(v, base + 0x12 + 2 * i, 2, t->gpr[i] & 0xffff)) return false;
  for (unsigned i = VMXSIM_ES; i <= VMXSIM_DS; i++)
    if (!put(v, base + 0x22 + 2 * i, 2, t->selector[i])) return false;
  return true;
}

bool task_write(struct vcpu *v, uint64_t base, bool wide, const struct task_state *t) {
  return wide ? write_32(v, base, t) : write_16(v, base, t);
}
