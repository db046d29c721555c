/* TLB and cache control: INVLPG, INVPCID, INVD, WBINVD, WBNOINVD, the CLFLUSH family, SERIALIZE, and fences.
 *
 * There are caches only in the timing model `memory`, and nothing is in them that is not in memory. SDM 2A and 2B.
 */
#include "cpu/exec/operand.h"
#include "cpu/exec/system.h"
#include "cpu/mmu/memory.h"

/* An address that is not canonical makes it a NOP. */
static void system_invlpg(struct vcpu *v, const struct ir_op *op) {
  const uint64_t offset = mem_effective_address(v, op);
  v->current = op;
  if (!system_privileged(v)) return;
  const uint64_t linear = system_linear(v, op->memory.segment, offset);
  if (mmu_is_canonical(v, linear)) mmu_flush_page(v, linear);
  vcpu_attend(v, ATTENTION_MODE);
  system_end(v, op);
}

/* Types 0 (address), 1 (PCID), 2 (all), 3 (all but global). */
static bool invpcid_allowed(const struct vcpu *v, uint64_t type, uint64_t low, uint64_t linear) {
  const uint64_t pcid = low & PAGE_OFFSET;
  if (type > 3 || low & ~PAGE_OFFSET) return false;
  if (type <= 1 && !(v->s.cr4 & CR4_PCIDE) && pcid) return false;
  return type != 0 || system_is_canonical(v, linear); /* whatever CR4.LA57 is */
}

static void system_invpcid(struct vcpu *v, const struct ir_op *op) {
  const uint64_t type = system_gpr(v, op->operand[0].reg, vcpu_in_64_bit_mode(v) ? 8 : 4);
  uint64_t descriptor[2];
  v->current = op;
  if (system_in_v86_mode(v)) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  if (!system_privileged(v)) return;
  if (!mem_read_bytes(v, op->memory.segment, mem_effective_address(v, op), descriptor, sizeof descriptor, 0)) return;
  if (!invpcid_allowed(v, type, descriptor[0], descriptor[1])) return vcpu_raise_with_code(v, VECTOR_GP, 0);
  mmu_invpcid(v, (unsigned)type, (uint16_t)(descriptor[0] & PAGE_OFFSET), descriptor[1]);
  vcpu_attend(v, ATTENTION_MODE);
  system_end(v, op);
}

static void system_invalidate_caches(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!system_privileged(v)) return;
  if (op->opcode != IR_WBNOINVD) mmu_flush_caches(v);
  system_end(v, op);
}

/* Checked as a load of one byte is. */
static void system_clflush(struct vcpu *v, const struct ir_op *op) {
  v->current = op;
  if (!mem_flush_line(v, op->memory.segment, mem_effective_address(v, op), op->opcode == IR_CLWB)) return;
  exec_next(v, op);
}

/* The destination is at ES:register, truncated as an address is; a segment override is the source's. */
static void system_movdir64b(struct vcpu *v, const struct ir_op *op) {
  enum { LINE = 64 };
  uint8_t bytes[LINE];
  const uint64_t to = system_gpr(v, op->operand[0].reg, op->address_size);
  v->current = op;
  if (!mem_read_bytes(v, op->memory.segment, mem_effective_address(v, op), bytes, LINE, 1)) return;
  if (!mem_write_bytes(v, VMXSIM_ES, to, bytes, LINE, LINE)) return;
  exec_next(v, op);
}

static void system_nothing(struct vcpu *v, const struct ir_op *op) {
  exec_next(v, op);
}

static void system_serialize(struct vcpu *v, const struct ir_op *op) {
  system_end(v, op);
}

ir_execute *system_bind_cache(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_INVLPG: return system_invlpg;
  case IR_INVPCID: return system_invpcid;
  case IR_INVD:
  case IR_WBINVD:
  case IR_WBNOINVD: return system_invalidate_caches;
  case IR_CLFLUSH:
  case IR_CLFLUSHOPT:
  case IR_CLWB: return system_clflush;
  case IR_CLDEMOTE:
  case IR_LFENCE:
  case IR_MFENCE:
  case IR_SFENCE: return system_nothing;
  case IR_MOVDIR64B: return system_movdir64b;
  case IR_SERIALIZE: return system_serialize;
  default: return NULL;
  }
}
