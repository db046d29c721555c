/* What a VM exit reports of the instruction that causes it: SDM 3C, "Information for VM Exits Due to Instruction
 * Execution", the tables "Format of the VM-Exit Instruction-Information Field as Used for ...". */
#include "cpu/exec/vmx_information.h"

enum {
  REG1_SHIFT = 3,
  ADDRESS_SIZE_SHIFT = 7,
  IS_REGISTER = 1 << 10,
  OPERAND_IS_32_BIT = 1 << 11,
  OPERAND_SIZE_SHIFT = 11,
  SEGMENT_SHIFT = 15,
  INDEX_SHIFT = 18,
  NO_INDEX = 1 << 22,
  BASE_SHIFT = 23,
  NO_BASE = 1 << 27,
  IDENTITY_SHIFT = 28,
  REG2_SHIFT = 28
};

/* 0, 1, 2 for 16, 32 and 64 bits; and for a scale of 1, 2, 4, 8 the power of two. */
static uint32_t size_code(unsigned bytes) {
  return bytes == 8 ? 2 : bytes == 4;
}
static uint32_t scale_code(unsigned scale) {
  return scale == 8 ? 3 : size_code(2 * scale);
}

static uint32_t index_of(const struct ir_memory *m) {
  return m->index == IR_NO_REGISTER ? (uint32_t)NO_INDEX : scale_code(m->scale) | (uint32_t)m->index << INDEX_SHIFT;
}

/* RIP counts as no base. */
static uint32_t base_of(const struct ir_memory *m) {
  return m->base > 15 ? (uint32_t)NO_BASE : (uint32_t)m->base << BASE_SHIFT;
}

static uint32_t where(const struct ir_op *op) {
  return size_code(op->address_size) << ADDRESS_SIZE_SHIFT | (uint32_t)op->memory.segment << SEGMENT_SHIFT;
}

uint32_t vmx_memory_information(const struct vcpu *v, const struct ir_op *op) {
  (void)v;
  return where(op) | index_of(&op->memory) | base_of(&op->memory);
}

/* A register or memory. */
static uint32_t either(const struct vcpu *v, const struct ir_op *op, const struct ir_operand *operand) {
  if (operand->kind == IR_MEMORY) return vmx_memory_information(v, op);
  return (uint32_t)IS_REGISTER | (uint32_t)operand->reg << REG1_SHIFT;
}

/* VMREAD r/m, r and VMWRITE r, r/m. */
uint32_t vmx_field_information(const struct vcpu *v, const struct ir_op *op) {
  const unsigned value = op->opcode == IR_VMREAD ? 0 : 1;
  return either(v, op, &op->operand[value]) | (uint32_t)op->operand[1 - value].reg << REG2_SHIFT;
}

uint32_t vmx_invalidate_information(const struct vcpu *v, const struct ir_op *op) {
  return vmx_memory_information(v, op) | (uint32_t)op->operand[0].reg << REG2_SHIFT;
}

/* Identities, 0 to 3 */
static uint32_t identity(const struct ir_op *op) {
  switch (op->opcode) {
  case IR_SIDT:
  case IR_STR: return 1u << IDENTITY_SHIFT;
  case IR_LGDT:
  case IR_LLDT: return 2u << IDENTITY_SHIFT;
  case IR_LIDT:
  case IR_LTR: return 3u << IDENTITY_SHIFT;
  default: return 0; /* SGDT, SLDT */
  }
}

/* In 64-bit mode the operand size is undefined. */
uint32_t vmx_table_information(const struct vcpu *v, const struct ir_op *op) {
  const bool is_32_bit = !vcpu_in_64_bit_mode(v) && op->operand_size == 4;
  return vmx_memory_information(v, op) | (is_32_bit ? (uint32_t)OPERAND_IS_32_BIT : 0) | identity(op);
}

uint32_t vmx_selector_information(const struct vcpu *v, const struct ir_op *op) {
  return either(v, op, &op->operand[0]) | identity(op);
}

uint32_t vmx_random_information(const struct vcpu *v, const struct ir_op *op) {
  return vmx_register_information(v, op) | size_code(op->operand[0].size) << OPERAND_SIZE_SHIFT;
}

uint32_t vmx_register_information(const struct vcpu *v, const struct ir_op *op) {
  (void)v;
  return (uint32_t)op->operand[0].reg << REG1_SHIFT;
}

/* The segment is undefined for INS, which always has ES. */
uint32_t vmx_string_information(const struct vcpu *v, const struct ir_op *op) {
  (void)v;
  return op->opcode == IR_OUTS ? where(op) : size_code(op->address_size) << ADDRESS_SIZE_SHIFT;
}

static bool has_memory(const struct ir_op *op) {
  return op->operand[0].kind == IR_MEMORY || op->operand[1].kind == IR_MEMORY;
}

uint64_t vmx_displacement(struct vcpu *v, const struct ir_op *op) {
  if (!has_memory(op)) return 0;
  const uint64_t displacement = (uint64_t)op->memory.displacement;
  return op->memory.base == IR_RIP ? vcpu_next_rip(v, op) + displacement : displacement;
}
